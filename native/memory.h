#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

#include "args.h"

namespace vfioctl {

// One mmap, unmapped once: by close(), or when the Mapping and every view of it are garbage.
class Memory {
 public:
  // `fd` is closed with it; -1 for none.
  Memory(size_t length, int fd) : length_(length), fd_(fd) {}
  ~Memory() { Release(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // mmap(2); false with errno.
  bool Map(int protection, int flags, int fd, off_t offset);
  void Release();
  // Null until mapped, and once released.
  uint8_t* base() const { return static_cast<uint8_t*>(base_); }
  size_t length() const { return length_; }
  int fd() const { return fd_; }

 private:
  void* base_ = nullptr;
  size_t length_;
  int fd_;
};

// What one entry of a page directory maps, which is what a page full of entries of 8 bytes maps; s390x has smaller tables.
uint64_t HugePageSize();

// The `Mapping` of kernel.ts.
class Mapping : public Napi::ObjectWrap<Mapping> {
 public:
  static Napi::Function DefineIn(Napi::Env env);
  // Null where the value is anything else, whatever it pretends to be.
  static const Mapping* From(const Napi::Value& value);

  explicit Mapping(const Napi::CallbackInfo& info);
  uint8_t* base() const { return memory_ ? memory_->base() : nullptr; }
  size_t length() const { return memory_ ? memory_->length() : 0; }

 private:
  template <typename T>
  volatile T* At(const Napi::CallbackInfo& info);
  template <typename T>
  Napi::Value ReadAt(const Napi::CallbackInfo& info);
  template <typename T>
  void WriteAt(const Napi::CallbackInfo& info);
  template <bool kStore>
  void Move(const Napi::CallbackInfo& info);
  // False after throwing.
  bool IsOpenFor(Napi::Env env, bool allowed) const { return (base() != nullptr && allowed) || Refuse(env); }
  bool Refuse(Napi::Env env) const;
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

// mlock(2), which also brings in what was never touched, then pread(2) of /proc/self/pagemap, of which `fd` is.
Napi::Value PageFrames(const Napi::CallbackInfo& info);

}  // namespace vfioctl
