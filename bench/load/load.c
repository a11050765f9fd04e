/*
 * The kernel's side of the bench: plain sockets, one thread, one mode a run, one line of JSON as result.
 * Exit code 0, or 1 with {"error": ...}, or 64 when the arguments make no sense.
 */
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load [--warmup SECONDS] [--congestion NAME|system] [--stall SECONDS] MODE HOST PORT ...\n"
    "  send HOST PORT SECONDS                   one connection, to the peer, as fast as it goes\n"
    "  receive HOST PORT SECONDS                one connection, from the peer\n"
    "  pingpong HOST PORT SIZE SECONDS          a request and its response of SIZE bytes, one after the other\n"
    "  connect HOST PORT SECONDS [CONCURRENCY]  connections that the peer accepts and closes; 16 at a time\n"
    "  echo HOST PORT BYTES                     sends BYTES and checks that they come back; --stall stops reading\n"
    "  hold HOST PORT COUNT                     COUNT connections open at once, each gets an answer to one line\n"
    "  crowd HOST PORT COUNT SECONDS CLOSE_PORT MEMORY_PORT REST\n"
    "                                           COUNT idle connections, what they cost and how fast others come and go\n"
    "  relay END END MILLISECONDS LOSS SEED     a link between two interfaces, each way so long and with that share lost;\n"
    "                                           END is tap:NAMESPACE:DEVICE or packet:NAMESPACE:DEVICE\n"
    "options: --sources one|many (one) source addresses of a crowd\n"
    "         --warmup (0.5) seconds before measuring; --congestion (cubic) of each socket\n";

static _Noreturn void misused(void) {
  fputs(usage, stderr);
  exit(64);
}

static double number(const char *text, double minimum, double maximum) {
  char *end;
  double value = strtod(text, &end);
  if (*end != 0 || end == text || !(value >= minimum && value <= maximum)) {
    fprintf(stderr, "load: %s is not a number from %g to %g\n", text, minimum, maximum);
    exit(64);
  }
  return value;
}

int main(int count, char **arguments) {
  static const struct option long_options[] = {
      {"warmup", required_argument, NULL, 'w'},
      {"congestion", required_argument, NULL, 'c'},
      {"stall", required_argument, NULL, 's'},
      {"sources", required_argument, NULL, 'a'},
      {NULL, 0, NULL, 0},
  };
  struct options options = {.warmup = 0.5, .congestion = "cubic", .concurrency = 16};
  for (int option; (option = getopt_long(count, arguments, "", long_options, NULL)) != -1;) {
    if (option == 'w') options.warmup = number(optarg, 0, 60);
    else if (option == 'c') options.congestion = strcmp(optarg, "system") == 0 ? NULL : optarg;
    else if (option == 's') options.stall = number(optarg, 0, 600);
    else if (option == 'a' && strcmp(optarg, "many") == 0) options.many_sources = 1;
    else if (option == 'a' && strcmp(optarg, "one") == 0) options.many_sources = 0;
    else misused();
  }
  char **rest = arguments + optind;
  int given = count - optind;
  if (given < 4) misused();
  const char *mode = rest[0];
  if (strcmp(mode, "relay") == 0 && given == 6) {
    return run_relay(rest[1], rest[2], number(rest[3], 0, 10000), number(rest[4], 0, 1), (uint64_t)number(rest[5], 0, 1e9));
  }
  options.host = rest[1];
  options.port = (int)number(rest[2], 1, 65535);
  if (strcmp(mode, "send") == 0 && given == 4) {
    options.seconds = number(rest[3], 0.01, 3600);
    return run_send(&options);
  }
  if (strcmp(mode, "receive") == 0 && given == 4) {
    options.seconds = number(rest[3], 0.01, 3600);
    return run_receive(&options);
  }
  if (strcmp(mode, "pingpong") == 0 && given == 5) {
    options.size = (int)number(rest[3], 1, 1 << 20);
    options.seconds = number(rest[4], 0.01, 3600);
    return run_pingpong(&options);
  }
  if (strcmp(mode, "connect") == 0 && (given == 4 || given == 5)) {
    options.seconds = number(rest[3], 0.01, 3600);
    if (given == 5) options.concurrency = (int)number(rest[4], 1, 1000);
    return run_connect(&options);
  }
  if (strcmp(mode, "echo") == 0 && given == 4) {
    options.bytes = (long long)number(rest[3], 1, 1e12);
    return run_echo(&options);
  }
  if (strcmp(mode, "hold") == 0 && given == 4) {
    options.count = (int)number(rest[3], 1, 60000);
    return run_hold(&options);
  }
  if (strcmp(mode, "crowd") == 0 && given == 8) {
    options.count = (int)number(rest[3], 2, 2000000);
    options.seconds = number(rest[4], 0.01, 3600);
    options.close_port = (int)number(rest[5], 1, 65535);
    options.memory_port = (int)number(rest[6], 1, 65535);
    options.rest = number(rest[7], 0, 600);
    return run_crowd(&options);
  }
  misused();
}
