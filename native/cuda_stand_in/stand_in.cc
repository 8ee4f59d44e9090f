// A CUDA device for tests on machines without a GPU. Tensors on cuda:0 are in the memory of the host, and each operator
// runs on the processor, on the same memory. As on a GPU, new memory has any content, and tensors of two devices in one
// operator are an error. Kernels, copies and compilations are counted, and an error of CUDA can be planted.
//
// It shows neither that a kernel exists or is right on a GPU, nor what happens while a GPU computes.
//
// libtorch loads it after its own libraries (PYTORCH_EXTRA_LIBRARY_PATH). It has the functions of libcudart that Tidemark
// calls, and its soname. Needs the headers of torch 2.7.1 and of the CUDA runtime.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/NativeFunctions.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/jit/tensorexpr/codegen.h>
#include <torch/csrc/jit/tensorexpr/eval.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

// the headers of torch lack it
namespace torch::jit::fuser {
struct FusedKernel {};
struct TensorDesc {};
struct PartitionDesc {};
using FusedKernelConstructor = std::function<std::shared_ptr<FusedKernel>(
    int16_t, std::string, std::string, std::vector<TensorDesc>, std::vector<TensorDesc>, std::vector<PartitionDesc>,
    std::vector<PartitionDesc>, bool)>;
TORCH_API void registerFusionBackend(at::Device::Type, FusedKernelConstructor);
}  // namespace torch::jit::fuser

namespace {

using c10::Device;
using c10::DeviceIndex;
using c10::DeviceType;
using c10::Stream;

const Device kDevice(DeviceType::CUDA, 0);

// ---- what was done, and the planted error

const char *const kKernel = "kernel";
const char *const kToDevice = "to_device";
const char *const kToHost = "to_host";  // a GPU's host waits for it
const char *const kCompilation = "compilation";

std::mutex mutex;
// by kind and operator
std::map<std::string, std::map<std::string, long>> counts;
// how many kernels may still run until each fails; negative: no error is planted
long kernels_until_error = -1;

// The kernels of a CUDA graph. They run while they are captured, too, which is not so on a GPU.
using Recording = std::vector<std::function<void()>>;

// what this thread captures; nullptr: nothing
thread_local Recording *captured = nullptr;

void count(const char *kind, const std::string &what) {
  TORCH_CHECK(captured == nullptr || kind == kKernel || kind == kCompilation,
              "CUDA error: operation not permitted when stream is capturing (", kind, " ", what, ")");
  std::lock_guard<std::mutex> guard(mutex);
  counts[kind][what]++;
  if (kernels_until_error < 0 || kind == kCompilation) {
    return;
  }
  if (kernels_until_error == 0) {
    TORCH_CHECK(false, "CUDA error: an illegal memory access was encountered (planted)");
  }
  kernels_until_error--;
}

std::string shape(const at::Tensor &tensor) {
  std::string text = "[";
  for (int64_t size : tensor.sizes()) {
    text += std::to_string(size) + ",";
  }
  return text + "]" + c10::toString(tensor.scalar_type());
}

// ---- memory

constexpr long kTotalBytes = 8L << 30;

long used_bytes = 0;
// how many may be used
long limit_bytes = kTotalBytes;

struct Block {
  void *memory;
  size_t bytes;
};

void free_block(void *context) {
  auto *block = static_cast<Block *>(context);
  {
    std::lock_guard<std::mutex> guard(mutex);
    used_bytes -= static_cast<long>(block->bytes);
  }
  std::free(block->memory);
  delete block;
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) {
      return {nullptr, kDevice};
    }
    {
      std::lock_guard<std::mutex> guard(mutex);
      TORCH_CHECK_WITH(OutOfMemoryError, used_bytes + static_cast<long>(bytes) <= limit_bytes,
                       "CUDA out of memory. Tried to allocate ", bytes, " bytes");
      used_bytes += static_cast<long>(bytes);
    }
    void *memory = nullptr;
    TORCH_CHECK(posix_memalign(&memory, 512, bytes) == 0, "the host is out of memory");
    // NaN as floating-point numbers
    std::memset(memory, 0xff, bytes);
    return {memory, new Block{memory, bytes}, &free_block, kDevice};
  }
  void copy_data(void *to, const void *from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

DeviceAllocator allocator;

// ---- what libtorch asks of a device

struct DeviceGuard final : c10::impl::DeviceGuardImplInterface {
  static constexpr DeviceType static_type = DeviceType::CUDA;
  DeviceGuard() = default;
  explicit DeviceGuard(DeviceType) {}
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device) const override { return kDevice; }
  Device getDevice() const override { return kDevice; }
  void setDevice(Device device) const override {
    TORCH_CHECK(device.index() <= 0, "CUDA error: invalid device ordinal");
  }
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const noexcept override { return Stream(Stream::DEFAULT, kDevice); }
  Stream getStreamFromGlobalPool(Device, bool = false) const override { return Stream(Stream::DEFAULT, kDevice); }
  Stream getNewStream(Device, int = 0) const override { return Stream(Stream::DEFAULT, kDevice); }
  Stream exchangeStream(Stream) const noexcept override { return Stream(Stream::DEFAULT, kDevice); }
  DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void **, const Stream &, DeviceIndex, c10::EventFlag) const override {}
  void block(void *, const Stream &) const override {}
  bool queryEvent(void *) const override { return true; }
  void destroyEvent(void *, DeviceIndex) const noexcept override {}
  bool queryStream(const Stream &) const override { return true; }
  void synchronizeStream(const Stream &) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, DeviceGuard)

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  int getNumGPUs() const override { return 1; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex current_device() const override { return 0; }
  DeviceIndex getCurrentDevice() const override { return 0; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  bool isPinnedPtr(const void *) const override { return false; }
  void deviceSynchronize(DeviceIndex) const override {}
  c10::Allocator *getCUDADeviceAllocator() const override { return &allocator; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
};
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(Hooks);

// ---- operators

// A tensor of the processor over the memory of a tensor of the device.
at::Tensor on_host(const at::Tensor &tensor) {
  if (!tensor.defined() || !tensor.is_cuda()) {
    return tensor;
  }
  auto options = at::TensorOptions().dtype(tensor.dtype()).device(at::kCPU);
  if (tensor.numel() == 0) {
    return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  }
  auto host = at::from_blob(tensor.mutable_data_ptr(), tensor.sizes(), tensor.strides(), options);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
    host.unsafeGetTensorImpl()->set_wrapped_number(true);
  }
  return host;
}

// A copy on the device of a tensor of the processor.
at::Tensor on_device(const at::Tensor &tensor) {
  if (!tensor.defined() || tensor.is_cuda()) {
    return tensor;
  }
  auto copy = at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(kDevice));
  if (tensor.numel() > 0) {
    on_host(copy).copy_(tensor);
  }
  return copy;
}

at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<Device> device, std::optional<bool> pinned,
                 std::optional<at::MemoryFormat> format) {
  TORCH_CHECK(device.value_or(kDevice).index() <= 0, "CUDA error: invalid device ordinal");
  TORCH_CHECK(!pinned.value_or(false), "only the memory of the host can be pinned");
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &allocator,
                                   c10::DispatchKeySet(c10::DispatchKey::CUDA), c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef strides, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(strides), &allocator,
                                           c10::DispatchKeySet(c10::DispatchKey::CUDA), c10::dtype_or_default(type));
}

at::Tensor &copy(at::Tensor &to, const at::Tensor &from, bool) {
  if (to.numel() > 0) {
    if (to.is_cuda() && from.is_cuda()) {
      count(kKernel, "aten::copy_ " + shape(to) + (to.dtype() == from.dtype() ? "" : " from another type"));
    } else {
      count(to.is_cuda() ? kToDevice : kToHost, shape(from));
    }
    on_host(to).copy_(on_host(from));
    if (captured != nullptr) {
      captured->push_back([to, from] { on_host(to).copy_(on_host(from)); });
    }
  }
  return to;
}

at::Scalar number(const at::Tensor &tensor) {
  count(kToHost, "a number of " + shape(tensor));
  return at::_local_scalar_dense(on_host(tensor));
}

at::Tensor as_strided(const at::Tensor &tensor, c10::SymIntArrayRef size, c10::SymIntArrayRef strides,
                      std::optional<c10::SymInt> offset) {
  std::optional<int64_t> first;
  if (offset) {
    first = offset->guard_int(__FILE__, __LINE__);
  }
  return at::native::as_strided_tensorimpl(tensor, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(strides),
                                           first);
}

at::Tensor view(const at::Tensor &tensor, c10::SymIntArrayRef size) {
  return at::native::view(tensor, C10_AS_INTARRAYREF_SLOW(size));
}

at::Tensor reshape_alias(const at::Tensor &tensor, c10::SymIntArrayRef size, c10::SymIntArrayRef strides) {
  return at::native::_reshape_alias(tensor, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(strides));
}

// The call of one operator on the processor.
class HostCall {
 public:
  HostCall(const c10::OperatorHandle &op, torch::jit::Stack *stack)
      : op_(op), schema_(op.schema()), stack_(stack), name_(schema_.operator_name().name) {
    if (!schema_.overload_name().empty()) {
      name_ += "." + schema_.overload_name();
    }
  }

  void run() {
    const size_t arguments = schema_.arguments().size();
    passed_.assign(stack_->end() - static_cast<long>(arguments), stack_->end());
    std::vector<c10::IValue> original = passed_;
    for (size_t i = 0; i < arguments; i++) {
      passed_[i] = host_argument(passed_[i], schema_.arguments()[i]);
    }
    count(kKernel, name_ + shapes_);
    if (name_ == "aten::nonzero" || name_ == "aten::masked_select" || name_ == "aten::_unique2") {
      count(kToHost, name_);  // the size of the result
    }
    torch::jit::Stack results(passed_.begin(), passed_.end());
    op_.callBoxed(results);
    for (auto &[device, host] : written_) {
      bool moved = host.numel() > 0 && (device.numel() == 0 || host.const_data_ptr() != device.const_data_ptr());
      if (moved || host.sizes() != device.sizes()) {
        adopt(device, host);
        adopted_.emplace_back(device, host);
      }
    }
    torch::jit::drop(*stack_, arguments);
    for (size_t i = 0; i < results.size(); i++) {
      stack_->push_back(device_result(results[i], schema_.returns()[i], original));
    }
    if (captured != nullptr) {
      record(original, {stack_->end() - static_cast<long>(results.size()), stack_->end()});
    }
  }

 private:
  static bool writes(const c10::Argument &argument) {
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  }

  at::Tensor host_tensor(const at::Tensor &tensor, const c10::Argument &argument) {
    if (!tensor.defined()) {
      return tensor;
    }
    if (!tensor.is_cuda()) {
      // a tensor of one number, and indices, may be on the processor
      bool indexes = name_ == "aten::index.Tensor" || name_ == "aten::_index_put_impl_" || name_ == "aten::index_put_";
      TORCH_CHECK(indexes || (tensor.dim() == 0 && !writes(argument)),
                  "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (",
                  name_, ", argument ", argument.name(), " ", shape(tensor), ")");
      return tensor;
    }
    shapes_ += " " + shape(tensor);
    auto host = on_host(tensor);
    inputs_.push_back(host);
    if (writes(argument)) {
      written_.emplace_back(tensor, host);
    }
    return host;
  }

  c10::IValue host_argument(const c10::IValue &value, const c10::Argument &argument) {
    if (value.isTensor()) {
      return host_tensor(value.toTensor(), argument);
    }
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor &tensor : value.toTensorVector()) {
        list.push_back(host_tensor(tensor, argument));
      }
      return list;
    }
    if (value.isList() && !value.toListRef().empty() &&
        (value.toListRef()[0].isTensor() || value.toListRef()[0].isNone())) {
      c10::List<std::optional<at::Tensor>> list;
      for (const c10::IValue &element : value.toListRef()) {
        list.push_back(element.isNone() ? std::nullopt
                                        : std::optional<at::Tensor>(host_tensor(element.toTensor(), argument)));
      }
      return list;
    }
    if (value.isDevice() && value.toDevice().is_cuda()) {
      return Device(at::kCPU);
    }
    return value;
  }

  // Repeats the call on the memory of its arguments and results.
  void record(const std::vector<c10::IValue> &original, const std::vector<c10::IValue> &results) {
    std::vector<at::Tensor> targets;
    for (size_t i = 0; i < results.size(); i++) {
      const auto &returned = schema_.returns()[i];
      bool written = returned.alias_info() != nullptr && returned.alias_info()->isWrite();
      TORCH_CHECK(results[i].isTensor(), "the stand-in of CUDA captures results that are tensors, not those of ", name_);
      targets.push_back(written ? at::Tensor() : results[i].toTensor());
    }
    captured->push_back([op = op_, passed = passed_, original, targets, adopted = adopted_] {
      torch::jit::Stack again(passed.begin(), passed.end());
      op.callBoxed(again);
      for (const auto &[device, host] : adopted) {
        on_host(device).copy_(host);
      }
      for (size_t i = 0; i < targets.size(); i++) {
        if (targets[i].defined() && targets[i].numel() > 0) {
          on_host(targets[i]).copy_(again[i].toTensor());
        }
      }
    });
  }

  // Gives a tensor of the device the content, size and strides that the operator has given the host's.
  static void adopt(at::Tensor &device, const at::Tensor &host) {
    auto fresh = on_device(host.contiguous());
    auto *tensor = device.unsafeGetTensorImpl();
    tensor->set_storage_keep_dtype(fresh.storage());
    tensor->set_storage_offset(0);
    tensor->set_sizes_and_strides(fresh.sizes(), fresh.strides());
  }

  c10::IValue device_result(const c10::IValue &value, const c10::Argument &returned,
                            const std::vector<c10::IValue> &original) {
    if (value.isTensor() && writes(returned)) {
      // an argument that was written
      for (size_t i = 0; i < original.size(); i++) {
        const auto &argument = schema_.arguments()[i];
        if (writes(argument) && argument.alias_info()->beforeSets() == returned.alias_info()->beforeSets()) {
          return original[i];
        }
      }
    }
    if (value.isTensor()) {
      check_is_no_view(value.toTensor());
      return on_device(value.toTensor());
    }
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor &tensor : value.toTensorVector()) {
        list.push_back(on_device(tensor));
      }
      return list;
    }
    return value;
  }

  // A view of an input would become a copy.
  void check_is_no_view(const at::Tensor &result) {
    if (!result.defined() || result.numel() == 0) {
      return;
    }
    auto *data = static_cast<const char *>(result.const_data_ptr());
    for (const at::Tensor &input : inputs_) {
      auto *first = input.numel() == 0 ? nullptr : static_cast<const char *>(input.const_data_ptr());
      TORCH_CHECK(first == nullptr || data < first ||
                      data >= first + at::detail::computeStorageNbytes(input.sizes(), input.strides(), input.itemsize()),
                  "the stand-in of CUDA lacks the view ", name_);
    }
  }

  const c10::OperatorHandle &op_;
  const c10::FunctionSchema &schema_;
  torch::jit::Stack *stack_;
  std::string name_;
  std::string shapes_;
  std::vector<c10::IValue> passed_;
  std::vector<at::Tensor> inputs_;
  // tensors of the device that the operator writes, each with the host's
  std::vector<std::pair<at::Tensor, at::Tensor>> written_;
  // those of them whose memory has changed
  std::vector<std::pair<at::Tensor, at::Tensor>> adopted_;
};

void run_on_host(const c10::OperatorHandle &op, torch::jit::Stack *stack) { HostCall(op, stack).run(); }

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("copy_", TORCH_FN(copy));
  m.impl("_local_scalar_dense", TORCH_FN(number));
  m.impl("as_strided", TORCH_FN(as_strided));
  m.impl("view", TORCH_FN(view));
  m.impl("unfold", TORCH_FN(at::native::unfold));
  m.impl("_reshape_alias", TORCH_FN(reshape_alias));
  // one kernel on a GPU
  m.impl("scaled_dot_product_attention", torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

// ---- CUDA graphs: the functions of libtorch_cuda that native/cuda_graph uses

std::map<const at::cuda::CUDAGraph *, Recording> graphs;

// Forgets a graph. Its memory is freed after the lock is released, since that takes the lock, too.
Recording take_recording(const at::cuda::CUDAGraph *graph) {
  std::lock_guard<std::mutex> guard(mutex);
  auto node = graphs.extract(graph);
  return node ? std::move(node.mapped()) : Recording();
}

}  // namespace

namespace at::cuda {

#define GRAPH_EXPORTED __attribute__((visibility("default")))

GRAPH_EXPORTED MempoolId_t graph_pool_handle() { return {0, 1}; }

GRAPH_EXPORTED CUDAGraph::CUDAGraph() : capture_stream_(CUDAStream::UNCHECKED, Stream(Stream::DEFAULT, kDevice)) {}

GRAPH_EXPORTED CUDAGraph::~CUDAGraph() { take_recording(this); }

GRAPH_EXPORTED void CUDAGraph::capture_begin(MempoolId_t, cudaStreamCaptureMode) {
  take_recording(this);
  std::lock_guard<std::mutex> guard(mutex);
  captured = &graphs[this];
}

GRAPH_EXPORTED void CUDAGraph::capture_end() { captured = nullptr; }

GRAPH_EXPORTED void CUDAGraph::replay() {
  count(kKernel, "graph");
  const Recording *kernels;
  {
    std::lock_guard<std::mutex> guard(mutex);
    kernels = &graphs.at(this);
  }
  for (const auto &kernel : *kernels) {
    kernel();
  }
}

}  // namespace at::cuda

namespace {

// ---- TorchScript's compiler of loops, which fuses operators for a GPU. Its interpreter runs them on the processor.

struct Interpreter final : torch::jit::tensorexpr::CodeGen {
  Interpreter(torch::jit::tensorexpr::StmtPtr loops, const std::vector<BufferArg> &arguments, at::Device device,
              const std::string &name)
      : CodeGen(loops, arguments, device, name), evaluator_(loops, arguments, device, name) {
    count(kCompilation, name);
  }
  void call(const std::vector<CallArg> &arguments) override {
    count(kKernel, "fused");
    evaluator_.call(arguments);
  }
  void call_raw(const std::vector<void *> &arguments) override {
    count(kKernel, "fused");
    evaluator_.call_raw(arguments);
  }

 private:
  torch::jit::tensorexpr::SimpleIREvaluator evaluator_;
};
torch::jit::tensorexpr::RegisterCodeGen<Interpreter> interpreter("cuda_codegen");

struct Registration {
  Registration() {
    using namespace torch::jit::fuser;
    c10::SetAllocator(DeviceType::CUDA, &allocator, 200);
    // TorchScript fuses for a GPU only if its older compiler is registered too
    registerFusionBackend(DeviceType::CUDA,
                          [](int16_t, std::string, std::string, std::vector<TensorDesc>, std::vector<TensorDesc>,
                             std::vector<PartitionDesc>, std::vector<PartitionDesc>,
                             bool) -> std::shared_ptr<FusedKernel> {
                            TORCH_CHECK(false, "the stand-in of CUDA lacks TorchScript's older compiler");
                          });
  }
} registration;

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

// ---- what tests read and plant

// Forgets what was counted, and what was planted.
EXPORTED void stand_in_reset() {
  std::lock_guard<std::mutex> guard(mutex);
  counts.clear();
  kernels_until_error = -1;
  limit_bytes = kTotalBytes;
}

// How many kernels ran, copies were made (to_device, to_host) or loops were compiled (compilation).
EXPORTED long stand_in_count(const char *kind) {
  std::lock_guard<std::mutex> guard(mutex);
  long sum = 0;
  for (const auto &each : counts[kind]) {
    sum += each.second;
  }
  return sum;
}

// Lines of a count and an operator with the shapes of its inputs, the largest count first. Returns a text that lives
// until the next call.
EXPORTED const char *stand_in_report(const char *kind) {
  static std::string text;
  std::lock_guard<std::mutex> guard(mutex);
  std::vector<std::pair<long, std::string>> lines;
  for (const auto &each : counts[kind]) {
    lines.emplace_back(-each.second, each.first);
  }
  std::sort(lines.begin(), lines.end());
  text.clear();
  for (const auto &each : lines) {
    text += std::to_string(-each.first) + " " + each.second + "\n";
  }
  return text.c_str();
}

// The bytes of the device that are in use.
EXPORTED long stand_in_used_bytes() {
  std::lock_guard<std::mutex> guard(mutex);
  return used_bytes;
}

// After so many kernels and copies, each fails with an error of CUDA.
EXPORTED void stand_in_fail_after(long kernels) {
  std::lock_guard<std::mutex> guard(mutex);
  kernels_until_error = kernels;
}

// The device is out of memory when more bytes are in use.
EXPORTED void stand_in_limit(long bytes) {
  std::lock_guard<std::mutex> guard(mutex);
  limit_bytes = bytes;
}

// ---- libcudart

EXPORTED cudaError_t cudaGetDevice(int *device) {
  *device = 0;
  return cudaSuccess;
}

EXPORTED cudaError_t cudaSetDevice(int) { return cudaSuccess; }

EXPORTED cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  std::lock_guard<std::mutex> guard(mutex);
  *free_bytes = static_cast<size_t>(kTotalBytes - used_bytes);
  *total_bytes = kTotalBytes;
  return cudaSuccess;
}

// 9.0 as of an H100, unless STAND_IN_COMPUTE_CAPABILITY has another major version.
EXPORTED cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
  const char *major = std::getenv("STAND_IN_COMPUTE_CAPABILITY");
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? (major == nullptr ? 9 : std::atoi(major)) : 0;
  return cudaSuccess;
}
