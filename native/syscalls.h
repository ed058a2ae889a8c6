#pragma once

#include <napi.h>

namespace vfioctl {

// sockets.cc
Napi::Value BindUnix(const Napi::CallbackInfo& info);
void Listen(const Napi::CallbackInfo& info);
Napi::Value Accept(const Napi::CallbackInfo& info);
Napi::Value ConnectUnix(const Napi::CallbackInfo& info);
void SendDescriptors(const Napi::CallbackInfo& info);
Napi::Value ReceiveDescriptors(const Napi::CallbackInfo& info);

void Close(const Napi::CallbackInfo& info);
Napi::Value Read(const Napi::CallbackInfo& info);
Napi::Value Write(const Napi::CallbackInfo& info);
Napi::Value Pread(const Napi::CallbackInfo& info);
Napi::Value Pwrite(const Napi::CallbackInfo& info);
napi_value ReadWord(napi_env env, napi_callback_info info);
napi_value WriteWord(napi_env env, napi_callback_info info);
Napi::Value TryLock(const Napi::CallbackInfo& info);
void Pipe(const Napi::CallbackInfo& info);
Napi::Value Eventfd(const Napi::CallbackInfo& info);
Napi::Value WaitForEventfd(const Napi::CallbackInfo& info);
Napi::Value Ioctl(const Napi::CallbackInfo& info);
Napi::Value IoctlAsync(const Napi::CallbackInfo& info);

}  // namespace vfioctl
