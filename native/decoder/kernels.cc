#include "kernels.h"

#include <math.h>

#include "simd.h"

namespace {

using namespace tidemark;

constexpr int PREFETCH = 2048;  // bytes of weights
#ifndef AHEAD
#define AHEAD 1024
#endif

inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
inline void prefetch(const void* p, int bytes) {
  for (int i = 0; i < bytes; i += 64) prefetch(static_cast<const char*>(p) + i);
}

// ---- rows -----------------------------------------------------------------------------------------------------------

void norm(const float* x, const float* w, int n, float extra, float* y) {
  F16 squares = all(0);
  for (int i = 0; i < n; i += LANES) {
    F16 v = load(x + i);
    squares = fma(v, v, squares);
  }
  F16 factor = all(1.f / sqrtf(sum_of(squares) + extra));
  for (int i = 0; i < n; i += LANES) store(y + i, mul(mul(load(x + i), factor), load(w + i)));
}

void quantize(const float* x, int n, int m, const Bytes& bytes) {
  F16 most = all(0);
  bool nan = false;
  for (int i = 0; i < n; i += LANES) {
    F16 v = load(x + i);
    nan |= has_nan(v);
    most = larger(most, absolute(v));
  }
  float top = largest_of(most);
  if (nan || top == INFINITY) {
    bytes.scale[m] = NAN;
    bytes.sum[m] = 0;
    return;
  }
  if (top < 1e-20f) top = 1e-20f;
  F16 factor = all(127.f / top);
  I16 total = no_integers();
  Input* q = reinterpret_cast<Input*>(bytes.q);
  q += bytes.tiles ? static_cast<int64_t>(m / ROWS) * ROWS * n + m % ROWS * INPUTS : static_cast<int64_t>(m) * n;
  int64_t next = bytes.tiles ? ROWS * INPUTS : INPUTS;
  for (int i = 0; i < n; i += INPUTS, q += next)
    for (int j = 0; j < INPUTS; j += LANES) total = add(total, to_inputs(mul(load(x + i + j), factor), q + j));
  bytes.scale[m] = top / 127.f;
  bytes.sum[m] = sum_of(total);
}

void round_row(const float* x, int n, bf16* y) {
  for (int i = 0; i < n; i += LANES) store_bf16(y + i, load(x + i));
}

void add_to(const float* v, int n, float* y) {
  for (int i = 0; i < n; i++) y[i] += v[i];
}

void multiply_by(const float* x, const float* s, int n, float* y) {
  for (int i = 0; i < n; i++) y[i] = x[i] * s[i];
}

void gather(const float* x, const int32_t* indices, const float* s, int n, int padded, float* y) {
  for (int i = 0; i < n; i++) y[i] = x[indices[i]] * s[i];
  for (int i = n; i < padded; i++) y[i] = 0;
}

void silu(const float* gate_up, int pairs, const float* scale, float* y) {
  for (int i = 0; i < pairs; i++, gate_up += 2 * LANES, scale += LANES, y += LANES) {
    F16 gate = load(gate_up);
    F16 e = exponential(smaller(all(80.f), sub(all(0), gate)));
    store(y, mul(divide(mul(gate, load(gate_up + LANES)), add(all(1.f), e)), load(scale)));
  }
}

// The numbers at i .. i+LANES-1 of n, with -infinity after the last one.
inline F16 load_some(const float* x, int i, int n) {
  return n - i >= LANES ? load(x + i) : choose((1u << (n - i)) - 1, load(x + i), all(-INFINITY));
}

double log_sum_exp(const float* x, int n) {
  constexpr int SPAN_OF_FLOATS = 64 * LANES;  // whose sum is in float; the sum of sums is in double
  F16 most = all(-INFINITY);
  for (int i = 0; i < n; i += LANES) most = larger(most, load_some(x, i, n));
  float top = largest_of(most);
  double sum = 0;
  for (int first = 0; first < n; first += SPAN_OF_FLOATS) {
    F16 part = all(0);
    for (int i = first; i < least(n, first + SPAN_OF_FLOATS); i += LANES)
      part = add(part, exponential(sub(load_some(x, i, n), all(top))));
    sum += static_cast<double>(sum_of(part));
  }
  return top + log(sum);
}

void rotate(const float* x, const float* cos, const float* sin, int n, float factor, float* y) {
  int half = n / 2;
  for (int i = 0; i < half; i++) {
    float a = x[i], b = x[half + i];
    y[i] = factor * (a * cos[i] - b * sin[i]);
    y[half + i] = factor * (a * sin[i] + b * cos[i]);
  }
}

void pack(const float* const* outputs, int inputs, const Linear& linear, int block) {
  uint8_t* to = linear.weights + block * linear.block_bytes();
  for (int o = 0; o < LANES; o++) {
    const float* w = outputs[o];
    float top = 0;
    if (w)
      for (int k = 0; k < inputs; k++) top = fabsf(w[k]) > top ? fabsf(w[k]) : top;
    float scale = top / 127.f > 1e-12f ? top / 127.f : 1e-12f;
    linear.scale[block * LANES + o] = scale;
    float factor = 1.f / scale;
    for (int k = 0; k < linear.inputs; k++) {
      int v = w && k < inputs ? _mm_cvtss_si32(_mm_set_ss(w[k] * factor)) : 0;
      v = v > 127 ? 127 : v < -127 ? -127 : v;
      to[k / 4 * LANES * 4 + o * 4 + k % 4] = static_cast<uint8_t>(v + 128);
    }
  }
}

// ---- products of bytes ----------------------------------------------------------------------------------------------

// The sums of one row and a block's outputs.
#if TIDEMARK_AVX512
using Sums = __m512i;
inline Sums no_sums() { return _mm512_setzero_si512(); }
inline Sums add_sums(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
inline F16 sums_of(Sums s, int correction) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(s, _mm512_set1_epi32(correction)));
}
#else
// Each has sums of even and odd pairs of inputs, of four outputs.
struct Sums {
  __m256i v[4];
};
inline Sums no_sums() {
  return {{_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()}};
}
inline Sums add_sums(Sums a, Sums b) {
  for (int i = 0; i < 4; i++) a.v[i] = _mm256_add_epi32(a.v[i], b.v[i]);
  return a;
}
inline F16 sums_of(Sums s, int correction) {
  __m256i c = _mm256_set1_epi32(correction);
  // hadd takes pairs within halves of 128 bits: outputs 0 1 4 5 2 3 6 7
  __m256i low = _mm256_permute4x64_epi64(_mm256_hadd_epi32(s.v[0], s.v[1]), 0xD8);
  __m256i high = _mm256_permute4x64_epi64(_mm256_hadd_epi32(s.v[2], s.v[3]), 0xD8);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(low, c)), _mm256_cvtepi32_ps(_mm256_sub_epi32(high, c))};
}
#endif

// Sums of MR rows and one block. With few rows, KS sums of each row shorten the chains of additions.
template <int MR, int KS>
inline void multiply(const Input* x, int64_t stride, const uint8_t* w, int inputs, Sums* out) {
  Sums sums[MR][KS];
  for (int m = 0; m < MR; m++)
    for (int s = 0; s < KS; s++) sums[m][s] = no_sums();
  for (int k = 0; k < inputs; k += 4 * KS) {
#pragma GCC unroll 8
    for (int s = 0; s < KS; s++, w += 64) {
      prefetch(w + PREFETCH);
#if TIDEMARK_AVX512
      __m512i v = _mm512_load_si512(w);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        int b;
        memcpy(&b, x + m * stride + k + 4 * s, 4);
        sums[m][s] = _mm512_dpbusd_epi32(sums[m][s], v, _mm512_set1_epi32(b));
      }
#else
      // products of bytes are added in 16 bits with saturation there: both sides are words instead
      __m256i b[MR];
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        int64_t four;
        memcpy(&four, x + m * stride + k + 4 * s, 8);
        b[m] = _mm256_set1_epi64x(four);
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        __m256i v = _mm256_cvtepu8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(w + 16 * i)));
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) sums[m][s].v[i] = _mm256_add_epi32(sums[m][s].v[i], _mm256_madd_epi16(v, b[m]));
      }
#endif
    }
  }
  for (int m = 0; m < MR; m++) {
    for (int s = 1; s < KS; s++) sums[m][0] = add_sums(sums[m][0], sums[m][s]);
    out[m] = sums[m][0];
  }
}

inline void store_outputs(F16 sums, F16 scale, float row_scale, float* y) {
  store(y, mul(sums, mul(scale, all(row_scale))));
}

template <int MR>
inline void rows_of_block(const Linear& l, const Bytes& x, int m0, int block, float* y, int64_t stride) {
  Sums sums[MR];
#if TIDEMARK_AVX512
  constexpr int chains = MR == 1 ? 8 : MR == 2 ? 4 : MR <= 4 ? 2 : 1;
#else
  constexpr int chains = MR == 1 ? 2 : 1;
#endif
  const Input* from = reinterpret_cast<const Input*>(x.q) + static_cast<int64_t>(m0) * l.inputs;
  multiply<MR, chains>(from, l.inputs, l.weights + block * l.block_bytes(), l.inputs, sums);
  F16 scale = load(l.scale + block * LANES);
  for (int m = 0; m < MR; m++)
    store_outputs(sums_of(sums[m], 128 * x.sum[m0 + m]), scale, x.scale[m0 + m], y + (m0 + m) * stride);
}

void vector_linear(const Linear& l, const Bytes& x, int rows, int first, int end, float* y, int64_t stride) {
  for (int b = first; b < end; b++, y += LANES) {
    int m = 0;
#if TIDEMARK_AVX512
    for (; rows - m >= 8; m += 8) rows_of_block<8>(l, x, m, b, y, stride);
    for (; rows - m >= 4; m += 4) rows_of_block<4>(l, x, m, b, y, stride);
#else
    for (; rows - m >= 3; m += 3) rows_of_block<3>(l, x, m, b, y, stride);  // 12 sums in 16 registers
#endif
    for (; rows - m >= 2; m += 2) rows_of_block<2>(l, x, m, b, y, stride);
    for (; rows - m >= 1; m += 1) rows_of_block<1>(l, x, m, b, y, stride);
  }
}

#if TIDEMARK_HAS_AMX

// Assembler, because the intrinsics of some compilers do not say that a load of a tile reads memory.
#define TILE_LOAD(t, base, stride) \
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(base), "r"(static_cast<long>(stride)) : "memory")
#define TILE_STORE(t, base, stride) \
  __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(base), "r"(static_cast<long>(stride)) : "memory")
#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define TILE_BYTES(c, a, b) __asm__ volatile("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
#define TILE_BF16(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

thread_local int configured = -1;

// Sums in tiles 0, 1 (of the first rows) and 2, 3 (of the second rows); left operands in 4 and 5, right ones in 6
// and 7.
inline void configure(int first_rows, int second_rows, int left_bytes) {
  int key = first_rows * 10000 + second_rows * 100 + left_bytes;
  if (key == configured) return;
  configured = key;
  TileConfig c;
  for (int t = 0; t < 8; t++) c.bytes[t] = static_cast<uint16_t>(t == 4 || t == 5 ? left_bytes : 64);
  c.rows[0] = c.rows[1] = c.rows[4] = static_cast<uint8_t>(first_rows);
  c.rows[2] = c.rows[3] = c.rows[5] = static_cast<uint8_t>(most(second_rows, 1));
  c.rows[6] = c.rows[7] = static_cast<uint8_t>(left_bytes / 4);
  __asm__ volatile("ldtilecfg %0" ::"m"(c) : "memory");
}

void begin() { configured = -1; }
void end() {
  if (configured >= 0) __asm__ volatile("tilerelease" ::);
  configured = -1;
}

inline void store_tile(const int* sums, int rows, const Bytes& x, int m0, const float* scale, float* y,
                       int64_t stride) {
  F16 s = load(scale);
  for (int m = 0; m < rows; m++)
    store_outputs(sums_of(_mm512_load_si512(sums + m * 16), 128 * x.sum[m0 + m]), s, x.scale[m0 + m],
                  y + (m0 + m) * stride);
}

// Up to two blocks of outputs and two tiles of rows, with prefetches of weights that are `ahead` bytes further.
template <bool TWO, bool SECOND>
inline void multiply_tiles(const int8_t* a, const uint8_t* w, int steps, int64_t rows_bytes, int64_t block_bytes,
                           int64_t ahead) {
  TILE_ZERO(0);
  if (TWO) TILE_ZERO(1);
  if (SECOND) TILE_ZERO(2);
  if (TWO && SECOND) TILE_ZERO(3);
  const uint8_t* second = w + block_bytes;
  for (int k = 0; k < steps; k++, a += ROWS * INPUTS, w += INPUTS * LANES) {
    if (w + ahead == second) ahead += block_bytes;  // the next two blocks
    prefetch(w + ahead, INPUTS * LANES);
    if (TWO) prefetch(w + block_bytes + ahead, INPUTS * LANES);
    TILE_LOAD(4, a, 64);
    TILE_LOAD(6, w, 64);
    TILE_BYTES(0, 4, 6);
    if (TWO) {
      TILE_LOAD(7, w + block_bytes, 64);
      TILE_BYTES(1, 4, 7);
    }
    if (SECOND) {
      TILE_LOAD(5, a + rows_bytes, 64);
      TILE_BYTES(2, 5, 6);
      if (TWO) TILE_BYTES(3, 5, 7);
    }
  }
}

inline void tile_blocks(const Linear& l, const Bytes& x, int rows, int m, int block, bool two, float* y,
                        int64_t stride) {
  alignas(64) int sums[4][256];
  const uint8_t* w = l.weights + block * l.block_bytes();
  int rows0 = least(ROWS, rows - m), rows1 = most(0, least(ROWS, rows - m - ROWS)), steps = l.inputs / INPUTS;
  configure(rows0, rows1, 64);
  const int8_t* a = x.q + static_cast<int64_t>(m / ROWS) * ROWS * l.inputs;
  int64_t rows_bytes = static_cast<int64_t>(ROWS) * l.inputs, ahead = m ? AHEAD : 4096;
  if (two && rows1)
    multiply_tiles<true, true>(a, w, steps, rows_bytes, l.block_bytes(), ahead);
  else if (two)
    multiply_tiles<true, false>(a, w, steps, rows_bytes, l.block_bytes(), ahead);
  else if (rows1)
    multiply_tiles<false, true>(a, w, steps, rows_bytes, l.block_bytes(), ahead);
  else
    multiply_tiles<false, false>(a, w, steps, rows_bytes, l.block_bytes(), ahead);
  TILE_STORE(0, sums[0], 64);
  if (two) TILE_STORE(1, sums[1], 64);
  if (rows1) TILE_STORE(2, sums[2], 64);
  if (two && rows1) TILE_STORE(3, sums[3], 64);
  for (int b = 0; b < (two ? 2 : 1); b++) {
    const float* scale = l.scale + (block + b) * LANES;
    store_tile(sums[b], rows0, x, m, scale, y + b * LANES, stride);
    store_tile(sums[2 + b], rows1, x, m + ROWS, scale, y + b * LANES, stride);
  }
}

void linear(const Linear& l, const Bytes& x, int rows, int first, int end, float* y, int64_t stride) {
  if (!x.tiles) return vector_linear(l, x, rows, first, end, y, stride);
  // the weights of a call stay in the cache of a processor, while rows come from a larger one
  for (int m = 0; m < rows; m += 2 * ROWS)
    for (int b = first; b < end; b += 2) tile_blocks(l, x, rows, m, b, b + 1 < end, y + (b - first) * LANES, stride);
}

#else

void begin() {}
void end() {}
void linear(const Linear& l, const Bytes& x, int rows, int first, int end, float* y, int64_t stride) {
  vector_linear(l, x, rows, first, end, y, stride);
}

#endif

// ---- LoRA -----------------------------------------------------------------------------------------------------------
// With AMX all rows use tiles: sums of tiles and of vectors have different orders.

void lora_a(const bf16* x, int64_t x_stride, int rows, const bf16* a, int inputs, int blocks, bf16* t,
            int64_t t_stride) {
  for (int b = 0; b < blocks; b++, a += static_cast<int64_t>(inputs) * LANES, t += LANES) {
#if TIDEMARK_HAS_AMX
    alignas(64) float even[ROWS * LANES], odd[ROWS * LANES];
    configure(rows, 0, 64);
    TILE_ZERO(0);
    TILE_ZERO(1);
    for (int k = 0; k < inputs; k += 64) {
      prefetch(a + k * LANES + PREFETCH, 2048);
      TILE_LOAD(4, x + k, x_stride * 2);
      TILE_LOAD(6, a + k * LANES, 64);
      TILE_BF16(0, 4, 6);
      TILE_LOAD(4, x + k + 32, x_stride * 2);
      TILE_LOAD(7, a + (k + 32) * LANES, 64);
      TILE_BF16(1, 4, 7);
    }
    TILE_STORE(0, even, 64);
    TILE_STORE(1, odd, 64);
    for (int m = 0; m < rows; m++) store_bf16(t + m * t_stride, add(load(even + m * LANES), load(odd + m * LANES)));
#else
    for (int m = 0; m < rows; m++) {
      const bf16* row = x + m * x_stride;
      F16 s[4] = {all(0), all(0), all(0), all(0)};
      for (int k = 0; k < inputs / 2; k += 4) {
        if (m == 0) prefetch(a + k * 32 + PREFETCH, 256);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
          s[j] = dot_pairs(s[j], pair_at(row + 2 * (k + j)), a + static_cast<int64_t>(k + j) * 32);
      }
      store_bf16(t + m * t_stride, add(add(s[0], s[1]), add(s[2], s[3])));
    }
#endif
  }
}

void lora_b(const bf16* t, int64_t t_stride, int rows, const bf16* b, int blocks, float* y, int64_t y_stride) {
#if TIDEMARK_HAS_AMX
  configure(rows, 0, 32);
  TILE_LOAD(0, y, y_stride * 4);
  for (int r = 0; r < blocks; r++) {
    prefetch(b + r * LANES * LANES + PREFETCH, 512);
    TILE_LOAD(4, t + r * LANES, t_stride * 2);
    TILE_LOAD(6, b + r * LANES * LANES, 64);
    TILE_BF16(0, 4, 6);
  }
  TILE_STORE(0, y, y_stride * 4);
#else
  for (int m = 0; m < rows; m++) {
    F16 even = load(y + m * y_stride), odd = all(0);
    for (int r = 0; r < blocks * LANES / 2; r += 2) {
      even = dot_pairs(even, pair_at(t + m * t_stride + 2 * r), b + r * 32);
      odd = dot_pairs(odd, pair_at(t + m * t_stride + 2 * r + 2), b + r * 32 + 32);
    }
    store(y + m * y_stride, add(even, odd));
  }
#endif
}

// ---- attention ------------------------------------------------------------------------------------------------------

// Indices first .. end-1 of the cache.
struct Range {
  int first, end;
};

// The indices of the positions low .. high, in ascending order; returns how many ranges they are.
inline int ranges_of(int64_t low, int64_t high, int capacity, Range* out) {
  if (high - low + 1 >= capacity) {
    out[0] = {0, capacity};
    return 1;
  }
  int first = static_cast<int>(low % capacity), last = static_cast<int>(high % capacity);
  if (first <= last) {
    out[0] = {first, last + 1};
    return 1;
  }
  out[0] = {0, last + 1}, out[1] = {first, capacity};
  return 2;
}

// The lanes of `index` .. index + LANES-1 that are in a range, as bits.
inline uint32_t lanes_of(const Range& range, int index) {
  int first = least(most(range.first - index, 0), LANES), end = least(most(range.end - index, 0), LANES);
  return (1u << end) - (1u << first);
}

// The scores at `index`; minus infinity outside of a query's ranges.
inline F16 seen(const float* scores, int index, const Range* ranges, int count) {
  uint32_t lanes = lanes_of(ranges[0], index);
  if (count > 1) lanes |= lanes_of(ranges[1], index);
  F16 s = load(scores + index);
  return lanes == (1u << LANES) - 1 ? s : choose(lanes, s, all(-INFINITY));
}

// Softmax over `spans`, as weights in bfloat16 that are not divided by their sum. Returns one divided by the sum.
inline float softmax(const float* scores, const Range* spans, int span_count, const Range* ranges, int count,
                     bf16* weights) {
  F16 top = all(-INFINITY), sum = all(0);
  for (int s = 0; s < span_count; s++)
    for (int i = spans[s].first; i < spans[s].end; i += LANES) top = larger(top, seen(scores, i, ranges, count));
  top = all(largest_of(top));
  for (int s = 0; s < span_count; s++)
    for (int i = spans[s].first; i < spans[s].end; i += LANES) {
      F16 e = exponential(sub(seen(scores, i, ranges, count), top));
      sum = add(sum, e);
      store_bf16(weights + i, e);
    }
  return 1.f / sum_of(sum);
}

#if TIDEMARK_HAS_AMX

// Scores of SPAN cached tokens at a time.
inline void score(const Attention& a, const bf16* queries, const Range& span) {
  int tiles = a.width / HEAD;
  if (tiles <= 2) {
    TILE_LOAD(4, queries, a.width * 2);
    if (tiles > 1) TILE_LOAD(5, queries + HEAD, a.width * 2);
  }
  for (int i = span.first; i < span.end; i += SPAN) {
    const bf16 *k = a.keys + static_cast<int64_t>(i) * a.width, *next = k + LANES * a.width;
    if (a.rows == a.heads) {  // the caches of a processor have those of a prompt
      int bytes = SPAN * a.width * 2;
      prefetch(a.values + static_cast<int64_t>(i) * a.width, bytes);
      if (i + SPAN < span.end) prefetch(k + SPAN * a.width, bytes);
    }
    TILE_ZERO(0);
    TILE_ZERO(1);
    for (int t = 0; t < tiles; t += 2) {
      if (tiles > 2) TILE_LOAD(4, queries + t * HEAD, a.width * 2);
      TILE_LOAD(6, k + t * 512, 64);
      TILE_BF16(0, 4, 6);
      TILE_LOAD(7, next + t * 512, 64);
      TILE_BF16(1, 4, 7);
      if (t + 1 == tiles) break;
      if (tiles > 2) TILE_LOAD(5, queries + (t + 1) * HEAD, a.width * 2);
      TILE_LOAD(6, k + t * 512 + 512, 64);
      TILE_BF16(0, 5, 6);
      TILE_LOAD(7, next + t * 512 + 512, 64);
      TILE_BF16(1, 5, 7);
    }
    TILE_STORE(0, a.scores + i, a.stride * 4);
    TILE_STORE(1, a.scores + i + LANES, a.stride * 4);
  }
}

inline void sum_values(const Attention& a, const Range* spans, int span_count, const float* factors) {
  alignas(64) float sums[4][ROWS * LANES];
  for (int d = 0; d < a.width; d += 4 * LANES) {
    bool four = d + 2 * LANES < a.width;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int s = 0; s < span_count; s++)
      for (int i = spans[s].first; i < spans[s].end; i += SPAN) {
        const bf16* v = a.values + static_cast<int64_t>(i) * a.width + 2 * d;
        TILE_LOAD(4, a.weights + i, a.stride * 2);
        TILE_LOAD(6, v, a.width * 4);
        TILE_BF16(0, 4, 6);
        TILE_LOAD(7, v + 2 * LANES, a.width * 4);
        TILE_BF16(1, 4, 7);
        if (!four) continue;
        TILE_LOAD(6, v + 4 * LANES, a.width * 4);
        TILE_BF16(2, 4, 6);
        TILE_LOAD(7, v + 6 * LANES, a.width * 4);
        TILE_BF16(3, 4, 7);
      }
    TILE_STORE(0, sums[0], 64);
    TILE_STORE(1, sums[1], 64);
    TILE_STORE(2, sums[2], 64);
    TILE_STORE(3, sums[3], 64);
    for (int m = 0; m < a.rows; m++)
      for (int j = 0; j < (four ? 4 : 2); j++)
        store(a.out + m * a.width + d + j * LANES, mul(load(sums[j] + m * LANES), all(factors[m])));
  }
}

#else

template <int R>
inline void score_rows(const Attention& a, const bf16* queries, int m, const Range& span) {
  for (int i = span.first; i < span.end; i += LANES) {
    const bf16* k = a.keys + static_cast<int64_t>(i) * a.width;
    F16 even[R], odd[R];
    for (int r = 0; r < R; r++) even[r] = odd[r] = all(0);
    for (int d = 0; d < a.width / 2; d += 2)
      for (int r = 0; r < R; r++) {
        const bf16* q = queries + (m + r) * a.width + 2 * d;
        even[r] = dot_pairs(even[r], pair_at(q), k + d * 32);
        odd[r] = dot_pairs(odd[r], pair_at(q + 2), k + d * 32 + 32);
      }
    for (int r = 0; r < R; r++) store(a.scores + (m + r) * a.stride + i, add(even[r], odd[r]));
  }
}

inline void score(const Attention& a, const bf16* queries, const Range& span) {
  int m = 0;
#if TIDEMARK_AVX512
  for (; a.rows - m >= 4; m += 4) score_rows<4>(a, queries, m, span);
#endif
  for (; a.rows - m >= 2; m += 2) score_rows<2>(a, queries, m, span);
  for (; a.rows - m >= 1; m += 1) score_rows<1>(a, queries, m, span);
}

template <int R>
inline void sum_values(const Attention& a, int m, const Range* spans, int span_count, const float* factors) {
  for (int d = 0; d < a.width; d += 2 * LANES) {
    F16 low[R], high[R];
    for (int r = 0; r < R; r++) low[r] = high[r] = all(0);
    for (int s = 0; s < span_count; s++)
      for (int i = spans[s].first; i < spans[s].end; i += 2) {
        const bf16* v = a.values + static_cast<int64_t>(i) * a.width + 2 * d;
        for (int r = 0; r < R; r++) {
          int32_t pair = pair_at(a.weights + (m + r) * a.stride + i);
          low[r] = dot_pairs(low[r], pair, v);
          high[r] = dot_pairs(high[r], pair, v + 2 * LANES);
        }
      }
    for (int r = 0; r < R; r++) {
      float* out = a.out + (m + r) * a.width + d;
      store(out, mul(low[r], all(factors[m + r])));
      store(out + LANES, mul(high[r], all(factors[m + r])));
    }
  }
}

inline void sum_values(const Attention& a, const Range* spans, int span_count, const float* factors) {
  int m = 0;
#if TIDEMARK_AVX512
  for (; a.rows - m >= 4; m += 4) sum_values<4>(a, m, spans, span_count, factors);
#endif
  for (; a.rows - m >= 2; m += 2) sum_values<2>(a, m, spans, span_count, factors);
  for (; a.rows - m >= 1; m += 1) sum_values<1>(a, m, spans, span_count, factors);
}

#endif

// Indices outside of a query's own ranges have the weight 0, which adds nothing: the result of a query does not depend
// on the spans, which are those of all queries.
void attend(const Attention& a) {
  alignas(64) bf16 queries[ROWS * LARGEST_HEAD];
  for (int m = 0; m < a.rows; m++)
    memcpy(queries + m * a.width, a.queries + m / a.heads * a.queries_stride + m % a.heads * a.width,
           static_cast<size_t>(a.width) * 2);
  int64_t low = a.positions[0], high = low;
  for (int m = 0; m < a.rows; m++) {
    int64_t first = a.positions[m] - a.window + 1;
    low = first < low ? (first < 0 ? 0 : first) : low;
    high = a.positions[m] > high ? a.positions[m] : high;
  }
  Range spans[2];
  int span_count = ranges_of(low, high, a.capacity, spans);
  for (int s = 0; s < span_count; s++)
    spans[s] = {spans[s].first / SPAN * SPAN, (spans[s].end + SPAN - 1) / SPAN * SPAN};
  if (span_count == 2 && spans[0].end >= spans[1].first) spans[0] = {0, a.capacity}, span_count = 1;
#if TIDEMARK_HAS_AMX
  configure(a.rows, a.rows, 64);
#endif
  for (int s = 0; s < span_count; s++) score(a, queries, spans[s]);
  float factors[ROWS];
  for (int m = 0; m < a.rows; m++) {
    Range ranges[2];
    int64_t first = a.positions[m] - a.window + 1;
    int count = ranges_of(first < 0 ? 0 : first, a.positions[m], a.capacity, ranges);
    factors[m] = softmax(a.scores + m * a.stride, spans, span_count, ranges, count, a.weights + m * a.stride);
  }
  sum_values(a, spans, span_count, factors);
}

constexpr Kernels KERNELS = {TIDEMARK_HAS_AMX ? 5 : 1 << 30,
                             sizeof(Input),
                             begin,
                             end,
                             pack,
                             norm,
                             quantize,
                             linear,
                             round_row,
                             lora_a,
                             lora_b,
                             add_to,
                             multiply_by,
                             gather,
                             silu,
                             rotate,
                             attend,
                             log_sum_exp};

}  // namespace

namespace tidemark {
#if TIDEMARK_FAMILY == 0
const Kernels* kernels_avx2() { return &KERNELS; }
#elif TIDEMARK_FAMILY == 1
const Kernels* kernels_vnni() { return &KERNELS; }
#elif TIDEMARK_FAMILY == 2
const Kernels* kernels_vnni_bf16() { return &KERNELS; }
#else
const Kernels* kernels_amx() { return &KERNELS; }
#endif
}  // namespace tidemark
