// What one JavaScript environment (the main thread, a Worker) keeps: nothing of ours is shared between them.
#pragma once

#include <napi.h>

#include <unistd.h>

#include <cstdint>
#include <set>

namespace vfioctl {

// What readWord and writeWord take and answer; JavaScript has it as an array of 32-bit integers.
struct Word {
  uint32_t offset_low;
  uint32_t offset_high;
  int32_t fd;
  uint32_t width;  // in bytes
  uint32_t value;
  int32_t moved;  // in bytes
};

struct Environment {
  // Made by the addon, so unknown to Node: closed with the environment, where a Worker ends before its JavaScript did.
  std::set<int> descriptors;
  Word word = {};

  ~Environment() {
    for (const int fd : descriptors) close(fd);
  }
};

}  // namespace vfioctl
