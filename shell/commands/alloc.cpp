// `alloc`: allocates blocks by hand and names them.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "shell/argument_values.hpp"
#include "shell/block_fields.hpp"
#include "shell/command.hpp"
#include "shell/failures_on_purpose.hpp"

namespace heapscope::shell {
namespace {

int run_alloc(Context& context, const Arguments& arguments);

constexpr std::array kOptions{
    OptionRecord{.letter = 'n', .value_name = "COUNT", .help = "that many blocks, all or none"},
    OptionRecord{.letter = 't',
                 .value_name = "TAG",
                 .help = "a name to list and free them by",
                 .completes = {.kind = Completes::Kind::tag}},
    OptionRecord{.letter = 'f', .value_name = "BYTE", .help = "fill them with this byte"},
};
constexpr std::array<std::string_view, 3> kExamples{"alloc 64", "alloc 100 4096 -t page",
                                                    "alloc 1K -n 8 -f 0xaa"};
constexpr std::array<std::string_view, 3> kRelated{"free", "heapmap", "stats"};
constexpr CommandRecord kRecord{
    .name = "alloc",
    .usage = "alloc SIZE [ALIGN] [-n COUNT] [-t TAG] [-f BYTE]",
    .summary = "allocate blocks",
    .help =
        "Allocates SIZE bytes aligned to ALIGN (16 if not given) and prints the block's "
        "handle, its address, and how many bytes were granted.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_alloc,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "id", .width = 8},
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "align", .width = 8, .right = true},
    Column{.name = "usable", .width = 11, .right = true},
    Column{.name = "tag"},
};

/// How often long work looks for Ctrl-C, in blocks.
constexpr std::uint64_t kBlocksBetweenChecks = 256;

struct Request {
  alloc::Layout layout;
  std::uint64_t count = 1;
  HandleTable::TagId tag = HandleTable::kNoTag;
  std::optional<std::uint8_t> fill;
};

/// Reads the command's words; nothing, with the command's `status`, where they are wrong.
std::optional<Request> read_request(Context& context, const Arguments& arguments, int& status) {
  Request request;
  const auto size = read_number(context, kRecord, arguments[0], "SIZE");
  if (!size) return std::nullopt;
  request.layout.size = *size;
  if (arguments.size() > 1) {
    const auto align = read_number(context, kRecord, arguments[1], "ALIGN");
    if (!align) return std::nullopt;
    request.layout.align = *align;
  }
  if (const auto word = arguments.value_of('n')) {
    const auto count =
        read_number(context, kRecord, *word, "COUNT", 1, std::numeric_limits<HandleId>::max());
    if (!count) return std::nullopt;
    request.count = *count;
  }
  if (const auto word = arguments.value_of('f')) {
    const auto fill = read_number(context, kRecord, *word, "BYTE", 0, 255);
    if (!fill) return std::nullopt;
    request.fill = static_cast<std::uint8_t>(*fill);
  }
  if (const auto word = arguments.value_of('t')) {
    const auto tag = read_tag(context, kRecord, *word, status);
    if (!tag) return std::nullopt;
    request.tag = *tag;
  }
  return request;
}

/// "64 bytes", with the alignment where it is not the usual one.
class Wanted {
 public:
  explicit Wanted(alloc::Layout layout) {
    format(text_, "{} bytes", layout.size);
    if (layout.align != alloc::kDefaultAlign) format(text_, " aligned to {}", layout.align);
  }
  [[nodiscard]] std::string_view view() const { return text_.view(); }

 private:
  FixedText<64> text_;
};

int report_failure(Context& context, const Request& request, alloc::HeapError error) {
  const alloc::Stats stats = context.environment.heap.stats();
  const std::string_view kind = alloc::error_name(error);
  if (request.layout.size == 0) {
    return context.reply.fail(kind, "a block of 0 bytes cannot be allocated");
  }
  if (!request.layout.valid()) {
    return context.reply.fail(kind, "align {} is not a power of two", request.layout.align);
  }
  if (error == alloc::HeapError::unsupported) {
    return context.reply.fail(kind, "{} can never fit in this heap of {}",
                              Wanted(request.layout).view(), stats.heap_bytes);
  }
  if (request.count > 1) {
    return context.reply.fail(kind, "{} blocks of {} bytes do not fit now; none was allocated",
                              request.count, request.layout.size);
  }
  return context.reply.fail(kind, "{} do not fit now: {} free, largest {}",
                            Wanted(request.layout).view(), stats.free_bytes,
                            stats.largest_free_bytes);
}

int report_failure_on_purpose(Context& context, const Request& request) {
  const std::string_view kind = alloc::error_name(alloc::HeapError::exhausted);
  if (request.count > 1) {
    return context.reply.fail(kind,
                              "one of {} blocks of {} bytes was refused on purpose, by fail; none "
                              "was allocated",
                              request.count, request.layout.size);
  }
  return context.reply.fail(kind, "{} were refused on purpose, by fail",
                            Wanted(request.layout).view());
}

/// Gives back the handles from `first` on, as if they had never been.
void undo(Environment& environment, HandleId first) {
  for (HandleId id = environment.handles.next_id(); id-- > first;) {
    const auto handle = environment.handles.find(id);
    if (!handle) continue;
    // The block is ours and untouched, so that the heap takes it back.
    (void)environment.heap.deallocate(handle->address, handle->layout());
    environment.handles.undo_add(id);
  }
}

/// Whether so many blocks cannot lie in what is free, as far as that is plain to
/// see. Asked before the first is allocated: bump does not get back what undo()
/// frees.
bool plainly_too_many(const alloc::Heap& heap, const Request& request) {
  alloc::Layout layout = request.layout;
  const alloc::Stats stats = heap.stats();
  const auto last = heap.owner(stats.end - 1);
  const bool one_run =
      last && last->state == alloc::ExtentState::free && last->size == stats.free_bytes;
  if (!one_run || !layout.valid()) return false;
  const std::size_t padding = (0 - last->start) & (layout.align - 1);
  // Where not even one fits, the heap knows best why.
  if (padding > last->size || layout.size > last->size - padding) return false;
  const std::size_t stride = alloc::align_up(layout.size, layout.align);
  return (last->size - padding - layout.size) / stride + 1 < request.count;
}

/// One block and its handle; an error changes nothing.
Result<void, alloc::HeapError> allocate_one(Environment& environment, const Request& request) {
  const auto address = environment.heap.allocate(request.layout);
  if (!address) return fail(address.error());
  if (request.fill) {
    std::memset(reinterpret_cast<void*>(*address), *request.fill, request.layout.size);
  }
  (void)environment.handles.add(*address, request.layout.size, request.layout.align, request.tag);
  return {};
}

/// Lists the handles from `first` on; false where Ctrl-C ended the list.
bool show(Context& context, HandleId first) {
  HandleTable& handles = context.environment.handles;
  context.reply.begin_list("blocks", kColumns);
  auto handle = handles.find(first);
  for (; handle && !context.interrupted(); handle = handles.after(handle->id)) {
    context.reply.begin_item();
    show_block(context, *handle);
    context.reply.end_item();
  }
  context.reply.end_list();
  return !handle;
}

int run_alloc(Context& context, const Arguments& arguments) {
  int status = kWrongUsage;
  const auto request = read_request(context, arguments, status);
  if (!request) return status;
  Environment& environment = context.environment;
  HandleTable& handles = environment.handles;
  const bool named = request->count <= handles.capacity() - handles.size() &&
                     request->count <= std::numeric_limits<HandleId>::max() - handles.next_id();
  if (request->layout.valid() && !named) {
    return context.reply.fail("no-handles", "{} handles are not left: the heap has {}, {} in use",
                              request->count, handles.capacity(), handles.size());
  }
  if (plainly_too_many(environment.heap, *request)) {
    return report_failure(context, *request, alloc::HeapError::exhausted);
  }
  const FailuresOnPurpose on_purpose(environment.heap);
  const HandleId first = handles.next_id();
  for (std::uint64_t i = 0; i < request->count; ++i) {
    const auto allocated = allocate_one(environment, *request);
    if (!allocated) {
      undo(environment, first);
      return on_purpose.any() ? report_failure_on_purpose(context, *request)
                              : report_failure(context, *request, allocated.error());
    }
    if (i % kBlocksBetweenChecks == 0 && context.interrupted()) {
      undo(environment, first);
      return context.reply.fail("interrupted", "interrupted; none was allocated");
    }
  }
  if (show(context, first)) return kSuccess;
  return context.reply.problem("interrupted", "interrupted: all {} are allocated, not all listed",
                               request->count);
}

}  // namespace
}  // namespace heapscope::shell
