// The C interface: handles, and the checks of its arguments.
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "decoder.h"
#include "step.h"

using namespace tidemark;

namespace {

constexpr int64_t LARGEST_ROWS = 1 << 20;
constexpr int64_t LARGEST_POSITION = 1 << 30;

// ---- handles --------------------------------------------------------------------------------------------------------

enum class Kind { MODEL, ADAPTER, BLOCK };

// A handle is a number that is never used again, and the index of its object.
constexpr int INDEX_BITS = 18;

struct Object {
  int64_t handle = 0;
  Kind kind = Kind::MODEL;
  void* pointer = nullptr;
};

Mutex objects_lock;
Object objects[1 << INDEX_BITS];
int64_t objects_made = 0;
int64_t first_unused = 0;  // all objects before it are used

const char* add_object(Kind kind, void* pointer, int64_t* handle) {
  Lock lock(objects_lock);
  int64_t i = first_unused;
  while (i < 1 << INDEX_BITS && objects[i].pointer) i++;
  first_unused = i;
  if (i == 1 << INDEX_BITS) return "too many objects exist";
  *handle = ++objects_made << INDEX_BITS | i;
  objects[i] = {*handle, kind, pointer};
  return nullptr;
}

Object* find_object(int64_t handle) {
  Object* object = &objects[handle & ((1 << INDEX_BITS) - 1)];
  return handle > 0 && object->pointer && object->handle == handle ? object : nullptr;
}

void* find(Kind kind, int64_t handle) {
  Lock lock(objects_lock);
  Object* object = find_object(handle);
  return object && object->kind == kind ? object->pointer : nullptr;
}

Model* model_of(int64_t handle) { return static_cast<Model*>(find(Kind::MODEL, handle)); }
Adapter* adapter_of(int64_t handle) { return static_cast<Adapter*>(find(Kind::ADAPTER, handle)); }

// The model of a handle of any kind, or null.
Model* model_behind(int64_t handle) {
  Lock lock(objects_lock);
  Object* object = find_object(handle);
  if (!object) return nullptr;
  switch (object->kind) {
    case Kind::MODEL:
      return static_cast<Model*>(object->pointer);
    case Kind::ADAPTER:
      return static_cast<Adapter*>(object->pointer)->model;
    case Kind::BLOCK:
      return static_cast<Block*>(object->pointer)->model;
  }
  return nullptr;
}

constexpr const char* NO_OBJECT = "there is no object with this handle";
constexpr const char* NO_MODEL = "there is no model with this handle";
constexpr const char* NO_ADAPTER = "there is no adapter with this handle";

// ---- processor ------------------------------------------------------------------------------------------------------

constexpr long ARCH_REQ_XCOMP_PERM = 0x1023;
constexpr long XFEATURE_XTILEDATA = 18;

bool bit(unsigned v, int i) { return v >> i & 1; }

int detect_family() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27) || !bit(c, 12)) return -1;  // OSXSAVE, FMA
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0x6) != 0x6) return -1;
  unsigned b7, c7, d7, a71;
  if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !bit(b7, 5)) return -1;  // AVX2
  unsigned subleaves = a;
  bool avx512 = (low & 0xE0) == 0xE0 && bit(b7, 16) && bit(b7, 17) && bit(b7, 30) && bit(b7, 31) && bit(c7, 11);
  if (!avx512) return TIDEMARK_AVX2;
  if (subleaves < 1 || !__get_cpuid_count(7, 1, &a71, &b, &c, &d) || !bit(a71, 5)) return TIDEMARK_VNNI;
  bool amx = bit(d7, 22) && bit(d7, 24) && bit(d7, 25) && (low & 0x60000) == 0x60000;
  // without the permission, the first use of a tile ends the process
  if (!amx || syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)) return TIDEMARK_VNNI_BF16;
  return TIDEMARK_AMX;
}

// ---- plans ----------------------------------------------------------------------------------------------------------

// The order of segments by place, to find two of the same slot.
struct Place {
  const Block* block;
  int64_t slot;
};

int compare_places(const void* a, const void* b) {
  const Place *p = static_cast<const Place*>(a), *q = static_cast<const Place*>(b);
  if (p->block != q->block) return p->block < q->block ? -1 : 1;
  return p->slot < q->slot ? -1 : p->slot > q->slot;
}

const char* check_place(const Model& model, const Segment& s) {
  const Block& block = *s.block;
  if (s.slot < 0 || s.slot >= block.slots) return "a segment has a slot outside of its block";
  if (s.position < 0 || s.position > LARGEST_POSITION) return "a segment has a position out of range";
  int64_t end = s.position + s.rows;
  for (int l = 0; l < model.shape.layers; l++) {
    int64_t window = model.layers[l].window;
    if (window == INT64_MAX ? end > block.capacity : end > block.ring_capacity && window > block.ring_capacity)
      return "the tokens of a segment exceed the capacity of its block";
  }
  return nullptr;
}

const char* read_segments(const Model& model, int64_t rows, const int64_t* numbers, int64_t count, Segment* out) {
  int64_t first_row = 0;
  for (int64_t i = 0; i < count; i++, numbers += TIDEMARK_SEGMENT_FIELDS) {
    Segment& s = out[i];
    int64_t tokens = numbers[TIDEMARK_SEGMENT_TOKENS], adapter = numbers[TIDEMARK_SEGMENT_ADAPTER];
    if (tokens < 1 || tokens > rows - first_row) return "the segments do not have the rows of the states";
    s.block = static_cast<Block*>(find(Kind::BLOCK, numbers[TIDEMARK_SEGMENT_BLOCK]));
    if (!s.block || s.block->model != &model) return "a segment has no block of the model";
    s.adapter = adapter ? adapter_of(adapter) : nullptr;
    if (adapter && (!s.adapter || s.adapter->model != &model)) return "a segment has no adapter of the model";
    s.slot = numbers[TIDEMARK_SEGMENT_SLOT], s.position = numbers[TIDEMARK_SEGMENT_POSITION];
    int64_t boundary = numbers[TIDEMARK_SEGMENT_BOUNDARY];
    if (boundary < 0) return "a segment has a negative boundary";
    s.boundary = static_cast<int>(min<int64_t>(boundary, model.shape.layers));
    s.first_row = static_cast<int>(first_row), s.rows = static_cast<int>(tokens);
    if (const char* error = check_place(model, s)) return error;
    first_row += tokens;
  }
  return first_row == rows ? nullptr : "the segments do not have the rows of the states";
}

const char* check_slots(const Segment* segments, int64_t count) {
  Array<Place> places;
  if (!places.reserve(count)) return "out of memory";
  for (int64_t i = 0; i < count; i++) places[i] = {segments[i].block, segments[i].slot};
  qsort(places.data(), static_cast<size_t>(count), sizeof(Place), compare_places);
  for (int64_t i = 1; i < count; i++)
    if (compare_places(&places[i - 1], &places[i]) == 0) return "two segments have the same slot";
  return nullptr;
}

bool is_capacity(int64_t c) { return c >= 64 && c % 64 == 0 && c <= LARGEST_POSITION; }

// The checks that all passes share.
const char* check_pass(const Model* model, int64_t rows, int64_t threads) {
  if (!model) return NO_MODEL;
  if (!model->complete()) return "the model lacks weights";
  if (rows < 1 || rows > LARGEST_ROWS) return "the number of rows is out of range";
  if (threads < 1) return "a pass needs at least one thread";
  return nullptr;
}

int64_t most_threads(int64_t threads) { return min<int64_t>(threads, MAX_THREADS); }

}  // namespace

extern "C" {

int tidemark_decoder_version(void) { return 1; }

int tidemark_best_family(void) {
  static std::atomic<int> family{-2};
  if (family.load() == -2) family.store(detect_family());
  return family.load();
}

const char* tidemark_model_new(const int64_t* shape, const int64_t* windows, const float* inverse_frequencies,
                               double rope_factor, double epsilon, int64_t* model) {
  Model* made;
  if (const char* error = Model::make(shape, windows, inverse_frequencies, rope_factor, epsilon, &made)) return error;
  const char* error = add_object(Kind::MODEL, made, model);
  if (error) destroy(made);
  return error;
}

const char* tidemark_model_linear(int64_t model, int64_t layer, int64_t module, const float* weight, int64_t outputs,
                                  int64_t inputs, const float* bias) {
  Model* m = model_of(model);
  return m ? m->set_linear(layer, module, weight, outputs, inputs, bias) : NO_MODEL;
}

const char* tidemark_model_layer(int64_t model, int64_t layer, const float* attention_norm, const float* mlp_norm,
                                 const float* head_norms, const float* o_scale, const float* down_scale) {
  Model* m = model_of(model);
  return m ? m->set_layer(layer, attention_norm, mlp_norm, head_norms, o_scale, down_scale) : NO_MODEL;
}

const char* tidemark_model_head(int64_t model, const int64_t* small_inputs, const float* small_scale,
                                const int64_t* large_inputs, const float* large_scale) {
  Model* m = model_of(model);
  const int64_t* inputs[2] = {small_inputs, large_inputs};
  const float* scales[2] = {small_scale, large_scale};
  return m ? m->set_head(inputs, scales) : NO_MODEL;
}

const char* tidemark_shape(int64_t handle, int64_t* shape) {
  Model* m = model_behind(handle);
  if (!m) return NO_OBJECT;
  const Shape& s = m->shape;
  shape[TIDEMARK_SHAPE_FAMILY] = s.family;
  shape[TIDEMARK_SHAPE_LAYERS] = s.layers;
  shape[TIDEMARK_SHAPE_HIDDEN] = s.hidden;
  shape[TIDEMARK_SHAPE_HEADS] = s.heads;
  shape[TIDEMARK_SHAPE_KV_HEADS] = s.kv_heads;
  shape[TIDEMARK_SHAPE_HEAD_DIM] = s.head_dim;
  shape[TIDEMARK_SHAPE_INNER] = s.inner;
  shape[TIDEMARK_SHAPE_VOCABULARY] = s.vocabulary;
  shape[TIDEMARK_SHAPE_SMALL_INPUTS] = s.head_inputs[0];
  shape[TIDEMARK_SHAPE_LARGE_INPUTS] = s.head_inputs[1];
  return nullptr;
}

const char* tidemark_kv_width(int64_t model, int64_t* width) {
  Model* m = model_of(model);
  if (!m) return NO_MODEL;
  *width = m->shape.width;
  return nullptr;
}

const char* tidemark_block_new(int64_t model, const int64_t* layers, int64_t slots, int64_t capacity,
                               int64_t ring_capacity, int64_t* block) {
  Model* m = model_of(model);
  if (!m) return NO_MODEL;
  if (slots < 1 || slots > LARGEST_ROWS) return "the number of slots is out of range";
  if (!is_capacity(capacity) || !is_capacity(ring_capacity))
    return "a capacity is not a multiple of 64, or out of range";
  Block* b = create<Block>();
  if (!b || !b->layers.reserve(m->shape.layers)) {
    destroy(b);
    return "out of memory";
  }
  b->model = m, b->slots = slots, b->capacity = capacity, b->ring_capacity = ring_capacity;
  for (int l = 0; l < m->shape.layers; l++) {
    if (!layers[l]) {
      destroy(b);
      return "a layer of the block has no address";
    }
    b->layers[l] = reinterpret_cast<bf16*>(layers[l]);
  }
  const char* error = add_object(Kind::BLOCK, b, block);
  if (error) destroy(b);
  return error;
}

const char* tidemark_adapter_new(int64_t model, int64_t* adapter) {
  Model* m = model_of(model);
  if (!m) return NO_MODEL;
  Adapter* made;
  if (const char* error = Adapter::make(m, &made)) return error;
  const char* error = add_object(Kind::ADAPTER, made, adapter);
  if (error) destroy(made);
  return error;
}

const char* tidemark_adapter_lora(int64_t adapter, int64_t layer, int64_t module, int64_t rank, const float* a,
                                  const float* b, const float* factor, const float* shift) {
  Adapter* to = adapter_of(adapter);
  return to ? to->set_lora(layer, module, rank, a, b, factor, shift) : NO_ADAPTER;
}

const char* tidemark_adapter_norms(int64_t adapter, int64_t layer, const float* attention_norm, const float* mlp_norm,
                                   const float* head_norms) {
  Adapter* to = adapter_of(adapter);
  return to ? to->set_norms(layer, attention_norm, mlp_norm, head_norms) : NO_ADAPTER;
}

const char* tidemark_adapter_bytes(int64_t adapter, int64_t* bytes) {
  Adapter* of = adapter_of(adapter);
  if (!of) return NO_ADAPTER;
  *bytes = of->bytes();
  return nullptr;
}

const char* tidemark_close(int64_t handle) {
  Object object;
  {
    Lock lock(objects_lock);
    Object* found = find_object(handle);
    if (!found) return NO_OBJECT;
    object = *found;
    if (object.kind == Kind::MODEL)
      for (const Object& other : objects) {
        if (other.pointer && other.kind == Kind::ADAPTER &&
            static_cast<Adapter*>(other.pointer)->model == object.pointer)
          return "the model has adapters that are open";
        if (other.pointer && other.kind == Kind::BLOCK && static_cast<Block*>(other.pointer)->model == object.pointer)
          return "the model has blocks that are open";
      }
    found->pointer = nullptr;
    first_unused = min(first_unused, handle & ((1 << INDEX_BITS) - 1));
  }
  wait_for_late();
  switch (object.kind) {
    case Kind::MODEL:
      destroy(static_cast<Model*>(object.pointer));
      break;
    case Kind::ADAPTER:
      destroy(static_cast<Adapter*>(object.pointer));
      break;
    case Kind::BLOCK:
      destroy(static_cast<Block*>(object.pointer));
      break;
  }
  return nullptr;
}

const char* tidemark_run_layers(int64_t model, float* x, int64_t rows, const int64_t* segments, int64_t segment_count,
                                int64_t first, int64_t end, int64_t threads) {
  Model* m = model_of(model);
  if (const char* error = check_pass(m, rows, threads)) return error;
  if (first < 0 || end > m->shape.layers || first > end) return "the range of layers is not in the model";
  if (segment_count < 1 || segment_count > rows) return "the number of segments is out of range";
  Array<Segment> list;
  if (!list.reserve(segment_count)) return "out of memory";
  if (const char* error = read_segments(*m, rows, segments, segment_count, list.data())) return error;
  if (const char* error = check_slots(list.data(), segment_count)) return error;
  return run_layers(m, x, rows, list.data(), segment_count, first, end, most_threads(threads));
}

const char* tidemark_run_head(int64_t model, const float* h, int64_t rows, float* logits, int64_t threads) {
  Model* m = model_of(model);
  if (const char* error = check_pass(m, rows, threads)) return error;
  return run_head(m, h, rows, logits, most_threads(threads));
}

const char* tidemark_run_gold(int64_t model, const float* h, int64_t rows, const int64_t* gold, double* logprobs,
                              int64_t threads) {
  Model* m = model_of(model);
  if (const char* error = check_pass(m, rows, threads)) return error;
  for (int64_t i = 0; i < rows; i++)
    if (gold[i] < 0 || gold[i] >= m->shape.vocabulary) return "a gold token is not in the vocabulary";
  return run_gold(m, h, rows, gold, logprobs, most_threads(threads));
}

}  // extern "C"
