// Frames on standard input, one a line in hexadecimal digits, are sent through a device; what comes in through it is
// printed likewise. "ready" says that nothing is missed any more.
//
//   raw-wire DEVICE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST_FRAME 65536

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void print_frame(const unsigned char *frame, ssize_t length) {
  for (ssize_t i = 0; i < length; i++) printf("%02x", frame[i]);
  putchar('\n');
  fflush(stdout);
}

static void send_line(int fd, const char *line) {
  static unsigned char frame[LONGEST_FRAME];
  size_t length = 0;
  unsigned byte;
  while (length < sizeof frame && sscanf(line + 2 * length, "%2x", &byte) == 1) frame[length++] = byte;
  while (length > 0 && send(fd, frame, length, 0) < 0) {
    if (errno != ENOBUFS) fail("send");
    usleep(1000);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: raw-wire DEVICE\n");
    return 2;
  }
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (fd < 0) fail("socket");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(argv[1])};
  if (address.sll_ifindex == 0) fail(argv[1]);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  puts("ready");
  fflush(stdout);

  static char input[2 * LONGEST_FRAME + 2];
  size_t filled = 0;
  struct pollfd waiting[] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  for (;;) {
    if (poll(waiting, 2, -1) < 0) fail("poll");
    if (waiting[1].revents) {
      static unsigned char frame[LONGEST_FRAME];
      struct sockaddr_ll from;
      socklen_t size = sizeof from;
      ssize_t length = recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &size);
      if (length > 0 && from.sll_pkttype != PACKET_OUTGOING) print_frame(frame, length);
    }
    if (waiting[0].revents) {
      ssize_t count = read(0, input + filled, sizeof input - 1 - filled);
      if (count <= 0) return 0;
      filled += count;
      input[filled] = 0;
      char *line = input;
      for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = 0;
        send_line(fd, line);
        line = end + 1;
      }
      filled -= line - input;
      memmove(input, line, filled);
    }
  }
}
