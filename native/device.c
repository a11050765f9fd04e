/*
 * Opening, adopting and closing devices. The interface to the kernel is that of its Documentation/networking/tuntap.rst
 * and of <linux/if_tun.h>.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Takes what the kernel grants, most first; segments with CWR (RFC 3168) are cut like others where that is known.
 * Clears what an earlier owner of a persistent device had, if need be.
 */
static uint32_t negotiate_offloads(int fd, bool wanted) {
  if (wanted) {
    if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)) == 0)
      return OFFLOAD_CHECKSUM | OFFLOAD_TCP4 | OFFLOAD_TCP6;
    if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN)) == 0)
      return OFFLOAD_CHECKSUM | OFFLOAD_TCP4;
    if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM) == 0)
      return OFFLOAD_CHECKSUM;
  }
  ioctl(fd, TUNSETOFFLOAD, 0UL);
  return 0;
}

/* Cutting apart UDP datagrams; not known before Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

int device_kernel_offloads(const struct device *device) {
  static const struct {
    unsigned long flags;
    int bit;
  } tried[] = {
      {TUN_F_CSUM, KERNEL_CHECKSUM},
      {TUN_F_CSUM | TUN_F_TSO4, KERNEL_TCP4},
      {TUN_F_CSUM | TUN_F_TSO6, KERNEL_TCP6},
      {TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6, KERNEL_UDP},
  };
  unsigned int features = 0;
  if (device->carrier != CARRIER_TAP)
    return -ENOTTY;
  if (ioctl(device->fd, TUNGETFEATURES, &features) < 0)
    return -errno;
  int bits = (features & IFF_VNET_HDR) != 0 ? KERNEL_HEADER : 0;
  for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
    if (ioctl(device->fd, TUNSETOFFLOAD, tried[i].flags) == 0)
      bits |= tried[i].bit;
  negotiate_offloads(device->fd, device->offloads != 0);
  return bits;
}

/* A persistent device keeps the header size of its last owner, so it is set and not taken for granted. */
static int negotiate_header_length(int fd, uint32_t *length) {
  int size = sizeof(struct virtio_net_hdr);
  if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 && ioctl(fd, TUNGETVNETHDRSZ, &size) < 0)
    return -errno;
  if (size != sizeof(struct virtio_net_hdr) && size != sizeof(struct virtio_net_hdr_mrg_rxbuf))
    return -EPROTO;
  *length = (uint32_t)size;
  return 0;
}

static int attach(int fd, const char *name, short flags) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = flags;
  if (ioctl(fd, TUNSETIFF, &request) == 0)
    return 0;
  if (errno != EINVAL || (flags & IFF_MULTI_QUEUE) != 0)
    return -errno;
  /* A device that was made with several queues wants the flag; one queue of it is enough for us. */
  request.ifr_flags = (short)(flags | IFF_MULTI_QUEUE);
  if (ioctl(fd, TUNSETIFF, &request) == 0)
    return 0;
  return -EINVAL;
}

static int remember(struct addon *addon, struct device *device) {
  uint32_t number = 0;
  while (number < addon->capacity && addon->devices[number] != NULL)
    number++;
  if (number == addon->capacity) {
    uint32_t capacity = addon->capacity == 0 ? 8 : addon->capacity * 2;
    struct device **devices = realloc(addon->devices, capacity * sizeof(*devices));
    if (devices == NULL)
      return -ENOMEM;
    memset(devices + addon->capacity, 0, (capacity - addon->capacity) * sizeof(*devices));
    addon->devices = devices;
    addon->capacity = capacity;
  }
  addon->devices[number] = device;
  device->addon = addon;
  device->number = number;
  return 0;
}

static void on_environment_exit(napi_async_cleanup_hook_handle cleanup, void *data) {
  (void)cleanup; /* on_poll_closed removes it, which tells Node that we are done. */
  device_close(data);
}

int device_create(struct addon *addon, napi_env env, int fd, enum carrier carrier, uint32_t header_length,
                  uint32_t offloads, enum step *failed) {
  struct device *device = calloc(1, sizeof(*device));
  uv_poll_t *poll = calloc(1, uv_handle_size(UV_POLL));
  uv_loop_t *loop = NULL;
  int result = -ENOMEM;
  *failed = STEP_MEMORY;
  if (device == NULL || poll == NULL)
    goto fail;
  device->env = env;
  device->fd = fd;
  device->claim = -1;
  device->carrier = carrier;
  device->header_length = header_length;
  device->offloads = offloads;
  device->poll = poll;
  if (remember(addon, device) < 0)
    goto fail;
  if (napi_add_async_cleanup_hook(env, on_environment_exit, device, &device->cleanup) != napi_ok)
    goto forget;
  *failed = STEP_POLL;
  result = napi_get_uv_event_loop(env, &loop) == napi_ok ? uv_poll_init(loop, poll, fd) : -ENOTSUP;
  if (result < 0) {
    napi_remove_async_cleanup_hook(device->cleanup);
    goto forget;
  }
  uv_handle_set_data((uv_handle_t *)poll, device);
  *failed = STEP_NONE;
  return (int)device->number;

forget:
  addon->devices[device->number] = NULL;
fail:
  free(poll);
  free(device);
  return result;
}

int device_open(struct addon *addon, napi_env env, const char *name, int kind, bool persist, bool offload,
                enum step *failed) {
  uint32_t header_length = 0, offloads = 0;
  int result = 0;

  *failed = STEP_OPEN;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return -errno;

  *failed = STEP_ATTACH;
  bool header = offload;
  unsigned int supported = 0;
  if (header && ioctl(fd, TUNGETFEATURES, &supported) == 0 && (supported & IFF_VNET_HDR) == 0)
    header = false;
  result = attach(fd, name, (short)(kind | IFF_NO_PI | (header ? IFF_VNET_HDR : 0)));
  if (result < 0)
    goto fail;

  *failed = STEP_PERSIST;
  if (persist && ioctl(fd, TUNSETPERSIST, 1UL) < 0) {
    result = -errno;
    goto fail;
  }

  *failed = STEP_HEADER_SIZE;
  if (header && (result = negotiate_header_length(fd, &header_length)) < 0)
    goto fail;
  offloads = negotiate_offloads(fd, header);
  result = device_create(addon, env, fd, CARRIER_TAP, header_length, offloads, failed);
  if (result >= 0)
    return result;

fail:
  close(fd);
  return result;
}

/*
 * A tap's descriptor says whether its frames have a virtio header; of a socket we must be told (0 or 10 bytes).
 * On failure the descriptor is still the caller's.
 */
int device_adopt(struct addon *addon, napi_env env, int fd, bool offload, uint32_t socket_header_length,
                 enum step *failed) {
  uint32_t header_length = 0, offloads = 0;
  enum carrier carrier;
  int result;

  *failed = STEP_INSPECT;
  int type = 0;
  socklen_t type_length = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0) {
    if (type != SOCK_DGRAM && type != SOCK_SEQPACKET)
      return -EPROTOTYPE;
    carrier = type == SOCK_DGRAM ? CARRIER_DATAGRAM : CARRIER_SEQUENCED;
    header_length = socket_header_length;
    if (header_length != 0 && offload)
      offloads = OFFLOAD_CHECKSUM | OFFLOAD_TCP4 | OFFLOAD_TCP6;
  } else {
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    if (ioctl(fd, TUNGETIFF, &request) < 0)
      return -errno;
    /* What kind it is was settled when it was attached; only offloads can still be changed. */
    if ((request.ifr_flags & IFF_TAP) == 0 || (request.ifr_flags & IFF_NO_PI) == 0)
      return -EPROTOTYPE;
    carrier = CARRIER_TAP;
    bool header = (request.ifr_flags & IFF_VNET_HDR) != 0;
    *failed = STEP_HEADER_SIZE;
    if (header && (result = negotiate_header_length(fd, &header_length)) < 0)
      return result;
    offloads = negotiate_offloads(fd, header && offload);
  }

  *failed = STEP_NONBLOCK;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return -errno;
  return device_create(addon, env, fd, carrier, header_length, offloads, failed);
}

struct device *device_find(struct addon *addon, int32_t number) {
  return (uint32_t)number < addon->capacity ? addon->devices[number] : NULL;
}

int device_name(const struct device *device, char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  if (device->carrier == CARRIER_PACKET)
    return packet_name(device, name);
  if (device->carrier != CARRIER_TAP)
    return -ENOTTY;
  if (ioctl(device->fd, TUNGETIFF, &request) < 0)
    return -errno;
  memcpy(name, request.ifr_name, IFNAMSIZ);
  name[IFNAMSIZ - 1] = '\0';
  return 0;
}

static void on_poll_closed(uv_handle_t *handle) {
  struct device *device = uv_handle_get_data(handle);
  if (device->started) {
    for (size_t i = 0; i < sizeof(device->references) / sizeof(device->references[0]); i++)
      if (device->references[i] != NULL)
        napi_delete_reference(device->env, device->references[i]);
    napi_async_destroy(device->env, device->context);
  }
  napi_remove_async_cleanup_hook(device->cleanup);
  free(handle);
  free(device);
}

/*
 * The descriptor is closed at once, so that the name is free again when JavaScript's close() returns. The structure
 * lives on until libuv has let go of the handle: close() may have been called from inside the poll callback.
 */
void device_close(struct device *device) {
  if (device->closing)
    return;
  device->closing = true;
  device->addon->devices[device->number] = NULL;
  uv_close((uv_handle_t *)device->poll, on_poll_closed);
  interface_close(device);
  unix_datagram_close(device);
  close(device->fd);
  device->fd = -1;
}
