/*
 * A hostile neighbour for the tests: sends raw frames through one interface of the network namespace that it runs in.
 *
 *   attacker KIND COUNT PER_SECOND INTERFACE OUR_MAC VICTIM_MAC [PORT [PEER_PORT]]
 *
 * The victim is 10.0.0.2, its honest peer 10.0.0.1; everything else comes from random addresses of 10.0.0.0/24, but
 * for `flood`, which is SYNs from all over the Internet. At most COUNT frames and ten seconds.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ETHERNET = 14, IP = 20, TCP = 20, UDP = 8, ICMP = 8 };
enum { IP4 = 0x0800, ARP = 0x0806 };

static const uint32_t VICTIM = 0x0a000002, PEER = 0x0a000001;
static uint8_t frame[1600], our_mac[6], victim_mac[6];
static uint32_t state = 0x9e3779b9;

static uint32_t chance(void) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static uint32_t stranger(void) { return 0x0a000000 | (3 + chance() % 250); }

/* Anywhere in the Internet, as far as an address can be a host's there: what is sent back goes to the gateway. */
static uint32_t anybody(void) { return (1 + chance() % 9) << 24 | (chance() & 0xffffff); }

static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

static unsigned checksum(const uint8_t *data, int length, uint32_t sum) {
  for (int i = 0; i + 1 < length; i += 2)
    sum += (uint32_t)(data[i] << 8 | data[i + 1]);
  if (length & 1)
    sum += (uint32_t)data[length - 1] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void ethernet(int type, int to_all) {
  if (to_all)
    memset(frame, 0xff, 6);
  else
    memcpy(frame, victim_mac, 6);
  memcpy(frame + 6, our_mac, 6);
  put16(frame + 12, (unsigned)type);
}

/* Completes a packet with `length` bytes behind the IP header, which has `options` bytes of random options. */
static int ip(int protocol, uint32_t source, int length, int fragment, int options) {
  uint8_t *header = frame + ETHERNET;
  ethernet(IP4, 0);
  header[0] = (uint8_t)(0x45 + options / 4);
  header[1] = 0;
  put16(header + 2, (unsigned)(IP + options + length));
  put16(header + 4, chance());
  put16(header + 6, (unsigned)fragment);
  header[8] = options > 0 ? (uint8_t)(chance() % 3) : 64;
  header[9] = (uint8_t)protocol;
  put16(header + 10, 0);
  put32(header + 12, source);
  put32(header + 16, VICTIM);
  for (int i = 0; i < options; i++)
    header[IP + i] = (uint8_t)chance();
  put16(header + 10, checksum(header, IP + options, 0));
  return ETHERNET + IP + options + length;
}

static void transport_checksum(int protocol, uint32_t source, uint8_t *header, int length, int field) {
  put16(header + field, 0);
  uint32_t sum = (source >> 16) + (source & 0xffff) + (VICTIM >> 16) + (VICTIM & 0xffff) + (uint32_t)(protocol + length);
  put16(header + field, checksum(header, length, sum));
}

static int tcp(uint32_t source, int from, int to, uint32_t flags, int length) {
  uint8_t *header = frame + ETHERNET + IP;
  put16(header, (unsigned)from);
  put16(header + 2, (unsigned)to);
  put32(header + 4, chance());
  put32(header + 8, flags == 2 ? 0 : chance());
  header[12] = 0x50;
  header[13] = (uint8_t)flags;
  put16(header + 14, chance());
  put16(header + 18, 0);
  for (int i = 0; i < length; i++)
    header[TCP + i] = (uint8_t)chance();
  transport_checksum(6, source, header, TCP + length, 16);
  return ip(6, source, TCP + length, 0x4000, 0);
}

static int udp(uint32_t source, int to, int length) {
  uint8_t *header = frame + ETHERNET + IP;
  put16(header, chance());
  put16(header + 2, (unsigned)to);
  put16(header + 4, (unsigned)(UDP + length));
  transport_checksum(17, source, header, UDP + length, 6);
  return ip(17, source, UDP + length, 0, 0);
}

static int ping(uint32_t source, int length, int options) {
  uint8_t *header = frame + ETHERNET + IP + options;
  put32(header, 0x08000000);
  put32(header + 4, chance());
  put16(header + 2, checksum(header, ICMP + length, 0));
  return ip(1, source, ICMP + length, 0, options);
}

/* An ICMP error about a segment that the victim may have sent from `port` to the peer's `peer_port`. */
static int icmp_error(int port, int peer_port) {
  static const uint16_t types[] = {0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0304, 0x030d, 0x0b00};
  static const uint16_t mtus[] = {0, 67, 68, 296, 552, 1499};
  uint8_t *header = frame + ETHERNET + IP, *quoted = header + ICMP;
  memset(header, 0, ICMP + IP + 8);
  put16(header, types[chance() % 8]);
  put16(header + 6, mtus[chance() % 6]);
  quoted[0] = 0x45;
  put16(quoted + 2, 1500);
  quoted[8] = 64;
  quoted[9] = 6;
  put32(quoted + 12, VICTIM);
  put32(quoted + 16, PEER);
  put16(quoted + IP, (unsigned)port);
  put16(quoted + IP + 2, (unsigned)peer_port);
  put32(quoted + IP + 4, chance());
  put16(header + 2, checksum(header, ICMP + IP + 8, 0));
  return ip(1, stranger(), ICMP + IP + 8, 0, 0);
}

static int arp(int operation, uint32_t sender) {
  uint8_t *packet = frame + ETHERNET;
  ethernet(ARP, operation == 1);
  put32(packet, 0x00010800);
  put16(packet + 4, 0x0604);
  put16(packet + 6, (unsigned)operation);
  packet[8] = 2;
  for (int i = 9; i < 14; i++)
    packet[i] = (uint8_t)chance();
  memcpy(frame + 6, packet + 8, 6);
  put32(packet + 14, sender);
  memcpy(packet + 18, victim_mac, 6);
  put32(packet + 24, VICTIM);
  return 60;
}

static int garbage(void) {
  int length = ETHERNET + (int)(chance() % 1486);
  for (int i = ETHERNET; i < length; i++)
    frame[i] = (uint8_t)chance();
  ethernet(chance() % 4 == 0 ? (int)chance() : chance() % 4 == 0 ? ARP : IP4, 0);
  return length;
}

static int make(const char *kind, long number, int port, int peer_port) {
  if (strcmp(kind, "syn") == 0)
    return tcp(stranger(), 1024 + (int)(chance() % 60000), port, 2, 0);
  if (strcmp(kind, "flood") == 0)
    return tcp(anybody(), 1024 + (int)(chance() % 60000), port, 2, 0);
  if (strcmp(kind, "flags") == 0)
    return tcp(stranger(), (int)chance(), (int)(chance() % 32), chance() & 0x3f, (int)(chance() % 100));
  if (strcmp(kind, "land") == 0)
    return tcp(VICTIM, port, port, 2, 0);
  if (strcmp(kind, "segments") == 0)
    return tcp(PEER, peer_port, port, chance() & 0x3f, chance() % 2 ? 0 : (int)(chance() % 1400));
  if (strcmp(kind, "errors") == 0)
    return icmp_error(port, peer_port);
  if (strcmp(kind, "arp") == 0)
    return number % 3 == 2 ? arp(1 + (int)(chance() % 2), VICTIM) : arp(1 + (int)(number % 3), stranger());
  if (strcmp(kind, "ping") == 0)
    return ping(chance() % 2 ? PEER : stranger(), (int)(chance() % 1473), 4 * (int)(chance() % 4 ? 0 : chance() % 10));
  if (strcmp(kind, "fragments") == 0)
    return ip(chance() % 2 ? 17 : 6, stranger(), (int)(8 + chance() % 1400), (int)((chance() & 0x2000) | (1 + chance() % 8190)), 0);
  if (strcmp(kind, "udp") == 0)
    return udp(chance() % 2 ? PEER : stranger(), port, (int)(chance() % 1400));
  if (strcmp(kind, "garbage") == 0)
    return garbage();
  return 0;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int parse_mac(const char *text, uint8_t *mac) {
  return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) == 6;
}

int main(int count, char **arguments) {
  if (count < 7 || !parse_mac(arguments[5], our_mac) || !parse_mac(arguments[6], victim_mac))
    return 64;
  long frames = atol(arguments[2]);
  double rate = atof(arguments[3]);
  int port = count > 7 ? atoi(arguments[7]) : 0, peer_port = count > 8 ? atoi(arguments[8]) : 0;
  struct sockaddr_ll interface = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(arguments[4])};
  int descriptor = socket(AF_PACKET, SOCK_RAW, 0);
  if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&interface, sizeof(interface)) < 0) {
    perror("attacker");
    return 1;
  }
  double start = seconds();
  long sent = 0;
  for (long i = 0; i < frames; i++) {
    int length = make(arguments[1], i, port, peer_port);
    if (length == 0)
      return 64;
    if (send(descriptor, frame, (size_t)(length < 60 ? 60 : length), 0) > 0)
      sent++;
    while (seconds() - start < (double)(i + 1) / rate)
      usleep(100);
    if (seconds() - start > 10)
      break;
  }
  printf("%ld\n", sent);
  return 0;
}
