// Who outlives whom: a Watch (JavaScript's) may go before its Poll (libuv's), which lives until libuv has called back
// that it is closed. Until then the environment's end waits for the Poll's async cleanup hook: after it the thread's
// loop, and with the last Worker this very code, are gone.
#include "events.h"

#include <uv.h>

#include <memory>
#include <utility>

#include "args.h"

namespace vfioctl {

struct Poll {
  explicit Poll(Napi::Env environment) : env(environment) {}

  Napi::Env env;
  uv_poll_t handle = {};
  Watch* owner = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  Napi::FunctionReference callback;
  std::unique_ptr<Napi::AsyncContext> context;

  int Arm() { return uv_poll_start(&handle, UV_READABLE, OnReadable); }
  bool closing() const { return owner == nullptr; }
  void Close();
  static void OnReadable(uv_poll_t* handle, int status, int events);
};

// From Watch.close(), the environment's end or the Watch's; idempotent.
void Poll::Close() {
  if (closing()) return;
  std::exchange(owner, nullptr)->poll_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
    auto* poll = static_cast<Poll*>(closed->data);
    const Napi::HandleScope scope(poll->env);
    const napi_async_cleanup_hook_handle hook = poll->hook;
    delete poll;
    napi_remove_async_cleanup_hook(hook);
  });
}

void Poll::OnReadable(uv_poll_t* handle, int status, int) {
  auto* poll = static_cast<Poll*>(handle->data);
  const Napi::Env env = poll->env;
  const Napi::HandleScope scope(env);
  // In C: what is thrown may be any value, or none where the Worker is being ended, and no JavaScript below catches it.
  napi_make_callback(env, *poll->context, env.Global(), poll->callback.Value(), 0, nullptr, nullptr);
  napi_value thrown;
  if (env.IsExceptionPending() && napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    napi_fatal_exception(env, thrown);
  }
  // libuv stops at an error state (an eventfd at its maximum); the callback's read may have ended it.
  if (status < 0 && !poll->closing()) poll->Arm();
}

Napi::Function Watch::DefineIn(Napi::Env env) {
  return DefineClass(env, "Watch",
                     {
                         InstanceMethod<&Watch::RefLoop>("ref"),
                         InstanceMethod<&Watch::UnrefLoop>("unref"),
                         InstanceMethod<&Watch::Close>("close"),
                     });
}

Watch::Watch(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  int fd;
  if (!ReadDescriptor(info[0], &fd)) return;
  if (!info[1].IsFunction()) {
    ThrowType(info.Env(), "onReadable must be a function");
    return;
  }
  const int refused = Start(fd, info[1].As<Napi::Function>());
  if (refused < 0) ThrowSystemError(info.Env(), -refused, "epoll_ctl");
}

// 0, or libuv's negative errno.
int Watch::Start(int fd, Napi::Function callback) {
  const Napi::Env env = Env();
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return UV_ENOSYS;
  auto poll = std::make_unique<Poll>(env);
  const int refused = uv_poll_init(loop, &poll->handle, fd);
  if (refused < 0) return refused;
  // libuv holds it from here: it ends through Close() only.
  poll_ = poll.release();
  poll_->owner = this;
  poll_->handle.data = poll_;
  poll_->callback = Napi::Persistent(callback);
  poll_->context = std::make_unique<Napi::AsyncContext>(env, "vfioctl:watch");
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* data) { static_cast<Poll*>(data)->Close(); }, poll_, &poll_->hook);
  const int failed = poll_->Arm();
  if (failed < 0) {
    poll_->Close();
    return failed;
  }
  Ref();
  return 0;
}

Watch::~Watch() {
  if (poll_ != nullptr) poll_->Close();
}

void Watch::RefLoop(const Napi::CallbackInfo&) {
  if (poll_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
}

void Watch::UnrefLoop(const Napi::CallbackInfo&) {
  if (poll_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
}

void Watch::Close(const Napi::CallbackInfo&) {
  if (poll_ == nullptr) return;
  poll_->Close();
  Unref();
}

}  // namespace vfioctl
