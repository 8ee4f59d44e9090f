#include "step.h"

#include <math.h>

namespace tidemark {

namespace {

constexpr int LARGEST_CHUNK = 512;    // outputs of a linear
constexpr int TOGETHER = 2;           // blocks of a linear that stay in one chunk: of gate and up, or of tiles
constexpr int CHUNKS_PER_THREAD = 4;  // of a linear, at least
constexpr int OWN_ROWS = 2;           // up to this number, each thread rounds all inputs for itself, without a phase
constexpr int HELPED_ROWS = 64;       // up to this number, chunks are short and threads help each other
constexpr int MANY_ROWS = 64;         // above this number, chunks of a linear have up to MANY_BLOCKS
constexpr int MANY_BLOCKS = 8;
constexpr int64_t GOLD_ROWS = 64;  // of logits in a workspace

// The pool of the process, made by the first pass with several threads; null if there is no memory for it.
Pool* pool(bool make) {
  static Mutex mutex;
  static Pool* pool = nullptr;
  Lock lock(mutex);
  if (!pool && make) pool = create<Pool>();
  return pool;
}

// The first of `count` things in a chunk. It ends before the first one of the next chunk.
int first_of(int64_t count, int chunk, int chunks) { return static_cast<int>(count * chunk / chunks); }

// The chunks of a linear.
int chunks_of(int64_t rows, int blocks, int per_thread, int64_t threads) {
  int groups = (blocks + TOGETHER - 1) / TOGETHER;
  int widest = (rows > MANY_ROWS ? MANY_BLOCKS : LARGEST_CHUNK / LANES) / TOGETHER;
  int chunks = max(static_cast<int>(min<int64_t>(groups, per_thread * threads)), (groups + widest - 1) / widest);
  return min(max(chunks, 1), MAX_CHUNKS);
}

// Blocks of a chunk.
struct Span {
  int first, end;
  Span(int chunk, int chunks, int blocks) {
    int groups = (blocks + TOGETHER - 1) / TOGETHER;
    first = first_of(groups, chunk, chunks) * TOGETHER;
    end = min(first_of(groups, chunk + 1, chunks) * TOGETHER, blocks);
  }
  int width() const { return (end - first) * LANES; }
};

template <class T>
T* row_of(Array<T>& array, int64_t row, int64_t width) {
  return array.data() + row * width;
}

// Neighbouring rows of one adapter and boundary, or without an adapter; at most ROWS.
struct Unit {
  const Adapter* adapter;
  int boundary, first, rows;
};

// Queries of each key head that are one Attention.
struct Queries {
  int segment, first_row, tokens;
  int first_head, heads;  // of a group
};

// What a pass computes, with its lists in the same memory.
struct Plan {
  Model* model;
  Workspace* workspace;
  int rows, segments, units, queries, rounds;
  int first, end;       // layers
  int rank_blocks;      // the most of an adapter in the pass; 0 without LoRA
  int64_t span;         // of the scores of a query
  float* logits;        // of the head, or null
  const int64_t* gold;  // whose log-probabilities follow the head, or null
  double* logprobs;
  int64_t segments_at, units_at, queries_at, round_ends_at, row_segments_at, row_rounds_at, bytes;

  template <class T>
  T* at(int64_t offset) {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(this) + offset);
  }
  template <class T>
  const T* at(int64_t offset) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) + offset);
  }
  const Segment& segment(int i) const { return at<Segment>(segments_at)[i]; }
  const Unit& unit(int i) const { return at<Unit>(units_at)[i]; }
  const Queries& query(int i) const { return at<Queries>(queries_at)[i]; }
  int round_end(int r) const { return r < 0 ? 0 : at<int>(round_ends_at)[r]; }  // of the queries
  const Segment& segment_of_row(int m) const { return segment(at<int>(row_segments_at)[m]); }
  int round_of_row(int m) const { return at<int>(row_rounds_at)[m]; }
};

// A pass on one thread.
class Pass {
 public:
  Pass(const Plan& plan, int thread, Team& team)
      : plan_(plan),
        model_(*plan.model),
        shape_(plan.model->shape),
        k_(*plan.model->kernels),
        w_(*plan.workspace),
        scratch_(plan.workspace->scratch[thread]),
        team_(team) {}

  void run() {
    k_.begin();
    if (plan_.logits) {
      if (head() && plan_.gold) gold();
    } else {
      for (int l = plan_.first; l < plan_.end && layer(l); l++) {
      }
    }
    k_.end();
  }

 private:
  const Plan& plan_;
  Model& model_;
  const Shape& shape_;
  const Kernels& k_;
  Workspace& w_;
  Scratch& scratch_;
  Team& team_;

  bool helps() const { return plan_.rows <= HELPED_ROWS; }
  bool uses_tiles() const { return plan_.rows >= k_.tile_rows; }
  bool rounds_itself() const { return plan_.rows <= OWN_ROWS && !plan_.rank_blocks; }

  Bytes shared_bytes(int part) {
    return {w_.q[part].data(), w_.scales[part].data(), w_.sums[part].data(), uses_tiles()};
  }
  Bytes own_bytes(int part) {
    int64_t most = scratch_.q.capacity() / (2 * OWN_ROWS);
    return {scratch_.q.data() + part * OWN_ROWS * most, scratch_.scales.data() + part * OWN_ROWS,
            scratch_.sums.data() + part * OWN_ROWS, false};
  }

  bool layer(int l) {
    int columns = shape_.qkv_stride;
    auto add_to_states = [&](int first, int width, const float* y, int64_t stride) {
      int n = min(width, shape_.hidden_padded - first);
      for (int m = 0; m < plan_.rows; m++) k_.add(y + m * stride, n, row_of(w_.x, m, shape_.hidden_stride) + first);
    };
    auto keep_qkv = [&](int first, int width, const float* y, int64_t stride) {
      for (int m = 0; m < plan_.rows; m++)
        memcpy(row_of(w_.qkv, m, columns) + first, y + m * stride, static_cast<size_t>(width) * 4);
    };
    auto keep_silu = [&](int first, int width, const float* y, int64_t stride) {
      for (int m = 0; m < plan_.rows; m++)
        k_.silu(y + m * stride, width / (2 * LANES), model_.layers[l].input_scales[1] + first / 2,
                row_of(w_.h, m, shape_.inner_stride) + first / 2);
    };
    return linear(l, TIDEMARK_QKV, keep_qkv, w_.qkv.data(), columns) && attention(l) &&
           linear(l, TIDEMARK_O, add_to_states) && linear(l, TIDEMARK_GATE_UP, keep_silu) &&
           linear(l, TIDEMARK_DOWN, add_to_states);
  }

  // ---- linears ------------------------------------------------------------------------------------------------------

  // The input of a linear, in memory of this thread or of the workspace.
  const float* input_row(int l, int module, int m) {
    if (module == TIDEMARK_O) return row_of(w_.attended, m, shape_.queries_stride);
    if (module == TIDEMARK_DOWN) return row_of(w_.h, m, shape_.inner_stride);
    int norm = module == TIDEMARK_GATE_UP;
    const float* weights = model_.layers[l].norms[norm];
    const Adapter* adapter = plan_.segment_of_row(m).adapter;
    if (adapter && adapter->layers[l].norms[norm].capacity()) weights = adapter->layers[l].norms[norm].data();
    float* y = scratch_.row.data();
    k_.norm(row_of(w_.x, m, shape_.hidden_stride), weights, shape_.hidden_padded, model_.norm_extra, y);
    return y;
  }

  const Lora* lora_of(const Unit& unit, int l, int module) const {
    return unit.adapter && l < unit.boundary ? &unit.adapter->layers[l].loras[module] : nullptr;
  }

  // Rounds the inputs of a linear to bytes, and multiplies them by A.
  bool prepare(int l, int module, Bytes* bytes) {
    int n = model_.layers[l].linears[module].inputs, parts = shape_.parts(module);
    if (rounds_itself()) {
      *bytes = own_bytes(0);
      LateReads reads(true);
      for (int m = 0; m < plan_.rows; m++) k_.quantize(input_row(l, module, m), n, m, *bytes);
      return true;
    }
    *bytes = shared_bytes(0);
    int chunks = min(plan_.units, MAX_CHUNKS);
    int64_t stride = static_cast<int64_t>(plan_.rank_blocks) * 3 * LANES;
    // a chunk is written to shared memory, so that it can't be computed twice
    return team_.phase(chunks, [&](int c) {
      for (int u = first_of(plan_.units, c, chunks); u < first_of(plan_.units, c + 1, chunks); u++) {
        const Unit& unit = plan_.unit(u);
        const Lora* lora = lora_of(unit, l, module);
        bool products = lora && lora->rank_blocks;
        for (int m = unit.first; m < unit.first + unit.rows; m++) {
          const float* x = input_row(l, module, m);
          k_.quantize(x, n, m, *bytes);
          if (products) k_.round(x, n, row_of(w_.rounded, m, n));
        }
        for (int p = 0; products && p < parts; p++)
          k_.lora_a(row_of(w_.rounded, unit.first, n), n, unit.rows,
                    lora->a.data() + static_cast<int64_t>(p) * lora->rank_blocks * n * LANES, n, lora->rank_blocks,
                    row_of(w_.lora_products, unit.first, stride) + static_cast<int64_t>(p) * lora->rank_blocks * LANES,
                    stride);
      }
    });
  }

  // Makes the base's outputs those of the adapters and adds biases, in the blocks first .. end-1.
  void finish_outputs(int l, int module, int first, int end, float* y, int64_t stride) {
    const Linear& linear = model_.layers[l].linears[module];
    int n = (end - first) * LANES;
    int64_t t_stride = static_cast<int64_t>(plan_.rank_blocks) * 3 * LANES;
    for (int u = 0; u < plan_.units; u++) {
      const Unit& unit = plan_.unit(u);
      const Lora* lora = lora_of(unit, l, module);
      float* rows = y + unit.first * stride;
      if (lora && lora->factor.capacity())
        for (int m = 0; m < unit.rows; m++)
          k_.multiply(rows + m * stride, lora->factor.data() + first * LANES, n, rows + m * stride);
      if (lora && lora->rank_blocks)
        for (int b = first; b < end; b++)
          k_.lora_b(row_of(w_.lora_products, unit.first, t_stride) +
                        static_cast<int64_t>(shape_.part_of_block(module, b)) * lora->rank_blocks * LANES,
                    t_stride, unit.rows, lora->b.data() + static_cast<int64_t>(b) * lora->rank_blocks * LANES * LANES,
                    lora->rank_blocks, rows + (b - first) * LANES, stride);
      for (int m = 0; m < unit.rows; m++) {
        if (linear.bias) k_.add(linear.bias + first * LANES, n, rows + m * stride);
        if (lora && lora->shift.capacity()) k_.add(lora->shift.data() + first * LANES, n, rows + m * stride);
      }
    }
  }

  // A linear, and keep(first output, outputs, y, stride) for each chunk of its outputs. With `out` [rows][columns], a
  // pass whose threads do not help each other computes the outputs there instead.
  template <class Keep>
  bool linear(int l, int module, Keep keep, float* out = nullptr, int64_t columns = 0) {
    const Linear& linear = model_.layers[l].linears[module];
    Bytes bytes;
    if (!prepare(l, module, &bytes)) return false;
    int chunks = chunks_of(plan_.rows, linear.blocks, CHUNKS_PER_THREAD, team_.threads());
    auto compute = [&](const Span& span, float* y, int64_t stride) {
      k_.linear(linear, bytes, plan_.rows, span.first, span.end, y, stride);
      finish_outputs(l, module, span.first, span.end, y, stride);
    };
    if (out && !helps())
      return team_.phase(chunks, [&](int c) {
        Span span(c, chunks, linear.blocks);
        compute(span, out + span.first * LANES, columns);
      });
    return team_.phase(chunks, helps(), [&](int c) {
      Span span(c, chunks, linear.blocks);
      compute(span, scratch_.outputs.data(), span.width());
    }, [&](int c) {
      Span span(c, chunks, linear.blocks);
      keep(span.first * LANES, span.width(), scratch_.outputs.data(), span.width());
    });
  }

  // ---- attention ----------------------------------------------------------------------------------------------------

  // Keys, or values, of a segment and a head.
  bf16* cached(const Segment& s, int l, int values, int head) const {
    const Block& block = *s.block;
    return block.layers[l] +
           (((values * block.slots + s.slot) * shape_.kv_heads + head) * block.capacity_of(l)) * shape_.width;
  }

  // A head in bfloat16 [width], with its norm and its rotation.
  void round_head(const float* x, const float* norm, int m, float factor, bf16* y) {
    alignas(64) float a[LARGEST_HEAD], b[LARGEST_HEAD];
    int n = shape_.head_dim, half = n / 2;
    memset(a + n / LANES * LANES, 0, static_cast<size_t>(shape_.width - n / LANES * LANES) * 4);
    memcpy(a, x, static_cast<size_t>(n) * 4);
    memset(b + n / LANES * LANES, 0, static_cast<size_t>(shape_.width - n / LANES * LANES) * 4);
    if (norm) k_.norm(a, norm, shape_.width, model_.head_norm_extra, a);
    k_.rotate(a, row_of(w_.cos, m, half), row_of(w_.sin, m, half), n, factor, b);
    k_.round(b, shape_.width, y);
  }

  // Rotates queries, and stores keys and values.
  void store_row(int l, int m) {
    const Layer& layer = model_.layers[l];
    const Segment& s = plan_.segment_of_row(m);
    const float* row = row_of(w_.qkv, m, shape_.qkv_stride);
    const float* norms = layer.head_norms;
    if (s.adapter && s.adapter->layers[l].head_norms.capacity()) norms = s.adapter->layers[l].head_norms.data();
    int width = shape_.width, n = shape_.head_dim;
    int64_t at = (s.position + m - s.first_row) % s.block->capacity_of(l);
    auto keys_at = [&](int h) { return cached(s, l, 0, h) + at / LANES * LANES * width + at % LANES * 2; };
    auto values_at = [&](int h) { return cached(s, l, 1, h) + at / 2 * 2 * width + at % 2; };
    for (int h = 0; h < shape_.kv_heads; h++)
      for (int d = 0; d < width; d += 2) {
        __builtin_prefetch(keys_at(h) + d * LANES, 1);
        if (d % LANES == 0) __builtin_prefetch(values_at(h) + 2 * d, 1);
      }
    for (int h = 0; h < shape_.heads; h++)
      round_head(row + h * n, norms ? norms + h * width : nullptr, m, model_.attention_scale,
                 row_of(w_.queries, m, shape_.heads * width) + h * width);
    alignas(64) bf16 key[LARGEST_HEAD], value[LARGEST_HEAD];
    for (int h = 0; h < shape_.kv_heads; h++) {
      round_head(row + shape_.column(1) + h * n, norms ? norms + (shape_.heads + h) * width : nullptr, m, 1.f, key);
      alignas(64) float v[LARGEST_HEAD];
      memset(v + n / LANES * LANES, 0, static_cast<size_t>(width - n / LANES * LANES) * 4);
      memcpy(v, row + shape_.column(2) + h * n, static_cast<size_t>(n) * 4);
      k_.round(v, width, value);
      bf16 *keys = keys_at(h), *values = values_at(h);
      for (int d = 0; d < width; d += 2) memcpy(keys + d * LANES, key + d, 4);
      for (int d = 0; d < width; d++) values[2 * d] = value[d];
    }
  }

  void attend(int l, const Queries& q, int head) {
    const Segment& s = plan_.segment(q.segment);
    Attention a;
    a.keys = cached(s, l, 0, head);
    a.values = cached(s, l, 1, head);
    a.width = shape_.width;
    a.capacity = static_cast<int>(s.block->capacity_of(l));
    a.window = static_cast<int>(min<int64_t>(model_.layers[l].window, 1 << 30));
    a.rows = q.tokens * q.heads;
    a.heads = q.heads;
    a.queries_stride = static_cast<int64_t>(shape_.heads) * shape_.width;
    a.queries = row_of(w_.queries, q.first_row, a.queries_stride) + (head * shape_.group + q.first_head) * shape_.width;
    for (int m = 0; m < a.rows; m++) a.positions[m] = s.position + q.first_row - s.first_row + m / q.heads;
    a.stride = plan_.span;
    a.scores = scratch_.scores.data();
    a.weights = scratch_.weights.data();
    a.out = scratch_.attended.data();
    k_.attend(a);
  }

  void keep_attended(int l, const Queries& q, int head) {
    for (int m = 0; m < q.tokens * q.heads; m++) {
      int column = (head * shape_.group + q.first_head + m % q.heads) * shape_.head_dim;
      k_.multiply(scratch_.attended.data() + m * shape_.width, model_.layers[l].input_scales[0] + column,
                  shape_.head_dim, row_of(w_.attended, q.first_row + m / q.heads, shape_.queries_stride) + column);
    }
  }

  // Keys and values of a round are stored before its queries read them. A pass has one round, unless a segment's keys
  // would overwrite others that its first queries read.
  bool attention(int l) {
    for (int round = 0; round < plan_.rounds; round++) {
      int chunks = min(min(plan_.rows, 8 * team_.threads()), MAX_CHUNKS);
      bool current = team_.phase(chunks, [&](int c) {
        for (int m = first_of(plan_.rows, c, chunks); m < first_of(plan_.rows, c + 1, chunks); m++)
          if (plan_.round_of_row(m) == round) store_row(l, m);
      });
      if (!current) return false;
      int first = plan_.round_end(round - 1), tasks = (plan_.round_end(round) - first) * shape_.kv_heads;
      if (tasks <= MAX_CHUNKS) {
        current = team_.phase(tasks, true, [&](int c) {
          attend(l, plan_.query(first + c / shape_.kv_heads), c % shape_.kv_heads);
        }, [&](int c) { keep_attended(l, plan_.query(first + c / shape_.kv_heads), c % shape_.kv_heads); });
      } else {
        current = team_.phase(MAX_CHUNKS, [&](int c) {
          for (int i = first_of(tasks, c, MAX_CHUNKS); i < first_of(tasks, c + 1, MAX_CHUNKS); i++) {
            attend(l, plan_.query(first + i / shape_.kv_heads), i % shape_.kv_heads);
            keep_attended(l, plan_.query(first + i / shape_.kv_heads), i % shape_.kv_heads);
          }
        });
      }
      if (!current) return false;
    }
    return true;
  }

  // ---- head ---------------------------------------------------------------------------------------------------------

  bool head() {
    int parts = shape_.head_inputs[1] ? 2 : 1;
    Bytes bytes[2];
    auto round_row = [&](int m) {
      for (int p = 0; p < parts; p++) {
        k_.gather(row_of(w_.x, m, shape_.hidden_stride), model_.head_indices[p], model_.head_scales[p],
                  shape_.head_inputs[p], model_.head[p].inputs, scratch_.row.data());
        k_.quantize(scratch_.row.data(), model_.head[p].inputs, m, bytes[p]);
      }
    };
    bool own = plan_.rows <= OWN_ROWS;
    for (int p = 0; p < parts; p++) bytes[p] = own ? own_bytes(p) : shared_bytes(p);
    if (own) {
      LateReads reads(true);
      for (int m = 0; m < plan_.rows; m++) round_row(m);
    } else {
      int chunks = min(plan_.rows, 4 * team_.threads());
      bool current = team_.phase(chunks, [&](int c) {
        for (int m = first_of(plan_.rows, c, chunks); m < first_of(plan_.rows, c + 1, chunks); m++) round_row(m);
      });
      if (!current) return false;
    }
    int blocks = model_.head[0].blocks;
    int chunks = chunks_of(plan_.rows, blocks, 4 * CHUNKS_PER_THREAD, team_.threads());
    float* y = scratch_.outputs.data();
    return team_.phase(chunks, helps(), [&](int c) {
      Span span(c, chunks, blocks);
      for (int p = 0; p < parts; p++) {
        float* of_part = y + static_cast<int64_t>(p) * plan_.rows * span.width();
        k_.linear(model_.head[p], bytes[p], plan_.rows, span.first, span.end, of_part, span.width());
        if (p) k_.add(of_part, plan_.rows * span.width(), y);
      }
    }, [&](int c) {
      Span span(c, chunks, blocks);
      int n = min(span.width(), shape_.vocabulary - span.first * LANES);
      for (int m = 0; m < plan_.rows; m++)
        memcpy(plan_.logits + static_cast<int64_t>(m) * shape_.vocabulary + span.first * LANES,
               y + static_cast<int64_t>(m) * span.width(), static_cast<size_t>(n) * 4);
    });
  }

  // One thread sums the exponentials of a row, in the order of the vocabulary.
  void gold() {
    team_.phase(plan_.rows, [&](int m) {
      const float* logits = plan_.logits + static_cast<int64_t>(m) * shape_.vocabulary;
      plan_.logprobs[m] = logits[plan_.gold[m]] - k_.log_sum_exp(logits, shape_.vocabulary);
    });
  }
};

// ---- planning -------------------------------------------------------------------------------------------------------

// Late threads may read the memory that grows.
template <class T>
bool grow(Array<T>& array, int64_t n) {
  if (n <= array.capacity()) return true;
  wait_for_late();
  return array.reserve(n);
}

// A workspace that no call uses, for the time of a call.
class Lease {
 public:
  explicit Lease(Model* model) : model_(model) {
    Lock lock(model->workspaces_lock);
    workspace_ = model->workspaces;
    if (workspace_)
      model->workspaces = workspace_->next;
    else
      workspace_ = create<Workspace>();
  }
  ~Lease() {
    if (!workspace_) return;
    Lock lock(model_->workspaces_lock);
    workspace_->next = model_->workspaces;
    model_->workspaces = workspace_;
  }
  Lease(const Lease&) = delete;
  Workspace* get() { return workspace_; }

 private:
  Model* model_;
  Workspace* workspace_;
};

// The outputs of the widest chunk of a linear.
int64_t widest_chunk(int64_t rows, int blocks, int per_thread, int64_t threads) {
  int chunks = chunks_of(rows, blocks, per_thread, threads), groups = (blocks + TOGETHER - 1) / TOGETHER;
  return static_cast<int64_t>((groups + chunks - 1) / chunks) * TOGETHER * LANES;
}

// Memory of linears and the head.
bool grow_linears(Workspace& w, const Model& model, int64_t rows, int64_t threads, bool head) {
  const Shape& s = model.shape;
  int64_t inputs = max(max(s.hidden_padded, s.inner_padded), s.queries_padded);
  int64_t input_bytes = inputs * model.kernels->input_size, padded = round_up(rows, 2 * ROWS);
  int64_t width = head ? 2 * widest_chunk(rows, model.head[0].blocks, 4 * CHUNKS_PER_THREAD, threads) : 0;
  for (int m = 0; m < TIDEMARK_MODULES && !head; m++)
    width = max(width, widest_chunk(rows, s.blocks(m), CHUNKS_PER_THREAD, threads));
  bool enough = grow(w.x, padded * s.hidden_stride);
  for (int p = 0; p < (head ? 2 : 1); p++)
    enough = enough && grow(w.q[p], padded * input_bytes) && grow(w.scales[p], padded) && grow(w.sums[p], padded);
  for (int64_t t = 0; t < threads; t++) {
    Scratch& own = w.scratch[t];
    enough = enough && grow(own.outputs, padded * width) && grow(own.row, inputs) &&
             grow(own.q, 2 * OWN_ROWS * input_bytes) && grow(own.scales, 2 * OWN_ROWS) && grow(own.sums, 2 * OWN_ROWS);
  }
  return enough;
}

bool grow_attention(Workspace& w, const Model& model, int64_t rows, int64_t span, int64_t threads) {
  const Shape& s = model.shape;
  int64_t padded = round_up(rows, 2 * ROWS);
  bool enough = grow(w.qkv, padded * s.qkv_stride) && grow(w.attended, padded * s.queries_stride) &&
                grow(w.h, padded * s.inner_stride) && grow(w.queries, padded * s.heads * s.width) &&
                grow(w.cos, padded * s.head_dim / 2) && grow(w.sin, padded * s.head_dim / 2);
  for (int64_t t = 0; t < threads; t++) {
    Scratch& own = w.scratch[t];
    enough = enough && grow(own.scores, ROWS * span) && grow(own.weights, ROWS * span) &&
             grow(own.attended, static_cast<int64_t>(ROWS) * s.width);
  }
  return enough;
}

void rotations(Workspace& w, const Model& model, int64_t m, int64_t position) {
  int half = model.shape.head_dim / 2;
  for (int i = 0; i < half; i++) {
    float angle = static_cast<float>(position) * model.inverse_frequencies[i];
    w.cos[m * half + i] = cosf(angle) * model.rope_factor;
    w.sin[m * half + i] = sinf(angle) * model.rope_factor;
  }
}

void body(const void* plan, int thread, Team& team) { Pass(*static_cast<const Plan*>(plan), thread, team).run(); }

const char* run(const Plan& plan, int64_t threads) {
  if (threads <= 1) {
    Team alone;
    body(&plan, 0, alone);
    return nullptr;
  }
  Pool* threads_of_process = pool(true);
  return threads_of_process &&
                 threads_of_process->run(body, &plan, static_cast<size_t>(plan.bytes), static_cast<int>(threads))
             ? nullptr
             : "the threads of a step can't be started";
}

// Copies the states, runs the plan and copies them back.
const char* run_states(const Plan& plan, float* x, int64_t threads) {
  const Shape& s = plan.model->shape;
  for (int i = 0; i < plan.segments; i++)
    for (int m = 0; m < plan.segment(i).rows; m++) {
      float* states = row_of(plan.workspace->x, plan.segment(i).first_row + m, s.hidden_stride);
      memcpy(states, x + (plan.segment(i).given_row + m) * s.hidden, static_cast<size_t>(s.hidden) * 4);
      memset(states + s.hidden, 0, static_cast<size_t>(s.hidden_padded - s.hidden) * 4);
    }
  if (const char* error = run(plan, threads)) return error;
  for (int i = 0; i < plan.segments; i++)
    for (int m = 0; m < plan.segment(i).rows; m++)
      memcpy(x + (plan.segment(i).given_row + m) * s.hidden,
             row_of(plan.workspace->x, plan.segment(i).first_row + m, s.hidden_stride),
             static_cast<size_t>(s.hidden) * 4);
  return nullptr;
}

// The tokens of a segment whose keys may be stored before its queries are computed.
int64_t tokens_of_round(const Model& model, const Segment& s) {
  int64_t window = 0;
  for (int l = 0; l < model.shape.layers; l++)
    if (model.layers[l].window != INT64_MAX) window = max(window, model.layers[l].window);
  if (!window || s.position + s.rows <= s.block->ring_capacity) return s.rows;
  return s.block->ring_capacity - window + 1;
}

// A pass through layers, as it is asked for.
struct Request {
  Model* model;
  const Segment* segments;
  int64_t segment_count, rows, first, end;
  int64_t span;  // of the scores of a query
  int64_t threads;
};

// The tokens of queries that are one Attention, and in how many parts the heads of a group are divided.
int group_tokens(const Shape& shape) { return max(1, ROWS / shape.group); }
int group_parts(const Shape& shape) { return (shape.group + ROWS - 1) / ROWS; }

// A plan without its lists, with their places.
Plan outline(const Request& r, Workspace* workspace) {
  const Shape& shape = r.model->shape;
  int64_t rounds = 1, queries = 0;
  for (int64_t i = 0; i < r.segment_count; i++) {
    // each round has whole and partial groups of queries
    int64_t rows = r.segments[i].rows, tokens = tokens_of_round(*r.model, r.segments[i]);
    int64_t of_segment = (rows + tokens - 1) / tokens, groups = (min(tokens, rows) - 1) / group_tokens(shape) + 1;
    rounds = max(rounds, of_segment);
    queries += of_segment * groups * group_parts(shape);
  }
  Plan plan{};
  plan.model = r.model, plan.workspace = workspace;
  plan.rows = static_cast<int>(r.rows), plan.segments = static_cast<int>(r.segment_count);
  plan.rounds = static_cast<int>(rounds), plan.first = static_cast<int>(r.first), plan.end = static_cast<int>(r.end);
  plan.span = r.span;
  plan.bytes = round_up(sizeof(Plan), 64);
  auto list = [&](int64_t count, size_t size) {
    int64_t at = plan.bytes;
    plan.bytes = round_up(at + count * static_cast<int64_t>(size), 64);
    return at;
  };
  plan.segments_at = list(r.segment_count, sizeof(Segment));
  plan.units_at = list(r.rows, sizeof(Unit));
  plan.queries_at = list(queries, sizeof(Queries));
  plan.round_ends_at = list(rounds, sizeof(int));
  plan.row_segments_at = list(r.rows, sizeof(int));
  plan.row_rounds_at = list(r.rows, sizeof(int));
  return plan;
}

// By adapter and boundary, and by row within them.
int compare_segments(const void* a, const void* b) {
  const Segment *p = static_cast<const Segment*>(a), *q = static_cast<const Segment*>(b);
  if (p->adapter != q->adapter) return p->adapter < q->adapter ? -1 : 1;
  if (p->adapter && p->boundary != q->boundary) return p->boundary < q->boundary ? -1 : 1;
  return p->given_row < q->given_row ? -1 : p->given_row > q->given_row;
}

// Rows of one adapter and boundary become neighbours, which reads their LoRA once for all of them.
void fill_segments(Plan& plan, const Request& r) {
  Segment* segments = plan.at<Segment>(plan.segments_at);
  memcpy(segments, r.segments, static_cast<size_t>(r.segment_count) * sizeof(Segment));
  for (int i = 0; i < plan.segments; i++) segments[i].given_row = segments[i].first_row;
  qsort(segments, static_cast<size_t>(plan.segments), sizeof(Segment), compare_segments);
  int first = 0;
  for (int i = 0; i < plan.segments; first += segments[i++].rows) segments[i].first_row = first;
}

void fill_units(Plan& plan, const Request& r) {
  Unit* units = plan.at<Unit>(plan.units_at);
  int64_t most = r.rows < ROWS * r.threads ? (r.rows + r.threads - 1) / r.threads : ROWS;
  for (int i = 0; i < plan.segments; i++) {
    const Segment& s = plan.segment(i);
    bool lora = s.adapter && s.boundary > plan.first;
    const Adapter* adapter = lora ? s.adapter : nullptr;
    // smaller units have better balance, but each reads A and B of its adapter
    int unit_rows = static_cast<int>(max<int64_t>(1, lora ? most : most / 2));
    for (int m = s.first_row; m < s.first_row + s.rows; m++) {
      plan.at<int>(plan.row_segments_at)[m] = i;
      Unit* last = plan.units ? &units[plan.units - 1] : nullptr;
      if (last && last->rows < unit_rows && last->adapter == adapter && (!adapter || last->boundary == s.boundary))
        last->rows++;
      else
        units[plan.units++] = {adapter, s.boundary, m, 1};
    }
    for (int l = plan.first; lora && l < min(plan.end, s.boundary); l++)
      for (const Lora& of_linear : s.adapter->layers[l].loras)
        plan.rank_blocks = max(plan.rank_blocks, of_linear.rank_blocks);
  }
}

void fill_queries(Plan& plan) {
  const Shape& shape = plan.model->shape;
  Queries* queries = plan.at<Queries>(plan.queries_at);
  int most = group_tokens(shape);
  for (int round = 0; round < plan.rounds; round++) {
    for (int i = 0; i < plan.segments; i++) {
      const Segment& s = plan.segment(i);
      int64_t tokens = tokens_of_round(*plan.model, s), first = min<int64_t>(round * tokens, s.rows);
      int end = static_cast<int>(min<int64_t>(first + tokens, s.rows));
      for (int m = static_cast<int>(first); m < end; m++) {
        plan.at<int>(plan.row_rounds_at)[s.first_row + m] = round;
        if ((m - first) % most) continue;
        for (int p = 0; p < group_parts(shape); p++)
          queries[plan.queries++] = {i, s.first_row + m, min(most, end - m), p * ROWS,
                                     min(ROWS, shape.group - p * ROWS)};
      }
    }
    plan.at<int>(plan.round_ends_at)[round] = plan.queries;
  }
}

const char* plan_and_run(const Request& r, Workspace& w, float* x) {
  const Shape& shape = r.model->shape;
  Plan without_lists = outline(r, &w);
  // the pool copies the plan: late threads do not read this one
  if (!w.plan.reserve(without_lists.bytes) || !grow_linears(w, *r.model, r.rows, r.threads, false) ||
      !grow_attention(w, *r.model, r.rows, r.span, r.threads))
    return "out of memory";
  Plan& plan = *new (w.plan.data()) Plan(without_lists);
  fill_segments(plan, r);
  fill_units(plan, r);
  fill_queries(plan);
  int64_t padded = round_up(r.rows, 2 * ROWS);
  int inputs = max(max(shape.hidden_padded, shape.inner_padded), shape.queries_padded);
  if (plan.rank_blocks &&
      (!grow(w.rounded, padded * inputs) || !grow(w.lora_products, padded * plan.rank_blocks * 3 * LANES)))
    return "out of memory";
  for (int i = 0; i < plan.segments; i++) {
    const Segment& s = plan.segment(i);
    for (int m = 0; m < s.rows; m++) rotations(w, *r.model, s.first_row + m, s.position + m);
  }
  return run_states(plan, x, r.threads);
}

// A pass of the head without its output.
const char* plan_head(Model* model, Workspace& w, const float* h, int64_t rows, int64_t threads, Plan* plan) {
  if (!grow_linears(w, *model, rows, threads, true)) return "out of memory";
  plan->model = model, plan->workspace = &w;
  plan->rows = static_cast<int>(rows), plan->bytes = sizeof(Plan);
  const Shape& s = model->shape;
  for (int64_t m = 0; m < rows; m++)
    memcpy(row_of(w.x, m, s.hidden_stride), h + m * s.hidden, static_cast<size_t>(s.hidden) * 4);
  return nullptr;
}

}  // namespace

void wait_for_late() {
  if (Pool* threads = pool(false)) threads->wait_for_late();
}

const char* run_layers(Model* model, float* x, int64_t rows, const Segment* segments, int64_t segment_count,
                       int64_t first, int64_t end, int64_t threads) {
  Lease lease(model);
  if (!lease.get()) return "out of memory";
  int64_t span = 64;
  for (int64_t i = 0; i < segment_count; i++) {
    const Segment& s = segments[i];
    span = max(span, min(round_up(s.position + s.rows, 64), max(s.block->capacity, s.block->ring_capacity)));
  }
  return plan_and_run({model, segments, segment_count, rows, first, end, span, threads}, *lease.get(), x);
}

const char* run_head(Model* model, const float* h, int64_t rows, float* logits, int64_t threads) {
  Lease lease(model);
  if (!lease.get()) return "out of memory";
  Plan plan{};
  if (const char* error = plan_head(model, *lease.get(), h, rows, threads, &plan)) return error;
  plan.logits = logits;
  return run(plan, threads);
}

const char* run_gold(Model* model, const float* h, int64_t rows, const int64_t* gold, double* logprobs,
                     int64_t threads) {
  Lease lease(model);
  const Shape& s = model->shape;
  if (!lease.get() || !grow(lease.get()->logits, min(rows, GOLD_ROWS) * s.vocabulary)) return "out of memory";
  for (int64_t first = 0; first < rows; first += GOLD_ROWS) {
    Plan plan{};
    int64_t count = min(rows - first, GOLD_ROWS);
    if (const char* error = plan_head(model, *lease.get(), h + first * s.hidden, count, threads, &plan)) return error;
    plan.logits = lease.get()->logits.data(), plan.gold = gold + first, plan.logprobs = logprobs + first;
    if (const char* error = run(plan, threads)) return error;
  }
  return nullptr;
}

}  // namespace tidemark
