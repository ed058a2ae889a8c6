// The struct of an ioctl, copied and checked: another thread cannot change `argsz` after it was looked at.
#pragma once

#include <cstdio>
#include <cstring>
#include <vector>

#include "args.h"
#include "requests.h"

namespace vfioctl {

inline constexpr size_t kMaxStruct = size_t{1} << 20;

inline std::string NameOf(const Request& request) {
  char name[32];
  snprintf(name, sizeof name, "ioctl 0x%x", request.number);
  return name;
}

// The copy is longer than the bytes: some drivers copy their whole struct in before they look at argsz, and read zeros
// there, not our heap.
inline bool CopyStruct(Napi::Env env, const Request& request, Bytes bytes, std::vector<uint8_t>* copy) {
  constexpr size_t kSlack = 256;
  if (bytes.length < request.minimum || bytes.length > kMaxStruct) {
    ThrowRange(env, NameOf(request) + " takes " + std::to_string(request.minimum) + " bytes to 1 MiB, not " +
                        std::to_string(bytes.length));
    return false;
  }
  copy->assign(bytes.data, bytes.data + bytes.length);
  copy->resize(bytes.length + kSlack);
  if ((request.takes & kText) && memchr(copy->data(), 0, bytes.length) == nullptr) {
    ThrowRange(env, NameOf(request) + " takes a string that ends in a NUL byte");
    return false;
  }
  if (!(request.takes & kSized)) return true;
  uint32_t argsz;
  memcpy(&argsz, copy->data(), sizeof argsz);
  if (argsz > bytes.length) {
    ThrowRange(env, NameOf(request) + " has argsz " + std::to_string(argsz) + " in a buffer of " +
                        std::to_string(bytes.length) + " bytes");
    return false;
  }
  return true;
}

}  // namespace vfioctl
