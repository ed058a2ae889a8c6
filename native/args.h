// Argument readers. Each returns false after throwing a TypeError or RangeError that names the argument.
#pragma once

#include <napi.h>

#include <climits>
#include <cstdint>
#include <string>

#include "errno.h"

namespace vfioctl {

inline constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

// Out of line, as in the middle of a call that does not fail it would cost time.
[[gnu::cold, gnu::noinline]] inline void ThrowNoInteger(Napi::Env env, double number, const char* name, uint64_t max) {
  ThrowRange(env, std::string(name) + " must be an integer from 0 to " + std::to_string(max) + ", not " +
                      Napi::Number::New(env, number).ToString().Utf8Value());
}

// `max` is at most kMaxSafeInteger.
inline bool CheckInteger(Napi::Env env, double number, const char* name, uint64_t max, uint64_t* out) {
  // Written so that NaN fails it; signed, as `max` allows, because the machine converts no other numbers by itself.
  const bool fits = number >= 0 && number <= static_cast<double>(static_cast<int64_t>(max));
  if (!fits || static_cast<double>(static_cast<int64_t>(number)) != number) {
    ThrowNoInteger(env, number, name, max);
    return false;
  }
  *out = static_cast<uint64_t>(static_cast<int64_t>(number));
  return true;
}

inline bool ReadInteger(const Napi::Value& value, const char* name, uint64_t max, uint64_t* out) {
  double number;
  if (napi_get_value_double(value.Env(), value, &number) == napi_ok) {
    return CheckInteger(value.Env(), number, name, max, out);
  }
  ThrowType(value.Env(), std::string(name) + " must be a number");
  return false;
}

inline bool ReadDescriptor(const Napi::Value& value, int* out) {
  uint64_t number = 0;
  if (!ReadInteger(value, "fd", INT_MAX, &number)) return false;
  *out = static_cast<int>(number);
  return true;
}

// A multiple of `unit`, from `least` on.
inline bool ReadAligned(const Napi::Value& value, const char* name, uint64_t least, uint64_t unit, uint64_t* out) {
  if (!ReadInteger(value, name, kMaxSafeInteger, out)) return false;
  if (*out >= least && *out % unit == 0) return true;
  ThrowRange(value.Env(), std::string(name) + " must be a multiple of " + std::to_string(unit) +
                              (least > 0 ? " above 0, not " : ", not ") + std::to_string(*out));
  return false;
}

struct Bytes {
  uint8_t* data;
  size_t length;
};

// The elements of a typed array, false where the value is none of this type. In one call into Node, which is what such
// a function's time goes to. They are valid until JavaScript runs again: a getter may detach or resize them. Read them
// last.
template <typename T, napi_typedarray_type kType>
bool ElementsOf(const Napi::Value& value, T** data, size_t* length) {
  napi_typedarray_type type;
  void* start = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, length, &start, nullptr, nullptr) != napi_ok) return false;
  *data = static_cast<T*>(start);
  return type == kType;
}

inline bool BytesOf(const Napi::Value& value, Bytes* out) {
  return ElementsOf<uint8_t, napi_uint8_array>(value, &out->data, &out->length);
}

inline bool ReadBytes(const Napi::Value& value, const char* name, Bytes* out) {
  if (BytesOf(value, out)) return true;
  ThrowType(value.Env(), std::string(name) + " must be a Uint8Array");
  return false;
}

}  // namespace vfioctl
