// The threads of the process, and the phases of a step.
//
// All threads of a step run the same sequence of phases; a phase is a number of chunks. It ends when all its chunks are
// committed, not when all threads have arrived: a thread that the scheduler has taken off its processor between two
// chunks delays nobody, and passes over the phases that ended meanwhile when it comes back. A thread that was taken off
// within a chunk is helped: the others compute its chunk again, and the first to finish commits it.
//
// Phases have numbers that only grow, and every counter contains the number of its phase. So counters are never reset,
// and a thread that is late can neither claim nor commit anything in a later phase. What a late thread reads stays
// valid: a plan is not changed or reused while a thread has it (Pool::Step), and memory that a plan refers to is freed
// after Pool::wait_for_late. A late thread may read numbers that others are changing; they are never indices, and what
// it computes from them is dropped.
#pragma once
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include <atomic>

#ifdef __SANITIZE_THREAD__
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
#endif

namespace tidemark {

// Reads of a thread that may be late: others may be changing the numbers, and what it computes from them is dropped.
// ThreadSanitizer does not report these reads as races; writes are checked.
class LateReads {
 public:
#ifdef __SANITIZE_THREAD__
  explicit LateReads(bool late) : late_(late) {
    if (late_) AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~LateReads() {
    if (late_) AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }

 private:
  bool late_;
#else
  explicit LateReads(bool) {}
#endif
};

constexpr int MAX_THREADS = 64;
constexpr int MAX_CHUNKS = 1024;

inline uint64_t ticks() { return __rdtsc(); }

class Mutex {
 public:
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class Lock {
 public:
  explicit Lock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() { mutex_.unlock(); }
  Lock(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// The progress of a phase.
struct Phase {
  alignas(64) std::atomic<uint64_t> next{0};                  // phase << 16 | chunks claimed
  alignas(64) std::atomic<uint64_t> done{0};                  // phase << 16 | chunks committed
  alignas(64) std::atomic<uint64_t> committed[MAX_CHUNKS]{};  // the last phase in which the chunk was committed
};

// What the threads of one step share. It lives as long as the process: its threads may be late when main returns.
class Pool {
 public:
  using Body = void (*)(const void* plan, int thread, class Team& team);

  // Runs body(plan, thread, team) on `threads` threads, of which the calling one is thread 0, and returns when that one
  // has finished. One step runs at a time; others wait. `size` bytes of the plan are copied.
  // Returns false if the threads can't be started.
  bool run(Body body, const void* plan, size_t size, int threads);

  // Returns when no thread is in a step that has ended. Memory that those steps used can be freed then.
  void wait_for_late();

 private:
  friend class Team;
  static constexpr int PHASES = 16;  // a thread is in one of the last two phases, or late
  static constexpr uint64_t NO_STEP = 0xFF;

  // A step's plan. It is not changed while `users` is above 0.
  struct Step {
    std::atomic<int> users{0};
    std::atomic<uint64_t> number{0};
    Body body = nullptr;
    uint64_t first_phase = 0;
    int threads = 0;
    void* plan = nullptr;
    size_t capacity = 0;
  };

  // number << 8 | index of the step, or NO_STEP between two steps
  alignas(64) std::atomic<uint64_t> current_{NO_STEP};
  alignas(64) std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  Phase phases_[PHASES];
  Step steps_[MAX_THREADS + 1];
  pthread_t workers_[MAX_THREADS] = {};
  int threads_ = 1;
  uint64_t next_phase_ = 1;
  uint64_t spin_ticks_ = 0, help_ticks_ = 0, yield_ticks_ = 0;
  Mutex running_;

  struct Start {
    Pool* pool;
    int thread;
  };
  Start starts_[MAX_THREADS] = {};

  bool resize(int threads);
  void stop();
  void calibrate();
  void wake();
  void work(int thread);
  Step* free_step(uint64_t* index);
  static void* start(void* start);
};

// One thread's view of a step. Without a pool the thread is alone.
class Team {
 public:
  Team() = default;
  Team(Pool* pool, uint64_t step, uint64_t first_phase, int threads)
      : pool_(pool), step_(step), phase_(first_phase), threads_(threads) {}

  int threads() const { return threads_; }
  uint64_t next_phase() const { return phase_; }

  // Runs the chunks of the next phase until all n have run once. A chunk may write to shared memory; nobody helps a
  // thread that has lost its processor. Returns false if the step is over.
  template <class Run>
  bool phase(int n, Run run) {
    return phase(n, false, [](int) {}, run);
  }

  // Runs the chunks of the next phase until all n are committed. compute(c) writes to memory of this thread only, and
  // commit(c) to shared memory. With `help`, compute may run twice for a chunk. Returns false if the step is over.
  template <class Compute, class Commit>
  bool phase(int n, bool help, Compute compute, Commit commit) {
    if (!pool_) {
      for (int c = 0; c < n; c++) compute(c), commit(c);
      return true;
    }
    if (n == 0) return true;
    uint64_t number = phase_++;
    Phase& p = pool_->phases_[number % Pool::PHASES];
    uint64_t shortest = UINT64_MAX;  // the others may include time off the processor
    for (;;) {
      int c = claim(p, number, n);
      if (c < 0) break;
      uint64_t start = ticks();
      {
        LateReads reads(help);
        compute(c);
      }
      finish(p, number, c, help, commit);
      uint64_t took = ticks() - start;
      if (took < shortest) shortest = took;
    }
    uint64_t start = 0, patience = pool_->help_ticks_ + (shortest == UINT64_MAX ? 0 : 3 * shortest);
    for (int i = 1; !complete(p, number, n); i++) {
      _mm_pause();
      if (i & 15) continue;
      uint64_t now = ticks();
      if (!start) start = now;
      if (now - start > pool_->yield_ticks_) sched_yield();
      if (!help || now - start < patience) continue;
      for (int c = n - 1; c >= 0 && !complete(p, number, n); c--) {
        if (p.committed[c].load(std::memory_order_acquire) >= number) continue;
        {
          LateReads reads(true);
          compute(c);
        }
        finish(p, number, c, true, commit);
      }
      start = ticks();
    }
    return is_current();
  }

 private:
  Pool* pool_ = nullptr;
  uint64_t step_ = 0, phase_ = 0;
  int threads_ = 1;

  static constexpr uint64_t COUNT = 0xFFFF;

  bool is_current() const { return pool_->current_.load(std::memory_order_acquire) == step_; }

  // A chunk, or -1 if none is left or the phase is over.
  static int claim(Phase& p, uint64_t number, int n) {
    uint64_t v = p.next.load(std::memory_order_acquire);
    for (;;) {
      uint64_t of = v >> 16, c = of < number ? 0 : v & COUNT;
      if (of > number || c >= static_cast<uint64_t>(n)) return -1;
      if (p.next.compare_exchange_weak(v, number << 16 | (c + 1), std::memory_order_acq_rel))
        return static_cast<int>(c);
    }
  }
  static bool complete(const Phase& p, uint64_t number, int n) {
    return p.done.load(std::memory_order_acquire) >= (number << 16 | static_cast<uint64_t>(n));
  }
  template <class Commit>
  static void finish(Phase& p, uint64_t number, int c, bool help, Commit commit) {
    if (help) {
      uint64_t v = p.committed[c].load(std::memory_order_acquire);
      if (v >= number || !p.committed[c].compare_exchange_strong(v, number, std::memory_order_acq_rel)) return;
    }
    commit(c);
    uint64_t v = p.done.load(std::memory_order_relaxed), next;
    do next = (v >> 16) < number ? (number << 16 | 1) : v + 1;
    while (!p.done.compare_exchange_weak(v, next, std::memory_order_acq_rel));
  }
};

}  // namespace tidemark
