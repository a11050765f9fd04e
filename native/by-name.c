/*
 * What is asked of an interface by its name, and doing something in another network namespace: for ways to an interface that are
 * opened elsewhere, by libpcap or a raw socket.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

extern int setns(int fd, int type);

#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif

static napi_value number(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

/* Words of the answer; `InterfaceFact` in tap-binding.ts. */
enum fact { FACT_INDEX, FACT_FLAGS, FACT_MTU, FACT_HARDWARE_TYPE, FACT_ADDRESS_HIGH, FACT_ADDRESS_LOW, FACTS };

static int query(const char *name, int32_t *facts) {
  static const unsigned long calls[] = {SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR};
  int control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0)
    return -errno;
  int result = 0;
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && result == 0; i++) {
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    memcpy(request.ifr_name, name, strlen(name));
    if (ioctl(control, calls[i], &request) < 0)
      result = -errno;
    else if (calls[i] == SIOCGIFINDEX)
      facts[FACT_INDEX] = request.ifr_ifindex;
    else if (calls[i] == SIOCGIFFLAGS)
      facts[FACT_FLAGS] = (uint16_t)request.ifr_flags;
    else if (calls[i] == SIOCGIFMTU)
      facts[FACT_MTU] = request.ifr_mtu;
    else {
      const uint8_t *address = (const uint8_t *)request.ifr_hwaddr.sa_data;
      facts[FACT_HARDWARE_TYPE] = request.ifr_hwaddr.sa_family;
      facts[FACT_ADDRESS_HIGH] = address[0] << 8 | address[1];
      facts[FACT_ADDRESS_LOW] =
          (int32_t)((uint32_t)address[2] << 24 | (uint32_t)address[3] << 16 | (uint32_t)address[4] << 8 | address[5]);
    }
  }
  close(control);
  return result;
}

napi_value interface_query(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2, length;
  char name[IFNAMSIZ + 1];
  napi_typedarray_type type;
  int32_t *facts;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (napi_get_value_string_utf8(env, values[0], name, sizeof(name), &length) != napi_ok || length >= IFNAMSIZ ||
      napi_get_typedarray_info(env, values[1], &type, &length, (void **)&facts, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length < FACTS)
    return number(env, -EINVAL);
  return number(env, query(name, facts));
}

static int send_frame(const char *name, const uint8_t *frame, size_t length) {
  int32_t facts[FACTS];
  int result = query(name, facts);
  if (result < 0)
    return result;
  /* Protocol 0 receives nothing. */
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = facts[FACT_INDEX]};
  result = sendto(fd, frame, length, 0, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
  close(fd);
  return result;
}

/* Sends one frame through an interface, by a socket that is made for it. */
napi_value interface_send(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2, length;
  char name[IFNAMSIZ + 1];
  napi_typedarray_type type;
  uint8_t *frame;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (napi_get_value_string_utf8(env, values[0], name, sizeof(name), &length) != napi_ok || length >= IFNAMSIZ ||
      napi_get_typedarray_info(env, values[1], &type, &length, (void **)&frame, NULL, NULL) != napi_ok ||
      type != napi_uint8_array)
    return number(env, -EINVAL);
  return number(env, send_frame(name, frame, length));
}

/*
 * Calls a function while this thread is in the network namespace `path`. What it opens meanwhile belongs there for good. Returns 0
 * or a negative errno; what the function throws goes on to the caller, after the thread is back.
 */
napi_value namespace_call(napi_env env, napi_callback_info info) {
  napi_value values[2], receiver;
  size_t count = 2, length;
  char path[4096];
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (napi_get_value_string_utf8(env, values[0], path, sizeof(path), &length) != napi_ok ||
      length + 1 >= sizeof(path) || napi_get_global(env, &receiver) != napi_ok)
    return number(env, -EINVAL);
  int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (here < 0)
    return number(env, -errno);
  int there = open(path, O_RDONLY | O_CLOEXEC);
  int result = there < 0 || setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
  if (there >= 0)
    close(there);
  if (result == 0) {
    napi_call_function(env, receiver, values[1], 0, NULL, NULL);
    /* A thread that cannot get back must not go on: everything else it opens would be in the wrong place. */
    if (setns(here, CLONE_NEWNET) < 0)
      napi_fatal_error("namespace_call", NAPI_AUTO_LENGTH, "cannot return to the network namespace", NAPI_AUTO_LENGTH);
  }
  close(here);
  return number(env, result);
}
