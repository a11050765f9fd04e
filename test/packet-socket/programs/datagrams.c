/*
 * datagrams ADDRESS PORT BYTES SIZE: sends BYTES as datagrams of SIZE bytes, handed to the kernel in one piece that it leaves to the
 * device to cut apart (UDP_SEGMENT, udp(7)). Byte i of all is i modulo 251.
 */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

int main(int count, char **words) {
  if (count != 5)
    return 64;
  const int bytes = atoi(words[3]), size = atoi(words[4]);
  char data[65000];
  for (int i = 0; i < bytes && i < (int)sizeof(data); i++)
    data[i] = (char)(i % 251);
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(words[2]))};
  const int is_v4 = inet_pton(AF_INET, words[1], &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, words[1], &v6.sin6_addr) != 1)
    return 64;
  const int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
  if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) < 0) {
    perror("UDP_SEGMENT");
    return 1;
  }
  const struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
  if (sendto(fd, data, (size_t)bytes, 0, address, is_v4 ? sizeof(v4) : sizeof(v6)) != bytes) {
    perror("sendto");
    return 1;
  }
  return 0;
}
