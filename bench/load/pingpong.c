/* pingpong: a request and its response of the same size, one after the other on one connection. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAXIMUM_SAMPLES (8 * 1024 * 1024)

static int compare(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a;
  uint32_t right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

static void exchange(int fd, char *request, char *response, int size) {
  for (int done = 0; done < size;) {
    ssize_t sent = send(fd, request + done, (size_t)(size - done), MSG_NOSIGNAL);
    if (sent < 0) fail_errno("send");
    done += (int)sent;
  }
  for (int done = 0; done < size;) {
    ssize_t got = recv(fd, response + done, (size_t)(size - done), 0);
    if (got < 0) fail_errno("receive");
    if (got == 0) fail("pingpong: the peer closed the connection");
    done += (int)got;
  }
}

int run_pingpong(const struct options *options) {
  int size = options->size;
  char *request = malloc((size_t)size);
  char *response = malloc((size_t)size);
  uint32_t *samples = malloc(MAXIMUM_SAMPLES * sizeof *samples);
  size_t count = 0;
  memset(request, 'x', (size_t)size);
  int fd = connect_blocking(options);
  uint64_t warm = now_ns() + (uint64_t)(options->warmup * 1e9);
  uint64_t trips = 0;
  while (now_ns() < warm) {
    memcpy(request, &trips, size < 8 ? (size_t)size : 8);
    trips++;
    exchange(fd, request, response, size);
    if (memcmp(request, response, (size_t)size) != 0) fail("pingpong: the response differs from the request");
  }
  uint64_t begin = now_ns();
  uint64_t finish = begin + (uint64_t)(options->seconds * 1e9);
  uint64_t last = begin;
  while (last < finish && count < MAXIMUM_SAMPLES) {
    exchange(fd, request, response, size);
    uint64_t now = now_ns();
    samples[count++] = now - last > UINT32_MAX ? UINT32_MAX : (uint32_t)(now - last);
    last = now;
  }
  qsort(samples, count, sizeof *samples, compare);
  double seconds = (double)(last - begin) / 1e9;
  printf("{\"mode\":\"pingpong\",\"size\":%d,\"roundTrips\":%zu,\"seconds\":%.6f,\"roundTripsPerSecond\":%.1f,"
         "\"microseconds\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},"
         "\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         size, count, seconds, (double)count / seconds, samples[count / 2] / 1e3, samples[count * 9 / 10] / 1e3,
         samples[count * 99 / 100] / 1e3, samples[count * 999 / 1000] / 1e3, samples[count - 1] / 1e3,
         (unsigned long long)begin, (unsigned long long)last);
  close(fd);
  return 0;
}
