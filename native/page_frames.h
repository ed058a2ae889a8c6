#pragma once

#include <napi.h>

namespace vfioctl {

// What /proc/self/pagemap says of a mapping's pages, locked first, which also brings in those that were never touched.
Napi::Value PageFrames(const Napi::CallbackInfo& info);

}  // namespace vfioctl
