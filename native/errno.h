// Errors in Node's own shape: a failed call has `code` 'EBUSY', `errno` -16 and `syscall`; a wrong argument has
// Node's ERR_ code. What throws into JavaScript returns, and its caller returns at once.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cerrno>
#include <string>

namespace vfioctl {

// libuv names what it meets itself; VFIO answers a few more, and Linux's name for 95 is EOPNOTSUPP.
struct ErrorText {
  int number;
  const char* code;
  const char* meaning;
};
inline constexpr ErrorText kNotInLibuv[] = {
    {EOPNOTSUPP, "EOPNOTSUPP", "operation not supported"},
    {EBADFD, "EBADFD", "file descriptor in bad state"},
    {EUSERS, "EUSERS", "too many users"},
    {ENOMSG, "ENOMSG", "no message of desired type"},
    {EDEADLK, "EDEADLK", "resource deadlock would occur"},
    {ENOLCK, "ENOLCK", "no locks available"},
    {EHWPOISON, "EHWPOISON", "memory page has hardware error"},
};

inline Napi::Error SystemError(Napi::Env env, int number, const char* syscall) {
  char code[64];
  char meaning[128];
  uv_err_name_r(-number, code, sizeof code);
  uv_strerror_r(-number, meaning, sizeof meaning);
  std::string code_text = code;
  std::string meaning_text = meaning;
  for (const ErrorText& known : kNotInLibuv) {
    if (known.number == number) {
      code_text = known.code;
      meaning_text = known.meaning;
    }
  }
  Napi::Error error = Napi::Error::New(env, code_text + ": " + meaning_text + ", " + syscall);
  error.Set("errno", Napi::Number::New(env, -number));
  error.Set("code", Napi::String::New(env, code_text));
  error.Set("syscall", Napi::String::New(env, syscall));
  return error;
}

inline void ThrowSystemError(Napi::Env env, int number, const char* syscall) {
  SystemError(env, number, syscall).ThrowAsJavaScriptException();
}

inline void ThrowType(Napi::Env env, const std::string& message, const char* code = "ERR_INVALID_ARG_TYPE") {
  Napi::TypeError error = Napi::TypeError::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

inline void ThrowRange(Napi::Env env, const std::string& message) {
  Napi::RangeError error = Napi::RangeError::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_OUT_OF_RANGE"));
  error.ThrowAsJavaScriptException();
}

}  // namespace vfioctl
