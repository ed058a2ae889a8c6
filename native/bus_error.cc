#include "bus_error.h"

#include <signal.h>

#include <cstdint>

namespace vfioctl {

__thread BusErrorGuard* armed_guard = nullptr;

namespace {

// Process-wide, as the signal's action is; written once, before the handler can run.
struct sigaction previous_action;

bool IsFaultOf(const BusErrorGuard* guard, const siginfo_t* info) {
  if (guard == nullptr || info->si_code <= 0) return false;  // <= 0: sent by a process, no fault at all
  const auto fault = reinterpret_cast<uintptr_t>(info->si_addr);
  const auto begin = reinterpret_cast<uintptr_t>(guard->address);
  return fault >= begin && fault < begin + guard->width;
}

void PassOn(int signal, siginfo_t* info, void* context) {
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else if (info->si_code > 0 || previous_action.sa_handler == SIG_DFL) {
    // Back to the default: the faulting instruction runs again on return and ends the process at its true place.
    struct sigaction fatal = {};
    fatal.sa_handler = SIG_DFL;
    sigaction(signal, &fatal, nullptr);
    if (info->si_code <= 0) raise(signal);
  }
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  if (IsFaultOf(armed_guard, info)) siglongjmp(armed_guard->landing, 1);
  PassOn(signal, info, context);
}

bool Install() {
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  // Read first: the handler may run, on another thread, as soon as it is set.
  return sigaction(SIGBUS, nullptr, &previous_action) == 0 && sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

void InstallBusErrorHandler() {
  static const bool installed = Install();
  static_cast<void>(installed);
}

}  // namespace vfioctl
