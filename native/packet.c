/*
 * Opening an existing interface (a veth, a NIC) through an AF_PACKET socket: Documentation/networking/packet_mmap.rst, packet(7).
 * Frames then come and go through the same readv and write as those of a tap, with the same virtio header, so that checksum and
 * segmentation offload work between us and the kernel's end (PACKET_VNET_HDR). A mapped ring and recvmmsg are no faster:
 * docs/performance.md has them measured.
 */
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern int setns(int fd, int type);

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif

/* What the kernel holds for us while the event loop is busy: some dozens of segments as long as they get. */
enum { BUFFER_BYTES = 8 * 1024 * 1024 };
/* Users of one interface that are told apart. */
enum { CLAIMS = 256 };

/*
 * Leaves out what is sent through the interface, which is not for us; frames of a VLAN, whose tag the kernel has taken out:
 * without it they would look as if they were of our own network (identifier 0 is only a priority: IEEE 802.1Q, table 9-2); and,
 * where `address` is ours, frames for others.
 */
static int attach_filter(int fd, const uint8_t *address) {
  const uint32_t high = address == NULL ? 0 : (uint32_t)address[0] << 24 | address[1] << 16 | address[2] << 8 | address[3];
  const uint32_t low = address == NULL ? 0 : (uint32_t)address[4] << 8 | address[5];
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 12, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0fff),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7),
      /* The group bit of the destination, IEEE 802, section 8.2.2. */
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x7fffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  if (address == NULL)
    code[7] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x7fffffff);
  struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

int packet_filter(const struct device *device, const uint8_t address[6]) {
  if (device->carrier != CARRIER_PACKET)
    return -ENOTTY;
  return attach_filter(device->fd, address) < 0 ? -errno : 0;
}

static void enlarge(int fd, int forced, int usual) {
  int bytes = BUFFER_BYTES;
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) < 0)
    setsockopt(fd, SOL_SOCKET, usual, &bytes, sizeof(bytes));
}

/* A packet socket that receives nothing yet, and a UNIX socket without a name; or a negative errno and neither. */
static int open_both(int *claim) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  *claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (*claim >= 0)
    return fd;
  const int result = -errno;
  close(fd);
  return result;
}

/* Both, made in another network namespace if one is named. */
static int open_sockets(const char *namespace_path, int *claim) {
  if (namespace_path[0] == '\0')
    return open_both(claim);
  int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (here < 0)
    return -errno;
  int there = open(namespace_path, O_RDONLY | O_CLOEXEC);
  int result = -errno;
  if (there >= 0) {
    result = setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
    if (result == 0) {
      result = open_both(claim);
      /* A thread that cannot get back must not go on: everything else it opens would be in the wrong place. */
      if (setns(here, CLONE_NEWNET) < 0) {
        if (result >= 0) {
          close(result);
          close(*claim);
        }
        result = -ENOTRECOVERABLE;
      }
    }
    close(there);
  }
  close(here);
  return result;
}

int device_open_packet(struct addon *addon, napi_env env, const char *name, const char *namespace_path, bool own_address,
                       bool offload, enum step *failed) {
  int result;
  *failed = STEP_SOCKET;
  int claim;
  int fd = open_sockets(namespace_path, &claim);
  if (fd < 0)
    return fd;

  *failed = STEP_INTERFACE;
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
    goto fail_errno;
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    result = -EPROTOTYPE;
    goto fail;
  }
  if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
    goto fail_errno;
  const int index = request.ifr_ifindex;

  *failed = STEP_OPTION;
  uint32_t header_length = 0, offloads = 0;
  int on = 1;
  if (offload && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0) {
    header_length = sizeof(struct virtio_net_hdr);
    /* The kernel itself cuts and completes what the interface cannot. */
    offloads = OFFLOAD_CHECKSUM | OFFLOAD_TCP4 | OFFLOAD_TCP6;
  }
  if (attach_filter(fd, NULL) < 0)
    goto fail_errno;
  /* Saves making copies for the filter to drop; not known before Linux 4.20. */
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
  enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  /* With the interface's own address only multicast is left out otherwise, all of it that the kernel has not joined. */
  struct packet_mreq membership = {.mr_ifindex = index, .mr_type = own_address ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership)) < 0)
    goto fail_errno;

  *failed = STEP_BIND;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
    goto fail_errno;
  result = device_create(addon, env, fd, CARRIER_PACKET, header_length, offloads, failed);
  if (result < 0)
    goto fail;
  struct device *device = device_find(addon, result);
  device->interface_index = index;
  device->claim = claim;
  return result;

fail_errno:
  result = -errno;
fail:
  close(fd);
  close(claim);
  return result;
}

int packet_name(const struct device *device, char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  request.ifr_ifindex = device->interface_index;
  if (ioctl(device->fd, SIOCGIFNAME, &request) < 0)
    return -errno;
  memcpy(name, request.ifr_name, IFNAMSIZ);
  name[IFNAMSIZ - 1] = '\0';
  return 0;
}

/*
 * Names of UNIX sockets that begin with a zero byte belong to a network namespace and are gone with their socket (unix(7),
 * "Abstract sockets"): whoever uses an interface there is seen by all others, in whichever process.
 */
int packet_claim(struct device *device) {
  if (device->carrier != CARRIER_PACKET)
    return -ENOTTY;
  for (int number = 0; number < CLAIMS; number++) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "tapstack/packet/%d/%d",
                          device->interface_index, number);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (bind(device->claim, (struct sockaddr *)&address, size) == 0)
      return number;
    if (errno != EADDRINUSE)
      return -errno;
  }
  return -EADDRINUSE;
}

void packet_count_lost(struct device *device) {
  struct tpacket_stats statistics;
  socklen_t length = sizeof(statistics);
  /* The kernel begins anew with each answer. */
  if (device->receive_lost != NULL &&
      getsockopt(device->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0)
    *device->receive_lost += (int32_t)statistics.tp_drops;
}
