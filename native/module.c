/*
 * What JavaScript sees; `TapBinding` in src/netif/tap-binding.ts describes each function. Devices are numbers to
 * JavaScript, looked up in a table of the environment, so that a stale one is an error and never a stray pointer.
 */
#include "addon.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Raised whenever the functions or descriptors change; tap-binding.ts compares it. */
#define INTERFACE_VERSION 2

static napi_value number(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

/* The arguments of a call, and the environment's state. Missing ones are `undefined`. */
static struct addon *arguments(napi_env env, napi_callback_info info, napi_value *values, size_t count) {
  void *data = NULL;
  napi_get_cb_info(env, info, &count, values, NULL, &data);
  return data;
}

/* Likewise, for a call whose first argument is a device: that device, or NULL when there is none of that number. */
static struct device *device_arguments(napi_env env, napi_callback_info info, napi_value *values, size_t count) {
  struct addon *addon = arguments(env, info, values, count);
  int32_t index;
  return napi_get_value_int32(env, values[0], &index) == napi_ok ? device_find(addon, index) : NULL;
}

static bool int32_array(napi_env env, napi_value value, int32_t **elements, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, (void **)elements, NULL, NULL) == napi_ok &&
         type == napi_int32_array;
}

static bool byte_array(napi_env env, napi_value value, uint8_t **elements, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, (void **)elements, NULL, NULL) == napi_ok &&
         type == napi_uint8_array;
}

/* What was opened, for JavaScript: { step, carrier, header length, offloads }. */
static napi_value opened(napi_env env, struct addon *addon, int result, enum step failed, napi_value details) {
  int32_t *words;
  size_t length;
  const struct device *device = result < 0 ? NULL : device_find(addon, result);
  if (int32_array(env, details, &words, &length) && length >= 4) {
    words[0] = failed;
    if (device != NULL) {
      words[1] = device->carrier;
      words[2] = (int32_t)device->header_length;
      words[3] = (int32_t)device->offloads;
    }
  }
  return number(env, result);
}

static napi_value open_device(napi_env env, napi_callback_info info, int kind) {
  napi_value values[4];
  struct addon *addon = arguments(env, info, values, 4);
  char name[IFNAMSIZ + 1];
  size_t length;
  bool persist, offload;
  if (napi_get_value_string_utf8(env, values[0], name, sizeof(name), &length) != napi_ok || length >= IFNAMSIZ ||
      napi_get_value_bool(env, values[1], &persist) != napi_ok ||
      napi_get_value_bool(env, values[2], &offload) != napi_ok)
    return number(env, -EINVAL);
  enum step failed;
  int result = device_open(addon, env, name, kind, persist, offload, &failed);
  return opened(env, addon, result, failed, values[3]);
}

static napi_value open_(napi_env env, napi_callback_info info) { return open_device(env, info, IFF_TAP); }

static napi_value open_queue(napi_env env, napi_callback_info info) {
  return open_device(env, info, IFF_TAP | IFF_MULTI_QUEUE);
}

static napi_value open_tun(napi_env env, napi_callback_info info) { return open_device(env, info, IFF_TUN); }

static napi_value open_packet(napi_env env, napi_callback_info info) {
  napi_value values[5];
  struct addon *addon = arguments(env, info, values, 5);
  char name[IFNAMSIZ + 1], namespace_path[4096];
  size_t length;
  bool own_address, offload;
  if (napi_get_value_string_utf8(env, values[0], name, sizeof(name), &length) != napi_ok || length >= IFNAMSIZ ||
      napi_get_value_string_utf8(env, values[1], namespace_path, sizeof(namespace_path), &length) != napi_ok ||
      length + 1 >= sizeof(namespace_path) || napi_get_value_bool(env, values[2], &own_address) != napi_ok ||
      napi_get_value_bool(env, values[3], &offload) != napi_ok)
    return number(env, -EINVAL);
  enum step failed;
  int result = device_open_packet(addon, env, name, namespace_path, own_address, offload, &failed);
  return opened(env, addon, result, failed, values[4]);
}

static napi_value open_unix_datagram(napi_env env, napi_callback_info info) {
  napi_value values[3];
  struct addon *addon = arguments(env, info, values, 3);
  char paths[2][109];
  size_t length;
  for (size_t i = 0; i < 2; i++)
    if (napi_get_value_string_utf8(env, values[i], paths[i], sizeof(paths[i]), &length) != napi_ok || length == 0 ||
        length > 107 || strlen(paths[i]) != length)
      return number(env, -EINVAL);
  enum step failed;
  int result = unix_datagram_open(addon, env, paths[0], paths[1], &failed);
  return opened(env, addon, result, failed, values[2]);
}

static napi_value filter(napi_env env, napi_callback_info info) {
  napi_value values[2];
  const struct device *device = device_arguments(env, info, values, 2);
  uint8_t *address;
  size_t length;
  if (device == NULL)
    return number(env, -EBADF);
  if (!byte_array(env, values[1], &address, &length) || length != 6)
    return number(env, -EINVAL);
  return number(env, packet_filter(device, address));
}

static napi_value claim(napi_env env, napi_callback_info info) {
  napi_value values[1];
  struct device *device = device_arguments(env, info, values, 1);
  return number(env, device == NULL ? -EBADF : packet_claim(device));
}

static napi_value adopt(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct addon *addon = arguments(env, info, values, 4);
  int32_t fd;
  bool offload;
  uint32_t header_length;
  if (napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_value_bool(env, values[1], &offload) != napi_ok ||
      napi_get_value_uint32(env, values[2], &header_length) != napi_ok || (header_length != 0 && header_length != 10))
    return number(env, -EINVAL);
  enum step failed;
  int result = device_adopt(addon, env, fd, offload, header_length, &failed);
  return opened(env, addon, result, failed, values[3]);
}

static napi_value name(napi_env env, napi_callback_info info) {
  napi_value values[1], result = NULL;
  const struct device *device = device_arguments(env, info, values, 1);
  char text[IFNAMSIZ];
  if (device == NULL || device_name(device, text) < 0)
    text[0] = '\0';
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

static napi_value start(napi_env env, napi_callback_info info) {
  napi_value values[9], resource_name;
  struct device *device = device_arguments(env, info, values, 9);
  size_t receive_words, transmit_words;
  if (device == NULL || device->started)
    return number(env, -EBADF);
  if (!byte_array(env, values[1], &device->bytes, &device->bytes_length) ||
      !int32_array(env, values[2], &device->receive, &receive_words) ||
      !int32_array(env, values[3], &device->transmit, &transmit_words) ||
      napi_get_value_uint32(env, values[4], &device->small_capacity) != napi_ok ||
      napi_get_value_uint32(env, values[5], &device->large_capacity) != napi_ok ||
      device->large_capacity <= device->small_capacity)
    return number(env, -EINVAL);
  device->receive_entries = (uint32_t)(receive_words / DESCRIPTOR_WORDS);
  device->transmit_entries = (uint32_t)(transmit_words / DESCRIPTOR_WORDS);
  device->receive_lost =
      receive_words % DESCRIPTOR_WORDS == 1 ? device->receive + (receive_words - 1) : NULL;
  if (device->transmit_entries == 0 || (device->transmit_entries & (device->transmit_entries - 1)) != 0)
    return number(env, -EINVAL);
  if (napi_create_string_utf8(env, "tapstack.Tap", NAPI_AUTO_LENGTH, &resource_name) != napi_ok ||
      napi_async_init(env, NULL, resource_name, &device->context) != napi_ok)
    return number(env, -ENOMEM);
  device->started = true;
  const napi_value kept[6] = {values[1], values[2], values[3], values[6], values[7], values[8]};
  for (size_t i = 0; i < 6; i++)
    if (napi_create_reference(env, kept[i], 1, &device->references[i]) != napi_ok)
      return number(env, -EINVAL);
  return number(env, 0);
}

static napi_value receive(napi_env env, napi_callback_info info) {
  napi_value values[1];
  struct device *device = device_arguments(env, info, values, 1);
  if (device == NULL || !device->started)
    return number(env, -EBADF);
  device->receiving = true;
  return number(env, poll_update(device));
}

static napi_value flush(napi_env env, napi_callback_info info) {
  napi_value values[4];
  struct device *device = device_arguments(env, info, values, 4);
  uint32_t first, count;
  if (device == NULL || !device->started)
    return number(env, -EBADF);
  if (napi_get_value_uint32(env, values[1], &first) != napi_ok ||
      napi_get_value_uint32(env, values[2], &count) != napi_ok)
    return number(env, -EINVAL);
  return number(env, poll_flush(device, first, count, values[3]));
}

static napi_value set_referenced(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct device *device = device_arguments(env, info, values, 2);
  bool referenced;
  if (device == NULL)
    return number(env, -EBADF);
  if (napi_get_value_bool(env, values[1], &referenced) != napi_ok)
    return number(env, -EINVAL);
  if (referenced)
    uv_ref((uv_handle_t *)device->poll);
  else
    uv_unref((uv_handle_t *)device->poll);
  return number(env, 0);
}

static napi_value close_(napi_env env, napi_callback_info info) {
  napi_value values[1];
  struct device *device = device_arguments(env, info, values, 1);
  if (device == NULL)
    return number(env, -EBADF);
  device_close(device);
  return number(env, 0);
}

static napi_value get_address(napi_env env, napi_callback_info info) {
  napi_value values[2];
  const struct device *device = device_arguments(env, info, values, 2);
  uint8_t *address;
  size_t length;
  if (device == NULL)
    return number(env, -EBADF);
  if (!byte_array(env, values[1], &address, &length) || length != 6)
    return number(env, -EINVAL);
  return number(env, link_get_address(device, address));
}

static napi_value set_address(napi_env env, napi_callback_info info) {
  napi_value values[2];
  const struct device *device = device_arguments(env, info, values, 2);
  uint8_t *address;
  size_t length;
  if (device == NULL)
    return number(env, -EBADF);
  if (!byte_array(env, values[1], &address, &length) || length != 6)
    return number(env, -EINVAL);
  return number(env, link_set_address(device, address));
}

static napi_value get_mtu(napi_env env, napi_callback_info info) {
  napi_value values[1];
  const struct device *device = device_arguments(env, info, values, 1);
  return number(env, device == NULL ? -EBADF : link_get_mtu(device));
}

static napi_value set_mtu(napi_env env, napi_callback_info info) {
  napi_value values[2];
  const struct device *device = device_arguments(env, info, values, 2);
  int32_t mtu;
  if (device == NULL)
    return number(env, -EBADF);
  if (napi_get_value_int32(env, values[1], &mtu) != napi_ok)
    return number(env, -EINVAL);
  return number(env, link_set_mtu(device, mtu));
}

static napi_value is_up(napi_env env, napi_callback_info info) {
  napi_value values[1];
  const struct device *device = device_arguments(env, info, values, 1);
  return number(env, device == NULL ? -EBADF : link_is_up(device));
}

static napi_value set_up(napi_env env, napi_callback_info info) {
  napi_value values[2];
  const struct device *device = device_arguments(env, info, values, 2);
  bool up;
  if (device == NULL)
    return number(env, -EBADF);
  if (napi_get_value_bool(env, values[1], &up) != napi_ok)
    return number(env, -EINVAL);
  return number(env, link_set_up(device, up));
}

static napi_value kernel_offloads(napi_env env, napi_callback_info info) {
  napi_value values[1];
  const struct device *device = device_arguments(env, info, values, 1);
  return number(env, device == NULL ? -EBADF : device_kernel_offloads(device));
}

static napi_value watch_iterations(napi_env env, napi_callback_info info) {
  napi_value values[2];
  arguments(env, info, values, 2);
  return number(env, iteration_watch(env, values[0], values[1]));
}

/* Gives back the memory of an ArrayBuffer now, where the garbage collector would some time: it is empty from now on. */
static napi_value free_buffer(napi_env env, napi_callback_info info) {
  napi_value values[1];
  arguments(env, info, values, 1);
  return number(env, napi_detach_arraybuffer(env, values[0]) == napi_ok ? 0 : -EINVAL);
}

/* Two joined sockets, one frame a message: what `adopt` also takes, and what tests without a device run on. */
static napi_value socket_pair(napi_env env, napi_callback_info info) {
  napi_value values[2];
  arguments(env, info, values, 2);
  bool sequenced;
  int32_t *pair;
  size_t length;
  if (napi_get_value_bool(env, values[0], &sequenced) != napi_ok || !int32_array(env, values[1], &pair, &length) ||
      length < 2)
    return number(env, -EINVAL);
  int result = socketpair(AF_UNIX, (sequenced ? SOCK_SEQPACKET : SOCK_DGRAM) | SOCK_CLOEXEC, 0, pair);
  return number(env, result < 0 ? -errno : 0);
}

static void on_instance_end(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct addon *addon = data;
  free(addon->devices);
  free(addon);
}

static bool export_function(napi_env env, napi_value exports, struct addon *addon, const char *function_name,
                            napi_callback callback) {
  napi_value function;
  return napi_create_function(env, function_name, NAPI_AUTO_LENGTH, callback, addon, &function) == napi_ok &&
         napi_set_named_property(env, exports, function_name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {
      {"open", open_},
      {"openQueue", open_queue},
      {"openTun", open_tun},
      {"openPacket", open_packet},
      {"openUnixDatagram", open_unix_datagram},
      {"filter", filter},
      {"claim", claim},
      {"adopt", adopt},
      {"name", name},
      {"start", start},
      {"receive", receive},
      {"flush", flush},
      {"setReferenced", set_referenced},
      {"close", close_},
      {"getAddress", get_address},
      {"setAddress", set_address},
      {"getMtu", get_mtu},
      {"setMtu", set_mtu},
      {"isUp", is_up},
      {"setUp", set_up},
      {"kernelOffloads", kernel_offloads},
      {"watchIterations", watch_iterations},
      {"queryInterface", interface_query},
      {"sendFrame", interface_send},
      {"callInNamespace", namespace_call},
      {"freeBuffer", free_buffer},
      {"receiveDatagrams", datagrams_receive},
      {"stopDatagrams", datagrams_stop},
      {"socketPair", socket_pair},
  };
  /* Guards the numbers that libuv.h takes for granted. */
  static const struct {
    int type;
    const char *name;
  } handles[] = {{UV_CHECK, "check"}, {UV_POLL, "poll"}, {UV_PREPARE, "prepare"}, {UV_TIMER, "timer"}};
  for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
    const char *handle_name = uv_handle_type_name(handles[i].type);
    if (handle_name == NULL || strcmp(handle_name, handles[i].name) != 0) {
      napi_throw_error(env, NULL, "tapstack's addon does not know this version of libuv");
      return NULL;
    }
  }
  struct addon *addon = calloc(1, sizeof(*addon));
  if (addon == NULL || napi_set_instance_data(env, addon, on_instance_end, NULL) != napi_ok) {
    free(addon);
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
    if (!export_function(env, exports, addon, functions[i].name, functions[i].callback))
      return NULL;
  napi_value version;
  if (napi_create_int32(env, INTERFACE_VERSION, &version) != napi_ok ||
      napi_set_named_property(env, exports, "interfaceVersion", version) != napi_ok)
    return NULL;
  return exports;
}
