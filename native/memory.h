#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

#include "args.h"

namespace vfioctl {

// One mmap, unmapped once: by close(), or when the Mapping and every view of it are garbage.
class Memory {
 public:
  Memory(void* base, size_t length, int fd) : base_(base), length_(length), fd_(fd) {}
  ~Memory() { Release(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void Release();
  // Null once released.
  uint8_t* base() const { return static_cast<uint8_t*>(base_); }
  size_t length() const { return length_; }
  int fd() const { return fd_; }

 private:
  void* base_;
  size_t length_;
  int fd_;
};

// The `Mapping` of kernel.ts.
class Mapping : public Napi::ObjectWrap<Mapping> {
 public:
  static Napi::Function DefineIn(Napi::Env env);
  // Null where the value is anything else, whatever it pretends to be.
  static const Mapping* From(const Napi::Value& value);

  explicit Mapping(const Napi::CallbackInfo& info);
  const void* base() const { return memory_ ? memory_->base() : nullptr; }
  size_t length() const { return memory_ ? memory_->length() : 0; }

 private:
  template <typename T>
  volatile T* At(const Napi::CallbackInfo& info, bool allowed);
  template <typename T>
  Napi::Value ReadAt(const Napi::CallbackInfo& info);
  template <typename T>
  void WriteAt(const Napi::CallbackInfo& info);
  // False after throwing; the bytes in JavaScript's hands and as many in the mapping.
  bool Range(const Napi::CallbackInfo& info, bool allowed, uint8_t** mapped, Bytes* bytes);
  void ReadInto(const Napi::CallbackInfo& info);
  void WriteFrom(const Napi::CallbackInfo& info);
  void ForgetTakenBuffer();
  Napi::Value View(const Napi::CallbackInfo& info);
  Napi::Value Fd(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  std::shared_ptr<Memory> memory_;
  bool readable_ = false;
  bool writable_ = false;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  bool taken_ = false;
};

// True for a Uint8Array over the buffer that some Mapping's view() made.
bool IsViewOfMapping(const Napi::Value& array);

// sysconf(_SC_PAGESIZE).
Napi::Value PageSize(const Napi::CallbackInfo& info);
Napi::Value Mmap(const Napi::CallbackInfo& info);
Napi::Value AllocateMemory(const Napi::CallbackInfo& info);

}  // namespace vfioctl
