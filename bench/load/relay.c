/*
 * relay: a long and lossy link between two network interfaces, for machines whose kernel has none (no netem). Frames come
 * out in order, a fixed time after they went in, but for those that chance drops, which is the same for the same seed.
 *
 * An end is `tap:NAMESPACE:DEVICE`, a tap that the relay makes, so that the kernel of that namespace is what stands at
 * this end; or `packet:NAMESPACE:DEVICE`, the kernel's side of a tap that another process holds, which then stands there.
 * NAMESPACE is a name that iproute2 gave, or the path of a file. Neither has a virtio header: the kernel does its segmentation and checksums before, and every frame is one packet.
 */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME 2048
/* On its way in one direction: 20 ms of 2 Gbit/s in frames of 1514 bytes. */
#define QUEUE 4096
#define SOCKET_BUFFER (8 * 1024 * 1024)

struct frame {
  uint64_t due;
  size_t length;
  char bytes[FRAME];
};

struct direction {
  int from;
  int to;
  uint64_t chance;
  uint64_t passed;
  uint64_t dropped;
  /* For want of room: on a link that is to lose by chance only, there must be none. */
  uint64_t overflowed;
  unsigned first;
  unsigned count;
  struct frame *frames;
};

static volatile sig_atomic_t stopped;

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

/* splitmix64: every seed is as good as any other. */
static double draw(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

static int open_tap(const char *device) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail_errno("relay: /dev/net/tun");
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail_errno("relay: TUNSETIFF");
  return fd;
}

static int open_packet(const char *device) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail_errno("relay: packet socket");
  int on = 1;
  int size = SOCKET_BUFFER;
  /* Not what others send through this device: ourselves, and the kernel, whose address nobody should see. */
  if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0) fail_errno("relay: IGNORE_OUTGOING");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail_errno("relay: bind to the device");
  return fd;
}

static int open_end(const char *end) {
  char kind[16];
  char namespace[64];
  char device[IFNAMSIZ];
  char path[96];
  if (sscanf(end, "%15[^:]:%63[^:]:%15[^:]", kind, namespace, device) != 3) fail("relay: %s is no end", end);
  snprintf(path, sizeof path, "%s%s", namespace[0] == '/' ? "" : "/run/netns/", namespace);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || setns(file, CLONE_NEWNET) < 0) fail_errno(path);
  close(file);
  if (strcmp(kind, "tap") == 0) return open_tap(device);
  if (strcmp(kind, "packet") == 0) return open_packet(device);
  fail("relay: %s is no end", end);
}

static void take(struct direction *direction, uint64_t delay, double loss) {
  for (;;) {
    struct frame *frame = &direction->frames[(direction->first + direction->count) % QUEUE];
    static char lost[FRAME];
    int full = direction->count == QUEUE;
    ssize_t length = read(direction->from, full ? lost : frame->bytes, FRAME);
    if (length < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      fail_errno("relay: read");
    }
    if (length == FRAME) fail("relay: a frame that is larger than a packet: somebody has offloads on");
    if (draw(&direction->chance) < loss) {
      direction->dropped++;
    } else if (full) {
      direction->overflowed++;
    } else {
      frame->length = (size_t)length;
      frame->due = now_ns() + delay;
      direction->count++;
    }
  }
}

static void give(struct direction *direction, uint64_t now) {
  while (direction->count > 0 && direction->frames[direction->first].due <= now) {
    struct frame *frame = &direction->frames[direction->first];
    if (write(direction->to, frame->bytes, frame->length) == (ssize_t)frame->length) direction->passed++;
    /* An interface that is not up yet. */
    else if (errno == EIO || errno == ENETDOWN) direction->dropped++;
    else direction->overflowed++;
    direction->first = (direction->first + 1) % QUEUE;
    direction->count--;
  }
}

static uint64_t next_due(const struct direction *direction) {
  return direction->count > 0 ? direction->frames[direction->first].due : UINT64_MAX;
}

int run_relay(const char *left, const char *right, double milliseconds, double loss, uint64_t seed) {
  struct direction directions[2] = {{0}};
  int ends[2] = {open_end(left), open_end(right)};
  uint64_t delay = (uint64_t)(milliseconds * 1e6);
  for (int i = 0; i < 2; i++) {
    directions[i].from = ends[i];
    directions[i].to = ends[1 - i];
    directions[i].chance = seed * 2 + (uint64_t)i;
    directions[i].frames = calloc(QUEUE, sizeof(struct frame));
  }
  /* Without SA_RESTART, so that it ends the wait. */
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  printf("ready\n");
  fflush(stdout);
  while (!stopped) {
    uint64_t now = now_ns();
    uint64_t due = next_due(&directions[0]) < next_due(&directions[1]) ? next_due(&directions[0]) : next_due(&directions[1]);
    struct timespec wait = {.tv_sec = 1};
    if (due <= now) wait.tv_sec = 0;
    else if (due - now < 1000000000ull) wait = (struct timespec){.tv_nsec = (long)(due - now)};
    struct pollfd polls[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLIN}};
    if (ppoll(polls, 2, &wait, NULL) < 0 && errno != EINTR) fail_errno("relay: poll");
    for (int i = 0; i < 2; i++) {
      if ((polls[i].revents & POLLIN) != 0) take(&directions[i], delay, loss);
      give(&directions[i], now_ns());
    }
  }
  printf("{\"passed\":%llu,\"dropped\":%llu,\"overflowed\":%llu}\n",
         (unsigned long long)(directions[0].passed + directions[1].passed),
         (unsigned long long)(directions[0].dropped + directions[1].dropped),
         (unsigned long long)(directions[0].overflowed + directions[1].overflowed));
  return 0;
}
