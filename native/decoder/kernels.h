// Kernels of one thread, compiled for each family.
//
// Sums of products of bytes are exact, so that a row has the same bits in every kernel. Sums of floats have one order
// for each row, whatever the number of rows. Rows are padded with zeros: inputs of linears to multiples of INPUTS,
// outputs to multiples of LANES, heads to multiples of HEAD.
#pragma once
#include <stdint.h>

namespace tidemark {

using bf16 = uint16_t;

constexpr int LANES = 16;   // outputs of a block of weights, and ranks of a block of LoRA
constexpr int INPUTS = 64;  // inputs of a tile of bytes
constexpr int HEAD = 32;    // elements of a tile of keys
constexpr int ROWS = 16;    // rows of a tile of activations
constexpr int SPAN = 32;    // cached tokens of a tile of values
constexpr int LARGEST_HEAD = 512;

// Weights as bytes with one scale for each output, in blocks of LANES outputs: [blocks][inputs / 4][LANES][4], stored
// as w + 128. This is the operand of vpdpbusd, and each 64 inputs are a tile of AMX.
struct Linear {
  int inputs = 0;  // padded
  int blocks = 0;
  uint8_t* weights = nullptr;
  float* scale = nullptr;  // [blocks * LANES]
  float* bias = nullptr;   // [blocks * LANES], or null
  int64_t block_bytes() const { return static_cast<int64_t>(inputs) * LANES; }
};

// Rows as signed bytes with one scale for each row: [rows][inputs], or tiles [rows / ROWS][inputs /
// INPUTS][ROWS][INPUTS]. Kernels may store them wider, with Kernels::input_size.
struct Bytes {
  int8_t* q = nullptr;
  float* scale = nullptr;  // [rows]
  int* sum = nullptr;      // [rows]: the sum of the bytes
  bool tiles = false;
};

// Up to ROWS queries that read the same keys and values.
struct Attention {
  const bf16* keys;        // [capacity / 16][width / 2][16][2]
  const bf16* values;      // [capacity / 2][width][2]
  int width;               // elements of a head, a multiple of HEAD; at most LARGEST_HEAD
  int capacity;            // position p is stored at p mod capacity
  int window;              // tokens that a query reads, at least 1
  int rows;                // tokens * heads
  int heads;               // queries of a token
  const bf16* queries;     // [heads][width] of each token, rotated and scaled
  int64_t queries_stride;  // from a token to the next
  int64_t positions[ROWS];
  float* scores;  // [ROWS][stride]; the stride is at least capacity
  bf16* weights;  // [ROWS][stride]
  int64_t stride;
  float* out;  // [rows][width]
};

struct Kernels {
  // Rows from which products of bytes use tiles.
  int tile_rows;
  int input_size;  // bytes of a number in Bytes
  // Called by a thread before its first kernel of a step, and after its last one: other code may use tiles between
  // them.
  void (*begin)();
  void (*end)();
  // Weights [outputs][inputs] from those of one block's outputs; null pointers are outputs of zeros.
  void (*pack)(const float* const* outputs, int inputs, const Linear& linear, int block);
  // y = x w / sqrt(sum of squares + extra), for rows of a multiple of LANES numbers.
  void (*norm)(const float* x, const float* w, int n, float extra, float* y);
  // Rounds row m of n = inputs numbers to bytes. A row that is not finite gets the scale NaN, and any bytes.
  void (*quantize)(const float* x, int n, int m, const Bytes& bytes);
  // Computes y [rows][stride] for the blocks first .. end-1, without bias.
  void (*linear)(const Linear& l, const Bytes& x, int rows, int first, int end, float* y, int64_t stride);
  // Converts n numbers to bfloat16; n is a multiple of LANES.
  void (*round)(const float* x, int n, bf16* y);
  // t [rows][t_stride] = A x for up to ROWS rows of one adapter; a is [blocks of ranks][inputs / 2][LANES][2].
  void (*lora_a)(const bf16* x, int64_t x_stride, int rows, const bf16* a, int inputs, int blocks, bf16* t,
                 int64_t t_stride);
  // y [rows][y_stride] += B t for one block of outputs; b is [blocks of ranks][LANES / 2][LANES][2].
  void (*lora_b)(const bf16* t, int64_t t_stride, int rows, const bf16* b, int blocks, float* y, int64_t y_stride);
  // y += v, y = x s, and y = x[indices] s with zeros up to `padded`.
  void (*add)(const float* v, int n, float* y);
  void (*multiply)(const float* x, const float* s, int n, float* y);
  void (*gather)(const float* x, const int32_t* indices, const float* s, int n, int padded, float* y);
  // y [pairs * LANES] = silu(gate) * up * scale; gate and up take turns in blocks of LANES.
  void (*silu)(const float* gate_up, int pairs, const float* scale, float* y);
  // Rotates the halves of a head of n numbers and multiplies it by a factor.
  void (*rotate)(const float* x, const float* cos, const float* sin, int n, float factor, float* y);
  void (*attend)(const Attention& a);
  // The logarithm of the sum of e^x for n numbers; reads up to 64 bytes beyond them.
  double (*log_sum_exp)(const float* x, int n);
};

const Kernels* kernels_avx2();
const Kernels* kernels_vnni();
const Kernels* kernels_vnni_bf16();
const Kernels* kernels_amx();

}  // namespace tidemark
