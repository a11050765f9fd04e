/*
 * crowd: very many connections that stay open and do nothing, what each costs the subject, and what they do to those
 * that come and go meanwhile.
 *
 * A few connections are held first, then all. The difference of the subject's memory between the two, divided by the
 * difference in number, is what one costs; it is taken while none of those that make the difference has ever been used,
 * right after each has had a request and a response, and when they are idle again. The rate of connections that come and go beside them is taken
 * with the few and with all of them open.
 *
 * Where a process may not open that many files, the crowd is held by several; each has a source address of its own, for
 * an address has 64,511 ports. They are those above 10.0.0.127, which the bench makes local.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define FEW 1000
#define REQUEST 64
/* Under way at any time; further than that the listener's queue is what is measured. */
#define BATCH 64
/* One process holds no more, so that one address has enough ports. */
#define LARGEST_PART 50000
#define GARBAGE_PATIENCE_SECONDS 60
#define FIRST_HOLDER_ADDRESS 128
#define MOST_HOLDERS 126
/* Two pipes' ends for each holder, which those that start later inherit; and what every process has. */
#define OTHER_FILES (2 * MOST_HOLDERS + 64)

/* One process that holds a part of the crowd: told by a byte to `commands` what to do, answers with a byte. */
struct holder {
  int commands;
  int answers;
};

enum { OPEN = 'o', EXCHANGE = 'x' };

static void wait_for(int fd, short what, const char *step) {
  struct pollfd poll_one = {.fd = fd, .events = what};
  int ready = poll(&poll_one, 1, PATIENCE_SECONDS * 1000);
  if (ready < 0) fail_errno("poll");
  if (ready == 0) fail("crowd: no progress for %d s, %s", PATIENCE_SECONDS, step);
}

static void open_all(const struct options *options, int *sockets, int count) {
  for (int first = 0; first < count; first += BATCH) {
    int end = first + BATCH < count ? first + BATCH : count;
    for (int i = first; i < end; i++) {
      sockets[i] = connect_begin(options);
      if (sockets[i] < 0) fail_errno("crowd: connect");
    }
    for (int i = first; i < end; i++) {
      wait_for(sockets[i], POLLOUT, "opening");
      int error = pending_error(sockets[i]);
      if (error != 0) fail("crowd: connection %d: %s", i + 1, strerror(error));
    }
  }
}

static void exchange_all(const int *sockets, int count) {
  char request[REQUEST];
  char response[REQUEST];
  memset(request, 'r', sizeof request);
  for (int first = 0; first < count; first += BATCH) {
    int end = first + BATCH < count ? first + BATCH : count;
    for (int i = first; i < end; i++) {
      if (send(sockets[i], request, sizeof request, MSG_NOSIGNAL) != sizeof request) fail_errno("crowd: send");
    }
    for (int i = first; i < end; i++) {
      wait_for(sockets[i], POLLIN, "waiting for a response");
      ssize_t got = recv(sockets[i], response, sizeof response, 0);
      if (got != sizeof response || memcmp(request, response, sizeof request) != 0) {
        fail("crowd: connection %d got another response than its request", i + 1);
      }
    }
  }
}

/* Does what it is told until nobody is there to tell it any more. */
static _Noreturn void hold(struct options options, int index, int count, int commands, int answers) {
  char source[32];
  snprintf(source, sizeof source, "10.0.0.%d", FIRST_HOLDER_ADDRESS + index);
  if (options.many_sources) options.source = source;
  int *sockets = calloc((size_t)count, sizeof *sockets);
  char command;
  while (read(commands, &command, 1) == 1) {
    if (command == OPEN) open_all(&options, sockets, count);
    else exchange_all(sockets, count);
    if (write(answers, &command, 1) != 1) break;
  }
  _exit(0);
}

static struct holder start_holder(const struct options *options, int index, int count) {
  int commands[2];
  int answers[2];
  if (pipe(commands) < 0 || pipe(answers) < 0) fail_errno("crowd: pipe");
  pid_t child = fork();
  if (child < 0) fail_errno("crowd: fork");
  if (child == 0) {
    close(commands[1]);
    close(answers[0]);
    hold(*options, index, count, commands[0], answers[1]);
  }
  close(commands[0]);
  close(answers[1]);
  return (struct holder){.commands = commands[1], .answers = answers[0]};
}

/* A holder that fails has said why on the standard output that it shares with this process. */
static void tell(const struct holder *holder, char command) {
  char answer;
  if (write(holder->commands, &command, 1) != 1 || read(holder->answers, &answer, 1) != 1) exit(1);
}

/* What the subject says about its memory, one line of JSON. */
static void ask_for_memory(const struct options *options, char *text, size_t size) {
  struct options asking = *options;
  asking.port = options->memory_port;
  int fd = connect_blocking(&asking);
  /* It collects its garbage first, and a million connections are much to look through. */
  struct timeval patience = {.tv_sec = GARBAGE_PATIENCE_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  size_t length = 0;
  for (ssize_t got; (got = recv(fd, text + length, size - 1 - length, 0)) != 0; length += (size_t)got) {
    if (got < 0) fail_errno("crowd: asking for the memory");
  }
  close(fd);
  while (length > 0 && text[length - 1] == '\n') length--;
  text[length] = 0;
  if (length < 2 || text[0] != '{') fail("crowd: the subject does not say how much memory it uses");
}

static double rate_beside(const struct options *options) {
  struct options connecting = *options;
  connecting.port = options->close_port;
  return connect_and_close(&connecting).per_second;
}

static int largest_part(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail_errno("crowd: setrlimit");
  if (files.rlim_cur >= LARGEST_PART + OTHER_FILES) return LARGEST_PART;
  return (int)files.rlim_cur - OTHER_FILES;
}

int run_crowd(const struct options *options) {
  static struct holder holders[MOST_HOLDERS];
  char few_memory[512];
  char idle_memory[512];
  char active_memory[512];
  char used_memory[512];
  int part = largest_part();
  int few = options->count < 2 * FEW ? options->count / 2 : FEW;
  int held = 0;
  int processes = 0;

  holders[processes++] = start_holder(options, 0, few);
  tell(&holders[0], OPEN);
  tell(&holders[0], EXCHANGE);
  double few_rate = rate_beside(options);
  ask_for_memory(options, few_memory, sizeof few_memory);

  uint64_t begin = now_ns();
  for (held = few; held < options->count;) {
    int count = options->count - held < part ? options->count - held : part;
    if (processes == MOST_HOLDERS) fail("crowd: no more than %d connections with %d open files", held, part);
    holders[processes] = start_holder(options, processes, count);
    tell(&holders[processes++], OPEN);
    held += count;
  }
  double opening = (double)(now_ns() - begin) / 1e9;
  ask_for_memory(options, idle_memory, sizeof idle_memory);
  double many_rate = rate_beside(options);
  uint64_t asked = now_ns();
  for (int i = 1; i < processes; i++) tell(&holders[i], EXCHANGE);
  double exchanging = (double)(now_ns() - asked) / 1e9;
  ask_for_memory(options, active_memory, sizeof active_memory);
  usleep((useconds_t)(options->rest * 1e6));
  ask_for_memory(options, used_memory, sizeof used_memory);
  printf("{\"mode\":\"crowd\",\"few\":%d,\"many\":%d,\"fewRate\":%.1f,\"manyRate\":%.1f,\"openedPerSecond\":%.1f,"
         "\"exchangesPerSecond\":%.1f,\"fewMemory\":%s,\"idleMemory\":%s,\"activeMemory\":%s,\"usedMemory\":%s,"
         "\"beginNanoseconds\":%llu,\"endNanoseconds\":%llu}\n",
         few, held, few_rate, many_rate, (double)(held - few) / opening, (double)(held - few) / exchanging, few_memory,
         idle_memory, active_memory, used_memory, (unsigned long long)begin, (unsigned long long)now_ns());
  return 0;
}
