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
// has come to the call. Answers a callback, not a promise: Node-API keeps a promise for ever that no one settles, as
// where a Worker ends first.
class AsyncCall : public Napi::AsyncWorker {
 public:
  AsyncCall(const Napi::Function& answer, int fd, uint32_t request)
      : AsyncWorker(answer, "vfioctl:ioctl"), fd_(fd), request_(request) {}
  ~AsyncCall() override { CloseOwn(); }
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

 protected:
  void Execute() override {
    result_ = ioctl(fd_, request_, 0UL);
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
  if (!info[2].IsFunction()) {
    ThrowType(env, "answer must be a function");
    return {};
  }
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    ThrowSystemError(env, errno, "ioctl");
    return {};
  }
  // Deletes itself once it has answered.
  (new AsyncCall(info[2].As<Napi::Function>(), own, request->number))->Queue();
  return env.Undefined();
}

}  // namespace vfioctl
