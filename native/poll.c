/* Moving frames: bursts from the device into packet memory, and queued frames from there to the device. */
#include "addon.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Bursts that one wake-up may deliver before the event loop gets its turn for timers and other handles. What is left
 * in the device wakes us again at once.
 */
#define BURSTS_PER_WAKEUP 4

static void on_poll(uv_poll_t *handle, int status, int events);

/* Makes the poll handle wait for what is wanted now. */
int poll_update(struct device *device) {
  int events = (device->receiving ? UV_READABLE : 0) | (device->blocked ? UV_WRITABLE : 0);
  return events == 0 ? uv_poll_stop(device->poll) : uv_poll_start(device->poll, events, on_poll);
}

/* Calls JavaScript; microtasks and ticks have run when this returns. False when the device was closed meanwhile. */
static bool call(struct device *device, enum reference which, int32_t value) {
  napi_env env = device->env;
  napi_value receiver, function, argument;
  if (napi_get_reference_value(env, device->references[which], &function) != napi_ok ||
      napi_get_global(env, &receiver) != napi_ok || napi_create_int32(env, value, &argument) != napi_ok)
    return false;
  if (napi_make_callback(env, device->context, receiver, function, 1, &argument, NULL) != napi_ok) {
    bool pending = false;
    napi_value error;
    if (napi_is_exception_pending(env, &pending) != napi_ok || !pending ||
        napi_get_and_clear_last_exception(env, &error) != napi_ok) {
      /* The environment is being torn down: no more calls until its clean-up hook closes the device. */
      if (!device->closing)
        uv_poll_stop(device->poll);
      return false;
    }
    napi_fatal_exception(env, error);
  }
  return !device->closing;
}

void poll_gone(struct device *device, int reason) {
  device->receiving = device->blocked = false;
  uv_poll_stop(device->poll);
  call(device, ON_GONE, reason);
}

/*
 * Reads one frame: its head into the small slot, the rest behind the same place in the large slot. A frame that fits
 * the small slot is then where it belongs; only the head of a longer one is moved to the front of the large slot.
 * Returns 0 or a negative errno.
 */
static int read_frame(struct device *device, int32_t *descriptor) {
  const size_t header_length = device->header_length;
  const size_t small_capacity = device->small_capacity;
  const size_t large_capacity = device->large_capacity;
  const size_t small = (uint32_t)descriptor[RECEIVE_SMALL];
  const size_t large = (uint32_t)descriptor[RECEIVE_LARGE];
  if (small < header_length || small + small_capacity > device->bytes_length ||
      large + large_capacity > device->bytes_length)
    return -EFAULT;

  uint8_t *head = device->bytes + small - header_length;
  struct iovec parts[2] = {
      {.iov_base = head, .iov_len = header_length + small_capacity},
      {.iov_base = device->bytes + large + small_capacity, .iov_len = large_capacity - small_capacity},
  };
  ssize_t count;
  do
    count = readv(device->fd, parts, 2);
  while (count < 0 && errno == EINTR);

  descriptor[RECEIVE_LENGTH] = 0;
  descriptor[RECEIVE_IN_LARGE] = 0;
  descriptor[RECEIVE_FLAGS] = 0;
  if (count < 0) {
    /* A frame longer than both slots: the kernel has dropped it. */
    if (errno == EFAULT || errno == EMSGSIZE)
      return 0;
    /* Or segmentation that the virtio header has no name for. */
    if (errno == EINVAL && device->carrier == CARRIER_PACKET)
      return 0;
    return -errno;
  }
  if (count == 0 && device->carrier == CARRIER_SEQUENCED)
    return -ENOTCONN;
  /* Filled to the last byte: cut short by a socket carrier, for no device has frames as long. */
  if ((size_t)count <= header_length || (size_t)count == header_length + large_capacity)
    return 0;

  size_t length = (size_t)count - header_length;
  if (header_length != 0) {
    struct virtio_net_hdr header;
    memcpy(&header, head, sizeof(header));
    descriptor[RECEIVE_FLAGS] = header.flags | header.gso_type << 8;
    descriptor[RECEIVE_SEGMENT_SIZE] = header.gso_size;
    descriptor[RECEIVE_CHECKSUM_START] = header.csum_start;
    descriptor[RECEIVE_CHECKSUM_OFFSET] = header.csum_offset;
  }
  if (length > small_capacity) {
    memcpy(device->bytes + large, device->bytes + small, small_capacity);
    descriptor[RECEIVE_IN_LARGE] = 1;
  }
  descriptor[RECEIVE_LENGTH] = (int32_t)length;
  return 0;
}

static void receive(struct device *device) {
  for (int burst = 0; burst < BURSTS_PER_WAKEUP; burst++) {
    uint32_t count = 0;
    int result = 0;
    while (count < device->receive_entries) {
      result = read_frame(device, device->receive + (size_t)count * DESCRIPTOR_WORDS);
      if (result < 0)
        break;
      count++;
    }
    /* Where frames were lost, several are waiting. */
    if (burst == 0 && count > 1 && device->carrier == CARRIER_PACKET)
      packet_count_lost(device);
    if (count > 0 && !call(device, ON_BURST, (int32_t)count))
      return;
    if (result == -EAGAIN || !device->receiving)
      return;
    if (result < 0) {
      if (device->unix_peer != NULL)
        unix_datagram_clear_error(device);
      else if (device->carrier != CARRIER_PACKET || (result = interface_error(device)) < 0)
        poll_gone(device, result);
      return;
    }
  }
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  struct device *device = uv_handle_get_data((uv_handle_t *)handle);
  napi_handle_scope scope;
  if (napi_open_handle_scope(device->env, &scope) != napi_ok)
    return;
  if (status < 0) {
    /* libuv reports any error condition of the descriptor as EBADF. For a tap it means that the interface is gone. */
    int result = device->carrier == CARRIER_PACKET ? interface_error(device) : -EBADFD;
    if (device->unix_peer != NULL) {
      unix_datagram_clear_error(device);
      result = 0;
    }
    if (result < 0)
      poll_gone(device, result);
    else
      poll_update(device);
  } else {
    bool open = true;
    if ((events & UV_WRITABLE) != 0) {
      device->blocked = false;
      poll_update(device);
      open = call(device, ON_WRITABLE, 0);
    }
    if (open && device->receiving && (events & UV_READABLE) != 0)
      receive(device);
  }
  napi_close_handle_scope(device->env, scope);
}

/* Writes the virtio header into the bytes before the frame, which are headroom. */
static void write_header(uint8_t *frame, uint32_t header_length, const int32_t *descriptor) {
  struct virtio_net_hdr_mrg_rxbuf header;
  header.hdr.flags = (uint8_t)descriptor[TRANSMIT_FLAGS];
  header.hdr.gso_type = (uint8_t)(descriptor[TRANSMIT_FLAGS] >> 8);
  header.hdr.hdr_len = (uint16_t)descriptor[TRANSMIT_HEADER_LENGTH];
  header.hdr.gso_size = (uint16_t)descriptor[TRANSMIT_SEGMENT_SIZE];
  header.hdr.csum_start = (uint16_t)descriptor[TRANSMIT_CHECKSUM_START];
  header.hdr.csum_offset = (uint16_t)descriptor[TRANSMIT_CHECKSUM_OFFSET];
  header.num_buffers = 0;
  memcpy(frame - header_length, &header, header_length);
}

/* Pieces that a payload is gathered from, at most. */
enum { MOST_PIECES = 8 };

/*
 * Writes a frame whose payload lies in JavaScript's arrays. Those are asked where they are now, since they may have been given back
 * meanwhile. Returns what writev returns; with errno EFAULT where it is not all there.
 */
static ssize_t write_gathered(struct device *device, const int32_t *descriptor, uint8_t *frame, size_t length,
                              napi_value arrays) {
  napi_env env = device->env;
  const size_t in_memory = (uint16_t)descriptor[TRANSMIT_HEADER_LENGTH];
  size_t from = (uint32_t)descriptor[TRANSMIT_GATHERED] - 1;
  struct iovec parts[1 + MOST_PIECES];
  int count = 1;
  errno = EFAULT;
  if (in_memory > length)
    return -1;
  parts[0].iov_base = frame - device->header_length;
  parts[0].iov_len = device->header_length + in_memory;
  for (size_t left = length - in_memory; left > 0; count++) {
    napi_value array;
    napi_typedarray_type type;
    size_t array_length;
    uint8_t *bytes;
    if (count > MOST_PIECES || napi_get_element(env, arrays, (uint32_t)count - 1, &array) != napi_ok ||
        napi_get_typedarray_info(env, array, &type, &array_length, (void **)&bytes, NULL, NULL) != napi_ok ||
        type != napi_uint8_array || array_length <= from)
      return -1;
    const size_t piece = array_length - from < left ? array_length - from : left;
    parts[count].iov_base = bytes + from;
    parts[count].iov_len = piece;
    left -= piece;
    from = 0;
  }
  return writev(device->fd, parts, count);
}

/*
 * Writes up to `count` frames of the transmit ring from entry `first` on. Returns how many are done with, sent or
 * refused (their length is then a negative errno); fewer than `count` when the device takes no more for now.
 */
int poll_flush(struct device *device, uint32_t first, uint32_t count, napi_value gathered) {
  const uint32_t header_length = device->header_length;
  const uint32_t mask = device->transmit_entries - 1;
  if (count > device->transmit_entries)
    return -EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t entry = (first + i) & mask;
    int32_t *descriptor = device->transmit + (size_t)entry * DESCRIPTOR_WORDS;
    const size_t position = (uint32_t)descriptor[TRANSMIT_POSITION];
    const size_t length = (uint32_t)descriptor[TRANSMIT_LENGTH];
    napi_value arrays = NULL;
    if (position < header_length || position + length > device->bytes_length ||
        (descriptor[TRANSMIT_GATHERED] != 0 && napi_get_element(device->env, gathered, entry, &arrays) != napi_ok)) {
      descriptor[TRANSMIT_LENGTH] = -EFAULT;
      continue;
    }
    uint8_t *frame = device->bytes + position;
    if (header_length != 0)
      write_header(frame, header_length, descriptor);
    ssize_t written;
    do
      written = arrays != NULL ? write_gathered(device, descriptor, frame, length, arrays)
                               : write(device->fd, frame - header_length, length + header_length);
    while (written < 0 && errno == EINTR);
    if (written < 0 && device->unix_peer != NULL && unix_datagram_retry(device, errno))
      written = write(device->fd, frame, length);
    if (written >= 0)
      continue;
    if (errno == EAGAIN) {
      if (!device->blocked) {
        device->blocked = true;
        poll_update(device);
      }
      return (int)i;
    }
    descriptor[TRANSMIT_LENGTH] = -errno;
  }
  return (int)count;
}
