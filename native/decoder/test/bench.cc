// Measures the decoder's layers with random weights, without libtorch.
//
//   bench [--family 0..3] [--threads N] [--rounds N] [--only shape]
//
// Prints medians and the quartiles around them. Everything is measured once in each round, so that a change of the
// machine's speed changes all of it.
#include <math.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "../step.h"

using namespace tidemark;

namespace {

constexpr int PROMPT = 512, CONTEXT = 64, ROWS = 32, ADAPTERS = 4, RANK = 16;
constexpr int LOOP_BLOCKS = 8;  // of a call of the loop of products

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void require(const char* error) {
  if (!error) return;
  fprintf(stderr, "%s\n", error);
  exit(1);
}

// Numbers around 0 with a standard deviation of `deviation`.
std::vector<float> randoms(int64_t count, double deviation) {
  static uint64_t state = 1;
  std::vector<float> out(static_cast<size_t>(count));
  for (float& v : out) {
    state = state * 6364136223846793005 + 1442695040888963407;
    v = static_cast<float>((static_cast<double>(state >> 11) * 0x1p-53 - 0.5) * sqrt(12) * deviation);
  }
  return out;
}

// All layers have the weights of one, which are packed for each.
Model* model_of(int family, int layers, int hidden, int heads, int kv_heads, int inner) {
  const int64_t shape[] = {family, layers, hidden, heads, kv_heads, hidden / heads, inner, 64, hidden, 0};
  std::vector<int64_t> windows(static_cast<size_t>(layers), -1);
  std::vector<float> frequencies(static_cast<size_t>(hidden / heads / 2), 0.1f);
  Model* model;
  require(Model::make(shape, windows.data(), frequencies.data(), 1, 0.01, &model));
  std::vector<float> ones(static_cast<size_t>(inner), 1), norm(static_cast<size_t>(hidden), sqrtf(hidden));
  for (int m = 0; m < TIDEMARK_MODULES; m++) {
    int outputs = model->shape.outputs(m), inputs = model->shape.inputs(m);
    std::vector<float> weights = randoms(static_cast<int64_t>(outputs) * inputs, 1 / sqrt(inputs));
    for (int l = 0; l < layers; l++) require(model->set_linear(l, m, weights.data(), outputs, inputs, nullptr));
  }
  for (int l = 0; l < layers; l++)
    require(model->set_layer(l, norm.data(), norm.data(), nullptr, ones.data(), ones.data()));
  return model;
}

Adapter* adapter_of(Model* model) {
  Adapter* adapter;
  require(Adapter::make(model, &adapter));
  for (int m = 0; m < TIDEMARK_MODULES; m++) {
    int inputs = model->shape.inputs(m), outputs = model->shape.outputs(m), ranks = model->shape.parts(m) * RANK;
    std::vector<float> a = randoms(static_cast<int64_t>(inputs) * ranks, 1 / sqrt(inputs));
    std::vector<float> b = randoms(static_cast<int64_t>(RANK) * outputs, 1 / sqrt(RANK));
    for (int l = 0; l < model->shape.layers; l++)
      require(adapter->set_lora(l, m, RANK, a.data(), b.data(), nullptr, nullptr));
  }
  return adapter;
}

// Of one quantity, by round.
struct Samples {
  std::vector<double> values;
  double at(double part) const {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<size_t>(part * (sorted.size() - 1) + 0.5)];
  }
  void print(const char* what, double factor, const char* unit) const {
    printf("  %-44s %9.2f  (%.2f .. %.2f) %s\n", what, factor * at(0.5), factor * at(0.25), factor * at(0.75), unit);
  }
};

// a / b in each round.
Samples ratio(const Samples& a, const Samples& b) {
  Samples out;
  for (size_t i = 0; i < a.values.size(); i++) out.values.push_back(a.values[i] / b.values[i]);
  return out;
}

// What the threads do besides steps.
struct Loop {
  const Model* model;
  Bytes bytes;  // [PROMPT][most inputs]
  float* outputs[MAX_THREADS];
};

// The products of all linears for PROMPT rows, without anything else. The threads divide the outputs.
void products(const void* plan, int thread, Team& team) {
  const Loop& loop = *static_cast<const Loop*>(plan);
  const Model& model = *loop.model;
  model.kernels->begin();
  for (int l = 0; l < model.shape.layers; l++)
    for (const Linear& linear : model.layers[l].linears) {
      int calls = (linear.blocks + LOOP_BLOCKS - 1) / LOOP_BLOCKS;
      for (int c = calls * thread / team.threads(); c < calls * (thread + 1) / team.threads(); c++) {
        int first = c * LOOP_BLOCKS, end = min(first + LOOP_BLOCKS, linear.blocks);
        model.kernels->linear(linear, loop.bytes, PROMPT, first, end, loop.outputs[thread], LOOP_BLOCKS * 16);
      }
    }
  model.kernels->end();
  team.phase(team.threads(), [](int) {});
}

// Reads all weights. The threads divide the outputs.
void read(const void* plan, int thread, Team& team) {
  const Loop& loop = *static_cast<const Loop*>(plan);
  uint64_t sums[8] = {};
  for (int l = 0; l < loop.model->shape.layers; l++)
    for (const Linear& linear : loop.model->layers[l].linears) {
      int64_t bytes = linear.block_bytes();
      const uint8_t* from = linear.weights + bytes * (linear.blocks * thread / team.threads());
      const uint8_t* end = linear.weights + bytes * (linear.blocks * (thread + 1) / team.threads());
      for (; from < end; from += 64) {
        __builtin_prefetch(from + 4096);
        for (int i = 0; i < 8; i++) {
          uint64_t v;
          memcpy(&v, from + 8 * i, 8);
          sums[i] += v;
        }
      }
    }
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  loop.outputs[thread][0] = static_cast<float>(sum);
  team.phase(team.threads(), [](int) {});
}

struct Bench {
  int family, threads, rounds;
  Pool& pool;

  void run(const char* name, int layers, int hidden, int heads, int kv_heads, int inner) {
    Model& model = *model_of(family, layers, hidden, heads, kv_heads, inner);
    Adapter* adapters[ADAPTERS];
    for (Adapter*& each : adapters) each = adapter_of(&model);
    Block block;
    block.model = &model, block.slots = ROWS, block.capacity = block.ring_capacity = PROMPT;
    int64_t elements = int64_t{2} * ROWS * PROMPT * kv_heads * model.shape.width;
    std::vector<bf16> cache(static_cast<size_t>(layers * elements));
    block.layers.reserve(layers);
    for (int l = 0; l < layers; l++) block.layers[l] = cache.data() + l * elements;
    double weights = 0;
    for (const Linear& linear : model.layers[0].linears)
      weights += static_cast<double>(layers) * static_cast<double>(linear.block_bytes()) * linear.blocks;

    std::vector<float> states = randoms(int64_t{PROMPT} * hidden, 1), x;
    auto step = [&](int rows, int tokens, int position, bool lora) {
      std::vector<Segment> segments;
      for (int i = 0; i < rows / tokens; i++)
        segments.push_back(
            {&block, lora ? adapters[i % ADAPTERS] : nullptr, i, position, layers, i * tokens, tokens, 0});
      x.assign(states.begin(), states.begin() + rows * hidden);
      double start = seconds();
      require(run_layers(&model, x.data(), rows, segments.data(), rows / tokens, 0, layers, threads));
      return seconds() - start;
    };
    Loop loop = {&model, {}, {}};
    int most_inputs = max(model.shape.hidden_padded, model.shape.inner_padded);
    Array<int8_t> bytes;
    Array<float> scales, outputs[MAX_THREADS];
    Array<int> sums;
    bytes.reserve(int64_t{PROMPT} * most_inputs * model.kernels->input_size), scales.reserve(PROMPT),
        sums.reserve(PROMPT);
    for (int64_t i = 0; i < bytes.capacity(); i++) bytes[i] = static_cast<int8_t>(i * 7);
    loop.bytes = {bytes.data(), scales.data(), sums.data(), PROMPT >= model.kernels->tile_rows};
    for (int t = 0; t < threads; t++) {
      outputs[t].reserve(PROMPT * LOOP_BLOCKS * 16);
      loop.outputs[t] = outputs[t].data();
    }
    auto timed = [&](Pool::Body body) {
      double start = seconds();
      pool.run(body, &loop, sizeof(loop), threads);
      return seconds() - start;
    };

    std::vector<std::pair<Samples, std::function<double()>>> measured;
    auto measure = [&](std::function<double()> run) { measured.push_back({{}, run}); };
    measure([&] { return timed(products); });
    measure([&] { return step(PROMPT, PROMPT, 0, false); });
    measure([&] { return step(PROMPT, PROMPT, 0, true); });
    measure([&] { return timed(read); });
    for (int rows : {1, 8, 32})
      for (bool lora : {false, true})
        measure([&, rows, lora] {
          Samples steps;  // the median of some, because they are short
          for (int i = 0; i < 5; i++) steps.values.push_back(step(rows, 1, CONTEXT, lora));
          return steps.at(0.5);
        });
    for (int r = -1; r < rounds; r++)  // the first round warms up
      for (auto& each : measured) {
        double took = each.second();
        if (r >= 0) each.first.values.push_back(took);
      }

    auto rate = [](double work, const Samples& times) {
      Samples out;
      for (double t : times.values) out.values.push_back(work / t);
      return out;
    };
    auto at = [&](int i) -> const Samples& { return measured[i].first; };
    printf("%s, family %d, %d threads, %.0f MB of weights in layers\n", name, family, threads, weights * 1e-6);
    double operations = 2 * PROMPT * weights;
    rate(operations, at(0)).print("products for 512 rows", 1e-9, "GOPS");
    rate(operations, at(1)).print("prefill of 512 tokens", 1e-9, "GOPS");
    ratio(at(0), at(1)).print("  of the products' rate", 100, "%");
    rate(PROMPT, at(1)).print("  tokens", 1, "/s");
    ratio(at(2), at(1)).print("  time with an adapter", 100, "%");
    rate(weights, at(3)).print("read of the weights", 1e-9, "GB/s");
    rate(weights, at(4)).print("step of 1 row", 1e-9, "GB/s");
    ratio(at(3), at(4)).print("  of the read's rate", 100, "%");
    const int rows[] = {1, 8, 32};
    for (int i = 0; i < 3; i++) {
      const Samples &base = at(4 + 2 * i), &lora = at(5 + 2 * i);
      printf("  %d rows, up to %d adapters of rank %d\n", rows[i], ADAPTERS, RANK);
      base.print("  step", 1e3, "ms");
      lora.print("  step with adapters", 1e3, "ms");
      Samples cost = ratio(lora, base);
      for (double& c : cost.values) c -= 1;
      cost.print("  cost of the adapters", 100, "%");
    }
    fflush(stdout);
  }
};

}  // namespace

int main(int count, char** arguments) {
  int family = tidemark_best_family(), threads = 2, rounds = 9;
  const char* only = "";
  for (int i = 1; i + 1 < count; i += 2) {
    if (!strcmp(arguments[i], "--family")) family = atoi(arguments[i + 1]);
    if (!strcmp(arguments[i], "--threads")) threads = atoi(arguments[i + 1]);
    if (!strcmp(arguments[i], "--rounds")) rounds = atoi(arguments[i + 1]);
    if (!strcmp(arguments[i], "--only")) only = arguments[i + 1];
  }
  // late threads may be in it when main returns
  Pool* pool = create<Pool>();
  Bench bench{family, threads, rounds, *pool};
  if (!*only || !strcmp(only, "1.07B")) bench.run("1.07B", 16, 2048, 32, 8, 8192);
  if (!*only || !strcmp(only, "135M")) bench.run("135M", 30, 576, 9, 3, 1536);
}
