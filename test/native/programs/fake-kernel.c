// Stands in for the kernel behind ioctl(2) (LD_PRELOAD), so that what the addon hands over can be seen where there is
// no /dev/vfio. Copies to pointer fields as the kernel does: a bad address is EFAULT.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int copy_to_user(uint64_t address, size_t length) {
  int ends[2];
  char bytes[4096];
  memset(bytes, 0xab, sizeof bytes);
  if (length > sizeof bytes || pipe(ends) < 0) return -1;
  ssize_t moved = write(ends[1], bytes, length);
  if (moved > 0) moved = syscall(SYS_read, ends[0], address, length);
  int error = errno;
  close(ends[0]);
  close(ends[1]);
  errno = moved >= 0 && (size_t)moved < length ? EFAULT : error;
  return moved == (ssize_t)length ? 0 : -1;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  uint32_t *words = argument;
  switch (request) {
    case 0x3b64:  // GET_API_VERSION: 0 where nothing came with it
      return argument == NULL ? 0 : 1;
    case 0x3b65:  // CHECK_EXTENSION: the value itself
      return (int)(intptr_t)argument;
    case 0x3b68:  // GROUP_SET_CONTAINER: the int behind the pointer
      return *(int *)argument;
    case 0x3b6a:  // GROUP_GET_DEVICE_FD: a descriptor, which the addon will close; 1000 and the length of the name
      return dup2(fd, 1000 + (int)strlen(argument));
    case 0x3b73:  // DEVICE_GET_GFX_DMABUF: a descriptor without FD_CLOEXEC
      return open("/dev/null", O_RDONLY);
    case 0x3b70:  // HOT_RESET_INFO: the count that would do, and ENOSPC
      words[2] = 99;
      errno = ENOSPC;
      return -1;
    case 0x3b75: {  // FEATURE: writes `flags` bytes to the pointer at 8; answers with its low byte, changes the rest
      uint64_t address;
      memcpy(&address, words + 2, sizeof address);
      uint32_t length = words[1];
      words[1] = 0x01020304;
      if (copy_to_user(address, length) < 0) return -1;
      return (int)(address & 0xff);
    }
    case 0x3b84: {  // IOAS_IOVA_RANGES: 1 where the pointer at 16 holds "mapped"
      uint64_t address;
      memcpy(&address, words + 4, sizeof address);
      return memcmp((void *)address, "mapped", 6) == 0;
    }
    case 0x3b79:  // MIG_GET_PRECOPY_INFO: a descriptor without FD_CLOEXEC, at 8
      words[2] = (uint32_t)open("/dev/null", O_RDONLY);
      return 0;
    default:
      return (int)syscall(SYS_ioctl, fd, request, argument);
  }
}
