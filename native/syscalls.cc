// One function per system call. No call is retried but where a signal came before anything was done.
#include "syscalls.h"

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
#include "environment.h"

namespace vfioctl {
namespace {

template <typename Call>
ssize_t Uninterrupted(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// By number: glibc's own read(2) and its kin let a thread be cancelled in them, which costs a fifth of a short call in a
// process with threads, as Node is.
ssize_t Transfer(long number, int fd, Bytes bytes, off_t offset = 0) {
  return Uninterrupted([&] { return syscall(number, fd, bytes.data, bytes.length, offset); });
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

Word* WordOf(napi_env env, napi_callback_info info) {
  void* word = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &word);
  return static_cast<Word*>(word);
}

// The lowest bytes of `value`: the machines that VFIO is for are little-endian. False after throwing.
bool TransferWord(Napi::Env env, long number, Word* word, uint32_t* value, const char* syscall) {
  uint64_t fd;
  uint64_t offset;
  if (!CheckInteger(env, word->fd, "fd", INT_MAX, &fd)) return false;
  if (!CheckInteger(env, word->offset, "offset", kMaxSafeInteger, &offset)) return false;
  if (word->width != 1 && word->width != 2 && word->width != 4) {
    ThrowRange(env, "width must be 1, 2 or 4");
    return false;
  }
  const Bytes bytes = {reinterpret_cast<uint8_t*>(value), static_cast<size_t>(word->width)};
  const ssize_t moved = Transfer(number, static_cast<int>(fd), bytes, static_cast<off_t>(offset));
  if (moved < 0) ThrowSystemError(env, errno, syscall);
  word->width = static_cast<double>(moved);
  return moved >= 0;
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

// These two are called so often that it counts what Node-API takes for each argument: there are none.
napi_value ReadWord(napi_env env, napi_callback_info info) {
  Word* word = WordOf(env, info);
  uint32_t value = 0;
  if (TransferWord(env, SYS_pread64, word, &value, "pread")) word->value = value;
  return nullptr;
}

napi_value WriteWord(napi_env env, napi_callback_info info) {
  Word* word = WordOf(env, info);
  uint64_t value = 0;
  const uint64_t most = word->width == 4 ? UINT32_MAX : word->width == 2 ? UINT16_MAX : UINT8_MAX;
  if (!CheckInteger(env, word->value, "value", most, &value)) return nullptr;
  uint32_t written = static_cast<uint32_t>(value);
  TransferWord(env, SYS_pwrite64, word, &written, "pwrite");
  return nullptr;
}

Napi::Value TryLock(const Napi::CallbackInfo& info) {
  int fd;
  if (!ReadDescriptor(info[0], &fd)) return {};
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (locked || errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), locked);
  ThrowSystemError(info.Env(), errno, "flock");
  return {};
}

Napi::Value Eventfd(const Napi::CallbackInfo& info) {
  uint64_t initial = 0;
  if (!ReadInteger(info[0], "initial", UINT32_MAX, &initial)) return {};
  const int fd = eventfd(static_cast<unsigned>(initial), EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd >= 0) info.Env().GetInstanceData<Environment>()->descriptors.insert(fd);
  return Moved(info.Env(), fd, "eventfd");
}

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
  if (!ElementsOf<int32_t, napi_int32_array>(info[0], &fds, &count)) {
    ThrowType(env, "eventfds must be an Int32Array");
    return {};
  }
  if (!ElementsOf<double, napi_float64_array>(info[3], &counter, &counters) || counters == 0) {
    ThrowType(env, "counter must be a Float64Array with an element");
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
    if (!end) end = now + std::chrono::milliseconds(timeout);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - now).count();
    result = poll(polled.data(), count, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (result == 0) return Napi::Number::New(env, -1);
    if (result < 0 && errno != EINTR) return Moved(env, result, "poll");
  }
}

}  // namespace vfioctl
