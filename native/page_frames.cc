#include "page_frames.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "args.h"
#include "memory.h"

namespace vfioctl {

Napi::Value PageFrames(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t offset;
  uint64_t count;
  if (!ReadAligned(info[1], "offset", 0, page, &offset) || !ReadInteger(info[2], "count", kMaxSafeInteger, &count)) {
    return {};
  }
  const Mapping* mapping = Mapping::From(info[0]);
  if (mapping == nullptr || mapping->base() == nullptr) {
    ThrowType(env, "memory must be an open mapping of this kernel");
    return {};
  }
  if (count == 0 || offset > mapping->length() || count > (mapping->length() - offset) / page) {
    ThrowRange(env, std::to_string(count) + " pages at " + std::to_string(offset) + " are not in the mapping");
    return {};
  }
  const uint8_t* start = static_cast<const uint8_t*>(mapping->base()) + offset;
  Napi::BigUint64Array entries = Napi::BigUint64Array::New(env, count);
  if (mlock(start, count * page) < 0) {
    ThrowSystemError(env, errno, "mlock");
    return {};
  }
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    ThrowSystemError(env, errno, "open");
    return {};
  }
  const size_t bytes = count * sizeof(uint64_t);
  const off_t at = static_cast<off_t>(reinterpret_cast<uintptr_t>(start) / page * sizeof(uint64_t));
  size_t filled = 0;
  int error = 0;
  while (filled < bytes && error == 0) {
    const ssize_t moved = pread(fd, reinterpret_cast<uint8_t*>(entries.Data()) + filled, bytes - filled,
                                at + static_cast<off_t>(filled));
    if (moved > 0) filled += static_cast<size_t>(moved);
    if (moved <= 0 && errno != EINTR) error = moved == 0 ? EIO : errno;
  }
  close(fd);
  if (error == 0) return entries;
  ThrowSystemError(env, error, "pread");
  return {};
}

}  // namespace vfioctl
