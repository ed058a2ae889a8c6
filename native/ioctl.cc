// ioctl(2) for a list of requests, on a copy of the caller's struct: another thread cannot change `argsz` after it was
// checked, nor see the addresses, and the caller's bytes of a pointer field stay as they were.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstring>
#include <vector>

#include "args.h"
#include "environment.h"
#include "guarded_copy.h"
#include "memory.h"
#include "requests.h"
#include "struct_argument.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

constexpr uint32_t kMaxPointers = 8;

struct Pointer {
  size_t offset;
  size_t at;
  Napi::Value target;
  Bytes heap = {};
  GuardedCopy copy;
  uint64_t address = 0;
};

bool ReadPointers(const Napi::Value& value, std::vector<Pointer>* pointers) {
  if (value.IsUndefined()) return true;
  if (!value.IsArray()) {
    ThrowType(value.Env(), "pointers must be an array");
    return false;
  }
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  if (count > kMaxPointers) {
    ThrowRange(value.Env(), "pointers must be at most " + std::to_string(kMaxPointers));
    return false;
  }
  *pointers = std::vector<Pointer>(count);
  for (uint32_t i = 0; i < count; i++) {
    const Napi::Value entry = array.Get(i);
    if (value.Env().IsExceptionPending()) return false;
    if (!entry.IsObject()) {
      ThrowType(value.Env(), "each pointer must be an object with offset and target");
      return false;
    }
    const Napi::Value offset = entry.As<Napi::Object>().Get("offset");
    if (value.Env().IsExceptionPending()) return false;
    const Napi::Value target = entry.As<Napi::Object>().Get("target");
    if (value.Env().IsExceptionPending()) return false;
    const Napi::Value inside = entry.As<Napi::Object>().Get("at");
    if (value.Env().IsExceptionPending()) return false;
    uint64_t field = 0;
    uint64_t at = 0;
    if (!ReadInteger(offset, "pointer offset", kMaxStruct, &field)) return false;
    if (!inside.IsUndefined() && !ReadInteger(inside, "pointer at", kMaxSafeInteger, &at)) return false;
    (*pointers)[i].offset = static_cast<size_t>(field);
    (*pointers)[i].at = static_cast<size_t>(at);
    (*pointers)[i].target = target;
  }
  return true;
}

bool CheckInside(Napi::Env env, const Pointer& pointer, size_t length) {
  if (pointer.at <= length) return true;
  ThrowRange(env, "pointer at " + std::to_string(pointer.at) + " is outside the target of " + std::to_string(length) +
                      " bytes");
  return false;
}

// Mapped memory is lent as it is, and may be pinned for longer than the call; V8's heap is lent as a guarded copy.
bool Resolve(Napi::Env env, Pointer* pointer) {
  Bytes bytes;
  if (BytesOf(pointer->target, &bytes)) {
    if (!CheckInside(env, *pointer, bytes.length)) return false;
    if (IsViewOfMapping(pointer->target)) {
      pointer->address = reinterpret_cast<uintptr_t>(bytes.data) + pointer->at;
      return true;
    }
    if (!pointer->copy.Fill(bytes)) {
      ThrowSystemError(env, errno, "mmap");
      return false;
    }
    pointer->heap = bytes;
    pointer->address = reinterpret_cast<uintptr_t>(pointer->copy.address()) + pointer->at;
    return true;
  }
  const Mapping* mapping = Mapping::From(pointer->target);
  if (mapping == nullptr) {
    ThrowType(env, "pointer target must be a Uint8Array or a mapping of this kernel");
    return false;
  }
  if (mapping->base() == nullptr) {
    ThrowType(env, "pointer target is a closed mapping", "ERR_INVALID_STATE");
    return false;
  }
  if (!CheckInside(env, *pointer, mapping->length())) return false;
  pointer->address = reinterpret_cast<uintptr_t>(mapping->base()) + pointer->at;
  return true;
}

bool CheckPointers(Napi::Env env, const Request& request, size_t length, const std::vector<Pointer>& pointers) {
  if (!pointers.empty() && !(request.takes & kSized)) {
    ThrowType(env, NameOf(request) + " has no pointer fields");
    return false;
  }
  for (const Pointer& pointer : pointers) {
    if (pointer.offset < sizeof(uint32_t) || pointer.offset + sizeof(uint64_t) > length) {
      ThrowRange(env, "pointer offset " + std::to_string(pointer.offset) + " is outside the struct of " +
                          std::to_string(length) + " bytes");
      return false;
    }
  }
  return true;
}

// The descriptor that a call which went well has made; -1 where it made none. `answer` goes on beyond its struct.
int MadeDescriptor(uint32_t request, int result, const std::vector<uint8_t>& answer) {
  if (request == kGroupGetDeviceFd || request == kDeviceGetGfxDmabuf) return result;
  if (request != kDeviceFeature) return -1;
  // struct vfio_device_feature, and struct vfio_device_feature_mig_state in its data
  struct {
    uint32_t argsz, flags, device_state;
    int32_t data_fd;
  } feature;
  memcpy(&feature, answer.data(), sizeof feature);
  constexpr uint32_t kSet = 1u << 17, kMigDeviceState = 2, kDmaBuf = 11;
  if (feature.flags == (kSet | kMigDeviceState)) return feature.data_fd;
  return (feature.flags & 0xffff) == kDmaBuf && result > 0 ? result : -1;
}

Napi::Value Answer(Napi::Env env, int result, int error) {
  if (result >= 0) return Napi::Number::New(env, result);
  ThrowSystemError(env, error, "ioctl");
  return {};
}

Napi::Value WithBytes(Napi::Env env, int fd, const Request& request, Bytes bytes, std::vector<Pointer>* pointers) {
  std::vector<uint8_t> copy;
  if (!CopyStruct(env, request, bytes, &copy) || !CheckPointers(env, request, bytes.length, *pointers)) return {};
  for (Pointer& pointer : *pointers) {
    if (!Resolve(env, &pointer)) return {};
    memcpy(copy.data() + pointer.offset, &pointer.address, sizeof pointer.address);
  }
  const int result = ioctl(fd, request.number, copy.data());
  const int error = errno;
  for (const Pointer& pointer : *pointers) {
    if (pointer.copy.address() != nullptr) pointer.copy.CopyBack(pointer.heap);
    memcpy(copy.data() + pointer.offset, bytes.data + pointer.offset, sizeof pointer.address);
  }
  // Answers may come with a failure too: the size or the count that would have been enough.
  memcpy(bytes.data, copy.data(), bytes.length);
  const int made = result >= 0 ? MadeDescriptor(request.number, result, copy) : -1;
  if (made >= 0) env.GetInstanceData<Environment>()->descriptors.insert(made);
  // The one descriptor that VFIO makes without it.
  if (made >= 0 && request.number == kDeviceGetGfxDmabuf) fcntl(made, F_SETFD, FD_CLOEXEC);
  return Answer(env, result, error);
}

}  // namespace

Napi::Value Ioctl(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int fd;
  uint64_t number;
  std::vector<Pointer> pointers;
  if (!ReadDescriptor(info[0], &fd) || !ReadInteger(info[1], "request", UINT32_MAX, &number)) return {};
  const Request* request = FindRequest(number);
  if (request == nullptr) {
    ThrowRange(env, "ioctl request " + std::to_string(number) + " is none of VFIO's or iommufd's");
    return {};
  }
  // Its getters are JavaScript: before any byte is looked at.
  if (!ReadPointers(info[3], &pointers)) return {};
  const Napi::Value argument = info[2];
  Bytes bytes;
  if (BytesOf(argument, &bytes) && (request->takes & (kPlain | kSized | kText))) {
    return WithBytes(env, fd, *request, bytes, &pointers);
  }
  if (!pointers.empty()) {
    ThrowType(env, NameOf(*request) + " has pointers but no struct");
    return {};
  }
  if (argument.IsNumber() && (request->takes & kValue)) {
    uint64_t value;
    if (!ReadInteger(argument, "argument", INT_MAX, &value)) return {};
    const int result = ioctl(fd, request->number, static_cast<unsigned long>(value));
    return Answer(env, result, errno);
  }
  if (argument.IsUndefined() && (request->takes & kNothing)) {
    const int result = ioctl(fd, request->number, 0UL);
    return Answer(env, result, errno);
  }
  const char* takes = request->takes & kValue ? "an integer" : request->takes == kNothing ? "no argument" : "a Uint8Array";
  ThrowType(env, NameOf(*request) + " takes " + takes);
  return {};
}

}  // namespace vfioctl
