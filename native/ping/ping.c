/*
 * One ICMP echo request and its reply (RFC 792), for machines that have no `ping`: `npm start` compiles this into
 * build/ping and uses it for its self-check. Output is that of `ping -c 1`.
 *
 * Usage: ping IPV4-ADDRESS
 * Exit code: 0 answered, 1 no answer within two seconds, 2 anything else.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD = 56, TIMEOUT_MILLISECONDS = 2000 };

static double now_milliseconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* RFC 1071 over an even number of bytes. */
static unsigned short internet_checksum(const void *data, size_t length)
{
  const unsigned char *bytes = data;
  unsigned long sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (unsigned long)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((unsigned short)~sum);
}

int main(int argc, char **argv)
{
  struct sockaddr_in target = {.sin_family = AF_INET};
  if (argc != 2 || inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) {
    fprintf(stderr, "usage: ping IPV4-ADDRESS\n");
    return 2;
  }
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) {
    perror("ping: raw socket");
    return 2;
  }

  struct {
    struct icmphdr header;
    unsigned char payload[PAYLOAD];
  } request;
  memset(&request, 0, sizeof request);
  request.header.type = ICMP_ECHO;
  request.header.un.echo.id = htons((unsigned short)getpid());
  request.header.un.echo.sequence = htons(1);
  for (int i = 0; i < PAYLOAD; i++) request.payload[i] = (unsigned char)i;
  request.header.checksum = internet_checksum(&request, sizeof request);

  printf("PING %s %d bytes of data.\n", argv[1], PAYLOAD);
  const double start = now_milliseconds();
  if (sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&target, sizeof target) < 0) {
    perror("ping: send");
    return 2;
  }
  for (;;) {
    const double left = start + TIMEOUT_MILLISECONDS - now_milliseconds();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (left <= 0 || poll(&wait, 1, (int)left + 1) <= 0) {
      printf("no answer from %s\n", argv[1]);
      return 1;
    }
    /* A raw socket sees the ICMP messages of everyone, with their IP header before them. */
    unsigned char reply[2048];
    struct sockaddr_in from;
    socklen_t from_length = sizeof from;
    const ssize_t length = recvfrom(fd, reply, sizeof reply, 0, (struct sockaddr *)&from, &from_length);
    if (length < (ssize_t)sizeof(struct iphdr)) continue;
    const struct iphdr *ip = (const struct iphdr *)reply;
    const ssize_t header_length = ip->ihl * 4;
    if (length < header_length + (ssize_t)sizeof request) continue;
    const unsigned char *answer = reply + header_length;
    struct icmphdr icmp;
    memcpy(&icmp, answer, sizeof icmp);
    if (icmp.type != ICMP_ECHOREPLY || from.sin_addr.s_addr != target.sin_addr.s_addr) continue;
    if (icmp.un.echo.id != request.header.un.echo.id || icmp.un.echo.sequence != request.header.un.echo.sequence)
      continue;
    if (memcmp(answer + sizeof icmp, request.payload, PAYLOAD) != 0) {
      printf("a changed payload from %s\n", argv[1]);
      return 1;
    }
    printf("%zd bytes from %s: icmp_seq=1 ttl=%d time=%.3f ms\n", length - header_length, argv[1], ip->ttl,
           now_milliseconds() - start);
    return 0;
  }
}
