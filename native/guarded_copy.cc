#include "guarded_copy.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace vfioctl {

bool GuardedCopy::Fill(Bytes source) {
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

void GuardedCopy::CopyBack(Bytes target) const {
  if (target.length > 0) memcpy(target.data, copy_, target.length);
}

GuardedCopy::~GuardedCopy() {
  if (pages_ != nullptr) munmap(pages_, mapped_);
}

}  // namespace vfioctl
