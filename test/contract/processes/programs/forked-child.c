// Children of fork(2), which have what their parent has open and mapped. They call nothing but the kernel, as whoever was
// forked from a process with threads must.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/** One that lives until it is ended, or its parent is. */
int fork_child(void) {
  int child = (int)fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

/** 0 once it is gone. */
int end_child(int child) {
  kill(child, SIGKILL);
  return waitpid(child, NULL, 0) == child ? 0 : -1;
}
