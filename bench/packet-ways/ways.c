/*
 * Ways of getting frames out of a packet socket into memory of one's own, with a virtio header before each:
 *   ways INTERFACE readv|recvmmsg|ring SECONDS        receives, and prints one line of JSON
 *   ways INTERFACE send SECONDS BYTES                 sends frames of that length to nobody, as fast as it goes
 * A frame longer than the MTU is a TCP segment that the receiver gets whole, up to 64 KiB.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

/* As in native/poll.c and src/netif/tap.ts: frames of a burst, bursts of a wake-up, bytes of a short slot and a long one. */
enum { BURST = 32, BURSTS = 4, SHORT_SLOT = 1920, LONG_SLOT = 66 * 1024 };
/* The ring holds as much as a socket buffer does; a block and a frame of it is what the longest frame needs. */
enum { HELD = 8 * 1024 * 1024, RING_FRAME = 128 * 1024, RING_FRAMES = HELD / RING_FRAME };
enum { HEADER = sizeof(struct virtio_net_hdr) };

static uint8_t memory[BURST][LONG_SLOT];
static uint64_t frames, bytes;

static void check(int result, const char *what) {
  if (result >= 0)
    return;
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double processor_time(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int open_socket(const char *name, int protocol, uint8_t **ring) {
  int on = 1, held = HELD, version = TPACKET_V2;
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
  check(fd, "socket");
  check(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), "PACKET_VNET_HDR");
  check(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), "PACKET_IGNORE_OUTGOING");
  check(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &held, sizeof(held)), "SO_RCVBUFFORCE");
  if (ring != NULL) {
    struct tpacket_req request = {RING_FRAME, RING_FRAMES, RING_FRAME, RING_FRAMES};
    check(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)), "PACKET_VERSION");
    check(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)), "PACKET_RX_RING");
    *ring = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(*ring == MAP_FAILED ? -1 : 0, "mmap");
  }
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)if_nametoindex(name)};
  check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
  return fd;
}

static void send_frames(int fd, double seconds, int length) {
  static uint8_t data[HEADER + LONG_SLOT];
  struct virtio_net_hdr *header = (struct virtio_net_hdr *)data;
  uint8_t *frame = data + HEADER, *ip = frame + ETH_HLEN;
  /* To an address that nobody has; IPv4 and TCP, as far as the kernel looks. */
  memcpy(frame, "\x02\x09\x09\x09\x09\x09\x02\x07\x07\x07\x07\x07\x08\x00", ETH_HLEN);
  ip[0] = 0x45;
  ip[2] = (uint8_t)((length - ETH_HLEN) >> 8);
  ip[3] = (uint8_t)(length - ETH_HLEN);
  ip[8] = 64;
  ip[9] = IPPROTO_TCP;
  memcpy(ip + 12, "\x0a\x00\x00\x62\x0a\x00\x00\x63", 8);
  ip[20 + 12] = 0x50;
  if (length > 1500 + ETH_HLEN)
    *header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                      .hdr_len = ETH_HLEN + 40,
                                      .gso_size = 1460,
                                      .csum_start = ETH_HLEN + 20,
                                      .csum_offset = 16};
  for (const double end = now() + seconds; now() < end;) {
    struct pollfd full = {.fd = fd, .events = POLLOUT};
    if (send(fd, data, (size_t)(HEADER + length), 0) < 0 && (errno == EAGAIN || errno == ENOBUFS))
      poll(&full, 1, 10);
  }
}

static void count(long received) {
  frames++;
  bytes += (uint64_t)received - HEADER;
}

static void by_readv(int fd, struct iovec parts[][2]) {
  for (int i = 0; i < BURST * BURSTS; i++) {
    const ssize_t received = readv(fd, parts[i % BURST], 2);
    if (received < 0)
      return;
    count(received);
  }
}

static void by_recvmmsg(int fd, struct mmsghdr *messages) {
  for (int burst = 0; burst < BURSTS; burst++) {
    const int received = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
    for (int i = 0; i < received; i++)
      count(messages[i].msg_len);
    if (received < BURST)
      return;
  }
}

static void by_ring(uint8_t *ring) {
  static int next;
  for (int i = 0; i < BURST * BURSTS; i++) {
    uint8_t *slot = ring + (size_t)next * RING_FRAME;
    struct tpacket2_hdr *head = (struct tpacket2_hdr *)slot;
    if ((__atomic_load_n(&head->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
      return;
    memcpy(memory[i % BURST], slot + head->tp_mac - HEADER, head->tp_snaplen + HEADER);
    count((long)head->tp_snaplen + HEADER);
    __atomic_store_n(&head->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    next = (next + 1) % RING_FRAMES;
  }
}

int main(int given, char **words) {
  if (given < 4)
    return 64;
  const double seconds = atof(words[3]);
  const char *way = words[2];
  if (strcmp(way, "send") == 0) {
    send_frames(open_socket(words[1], 0, NULL), seconds, atoi(words[4]));
    return 0;
  }
  uint8_t *ring = NULL;
  const int fd = open_socket(words[1], ETH_P_ALL, strcmp(way, "ring") == 0 ? &ring : NULL);
  struct iovec parts[BURST][2];
  struct mmsghdr messages[BURST];
  memset(messages, 0, sizeof(messages));
  memset(memory, 0, sizeof(memory));
  for (int i = 0; i < BURST; i++) {
    parts[i][0] = (struct iovec){memory[i], SHORT_SLOT};
    parts[i][1] = (struct iovec){memory[i] + SHORT_SLOT, LONG_SLOT - SHORT_SLOT};
    messages[i].msg_hdr.msg_iov = parts[i];
    messages[i].msg_hdr.msg_iovlen = 2;
  }
  puts("ready");
  fflush(stdout);
  double begin = 0, used = 0;
  for (double end = now() + 10 + seconds; now() < end;) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (poll(&readable, 1, 100) <= 0)
      continue;
    if (begin == 0) {
      begin = now();
      end = begin + seconds;
      used = processor_time();
    }
    if (ring != NULL)
      by_ring(ring);
    else if (strcmp(way, "readv") == 0)
      by_readv(fd, parts);
    else
      by_recvmmsg(fd, messages);
  }
  const double took = now() - begin;
  printf("{\"framesPerSecond\":%.0f,\"gigabitsPerSecond\":%.3f,\"nanosecondsPerFrame\":%.0f}\n", (double)frames / took,
         (double)bytes * 8 / took / 1e9, (processor_time() - used) * 1e9 / (double)(frames == 0 ? 1 : frames));
  return frames == 0;
}
