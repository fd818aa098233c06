/*
 * Preloaded into a process under test: what the kernel might do to its files, on command.
 *   FAULT_FOLDER  only files below it count
 *   FAULT_KILL    "before write 3" or "after rename 1": kill -9 at the n-th such call
 *   FAULT_FULL    a path: while that file exists, every write below the folder fails with ENOSPC
 *   FAULT_LOW     a path: while that file exists, the folder's disk has no space left by statfs; writes succeed
 *   FAULT_CLOCK   a file: the wall clock is off by so many seconds as it says
 *   FAULT_FSYNC   milliseconds that an fsync takes at least
 *   FAULT_NAMES   seconds until a look-up of a name fails: nobody answers
 * Calls: write (write, pwrite, writev, pwritev), fsync (fsync, fdatasync, msync), rename.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static const char *folder, *full, *low, *wall;
static char kill_when[8], kill_call[8];
static long kill_nth = -1, fsync_ms;
static atomic_long seen;

__attribute__((constructor)) static void read_environment(void) {
  const char *spec = getenv("FAULT_KILL");
  folder = getenv("FAULT_FOLDER");
  full = getenv("FAULT_FULL");
  low = getenv("FAULT_LOW");
  wall = getenv("FAULT_CLOCK");
  if (getenv("FAULT_FSYNC")) fsync_ms = atol(getenv("FAULT_FSYNC"));
  if (spec) sscanf(spec, "%7s %7s %ld", kill_when, kill_call, &kill_nth);
}

static int counts_path(const char *path) {
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int counts_fd(int fd) {
  char link[64], path[4096];
  ssize_t length;
  if (!folder) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return counts_path(path);
}

static void maybe_kill(const char *when, const char *call, long nth) {
  if (nth == kill_nth && !strcmp(when, kill_when) && !strcmp(call, kill_call)) kill(getpid(), SIGKILL);
}

static long count(const char *call) {
  return strcmp(call, kill_call) ? -2 : atomic_fetch_add(&seen, 1) + 1;
}

static int is_full(void) { return full && access(full, F_OK) == 0; }
static int is_low(void) { return low && access(low, F_OK) == 0; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define AROUND(type, call, matters, fails, action)    \
  do {                                                \
    int counted = (matters);                          \
    long nth = counted ? count(call) : -2;            \
    type result;                                      \
    if (counted && (fails)) { errno = ENOSPC; return -1; } \
    maybe_kill("before", call, nth);                  \
    result = (action);                                \
    maybe_kill("after", call, nth);                   \
    return result;                                    \
  } while (0)

ssize_t write(int fd, const void *data, size_t size) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(write)(fd, data, size));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(pwrite64)(fd, data, size, at));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(pwrite)(fd, data, size, at));
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(writev)(fd, parts, number));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t at) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(pwritev64)(fd, parts, number, at));
}
ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t at) {
  AROUND(ssize_t, "write", counts_fd(fd), is_full(), REAL(pwritev)(fd, parts, number, at));
}
/* A disk that is as slow as it is told to be: what this one does faster is waited for. */
static int slowly(int (*sync)(int), int fd) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += fsync_ms % 1000 * 1000000;
  end.tv_sec += fsync_ms / 1000 + end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  int result = sync(fd);
  while (fsync_ms > 0 && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR);
  return result;
}
int fsync(int fd) { AROUND(int, "fsync", counts_fd(fd), 0, slowly(REAL(fsync), fd)); }
int fdatasync(int fd) { AROUND(int, "fsync", counts_fd(fd), 0, slowly(REAL(fdatasync), fd)); }
int msync(void *start, size_t size, int flags) {
  AROUND(int, "fsync", folder != NULL, 0, REAL(msync)(start, size, flags));
}
int statfs(const char *path, struct statfs *found) {
  int result = REAL(statfs)(path, found);
  if (result == 0 && counts_path(path) && is_low()) found->f_bfree = found->f_bavail = 0;
  return result;
}
int statfs64(const char *path, struct statfs64 *found) {
  int result = REAL(statfs64)(path, found);
  if (result == 0 && counts_path(path) && is_low()) found->f_bfree = found->f_bavail = 0;
  return result;
}
int rename(const char *from, const char *to) {
  AROUND(int, "rename", counts_path(to), 0, REAL(rename)(from, to));
}

static long clock_step(void) {
  long seconds = 0;
  FILE *file = wall ? fopen(wall, "r") : NULL;
  if (!file) return 0;
  if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  fclose(file);
  return seconds;
}
int clock_gettime(clockid_t id, struct timespec *now) {
  int result = REAL(clock_gettime)(id, now);
  if (result == 0 && wall && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += clock_step();
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int result = REAL(gettimeofday)(now, zone);
  if (result == 0 && wall) now->tv_sec += clock_step();
  return result;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
  const char *seconds = getenv("FAULT_NAMES");
  if (!seconds) return REAL(getaddrinfo)(node, service, hints, found);
  sleep(atoi(seconds));
  return EAI_AGAIN;
}
