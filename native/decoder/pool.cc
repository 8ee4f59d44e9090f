#include "pool.h"

#include <linux/futex.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace tidemark {

namespace {

constexpr double SPIN_MICROSECONDS = 500;   // of a thread without a step before it sleeps
constexpr double HELP_MICROSECONDS = 30;    // of a waiting thread before it computes chunks of others
constexpr double YIELD_MICROSECONDS = 100;  // of a waiting thread before it offers its processor

double microseconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

// A futex is 32 bits: the low half of the counter, which changes with each step.
void futex(std::atomic<uint64_t>& counter, int operation, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&counter), operation, value, nullptr, nullptr, 0);
}

}  // namespace

void Pool::calibrate() {
  double start = microseconds();
  uint64_t first = ticks();
  while (microseconds() - start < 2000) {
  }
  double per_microsecond = static_cast<double>(ticks() - first) / (microseconds() - start);
  spin_ticks_ = static_cast<uint64_t>(SPIN_MICROSECONDS * per_microsecond);
  help_ticks_ = static_cast<uint64_t>(HELP_MICROSECONDS * per_microsecond);
  yield_ticks_ = static_cast<uint64_t>(YIELD_MICROSECONDS * per_microsecond);
}

bool Pool::resize(int threads) {
  if (threads == threads_) return true;
  if (!spin_ticks_) calibrate();
  stop();
  for (int t = 1; t < threads; t++) {
    starts_[t] = {this, t};
    if (pthread_create(&workers_[t], nullptr, start, &starts_[t])) {
      stop();
      return false;
    }
    threads_ = t + 1;
  }
  return true;
}

// Ends the workers, of which some may still be in a step that is over.
void Pool::stop() {
  stop_.store(true);
  current_.fetch_add(1 << 8);
  futex(current_, FUTEX_WAKE_PRIVATE, INT_MAX);
  for (int t = 1; t < threads_; t++) pthread_join(workers_[t], nullptr);
  stop_.store(false);
  threads_ = 1;
}

void Pool::wake() {
  if (parked_.load() > 0) futex(current_, FUTEX_WAKE_PRIVATE, INT_MAX);
}

// There are more steps than threads, and a thread is in one step at most.
Pool::Step* Pool::free_step(uint64_t* index) {
  for (uint64_t i = 0;; i = (i + 1) % (MAX_THREADS + 1))
    if (steps_[i].users.load() == 0) return *index = i, &steps_[i];
}

bool Pool::run(Body body, const void* plan, size_t size, int threads) {
  Lock lock(running_);
  if (!resize(threads)) return false;
  // no thread can enter a step now: current_ names none
  uint64_t index;
  Step* step = free_step(&index);
  if (step->capacity < size) {
    free(step->plan);
    step->plan = malloc(size);
    step->capacity = step->plan ? size : 0;
    if (!step->plan) return false;
  }
  memcpy(step->plan, plan, size);
  uint64_t number = (current_.load() >> 8) + 1;
  step->body = body;
  step->first_phase = next_phase_;
  step->threads = threads;
  step->number.store(number);
  uint64_t name = number << 8 | index;
  current_.store(name);
  wake();
  Team team(this, name, next_phase_, threads);
  body(step->plan, 0, team);
  next_phase_ = team.next_phase();
  current_.store((number + 1) << 8 | NO_STEP);
  return true;
}

void Pool::wait_for_late() {
  uint64_t name = current_.load(), ended = (name >> 8) + ((name & 0xFF) == NO_STEP);  // all steps before it have ended
  for (Step& step : steps_)
    while (step.users.load() > 0 && step.number.load() < ended) sched_yield();
}

void* Pool::start(void* start) {
  Start* s = static_cast<Start*>(start);
  pthread_setname_np(pthread_self(), "tidemark-step");
  s->pool->work(s->thread);
  return nullptr;
}

void Pool::work(int thread) {
  uint64_t seen = 0;
  while (!stop_.load()) {
    uint64_t begin = ticks(), name;
    while ((name = current_.load()) == seen || (name & 0xFF) == NO_STEP) {
      if (stop_.load()) return;
      _mm_pause();
      if (ticks() - begin <= spin_ticks_) continue;
      parked_.fetch_add(1);
      if (current_.load() == name && !stop_.load()) futex(current_, FUTEX_WAIT_PRIVATE, static_cast<uint32_t>(name));
      parked_.fetch_sub(1);
      begin = ticks();
    }
    seen = name;
    Step& step = steps_[name & 0xFF];
    step.users.fetch_add(1);
    // else the step has ended, and its plan may be changing
    if (current_.load() == name) {
      Team team(this, name, step.first_phase, step.threads);
      step.body(step.plan, thread, team);
    }
    step.users.fetch_sub(1);
  }
}

}  // namespace tidemark
