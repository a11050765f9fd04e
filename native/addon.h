/*
 * The addon's inner interfaces. Its parts: device.c opens taps and tuns, adopts and closes; packet.c opens other interfaces, and
 * interface.c follows what becomes of them; unix-datagram.c opens UNIX sockets; by-name.c asks and prepares for those that are opened
 * elsewhere; poll.c moves frames; link.c reads and sets the link properties of the kernel's end; datagrams.c reads UDP sockets of the
 * operating system; iteration.c watches the event loop; module.c is what JavaScript sees.
 *
 * Nothing here throws. Every function that JavaScript calls returns a number: a result, or a negative errno.
 */
#ifndef TAPSTACK_ADDON_H
#define TAPSTACK_ADDON_H

#define NAPI_VERSION 8

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libuv.h"

/* What carries the frames. A socket carries one frame a message and has neither a virtio header nor link properties. */
enum carrier { CARRIER_TAP = 0, CARRIER_DATAGRAM = 1, CARRIER_SEQUENCED = 2, CARRIER_PACKET = 3 };

/* Which call failed while a device was opened; `STEPS` in tap-binding.ts has their names. */
enum step {
  STEP_NONE,
  STEP_OPEN,
  STEP_ATTACH,
  STEP_PERSIST,
  STEP_HEADER_SIZE,
  STEP_INSPECT,
  STEP_OFFLOAD,
  STEP_NONBLOCK,
  STEP_POLL,
  STEP_MEMORY,
  STEP_SOCKET,
  STEP_INTERFACE,
  STEP_OPTION,
  STEP_BIND,
};

/* Offloads that the kernel granted, as bits. */
enum offload { OFFLOAD_CHECKSUM = 1, OFFLOAD_TCP4 = 2, OFFLOAD_TCP6 = 4 };

/* What the kernel could do for a tap, as bits: `KernelOffload` in tap-binding.ts. */
enum kernel_offload {
  KERNEL_HEADER = 1,
  KERNEL_CHECKSUM = 2,
  KERNEL_TCP4 = 4,
  KERNEL_TCP6 = 8,
  KERNEL_UDP = 16,
};

/*
 * A frame's descriptor is eight 32-bit words of an Int32Array that both sides see, at these indexes. Positions are
 * byte positions in packet memory; checksum positions count from the frame's first byte, as in the virtio header.
 */
enum { DESCRIPTOR_WORDS = 8 };
enum receive_word {
  RECEIVE_SMALL,           /* in: where the frame goes in the small slot */
  RECEIVE_LARGE,           /* in: where it goes in the large slot if it is longer than the small one */
  RECEIVE_LENGTH,          /* out: bytes of frame; 0 when what arrived was no frame */
  RECEIVE_IN_LARGE,        /* out: 1 when it is in the large slot */
  RECEIVE_FLAGS,           /* out: virtio flags | gso_type << 8 */
  RECEIVE_SEGMENT_SIZE,    /* out: gso_size */
  RECEIVE_CHECKSUM_START,  /* out: csum_start */
  RECEIVE_CHECKSUM_OFFSET, /* out: csum_offset */
};
enum transmit_word {
  TRANSMIT_POSITION,        /* in */
  TRANSMIT_LENGTH,          /* in: bytes of frame; out: negative errno when the device refused it */
  TRANSMIT_HEADER_LENGTH,   /* in: hdr_len */
  TRANSMIT_FLAGS,           /* in: virtio flags | gso_type << 8 */
  TRANSMIT_SEGMENT_SIZE,    /* in: gso_size */
  TRANSMIT_CHECKSUM_START,  /* in: csum_start */
  TRANSMIT_CHECKSUM_OFFSET, /* in: csum_offset */
  /*
   * in: 0, or one more than where in the first of the frame's arrays its payload begins, all of which lies there and in the arrays
   * that follow; only what comes before it, TRANSMIT_HEADER_LENGTH bytes, is in packet memory
   */
  TRANSMIT_GATHERED,
};

/* State of one environment: the main thread, or one worker. */
struct addon {
  struct device **devices; /* by number; NULL where a device was closed */
  uint32_t capacity;
};

struct device {
  struct addon *addon;
  napi_env env;
  uint32_t number;

  int fd;
  enum carrier carrier;

  /* Of CARRIER_PACKET. */
  int interface_index;
  int claim;        /* a UNIX socket that holds our number among the users of the interface, or -1 */
  uv_timer_t *down; /* runs while the interface is down; NULL before it first was */

  struct unix_peer *unix_peer; /* of a UNIX datagram socket with a path: unix-datagram.c; otherwise NULL */

  /* Bytes of virtio header before each frame: 0, 10 or 12. */
  uint32_t header_length;
  uint32_t offloads;

  uv_poll_t *poll;
  bool receiving;
  bool blocked; /* the device refused a frame for now; waiting for it to become writable */
  bool closing;
  napi_async_cleanup_hook_handle cleanup;

  /* Set by device_start; the references keep what they point to alive. */
  bool started;
  napi_async_context context;
  napi_ref references[6];
  uint8_t *bytes;
  size_t bytes_length;
  int32_t *receive;
  uint32_t receive_entries;
  int32_t *receive_lost; /* where frames are counted that the kernel had no room for; NULL when nobody asks */
  uint32_t small_capacity;
  uint32_t large_capacity;
  int32_t *transmit;
  uint32_t transmit_entries; /* a power of two */
};

/* Indexes of `references`. */
enum reference { REFERENCE_BYTES, REFERENCE_RECEIVE, REFERENCE_TRANSMIT, ON_BURST, ON_WRITABLE, ON_GONE };

/*
 * device.c. Makes the device of an attached descriptor, which stays the caller's if that fails.
 */
int device_create(struct addon *addon, napi_env env, int fd, enum carrier carrier, uint32_t header_length,
                  uint32_t offloads, enum step *failed);
/*
 * Both return the device's number or a negative errno, and then say in `failed` which call it was. `kind` is IFF_TAP or IFF_TUN; with
 * IFF_MULTI_QUEUE one queue of a device that may have several.
 */
int device_open(struct addon *addon, napi_env env, const char *name, int kind, bool persist, bool offload,
                enum step *failed);
int device_adopt(struct addon *addon, napi_env env, int fd, bool offload, uint32_t socket_header_length,
                 enum step *failed);
struct device *device_find(struct addon *addon, int32_t number);
/* The kernel's present name of the device in `name` of IFNAMSIZ bytes; 0 or a negative errno. */
int device_name(const struct device *device, char *name);
void device_close(struct device *device);
/* What the kernel would do for a tap; what was agreed on stays as it is. Bits, or a negative errno. */
int device_kernel_offloads(const struct device *device);

/* packet.c; `own_address` is whether our end has another hardware address than the interface. */
int device_open_packet(struct addon *addon, napi_env env, const char *name, const char *namespace_path, bool own_address,
                       bool offload, enum step *failed);
int packet_name(const struct device *device, char *name);
/* From now on only frames for `address` and for groups come in. 0 or a negative errno. */
int packet_filter(const struct device *device, const uint8_t address[6]);
/* The least number from 0 on that nobody else has claimed on this interface and still holds; or a negative errno. */
int packet_claim(struct device *device);
/* Adds to `receive_lost` what was lost since the last call. */
void packet_count_lost(struct device *device);

/*
 * interface.c. What an error of a packet socket means: 0 when frames will come again, maybe only after the interface, which is down
 * now, is up again; or the negative errno for which the device is gone.
 */
int interface_error(struct device *device);
void interface_close(struct device *device);

/* unix-datagram.c; from the socket at `local` to the one at `remote`, of at most 107 bytes each. As `device_open`. */
int unix_datagram_open(struct addon *addon, napi_env env, const char *local, const char *remote, enum step *failed);
/* Whether what could not be sent for this error is worth another try: the other end is there, maybe as another one. */
bool unix_datagram_retry(struct device *device, int error);
/* An error of the other end says nothing of ours. */
void unix_datagram_clear_error(struct device *device);
void unix_datagram_close(struct device *device);

/* by-name.c; called by JavaScript as they are. */
napi_value interface_query(napi_env env, napi_callback_info info);
napi_value interface_send(napi_env env, napi_callback_info info);
napi_value namespace_call(napi_env env, napi_callback_info info);

/* datagrams.c; called by JavaScript as they are. */
napi_value datagrams_receive(napi_env env, napi_callback_info info);
napi_value datagrams_stop(napi_env env, napi_callback_info info);

/* iteration.c; calls both functions, in each turn of the event loop, until the environment ends. 0 or a negative errno. */
int iteration_watch(napi_env env, napi_value enter, napi_value leave);

/* poll.c */
int poll_update(struct device *device);
int poll_flush(struct device *device, uint32_t first, uint32_t count, napi_value gathered);
/* Tells JavaScript that no frame will follow. */
void poll_gone(struct device *device, int reason);

/* link.c; all return a result or a negative errno. */
int link_get_address(const struct device *device, uint8_t address[6]);
int link_set_address(const struct device *device, const uint8_t address[6]);
int link_get_mtu(const struct device *device);
int link_set_mtu(const struct device *device, int mtu);
int link_is_up(const struct device *device);
int link_set_up(const struct device *device, bool up);

#endif
