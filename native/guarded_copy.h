// Bytes of V8's heap, lent to the kernel for one ioctl. They are copied to the end of a page that nothing follows: a
// struct that promises the kernel more room than there is gets EFAULT, where V8's heap would be overwritten. Memory
// that the kernel pins (a DMA mapping's) is never V8's this way either.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "args.h"

namespace vfioctl {

class GuardedCopy {
 public:
  GuardedCopy() = default;
  ~GuardedCopy() {
    if (pages_ != nullptr) munmap(pages_, mapped_);
  }
  GuardedCopy(const GuardedCopy&) = delete;
  GuardedCopy& operator=(const GuardedCopy&) = delete;

  // False, with errno, where there is no memory for it.
  bool Fill(Bytes source) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t room = (source.length + page - 1) / page * page;
    void* pages = mmap(nullptr, room + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return false;
    pages_ = pages;
    mapped_ = room + page;
    if (room > 0 && mprotect(pages, room, PROT_READ | PROT_WRITE) < 0) return false;
    // Kernel structs start at multiples of 8, so up to 7 bytes stay between the end of the copy and the guard page.
    copy_ = static_cast<uint8_t*>(pages) + ((room - source.length) & ~size_t{7});
    if (source.length > 0) memcpy(copy_, source.data, source.length);
    return true;
  }

  uint8_t* address() const { return copy_; }

  void CopyBack(Bytes target) const {
    if (target.length > 0) memcpy(target.data, copy_, target.length);
  }

 private:
  void* pages_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* copy_ = nullptr;
};

}  // namespace vfioctl
