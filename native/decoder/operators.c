/*
 * The functions of decoder.h as operators of libtorch, in the namespace tidemark. An operator checks its tensors, calls
 * its function, and raises the message of a failure.
 *
 * A tensor has no type that the border could check, and no sizes: all memory that the border reads or writes is checked
 * here, against the shape of the model.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "decoder.h"
#include "torch.h"

enum { INPUTS = 16, DIMENSIONS = 8, ANY = -1 };

/* A call of an operator. message is empty until something is refused; then no function is called. */
struct call {
  const char *schema;
  const uint64_t *stack;
  int64_t shape[TIDEMARK_SHAPE_FIELDS]; /* of the model, after read_shape */
  char message[512];
};

struct operator_ {
  const char *schema;
  void (*kernel)(uint64_t *stack, uint64_t inputs, uint64_t outputs);
};

/* An argument in the text of a schema. */
struct argument {
  int is_tensor;
  const char *name;
  int name_length;
};

/* Reads the arguments of a schema such as `run(int model, Tensor(a!) x) -> int`, and gives their number. */
static int read_schema(const char *schema, struct argument *arguments) {
  int count = 0;
  int depth = 0;
  const char *start = strchr(schema, '(') + 1;
  const char *name = start;
  for (const char *at = start;; at++) {
    if (depth == 0 && (*at == ',' || *at == ')')) {
      arguments[count++] = (struct argument){strncmp(start, "Tensor", 6) == 0, name, (int)(at - name)};
      if (*at == ')') {
        return count;
      }
      start = at + 2;
    }
    depth += (*at == '(') - (*at == ')');
    if (*at == ' ') {
      name = at + 1;
    }
  }
}

static int64_t integer(const struct call *call, int index) { return (int64_t)call->stack[index]; }

static double number(const struct call *call, int index) {
  double value;
  memcpy(&value, &call->stack[index], sizeof value);
  return value;
}

/* The sizes of a tensor as text, with * for any size. */
static void describe(char *text, size_t length, const int64_t *sizes, int64_t dimensions) {
  size_t used = (size_t)snprintf(text, length, "[");
  for (int64_t i = 0; i < dimensions && used < length; i++) {
    const char *separator = i > 0 ? ", " : "";
    used += sizes[i] == ANY ? (size_t)snprintf(text + used, length - used, "%s*", separator)
                            : (size_t)snprintf(text + used, length - used, "%s%lld", separator, (long long)sizes[i]);
  }
  if (used < length) {
    snprintf(text + used, length - used, "]");
  }
}

static void refuse(struct call *call, int index, const char *reason) {
  struct argument arguments[INPUTS];
  read_schema(call->schema, arguments);
  if (!call->message[0]) {
    snprintf(call->message, sizeof call->message, "argument '%.*s' %s", arguments[index].name_length,
             arguments[index].name, reason);
  }
}

static int64_t elements(const int64_t *sizes, int64_t dimensions) {
  int64_t product = 1;
  for (int64_t i = 0; i < dimensions; i++) {
    product *= sizes[i];
  }
  return product;
}

/* Whether the elements of a tensor follow each other in memory. */
static int is_contiguous(const int64_t *sizes, const int64_t *strides, int64_t dimensions) {
  int64_t stride = 1;
  for (int64_t i = dimensions - 1; i >= 0; i--) {
    if (sizes[i] != 1 && strides[i] != stride) {
      return elements(sizes, dimensions) == 0;
    }
    stride *= sizes[i];
  }
  return 1;
}

/*
 * The memory of a tensor on the CPU, of any type and sizes, whose elements follow each other. NULL for a tensor without
 * elements, and for one that is refused.
 */
static void *memory(struct call *call, int index, int64_t **sizes, int64_t *dimensions) {
  struct AtenTensorOpaque *tensor = (struct AtenTensorOpaque *)(uintptr_t)call->stack[index];
  int64_t *strides;
  int32_t device;
  void *data;
  if (aoti_torch_get_device_type(tensor, &device) || device != aoti_torch_device_type_cpu()) {
    refuse(call, index, "must be on the CPU");
    return NULL;
  }
  if (aoti_torch_get_dim(tensor, dimensions) || aoti_torch_get_sizes(tensor, sizes) ||
      aoti_torch_get_strides(tensor, &strides) || aoti_torch_get_data_ptr(tensor, &data)) {
    refuse(call, index, "must have strides and memory");
    return NULL;
  }
  if (!is_contiguous(*sizes, strides, *dimensions)) {
    refuse(call, index, "must be contiguous");
    return NULL;
  }
  return elements(*sizes, *dimensions) == 0 ? NULL : data;
}

/* The memory of a tensor of a type and of sizes, of which ANY are replaced by those of the tensor. */
static void *array(struct call *call, int index, int32_t type, int64_t *expected, int expected_dimensions) {
  int64_t *sizes;
  int64_t dimensions;
  int32_t actual;
  void *data = memory(call, index, &sizes, &dimensions);
  if (call->message[0]) {
    return NULL;
  }
  if (aoti_torch_get_dtype((struct AtenTensorOpaque *)(uintptr_t)call->stack[index], &actual) || actual != type) {
    refuse(call, index,
           type == aoti_torch_dtype_float32()   ? "must be of float32"
           : type == aoti_torch_dtype_float64() ? "must be of float64"
                                                : "must be of int64");
    return NULL;
  }
  int fits = dimensions == expected_dimensions;
  for (int i = 0; fits && i < expected_dimensions; i++) {
    fits = expected[i] == ANY || expected[i] == sizes[i];
  }
  if (!fits) {
    char wanted[96];
    char given[192];
    char reason[384];
    describe(wanted, sizeof wanted, expected, expected_dimensions);
    describe(given, sizeof given, sizes, dimensions);
    snprintf(reason, sizeof reason, "must have the sizes %s, not %s", wanted, given);
    refuse(call, index, reason);
    return NULL;
  }
  memcpy(expected, sizes, (size_t)expected_dimensions * sizeof *expected);
  return data;
}

static const int64_t *integers(struct call *call, int index, int64_t size) {
  return array(call, index, aoti_torch_dtype_int64(), &size, 1);
}

static float *floats(struct call *call, int index, int64_t size) {
  return array(call, index, aoti_torch_dtype_float32(), &size, 1);
}

static float *matrix(struct call *call, int index, int64_t rows, int64_t columns) {
  int64_t sizes[] = {rows, columns};
  return array(call, index, aoti_torch_dtype_float32(), sizes, 2);
}

/* The sizes of a matrix before its memory is asked for; zeros if it is none, which is then refused. */
static void read_sizes(struct call *call, int index, int64_t *rows, int64_t *columns) {
  int64_t sizes[] = {ANY, ANY};
  array(call, index, aoti_torch_dtype_float32(), sizes, 2);
  *rows = call->message[0] ? 0 : sizes[0];
  *columns = call->message[0] ? 0 : sizes[1];
}

/* Whether an argument that may be absent is present: a tensor without elements stands for none. */
static int is_present(struct call *call, int index) {
  int64_t *sizes;
  int64_t dimensions;
  memory(call, index, &sizes, &dimensions);
  return !call->message[0] && elements(sizes, dimensions) > 0;
}

static const float *optional_floats(struct call *call, int index, int64_t size) {
  return is_present(call, index) ? floats(call, index, size) : NULL;
}

static const float *optional_matrix(struct call *call, int index, int64_t rows, int64_t columns) {
  return is_present(call, index) ? matrix(call, index, rows, columns) : NULL;
}

/* Reads the shape of the model that a handle names or belongs to. */
static void read_shape(struct call *call, int64_t handle) {
  const char *failure = tidemark_shape(handle, call->shape);
  if (failure && !call->message[0]) {
    snprintf(call->message, sizeof call->message, "%s", failure);
  }
}

static int64_t heads_size(const struct call *call) {
  return call->shape[TIDEMARK_SHAPE_HEADS] * call->shape[TIDEMARK_SHAPE_HEAD_DIM];
}

static int64_t all_heads(const struct call *call) {
  return call->shape[TIDEMARK_SHAPE_HEADS] + call->shape[TIDEMARK_SHAPE_KV_HEADS];
}

static int64_t module_inputs(const struct call *call, int64_t module) {
  return module == TIDEMARK_O      ? heads_size(call)
         : module == TIDEMARK_DOWN ? call->shape[TIDEMARK_SHAPE_INNER]
                                   : call->shape[TIDEMARK_SHAPE_HIDDEN];
}

static int64_t module_outputs(const struct call *call, int64_t module) {
  int64_t kv = call->shape[TIDEMARK_SHAPE_KV_HEADS] * call->shape[TIDEMARK_SHAPE_HEAD_DIM];
  return module == TIDEMARK_QKV       ? heads_size(call) + 2 * kv
         : module == TIDEMARK_GATE_UP ? 2 * call->shape[TIDEMARK_SHAPE_INNER]
                                      : call->shape[TIDEMARK_SHAPE_HIDDEN];
}

static int64_t module_parts(int64_t module) {
  return module == TIDEMARK_QKV ? 3 : module == TIDEMARK_GATE_UP ? 2 : 1;
}

/* The operators: each gives the message of a failure, or NULL and its result. */

static const char *new_model(struct call *call, int64_t *model) {
  const int64_t *shape = integers(call, 0, TIDEMARK_SHAPE_FIELDS);
  if (!shape) {
    return call->message;
  }
  const int64_t *windows = integers(call, 1, shape[TIDEMARK_SHAPE_LAYERS]);
  const float *frequencies = floats(call, 2, shape[TIDEMARK_SHAPE_HEAD_DIM] / 2);
  return call->message[0] ? call->message
                          : tidemark_model_new(shape, windows, frequencies, number(call, 3), number(call, 4), model);
}

static const char *set_linear(struct call *call, int64_t *result) {
  (void)result;
  int64_t outputs;
  int64_t inputs;
  read_sizes(call, 3, &outputs, &inputs);
  const float *weight = matrix(call, 3, outputs, inputs);
  const float *bias = optional_floats(call, 4, outputs);
  return call->message[0] ? call->message
                          : tidemark_model_linear(integer(call, 0), integer(call, 1), integer(call, 2), weight, outputs,
                                                  inputs, bias);
}

static const char *set_layer(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t hidden = call->shape[TIDEMARK_SHAPE_HIDDEN];
  const float *attention_norm = floats(call, 2, hidden);
  const float *mlp_norm = floats(call, 3, hidden);
  const float *head_norms = optional_matrix(call, 4, all_heads(call), call->shape[TIDEMARK_SHAPE_HEAD_DIM]);
  const float *o_scale = floats(call, 5, heads_size(call));
  const float *down_scale = floats(call, 6, call->shape[TIDEMARK_SHAPE_INNER]);
  return call->message[0] ? call->message
                          : tidemark_model_layer(integer(call, 0), integer(call, 1), attention_norm, mlp_norm,
                                                 head_norms, o_scale, down_scale);
}

static const char *set_head(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t small = call->shape[TIDEMARK_SHAPE_SMALL_INPUTS];
  int64_t large = call->shape[TIDEMARK_SHAPE_LARGE_INPUTS];
  const int64_t *small_inputs = integers(call, 1, small);
  const float *small_scale = floats(call, 2, small);
  const int64_t *large_inputs = integers(call, 3, large);
  const float *large_scale = floats(call, 4, large);
  return call->message[0]
             ? call->message
             : tidemark_model_head(integer(call, 0), small_inputs, small_scale, large_inputs, large_scale);
}

static const char *kv_width(struct call *call, int64_t *width) { return tidemark_kv_width(integer(call, 0), width); }

static const char *address(struct call *call, int64_t *result) {
  int64_t *sizes;
  int64_t dimensions;
  *result = (int64_t)(uintptr_t)memory(call, 0, &sizes, &dimensions);
  return call->message[0] ? call->message : NULL;
}

static const char *new_block(struct call *call, int64_t *block) {
  read_shape(call, integer(call, 0));
  const int64_t *layers = integers(call, 1, call->shape[TIDEMARK_SHAPE_LAYERS]);
  return call->message[0] ? call->message
                          : tidemark_block_new(integer(call, 0), layers, integer(call, 2), integer(call, 3),
                                               integer(call, 4), block);
}

static const char *new_adapter(struct call *call, int64_t *adapter) {
  return tidemark_adapter_new(integer(call, 0), adapter);
}

static const char *set_lora(struct call *call, int64_t *result) {
  (void)result;
  int64_t module = integer(call, 2);
  int64_t rank;
  int64_t outputs;
  if (module < 0 || module >= TIDEMARK_MODULES) {
    refuse(call, 2, "must be a module");
    return call->message;
  }
  read_shape(call, integer(call, 0));
  read_sizes(call, 5, &rank, &outputs);
  if (!call->message[0] && rank != integer(call, 3)) {
    refuse(call, 5, "must have as many rows as the rank");
  }
  const float *a = matrix(call, 4, module_inputs(call, module), module_parts(module) * rank);
  const float *b = matrix(call, 5, rank, module_outputs(call, module));
  const float *factor = optional_floats(call, 6, outputs);
  const float *shift = optional_floats(call, 7, outputs);
  return call->message[0]
             ? call->message
             : tidemark_adapter_lora(integer(call, 0), integer(call, 1), module, rank, a, b, factor, shift);
}

static const char *set_norms(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t hidden = call->shape[TIDEMARK_SHAPE_HIDDEN];
  const float *attention_norm = optional_floats(call, 2, hidden);
  const float *mlp_norm = optional_floats(call, 3, hidden);
  const float *head_norms = optional_matrix(call, 4, all_heads(call), call->shape[TIDEMARK_SHAPE_HEAD_DIM]);
  return call->message[0]
             ? call->message
             : tidemark_adapter_norms(integer(call, 0), integer(call, 1), attention_norm, mlp_norm, head_norms);
}

static const char *adapter_bytes(struct call *call, int64_t *bytes) {
  return tidemark_adapter_bytes(integer(call, 0), bytes);
}

static const char *close_handle(struct call *call, int64_t *result) {
  (void)result;
  return tidemark_close(integer(call, 0));
}

static const char *run_layers(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t states[] = {ANY, call->shape[TIDEMARK_SHAPE_HIDDEN]};
  int64_t plan[] = {ANY, TIDEMARK_SEGMENT_FIELDS};
  float *x = array(call, 1, aoti_torch_dtype_float32(), states, 2);
  const int64_t *segments = array(call, 2, aoti_torch_dtype_int64(), plan, 2);
  return call->message[0] ? call->message
                          : tidemark_run_layers(integer(call, 0), x, states[0], segments, plan[0], integer(call, 3),
                                                integer(call, 4), integer(call, 5));
}

static const char *run_head(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t states[] = {ANY, call->shape[TIDEMARK_SHAPE_HIDDEN]};
  const float *h = array(call, 1, aoti_torch_dtype_float32(), states, 2);
  float *logits = matrix(call, 2, states[0], call->shape[TIDEMARK_SHAPE_VOCABULARY]);
  return call->message[0] ? call->message
                          : tidemark_run_head(integer(call, 0), h, states[0], logits, integer(call, 3));
}

static const char *run_gold(struct call *call, int64_t *result) {
  (void)result;
  read_shape(call, integer(call, 0));
  int64_t states[] = {ANY, call->shape[TIDEMARK_SHAPE_HIDDEN]};
  const float *h = array(call, 1, aoti_torch_dtype_float32(), states, 2);
  const int64_t *gold = integers(call, 2, states[0]);
  double *logprobs = array(call, 3, aoti_torch_dtype_float64(), states, 1);
  return call->message[0] ? call->message
                          : tidemark_run_gold(integer(call, 0), h, states[0], gold, logprobs, integer(call, 4));
}

/*
 * Runs an operator. libtorch gives the tensors among the inputs to it, and takes the result from the first place. An
 * exception ends this function, so that nothing may be left to do.
 */
static void run(const char *schema, const char *(*body)(struct call *, int64_t *), uint64_t *stack) {
  struct call call = {.schema = schema, .stack = stack};
  struct argument arguments[INPUTS];
  char message[640];
  int64_t result = 0;
  int count = read_schema(schema, arguments);
  const char *failure = body(&call, &result);
  if (failure) {
    int name_length = (int)(strchr(schema, '(') - schema);
    snprintf(message, sizeof message, "tidemark::%.*s: %s", name_length, schema, failure);
  }
  for (int i = 0; i < count; i++) {
    if (arguments[i].is_tensor) {
      aoti_torch_delete_tensor_object((struct AtenTensorOpaque *)(uintptr_t)stack[i]);
    }
  }
  if (failure) {
    aoti_torch_check(false, "run", "operators.c", __LINE__, message);
  }
  stack[0] = (uint64_t)result;
}

#define OPERATORS(_)                                                                                                  \
  _(new_model, "new_model(Tensor shape, Tensor windows, Tensor inverse_frequencies, float rope_factor, "              \
               "float epsilon) -> int")                                                                               \
  _(set_linear, "set_linear(int model, int layer, int module, Tensor weight, Tensor bias) -> int")                    \
  _(set_layer, "set_layer(int model, int layer, Tensor attention_norm, Tensor mlp_norm, Tensor head_norms, "          \
               "Tensor o_scale, Tensor down_scale) -> int")                                                           \
  _(set_head, "set_head(int model, Tensor small_inputs, Tensor small_scale, Tensor large_inputs, "                    \
              "Tensor large_scale) -> int")                                                                           \
  _(kv_width, "kv_width(int model) -> int")                                                                           \
  _(address, "address(Tensor t) -> int")                                                                              \
  _(new_block, "new_block(int model, Tensor addresses, int slots, int capacity, int ring_capacity) -> int")           \
  _(new_adapter, "new_adapter(int model) -> int")                                                                     \
  _(set_lora, "set_lora(int adapter, int layer, int module, int rank, Tensor a, Tensor b, Tensor factor, "            \
              "Tensor shift) -> int")                                                                                 \
  _(set_norms, "set_norms(int adapter, int layer, Tensor attention_norm, Tensor mlp_norm, Tensor head_norms) -> int") \
  _(adapter_bytes, "adapter_bytes(int adapter) -> int")                                                               \
  _(close_handle, "close(int handle) -> int")                                                                         \
  _(run_layers, "run_layers(int model, Tensor(a!) x, Tensor segments, int first, int end, int threads) -> int")       \
  _(run_head, "run_head(int model, Tensor h, Tensor(a!) logits, int threads) -> int")                                 \
  _(run_gold, "run_gold(int model, Tensor h, Tensor gold, Tensor(a!) logprobs, int threads) -> int")

#define KERNEL(body, schema)                                                        \
  static void kernel_##body(uint64_t *stack, uint64_t inputs, uint64_t outputs) {   \
    (void)inputs;                                                                   \
    (void)outputs;                                                                  \
    run(schema, body, stack);                                                       \
  }
OPERATORS(KERNEL)

#define ENTRY(body, schema) {schema, kernel_##body},
static const struct operator_ operators[] = {OPERATORS(ENTRY)};

static const char *register_all(void) {
  struct TorchLibraryOpaque *definitions;
  struct TorchLibraryOpaque *kernels;
  if (aoti_torch_library_init_def("tidemark", "operators.c", __LINE__, &definitions) ||
      aoti_torch_library_init_impl("tidemark", "CompositeImplicitAutograd", "operators.c", __LINE__, &kernels)) {
    return "libtorch refuses the namespace tidemark of the operators";
  }
  for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(strchr(operators[i].schema, '(') - operators[i].schema),
             operators[i].schema);
    if (aoti_torch_library_def(definitions, operators[i].schema) ||
        aoti_torch_library_impl(kernels, name, operators[i].kernel)) {
      return "libtorch refuses an operator; it needs to be libtorch 2.7.1";
    }
  }
  return NULL; /* the operators exist as long as both objects, for the rest of the process */
}

const char *tidemark_register_operators(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int registered;
  static const char *failure;
  /* class loaders load copies of the library, but libtorch accepts a namespace once: the first copy registers */
  void *process = dlopen(NULL, RTLD_LAZY);
  const char *(*first)(void) = (const char *(*)(void))dlsym(process, "tidemark_register_operators");
  if (first && first != tidemark_register_operators) {
    int (*version)(void) = (int (*)(void))dlsym(process, "tidemark_decoder_version");
    return version && version() == tidemark_decoder_version()
               ? first()
               : "another version of the operators is registered in this process";
  }
  pthread_mutex_lock(&lock);
  if (!registered) {
    failure = register_all();
    registered = 1;
  }
  pthread_mutex_unlock(&lock);
  return failure;
}
