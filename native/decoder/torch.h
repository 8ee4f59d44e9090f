/*
 * The functions of libtorch that operators.c uses, with the names and types of libtorch 2.7.1:
 * torch/csrc/inductor/aoti_torch/c/shim.h. They are C functions, so that this library needs no C++ library.
 * Those that return int give 0 for success. native/decoder/build makes a stub of libtorch from the names below.
 */
#ifndef TIDEMARK_TORCH_H
#define TIDEMARK_TORCH_H
#include <stdbool.h>
#include <stdint.h>

struct AtenTensorOpaque;
struct TorchLibraryOpaque;

int32_t aoti_torch_device_type_cpu(void);
int32_t aoti_torch_dtype_float32(void);
int32_t aoti_torch_dtype_float64(void);
int32_t aoti_torch_dtype_int64(void);

int32_t aoti_torch_delete_tensor_object(struct AtenTensorOpaque *tensor);
int32_t aoti_torch_get_data_ptr(struct AtenTensorOpaque *tensor, void **data);
int32_t aoti_torch_get_dim(struct AtenTensorOpaque *tensor, int64_t *dimensions);
int32_t aoti_torch_get_sizes(struct AtenTensorOpaque *tensor, int64_t **sizes);
int32_t aoti_torch_get_strides(struct AtenTensorOpaque *tensor, int64_t **strides);
int32_t aoti_torch_get_dtype(struct AtenTensorOpaque *tensor, int32_t *dtype);
int32_t aoti_torch_get_device_type(struct AtenTensorOpaque *tensor, int32_t *type);

int32_t aoti_torch_library_init_def(const char *name_space, const char *file, uint32_t line,
                                    struct TorchLibraryOpaque **library);
int32_t aoti_torch_library_init_impl(const char *name_space, const char *dispatch_key, const char *file, uint32_t line,
                                     struct TorchLibraryOpaque **library);
int32_t aoti_torch_library_def(struct TorchLibraryOpaque *library, const char *schema);
int32_t aoti_torch_library_impl(struct TorchLibraryOpaque *library, const char *name,
                                void (*kernel)(uint64_t *stack, uint64_t inputs, uint64_t outputs));

/* Throws a C++ exception with the message if the condition is false. */
void aoti_torch_check(bool condition, const char *function, const char *file, uint32_t line, const char *message);
#endif
