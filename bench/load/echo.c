/* echo: what is sent comes back, all of it, in order, and then the end of the stream. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

/* xorshift64: both directions run their own generator from one seed, so that nothing needs to be kept to compare. */
struct stream {
  uint64_t state;
  uint64_t word;
  int left;
  /* FNV-1a, for the report. */
  uint64_t checksum;
};

static const struct stream beginning = {.state = 0x9e3779b97f4a7c15ull, .checksum = 0xcbf29ce484222325ull};

static void generate(struct stream *stream, uint8_t *to, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (stream->left == 0) {
      stream->state ^= stream->state << 13;
      stream->state ^= stream->state >> 7;
      stream->state ^= stream->state << 17;
      stream->word = stream->state;
      stream->left = 8;
    }
    to[i] = (uint8_t)stream->word;
    stream->word >>= 8;
    stream->left--;
    stream->checksum = (stream->checksum ^ to[i]) * 0x100000001b3ull;
  }
}

int run_echo(const struct options *options) {
  static uint8_t out[CHUNK];
  static uint8_t in[CHUNK];
  static uint8_t expected[CHUNK];
  struct stream sending = beginning;
  struct stream receiving = beginning;
  long long generated = 0;
  long long sent = 0;
  long long received = 0;
  size_t pending = 0;
  size_t offset = 0;
  uint64_t stalled_until = 0;

  int fd = connect_blocking(options);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  uint64_t begin = now_ns();
  for (;;) {
    int stalled = stalled_until != 0 && now_ns() < stalled_until;
    struct pollfd poller = {.fd = fd};
    if (!stalled) poller.events |= POLLIN;
    if (sent < options->bytes) poller.events |= POLLOUT;
    int ready = poll(&poller, 1, stalled ? 50 : PATIENCE_SECONDS * 1000);
    if (ready < 0) fail_errno("poll");
    if (ready == 0 && !stalled) {
      fail("echo: no progress for %d s; %lld bytes sent, %lld back", PATIENCE_SECONDS, sent, received);
    }
    if (poller.revents & POLLOUT) {
      if (pending == 0 && generated < options->bytes) {
        pending = options->bytes - generated < CHUNK ? (size_t)(options->bytes - generated) : CHUNK;
        offset = 0;
        generate(&sending, out, pending);
        generated += (long long)pending;
      }
      ssize_t done = send(fd, out + offset, pending, MSG_NOSIGNAL);
      if (done < 0 && errno != EAGAIN) fail_errno("echo: send");
      if (done > 0) {
        offset += (size_t)done;
        pending -= (size_t)done;
        sent += done;
        if (sent == options->bytes) shutdown(fd, SHUT_WR);
      }
    }
    if (stalled || !(poller.revents & (POLLIN | POLLHUP | POLLERR))) continue;
    ssize_t got = recv(fd, in, CHUNK, 0);
    if (got < 0 && errno != EAGAIN) fail_errno("echo: receive");
    if (got == 0) break;
    if (got < 0) continue;
    generate(&receiving, expected, (size_t)got);
    if (memcmp(in, expected, (size_t)got) != 0) {
      long long at = received;
      for (ssize_t i = 0; in[i] == expected[i]; i++) at++;
      fail("echo: byte %lld came back changed", at);
    }
    received += got;
    if (options->stall > 0 && stalled_until == 0 && received >= options->bytes / 2) {
      stalled_until = now_ns() + (uint64_t)(options->stall * 1e9);
    }
  }
  uint64_t end = now_ns();
  if (received != options->bytes) fail("echo: %lld bytes sent, %lld came back", sent, received);
  double seconds = (double)(end - begin) / 1e9;
  printf("{\"mode\":\"echo\",\"bytes\":%lld,\"checksum\":\"%016llx\",\"seconds\":%.6f,\"gigabitsPerSecond\":%.4f,"
         "\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         received, (unsigned long long)receiving.checksum, seconds, (double)received * 8 / 1e9 / seconds,
         (unsigned long long)begin, (unsigned long long)end);
  close(fd);
  return 0;
}
