/* What the modes of the load generator share: options, clock, sockets, and the one way to end with an error. */
#ifndef TAPSTACK_BENCH_LOAD_H
#define TAPSTACK_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct options {
  const char *host;
  int port;
  /* Seconds that are measured, after `warmup` seconds that are not. */
  double seconds;
  double warmup;
  /* Congestion control of every socket, or NULL for the system's. */
  const char *congestion;
  /* pingpong: bytes of a request and of its response. */
  int size;
  /* connect: connections under way at any time. */
  int concurrency;
  /* echo: bytes to send. */
  long long bytes;
  /* echo: seconds without reading once half of the bytes are back. */
  double stall;
  /* hold, crowd: connections open at once. */
  int count;
  /* crowd: where connections are closed by the peer, and where it says how much memory it uses. */
  int close_port;
  int memory_port;
  /* crowd: seconds without anything before connections that were used are idle again. */
  double rest;
  /* crowd: each process that holds connections has a source address of its own. */
  int many_sources;
  /* The source address, or NULL for the system's choice. */
  const char *source;
};

/* Nobody waits longer than this for one step of a peer; what takes longer is reported as an error. */
#define PATIENCE_SECONDS 10

/* CLOCK_MONOTONIC, which is also what V8 stamps CPU profiles with. */
uint64_t now_ns(void);

/* Prints {"error": ...} to standard output and ends with exit code 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail_errno(const char *what);

/* A connected blocking socket, whose reads and writes give up after PATIENCE_SECONDS. */
int connect_blocking(const struct options *options);
/* A non-blocking socket whose connect has begun; -1 with errno when it could not. */
int connect_begin(const struct options *options);

/* SO_ERROR: why a connect did not succeed, or 0. */
int pending_error(int fd);

struct connect_result {
  uint64_t connections;
  uint64_t failed;
  double seconds;
  double per_second;
  uint64_t begin;
  uint64_t end;
};

/* Connections that the peer accepts and closes, one after the other, for the time that the options say. */
struct connect_result connect_and_close(const struct options *options);

/* The bytes that the peer has acknowledged, and segments sent again, since the connection began. */
void tcp_progress(int fd, uint64_t *acknowledged, uint32_t *retransmitted);

int run_send(const struct options *options);
int run_receive(const struct options *options);
int run_pingpong(const struct options *options);
int run_connect(const struct options *options);
int run_echo(const struct options *options);
int run_hold(const struct options *options);
int run_crowd(const struct options *options);
/* Until SIGTERM. `loss`: the share of frames that is dropped, 0 to 1. */
int run_relay(const char *left, const char *right, double milliseconds, double loss, uint64_t seed);

#endif
