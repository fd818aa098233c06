/* A task whose need follows its input: 20 MB and twice INPUT_BYTES, held for three seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  const char *input = getenv("INPUT_BYTES");
  size_t bytes = 20000000 + 2 * (input ? strtoull(input, NULL, 10) : 0);
  char *memory = malloc(bytes);
  if (memory == NULL) return 1;
  memset(memory, 1, bytes);
  sleep(3);
  printf("%d\n", memory[bytes / 2]);
  return 0;
}
