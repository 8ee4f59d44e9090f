// Sixteen floats and the sums of products that the kernels use, for the instruction set of this translation unit.
//
// Everything is in an unnamed namespace: a function with external linkage that was compiled for AVX-512 could replace
// the one of another translation unit, and fail on a processor without it.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "decoder.h"

#define TIDEMARK_AVX512 (TIDEMARK_FAMILY >= 1)
#define TIDEMARK_HAS_BF16 (TIDEMARK_FAMILY >= 2)
#define TIDEMARK_HAS_AMX (TIDEMARK_FAMILY >= 3)

namespace {

using bf16 = uint16_t;

inline int least(int a, int b) { return a < b ? a : b; }
inline int most(int a, int b) { return a > b ? a : b; }

// Two neighbouring bfloat16 numbers.
inline int32_t pair_at(const bf16* p) {
  int32_t v;
  memcpy(&v, p, 4);
  return v;
}

#if TIDEMARK_AVX512

using F16 = __m512;

inline F16 load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, F16 v) { _mm512_storeu_ps(p, v); }
inline F16 all(float f) { return _mm512_set1_ps(f); }
inline F16 add(F16 a, F16 b) { return _mm512_add_ps(a, b); }
inline F16 sub(F16 a, F16 b) { return _mm512_sub_ps(a, b); }
inline F16 mul(F16 a, F16 b) { return _mm512_mul_ps(a, b); }
inline F16 divide(F16 a, F16 b) { return _mm512_div_ps(a, b); }
inline F16 fma(F16 a, F16 b, F16 c) { return _mm512_fmadd_ps(a, b, c); }
inline F16 larger(F16 a, F16 b) { return _mm512_max_ps(a, b); }
inline F16 smaller(F16 a, F16 b) { return _mm512_min_ps(a, b); }
inline F16 absolute(F16 a) { return _mm512_abs_ps(a); }
inline float sum_of(F16 a) { return _mm512_reduce_add_ps(a); }
inline float largest_of(F16 a) { return _mm512_reduce_max_ps(a); }
inline bool has_nan(F16 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q) != 0; }
inline F16 nearest(F16 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// a * 2^n for a whole n.
inline F16 scale_by_power(F16 a, F16 n) { return _mm512_scalef_ps(a, n); }
// a where x is at least the limit, else 0; a where x is NaN.
inline F16 zero_below(F16 x, float limit, F16 a) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, all(limit), _CMP_NLT_UQ), a);
}
// a where the bit of a lane is set, else b.
inline F16 choose(uint32_t lanes, F16 a, F16 b) { return _mm512_mask_mov_ps(b, static_cast<__mmask16>(lanes), a); }
// Sixteen numbers to inputs of products, from -127 to 127; returns them as integers, for their sum.
using Input = int8_t;
using I16 = __m512i;
inline I16 no_integers() { return _mm512_setzero_si512(); }
inline I16 add(I16 a, I16 b) { return _mm512_add_epi32(a, b); }
inline int sum_of(I16 a) { return _mm512_reduce_add_epi32(a); }
inline I16 to_inputs(F16 v, Input* q) {
  __m512i i = _mm512_cvtps_epi32(v);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtsepi32_epi8(i));
  return i;
}
inline void store_bf16(bf16* p, F16 v) {
#if TIDEMARK_HAS_BF16
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(v));
#else
  __m512i u = _mm512_castps_si512(v);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  rounded = _mm512_mask_mov_epi32(rounded, nan, _mm512_or_si512(u, _mm512_set1_epi32(0x400000)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
#endif
}
// acc + the products of a pair of numbers and of sixteen pairs at p.
inline F16 dot_pairs(F16 acc, int32_t pair, const bf16* p) {
#if TIDEMARK_HAS_BF16
  return _mm512_dpbf16_ps(acc, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)_mm512_loadu_si512(p));
#else
  __m512i v = _mm512_loadu_si512(p), x = _mm512_set1_epi32(pair);
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
  acc = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)),
                        acc);
  return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, high)), _mm512_castsi512_ps(_mm512_and_si512(v, high)),
                         acc);
#endif
}

#else

struct F16 {
  __m256 low, high;
};

inline F16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, F16 v) { _mm256_storeu_ps(p, v.low), _mm256_storeu_ps(p + 8, v.high); }
inline F16 all(float f) { return {_mm256_set1_ps(f), _mm256_set1_ps(f)}; }
inline F16 add(F16 a, F16 b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline F16 sub(F16 a, F16 b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline F16 mul(F16 a, F16 b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline F16 divide(F16 a, F16 b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline F16 fma(F16 a, F16 b, F16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F16 larger(F16 a, F16 b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline F16 smaller(F16 a, F16 b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline F16 absolute(F16 a) {
  __m256 sign = _mm256_set1_ps(-0.f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
inline float sum_of(F16 a) {
  __m256 v = _mm256_add_ps(a.low, a.high);
  __m128 h = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  h = _mm_add_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_add_ss(h, _mm_shuffle_ps(h, h, 1)));
}
inline float largest_of(F16 a) {
  __m256 v = _mm256_max_ps(a.low, a.high);
  __m128 h = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  h = _mm_max_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_max_ss(h, _mm_shuffle_ps(h, h, 1)));
}
inline bool has_nan(F16 a) {
  return _mm256_movemask_ps(
      _mm256_or_ps(_mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q), _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q)));
}
inline F16 nearest(F16 a) {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.low, mode), _mm256_round_ps(a.high, mode)};
}
inline __m256 scale_by_power(__m256 a, __m256 n) {
  // in two steps: 2^n alone may be denormal or infinite where the product is not
  __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), rest = _mm256_sub_epi32(i, half);
  const __m256i bias = _mm256_set1_epi32(127);
  a = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
  return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}
inline F16 scale_by_power(F16 a, F16 n) { return {scale_by_power(a.low, n.low), scale_by_power(a.high, n.high)}; }
inline F16 zero_below(F16 x, float limit, F16 a) {
  __m256 l = _mm256_set1_ps(limit);
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, l, _CMP_NLT_UQ), a.low),
          _mm256_and_ps(_mm256_cmp_ps(x.high, l, _CMP_NLT_UQ), a.high)};
}
inline __m256 choose(uint32_t lanes, __m256 a, __m256 b) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(lanes)), bits);
  return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, bits)));
}
inline F16 choose(uint32_t lanes, F16 a, F16 b) {
  return {choose(lanes, a.low, b.low), choose(lanes >> 8, a.high, b.high)};
}
struct I16 {
  __m256i low, high;
};
inline I16 no_integers() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline I16 add(I16 a, I16 b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline int sum_of(I16 a) {
  __m256i v = _mm256_add_epi32(a.low, a.high);
  __m128i h = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xB1)));
}
using Input = int16_t;  // so that each product of 16 bits needs only a broadcast
inline I16 to_inputs(F16 v, Input* q) {
  I16 i = {_mm256_cvtps_epi32(v.low), _mm256_cvtps_epi32(v.high)};
  __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(i.low, i.high), 0xD8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), words);
  return i;
}
inline __m256i rounded_bf16(__m256 v) {
  __m256i u = _mm256_castps_si256(v);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan), 16);
}
inline void store_bf16(bf16* p, F16 v) {
  __m256i words = _mm256_packus_epi32(rounded_bf16(v.low), rounded_bf16(v.high));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(words, 0xD8));
}
inline __m256 dot_pairs(__m256 acc, __m256 even, __m256 odd, const bf16* p) {
  __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  acc = _mm256_fmadd_ps(even, _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)), acc);
  return _mm256_fmadd_ps(odd, _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xFFFF0000)))),
                         acc);
}
inline F16 dot_pairs(F16 acc, int32_t pair, const bf16* p) {
  __m256 even = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int32_t>(static_cast<uint32_t>(pair) << 16)));
  __m256 odd = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int32_t>(static_cast<uint32_t>(pair) & 0xFFFF0000)));
  return {dot_pairs(acc.low, even, odd, p), dot_pairs(acc.high, even, odd, p + 16)};
}

#endif

// e^x by a polynomial of degree 6 (Cephes, expf); 0 below -87.3.
inline F16 exponential(F16 x) {
  constexpr float lowest = -87.3f;
  F16 limited = larger(all(lowest), smaller(all(88.f), x));  // NaN stays: the second operand is returned
  F16 n = nearest(mul(limited, all(1.44269504f)));
  F16 r = fma(n, all(-0.693359375f), limited);
  r = fma(n, all(2.12194440e-4f), r);
  F16 p = all(1.9875691500e-4f);
  p = fma(p, r, all(1.3981999507e-3f));
  p = fma(p, r, all(8.3334519073e-3f));
  p = fma(p, r, all(4.1665795894e-2f));
  p = fma(p, r, all(1.6666665459e-1f));
  p = fma(p, r, all(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), all(1.f));
  return zero_below(x, lowest, scale_by_power(p, n));
}

}  // namespace
