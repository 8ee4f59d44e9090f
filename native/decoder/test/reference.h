// What the border computes, without SIMD, for one sequence at a time: int8 linears, and bfloat16 where the border has
// it. Sums are in double, so results differ from those of the library by rounding only.
#pragma once
#include <algorithm>
#include <cmath>

#include "fixture.h"

// Faults that can be planted in the reference, each of which the comparison has to see.
enum class Fault {
  NONE, BOUNDARY, BIAS, KV_HEAD, WINDOW, ROPE_PAIRS, ROPE_FACTOR, HEAD_NORM, EPSILON_LEFT_OUT, SELF_LEFT_OUT, PART,
  FACTOR, SHIFT, ADAPTER_NORMS, SCALE, LARGE_PART, HEAD_INPUTS, GOLD_LEFT_OUT, COUNT
};
constexpr const char* FAULT_NAMES[] = {
    "none", "boundary", "bias", "kv-head", "window", "rope-pairs", "rope-factor", "head-norm", "epsilon", "self",
    "part", "factor", "shift", "adapter-norms", "scale", "large-part", "head-inputs", "gold"};

inline float bf16(double value) {
  float f = value;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000;
  memcpy(&f, &bits, 4);
  return f;
}

class Reference {
 public:
  using Vector = std::vector<double>;

  // Keys and values of a sequence in one layer: [positions][kv heads][head dim].
  struct Cache {
    std::vector<float> keys, values;
  };

  explicit Reference(const ModelData& model) : model_(model), shape_(model.shape) {
    for (const Layer& layer : model.layers)
      for (int m = 0; m < TIDEMARK_MODULES; m++)
        linears_.push_back(quantize(layer.linears[m].weight, shape_.inputs(m)));
    for (int p = 0; p < 2; p++) linears_.push_back(quantize(model.head[p].weight, model.head_inputs[p].size()));
  }
  Fault fault = Fault::NONE;

  // Changes the state x [hidden] of the token at `position`, the first that is not in the cache, to that after `layer`.
  void layer(float* x, int position, Cache& cache, int layer, const AdapterData* adapter, int64_t boundary) const {
    const Layer& weights = model_.layers[layer];
    if (fault == Fault::BOUNDARY) boundary--;
    auto lora = [&](int module) {
      return adapter && layer < boundary && adapter->loras[layer][module].rank >= 0 ? &adapter->loras[layer][module]
                                                                                    : nullptr;
    };
    auto project = [&](int module, const Vector& input) {
      return linear(linears_[layer * TIDEMARK_MODULES + module], input, weights.linears[module].bias, lora(module),
                    shape_.part_ends(module));
    };
    Norms norms = weights.norms;
    if (adapter && fault != Fault::ADAPTER_NORMS) {
      const Norms& own = adapter->norms[layer];
      if (!own.attention.empty()) norms.attention = own.attention;
      if (!own.mlp.empty()) norms.mlp = own.mlp;
      if (!own.heads.empty()) norms.heads = own.heads;
    }
    Vector attended = attention(project(TIDEMARK_QKV, norm(x, norms.attention)), norms.heads, position, cache,
                                shape_.windows[layer]);
    add(x, project(TIDEMARK_O, scaled(attended, weights.o_scale)));
    Vector both = project(TIDEMARK_GATE_UP, norm(x, norms.mlp)), product(shape_.inner);
    for (int i = 0; i < shape_.inner; i++) product[i] = both[i] / (1 + std::exp(-both[i])) * both[shape_.inner + i];
    add(x, project(TIDEMARK_DOWN, scaled(product, weights.down_scale)));
  }

  // Logits [vocabulary] of normed states h [hidden].
  Vector head(const float* h) const {
    Vector logits(shape_.vocabulary);
    for (int p = 0; p < (fault == Fault::LARGE_PART ? 1 : 2); p++) {
      Vector input;
      for (size_t i = 0; i < model_.head_inputs[p].size(); i++)
        input.push_back(h[fault == Fault::HEAD_INPUTS ? i : model_.head_inputs[p][i]] * model_.head_scale[p][i]);
      Vector y = linear(linears_[shape_.layers() * TIDEMARK_MODULES + p], input, {}, nullptr, {shape_.vocabulary});
      for (size_t i = 0; i < y.size(); i++) logits[i] += y[i];
    }
    return logits;
  }

  // The log-probability of a token.
  double gold(const std::vector<float>& logits, int64_t token) const {
    double sum = 0;
    for (size_t i = 0; i < logits.size(); i++)
      if (fault != Fault::GOLD_LEFT_OUT || static_cast<int64_t>(i) != token) sum += std::exp(double(logits[i]));
    return logits[token] - std::log(sum);
  }

 private:
  struct Quantized {
    std::vector<int8_t> weight;  // [out][in]
    std::vector<double> scale;   // [out]
  };
  const ModelData& model_;
  const Shape& shape_;
  std::vector<Quantized> linears_;  // by layer and module, then the parts of the head

  // In float as in the library, because a number near the middle of two bytes becomes another byte in double.
  static int8_t byte(float value, float largest) {
    return largest > 0 ? std::nearbyint(value * (1 / (largest / 127))) : 0;
  }
  static Quantized quantize(const std::vector<float>& weight, size_t inputs) {
    Quantized out;
    for (size_t first = 0; first < weight.size(); first += inputs) {
      float largest = 0;
      for (size_t i = first; i < first + inputs; i++) largest = std::max(largest, std::abs(weight[i]));
      for (size_t i = first; i < first + inputs; i++) out.weight.push_back(byte(weight[i], largest));
      out.scale.push_back(largest / 127);
    }
    return out;
  }

  Vector linear(const Quantized& q, const Vector& x, const std::vector<float>& bias, const Lora* lora,
                const std::vector<int>& part_ends) const {
    size_t inputs = x.size(), outputs = q.scale.size();
    double largest = 0;
    for (double v : x) largest = std::max(largest, std::abs(v));
    std::vector<int8_t> bytes;
    for (double v : x) bytes.push_back(byte(v, largest));
    size_t rank = lora ? lora->rank : 0, columns = rank * part_ends.size();
    Vector low(columns), y(outputs);
    for (size_t i = 0; i < inputs; i++)
      for (size_t c = 0; c < columns; c++) low[c] += static_cast<double>(bf16(x[i])) * bf16(lora->a[i * columns + c]);
    for (double& v : low) v = bf16(v);
    for (size_t n = 0, part = 0; n < outputs; n++) {
      int sum = 0;
      for (size_t i = 0; i < inputs; i++) sum += bytes[i] * q.weight[n * inputs + i];
      y[n] = sum * q.scale[n] * largest / 127;
      if (static_cast<int>(n) == part_ends[part]) part++;
      size_t first = fault == Fault::PART ? 0 : part * rank;
      if (lora && !lora->factor.empty() && fault != Fault::FACTOR) y[n] *= lora->factor[n];
      for (size_t r = 0; r < rank; r++) y[n] += low[first + r] * bf16(lora->b[r * outputs + n]);
      if (!bias.empty() && fault != Fault::BIAS) y[n] += bias[n];
      if (lora && !lora->shift.empty() && fault != Fault::SHIFT) y[n] += lora->shift[n];
    }
    return y;
  }

  Vector norm(const float* x, const std::vector<float>& weight) const {
    double sum = fault == Fault::EPSILON_LEFT_OUT ? 0 : shape_.hidden * EPSILON;
    for (int i = 0; i < shape_.hidden; i++) sum += static_cast<double>(x[i]) * x[i];
    Vector y(shape_.hidden);
    for (int i = 0; i < shape_.hidden; i++) y[i] = x[i] * weight[i] / std::sqrt(sum);
    return y;
  }

  // Stores the token's key and value, and attends.
  Vector attention(Vector qkv, const std::vector<float>& head_norms, int position, Cache& cache, int64_t window) const {
    int dim = shape_.head_dim, kv_heads = shape_.kv_heads, group = shape_.heads / kv_heads;
    int rotated = shape_.heads + kv_heads, first = 0;
    for (int h = 0; h < rotated; h++) {
      if (!head_norms.empty() && fault != Fault::HEAD_NORM) norm_head(&qkv[h * dim], &head_norms[h * dim]);
      rotate(&qkv[h * dim], position);
    }
    for (int i = 0; i < shape_.heads * dim; i++) qkv[i] /= std::sqrt(dim);
    for (double& v : qkv) v = bf16(v);
    cache.keys.insert(cache.keys.end(), qkv.begin() + shape_.heads * dim, qkv.begin() + rotated * dim);
    cache.values.insert(cache.values.end(), qkv.begin() + rotated * dim, qkv.end());
    if (window >= 0) first = std::max<int>(0, position - window + (fault == Fault::WINDOW ? 2 : 1));
    int last = fault == Fault::SELF_LEFT_OUT && position > first ? position - 1 : position;
    Vector out(shape_.heads * dim), scores(position + 1);
    for (int h = 0; h < shape_.heads; h++) {
      int kv = fault == Fault::KV_HEAD ? h % kv_heads : h / group;
      double largest = -INFINITY, sum = 0;
      for (int t = first; t <= last; t++) {
        double score = 0;
        for (int i = 0; i < dim; i++) score += qkv[h * dim + i] * cache.keys[(t * kv_heads + kv) * dim + i];
        largest = std::max(largest, scores[t] = score);
      }
      for (int t = first; t <= last; t++) sum += scores[t] = std::exp(scores[t] - largest);
      for (int t = first; t <= last; t++)
        for (int i = 0; i < dim; i++)
          out[h * dim + i] += bf16(scores[t]) * cache.values[(t * kv_heads + kv) * dim + i] / sum;
    }
    return out;
  }
  void norm_head(double* x, const float* weight) const {
    double sum = 0;
    for (int i = 0; i < shape_.head_dim; i++) sum += x[i] * x[i];
    for (int i = 0; i < shape_.head_dim; i++) x[i] *= weight[i] / std::sqrt(sum / shape_.head_dim + EPSILON);
  }
  // Element i is rotated with element i + head dim / 2.
  void rotate(double* x, int position) const {
    int half = shape_.head_dim / 2;
    double factor = fault == Fault::ROPE_FACTOR ? 1 : shape_.rope_factor;
    for (int i = 0; i < half; i++) {
      int first = i, second = i + half;
      if (fault == Fault::ROPE_PAIRS) first = 2 * i, second = 2 * i + 1;
      double angle = static_cast<float>(position) * model_.inverse_frequencies[i], a = x[first], b = x[second];
      x[first] = (a * std::cos(angle) - b * std::sin(angle)) * factor;
      x[second] = (b * std::cos(angle) + a * std::sin(angle)) * factor;
    }
  }
  Vector scaled(Vector x, const std::vector<float>& scale) const {
    for (size_t i = 0; i < x.size() && fault != Fault::SCALE; i++) x[i] *= scale[i];
    return x;
  }
  static void add(float* x, const Vector& y) {
    for (size_t i = 0; i < y.size(); i++) x[i] += y[i];
  }
};
