/*
 * Opening an existing interface (a veth, a NIC) through an AF_PACKET socket: Documentation/networking/packet_mmap.rst, packet(7).
 * Frames then come and go through the same readv and write as those of a tap, with the same virtio header, so that checksum and
 * segmentation offload work between us and the kernel's end (PACKET_VNET_HDR).
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
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

/*
 * Leaves out what is sent through the interface, which is not for us, and frames of a VLAN, whose tag the kernel has taken out:
 * without it they would look as if they were of our own network.
 */
static int attach_filter(int fd) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 3, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x7fffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void enlarge(int fd, int forced, int usual) {
  int bytes = BUFFER_BYTES;
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) < 0)
    setsockopt(fd, SOL_SOCKET, usual, &bytes, sizeof(bytes));
}

/* A socket that receives nothing yet, made in another network namespace if one is named; or a negative errno. */
static int open_socket(const char *namespace_path) {
  const int type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd;
  if (namespace_path[0] == '\0') {
    fd = socket(AF_PACKET, type, 0);
    return fd < 0 ? -errno : fd;
  }
  int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (here < 0)
    return -errno;
  int there = open(namespace_path, O_RDONLY | O_CLOEXEC);
  int result = -errno;
  if (there >= 0) {
    result = setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
    if (result == 0) {
      fd = socket(AF_PACKET, type, 0);
      result = fd < 0 ? -errno : fd;
      /* A thread that cannot get back must not go on: everything else it opens would be in the wrong place. */
      if (setns(here, CLONE_NEWNET) < 0) {
        if (result >= 0)
          close(result);
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
  int fd = open_socket(namespace_path);
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
  if (attach_filter(fd) < 0)
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
  device_find(addon, result)->interface_index = index;
  return result;

fail_errno:
  result = -errno;
fail:
  close(fd);
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

/* Why poll has reported an error: the interface is down (ENETDOWN), or gone. */
int packet_error(const struct device *device) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(device->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error == 0)
    return -EBADFD;
  return -error;
}
