/*
 * Runs one command and reports what the kernel counted for it: wait4's rusage of the command and of everything it
 * waited for, with no polling and no floor from a large parent (a child of Node starts with Node's own peak RSS).
 *
 *   launch REPORT_FD CGROUP_PROCS COMMAND [ARGUMENT]...
 *
 * CGROUP_PROCS is a cgroup.procs file that the command joins before its first instruction, or "-".
 * Lines written to REPORT_FD, times in microseconds, memory in bytes:
 *   started PID
 *   refused ERRNO                                 the command could not be executed
 *   ended exit|signal N WALL USER SYSTEM MAXRSS   memory is the peak of the largest single process
 *
 * Orphans of the command are adopted (Linux), counted if they ended before it, and left running if not. Signals sent
 * to this process by kill(2) are passed on; those of a terminal have reached the command already.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#define MAXRSS_UNIT 1024L
#else
#define MAXRSS_UNIT 1L
#endif

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};
#define PASSED_ON (sizeof passed_on / sizeof *passed_on)

static volatile pid_t command_pid;

static void pass_on(int number, siginfo_t *info, void *context) {
  (void)context;
  int saved = errno;
  int sent_by_a_process = info->si_code <= 0 && info->si_pid != command_pid;
  if (sent_by_a_process && command_pid > 0) kill(command_pid, number);
  errno = saved;
}

static void nothing(int number) { (void)number; }

static void report(int fd, const char *line, int length) {
  while (length > 0) {
    ssize_t written = write(fd, line, (size_t)length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    line += written;
    length -= (int)written;
  }
}

static long long microseconds(struct timeval value) { return value.tv_sec * 1000000LL + value.tv_usec; }

static long long now_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void join_cgroup(const char *procs) {
  int fd = open(procs, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  report(fd, "0", 1);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: launch REPORT_FD CGROUP_PROCS COMMAND [ARGUMENT]...\n");
    return 125;
  }
  int report_fd = atoi(argv[1]);
  const char *cgroup_procs = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
  char **command = argv + 3;
  char line[160];

  fcntl(report_fd, F_SETFD, FD_CLOEXEC);
#ifdef __linux__
  prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
  int refusal[2];
  if (pipe(refusal) != 0) return 125;
  fcntl(refusal[0], F_SETFD, FD_CLOEXEC);
  fcntl(refusal[1], F_SETFD, FD_CLOEXEC);

  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  for (size_t i = 0; i < PASSED_ON; i++) {
    struct sigaction old, action = {0};
    sigaction(passed_on[i], NULL, &old);
    if (old.sa_handler == SIG_IGN) continue;
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(passed_on[i], &action, NULL);
  }
  /* A handler, not SIG_IGN: exec resets handlers, so the command keeps the default. */
  struct sigaction ignore = {0};
  ignore.sa_handler = nothing;
  sigaction(SIGPIPE, &ignore, NULL);

  long long started = now_microseconds();
  pid_t pid = fork();
  if (pid < 0) {
    report(report_fd, line, snprintf(line, sizeof line, "refused %d\n", errno));
    return 125;
  }
  if (pid == 0) {
    if (cgroup_procs) join_cgroup(cgroup_procs);
    sigprocmask(SIG_SETMASK, &before, NULL);
    execvp(command[0], command);
    int failure = errno;
    ssize_t ignored = write(refusal[1], &failure, sizeof failure);
    (void)ignored;
    _exit(failure == ENOENT ? 127 : 126);
  }
  command_pid = pid;
  close(refusal[1]);
  report(report_fd, line, snprintf(line, sizeof line, "started %d\n", (int)pid));
  sigprocmask(SIG_SETMASK, &before, NULL);
  /* The command's streams are its own: a reader must see them end with the command. */
  close(0);
  close(1);

  int failure = 0, status = 0;
  ssize_t got;
  while ((got = read(refusal[0], &failure, sizeof failure)) < 0 && errno == EINTR);
  if (got == (ssize_t)sizeof failure) report(report_fd, line, snprintf(line, sizeof line, "refused %d\n", failure));

  for (;;) {
    int one;
    pid_t ended = waitpid(-1, &one, 0);
    if (ended < 0 && errno == EINTR) continue;
    if (ended < 0) return 125;
    if (ended == pid) {
      status = one;
      break;
    }
  }
  long long wall = now_microseconds() - started;
  command_pid = 0;
  while (waitpid(-1, NULL, WNOHANG) > 0);

  struct rusage used;
  getrusage(RUSAGE_CHILDREN, &used);
  int by_signal = WIFSIGNALED(status);
  int number = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
  report(report_fd, line,
         snprintf(line, sizeof line, "ended %s %d %lld %lld %lld %lld\n", by_signal ? "signal" : "exit", number, wall,
                  microseconds(used.ru_utime), microseconds(used.ru_stime), (long long)used.ru_maxrss * MAXRSS_UNIT));
  return by_signal ? 128 + number : number;
}
