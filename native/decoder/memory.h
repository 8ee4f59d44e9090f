// Memory of the decoder. No allocation throws: each can be asked whether it failed.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

namespace tidemark {

// Objects without the operators new and delete, which belong to a library for C++. Null if there is no memory.
template <class T>
T* create() {
  void* p = aligned_alloc(64, (sizeof(T) + 63) / 64 * 64);
  return p ? new (p) T() : nullptr;
}
template <class T>
void destroy(T* object) {
  if (!object) return;
  object->~T();
  free(object);
}

template <class T>
T min(T a, T b) {
  return a < b ? a : b;
}
template <class T>
T max(T a, T b) {
  return a > b ? a : b;
}
inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// An array of numbers or plain structs, with zeros, aligned for vectors. Its elements move when it grows.
template <class T>
class Array {
 public:
  Array() = default;
  ~Array() { free(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  // Makes room for n elements; the present ones are lost if it grows. Kernels read up to 64 bytes beyond the end.
  bool reserve(int64_t n) {
    if (n <= capacity_) return true;
    free(data_);
    capacity_ = 0;
    size_t bytes = static_cast<size_t>(round_up(n * static_cast<int64_t>(sizeof(T)) + 64, 64));
    data_ = static_cast<T*>(aligned_alloc(64, bytes));
    if (!data_) return false;
    memset(static_cast<void*>(data_), 0, bytes);
    capacity_ = n;
    return true;
  }
  int64_t capacity() const { return capacity_; }
  int64_t bytes() const { return capacity_ * static_cast<int64_t>(sizeof(T)); }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  int64_t capacity_ = 0;
};

// Many arrays in one mapping of huge pages. Pages that are not used take no memory.
class Arena {
 public:
  Arena() = default;
  ~Arena() {
    if (base_) munmap(base_, bytes_);
  }
  Arena(const Arena&) = delete;

  bool reserve(int64_t bytes) {
    bytes_ = static_cast<size_t>(round_up(bytes + SLACK, 2 << 20));
    void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    base_ = static_cast<char*>(p);
    madvise(base_, bytes_, MADV_HUGEPAGE);
    return true;
  }
  // n elements, with zeros; null if the arena is full. Not thread-safe.
  template <class T>
  T* take(int64_t n) {
    size_t bytes = static_cast<size_t>(round_up(n * static_cast<int64_t>(sizeof(T)), 64));
    if (used_ + bytes + SLACK > bytes_) return nullptr;
    T* p = reinterpret_cast<T*>(base_ + used_);
    used_ += bytes;
    return p;
  }
  int64_t used() const { return static_cast<int64_t>(used_); }

 private:
  static constexpr int64_t SLACK = 64 << 10;  // prefetches read beyond the end
  char* base_ = nullptr;
  size_t bytes_ = 0, used_ = 0;
};

}  // namespace tidemark
