/*
 * The layers and the head of a decoder in int8 on x86-64 Linux, for rows of any sequences, adapters and boundaries.
 *
 * Use:
 *   1. tidemark_model_new, tidemark_model_linear for each linear, tidemark_model_layer for each layer,
 *      tidemark_model_head;
 *   2. tidemark_block_new for each block of keys and values; tidemark_adapter_new and tidemark_adapter_lora for each
 *      adapter;
 *   3. tidemark_run_layers and tidemark_run_head for each step, or tidemark_run_gold for given texts;
 *   4. tidemark_close for blocks and adapters, then for the model, which is refused while it has open ones.
 *
 * Objects are named by handles. A handle that does not exist, a shape that does not fit and a plan outside the memory
 * of its block are refused: no function reads or writes outside of the arrays that its arguments describe. Functions
 * that can fail return NULL, or a message that is valid until the next call of the same thread.
 *
 * All functions are thread-safe, except that steps that run at the same time must not use the same slot of a block, and
 * that an object must not be closed while a call uses it. tidemark_close waits for threads that are late in a step
 * which has ended.
 */
#ifndef TIDEMARK_DECODER_H
#define TIDEMARK_DECODER_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Instruction sets of the kernels, from the most general to the fastest. */
enum tidemark_family {
  TIDEMARK_AVX2,      /* AVX2, FMA */
  TIDEMARK_VNNI,      /* AVX-512 F, BW, DQ, VL, VNNI */
  TIDEMARK_VNNI_BF16, /* also AVX-512 BF16 */
  TIDEMARK_AMX,       /* also AMX TILE, INT8, BF16, with the permission of the operating system */
  TIDEMARK_FAMILIES
};

/* The fastest family that the processor and the operating system support, or -1. Requests the use of AMX. */
int tidemark_best_family(void);

/* The version of this interface. */
int tidemark_decoder_version(void);

enum { TIDEMARK_QKV, TIDEMARK_O, TIDEMARK_GATE_UP, TIDEMARK_DOWN, TIDEMARK_MODULES };

/* The elements of the shape of tidemark_model_new. */
enum tidemark_shape {
  TIDEMARK_SHAPE_FAMILY,
  TIDEMARK_SHAPE_LAYERS,
  TIDEMARK_SHAPE_HIDDEN,
  TIDEMARK_SHAPE_HEADS,
  TIDEMARK_SHAPE_KV_HEADS,
  TIDEMARK_SHAPE_HEAD_DIM, /* even */
  TIDEMARK_SHAPE_INNER,
  TIDEMARK_SHAPE_VOCABULARY,
  TIDEMARK_SHAPE_SMALL_INPUTS, /* of the head's first part */
  TIDEMARK_SHAPE_LARGE_INPUTS, /* of the head's second part; the sum of both is hidden */
  TIDEMARK_SHAPE_FIELDS
};

/*
 * A model without weights.
 *   windows              [layers]: the tokens that attention reads, or -1 for all
 *   inverse_frequencies  [head dim / 2], the inverse frequencies of the rotary embedding
 *   rope_factor          factor of the cosines and sines of the rotary embedding
 *   epsilon              what the norms add to the mean square
 */
const char *tidemark_model_new(const int64_t *shape, const int64_t *windows, const float *inverse_frequencies,
                               double rope_factor, double epsilon, int64_t *model);

/*
 * Packs the weights [out, in] of a linear as int8 with one scale for each output; they are divided by the smooth_scale
 * of their inputs. Parts are concatenated: q, k and v; gate and up. bias is [out] or NULL. The head has the index
 * `layers`, and its parts are module 0 and 1, for the inputs of tidemark_model_head.
 */
const char *tidemark_model_linear(int64_t model, int64_t layer, int64_t module, const float *weight, int64_t outputs,
                                  int64_t inputs, const float *bias);

/*
 * The vectors of a layer.
 *   attention_norm, mlp_norm  [hidden], multiplied by sqrt(hidden) and by smooth_scale: y = x w / sqrt(sum of squares
 *                             of x + hidden * epsilon)
 *   head_norms                [heads + kv heads, head dim], or NULL if heads have no norm
 *   o_scale, down_scale       [heads * head dim], [inner]: smooth_scale of the inputs of o_proj and down
 */
const char *tidemark_model_layer(int64_t model, int64_t layer, const float *attention_norm, const float *mlp_norm,
                                 const float *head_norms, const float *o_scale, const float *down_scale);

/* The inputs of the two parts of the head and their smooth_scale. Logits are the sum of both parts. */
const char *tidemark_model_head(int64_t model, const int64_t *small_inputs, const float *small_scale,
                                const int64_t *large_inputs, const float *large_scale);

/* The shape of a model, or of the model of a block or adapter, as in tidemark_model_new. */
const char *tidemark_shape(int64_t handle, int64_t *shape);

/*
 * The number of elements of a head in the keys and values of a block: head dim rounded up to a multiple of 32.
 */
const char *tidemark_kv_width(int64_t model, int64_t *width);

/*
 * A block of keys and values. layers [layers] are addresses of memory that the caller owns, of bfloat16
 * [2, slots, kv heads, capacity, kv width]; layers with a window have ring_capacity in place of capacity, and position
 * p is stored at p mod ring_capacity. Capacities are multiples of 64. If all layers have a window, a sequence may be
 * longer than its slot. The layout of a head's tokens is private, but the tokens of each multiple of 16 positions are
 * contiguous. A slot has zeros or finite numbers when its sequence starts.
 */
const char *tidemark_block_new(int64_t model, const int64_t *layers, int64_t slots, int64_t capacity,
                               int64_t ring_capacity, int64_t *block);

/* An adapter that changes nothing. */
const char *tidemark_adapter_new(int64_t model, int64_t *adapter);

/*
 * The LoRA of an adapter in one linear: y = factor * W x + B A x + bias + shift.
 *   a              [inputs, parts * rank], divided by the smooth_scale of its inputs
 *   b              [rank, outputs], multiplied by scale and factor; the outputs of each part use the ranks of the part
 *   factor, shift  [outputs], or NULL for 1 and 0
 * rank may be 0.
 */
const char *tidemark_adapter_lora(int64_t adapter, int64_t layer, int64_t module, int64_t rank, const float *a,
                                  const float *b, const float *factor, const float *shift);

/* Norms that replace those of a layer at every boundary, as in tidemark_model_layer; NULL for the base model's. */
const char *tidemark_adapter_norms(int64_t adapter, int64_t layer, const float *attention_norm, const float *mlp_norm,
                                   const float *head_norms);

const char *tidemark_adapter_bytes(int64_t adapter, int64_t *bytes);

const char *tidemark_close(int64_t handle);

/* A segment of a plan: the next tokens of one sequence. */
enum tidemark_segment {
  TIDEMARK_SEGMENT_BLOCK,
  TIDEMARK_SEGMENT_SLOT,
  TIDEMARK_SEGMENT_POSITION, /* of the first token */
  TIDEMARK_SEGMENT_TOKENS,   /* 1 or more */
  TIDEMARK_SEGMENT_ADAPTER,  /* or 0 */
  TIDEMARK_SEGMENT_BOUNDARY, /* the adapter's LoRA is used in the layers below it */
  TIDEMARK_SEGMENT_FIELDS
};

/*
 * Changes states x [rows, hidden] before the layer `first` to those after the layer `end - 1`, and stores keys and
 * values. segments is [segment_count, TIDEMARK_SEGMENT_FIELDS]; the rows of the segments follow each other in x. No two
 * segments have the same slot. Uses `threads` threads, at most 64, of which the calling one is the first: 1 runs beside
 * other calls, more use the threads of the process, which run one call at a time.
 *
 * Within a family, the result of a row does not depend, bit for bit, on the other rows, on the number of threads, or on
 * how a prompt is split into steps.
 *
 * Memory: a model keeps the workspace of its largest pass, and one more for each call that runs at the same time. With
 * R rows (rounded up to 32), T threads, sequences of up to S tokens (rounded up to 64), q = heads * head dim, kv = kv
 * heads * head dim, w = kv width, n = the largest of hidden, q and inner (each rounded up to 64), and adapters of up to
 * r ranks (rounded up to 16, 0 without), it has at most
 *   R * (4 * (hidden + 2 q + 2 kv + inner) + 2 * heads * w + 4 * head dim + (r ? 4 : 2) * n + 6 * r + 1024)
 *   + T * (512 * max(R, 256) + 16 * n + 96 * S + 64 * w)
 * bytes. Families other than AVX2 need R * n less. The head adds R * n + T * 2048 * max(R, 256) for its rows, and
 * tidemark_run_gold, whose passes have up to 64 rows, another 256 * vocabulary.
 */
const char *tidemark_run_layers(int64_t model, float *x, int64_t rows, const int64_t *segments, int64_t segment_count,
                                int64_t first, int64_t end, int64_t threads);

/* logits [rows, vocabulary] of normed states h [rows, hidden]. */
const char *tidemark_run_head(int64_t model, const float *h, int64_t rows, float *logits, int64_t threads);

/*
 * The log-probability, in nats, of one token for each of the normed states h [rows, hidden]: of its logits, that of the
 * token gold [rows] minus the logarithm of the sum of their exponentials. NaN for a row that is not finite. A row does
 * not depend on the others or on the number of threads, as in tidemark_run_layers.
 */
const char *tidemark_run_gold(int64_t model, const float *h, int64_t rows, const int64_t *gold, double *logprobs,
                              int64_t threads);

/* Registers the operators of operators.c in libtorch, once in a process. */
const char *tidemark_register_operators(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
