#include "model.h"

#include <math.h>

#include "step.h"

namespace tidemark {

namespace {

// Of any size of a model except for the vocabulary: 127 * 128 * inputs fit 32 bits, and chunks of a linear
// LARGEST_CHUNK.
constexpr int64_t LARGEST = 1 << 17;
constexpr int64_t LARGEST_VOCABULARY = 1 << 24;

const Kernels* kernels_of(int family) {
  switch (family) {
    case TIDEMARK_AVX2:
      return kernels_avx2();
    case TIDEMARK_VNNI:
      return kernels_vnni();
    case TIDEMARK_VNNI_BF16:
      return kernels_vnni_bf16();
    default:
      return kernels_amx();
  }
}

inline bf16 rounded(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  if ((u & 0x7FFFFFFF) > 0x7F800000) return static_cast<bf16>(u >> 16 | 0x40);
  return static_cast<bf16>((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

}  // namespace

// ---- shape ----------------------------------------------------------------------------------------------------------

const char* Shape::read(const int64_t* n, Shape* s) {
  for (int i = TIDEMARK_SHAPE_LAYERS; i < TIDEMARK_SHAPE_FIELDS; i++)
    if (n[i] < (i == TIDEMARK_SHAPE_LARGE_INPUTS ? 0 : 1) ||
        n[i] > (i == TIDEMARK_SHAPE_VOCABULARY ? LARGEST_VOCABULARY : LARGEST))
      return "a size of the model's shape is out of range";
  if (n[TIDEMARK_SHAPE_FAMILY] < 0 || n[TIDEMARK_SHAPE_FAMILY] > tidemark_best_family())
    return "the processor does not support this family of kernels";
  s->family = static_cast<int>(n[TIDEMARK_SHAPE_FAMILY]);
  s->layers = static_cast<int>(n[TIDEMARK_SHAPE_LAYERS]);
  s->hidden = static_cast<int>(n[TIDEMARK_SHAPE_HIDDEN]);
  s->heads = static_cast<int>(n[TIDEMARK_SHAPE_HEADS]);
  s->kv_heads = static_cast<int>(n[TIDEMARK_SHAPE_KV_HEADS]);
  s->head_dim = static_cast<int>(n[TIDEMARK_SHAPE_HEAD_DIM]);
  s->inner = static_cast<int>(n[TIDEMARK_SHAPE_INNER]);
  s->vocabulary = static_cast<int>(n[TIDEMARK_SHAPE_VOCABULARY]);
  s->head_inputs[0] = static_cast<int>(n[TIDEMARK_SHAPE_SMALL_INPUTS]);
  s->head_inputs[1] = static_cast<int>(n[TIDEMARK_SHAPE_LARGE_INPUTS]);
  if (s->heads % s->kv_heads) return "the number of heads is not a multiple of the key heads";
  if (s->head_dim % 2 || s->head_dim > LARGEST_HEAD) return "the size of a head is odd or above 512";
  if (n[TIDEMARK_SHAPE_HEADS] * s->head_dim > LARGEST) return "the heads together are too wide";
  if (s->layers > 4096) return "the model has more than 4096 layers";
  if (s->head_inputs[0] + s->head_inputs[1] != s->hidden) return "the parts of the head do not have all inputs";
  s->width = static_cast<int>(round_up(s->head_dim, HEAD));
  s->group = s->heads / s->kv_heads;
  s->hidden_padded = static_cast<int>(round_up(s->hidden, INPUTS));
  s->inner_padded = static_cast<int>(round_up(s->inner, INPUTS));
  s->queries_padded = static_cast<int>(round_up(s->heads * s->head_dim, INPUTS));
  s->q_blocks = static_cast<int>(round_up(s->heads * s->head_dim, LANES)) / LANES;
  s->kv_blocks = static_cast<int>(round_up(s->kv_heads * s->head_dim, LANES)) / LANES;
  s->inner_blocks = static_cast<int>(round_up(s->inner, LANES)) / LANES;
  // rows at a multiple of 4 KiB would use few sets of the caches
  constexpr int gap = 2 * LANES;
  s->hidden_stride = s->hidden_padded + gap, s->inner_stride = s->inner_padded + gap;
  s->queries_stride = s->queries_padded + gap, s->qkv_stride = s->blocks(TIDEMARK_QKV) * LANES + gap;
  return nullptr;
}

int Shape::inputs(int module) const {
  return module == TIDEMARK_O ? heads * head_dim : module == TIDEMARK_DOWN ? inner : hidden;
}

int Shape::outputs(int module) const {
  if (module == TIDEMARK_QKV) return (heads + 2 * kv_heads) * head_dim;
  return module == TIDEMARK_GATE_UP ? 2 * inner : hidden;
}

int Shape::padded_inputs(int module) const { return static_cast<int>(round_up(inputs(module), INPUTS)); }

int Shape::blocks(int module) const {
  if (module == TIDEMARK_QKV) return q_blocks + 2 * kv_blocks;
  if (module == TIDEMARK_GATE_UP) return 2 * inner_blocks;
  return static_cast<int>(round_up(hidden, LANES)) / LANES;
}

int Shape::part_of_block(int module, int block) const {
  if (module == TIDEMARK_GATE_UP) return block & 1;
  if (module != TIDEMARK_QKV) return 0;
  return block < q_blocks ? 0 : block < q_blocks + kv_blocks ? 1 : 2;
}

int Shape::output(int module, int block, int lane) const {
  int part = part_of_block(module, block);
  if (module == TIDEMARK_GATE_UP) {
    int i = block / 2 * LANES + lane;
    return i < inner ? part * inner + i : -1;
  }
  if (module == TIDEMARK_QKV) {
    int i = (block - column(part) / LANES) * LANES + lane, q = heads * head_dim, kv = kv_heads * head_dim;
    return i < (part == 0 ? q : kv) ? (part == 0 ? 0 : q + (part - 1) * kv) + i : -1;
  }
  int i = block * LANES + lane;
  return i < hidden ? i : -1;
}

// ---- model ----------------------------------------------------------------------------------------------------------

int64_t Model::arena_bytes() const {
  auto linear = [](int64_t inputs, int64_t blocks) {
    return inputs * blocks * LANES + 2 * (blocks * LANES * 4 + 64) + 64;
  };
  int64_t layer = 0;
  for (int m = 0; m < TIDEMARK_MODULES; m++) layer += linear(shape.padded_inputs(m), shape.blocks(m));
  layer += 4 * (2 * shape.hidden_padded + shape.queries_padded + shape.inner_padded) + 5 * 64;
  layer += 4 * static_cast<int64_t>(shape.heads + shape.kv_heads) * shape.width;
  int64_t bytes = layer * shape.layers;
  for (int p = 0; p < 2; p++)
    bytes += linear(round_up(shape.head_inputs[p], INPUTS), round_up(shape.vocabulary, LANES) / LANES) +
             8 * shape.head_inputs[p] + 128;
  return bytes;
}

const char* Model::make(const int64_t* numbers, const int64_t* windows, const float* frequencies, double rope_factor,
                        double epsilon, Model** out) {
  Shape shape;
  if (const char* error = Shape::read(numbers, &shape)) return error;
  Model* m = create<Model>();
  if (!m) return "out of memory";
  m->shape = shape;
  m->kernels = kernels_of(shape.family);
  m->norm_extra = static_cast<float>(shape.hidden * epsilon);
  m->head_norm_extra = static_cast<float>(shape.head_dim * epsilon);
  m->rope_factor = static_cast<float>(rope_factor);
  m->attention_scale = static_cast<float>(1 / sqrt(shape.head_dim));
  m->linears_missing = shape.layers * TIDEMARK_MODULES + (shape.head_inputs[1] ? 2 : 1);
  m->vectors_missing = shape.layers + 1;
  if (!m->inverse_frequencies.reserve(shape.head_dim / 2) || !m->layers.reserve(shape.layers) ||
      !m->arena.reserve(m->arena_bytes())) {
    destroy(m);
    return "out of memory";
  }
  memcpy(m->inverse_frequencies.data(), frequencies, static_cast<size_t>(shape.head_dim) / 2 * 4);
  for (int l = 0; l < shape.layers; l++) {
    new (&m->layers[l]) Layer();
    if (windows[l] == 0 || windows[l] < -1) {
      destroy(m);
      return "a window is neither positive nor -1";
    }
    m->layers[l].window = windows[l] == -1 ? INT64_MAX : windows[l];
  }
  *out = m;
  return nullptr;
}

const char* Model::take_linear(Linear* l, int inputs, int blocks, bool bias) {
  Lock lock(arena_lock);
  if (l->weights) return "the linear has weights already";
  l->inputs = inputs, l->blocks = blocks;
  l->scale = arena.take<float>(static_cast<int64_t>(blocks) * LANES);
  if (bias) l->bias = arena.take<float>(static_cast<int64_t>(blocks) * LANES);
  l->weights = arena.take<uint8_t>(l->block_bytes() * blocks);
  return l->weights ? nullptr : "the weights do not fit the model's shape";
}

const char* Model::set_linear(int64_t layer, int64_t module, const float* weight, int64_t outputs, int64_t inputs,
                              const float* bias) {
  bool is_head = layer == shape.layers;
  if (layer < 0 || layer > shape.layers) return "there is no such layer";
  if (module < 0 || module >= (is_head ? 2 : TIDEMARK_MODULES)) return "there is no such linear";
  int m = static_cast<int>(module);
  if (outputs != (is_head ? shape.vocabulary : shape.outputs(m)) ||
      inputs != (is_head ? shape.head_inputs[m] : shape.inputs(m)))
    return "the weights do not have the size of the linear";
  if (is_head && bias) return "the head has no bias";
  if (is_head && inputs == 0) return "the part of the head has no inputs";
  Linear* l = is_head ? &head[m] : &layers[layer].linears[m];
  int blocks = is_head ? static_cast<int>(round_up(shape.vocabulary, LANES)) / LANES : shape.blocks(m);
  if (const char* error = take_linear(l, static_cast<int>(round_up(inputs, INPUTS)), blocks, bias)) return error;
  for (int b = 0; b < blocks; b++) {
    const float* rows[LANES];
    for (int i = 0; i < LANES; i++) {
      int head_row = b * LANES + i;
      int o = is_head ? (head_row < shape.vocabulary ? head_row : -1) : shape.output(m, b, i);
      rows[i] = o < 0 ? nullptr : weight + o * inputs;
      if (bias) l->bias[b * LANES + i] = o < 0 ? 0 : bias[o];
    }
    kernels->pack(rows, static_cast<int>(inputs), *l, b);
  }
  linears_missing.fetch_sub(1);
  return nullptr;
}

void Model::copy_norm(const float* norm, float* to) const {
  memcpy(to, norm, static_cast<size_t>(shape.hidden) * 4);
  memset(to + shape.hidden, 0, static_cast<size_t>(shape.hidden_padded - shape.hidden) * 4);
}

void Model::copy_head_norms(const float* norms, float* to) const {
  float root = static_cast<float>(sqrt(shape.head_dim));
  memset(to, 0, static_cast<size_t>(shape.heads + shape.kv_heads) * shape.width * 4);
  for (int h = 0; h < shape.heads + shape.kv_heads; h++)
    for (int d = 0; d < shape.head_dim; d++) to[h * shape.width + d] = norms[h * shape.head_dim + d] * root;
}

const char* Model::set_layer(int64_t index, const float* attention_norm, const float* mlp_norm,
                             const float* head_norms_in, const float* o_scale, const float* down_scale) {
  if (index < 0 || index >= shape.layers) return "there is no such layer";
  Lock lock(arena_lock);
  Layer& layer = layers[index];
  if (layer.norms[0]) return "the layer has vectors already";
  layer.norms[0] = arena.take<float>(shape.hidden_padded);
  layer.norms[1] = arena.take<float>(shape.hidden_padded);
  layer.input_scales[0] = arena.take<float>(shape.queries_padded);
  layer.input_scales[1] = arena.take<float>(shape.inner_padded);
  copy_norm(attention_norm, layer.norms[0]);
  copy_norm(mlp_norm, layer.norms[1]);
  memcpy(layer.input_scales[0], o_scale, static_cast<size_t>(shape.inputs(TIDEMARK_O)) * 4);
  memcpy(layer.input_scales[1], down_scale, static_cast<size_t>(shape.inner) * 4);
  if (head_norms_in) {
    layer.head_norms = arena.take<float>(static_cast<int64_t>(shape.heads + shape.kv_heads) * shape.width);
    copy_head_norms(head_norms_in, layer.head_norms);
  }
  vectors_missing.fetch_sub(1);
  return nullptr;
}

const char* Model::set_head(const int64_t* const* inputs, const float* const* scales) {
  for (int p = 0; p < 2; p++)
    for (int i = 0; i < shape.head_inputs[p]; i++)
      if (inputs[p][i] < 0 || inputs[p][i] >= shape.hidden) return "an input of the head is not in the states";
  Lock lock(arena_lock);
  if (head_indices[0]) return "the head has inputs already";
  for (int p = 0; p < 2; p++) {
    head_indices[p] = arena.take<int32_t>(shape.head_inputs[p]);
    head_scales[p] = arena.take<float>(shape.head_inputs[p]);
    for (int i = 0; i < shape.head_inputs[p]; i++)
      head_indices[p][i] = static_cast<int32_t>(inputs[p][i]), head_scales[p][i] = scales[p][i];
  }
  vectors_missing.fetch_sub(1);
  return nullptr;
}

Model::~Model() {
  while (workspaces) {
    Workspace* next = workspaces->next;
    destroy(workspaces);
    workspaces = next;
  }
}

// ---- adapters -------------------------------------------------------------------------------------------------------

const char* Adapter::make(Model* model, Adapter** out) {
  Adapter* a = create<Adapter>();
  if (!a || !a->layers.reserve(model->shape.layers)) {
    destroy(a);
    return "out of memory";
  }
  a->model = model;
  for (int l = 0; l < model->shape.layers; l++) new (&a->layers[l]) AdapterLayer();
  *out = a;
  return nullptr;
}

Adapter::~Adapter() {
  for (int64_t l = 0; model && l < model->shape.layers; l++) layers[l].~AdapterLayer();
}

const char* Adapter::set_lora(int64_t layer, int64_t module, int64_t rank, const float* a, const float* b,
                              const float* factor, const float* shift) {
  const Shape& s = model->shape;
  if (layer < 0 || layer >= s.layers) return "there is no such layer";
  if (module < 0 || module >= TIDEMARK_MODULES) return "there is no such linear";
  if (rank < 0 || rank > 1 << 16) return "the rank is out of range";
  int m = static_cast<int>(module), parts = s.parts(m), blocks = s.blocks(m), inputs = s.inputs(m),
      padded = s.padded_inputs(m);
  Lora& lora = layers[layer].loras[m];
  if (lora.rank_blocks || lora.factor.capacity() || lora.shift.capacity()) return "the linear has LoRA already";
  int rank_blocks = static_cast<int>(round_up(rank, LANES) / LANES);
  int64_t outputs = s.outputs(m);
  if (rank_blocks) {
    if (!lora.a.reserve(static_cast<int64_t>(parts) * rank_blocks * padded * LANES) ||
        !lora.b.reserve(static_cast<int64_t>(blocks) * rank_blocks * LANES * LANES))
      return "out of memory";
    for (int p = 0; p < parts; p++)
      for (int r = 0; r < rank; r++) {
        bf16* to = lora.a.data() + (static_cast<int64_t>(p) * rank_blocks + r / LANES) * padded * LANES + r % LANES * 2;
        for (int k = 0; k < inputs; k++)
          to[k / 2 * LANES * 2 + k % 2] = rounded(a[static_cast<int64_t>(k) * parts * rank + p * rank + r]);
      }
    for (int block = 0; block < blocks; block++)
      for (int i = 0; i < LANES; i++) {
        int o = s.output(m, block, i);
        if (o < 0) continue;
        for (int r = 0; r < rank; r++)
          lora.b[(static_cast<int64_t>(block) * rank_blocks + r / LANES) * LANES * LANES + r % LANES / 2 * LANES * 2 +
                 i * 2 + r % 2] = rounded(b[r * outputs + o]);
      }
  }
  for (int v = 0; v < 2; v++) {
    const float* from = v ? shift : factor;
    Array<float>& to = v ? lora.shift : lora.factor;
    if (!from) continue;
    if (!to.reserve(static_cast<int64_t>(blocks) * LANES)) return "out of memory";
    for (int block = 0; block < blocks; block++)
      for (int i = 0; i < LANES; i++) {
        int o = s.output(m, block, i);
        to[block * LANES + i] = o < 0 ? 0 : from[o];
      }
  }
  lora.rank_blocks = rank_blocks;
  return nullptr;
}

const char* Adapter::set_norms(int64_t layer, const float* attention_norm, const float* mlp_norm,
                               const float* head_norms) {
  const Shape& s = model->shape;
  if (layer < 0 || layer >= s.layers) return "there is no such layer";
  AdapterLayer& to = layers[layer];
  const float* from[2] = {attention_norm, mlp_norm};
  for (int n = 0; n < 2; n++) {
    if (!from[n]) continue;
    if (!to.norms[n].reserve(s.hidden_padded)) return "out of memory";
    model->copy_norm(from[n], to.norms[n].data());
  }
  if (head_norms) {
    if (!to.head_norms.reserve(static_cast<int64_t>(s.heads + s.kv_heads) * s.width)) return "out of memory";
    model->copy_head_norms(head_norms, to.head_norms.data());
  }
  return nullptr;
}

int64_t Adapter::bytes() const {
  int64_t sum = 0;
  for (int l = 0; l < model->shape.layers; l++) {
    const AdapterLayer& layer = layers[l];
    for (const Lora& lora : layer.loras)
      sum += lora.a.bytes() + lora.b.bytes() + lora.factor.bytes() + lora.shift.bytes();
    sum += layer.norms[0].bytes() + layer.norms[1].bytes() + layer.head_norms.bytes();
  }
  return sum;
}

}  // namespace tidemark
