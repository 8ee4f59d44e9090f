// Tests of the C border of the decoder (../decoder.h).
//   decoder_test [--seed N] [--plant FAULT] [--long] [--only WORD]
//   --plant  plants a fault in the reference; the tests of the reference must then fail
//   --long   a million steps in the test of memory, and more steps under load
// With a sanitizer only the fastest family of the machine runs; with --long and that of addresses all do.
//   --only   runs the tests whose name has the word
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "fuzz.h"
#include "reference.h"
#include "traffic.h"

// Programs with sanitizers are some ten times slower.
#if defined(__SANITIZE_THREAD__)
constexpr bool SANITIZED = true, THREADS_ONLY = true;
#elif defined(__SANITIZE_ADDRESS__)
constexpr bool SANITIZED = true, THREADS_ONLY = false;
#else
constexpr bool SANITIZED = false, THREADS_ONLY = false;
#endif

static const char* const FAMILIES[] = {"avx2", "vnni", "vnni-bf16", "amx"};
static uint64_t seed = 1;
static Fault planted = Fault::NONE;
static bool long_run = false;
static std::string only;
static int passed, failed;

// Runs a test, which returns what it did.
static void test(const std::string& name, const std::function<std::string()>& body) {
  if (name.find(only) == std::string::npos) return;
  auto start = std::chrono::steady_clock::now();
  std::string result, detail;
  try {
    detail = body();
    result = "ok", passed++;
  } catch (const std::exception& e) {
    result = "FAILED", failed++, detail = e.what();
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  printf("%s %s: %s (%.1f s)\n", result.c_str(), name.c_str(), detail.c_str(), seconds);
  fflush(stdout);
}

// ---- the reference ----

// Errors are relative to the norm of what a layer adds to a row, or of a row's logits, and those of log-probabilities
// to 0.001 nats. Most rows are equal up to the precision of float; in some, numbers are rounded to a neighbouring byte.
constexpr double LARGEST_ERROR = 0.04, MEAN_ERROR = 0.004;
constexpr double SEEN_ERROR = 0.5;  // the least of a planted fault

// What a model computed: for each row of each layer its state before and after, in an order in which the rows of a
// sequence are in the order of their positions.
struct Recording {
  struct Row {
    int sequence, position, layer, adapter;
    int64_t boundary;
    std::vector<float> before, after;
  };
  std::vector<Row> rows;
  std::vector<std::vector<float>> normed, logits;
  std::vector<int64_t> gold;
  std::vector<double> logprobs;
  int sequences = 0;
};

// A model with three adapters, and what it computes in a family.
class Comparison {
 public:
  Comparison(const Shape& shape, int family, uint64_t seed) : random_(seed), data_(shape, random_), reference_(data_) {
    adapters_.emplace_back(data_, std::vector<int>{1, 5, 16}, false, false, random_);
    adapters_.emplace_back(data_, std::vector<int>{0, 16, 24}, true, true, random_);
    adapters_.emplace_back(data_, std::vector<int>{-1, 5, 64}, true, false, random_);
    Model model(data_, family);
    std::vector<std::unique_ptr<Adapter>> adapters;
    for (const AdapterData& a : adapters_) adapters.push_back(std::make_unique<Adapter>(model, a));
    record_steps(model, adapters);
    record_head(model);
  }
  size_t rows() const { return recording_.rows.size() + recording_.logits.size(); }

  struct Errors {
    double largest = 0, mean = 0;
    void add(double error, size_t of) {
      largest = error <= largest ? largest : error;  // also if it is NaN
      mean += error / of;
    }
  };
  Errors errors(Fault fault) {
    reference_.fault = fault;
    Errors errors;
    std::vector<Reference::Cache> caches(recording_.sequences * data_.shape.layers());
    for (const Recording::Row& row : recording_.rows) {
      std::vector<float> x = row.before;
      const AdapterData* adapter = row.adapter < 0 ? nullptr : &adapters_[row.adapter];
      Reference::Cache& cache = caches[row.sequence * data_.shape.layers() + row.layer];
      reference_.layer(x.data(), row.position, cache, row.layer, adapter, row.boundary);
      errors.add(distance(row.after, x) / distance(row.before, x), rows());
    }
    for (size_t i = 0; i < recording_.normed.size(); i++) {
      Reference::Vector y = reference_.head(recording_.normed[i].data());
      std::vector<float> logits(y.begin(), y.end()), zeros(y.size());
      errors.add(distance(recording_.logits[i], logits) / distance(zeros, logits), rows());
      double logprob = reference_.gold(recording_.logits[i], recording_.gold[i]);
      errors.add(std::abs(recording_.logprobs[i] - logprob) / 0.001, rows());
    }
    return errors;
  }

 private:
  Random random_;
  ModelData data_;
  Reference reference_;
  std::vector<AdapterData> adapters_;
  Recording recording_;

  static double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += (static_cast<double>(a[i]) - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
  }
  void record(int sequence, int position, int layer, int adapter, int64_t boundary, const float* before,
              const float* after) {
    int n = data_.shape.hidden;
    recording_.rows.push_back({sequence, position, layer, adapter, boundary, {before, before + n}, {after, after + n}});
  }

  // Prompts in two steps, then one token at a time.
  void record_steps(const Model& model, const std::vector<std::unique_ptr<Adapter>>& adapters) {
    int hidden = data_.shape.hidden, layers = data_.shape.layers();
    const int lengths[] = {1, 70, 9, 21, 34, 5, 17};
    Block block(model, 7, 128, 128);
    for (int step = 0; step < 4; step++) {
      std::vector<Segment> segments;
      std::vector<std::array<int, 4>> rows;  // sequence, position, adapter, boundary
      for (int s = 0; s < 7; s++) {
        int first = step == 0 ? 0 : lengths[s] / 2 + step - 1, end = step == 3 ? lengths[s] : lengths[s] / 2 + step;
        int adapter = s % 4 - 1, boundary = s < 4 ? layers : 1;
        first = std::min(first, lengths[s]), end = std::min(end, lengths[s]);
        if (first == end) continue;
        int64_t handle = adapter < 0 ? 0 : adapters[adapter]->handle.value;
        segments.push_back({block.handle.value, s, first, end - first, handle, boundary});
        for (int p = first; p < end; p++) rows.push_back({s, p, adapter, boundary});
      }
      Guarded<float> x(random_.normals(rows.size() * hidden, 0.3));
      Guarded<Segment> plan(segments);
      for (int l = 0; l < layers; l++) {
        std::vector<float> before(x.data(), x.data() + x.size());
        require(tidemark_run_layers(model.handle.value, x.data(), rows.size(), &plan.data()->block, segments.size(), l,
                                    l + 1, 2));
        for (size_t r = 0; r < rows.size(); r++)
          record(rows[r][0], rows[r][1], l, rows[r][2], rows[r][3], &before[r * hidden], &x[r * hidden]);
      }
    }
    recording_.sequences = 7;
  }
  void record_head(const Model& model) {
    int rows = 5, vocabulary = data_.shape.vocabulary;
    std::vector<float> h = random_.normals(rows * data_.shape.hidden, 1);
    Guarded<float> input(h), logits(rows * vocabulary);
    Guarded<int64_t> gold(rows);
    Guarded<double> logprobs(rows);
    for (int r = 0; r < rows; r++) gold[r] = random_.between(0, vocabulary - 1);
    gold[0] = vocabulary - 1;
    require(tidemark_run_head(model.handle.value, input.data(), rows, logits.data(), 2));
    require(tidemark_run_gold(model.handle.value, input.data(), rows, gold.data(), logprobs.data(), 2));
    recording_.gold.assign(gold.data(), gold.data() + rows);
    recording_.logprobs.assign(logprobs.data(), logprobs.data() + rows);
    for (int r = 0; r < rows; r++) {
      recording_.normed.emplace_back(h.begin() + r * data_.shape.hidden, h.begin() + (r + 1) * data_.shape.hidden);
      recording_.logits.emplace_back(logits.data() + r * vocabulary, logits.data() + (r + 1) * vocabulary);
    }
  }
};

static std::vector<Shape> shapes(Random& random) {
  // hidden, heads, kv heads, head dim, inner, vocabulary, large inputs, windows, biases, head norms, rope factor
  std::vector<Shape> out = {
      {"heads of 8", 72, 16, 1, 8, 90, 65, 9, {-1, 6}, false, false, 1},
      {"heads of 16", 48, 6, 3, 16, 33, 17, 1, {-1, -1}, true, true, 1},
      {"heads of 24", 100, 4, 2, 24, 150, 203, 13, {5, -1}, true, false, 1.4},
      {"heads of 64", 576, 9, 3, 64, 1536, 1000, 72, {-1}, false, false, 1},
      {"heads of 80", 165, 4, 4, 80, 201, 130, 20, {12, 20}, true, true, 1.2},
      {"heads of 128", 200, 8, 1, 128, 190, 77, 25, {-1, -1}, false, true, 1}};
  for (int group : {2, 5, 6, 7}) {
    int kv_heads = random.between(1, 3), hidden = random.between(17, 300);
    out.push_back({format("groups of %d", group), hidden, group * kv_heads, kv_heads,
                   2 * static_cast<int>(random.between(2, 48)), static_cast<int>(random.between(10, 400)),
                   static_cast<int>(random.between(2, 500)), static_cast<int>(random.between(1, hidden / 2)),
                   {random.chance(0.5) ? -1 : random.between(1, 30), -1}, random.chance(0.5), random.chance(0.5),
                   random.chance(0.5) ? 1 : 1.3});
  }
  return out;
}

static void test_reference(int family, bool with_faults) {
  Random random(seed);
  std::vector<Shape> all = shapes(random);
  std::vector<std::unique_ptr<Comparison>> comparisons;
  for (const Shape& shape : all) {
    uint64_t of_shape = random.next();
    if (SANITIZED && shape.hidden > 400) continue;  // takes long
    test(format("%s: reference, %s", FAMILIES[family], shape.name.c_str()), [&] {
      auto comparison = std::make_unique<Comparison>(shape, family, of_shape);
      if (SANITIZED) return format("%zu rows, not compared", comparison->rows());
      Comparison::Errors e = comparison->errors(planted);
      std::string detail =
          format("%zu rows, mean error %.3f%%, largest %.2f%%", comparison->rows(), 100 * e.mean, 100 * e.largest);
      if (!(e.mean < MEAN_ERROR && e.largest < LARGEST_ERROR)) fail(detail);
      if (shape.hidden <= 400) comparisons.push_back(std::move(comparison));
      return detail;
    });
  }
  for (int f = 1; with_faults && f < static_cast<int>(Fault::COUNT); f++)
    test(format("%s: reference with the fault %s", FAMILIES[family], FAULT_NAMES[f]), [&] {
      double largest = 0;
      for (size_t i = 0; i < comparisons.size() && largest < SEEN_ERROR; i++)
        largest = std::max(largest, comparisons[i]->errors(static_cast<Fault>(f)).largest);
      std::string detail = format("largest error at least %.1f%%", 100 * largest);
      if (largest < SEEN_ERROR) fail(detail);
      return detail;
    });
}

// ---- the same bits in any batch ----

static std::string run_traffic(Scene& scene, int steps, const Traffic::Options& options) {
  Traffic traffic(scene, seed, options);
  for (int i = 0; i < steps; i++) traffic.step();
  return format("%ld steps, %ld rows, %ld blocks and adapters opened", static_cast<long>(traffic.steps),
                static_cast<long>(traffic.rows), static_cast<long>(traffic.opened));
}

static void test_traffic(int family) {
  for (const Shape& shape : {SMALL, WIDE})
    test(format("%s: a row has the same bits alone and in any batch, %s model", FAMILIES[family], shape.name.c_str()),
         [&] {
           Scene scene(shape, family, Random(seed + 1), 12, CAPACITY - 20);
           return run_traffic(scene, (shape.name == "wide" ? 150 : 1000) / (SANITIZED ? 3 : 1), {});
         });
  test(format("%s: rows that are not finite change no other row", FAMILIES[family]), [&] {
    Scene scene(SMALL, family, Random(seed + 3), 8, 30);
    Adapter adapter(*scene.model, scene.adapters[0]);
    int64_t model = scene.model->handle.value;
    int hidden = SMALL.hidden;
    for (float bad : {NAN, INFINITY, 3e38f, 0.f})
      for (int threads = 1; threads < 4; threads++) {
        const Text& text = scene.texts[threads == 2 ? 4 : 0];  // without an adapter
        Block block(*scene.model, 3, CAPACITY, RING);
        std::vector<float> x(5 * hidden, bad);
        x.insert(x.end(), text.x.begin(), text.x.end());
        x.resize(x.size() + 18 * hidden, bad);
        std::vector<Segment> plan = {{block.handle.value, 2, 0, 5, adapter.handle.value, 2},
                                     {block.handle.value, 1, 0, text.length, 0, 0},
                                     {block.handle.value, 0, 0, 18, 0, 0}};
        require(tidemark_run_layers(model, x.data(), 23 + text.length, &plan[0].block, 3, 0, 3, threads));
        require_same(&x[5 * hidden], text.states.data(), text.length * hidden, format("beside rows of %g", bad));
        if (!bad) continue;
        std::vector<int64_t> gold(5 + text.length, text.gold);
        std::vector<double> logprobs(gold.size());
        require(tidemark_run_gold(model, x.data(), gold.size(), gold.data(), logprobs.data(), threads));
        for (int i = 0; i < 5; i++)
          if (!std::isnan(logprobs[i])) fail(format("a row of %g has the log-probability %g", bad, logprobs[i]));
        require_same(&logprobs[5], text.logprobs.data(), text.length, format("log-probabilities beside %g", bad));
      }
    return std::string("beside NaN, infinity, the largest numbers and zeros");
  });
}

// ---- threads ----

extern "C" int __sigaction(int, const struct sigaction*, struct sigaction*);  // glibc's: TSan delays other handlers

__attribute__((no_sanitize("address", "thread", "undefined"))) static void sleep_somewhat(int) {
  timespec t{0, static_cast<long>(__builtin_ia32_rdtsc() >> 4) % 3000000};
  syscall(SYS_nanosleep, &t, nullptr);
}

// Suspends random threads of the process, its creator's included, for up to 3 ms each.
class Tormentor {
 public:
  Tormentor() {
    struct sigaction action = {};
    action.sa_handler = sleep_somewhat;
    action.sa_flags = SA_RESTART;
    __sigaction(SIGUSR1, &action, nullptr);
    thread_ = std::thread([this] { run(); });
  }
  ~Tormentor() { stop_ = true, thread_.join(); }
  std::string signals() const { return format("%d signals", sent_.load()); }

 private:
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<int> sent_{0};

  void run() {
    Random random(seed);
    pid_t own = syscall(SYS_gettid);
    while (!stop_) {
      std::vector<pid_t> threads;
      DIR* folder = opendir("/proc/self/task");
      while (dirent* entry = readdir(folder)) {
        pid_t thread = atoi(entry->d_name);
        if (thread > 0 && thread != own) threads.push_back(thread);
      }
      closedir(folder);
      for (int i = 0; i < 20; i++) {
        pid_t thread = random.one_of(threads);
        // seldom the main thread, so that steps end while others are late
        if (thread == getpid() && random.chance(0.8)) continue;
        if (!syscall(SYS_tgkill, getpid(), thread, SIGUSR1)) sent_++;
        usleep(random.between(20, 500));
      }
    }
  }
};

static void test_threads(int family) {
  int steps = (long_run ? 50000 : 2000) / (SANITIZED ? 2 : 1);
  test(format("%s: threads that are suspended at random", FAMILIES[family]), [&] {
    // wide, so that a thread is suspended while it computes, not while it waits
    Scene scene(WIDE, family, Random(seed + 4), 10, CAPACITY - 20);
    Tormentor tormentor;
    Traffic::Options options;
    options.reopen = 0.5, options.reopen_model = 0.05;
    std::string detail = run_traffic(scene, steps / 4, options);
    return detail + ", " + tormentor.signals();
  });
  test(format("%s: several callers, of which two use the threads of the process", FAMILIES[family]), [&] {
    Scene scene(TINY, family, Random(seed + 5), 10, 60);
    Block shared(*scene.model, 12, CAPACITY, RING);
    Tormentor tormentor;
    std::string failure;
    std::mutex mutex;
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; c++)
      callers.emplace_back([&, c] {
        try {
          Traffic::Options options;
          options.threads = c < 2 ? 2 : 1, options.fixed = true;
          options.shared = &shared, options.first_shared = 3 * c, options.end_shared = 3 * c + 3;
          Traffic traffic(scene, seed + c, options);
          for (int i = 0; i < steps; i++) traffic.step();
        } catch (const std::exception& e) {
          std::lock_guard<std::mutex> lock(mutex);
          failure = format("caller %d: %s", c, e.what());
        }
      });
    for (std::thread& t : callers) t.join();
    if (!failure.empty()) fail(failure);
    return format("4 callers, %d steps each, ", steps) + tormentor.signals();
  });
}

// ---- refused calls ----

static void test_fuzz(int family) {
  test(format("%s: random calls", FAMILIES[family]),
       [&] { return Fuzz(family, seed + 6).run((long_run ? 50000 : 1000) / (SANITIZED ? 2 : 1)); });
  test(format("%s: a model closed before its blocks and adapters", FAMILIES[family]), [&] {
    ModelData data(TINY, *std::make_unique<Random>(seed));
    Model model(data, family);
    Block block(model, 2, 64, 64);
    Random random(seed);
    Adapter adapter(model, AdapterData(data, {4}, false, false, random));
    bool closed = !tidemark_close(model.handle.value);
    Segment s{block.handle.value, 0, 0, 1, adapter.handle.value, 2};
    std::vector<float> x(TINY.hidden, 1);
    bool runs = !tidemark_run_layers(model.handle.value, x.data(), 1, &s.block, 1, 0, 2, 2);
    if (closed && runs) fail("a closed model runs");
    if (!closed && !runs) fail("a model that was not closed does not run");
    if (closed) model.handle.value = 0;
    return std::string(closed ? "closed" : "refused");
  });
}

// ---- memory ----

static long resident_pages() {
  FILE* file = fopen("/proc/self/statm", "r");
  long all, resident;
  if (fscanf(file, "%ld %ld", &all, &resident) != 2) fail("no statm");
  fclose(file);
  return resident;
}

static void test_memory(int family) {
  int64_t steps = long_run ? 1000000 : SANITIZED ? 1000 : 20000;
  test(format("%s: %ld steps with flat memory", FAMILIES[family], static_cast<long>(steps)), [&] {
    Scene scene(TINY, family, Random(seed + 7), 10, 60);
    Traffic::Options options;
    options.threads = 2, options.reopen = 0.02;
    Traffic traffic(scene, seed, options);
    while (traffic.steps < steps / 5) traffic.step();
    long before = resident_pages();
    while (traffic.steps < steps) traffic.step();
    long grown = resident_pages() - before;
    std::string detail = format("%ld blocks and adapters opened, resident memory grew by %ld KiB",
                                static_cast<long>(traffic.opened), 4 * grown);
    if (grown > 256 && !SANITIZED) fail(detail);
    return detail;
  });
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    std::string option = argv[i];
    if (option == "--long") long_run = true;
    else if (option == "--seed" && i + 1 < argc) seed = strtoull(argv[++i], nullptr, 10);
    else if (option == "--only" && i + 1 < argc) only = argv[++i];
    else if (option == "--plant" && i + 1 < argc) {
      int f = 0;
      while (f < static_cast<int>(Fault::COUNT) && strcmp(FAULT_NAMES[f], argv[i + 1])) f++;
      if (f == static_cast<int>(Fault::COUNT)) return fprintf(stderr, "no fault has the name %s\n", argv[i + 1]), 2;
      planted = static_cast<Fault>(f), i++;
    } else return fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  int best = tidemark_best_family();
  for (int family = TIDEMARK_FAMILIES - 1; family >= 0; family--) {
    if (family > best) {
      printf("not run %s: the machine lacks it\n", FAMILIES[family]);
      continue;
    }
    if (SANITIZED && family != best && (THREADS_ONLY || !long_run)) continue;
    if (!THREADS_ONLY) test_reference(family, family == best && !SANITIZED && planted == Fault::NONE);
    if (planted != Fault::NONE) continue;
    test_traffic(family);
    test_fuzz(family);
    test_threads(family);
    if (family == best) test_memory(family);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
