// Reading workloads into memory, so that reading is not part of what is measured.
#include "tests/bench/workloads.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "alloc/workload/generator.hpp"
#include "alloc/workload/trace_reader.hpp"

namespace heapscope::bench {
namespace {

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

std::vector<workload::Operation> take_all(const std::string& name, workload::Source& source) {
  std::vector<workload::Operation> operations;
  for (;;) {
    const auto operation = source.next();
    if (!operation) give_up(name + ": line " + std::to_string(source.position()) + " is wrong");
    if (!*operation) return operations;
    operations.push_back(**operation);
  }
}

std::vector<workload::Operation> read_trace(const std::string& name, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up(path + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  workload::TraceReader reader(text);
  return take_all(name, reader);
}

std::vector<workload::Operation> generate(const std::string& name) {
  const workload::GeneratorRecord* record = workload::find_generator(name);
  if (record == nullptr) give_up(name + ": there is no such workload");
  workload::Generator generator(*record, kSeed, kGenerated);
  return take_all(name, generator);
}

}  // namespace

Workload read_workload(std::string_view word) {
  Workload made;
  const std::size_t equals = word.find('=');
  made.name = word.substr(0, equals);
  made.operations = equals == std::string_view::npos
                        ? generate(made.name)
                        : read_trace(made.name, std::string(word.substr(equals + 1)));
  workload::NoTarget target;
  std::vector<workload::Slot> slots(workload::kMaxBlocks);
  workload::Player player(target, slots);
  WorkloadSource source(made);
  if (!player.play(source)) {
    give_up(made.name + ": operation " + std::to_string(source.position()) + " is wrong");
  }
  made.needs = player.figures();
  return made;
}

}  // namespace heapscope::bench
