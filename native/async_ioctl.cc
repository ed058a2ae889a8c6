// ioctl(2) off the event loop, for what may take seconds: a device's reset.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "requests.h"
#include "syscalls.h"

namespace vfioctl {
namespace {

// Works on a descriptor of its own: the caller's may be closed, and its number taken by another file, before a thread
// has come to the call.
class AsyncCall : public Napi::AsyncWorker {
 public:
  AsyncCall(Napi::Env env, int fd, uint32_t request)
      : AsyncWorker(env, "vfioctl:ioctl"), promise_(env), fd_(fd), request_(request) {}
  ~AsyncCall() override { CloseOwn(); }
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

  Napi::Promise Promise() const { return promise_.Promise(); }

 protected:
  void Execute() override {
    result_ = ioctl(fd_, request_, 0UL);
    error_ = errno;
    // Not later, as the device stays open with it.
    CloseOwn();
  }

  void OnOK() override {
    if (result_ >= 0) promise_.Resolve(Napi::Number::New(Env(), result_));
    else promise_.Reject(SystemError(Env(), error_, "ioctl").Value());
  }

 private:
  void CloseOwn() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  Napi::Promise::Deferred promise_;
  int fd_;
  uint32_t request_;
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
  if (request == nullptr || !(request->takes & kNothing)) {
    ThrowRange(env, "ioctl request " + std::to_string(number) + " is none of VFIO's that take no argument");
    return {};
  }
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    ThrowSystemError(env, errno, "ioctl");
    return {};
  }
  // Deletes itself once it has answered.
  auto* call = new AsyncCall(env, own, request->number);
  const Napi::Promise promise = call->Promise();
  call->Queue();
  return promise;
}

}  // namespace vfioctl
