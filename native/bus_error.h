// Touching device memory that is gone (memory decode off, reset, low power, a truncated file) raises SIGBUS. Inside
// `SurvivesBusError` it is a `false` instead of the end of the process.
#pragma once

#include <setjmp.h>

#include <atomic>
#include <cstddef>

namespace vfioctl {

struct BusErrorGuard {
  sigjmp_buf landing;
  const volatile void* address;
  size_t width;
};

// Static TLS: the handler reads it on any thread, and must not allocate there.
extern __thread BusErrorGuard* armed_guard __attribute__((tls_model("initial-exec")));

// Once per process, before the first mapping is touched. A SIGBUS that is not ours goes to whoever had it before.
void InstallBusErrorHandler();

// `access` touches `width` bytes at `address`, in as many instructions as it likes, and holds nothing that needs a
// destructor.
template <typename Access>
bool SurvivesBusError(const volatile void* address, size_t width, Access access) {
  BusErrorGuard guard;
  guard.address = address;
  guard.width = width;
  // The signal mask is not saved, a system call each: the handler leaves SIGBUS unblocked (SA_NODEFER).
  if (sigsetjmp(guard.landing, 0) != 0) {
    armed_guard = nullptr;
    return false;
  }
  armed_guard = &guard;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  access();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  armed_guard = nullptr;
  return true;
}

}  // namespace vfioctl
