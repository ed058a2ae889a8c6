#pragma once

#include <napi.h>

namespace vfioctl {

struct Poll;

// The `Watch` of kernel.ts: JavaScript is called whenever a descriptor is readable. Alive until closed, as a timer is.
class Watch : public Napi::ObjectWrap<Watch> {
 public:
  static Napi::Function DefineIn(Napi::Env env);

  explicit Watch(const Napi::CallbackInfo& info);
  ~Watch();

 private:
  friend struct Poll;

  int Start(int fd, Napi::Function callback);
  void RefLoop(const Napi::CallbackInfo& info);
  void UnrefLoop(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  Poll* poll_ = nullptr;  // null once closed
};

}  // namespace vfioctl
