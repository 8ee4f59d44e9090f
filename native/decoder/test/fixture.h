// Random models and adapters, and the objects of the border that are made of them.
#pragma once
#include <sys/mman.h>

#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../decoder.h"

inline std::string format(const char* text, ...) __attribute__((format(printf, 1, 2)));
inline std::string format(const char* text, ...) {
  char out[1000];
  va_list arguments;
  va_start(arguments, text);
  vsnprintf(out, sizeof out, text, arguments);
  va_end(arguments);
  return out;
}
[[noreturn]] inline void fail(const std::string& message) { throw std::runtime_error(message); }

// Random numbers that depend only on the seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // In first .. last.
  int64_t between(int64_t first, int64_t last) { return first + static_cast<int64_t>(next() % (last - first + 1)); }
  double uniform() { return (next() >> 11) * 0x1p-53; }
  bool chance(double probability) { return uniform() < probability; }
  template <class T>
  T& one_of(std::vector<T>& values) { return values[next() % values.size()]; }
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[next() % i]);
  }
  // With a standard deviation of `deviation`.
  std::vector<float> normals(size_t count, double deviation) {
    std::vector<float> out(count);
    for (float& v : out) v = (uniform() + uniform() + uniform() + uniform() - 2) * std::sqrt(3.) * deviation;
    return out;
  }
  std::vector<float> uniforms(size_t count, double low, double high) {
    std::vector<float> out(count);
    for (float& v : out) v = low + (high - low) * uniform();
    return out;
  }

 private:
  uint64_t state_;
};

struct Shape {
  std::string name;
  int hidden, heads, kv_heads, head_dim, inner, vocabulary, large_inputs;
  std::vector<int64_t> windows;  // by layer
  bool biases = false, head_norms = false;
  double rope_factor = 1;
  int layers() const { return windows.size(); }
  int qkv() const { return (heads + 2 * kv_heads) * head_dim; }
  int inputs(int module) const {
    return module == TIDEMARK_O ? heads * head_dim : module == TIDEMARK_DOWN ? inner : hidden;
  }
  // The end of each part of the outputs.
  std::vector<int> part_ends(int module) const {
    if (module == TIDEMARK_QKV) return {heads * head_dim, (heads + kv_heads) * head_dim, qkv()};
    if (module == TIDEMARK_GATE_UP) return {inner, 2 * inner};
    return {hidden};
  }
  int outputs(int module) const { return part_ends(module).back(); }
};
constexpr double EPSILON = 0.05;  // so large that a norm without it differs

struct Linear {
  std::vector<float> weight, bias;  // no bias: empty
};

struct Norms {
  std::vector<float> attention, mlp, heads;  // of an adapter: empty for the base's
};

struct Layer {
  Linear linears[TIDEMARK_MODULES];
  Norms norms;
  std::vector<float> o_scale, down_scale;
};

// The arguments that make a model.
struct ModelData {
  Shape shape;
  std::vector<float> inverse_frequencies, head_scale[2];
  std::vector<int64_t> head_inputs[2];
  std::vector<Layer> layers;
  Linear head[2];

  ModelData(const Shape& s, Random& random) : shape(s) {
    for (int i = 0; i < s.head_dim / 2; i++) inverse_frequencies.push_back(std::pow(1e4, -2. * i / s.head_dim));
    for (int l = 0; l < s.layers(); l++) {
      Layer layer;
      for (int m = 0; m < TIDEMARK_MODULES; m++) {
        size_t inputs = s.inputs(m), outputs = s.outputs(m);
        layer.linears[m].weight = random.normals(inputs * outputs, 1.2 / std::sqrt(inputs));
        if (s.biases && m != TIDEMARK_DOWN) layer.linears[m].bias = random.normals(outputs, 0.5);
      }
      layer.norms = norms(random);
      layer.o_scale = random.uniforms(s.heads * s.head_dim, 0.5, 1.5);
      layer.down_scale = random.uniforms(s.inner, 0.5, 1.5);
      layers.push_back(layer);
    }
    std::vector<int64_t> inputs(s.hidden);
    for (int i = 0; i < s.hidden; i++) inputs[i] = i;
    random.shuffle(inputs);
    head_inputs[1].assign(inputs.begin(), inputs.begin() + s.large_inputs);
    head_inputs[0].assign(inputs.begin() + s.large_inputs, inputs.end());
    for (int p = 0; p < 2; p++) {
      size_t n = head_inputs[p].size();
      head_scale[p] = random.uniforms(n, 0.5, 1.5);
      head[p].weight = random.normals(n * s.vocabulary, (p ? 4 : 1) / std::sqrt(s.hidden));
    }
  }
  Norms norms(Random& random) const {
    Norms out;
    double root = std::sqrt(shape.hidden);
    out.attention = random.uniforms(shape.hidden, 0.5 * root, 1.5 * root);
    out.mlp = random.uniforms(shape.hidden, 0.5 * root, 1.5 * root);
    if (shape.head_norms) out.heads = random.uniforms((shape.heads + shape.kv_heads) * shape.head_dim, 0.7, 2);
    return out;
  }
};

struct Lora {
  int rank = -1;  // no LoRA
  std::vector<float> a, b, factor, shift;
};

// The arguments that make an adapter.
struct AdapterData {
  std::vector<std::array<Lora, TIDEMARK_MODULES>> loras;  // by layer
  std::vector<Norms> norms;                               // by layer

  // Each module has one of the ranks. A rank of -1 leaves the module out.
  AdapterData(const ModelData& model, std::vector<int> ranks, bool scaled, bool with_norms, Random& random) {
    const Shape& s = model.shape;
    for (int l = 0; l < s.layers(); l++) {
      std::array<Lora, TIDEMARK_MODULES> modules;
      for (int m = 0; m < TIDEMARK_MODULES; m++) {
        Lora& lora = modules[m];
        lora.rank = random.one_of(ranks);
        if (lora.rank < 0) continue;
        size_t inputs = s.inputs(m), outputs = s.outputs(m);
        lora.a = random.normals(inputs * s.part_ends(m).size() * lora.rank, 1.2 / std::sqrt(inputs));
        lora.b = random.normals(lora.rank * outputs, 1 / std::sqrt(lora.rank + 1e-9));
        if (scaled && random.chance(0.8)) lora.factor = random.uniforms(outputs, 0.3, 1.5);
        if (scaled && random.chance(0.8)) lora.shift = random.normals(outputs, 0.5);
      }
      loras.push_back(modules);
      Norms n;
      if (with_norms) {
        n = model.norms(random);
        if (random.chance(0.3)) n.attention.clear();
        if (random.chance(0.3)) n.mlp.clear();
      }
      norms.push_back(n);
    }
  }
};

// ---- the border ----

struct Segment {
  int64_t block, slot, position, tokens, adapter, boundary;
};
static_assert(sizeof(Segment) == TIDEMARK_SEGMENT_FIELDS * sizeof(int64_t));

inline void require(const char* message) {
  if (message) throw std::runtime_error(std::string("the library says: ") + message);
}

// An array that ends where a page without access begins, so that a read or write behind it is a fault, also by
// instructions that sanitizers do not see.
template <class T>
class Guarded {
 public:
  explicit Guarded(size_t count) : count_(count) {
    size_t bytes = count * sizeof(T);
    mapped_ = (bytes + PAGE - 1) / PAGE * PAGE + PAGE;
    void* p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<char*>(p);
    mprotect(start_ + mapped_ - PAGE, PAGE, PROT_NONE);
    data_ = reinterpret_cast<T*>(start_ + mapped_ - PAGE - bytes);
  }
  explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) { copy(values.data(), values.size()); }
  Guarded(const Guarded&) = delete;
  ~Guarded() { munmap(start_, mapped_); }
  T* data() { return data_; }
  T* or_null() { return count_ ? data_ : nullptr; }
  T* last(size_t count) { return data_ + count_ - count; }
  T& operator[](size_t i) { return data_[i]; }
  size_t size() const { return count_; }
  void copy(const T* values, size_t count) { if (count) memcpy(data_, values, count * sizeof(T)); }

 private:
  static constexpr size_t PAGE = 4096;
  size_t count_, mapped_;
  char* start_;
  T* data_;
};

struct Handle {
  int64_t value = 0;
  Handle() = default;
  Handle(const Handle&) = delete;
  ~Handle() { if (value) tidemark_close(value); }
};

class Model {
 public:
  const ModelData& data;
  Handle handle;

  static std::vector<int64_t> shape_fields(const Shape& s, int family) {
    return {family, s.layers(), s.hidden, s.heads, s.kv_heads, s.head_dim, s.inner, s.vocabulary,
            s.hidden - s.large_inputs, s.large_inputs};
  }
  Model(const ModelData& d, int family, bool complete = true) : data(d) {
    const Shape& s = d.shape;
    Guarded<int64_t> fields(shape_fields(s, family)), windows(s.windows);
    Guarded<float> frequencies(d.inverse_frequencies);
    require(tidemark_model_new(fields.data(), windows.data(), frequencies.data(), s.rope_factor, EPSILON,
                               &handle.value));
    for (int l = 0; l < s.layers() && complete; l++) {
      const Layer& layer = d.layers[l];
      for (int m = 0; m < TIDEMARK_MODULES; m++) linear(l, m, s.outputs(m), s.inputs(m), layer.linears[m]);
      Guarded<float> attention(layer.norms.attention), mlp(layer.norms.mlp), heads(layer.norms.heads);
      Guarded<float> o(layer.o_scale), down(layer.down_scale);
      require(tidemark_model_layer(handle.value, l, attention.data(), mlp.data(), heads.or_null(), o.data(),
                                   down.data()));
    }
    if (!complete) return;
    for (int p = 0; p < 2; p++) linear(s.layers(), p, s.vocabulary, d.head_inputs[p].size(), d.head[p]);
    Guarded<int64_t> small(d.head_inputs[0]), large(d.head_inputs[1]);
    Guarded<float> small_scale(d.head_scale[0]), large_scale(d.head_scale[1]);
    require(tidemark_model_head(handle.value, small.data(), small_scale.data(), large.data(), large_scale.data()));
  }

 private:
  void linear(int layer, int module, int outputs, int inputs, const Linear& l) {
    Guarded<float> weight(l.weight), bias(l.bias);
    require(tidemark_model_linear(handle.value, layer, module, weight.data(), outputs, inputs, bias.or_null()));
  }
};

class Adapter {
 public:
  Handle handle;

  Adapter(const Model& model, const AdapterData& data) {
    require(tidemark_adapter_new(model.handle.value, &handle.value));
    for (size_t l = 0; l < data.loras.size(); l++) {
      for (int m = 0; m < TIDEMARK_MODULES; m++) {
        const Lora& lora = data.loras[l][m];
        if (lora.rank < 0) continue;
        Guarded<float> a(lora.a), b(lora.b), factor(lora.factor), shift(lora.shift);
        require(tidemark_adapter_lora(handle.value, l, m, lora.rank, a.data(), b.data(), factor.or_null(),
                                      shift.or_null()));
      }
      Guarded<float> attention(data.norms[l].attention), mlp(data.norms[l].mlp), heads(data.norms[l].heads);
      if (attention.size() + mlp.size() + heads.size() > 0)
        require(tidemark_adapter_norms(handle.value, l, attention.or_null(), mlp.or_null(), heads.or_null()));
    }
  }
};

class Block {
 public:
  const int slots, capacity;

  Block(const Model& model, int slots, int capacity, int ring_capacity) : slots(slots), capacity(capacity) {
    const Shape& s = model.data.shape;
    int64_t width;
    require(tidemark_kv_width(model.handle.value, &width));
    std::vector<int64_t> addresses;
    for (int64_t window : s.windows) {
      size_t tokens = window < 0 ? capacity : ring_capacity;
      memory_.push_back(std::make_unique<Guarded<uint16_t>>(2 * slots * s.kv_heads * tokens * width));
      addresses.push_back(reinterpret_cast<int64_t>(memory_.back()->data()));
    }
    Guarded<int64_t> layers(addresses);
    require(tidemark_block_new(model.handle.value, layers.data(), slots, capacity, ring_capacity, &handle.value));
  }

 private:
  std::vector<std::unique_ptr<Guarded<uint16_t>>> memory_;

 public:
  Handle handle;  // is closed before the memory is released
};
