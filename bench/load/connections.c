/*
 * connect: connections opened, accepted and closed, as many a second as go; hold: many open at once, each served.
 *
 * In `connect` the server closes first and the client answers with its own close, as with a service that says what
 * it has to say and hangs up. So TIME-WAIT lies with the stack under test, which is charged for it, and never with
 * the client, whose ports are free again at once: no reset, no linger option and no second address is needed, and
 * the client is the same for every subject.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256

static int begin_connection(const struct options *options, int poll, int index) {
  int fd = connect_begin(options);
  if (fd < 0) fail_errno("connect");
  struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)index}};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) fail_errno("epoll_ctl");
  return fd;
}

struct connect_result connect_and_close(const struct options *options) {
  struct epoll_event events[EVENTS];
  int poll = epoll_create1(EPOLL_CLOEXEC);
  uint64_t begin = 0;
  uint64_t warm = now_ns() + (uint64_t)(options->warmup * 1e9);
  uint64_t finish = warm + (uint64_t)(options->seconds * 1e9);
  uint64_t now;
  uint64_t connections = 0;
  uint64_t failed = 0;
  int last_error = 0;
  int *sockets = calloc((size_t)options->concurrency, sizeof *sockets);
  for (int i = 0; i < options->concurrency; i++) sockets[i] = begin_connection(options, poll, i);
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS, PATIENCE_SECONDS * 1000);
    if (ready == 0) fail("connect: no connection ended for %d s (%llu had)", PATIENCE_SECONDS,
                         (unsigned long long)connections);
    if (ready < 0) fail_errno("epoll_wait");
    for (int i = 0; i < ready; i++) {
      char byte[64];
      int index = (int)events[i].data.u32;
      int fd = sockets[index];
      ssize_t got = recv(fd, byte, sizeof byte, 0);
      if (got > 0 || (got < 0 && errno == EAGAIN)) continue;
      if (got == 0) {
        connections++;
      } else {
        last_error = errno;
        failed++;
      }
      close(fd);
      sockets[index] = begin_connection(options, poll, index);
    }
    now = now_ns();
    if (begin == 0 && now >= warm) {
      begin = now;
      connections = 0;
      failed = 0;
    }
    if (now >= finish) break;
  }
  if (failed > connections / 100) {
    fail("connect: %llu connections failed beside %llu that did not: %s", (unsigned long long)failed,
         (unsigned long long)connections, strerror(last_error));
  }
  /* What is under way ends here, so that whoever goes on measuring is not disturbed. */
  for (int i = 0; i < options->concurrency; i++) close(sockets[i]);
  close(poll);
  free(sockets);
  double seconds = (double)(now - begin) / 1e9;
  return (struct connect_result){.connections = connections,
                                 .failed = failed,
                                 .seconds = seconds,
                                 .per_second = (double)connections / seconds,
                                 .begin = begin,
                                 .end = now};
}

int run_connect(const struct options *options) {
  struct connect_result result = connect_and_close(options);
  printf("{\"mode\":\"connect\",\"concurrency\":%d,\"connections\":%llu,\"failed\":%llu,\"seconds\":%.6f,"
         "\"connectionsPerSecond\":%.1f,\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         options->concurrency, (unsigned long long)result.connections, (unsigned long long)result.failed,
         result.seconds, result.per_second, (unsigned long long)result.begin, (unsigned long long)result.end);
  return 0;
}

enum { CONNECTING, ASKED, SERVED };

/* Every connection first, then one exchange on each, while all the others stay open. */
int run_hold(const struct options *options) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < (rlim_t)options->count + 16) files.rlim_max = (rlim_t)options->count + 16;
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail_errno("hold: not allowed that many open files");

  struct epoll_event events[EVENTS];
  int poll = epoll_create1(EPOLL_CLOEXEC);
  int *sockets = calloc((size_t)options->count, sizeof *sockets);
  char *states = calloc((size_t)options->count, 1);
  uint64_t begin = now_ns();
  for (int i = 0; i < options->count; i++) {
    sockets[i] = connect_begin(options);
    if (sockets[i] < 0) fail_errno("connect");
    struct epoll_event event = {.events = EPOLLOUT, .data = {.u32 = (uint32_t)i}};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &event) < 0) fail_errno("epoll_ctl");
  }

  int connected = 0;
  int served = 0;
  uint64_t all_connected = 0;
  while (served < options->count) {
    int ready = epoll_wait(poll, events, EVENTS, PATIENCE_SECONDS * 1000);
    if (ready == 0) fail("hold: no progress for %d s; %d of %d connected, %d served", PATIENCE_SECONDS, connected,
                         options->count, served);
    if (ready < 0) fail_errno("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int index = (int)events[i].data.u32;
      int fd = sockets[index];
      char text[64];
      if (states[index] == CONNECTING) {
        int error = pending_error(fd);
        if (error != 0) fail("hold: connection %d of %d: %s", index + 1, options->count, strerror(error));
        states[index] = ASKED;
        connected++;
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)index}};
        epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
        if (connected < options->count) continue;
        all_connected = now_ns();
        for (int j = 0; j < options->count; j++) {
          int length = snprintf(text, sizeof text, "connection %07d\n", j);
          if (send(sockets[j], text, (size_t)length, MSG_NOSIGNAL) != length) fail_errno("hold: send");
        }
      } else if (states[index] == ASKED) {
        char expected[64];
        int length = snprintf(expected, sizeof expected, "connection %07d\n", index);
        ssize_t got = recv(fd, text, sizeof text, 0);
        if (got < 0) fail_errno("hold: receive");
        if (got != length || memcmp(text, expected, (size_t)length) != 0) {
          fail("hold: connection %d got another answer than its own", index + 1);
        }
        states[index] = SERVED;
        served++;
      } else {
        fail("hold: connection %d ended while it was held", index + 1);
      }
    }
  }
  uint64_t end = now_ns();
  printf("{\"mode\":\"hold\",\"connections\":%d,\"connectSeconds\":%.6f,\"serveSeconds\":%.6f,"
         "\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         options->count, (double)(all_connected - begin) / 1e9, (double)(end - all_connected) / 1e9,
         (unsigned long long)begin, (unsigned long long)end);
  return 0;
}
