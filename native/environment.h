// What one JavaScript environment (the main thread, a Worker) keeps: nothing of ours is shared between them.
#pragma once

#include <napi.h>

#include <memory>

namespace vfioctl {

class Memory;

struct Environment {
  Napi::FunctionReference mapping;
  Napi::FunctionReference watch;
  // Set while a Mapping is constructed from C++; JavaScript's own `new` finds it empty and is refused.
  struct {
    std::shared_ptr<Memory> memory;
    bool readable = false;
    bool writable = false;
  } next_mapping;
};

}  // namespace vfioctl
