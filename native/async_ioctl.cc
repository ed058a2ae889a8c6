// ioctl(2) off the event loop, for what may take seconds: a device's reset.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "requests.h"
#include "struct_argument.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

// Works on a descriptor of its own: the caller's may be closed, and its number taken by another file, before a thread
// has come to the call. Answers a callback, not a promise: Node-API keeps a promise for ever that no one settles, as
// where a Worker ends first.
class AsyncCall : public Napi::AsyncWorker {
 public:
  // What the kernel writes into `bytes` is lost; there are none for a call without an argument.
  AsyncCall(const Napi::Function& answer, int fd, uint32_t request, std::vector<uint8_t> bytes)
      : AsyncWorker(answer, "vfioctl:ioctl"), fd_(fd), request_(request), bytes_(std::move(bytes)) {}
  ~AsyncCall() override { CloseOwn(); }
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

 protected:
  void Execute() override {
    result_ = ioctl(fd_, request_, bytes_.empty() ? nullptr : bytes_.data());
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
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd_;
  uint32_t request_;
  std::vector<uint8_t> bytes_;
  int result_ = -1;
  int error_ = 0;
};

}  // namespace

Napi::Value IoctlAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int fd;
  uint64_t number;
  if (!ReadDescriptor(info[0], &fd) || !ReadInteger(info[1], "request", UINT32_MAX, &number)) return {};
  const Request* request = FindRequest(number);
  Bytes bytes;
  const bool has_bytes = BytesOf(info[2], &bytes);
  if (request == nullptr || !(request->takes & (has_bytes ? kSized : kNothing))) {
    ThrowRange(env, "ioctl request " + std::to_string(number) + " is none of VFIO's that take " +
                        (has_bytes ? "a struct" : "no argument"));
    return {};
  }
  if (!has_bytes && !info[2].IsUndefined()) {
    ThrowType(env, "argument must be a Uint8Array or undefined");
    return {};
  }
  if (!info[3].IsFunction()) {
    ThrowType(env, "answer must be a function");
    return {};
  }
  std::vector<uint8_t> copy;
  if (has_bytes && !CopyStruct(env, *request, bytes, &copy)) return {};
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    ThrowSystemError(env, errno, "ioctl");
    return {};
  }
  // Deletes itself once it has answered.
  (new AsyncCall(info[3].As<Napi::Function>(), own, request->number, std::move(copy)))->Queue();
  return env.Undefined();
}

}  // namespace vfioctl
