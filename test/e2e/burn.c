/*
 * burn BYTES CPU_MS [HOLD_MS]: holds BYTES of memory, touched, burns CPU_MS of CPU time, and sleeps for HOLD_MS.
 * Prints what the kernel says that it used: peak resident bytes and CPU microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  size_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  double seconds = argc > 2 ? atof(argv[2]) / 1000 : 0;
  volatile char *held = malloc(bytes + 1);
  memset((void *)held, 1, bytes + 1);
  while ((double)clock() / CLOCKS_PER_SEC < seconds) held[0]++;
  if (argc > 3) usleep(atoi(argv[3]) * 1000);
  /* Giving memory back costs CPU too; at exit it would come after our own account. */
  free((void *)held);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  long long cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  printf("%lld %lld\n", (long long)used.ru_maxrss * 1024, cpu);
  return 0;
}
