// Putting the shell together, and reading what it says.
#include "shell_rig.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "tests/unit/atags/tag_words.hpp"

namespace heapscope::shell::test {
namespace {

constexpr std::uint64_t kPeripherals = 0x3f00'0000;
constexpr std::uint64_t kFirstPlace = 0x0020'0000;
constexpr std::uint64_t kNextPlace = 0x0100'0000;

std::uint64_t whole_pages(std::uint64_t size) { return (size + 4095) / 4096 * 4096; }

void* map_at(std::uint64_t address, std::uint64_t size) {
  return mmap(reinterpret_cast<void*>(address), size, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

/// What of the bytes lies between multiples of 64.
Range aligned_range(std::span<std::byte> bytes) {
  const auto start = (reinterpret_cast<std::uintptr_t>(bytes.data()) + 63) & ~std::uintptr_t{63};
  return {.start = start, .end = start + bytes.size() / 64 * 64 - 64};
}

std::vector<std::uint32_t> usual_tags(std::uint64_t memory_end, std::string_view command_line) {
  const std::vector<std::uint32_t> memory =
      atags::test::mem(static_cast<std::uint32_t>(memory_end), 0);
  const std::vector<std::uint32_t> line =
      command_line.empty() ? std::vector<std::uint32_t>{} : atags::test::cmd_line(command_line);
  return atags::test::join({atags::test::core(), memory, line, atags::test::none()});
}

atags::BootInfo read_boot(std::span<const std::uint32_t> tags) {
  const auto info = atags::discover(
      {.at_x0 = {}, .x0 = 0, .at_0x100 = std::as_bytes(tags), .mailbox_memory = std::nullopt});
  if (!info) throw std::runtime_error("the rig's boot tags are wrong");
  return *info;
}

/// The memory that the rig has is free; all below it is in use, as if by the
/// kernel, and there is none above.
atags::MemoryMap make_map(const atags::BootInfo& boot, Range memory) {
  const std::vector<Range> in_use{{.start = 0, .end = memory.start},
                                  {.start = memory.end, .end = kPeripherals}};
  return atags::make_memory_map(boot.banks, kPeripherals, in_use);
}

}  // namespace

LowMemory::LowMemory(std::uint64_t size) {
  const std::uint64_t mapped = whole_pages(size);
  for (std::uint64_t at = kFirstPlace; at < 0x4000'0000; at += kNextPlace) {
    if (map_at(at, mapped) == MAP_FAILED) continue;
    // The end is where the mapping ends, so that writing behind it is a fault.
    range_ = {.start = at + mapped - size, .end = at + mapped};
    return;
  }
  throw std::runtime_error("no low memory for the rig");
}

LowMemory::~LowMemory() {
  const std::uint64_t start = range_.start / 4096 * 4096;
  munmap(reinterpret_cast<void*>(start), range_.end - start);
}

JsonReply read_reply(std::string_view line) {
  const Json reply = Json::parse(line);
  if (reply["schema"].number() != 1) throw JsonError("not schema 1");
  JsonReply read{.command = reply["command"].text(),
                 .status = reply["status"].number(),
                 .result = {},
                 .error = {}};
  const std::string last = read.status == 0 ? "result" : "error";
  if (reply.names() != std::vector<std::string>{"schema", "command", "status", last}) {
    throw JsonError("other members than schema, command, status and " + last);
  }
  (void)reply[last].names();  // It is an object.
  if (read.status == 0) {
    read.result = reply["result"];
    return read;
  }
  read.error = reply["error"];
  if (read.kind().empty() || read.message().empty()) throw JsonError("an error without words");
  return read;
}

std::string hex(std::uint64_t address) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), address, 16);
  return "0x" + std::string(digits.data(), end.ptr);
}

std::string hex8(std::uint64_t address) {
  const std::string digits = hex(address).substr(2);
  return "0x" + std::string(8 - std::min<std::size_t>(8, digits.size()), '0') + digits;
}

std::string with_plain_newlines(std::string_view text) {
  std::string converted;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') throw std::runtime_error("a bare LF in: " + std::string(text));
    if (text[i] != '\r') {
      converted += text[i];
      continue;
    }
    if (++i == text.size() || text[i] != '\n') {
      throw std::runtime_error("a bare CR in: " + std::string(text));
    }
    converted += '\n';
  }
  return converted;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      throw std::runtime_error("a line without an end: " + std::string(text));
    }
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

ShellRig::ShellRig(const RigOptions& options)
    : memory_(options.memory_bytes),
      tags_(options.tags.empty() ? usual_tags(memory_.range().end, options.command_line)
                                 : options.tags),
      boot(read_boot(tags_)),
      map(make_map(boot, memory_.range())),
      records(options.record_bytes + 64),
      setup(heap, handles, memory_.range(), aligned_range(records)),
      regions_{{.name = "spin table and boot tags", .range = {.start = 0, .end = 0x1000}},
               {.name = "kernel", .range = {.start = 0x8'0000, .end = 0x12'3000}}},
      environment_{.heap = heap,
                   .trial_heap = trial_heap,
                   .handles = handles,
                   .history = history,
                   .setup = setup,
                   .platform = platform,
                   .variables = variables,
                   .typed_script = typed_script,
                   .boot = boot,
                   .memory = map,
                   .regions = regions_},
      shell(environment_, console, options.mode, options.purpose) {
  if (!setup.start(options.allocator, options.heap_bytes)) {
    throw std::runtime_error("the rig's heap did not start");
  }
  shell.prompt();
  (void)console.take_output();
}

std::string ShellRig::type(std::string_view bytes) {
  console.send(bytes);
  do {
    shell.poll();
  } while (console.pending());
  return console.take_output();
}

std::string ShellRig::ctrl_c() {
  console.press_ctrl_c();
  return type({});
}

std::string ShellRig::plain(std::string_view line) {
  const std::string output = with_plain_newlines(type(std::string(line) + "\r"));
  const std::string echo = std::string(line) + "\n";
  const std::string prompt = "heapscope> ";
  if (!output.starts_with(echo) || !("\n" + output).ends_with("\n" + prompt)) {
    throw std::runtime_error("no echo, or no prompt on a line of its own: " + output);
  }
  return output.substr(echo.size(), output.size() - echo.size() - prompt.size());
}

std::vector<JsonReply> ShellRig::json_lines(std::string_view line) {
  std::vector<JsonReply> replies;
  for (const std::string& reply :
       split_lines(with_plain_newlines(type(std::string(line) + "\r")))) {
    replies.push_back(read_reply(reply));
  }
  return replies;
}

JsonReply ShellRig::json(std::string_view line) {
  const auto replies = json_lines(line);
  if (replies.size() != 1) throw JsonError(std::to_string(replies.size()) + " replies, not one");
  return replies.front();
}

std::string ShellRig::status() {
  if (shell.mode() == Mode::json) return json("echo $?").result["text"].text();
  const std::string shown = plain("echo $?");
  return shown.substr(0, shown.find('\n'));
}

int ShellRig::run(std::string_view line) {
  const int status = shell.run_line(line);
  (void)console.take_output();
  return status;
}

void ShellRig::set_mode(Mode mode) { (void)type("mode " + std::string(mode_name(mode)) + "\r"); }

}  // namespace heapscope::shell::test
