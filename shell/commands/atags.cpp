// `atags`: what the firmware told the kernel, tag by tag.
#include <array>

#include "atags/tag_list.hpp"
#include "shell/command.hpp"

namespace heapscope::shell {
namespace {

int run_atags(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'x', .value_name = {}, .help = "show the raw words as well"},
};
constexpr std::array<std::string_view, 2> kExamples{"atags", "atags -x"};
constexpr std::array<std::string_view, 2> kRelated{"memmap", "board"};
constexpr CommandRecord kRecord{
    .name = "atags",
    .usage = "atags [-x]",
    .summary = "show the boot tags",
    .help =
        "Shows where the memory map came from, every boot tag with its fields, what was wrong "
        "with the sources that were not used, and the memory that was reported.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_atags,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kMemoryColumns{
    Column{.name = "start", .width = 10},
    Column{.name = "end", .width = 10},
};

/// Adds the fields of each kind of tag to the item that has begun.
class TagFields {
 public:
  explicit TagFields(Reply& reply) : reply_(reply) {}

  void operator()(const atags::None&) {}
  void operator()(const atags::Core& core) {
    if (!core.present) return;
    address("flags", core.flags);
    bytes("page_size", core.page_size);
    address("root_dev", core.root_dev);
  }
  void operator()(const atags::Mem& mem) {
    bytes("size", mem.size);
    address("start", mem.start);
  }
  void operator()(const atags::VideoText& video) {
    count("x", video.x);
    count("y", video.y);
    count("page", video.page);
    count("mode", video.mode);
    count("columns", video.columns);
    count("ega_bx", video.ega_bx);
    count("lines", video.lines);
    count("is_vga", video.is_vga);
    count("points", video.points);
  }
  void operator()(const atags::Ramdisk& ramdisk) {
    address("flags", ramdisk.flags);
    count("size_kib", ramdisk.size_kib);
    count("start", ramdisk.start);
  }
  void operator()(const atags::Initrd2& initrd) {
    address("start", initrd.start);
    bytes("size", initrd.size);
  }
  void operator()(const atags::Serial& serial) {
    address("serial", std::uint64_t{serial.high} << 32 | serial.low);
  }
  void operator()(const atags::Revision& revision) { address("revision", revision.revision); }
  void operator()(const atags::VideoLfb& video) {
    count("width", video.width);
    count("height", video.height);
    count("depth", video.depth);
    bytes("line_length", video.line_length);
    address("base", video.base);
    bytes("size", video.size);
    count("red_size", video.red_size);
    count("red_pos", video.red_pos);
    count("green_size", video.green_size);
    count("green_pos", video.green_pos);
    count("blue_size", video.blue_size);
    count("blue_pos", video.blue_pos);
    count("reserved_size", video.reserved_size);
    count("reserved_pos", video.reserved_pos);
  }
  void operator()(const atags::CmdLine& line) { reply_.field("text", Value::text(line.text)); }
  void operator()(const atags::Unknown&) {}

 private:
  void count(std::string_view name, std::uint64_t value) {
    reply_.field(name, Value::count(value));
  }
  void bytes(std::string_view name, std::uint64_t value) {
    reply_.field(name, Value::bytes(value));
  }
  void address(std::string_view name, std::uint64_t value) {
    reply_.field(name, Value::address(value));
  }

  Reply& reply_;
};

/// Calls `visit` with the one value that a tag holds. std::visit would do, but
/// brings in the machinery of exceptions.
template <class... Ts>
void visit_value(const std::variant<Ts...>& value, TagFields& visit) {
  const auto visit_if = [&]<class T>(const T* held) {
    if (held != nullptr) visit(*held);
  };
  (visit_if(std::get_if<Ts>(&value)), ...);
}

void show_tag(Reply& reply, const atags::Tag& tag, bool raw) {
  reply.begin_item();
  reply.field("tag", Value::text(atags::tag_name(tag.id)));
  reply.field("id", Value::address(tag.id));
  reply.field("words", Value::count(tag.words));
  TagFields fields(reply);
  visit_value(tag.value, fields);
  if (raw) reply.field("raw", Value::words(tag.raw));
  reply.end_item();
}

void show_tags(Reply& reply, const atags::BootInfo& boot, bool raw) {
  reply.begin_list("tags", {});
  if (const auto list = atags::TagList::open(boot.tags)) {
    for (const atags::Tag& tag : *list) show_tag(reply, tag, raw);
  }
  reply.end_list();
}

void show_rejected(Reply& reply, const atags::BootInfo& boot) {
  if (boot.rejected.empty()) return;
  reply.begin_list("rejected", {});
  for (const atags::Rejection& rejection : boot.rejected) {
    reply.begin_item();
    reply.field("source", Value::text(atags::boot_source_name(rejection.source)));
    reply.field("address", Value::address(rejection.address));
    reply.field("reason", Value::text(rejection.reason));
    reply.end_item();
  }
  reply.end_list();
}

void show_malformed(Reply& reply, const atags::BootInfo& boot) {
  if (!boot.malformed) return;
  reply.begin_list("malformed", {});
  reply.begin_item();
  reply.field("what", Value::text(boot.malformed->describe()));
  reply.field("address", Value::address(boot.address + boot.malformed->offset_words * 4));
  reply.field("id", Value::address(boot.malformed->id));
  reply.field("words", Value::count(boot.malformed->words));
  reply.end_item();
  reply.end_list();
}

int run_atags(Context& context, const Arguments& arguments) {
  const atags::BootInfo& boot = context.environment.boot;
  Reply& reply = context.reply;
  reply.field("source", Value::text(atags::boot_source_name(boot.source)));
  reply.field("address", Value::address(boot.address));
  show_tags(reply, boot, arguments.has('x'));
  show_malformed(reply, boot);
  show_rejected(reply, boot);
  if (!boot.command_line.empty()) reply.field("command_line", Value::text(boot.command_line));
  reply.begin_list("memory", kMemoryColumns);
  for (const Range& bank : context.environment.memory.banks) {
    reply.begin_item();
    reply.field("start", Value::address(bank.start));
    reply.field("end", Value::address(bank.end));
    reply.end_item();
  }
  reply.end_list();
  return kSuccess;
}

}  // namespace
}  // namespace heapscope::shell
