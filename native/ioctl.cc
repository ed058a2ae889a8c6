// ioctl(2) for the requests of linux/vfio.h and linux/iommufd.h, on a copy of the caller's struct: another thread
// cannot change `argsz` after it was checked, nor see the addresses, and the caller's bytes of a pointer field stay as
// they were.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "args.h"
#include "environment.h"
#include "guarded_copy.h"
#include "memory.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

constexpr size_t kMaxStruct = size_t{1} << 20;
// The copy of a struct is longer by this: some drivers copy their whole struct in before they look at argsz, and read
// zeros there, not our heap.
constexpr size_t kSlack = 256;

constexpr uint32_t kFirstRequest = 0x3b64;
constexpr uint32_t kLastRequest = 0x3b95;
constexpr uint32_t kGetUserNamespace = 0xb701;  // NS_GET_USERNS of linux/nsfs.h: makes a descriptor, takes nothing

// The numbers carry no size: a struct says in `argsz`, its first u32, how much of it the kernel may write.
constexpr bool TakesStruct(uint32_t request) {
  constexpr uint32_t kSetContainer = 0x3b68, kGetDeviceFd = 0x3b6a, kGetGfxDmabuf = 0x3b73;  // read alone
  return request != kSetContainer && request != kGetDeviceFd && request != kGetGfxDmabuf;
}

constexpr bool TakesInteger(uint32_t request) {
  constexpr uint32_t kCheckExtension = 0x3b65, kSetIommu = 0x3b66;
  return request == kCheckExtension || request == kSetIommu;
}

struct Call {
  int fd = -1;
  uint32_t request = 0;
  uint64_t value = 0;  // where there is no struct
  Bytes bytes = {};
  std::vector<uint8_t> copy;

  int Make() const { return ioctl(fd, request, copy.empty() ? value : reinterpret_cast<uintptr_t>(copy.data())); }
};

bool ReadCall(const Napi::CallbackInfo& info, Call* call) {
  uint64_t number = 0;
  if (!ReadDescriptor(info[0], &call->fd) || !ReadInteger(info[1], "request", UINT32_MAX, &number)) return false;
  if ((number < kFirstRequest || number > kLastRequest) && number != kGetUserNamespace) {
    ThrowRange(info.Env(), "ioctl request " + std::to_string(number) + " is none of VFIO's or iommufd's");
    return false;
  }
  call->request = static_cast<uint32_t>(number);
  if (info[2].IsUndefined()) return true;
  if (TakesInteger(call->request)) return ReadInteger(info[2], "argument", INT_MAX, &call->value);
  Bytes& bytes = call->bytes;
  if (!ReadBytes(info[2], "argument", &bytes)) return false;
  if (bytes.length > kMaxStruct) {
    ThrowRange(info.Env(), "argument must be at most 1 MiB, not " + std::to_string(bytes.length) + " bytes");
    return false;
  }
  call->copy.assign(bytes.data, bytes.data + bytes.length);
  call->copy.resize(bytes.length + kSlack);
  uint32_t argsz;
  memcpy(&argsz, call->copy.data(), sizeof argsz);
  if (!TakesStruct(call->request) || argsz <= bytes.length) return true;
  ThrowRange(info.Env(),
             "argument has argsz " + std::to_string(argsz) + " in " + std::to_string(bytes.length) + " bytes");
  return false;
}

// What a pointer field of the struct points at during the call.
struct Pointer {
  uint64_t offset = 0;
  Bytes heap = {};
  GuardedCopy copy;
};

// Three arguments from `first` on: the field's offset, the target, and where in it. Mapped memory is lent as it is, and
// may be pinned for longer than the call; V8's heap is lent as a guarded copy.
bool Lend(const Napi::CallbackInfo& info, size_t first, Call* call, Pointer* pointer) {
  const Napi::Env env = info.Env();
  const Napi::Value target = info[first + 1];
  uint64_t at = 0;
  if (!ReadInteger(info[first], "pointer offset", kMaxStruct, &pointer->offset) ||
      !ReadInteger(info[first + 2], "pointer at", kMaxSafeInteger, &at)) {
    return false;
  }
  Bytes bytes;
  if (BytesOf(target, &bytes)) {
    if (!IsViewOfMapping(target)) pointer->heap = bytes;
  } else if (const Mapping* mapping = Mapping::From(target); mapping != nullptr && mapping->base() != nullptr) {
    bytes = {mapping->base(), mapping->length()};
  } else {
    ThrowType(env, "pointer target must be a Uint8Array or an open mapping of this kernel");
    return false;
  }
  const uint64_t end = pointer->offset + sizeof(uint64_t);
  if (pointer->offset < sizeof(uint32_t) || end > call->bytes.length || at > bytes.length) {
    ThrowRange(env, "pointer offset " + std::to_string(pointer->offset) + " is outside the struct, or at " +
                        std::to_string(at) + " outside the target");
    return false;
  }
  if (pointer->heap.data != nullptr && !pointer->copy.Fill(pointer->heap)) {
    ThrowSystemError(env, errno, "mmap");
    return false;
  }
  const uint8_t* start = pointer->heap.data != nullptr ? pointer->copy.address() : bytes.data;
  const uint64_t address = reinterpret_cast<uintptr_t>(start) + at;
  memcpy(call->copy.data() + pointer->offset, &address, sizeof address);
  return true;
}

// Works on a descriptor of its own: the caller's may be closed, and its number taken by another file, before a thread
// has come to the call. Answers a callback, not a promise: Node-API keeps a promise for ever that no one settles, as
// where a Worker ends first.
class AsyncCall : public Napi::AsyncWorker {
 public:
  AsyncCall(const Napi::Function& answer, Call call) : AsyncWorker(answer, "vfioctl:ioctl"), call_(std::move(call)) {}
  ~AsyncCall() override { CloseOwn(); }
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

 protected:
  void Execute() override {
    result_ = call_.Make();
    error_ = errno;
    // Not later, as the device stays open with it.
    CloseOwn();
  }

  void OnOK() override {
    if (result_ >= 0) Callback().Call({Env().Null(), Napi::Number::New(Env(), result_)});
    else Callback().Call({SystemError(Env(), error_, "ioctl").Value()});
  }

 private:
  void CloseOwn() {
    if (call_.fd >= 0) close(std::exchange(call_.fd, -1));
  }

  Call call_;
  int result_ = -1;
  int error_ = 0;
};

}  // namespace

Napi::Value Ioctl(const Napi::CallbackInfo& info) {
  constexpr size_t kFirstPointer = 4;
  const Napi::Env env = info.Env();
  Call call;
  if (!ReadCall(info, &call)) return {};
  uint64_t made_at = 0;
  if (!info[3].IsUndefined() && !ReadInteger(info[3], "made", call.bytes.length, &made_at)) return {};
  std::vector<Pointer> pointers(info.Length() > kFirstPointer ? (info.Length() - kFirstPointer) / 3 : 0);
  for (size_t i = 0; i < pointers.size(); i++) {
    if (!Lend(info, kFirstPointer + 3 * i, &call, &pointers[i])) return {};
  }
  const int result = call.Make();
  const int error = errno;
  int made = result;
  if (made_at > 0) memcpy(&made, call.copy.data() + made_at, sizeof made);
  for (const Pointer& pointer : pointers) {
    if (pointer.heap.data != nullptr) pointer.copy.CopyBack(pointer.heap);
    memcpy(call.copy.data() + pointer.offset, call.bytes.data + pointer.offset, sizeof(uint64_t));
  }
  // Answers may come with a failure too: the size or the count that would have been enough.
  std::copy_n(call.copy.begin(), call.bytes.length, call.bytes.data);
  if (result < 0) {
    ThrowSystemError(env, error, "ioctl");
    return {};
  }
  if (!info[3].IsUndefined() && made >= 0) {
    env.GetInstanceData<Environment>()->descriptors.insert(made);
    // VFIO makes that of a display without it.
    fcntl(made, F_SETFD, FD_CLOEXEC);
  }
  return Napi::Number::New(env, result);
}

Napi::Value IoctlAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Call call;
  if (!ReadCall(info, &call)) return {};
  if (!info[3].IsFunction()) {
    ThrowType(env, "answer must be a function");
    return {};
  }
  call.fd = fcntl(call.fd, F_DUPFD_CLOEXEC, 0);
  if (call.fd < 0) {
    ThrowSystemError(env, errno, "ioctl");
    return {};
  }
  // Deletes itself once it has answered.
  (new AsyncCall(info[3].As<Napi::Function>(), std::move(call)))->Queue();
  return env.Undefined();
}

}  // namespace vfioctl
