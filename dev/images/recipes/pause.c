/* Holds a pod's namespaces open: sleeps, takes in orphans when it is the first process, and ends when it is told to. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  /* Blocked and waited for, none is lost between two waits, and the first process gets those it would ignore. */
  if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0) return 1;
  for (;;) {
    const int signal = sigwaitinfo(&signals, NULL);
    if (signal == SIGCHLD) {
      while (waitpid(-1, NULL, WNOHANG) > 0) {
      }
    } else if (signal != -1) {
      return 0;
    } else if (errno != EINTR) {
      return 2;
    }
  }
}
