#include "memory.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "args.h"
#include "bus_error.h"
#include "environment.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)  // asm-generic/hugetlb_encode.h
#endif

namespace vfioctl {
namespace {

constexpr napi_type_tag kMappingTag = {0x7c1f0d52a6e94b38, 0xb1d35a9e0f4c6278};
constexpr napi_type_tag kViewTag = {0x2e86b4c19d7f4a05, 0x93f8c60b1ad2e754};
constexpr uint64_t kHugePage = uint64_t{2} << 20;

Napi::Value NewMapping(Napi::Env env, void* base, size_t length, int fd, bool readable, bool writable) {
  if (base == MAP_FAILED) {
    const int error = errno;
    if (fd >= 0) close(fd);
    ThrowSystemError(env, error, "mmap");
    return {};
  }
  InstallBusErrorHandler();
  auto* environment = env.GetInstanceData<Environment>();
  environment->next_mapping = {std::make_shared<Memory>(base, length, fd), readable, writable};
  const Napi::Object mapping = environment->mapping.New({});
  environment->next_mapping = {};
  return mapping;
}

template <typename T>
size_t Load(const volatile uint8_t* from, uint8_t* to) {
  const T value = *reinterpret_cast<const volatile T*>(from);
  std::memcpy(to, &value, sizeof(T));
  return sizeof(T);
}

template <typename T>
size_t Store(const uint8_t* from, volatile uint8_t* to) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  *reinterpret_cast<volatile T*>(to) = value;
  return sizeof(T);
}

// As the kernel splits a trapped access: 4 bytes where aligned and enough are left, else 2, else 1.
size_t WidthAt(const volatile uint8_t* address, size_t left) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  if (at % 4 == 0 && left >= 4) return 4;
  return at % 2 == 0 && left >= 2 ? 2 : 1;
}

void LoadAll(const volatile uint8_t* from, uint8_t* to, size_t length) {
  for (size_t done = 0; done < length;) {
    const size_t width = WidthAt(from + done, length - done);
    if (width == 4) done += Load<uint32_t>(from + done, to + done);
    else if (width == 2) done += Load<uint16_t>(from + done, to + done);
    else done += Load<uint8_t>(from + done, to + done);
  }
}

void StoreAll(const uint8_t* from, volatile uint8_t* to, size_t length) {
  for (size_t done = 0; done < length;) {
    const size_t width = WidthAt(to + done, length - done);
    if (width == 4) done += Store<uint32_t>(from + done, to + done);
    else if (width == 2) done += Store<uint16_t>(from + done, to + done);
    else done += Store<uint8_t>(from + done, to + done);
  }
}

}  // namespace

void Memory::Release() {
  if (base_ != nullptr) munmap(std::exchange(base_, nullptr), length_);
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Napi::Function Mapping::DefineIn(Napi::Env env) {
  return DefineClass(env, "Mapping",
                     {
                         InstanceMethod<&Mapping::ReadAt<uint8_t>>("read8"),
                         InstanceMethod<&Mapping::ReadAt<uint16_t>>("read16"),
                         InstanceMethod<&Mapping::ReadAt<uint32_t>>("read32"),
                         InstanceMethod<&Mapping::ReadAt<uint64_t>>("read64"),
                         InstanceMethod<&Mapping::WriteAt<uint8_t>>("write8"),
                         InstanceMethod<&Mapping::WriteAt<uint16_t>>("write16"),
                         InstanceMethod<&Mapping::WriteAt<uint32_t>>("write32"),
                         InstanceMethod<&Mapping::WriteAt<uint64_t>>("write64"),
                         InstanceMethod<&Mapping::ReadInto>("readInto"),
                         InstanceMethod<&Mapping::WriteFrom>("writeFrom"),
                         InstanceMethod<&Mapping::View>("view"),
                         InstanceMethod<&Mapping::Close>("close"),
                         InstanceAccessor<&Mapping::Fd>("fd"),
                     });
}

const Mapping* Mapping::From(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  const Napi::Object object = value.As<Napi::Object>();
  return object.CheckTypeTag(&kMappingTag) ? Unwrap(object) : nullptr;
}

Mapping::Mapping(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  auto& next = info.Env().GetInstanceData<Environment>()->next_mapping;
  if (!next.memory) {
    ThrowType(info.Env(), "Illegal constructor", "ERR_ILLEGAL_CONSTRUCTOR");
    return;
  }
  memory_ = std::move(next.memory);
  readable_ = next.readable;
  writable_ = next.writable;
  Napi::Object self = info.This().As<Napi::Object>();
  self.TypeTag(&kMappingTag);
  const auto length = Napi::Number::New(info.Env(), static_cast<double>(memory_->length()));
  self.DefineProperty(Napi::PropertyDescriptor::Value("length", length, napi_enumerable));
}

// Null after throwing.
template <typename T>
volatile T* Mapping::At(const Napi::CallbackInfo& info, bool allowed) {
  if (base() == nullptr) {
    ThrowType(info.Env(), "the mapping is closed", "ERR_INVALID_STATE");
    return nullptr;
  }
  if (!allowed) {
    ThrowType(info.Env(), readable_ ? "the mapping is read-only" : "the mapping is write-only", "ERR_INVALID_STATE");
    return nullptr;
  }
  uint64_t offset;
  if (!ReadInteger(info[0], "offset", memory_->length() - sizeof(T), &offset)) return nullptr;
  if (offset % sizeof(T) != 0) {
    ThrowRange(info.Env(), "offset must be a multiple of " + std::to_string(sizeof(T)) + ", not " +
                               std::to_string(offset));
    return nullptr;
  }
  return reinterpret_cast<volatile T*>(memory_->base() + offset);
}

template <typename T>
Napi::Value Mapping::ReadAt(const Napi::CallbackInfo& info) {
  volatile T* address = At<T>(info, readable_);
  if (address == nullptr) return {};
  T value = 0;
  if (!SurvivesBusError(address, sizeof(T), [&value, address] { value = *address; })) {
    ThrowSystemError(info.Env(), EFAULT, "load");
    return {};
  }
  if constexpr (std::is_same_v<T, uint64_t>) {
    return Napi::BigInt::New(info.Env(), value);
  } else {
    return Napi::Number::New(info.Env(), value);
  }
}

template <typename T>
void Mapping::WriteAt(const Napi::CallbackInfo& info) {
  T value = 0;
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (!info[1].IsBigInt()) return ThrowType(info.Env(), "value must be a bigint");
    bool lossless = false;
    value = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) return ThrowRange(info.Env(), "value must be from 0 to 2^64-1");
  } else {
    uint64_t number;
    if (!ReadInteger(info[1], "value", static_cast<T>(~T{0}), &number)) return;
    value = static_cast<T>(number);
  }
  volatile T* address = At<T>(info, writable_);
  if (address == nullptr) return;
  if (!SurvivesBusError(address, sizeof(T), [value, address] { *address = value; })) {
    ThrowSystemError(info.Env(), EFAULT, "store");
  }
}

bool Mapping::Range(const Napi::CallbackInfo& info, bool allowed, uint8_t** mapped, Bytes* bytes) {
  if (base() == nullptr || !allowed) {
    const char* refused = readable_ ? "the mapping is read-only" : "the mapping is write-only";
    ThrowType(info.Env(), base() == nullptr ? "the mapping is closed" : refused, "ERR_INVALID_STATE");
    return false;
  }
  uint64_t offset;
  if (!ReadInteger(info[0], "offset", memory_->length(), &offset) || !ReadBytes(info[1], "bytes", bytes)) return false;
  if (bytes->length > memory_->length() - offset) {
    ThrowRange(info.Env(), "bytes must end inside the mapping, which has " + std::to_string(memory_->length()));
    return false;
  }
  *mapped = memory_->base() + offset;
  return true;
}

void Mapping::ReadInto(const Napi::CallbackInfo& info) {
  uint8_t* from;
  Bytes into;
  if (!Range(info, readable_, &from, &into)) return;
  if (!SurvivesBusError(from, into.length, [from, into] { LoadAll(from, into.data, into.length); })) {
    ThrowSystemError(info.Env(), EFAULT, "load");
  }
}

void Mapping::WriteFrom(const Napi::CallbackInfo& info) {
  uint8_t* to;
  Bytes from;
  if (!Range(info, writable_, &to, &from)) return;
  if (!SurvivesBusError(to, from.length, [to, from] { StoreAll(from.data, to, from.length); })) {
    ThrowSystemError(info.Env(), EFAULT, "store");
  }
}

// ArrayBuffer.prototype.transfer (Node 22) moves the memory to a buffer that we cannot detach: it then stays mapped for
// as long as that buffer lives.
void Mapping::ForgetTakenBuffer() {
  if (buffer_.IsEmpty() || !buffer_.Value().IsDetached()) return;
  buffer_.Reset();
  taken_ = true;
}

Napi::Value Mapping::View(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (base() == nullptr) return Napi::Uint8Array::New(env, 0);
  if (!readable_ || !writable_) {
    // A store through the view would be SIGSEGV: JavaScript knows no read-only bytes.
    ThrowType(env, "only a mapping for reading and writing has a view", "ERR_INVALID_STATE");
    return {};
  }
  ForgetTakenBuffer();
  if (buffer_.IsEmpty()) {
    // In C: where Node refuses (a length above its limit) it has run the finalizer, and node-addon-api frees again.
    auto* hold = new std::shared_ptr<Memory>(memory_);
    const napi_finalize release = [](napi_env, void*, void* held) { delete static_cast<std::shared_ptr<Memory>*>(held); };
    napi_value made = nullptr;
    const napi_status status =
        napi_create_external_arraybuffer(env, memory_->base(), memory_->length(), release, hold, &made);
    if (status == napi_no_external_buffers_allowed) delete hold;
    if (status != napi_ok) {
      if (!env.IsExceptionPending()) ThrowSystemError(env, ENOMEM, "view");
      return {};
    }
    const Napi::ArrayBuffer buffer(env, made);
    napi_type_tag_object(env, buffer, &kViewTag);
    buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
  }
  return Napi::Uint8Array::New(env, memory_->length(), buffer_.Value(), 0);
}

Napi::Value Mapping::Fd(const Napi::CallbackInfo& info) {
  if (!memory_ || memory_->fd() < 0) return info.Env().Null();
  return Napi::Number::New(info.Env(), memory_->fd());
}

void Mapping::Close(const Napi::CallbackInfo&) {
  if (!memory_) return;
  ForgetTakenBuffer();
  // Views first: from here on they are empty, and nothing of JavaScript's points at what munmap gives back.
  if (!buffer_.IsEmpty()) {
    buffer_.Value().Detach();
    buffer_.Reset();
  }
  if (!taken_) memory_->Release();
  memory_.reset();
}

bool IsViewOfMapping(const Napi::Value& array) {
  return array.As<Napi::TypedArray>().ArrayBuffer().CheckTypeTag(&kViewTag);
}

Napi::Value PageSize(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(sysconf(_SC_PAGESIZE)));
}

Napi::Value Mmap(const Napi::CallbackInfo& info) {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  int fd;
  uint64_t offset;
  uint64_t length;
  if (!ReadDescriptor(info[0], &fd) || !ReadAligned(info[1], "offset", 0, page, &offset) ||
      !ReadAligned(info[2], "length", 1, page, &length)) {
    return {};
  }
  const std::string access = info[3].IsString() ? info[3].As<Napi::String>().Utf8Value() : "";
  const bool readable = access == "r" || access == "rw";
  const bool writable = access == "w" || access == "rw";
  if (!readable && !writable) {
    ThrowType(info.Env(), "access must be 'r', 'w' or 'rw'");
    return {};
  }
  const int protection = (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0);
  void* base = mmap(nullptr, length, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  return NewMapping(info.Env(), base, length, -1, readable, writable);
}

Napi::Value AllocateMemory(const Napi::CallbackInfo& info) {
  const std::string kind = info[1].IsString() ? info[1].As<Napi::String>().Utf8Value() : "";
  if (kind != "anonymous" && kind != "hugepages" && kind != "memfd") {
    ThrowType(info.Env(), "kind must be 'anonymous', 'hugepages' or 'memfd'");
    return {};
  }
  const uint64_t unit = kind == "hugepages" ? kHugePage : static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t size;
  if (!ReadAligned(info[0], "size", 1, unit, &size)) return {};
  int fd = -1;
  int flags = MAP_SHARED | MAP_ANONYMOUS;
  if (kind == "hugepages") flags |= MAP_HUGETLB | MAP_HUGE_2MB;
  if (kind == "memfd") {
    flags = MAP_SHARED;
    fd = memfd_create("vfioctl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
      ThrowSystemError(info.Env(), errno, "memfd_create");
      return {};
    }
    if (ftruncate(fd, static_cast<off_t>(size)) < 0) {
      const int error = errno;
      close(fd);
      ThrowSystemError(info.Env(), error, "ftruncate");
      return {};
    }
  }
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  return NewMapping(info.Env(), base, size, fd, true, true);
}

}  // namespace vfioctl
