// A pass of rows through layers, or through the head.
#pragma once
#include "model.h"

namespace tidemark {

// The next tokens of one sequence.
struct Segment {
  const Block* block;
  const Adapter* adapter;
  int64_t slot, position;
  int boundary, first_row, rows;
  int given_row;  // first_row in the states of the caller; a pass puts segments in another order
};

// What one thread writes to while it computes a chunk.
struct Scratch {
  Array<float> outputs;  // [rows][outputs of a chunk]
  Array<float> row;      // an input of a linear
  Array<float> scores;   // scores of an Attention
  Array<bf16> weights;
  Array<float> attended;
  Array<int8_t> q;  // inputs of a linear with few rows
  Array<float> scales;
  Array<int> sums;
};

// The memory of a pass. It grows to the largest pass, and is then used again.
struct Workspace {
  Workspace* next = nullptr;
  Array<char> plan;
  Array<float> x, qkv, attended, h;  // [rows][padded width]
  Array<bf16> queries;               // [rows][heads][width], rotated and scaled
  Array<float> cos, sin;             // [rows][head_dim / 2]
  Array<int8_t> q[2];                // inputs of a linear as bytes; q[1] has those of the head's second part
  Array<float> scales[2];
  Array<int> sums[2];
  Array<bf16> rounded;        // [rows][padded inputs] of LoRA
  Array<bf16> lora_products;  // [rows][parts][ranks]
  Array<float> logits;        // [rows][vocabulary] of gold tokens
  Scratch scratch[MAX_THREADS];
};

// Segments have at least one row each, rows that follow each other, and places in their blocks.
const char* run_layers(Model* model, float* x, int64_t rows, const Segment* segments, int64_t segment_count,
                       int64_t first, int64_t end, int64_t threads);
const char* run_head(Model* model, const float* h, int64_t rows, float* logits, int64_t threads);
// Gold tokens are in the vocabulary.
const char* run_gold(Model* model, const float* h, int64_t rows, const int64_t* gold, double* logprobs,
                     int64_t threads);

// Returns when no thread is late in a pass that has ended.
void wait_for_late();

}  // namespace tidemark
