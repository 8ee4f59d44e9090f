// The weights of a model and its adapters, and blocks of keys and values.
#pragma once
#include <atomic>

#include "decoder.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"

namespace tidemark {

struct Workspace;

// The numbers of a model, and those that follow from them. Outputs of a linear are in the order of its blocks: each
// part is padded to whole blocks, and the blocks of gate and up take turns.
struct Shape {
  int family, layers, hidden, heads, kv_heads, head_dim, inner, vocabulary, head_inputs[2];
  int width;          // elements of a head in caches
  int group;          // query heads of a key head
  int hidden_padded;  // multiples of INPUTS
  int inner_padded;
  int queries_padded;                                           // heads * head_dim, padded
  int hidden_stride, inner_stride, queries_stride, qkv_stride;  // elements from a row of activations to the next
  int q_blocks, kv_blocks, inner_blocks;

  static const char* read(const int64_t* numbers, Shape* out);

  int inputs(int module) const;   // not padded
  int outputs(int module) const;  // not padded
  int padded_inputs(int module) const;
  int blocks(int module) const;
  int parts(int module) const { return module == TIDEMARK_QKV ? 3 : module == TIDEMARK_GATE_UP ? 2 : 1; }
  int part_of_block(int module, int block) const;
  // The output of an element of a block, or -1 for padding.
  int output(int module, int block, int lane) const;
  // The first column of a part of qkv.
  int column(int part) const { return LANES * (part == 0 ? 0 : q_blocks + (part - 1) * kv_blocks); }
};

struct Layer {
  int64_t window = INT64_MAX;
  float* norms[2] = {};         // attention and mlp, [hidden_padded]
  float* head_norms = nullptr;  // [heads + kv heads][width], multiplied by sqrt(head_dim); or null
  float* input_scales[2] = {};  // of o_proj and down, padded with zeros
  Linear linears[TIDEMARK_MODULES];
};

struct Model {
  Shape shape;
  const Kernels* kernels;
  float norm_extra;       // hidden * epsilon
  float head_norm_extra;  // head_dim * epsilon
  float rope_factor, attention_scale;
  Array<float> inverse_frequencies;
  Array<Layer> layers;
  Linear head[2];
  int32_t* head_indices[2] = {};  // [head inputs]
  float* head_scales[2] = {};     // [head inputs]
  Arena arena;
  std::atomic<int> linears_missing{0}, vectors_missing{0};
  Mutex arena_lock, workspaces_lock;
  Workspace* workspaces = nullptr;  // the workspaces that no call uses

  static const char* make(const int64_t* shape, const int64_t* windows, const float* inverse_frequencies,
                          double rope_factor, double epsilon, Model** out);
  ~Model();
  const char* set_linear(int64_t layer, int64_t module, const float* weight, int64_t outputs, int64_t inputs,
                         const float* bias);
  const char* set_layer(int64_t layer, const float* attention_norm, const float* mlp_norm, const float* head_norms_in,
                        const float* o_scale, const float* down_scale);
  const char* set_head(const int64_t* const* inputs, const float* const* scales);
  bool complete() const { return linears_missing.load() == 0 && vectors_missing.load() == 0; }

  // A norm [hidden] with zeros up to hidden_padded, and norms of heads as in Layer; they have room for them.
  void copy_norm(const float* norm, float* to) const;
  void copy_head_norms(const float* norms, float* to) const;

 private:
  int64_t arena_bytes() const;
  const char* take_linear(Linear* l, int inputs, int blocks, bool bias);
};

// The LoRA of a linear. Ranks are padded to whole blocks of LANES.
struct Lora {
  int rank_blocks = 0;         // blocks of ranks of each part
  Array<bf16> a;               // [parts][rank_blocks][inputs / 2][LANES][2]
  Array<bf16> b;               // [blocks][rank_blocks][LANES / 2][LANES][2]
  Array<float> factor, shift;  // [blocks * LANES]; empty for 1 and 0
};

struct AdapterLayer {
  Lora loras[TIDEMARK_MODULES];
  Array<float> norms[2], head_norms;  // empty where the norms of the base model apply
};

struct Adapter {
  Model* model = nullptr;
  Array<AdapterLayer> layers;

  static const char* make(Model* model, Adapter** out);
  ~Adapter();
  const char* set_lora(int64_t layer, int64_t module, int64_t rank, const float* a, const float* b, const float* factor,
                       const float* shift);
  const char* set_norms(int64_t layer, const float* attention_norm, const float* mlp_norm, const float* head_norms);
  int64_t bytes() const;
};

struct Block {
  Model* model = nullptr;
  Array<bf16*> layers;  // [2, slots, kv heads, capacity of the layer, width]
  int64_t slots, capacity, ring_capacity;

  int64_t capacity_of(int layer) const { return model->layers[layer].window == INT64_MAX ? capacity : ring_capacity; }
};

}  // namespace tidemark
