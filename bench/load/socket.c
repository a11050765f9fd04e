/* Sockets and errors of the load generator. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

void fail(const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '\'';
  }
  printf("{\"error\":\"%s\"}\n", text);
  exit(1);
}

void fail_errno(const char *what) {
  int error = errno;
  if (error == EAGAIN || error == EINPROGRESS) fail("%s: no progress for %d s", what, PATIENCE_SECONDS);
  fail("%s: %s", what, strerror(error));
}

/* The port is chosen at connect, when the peer is known: so an address has its ports once for each peer. */
static void bind_source(int fd, const char *source) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  int on = 1;
  if (inet_pton(AF_INET, source, &address.sin_addr) != 1) fail("%s is not an IPv4 address", source);
  if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0) fail_errno("IP_BIND_ADDRESS_NO_PORT");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail_errno(source);
}

static int open_socket(const struct options *options, struct sockaddr_storage *address, socklen_t *length) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, options->host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)options->port);
    *length = sizeof *v4;
  } else if (inet_pton(AF_INET6, options->host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)options->port);
    *length = sizeof *v6;
  } else {
    fail("%s is not an IP address", options->host);
  }
  int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail_errno("socket");
  if (options->congestion &&
      setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options->congestion, strlen(options->congestion)) < 0) {
    if (errno != EPERM) fail("congestion control %s: %s", options->congestion, strerror(errno));
    /* Without CAP_NET_ADMIN only those of tcp_allowed_congestion_control may be set: the system's own has to do. */
    static int told = 0;
    if (!told) fprintf(stderr, "congestion control %s: not permitted, the system's is used\n", options->congestion);
    told = 1;
  }
  /* What waits for a full segment or an acknowledgment is not what any of the modes wants to measure. */
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options->source) bind_source(fd, options->source);
  return fd;
}

int connect_blocking(const struct options *options) {
  struct sockaddr_storage address;
  socklen_t length;
  int fd = open_socket(options, &address, &length);
  struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&address, length) < 0) fail_errno("connect");
  return fd;
}

int connect_begin(const struct options *options) {
  struct sockaddr_storage address;
  socklen_t length;
  int fd = open_socket(options, &address, &length);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  if (connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

void tcp_progress(int fd, uint64_t *acknowledged, uint32_t *retransmitted) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  memset(&info, 0, sizeof info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) fail_errno("TCP_INFO");
  *acknowledged = info.tcpi_bytes_acked;
  *retransmitted = info.tcpi_total_retrans;
}
