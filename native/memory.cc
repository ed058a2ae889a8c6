#include "memory.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "args.h"
#include "bus_error.h"
#include "device_order.h"

// shared_ptr asks whether the process has one thread, by a symbol that glibc has since 2.32. Here that is this one, for
// older glibc's sake; Node always has more threads.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}

namespace vfioctl {
namespace {

constexpr napi_type_tag kMappingTag = {0x7c1f0d52a6e94b38, 0xb1d35a9e0f4c6278};
constexpr napi_type_tag kViewTag = {0x2e86b4c19d7f4a05, 0x93f8c60b1ad2e754};

uint64_t PageSize() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

// The log2 of a huge page's size stands in these bits of the flags (linux/mman.h).
constexpr int kHugeShift = 26;

// As the kernel splits a trapped access: 4 bytes where aligned and enough are left, else 2, else 1.
size_t WidthAt(const volatile uint8_t* address, size_t left) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  if (at % 4 == 0 && left >= 4) return 4;
  return at % 2 == 0 && left >= 2 ? 2 : 1;
}

template <bool kStore, typename T>
size_t MoveOne(volatile uint8_t* mapped, uint8_t* bytes) {
  auto* device = reinterpret_cast<volatile T*>(mapped);
  T value;
  if (kStore) {
    std::memcpy(&value, bytes, sizeof value);
    *device = value;
  } else {
    value = *device;
    std::memcpy(bytes, &value, sizeof value);
  }
  return sizeof value;
}

template <bool kStore>
void MoveAll(volatile uint8_t* mapped, uint8_t* bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    const size_t width = WidthAt(mapped + done, length - done);
    if (width == 4) done += MoveOne<kStore, uint32_t>(mapped + done, bytes + done);
    else if (width == 2) done += MoveOne<kStore, uint16_t>(mapped + done, bytes + done);
    else done += MoveOne<kStore, uint8_t>(mapped + done, bytes + done);
  }
}

}  // namespace

bool Memory::Map(int protection, int flags, int fd, off_t offset) {
  void* base = mmap(nullptr, length_, protection, flags, fd, offset);
  if (base == MAP_FAILED) return false;
  base_ = base;
  return true;
}

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
                         InstanceMethod<&Mapping::Move<false>>("readInto"),
                         InstanceMethod<&Mapping::Move<true>>("writeFrom"),
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

// Length, protection, and what of: a descriptor and the offset in it, or a kind of memory.
Mapping::Mapping(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const std::string kind = info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : "";
  uint64_t length;
  uint64_t protection;
  uint64_t offset = 0;
  int fd = -1;
  if (!ReadAligned(info[0], "length", 1, kind == "hugepages" ? HugePageSize() : PageSize(), &length)) return;
  if (!ReadInteger(info[1], "protection", PROT_READ | PROT_WRITE, &protection)) return;
  int flags = MAP_SHARED;
  if (kind == "anonymous") flags |= MAP_ANONYMOUS;
  else if (kind == "hugepages") flags |= MAP_ANONYMOUS | MAP_HUGETLB | (__builtin_ctzll(HugePageSize()) << kHugeShift);
  else if (kind == "memfd") fd = memfd_create("vfioctl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  else if (!ReadDescriptor(info[2], &fd) || !ReadAligned(info[3], "offset", 0, PageSize(), &offset)) return;

  const bool made = kind == "memfd";
  // make_shared needs libstdc++ 9, and hosts with glibc 2.28 have 8
  const std::shared_ptr<Memory> memory(new Memory(length, made ? fd : -1));
  const char* failed = nullptr;
  if (made && fd < 0) failed = "memfd_create";
  else if (made && ftruncate(fd, static_cast<off_t>(length)) < 0) failed = "ftruncate";
  else if (!memory->Map(static_cast<int>(protection), flags, fd, static_cast<off_t>(offset))) failed = "mmap";
  if (failed != nullptr) {
    ThrowSystemError(env, errno, failed);
    return;
  }
  InstallBusErrorHandler();
  memory_ = memory;
  readable_ = (protection & PROT_READ) != 0;
  writable_ = (protection & PROT_WRITE) != 0;
  Napi::Object self = info.This().As<Napi::Object>();
  self.TypeTag(&kMappingTag);
  const auto shown = Napi::Number::New(env, static_cast<double>(length));
  self.DefineProperty(Napi::PropertyDescriptor::Value("length", shown, napi_enumerable));
}

bool Mapping::Refuse(Napi::Env env) const {
  const char* refused = readable_ ? "the mapping is read-only" : "the mapping is write-only";
  ThrowType(env, base() == nullptr ? "the mapping is closed" : refused, "ERR_INVALID_STATE");
  return false;
}

// Null after throwing.
template <typename T>
volatile T* Mapping::At(const Napi::CallbackInfo& info) {
  uint64_t offset;
  if (!ReadInteger(info[0], "offset", memory_->length() - sizeof(T), &offset)) return nullptr;
  if (offset % sizeof(T) == 0) return reinterpret_cast<volatile T*>(memory_->base() + offset);
  ThrowRange(info.Env(),
             "offset must be a multiple of " + std::to_string(sizeof(T)) + ", not " + std::to_string(offset));
  return nullptr;
}

template <typename T>
Napi::Value Mapping::ReadAt(const Napi::CallbackInfo& info) {
  volatile T* address = IsOpenFor(info.Env(), readable_) ? At<T>(info) : nullptr;
  if (address == nullptr) return {};
  T value = 0;
  if (!SurvivesBusError(address, sizeof(T), [&value, address] { value = *address; })) {
    ThrowSystemError(info.Env(), EFAULT, "load");
    return {};
  }
  value = InDeviceOrder(value);
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
  volatile T* address = IsOpenFor(info.Env(), writable_) ? At<T>(info) : nullptr;
  if (address == nullptr) return;
  value = InDeviceOrder(value);
  if (!SurvivesBusError(address, sizeof(T), [value, address] { *address = value; })) {
    ThrowSystemError(info.Env(), EFAULT, "store");
  }
}

// readInto, writeFrom.
template <bool kStore>
void Mapping::Move(const Napi::CallbackInfo& info) {
  uint64_t offset;
  Bytes bytes;
  if (!IsOpenFor(info.Env(), kStore ? writable_ : readable_)) return;
  if (!ReadInteger(info[0], "offset", memory_->length(), &offset) || !ReadBytes(info[1], "bytes", &bytes)) return;
  if (bytes.length > memory_->length() - offset) {
    return ThrowRange(info.Env(), "bytes must end inside the mapping, which has " + std::to_string(memory_->length()));
  }
  uint8_t* mapped = memory_->base() + offset;
  if (!SurvivesBusError(mapped, bytes.length, [=] { MoveAll<kStore>(mapped, bytes.data, bytes.length); })) {
    ThrowSystemError(info.Env(), EFAULT, kStore ? "store" : "load");
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
    const napi_finalize release = [](napi_env, void*, void* it) { delete static_cast<std::shared_ptr<Memory>*>(it); };
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

// V8 checks whose a method is called on, but not whose a getter is asked of: `this` may be another class's object.
Napi::Value Mapping::Fd(const Napi::CallbackInfo& info) {
  const Mapping* mapping = From(info.This());
  if (mapping == nullptr) {
    ThrowType(info.Env(), "fd is of a mapping alone");
    return {};
  }
  if (!mapping->memory_ || mapping->memory_->fd() < 0) return info.Env().Null();
  return Napi::Number::New(info.Env(), mapping->memory_->fd());
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

Napi::Value PageFrames(const Napi::CallbackInfo& info) {
  int fd;
  uint64_t offset;
  uint64_t* entries;
  size_t count;
  const Mapping* mapping = Mapping::From(info[1]);
  if (mapping == nullptr || mapping->base() == nullptr) {
    ThrowType(info.Env(), "memory must be an open mapping of this kernel");
    return {};
  }
  if (!ReadDescriptor(info[0], &fd) || !ReadAligned(info[2], "offset", 0, PageSize(), &offset)) return {};
  const bool are_entries = ElementsOf<uint64_t, napi_biguint64_array>(info[3], &entries, &count);
  if (!are_entries || offset > mapping->length() || count > (mapping->length() - offset) / PageSize()) {
    ThrowRange(info.Env(), "entries must be a BigUint64Array with one for each page, all in the mapping");
    return {};
  }
  const uint8_t* start = mapping->base() + offset;
  const size_t bytes = count * sizeof(uint64_t);
  const bool locked = mlock(start, count * PageSize()) == 0;
  const auto at = static_cast<off_t>(reinterpret_cast<uintptr_t>(start) / PageSize() * sizeof(uint64_t));
  const ssize_t moved = locked ? pread(fd, entries, bytes, at) : -1;
  if (moved < 0) ThrowSystemError(info.Env(), errno, locked ? "pread" : "mlock");
  return Napi::Number::New(info.Env(), static_cast<double>(moved));
}

uint64_t HugePageSize() {
#ifdef __s390x__
  return uint64_t{1} << 20;
#else
  return PageSize() * (PageSize() / 8);
#endif
}

}  // namespace vfioctl
