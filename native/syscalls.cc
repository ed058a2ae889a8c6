// One function per system call. No call is retried but where a signal came before anything was done.
#include "syscalls.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "args.h"
#include "device_order.h"
#include "environment.h"

namespace vfioctl {
namespace {

// By number: glibc's own read(2) and its kin let a thread be cancelled in them, which costs a fifth of a short call in
// a process with threads, as Node is.
ssize_t Transfer(long number, int fd, Bytes bytes, off_t offset = 0) {
  ssize_t result;
  do {
    result = syscall(number, fd, bytes.data, bytes.length, offset);
  } while (result < 0 && errno == EINTR);
  return result;
}

Napi::Value Moved(Napi::Env env, ssize_t result, const char* syscall) {
  napi_value moved = nullptr;
  // Linux moves less than 2 GiB at once.
  if (result >= 0) napi_create_uint32(env, static_cast<uint32_t>(result), &moved);
  else ThrowSystemError(env, errno, syscall);
  return Napi::Value(env, moved);
}

template <long kNumber, bool kAt = false>
Napi::Value MoveBytes(const Napi::CallbackInfo& info, const char* syscall) {
  int fd;
  Bytes bytes;
  uint64_t offset = 0;
  if (kAt && !ReadInteger(info[2], "offset", kMaxSafeInteger, &offset)) return {};
  if (!ReadDescriptor(info[0], &fd) || !ReadBytes(info[1], "bytes", &bytes)) return {};
  return Moved(info.Env(), Transfer(kNumber, fd, bytes, static_cast<off_t>(offset)), syscall);
}

// Called so often that it counts what Node-API takes for each argument: there are none. The value's first bytes in the
// device's order are a shorter word.
template <long kNumber>
napi_value TransferWord(napi_env env, napi_callback_info info, const char* syscall) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Word* word = static_cast<Word*>(data);
  uint32_t value = kNumber == SYS_pread64 ? 0 : InDeviceOrder(word->value);
  if (word->width > sizeof value) {
    ThrowRange(env, "width must be at most 4");
    return nullptr;
  }
  const Bytes bytes = {reinterpret_cast<uint8_t*>(&value), word->width};
  const uint64_t offset = uint64_t{word->offset_high} << 32 | word->offset_low;
  word->moved = static_cast<int32_t>(Transfer(kNumber, word->fd, bytes, static_cast<off_t>(offset)));
  if (kNumber == SYS_pread64) word->value = InDeviceOrder(value);
  if (word->moved < 0) ThrowSystemError(env, errno, syscall);
  return nullptr;
}

}  // namespace

void Close(const Napi::CallbackInfo& info) {
  int fd;
  if (!ReadDescriptor(info[0], &fd)) return;
  info.Env().GetInstanceData<Environment>()->descriptors.erase(fd);
  // Linux has released the descriptor even where it answers EINTR: closing again could hit another's.
  if (close(fd) < 0 && errno != EINTR) ThrowSystemError(info.Env(), errno, "close");
}

Napi::Value Read(const Napi::CallbackInfo& info) { return MoveBytes<SYS_read>(info, "read"); }
Napi::Value Write(const Napi::CallbackInfo& info) { return MoveBytes<SYS_write>(info, "write"); }
Napi::Value Pread(const Napi::CallbackInfo& info) { return MoveBytes<SYS_pread64, true>(info, "pread"); }
Napi::Value Pwrite(const Napi::CallbackInfo& info) { return MoveBytes<SYS_pwrite64, true>(info, "pwrite"); }

napi_value ReadWord(napi_env env, napi_callback_info info) { return TransferWord<SYS_pread64>(env, info, "pread"); }
napi_value WriteWord(napi_env env, napi_callback_info info) { return TransferWord<SYS_pwrite64>(env, info, "pwrite"); }

Napi::Value TryLock(const Napi::CallbackInfo& info) {
  int fd;
  if (!ReadDescriptor(info[0], &fd)) return {};
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (locked || errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), locked);
  ThrowSystemError(info.Env(), errno, "flock");
  return {};
}

void Pipe(const Napi::CallbackInfo& info) {
  int32_t* ends;
  size_t count;
  if (!ElementsOf<int32_t, napi_int32_array>(info[0], &ends, &count) || count != 2) {
    ThrowType(info.Env(), "ends must be an Int32Array of two");
    return;
  }
  if (pipe2(ends, O_CLOEXEC) < 0) ThrowSystemError(info.Env(), errno, "pipe2");
}

Napi::Value Eventfd(const Napi::CallbackInfo& info) {
  uint64_t initial = 0;
  if (!ReadInteger(info[0], "initial", UINT32_MAX, &initial)) return {};
  const int fd = eventfd(static_cast<unsigned>(initial), EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd >= 0) info.Env().GetInstanceData<Environment>()->descriptors.insert(fd);
  return Moved(info.Env(), fd, "eventfd");
}

// In milliseconds: a Worker or a process that is being ended ends between two waits.
constexpr uint64_t longestWait = 250;

// One that is alone is read before it is polled: where its event is there already, that is all it takes.
Napi::Value WaitForEventfd(const Napi::CallbackInfo& info) {
  using Clock = std::chrono::steady_clock;
  const Napi::Env env = info.Env();
  uint64_t first = 0;
  uint64_t timeout = 0;
  int32_t* fds;
  size_t count;
  double* counter;
  size_t counters;
  if (!ReadInteger(info[1], "first", UINT32_MAX, &first) || !ReadInteger(info[2], "timeoutMs", INT_MAX, &timeout)) {
    return {};
  }
  if (!ElementsOf<int32_t, napi_int32_array>(info[0], &fds, &count) ||
      !ElementsOf<double, napi_float64_array>(info[3], &counter, &counters) || counters == 0) {
    ThrowType(env, "eventfds must be an Int32Array, and counter a Float64Array with an element");
    return {};
  }
  std::vector<pollfd> polled(count);
  for (size_t i = 0; i < count; i++) polled[i] = {fds[i], POLLIN, static_cast<short>(count == 1 ? POLLIN : 0)};

  std::optional<Clock::time_point> end;
  int result = count == 1 ? 1 : -1;
  for (;;) {
    for (size_t i = 0; result > 0 && i < count; i++) {
      const size_t at = (first + i) % count;
      if (polled[at].revents == 0) continue;
      uint64_t value = 0;
      if (Transfer(SYS_read, polled[at].fd, {reinterpret_cast<uint8_t*>(&value), sizeof value}) >= 0) {
        *counter = static_cast<double>(value);
        return Napi::Number::New(env, static_cast<double>(at));
      }
      // Whoever else was given the eventfd may have been faster.
      if (errno != EAGAIN) return Moved(env, -1, "read");
    }
    const Clock::time_point now = Clock::now();
    if (!end) end = now + std::chrono::milliseconds(std::min(timeout, longestWait));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - now).count();
    result = poll(polled.data(), count, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (result == 0) return Napi::Number::New(env, -1);
    if (result < 0 && errno != EINTR) return Moved(env, result, "poll");
  }
}

}  // namespace vfioctl
