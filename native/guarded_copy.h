// Bytes of V8's heap, lent to the kernel for one ioctl. They are copied to the end of a page that nothing follows: a
// struct that promises the kernel more room than there is gets EFAULT, where V8's heap would be overwritten. Memory
// that the kernel pins (a DMA mapping's) is never V8's this way either.
#pragma once

#include <cstddef>
#include <cstdint>

#include "args.h"

namespace vfioctl {

class GuardedCopy {
 public:
  GuardedCopy() = default;
  ~GuardedCopy();
  GuardedCopy(const GuardedCopy&) = delete;
  GuardedCopy& operator=(const GuardedCopy&) = delete;

  // False, with errno, where there is no memory for it.
  bool Fill(Bytes source);
  uint8_t* address() const { return copy_; }
  void CopyBack(Bytes target) const;

 private:
  void* pages_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* copy_ = nullptr;
};

}  // namespace vfioctl
