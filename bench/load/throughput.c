/* send and receive: one connection, as fast as it goes, in one direction. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

static void report(const char *mode, uint64_t bytes, uint64_t begin, uint64_t end, uint32_t retransmitted) {
  double seconds = (double)(end - begin) / 1e9;
  printf("{\"mode\":\"%s\",\"bytes\":%llu,\"seconds\":%.6f,\"gigabitsPerSecond\":%.4f,\"retransmitted\":%u,"
         "\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         mode, (unsigned long long)bytes, seconds, (double)bytes * 8 / (double)(end - begin), retransmitted,
         (unsigned long long)begin, (unsigned long long)end);
}

/* Counts what the peer has acknowledged, not what the socket has taken: buffers hold megabytes. */
int run_send(const struct options *options) {
  char *chunk = malloc(CHUNK);
  for (int i = 0; i < CHUNK; i++) chunk[i] = (char)(' ' + i % 95);
  int fd = connect_blocking(options);
  uint64_t start = now_ns();
  uint64_t begin = 0;
  uint64_t before = 0;
  uint32_t retransmitted_before = 0;
  uint64_t warm = start + (uint64_t)(options->warmup * 1e9);
  uint64_t finish = warm + (uint64_t)(options->seconds * 1e9);
  for (;;) {
    if (send(fd, chunk, CHUNK, MSG_NOSIGNAL) < 0) fail_errno("send");
    uint64_t now = now_ns();
    if (begin == 0 && now >= warm) {
      tcp_progress(fd, &before, &retransmitted_before);
      begin = now_ns();
    }
    if (now >= finish) break;
  }
  uint64_t after;
  uint32_t retransmitted;
  tcp_progress(fd, &after, &retransmitted);
  uint64_t end = now_ns();
  if (after == before) fail("send: the peer acknowledged nothing in %.1f s", (double)(end - begin) / 1e9);
  report("send", after - before, begin, end, retransmitted - retransmitted_before);
  close(fd);
  return 0;
}

int run_receive(const struct options *options) {
  char *chunk = malloc(CHUNK);
  int fd = connect_blocking(options);
  uint64_t start = now_ns();
  uint64_t begin = 0;
  uint64_t end;
  uint64_t bytes = 0;
  uint64_t warm = start + (uint64_t)(options->warmup * 1e9);
  uint64_t finish = warm + (uint64_t)(options->seconds * 1e9);
  for (;;) {
    ssize_t got = recv(fd, chunk, CHUNK, 0);
    if (got < 0) fail_errno("receive");
    if (got == 0) fail("receive: the peer closed the connection after %.1f s", (double)(now_ns() - start) / 1e9);
    end = now_ns();
    if (begin != 0) bytes += (uint64_t)got;
    else if (end >= warm) begin = end;
    if (end >= finish) break;
  }
  if (bytes == 0) fail("receive: nothing came in the measured time");
  report("receive", bytes, begin, end, 0);
  /* Reset: the peer has megabytes queued that nobody wants. */
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
  return 0;
}
