// `blocks`: the pieces of the heap as a list, chosen and sorted.
#include <algorithm>
#include <array>

#include "shell/argument_values.hpp"
#include "shell/heap_walker.hpp"

namespace heapscope::shell {
namespace {

int run_blocks(Context& context, const Arguments& arguments);

constexpr std::array<std::string_view, 4> kKeys{"address", "size", "age", "tag"};
constexpr std::array kOptions{
    OptionRecord{.letter = 'l', .word = "live", .value_name = {}, .help = "live blocks only"},
    OptionRecord{.letter = 'f', .word = "free", .value_name = {}, .help = "free runs only"},
    OptionRecord{.letter = 't',
                 .word = "tag",
                 .value_name = "TAG",
                 .help = "blocks with this tag",
                 .completes = {.kind = Completes::Kind::tag}},
    OptionRecord{.letter = 'm', .word = "min", .value_name = "SIZE", .help = "of so many bytes"},
    OptionRecord{.letter = 's',
                 .word = "sort",
                 .value_name = "KEY",
                 .help = "by address, size, age or tag",
                 .completes = {.kind = Completes::Kind::values, .values = kKeys}},
    OptionRecord{.letter = 'n', .word = "top", .value_name = "COUNT", .help = "the first of them"},
};
constexpr std::array<std::string_view, 4> kExamples{"blocks", "blocks --live --sort size --top 10",
                                                    "blocks --free --min 4K", "blocks --sort age"};
constexpr std::array<std::string_view, 3> kRelated{"who", "bins", "heapmap"};
constexpr CommandRecord kRecord{
    .name = "blocks",
    .usage = "blocks [--live|--free] [--tag TAG] [--min SIZE] [--sort KEY] [--top COUNT]",
    .summary = "list the heap's blocks",
    .help =
        "Live blocks, free runs and the allocator's records by address. By size the largest "
        "come first, by age the oldest that are recorded. sequence is the number of the call "
        "that allocated a block. count and bytes are of all that were chosen, listed or not.",
    .options = kOptions,
    .examples = kExamples,
    .related = kRelated,
    .safe_in_panic = true,
    .run = run_blocks,
};
[[gnu::used, gnu::section("heapscope_commands")]] const CommandRecord* const kRegistered = &kRecord;

constexpr std::array kColumns{
    Column{.name = "address", .width = 10},
    Column{.name = "size", .width = 11, .right = true},
    Column{.name = "state", .width = 8},
    Column{.name = "id", .width = 8},
    Column{.name = "sequence", .width = 10, .right = true},
    Column{.name = "tag"},
};

enum class Key : std::uint8_t { address, size, age, tag };

struct Request {
  bool live = false;
  bool free = false;
  std::optional<std::string_view> tag;
  std::uint64_t min = 0;
  Key key = Key::address;
  std::uint64_t top = UINT64_MAX;

  [[nodiscard]] bool wants(const alloc::Extent& extent) const {
    if (extent.size < min) return false;
    if (live || tag) return extent.state == alloc::ExtentState::live;
    return !free || extent.state == alloc::ExtentState::free;
  }
};

struct Item {
  alloc::Extent extent;
  std::optional<Handle> handle;
  std::uint64_t sequence = 0;  ///< 0: not recorded.
};

/// However large the heap, so many are sorted at a time.
constexpr std::size_t kMostSorted = 256;
using Items = StaticVector<Item, kMostSorted>;
/// Too much for the stack; made when it is first needed, so that no image holds it.
constinit std::optional<Items> the_items;

struct Totals {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

std::optional<Request> read_request(Context& context, const Arguments& arguments) {
  Request request{
      .live = arguments.has('l'), .free = arguments.has('f'), .tag = arguments.value_of('t')};
  if (request.free && (request.live || request.tag)) {
    (void)context.reply.refuse(kRecord.usage, "--free does not go with --live or --tag");
    return std::nullopt;
  }
  if (const auto word = arguments.value_of('m')) {
    const auto min = read_number(context, kRecord, *word, "SIZE");
    if (!min) return std::nullopt;
    request.min = *min;
  }
  const std::string_view key = arguments.value_of('s').value_or(kKeys[0]);
  const auto* const found = std::ranges::find(kKeys, key);
  if (found == kKeys.end()) {
    (void)context.reply.refuse(kRecord.usage, "KEY must be address, size, age or tag, not '{}'",
                               key);
    return std::nullopt;
  }
  request.key = static_cast<Key>(found - kKeys.begin());
  if (const auto word = arguments.value_of('n')) {
    const auto top = read_number(context, kRecord, *word, "COUNT", 1);
    if (!top) return std::nullopt;
    request.top = *top;
  }
  return request;
}

Item item_of(Context& context, const alloc::Extent& extent) {
  Item item{.extent = extent, .handle = std::nullopt};
  if (extent.state != alloc::ExtentState::live) return item;
  item.handle = context.environment.handles.find_address(extent.start);
  const auto origin = context.environment.heap.with_instruments(
      [&](const alloc::Instruments& all) { return all.origins().find(extent.start); });
  if (origin) item.sequence = origin->sequence;
  return item;
}

bool comes_before(const Item& a, const Item& b, Key key) {
  const auto tag = [](const Item& item) { return item.handle ? item.handle->tag : ""; };
  if (key == Key::size && a.extent.size != b.extent.size) return a.extent.size > b.extent.size;
  // What has no tag or no age comes last.
  if (key == Key::age && a.sequence != b.sequence) return a.sequence - 1 < b.sequence - 1;
  if (key == Key::tag && tag(a) != tag(b)) {
    return tag(b).empty() || (!tag(a).empty() && tag(a) < tag(b));
  }
  return a.extent.start < b.extent.start;
}

/// Keeps the first `most` items in their order.
void keep_sorted(Items& sorted, const Item& item, Key key, std::size_t most) {
  if (sorted.size() == most) {
    if (!comes_before(item, sorted[most - 1], key)) return;
    sorted.erase(most - 1);
  }
  std::size_t place = sorted.size();
  while (place > 0 && comes_before(item, sorted[place - 1], key)) --place;
  (void)sorted.insert(place, item);
}

/// Gives `take` each item that is asked for, in the order of addresses.
template <class Take>
Totals for_each_item(Context& context, HeapWalker& walker, const Request& request, Take take) {
  Totals totals;
  while (const auto extent = walker.next()) {
    if (!request.wants(*extent)) continue;
    const Item item = item_of(context, *extent);
    if (request.tag && (!item.handle || item.handle->tag != *request.tag)) continue;
    ++totals.count;
    totals.bytes += extent->size;
    take(item, totals);
  }
  return totals;
}

void show(Context& context, const Item& item) {
  Reply& reply = context.reply;
  reply.begin_item();
  reply.field("address", Value::address(item.extent.start));
  reply.field("size", Value::bytes(item.extent.size));
  reply.field("state", Value::text(alloc::state_name(item.extent.state)));
  const HandleName name(item.handle ? item.handle->id : 0);
  reply.field("id", item.handle ? Value::text(name.view()) : Value::none());
  reply.field("sequence", item.sequence == 0 ? Value::none() : Value::count(item.sequence));
  const bool tagged = item.handle && !item.handle->tag.empty();
  reply.field("tag", tagged ? Value::text(item.handle->tag) : Value::none());
  reply.end_item();
}

Totals list_by_address(Context& context, HeapWalker& walker, const Request& request) {
  return for_each_item(context, walker, request, [&](const Item& item, const Totals& totals) {
    if (totals.count <= request.top) show(context, item);
  });
}

/// Goes over the heap once for each batch of items, which begins behind the one before.
Totals list_sorted(Context& context, HeapWalker& walker, const Request& request) {
  Totals all;
  Items& batch = the_items.emplace();
  std::optional<Item> last;
  std::uint64_t left = request.top;
  while (left > 0) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, kMostSorted));
    batch.clear();
    const Totals totals =
        for_each_item(context, walker, request, [&](const Item& item, const Totals&) {
          if (!last || comes_before(*last, item, request.key)) {
            keep_sorted(batch, item, request.key, most);
          }
        });
    // What is allocated from now on could go on for ever.
    if (!last) {
      all = totals;
      left = std::min(left, totals.count);
    }
    // Of an unfinished pass, nobody knows what would have come first.
    if (walker.stopped()) break;
    for (const Item& item : batch) show(context, item);
    if (batch.size() < kMostSorted) break;
    last = batch.back();
    left -= batch.size();
    walker.restart();
  }
  return all;
}

int run_blocks(Context& context, const Arguments& arguments) {
  const auto request = read_request(context, arguments);
  if (!request) return kWrongUsage;
  Reply& reply = context.reply;
  HeapWalker walker(context, context.environment.setup.plan().heap);
  reply.begin_list("blocks", kColumns);
  const Totals totals = request->key == Key::address ? list_by_address(context, walker, *request)
                                                     : list_sorted(context, walker, *request);
  reply.end_list();
  reply.field("count", Value::count(totals.count));
  reply.field("bytes", Value::bytes(totals.bytes));
  if (walker.changed()) reply.field("changed_meanwhile", Value::boolean(true));
  if (!walker.stopped()) return kSuccess;
  return reply.problem("interrupted", "interrupted: not all of the heap was looked at");
}

}  // namespace
}  // namespace heapscope::shell
