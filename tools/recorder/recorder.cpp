// The allocation recorder: a library for LD_PRELOAD that stands in front of
// glibc's allocator and logs every call of the malloc family, in order, to one
// file for each process. tools/record.py turns such a log into a trace.
//
// The log is a file mapped into memory, so that writing to it needs no buffer, no
// allocation and no flush: it is complete even if the process ends by _exit or by
// a signal. The calls go to glibc's __libc_* names, which exist from the first
// instruction on, so there is nothing to look up with dlsym.

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

/// What happened in one record. kEnd is 0: the file is extended with zeroes, so a
/// zero record is where the log ends.
enum class Event : std::uint64_t { kEnd, kAllocate, kFree, kReallocate };

/// One call. tools/record.py reads this layout, little-endian.
struct Record {
  Event event;
  std::uint64_t alignment;  ///< what was asked for; 0 = malloc's own
  std::uint64_t size;       ///< of the new block
  std::uint64_t address;    ///< of the new block, or of the freed one
  std::uint64_t previous;   ///< reallocation: of the old block
};
static_assert(sizeof(Record) == 40);

/// Records in one mapped window of the file: a multiple of the page size in bytes.
constexpr std::size_t kWindowRecords = std::size_t{1} << 16;
constexpr std::size_t kWindowBytes = kWindowRecords * sizeof(Record);

/// The log of this process.
class Log {
 public:
  void lock() {
    while (lock_.test_and_set(std::memory_order_acquire)) sched_yield();
  }
  void unlock() { lock_.clear(std::memory_order_release); }

  /// Needs the lock. Before the environment is there, and after an error, the
  /// record is dropped; record.py ignores the free of a block it has not seen.
  void add(const Record& record) {
    if (window_ == nullptr || used_ == kWindowRecords) next_window();
    if (window_ == nullptr) return;
    window_[used_++] = record;
  }

  /// In the child of a fork: a file of its own.
  void restart() {
    if (window_ != nullptr) munmap(window_, kWindowBytes);
    if (file_ >= 0) close(file_);
    window_ = nullptr;
    file_ = -1;
    offset_ = 0;
    used_ = 0;
    failed_ = false;
  }

 private:
  void next_window() {
    if (failed_) return;
    if (file_ < 0 && !open_file()) return;
    if (window_ != nullptr) munmap(window_, kWindowBytes);
    window_ = nullptr;
    used_ = 0;
    void* mapped = MAP_FAILED;
    if (ftruncate(file_, static_cast<off_t>(offset_ + kWindowBytes)) == 0) {
      mapped = mmap(nullptr, kWindowBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_,
                    static_cast<off_t>(offset_));
    }
    if (mapped == MAP_FAILED) {
      failed_ = true;
      return;
    }
    window_ = static_cast<Record*>(mapped);
    offset_ += kWindowBytes;
  }

  /// DIRECTORY/PID.N.PROGRAM.log; N rises where the process starts the same again.
  bool open_file() {
    const char* directory = environ == nullptr ? nullptr : std::getenv("HEAPSCOPE_RECORD");
    if (directory == nullptr) return false;
    char program[1024];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char* slash = std::strrchr(program, '/');
    for (int n = 0; n < 100 && file_ < 0; ++n) {
      char path[4096];
      std::snprintf(path, sizeof path, "%s/%d.%d.%s.log", directory, static_cast<int>(getpid()), n,
                    slash == nullptr ? "" : slash + 1);
      file_ = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    failed_ = file_ < 0;
    return !failed_;
  }

  std::atomic_flag lock_;
  int file_ = -1;
  std::size_t offset_ = 0;  ///< of the next window in the file
  Record* window_ = nullptr;
  std::size_t used_ = 0;  ///< records in the window
  bool failed_ = false;
};

constinit Log log;

class Guard {
 public:
  Guard() { log.lock(); }
  ~Guard() { log.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
};

std::uint64_t number(const void* pointer) { return std::bit_cast<std::uint64_t>(pointer); }

void* logged(void* block, std::size_t size, std::size_t alignment = 0) {
  if (block != nullptr) log.add({Event::kAllocate, alignment, size, number(block), 0});
  return block;
}

void* aligned(std::size_t alignment, std::size_t size) {
  const Guard guard;
  return logged(__libc_memalign(alignment, size), size, alignment);
}

// A fork in the middle of a call would leave the child with a lock that nobody
// opens; so the fork waits for the lock, and both sides open theirs.
[[gnu::constructor]] void follow_forks() {
  pthread_atfork([] { log.lock(); }, [] { log.unlock(); },
                 [] {
                   log.restart();
                   log.unlock();
                 });
}

}  // namespace

// Each call holds the lock from before glibc's allocator to after the record: what
// one thread frees, another gets only when the log says so.
extern "C" {

void* malloc(std::size_t size) {
  const Guard guard;
  return logged(__libc_malloc(size), size);
}

void* calloc(std::size_t count, std::size_t size) {
  const Guard guard;
  return logged(__libc_calloc(count, size), count * size);
}

void free(void* block) {
  if (block == nullptr) return;
  const int error = errno;
  const Guard guard;
  log.add({Event::kFree, 0, 0, number(block), 0});
  __libc_free(block);
  errno = error;
}

void* realloc(void* block, std::size_t size) {
  const Guard guard;
  const std::uint64_t previous = number(block);
  void* moved = __libc_realloc(block, size);
  if (previous == 0) return logged(moved, size);
  if (moved != nullptr) {
    log.add({Event::kReallocate, 0, size, number(moved), previous});
  } else if (size == 0) {
    log.add({Event::kFree, 0, 0, previous, 0});
  }
  return moved;
}

void* memalign(std::size_t alignment, std::size_t size) { return aligned(alignment, size); }

void* aligned_alloc(std::size_t alignment, std::size_t size) { return aligned(alignment, size); }

void* valloc(std::size_t size) {
  return aligned(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* block = aligned(alignment, size);
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

}  // extern "C"
