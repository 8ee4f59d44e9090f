// CUDA graphs of a step as operators of libtorch, in the namespace tidemark. A graph has the kernels of a step's layers
// and head; a replay starts all of them at once, with other numbers in the plan.
//
// Graphs are in pools, one for each decoder. The graphs of a pool share the memory of their activations: a replay
// overwrites the logits of the one before. Functions of one pool must not run at the same time.
//
// Symbols of libtorch_cuda come from the process, so that the library is linked to no library of CUDA. It does not load
// with torch 2.11, which lacks one of them, the constructor of CUDAGraph. Needs the headers of torch 2.7.1 and of the CUDA
// runtime.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/library.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace {

using c10::impl::VirtualGuardImpl;

struct Graph {
  at::cuda::CUDAGraph graph;
  at::Tensor plan;    // the memory from which the kernels read
  at::Tensor logits;  // the memory to which they write; the pool owns it
};

struct Pool {
  at::cuda::MempoolId_t memory;
  c10::Stream stream;  // of all captures: cuBLAS has memory for each stream
  std::map<int64_t, std::unique_ptr<Graph>> graphs;
};

// A capture of this thread.
struct Capture {
  int64_t pool;
  int64_t slot;
  std::unique_ptr<Graph> graph;
  c10::Stream previous;
};

std::mutex mutex;
std::map<int64_t, Pool> pools;
int64_t last_pool = 0;
thread_local std::optional<Capture> capture;

Pool &pool_of(int64_t number) {
  auto found = pools.find(number);
  TORCH_CHECK(found != pools.end(), "there is no pool ", number, " of CUDA graphs");
  return found->second;
}

// A new pool on the device of a tensor. Each operator has an argument that is not constant: TorchScript runs others when
// it is compiled.
int64_t new_graph_pool(const at::Tensor &like) {
  c10::Stream stream = VirtualGuardImpl(like.device().type()).getStreamFromGlobalPool(like.device());
  std::lock_guard<std::mutex> guard(mutex);
  pools.emplace(++last_pool, Pool{at::cuda::graph_pool_handle(), stream, {}});
  return last_pool;
}

// Frees the graphs of a pool. Returns its number.
int64_t close_graph_pool(int64_t pool) {
  std::lock_guard<std::mutex> guard(mutex);
  pools.erase(pool);
  return pool;
}

// Begins a capture, which replaces the graph of a slot. The kernels of this thread must then read the plan that is
// returned; they do not run before a replay.
at::Tensor begin_graph(int64_t pool, int64_t slot, const at::Tensor &plan) {
  TORCH_CHECK(!capture, "a CUDA graph is being captured");
  std::lock_guard<std::mutex> guard(mutex);
  Pool &memory = pool_of(pool);
  auto graph = std::make_unique<Graph>();
  graph->plan = plan.clone();
  VirtualGuardImpl device(plan.device().type());
  c10::Stream previous = device.exchangeStream(memory.stream);
  try {
    graph->graph.capture_begin(memory.memory, cudaStreamCaptureModeThreadLocal);
  } catch (...) {
    device.exchangeStream(previous);
    throw;
  }
  at::Tensor read = graph->plan;
  capture.emplace(Capture{pool, slot, std::move(graph), previous});
  return read;
}

// Ends the capture of this thread and runs the graph. Returns the logits.
at::Tensor end_graph(const at::Tensor &logits) {
  TORCH_CHECK(capture, "no CUDA graph is being captured");
  Capture done = std::move(*capture);
  capture.reset();
  VirtualGuardImpl device(logits.device().type());
  try {
    done.graph->graph.capture_end();
  } catch (...) {
    device.exchangeStream(done.previous);
    throw;
  }
  device.exchangeStream(done.previous);
  done.graph->logits = at::for_blob(logits.mutable_data_ptr(), logits.sizes())
                           .strides(logits.strides())
                           .target_device(logits.device())
                           .options(logits.options())
                           .make_tensor();
  done.graph->graph.replay();
  at::Tensor result = done.graph->logits;
  std::lock_guard<std::mutex> guard(mutex);
  pool_of(done.pool).graphs[done.slot] = std::move(done.graph);
  return result;
}

// Runs the graph of a slot with another plan of the same size. Returns the logits, until the pool's next replay.
at::Tensor replay_graph(int64_t pool, int64_t slot, const at::Tensor &plan) {
  std::lock_guard<std::mutex> guard(mutex);
  auto &graphs = pool_of(pool).graphs;
  auto found = graphs.find(slot);
  TORCH_CHECK(found != graphs.end(), "the pool has no CUDA graph in slot ", slot);
  Graph &graph = *found->second;
  TORCH_CHECK(plan.sizes() == graph.plan.sizes(), "the CUDA graph was captured with ", graph.plan.sizes(),
              " numbers, not ", plan.sizes());
  graph.plan.copy_(plan);
  graph.graph.replay();
  return graph.logits;
}

// Ends the capture of this thread, if there is one in the pool, without a graph. Returns the number of captures that it
// has ended.
int64_t abandon_graph(int64_t pool) {
  if (!capture || capture->pool != pool) {
    return 0;
  }
  Capture failed = std::move(*capture);
  capture.reset();
  try {
    failed.graph->graph.capture_end();
  } catch (const c10::Error &) {
    // the error that ended the capture is known already
  }
  VirtualGuardImpl(failed.previous.device_type()).exchangeStream(failed.previous);
  return 1;
}

TORCH_LIBRARY_FRAGMENT(tidemark, m) {
  m.def("new_graph_pool(Tensor like) -> int", &new_graph_pool);
  m.def("close_graph_pool(int pool) -> int", &close_graph_pool);
  m.def("begin_graph(int pool, int slot, Tensor plan) -> Tensor", &begin_graph);
  m.def("end_graph(Tensor logits) -> Tensor", &end_graph);
  m.def("replay_graph(int pool, int slot, Tensor plan) -> Tensor", &replay_graph);
  m.def("abandon_graph(int pool) -> int", &abandon_graph);
}

}  // namespace

// The version of the operators.
extern "C" __attribute__((visibility("default"))) int tidemark_cuda_graph_version() { return 1; }
