// What one JavaScript environment (the main thread, a Worker) keeps: nothing of ours is shared between them.
#pragma once

#include <napi.h>

#include <unistd.h>

#include <set>

namespace vfioctl {

// What readWord and writeWord take and answer; JavaScript has it as an array of numbers.
struct Word {
  double fd;
  double offset;
  double width;  // in bytes; after the call, how many were moved
  double value;
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
