// Playing by and by. Only the core that works writes; what others may ask for is atomic.
#include "kernel/background_workload.hpp"

#include <algorithm>

namespace heapscope::kernel {
namespace {

std::uint64_t read(const std::atomic<std::uint64_t>& figure) {
  return figure.load(std::memory_order_relaxed);
}
void write(std::atomic<std::uint64_t>& figure, std::uint64_t value) {
  figure.store(value, std::memory_order_relaxed);
}

}  // namespace

void BackgroundWorkload::begin(alloc::Heap& heap, const BackgroundPlan& plan) {
  plan_ = plan;
  target_.emplace(heap);
  error_.reset();
  done_ = failures_before_ = damaged_before_ = 0;
  write(rounds_, 0);
  begin_round();
}

void BackgroundWorkload::begin_round() {
  if (plan_.generator != nullptr) {
    generator_.emplace(*plan_.generator, plan_.seed, UINT64_MAX);
  } else {
    reader_.emplace(plan_.trace);
  }
  player_.emplace(*target_, plan_.slots, workload::PlayOptions{.verify = plan_.verify});
  begun_ = done_;
  publish(player_->figures());
}

workload::Source& BackgroundWorkload::source() {
  if (plan_.generator != nullptr) return *generator_;
  return *reader_;
}

bool BackgroundWorkload::work(std::uint64_t most) {
  left_ = std::min(most, plan_.limit - done_);
  while (left_ > 0) {
    const auto played = player_->play(source(), this);
    if (!played) {
      error_ = played.error();
      return false;
    }
    if (!*played) break;
    release();
    write(rounds_, read(rounds_) + 1);
    // What has no operations has no end either.
    if (done_ == begun_) return false;
    failures_before_ = read(failures_);
    damaged_before_ = read(damaged_);
    begin_round();
  }
  return done_ < plan_.limit;
}

bool BackgroundWorkload::played(const workload::Operation&, const workload::Figures& figures) {
  ++done_;
  publish(figures);
  return --left_ > 0;
}

void BackgroundWorkload::publish(const workload::Figures& figures) {
  write(operations_, done_);
  write(live_blocks_, figures.live_blocks);
  write(live_bytes_, figures.live_bytes);
  write(failures_, failures_before_ + figures.failures);
  write(damaged_, damaged_before_ + figures.damaged);
}

void BackgroundWorkload::release() {
  if (!player_) return;
  player_->free_all();
  publish(player_->figures());
}

void BackgroundWorkload::release_after_fault() {
  if (!player_) return;
  const auto used = static_cast<std::size_t>(player_->figures().slots);
  for (workload::Slot& slot : plan_.slots.first(used)) {
    const bool live = slot.state == workload::Slot::State::live;
    slot.state = workload::Slot::State::dead;
    if (!live || target_->deallocate(slot.address, slot.layout())) continue;
    write(damaged_, read(damaged_) + 1);
  }
  player_.reset();
  write(live_blocks_, 0);
  write(live_bytes_, 0);
}

BackgroundCounts BackgroundWorkload::counts() const {
  return {.operations = read(operations_),
          .rounds = read(rounds_),
          .live_blocks = read(live_blocks_),
          .live_bytes = read(live_bytes_),
          .failures = read(failures_),
          .damaged = read(damaged_)};
}

}  // namespace heapscope::kernel
