/*
 * Receiving datagrams of a UDP socket of the operating system together with the address that each was sent to (IP_PKTINFO, ip(7), and
 * IPV6_PKTINFO, RFC 3542, section 6.2), which neither libuv nor Node asks for. The socket is Node's, which sends through it; what is
 * read here is a duplicate of its descriptor, which the event loop watches on its own.
 */
/* struct in6_pktinfo. */
#define _GNU_SOURCE

#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams that one wake-up may deliver before the event loop gets its turn for other handles. */
enum { DATAGRAMS_PER_WAKEUP = 64 };

struct datagrams {
  napi_env env;
  int fd;
  uv_poll_t *poll;
  bool closing;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  napi_ref on_datagram, memory;
  uint8_t *bytes;
  size_t capacity;
};

/* An address of a link alone, fe80::/10, names its interface. */
enum { TEXT_LENGTH = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE };

static void write_ipv6(char *text, const struct in6_addr *address, uint32_t interface) {
  char name[IF_NAMESIZE];
  inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
  if (IN6_IS_ADDR_LINKLOCAL(address) && interface != 0 && if_indextoname(interface, name) != NULL) {
    strcat(text, "%");
    strcat(text, name);
  }
}

static void write_source(char *text, uint16_t *port, const struct sockaddr_storage *source) {
  if (source->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
    inet_ntop(AF_INET, &v4->sin_addr, text, INET_ADDRSTRLEN);
    *port = ntohs(v4->sin_port);
  } else {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)source;
    write_ipv6(text, &v6->sin6_addr, v6->sin6_scope_id);
    *port = ntohs(v6->sin6_port);
  }
}

static void write_destination(char *text, struct msghdr *message) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof(info));
      inet_ntop(AF_INET, &info.ipi_addr, text, INET_ADDRSTRLEN);
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof(info));
      write_ipv6(text, &info.ipi6_addr, info.ipi6_ifindex);
    }
  }
}

/* Calls JavaScript. False when nothing more is to be delivered. */
static bool deliver(struct datagrams *datagrams, int32_t length, const char *source, uint16_t port, const char *to) {
  napi_env env = datagrams->env;
  napi_value function, receiver, values[4], error;
  if (napi_get_reference_value(env, datagrams->on_datagram, &function) != napi_ok ||
      napi_get_global(env, &receiver) != napi_ok || napi_create_int32(env, length, &values[0]) != napi_ok ||
      napi_create_string_latin1(env, source, NAPI_AUTO_LENGTH, &values[1]) != napi_ok ||
      napi_create_uint32(env, port, &values[2]) != napi_ok ||
      napi_create_string_latin1(env, to, NAPI_AUTO_LENGTH, &values[3]) != napi_ok)
    return false;
  if (napi_make_callback(env, datagrams->context, receiver, function, 4, values, NULL) != napi_ok) {
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) != napi_ok || !pending ||
        napi_get_and_clear_last_exception(env, &error) != napi_ok) {
      /* The environment is being torn down. */
      if (!datagrams->closing)
        uv_poll_stop(datagrams->poll);
      return false;
    }
    napi_fatal_exception(env, error);
  }
  return !datagrams->closing;
}

/* False when nothing more is there, or to be delivered. */
static bool receive_one(struct datagrams *datagrams) {
  char source[TEXT_LENGTH] = "", to[TEXT_LENGTH] = "";
  uint16_t port = 0;
  struct sockaddr_storage address;
  union {
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr alignment;
  } control;
  struct iovec part = {.iov_base = datagrams->bytes, .iov_len = datagrams->capacity};
  struct msghdr message = {
      .msg_name = &address,
      .msg_namelen = sizeof(address),
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = sizeof(control.bytes),
  };
  ssize_t length;
  do
    length = recvmsg(datagrams->fd, &message, MSG_DONTWAIT);
  while (length < 0 && errno == EINTR);
  if (length < 0)
    return errno != EAGAIN && deliver(datagrams, -errno, source, 0, to);
  write_source(source, &port, &address);
  write_destination(to, &message);
  return deliver(datagrams, (int32_t)length, source, port, to);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  struct datagrams *datagrams = uv_handle_get_data((uv_handle_t *)handle);
  napi_handle_scope scope;
  (void)events;
  bool goes_on = true;
  for (int i = 0; goes_on && i < DATAGRAMS_PER_WAKEUP; i++) {
    if (napi_open_handle_scope(datagrams->env, &scope) != napi_ok)
      return;
    goes_on = receive_one(datagrams);
    napi_close_handle_scope(datagrams->env, scope);
  }
  /* libuv stops at an error of the socket, which the other end has caused: reading has told of it. */
  if (status < 0 && !datagrams->closing)
    uv_poll_start(handle, UV_READABLE, on_poll);
}

static void on_closed(uv_handle_t *handle) {
  struct datagrams *datagrams = uv_handle_get_data(handle);
  napi_delete_reference(datagrams->env, datagrams->on_datagram);
  napi_delete_reference(datagrams->env, datagrams->memory);
  napi_async_destroy(datagrams->env, datagrams->context);
  napi_remove_async_cleanup_hook(datagrams->cleanup);
  free(handle);
  free(datagrams);
}

static void stop(struct datagrams *datagrams) {
  if (datagrams->closing)
    return;
  datagrams->closing = true;
  uv_close((uv_handle_t *)datagrams->poll, on_closed);
  close(datagrams->fd);
}

static void on_environment_exit(napi_async_cleanup_hook_handle cleanup, void *data) {
  (void)cleanup; /* on_closed removes it. */
  stop(data);
}

/* Asks for the address; on a socket of both families for that of either. */
static int ask_for_destination(int fd, bool is_ipv6) {
  const int on = 1;
  if (is_ipv6)
    return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
  return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

static napi_value errno_value(napi_env env, int error) {
  napi_value value = NULL;
  napi_create_int32(env, -error, &value);
  return value;
}

napi_value datagrams_receive(napi_env env, napi_callback_info info) {
  napi_value values[4], name, result;
  size_t count = 4;
  int32_t fd;
  bool is_ipv6;
  napi_typedarray_type type;
  uv_loop_t *loop;
  struct datagrams *datagrams = calloc(1, sizeof(*datagrams));
  uv_poll_t *poll = calloc(1, uv_handle_size(UV_POLL));
  int error = ENOMEM;
  if (datagrams == NULL || poll == NULL)
    goto fail;
  datagrams->env = env;
  datagrams->poll = poll;
  error = EINVAL;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok || count != 4 ||
      napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_value_bool(env, values[1], &is_ipv6) != napi_ok ||
      napi_get_typedarray_info(env, values[2], &type, &datagrams->capacity, (void **)&datagrams->bytes, NULL, NULL) !=
          napi_ok ||
      type != napi_uint8_array || napi_get_uv_event_loop(env, &loop) != napi_ok)
    goto fail;
  datagrams->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (datagrams->fd < 0 || ask_for_destination(datagrams->fd, is_ipv6) < 0) {
    error = errno;
    goto close;
  }
  error = ENOMEM;
  if (napi_create_string_utf8(env, "tapstack.Datagrams", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, values[2], 1, &datagrams->memory) != napi_ok ||
      napi_create_reference(env, values[3], 1, &datagrams->on_datagram) != napi_ok ||
      napi_async_init(env, NULL, name, &datagrams->context) != napi_ok ||
      napi_create_external(env, datagrams, NULL, NULL, &result) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_exit, datagrams, &datagrams->cleanup) != napi_ok)
    goto close;
  int status = uv_poll_init(loop, poll, datagrams->fd);
  if (status < 0) {
    napi_remove_async_cleanup_hook(datagrams->cleanup);
    error = -status;
    goto close;
  }
  uv_handle_set_data((uv_handle_t *)poll, datagrams);
  uv_poll_start(poll, UV_READABLE, on_poll);
  return result;

close:
  if (datagrams->memory != NULL)
    napi_delete_reference(env, datagrams->memory);
  if (datagrams->on_datagram != NULL)
    napi_delete_reference(env, datagrams->on_datagram);
  if (datagrams->context != NULL)
    napi_async_destroy(env, datagrams->context);
  if (datagrams->fd >= 0)
    close(datagrams->fd);
fail:
  free(poll);
  free(datagrams);
  return errno_value(env, error);
}

/* Once for each that `datagrams_receive` has returned. */
napi_value datagrams_stop(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  void *datagrams;
  if (napi_get_cb_info(env, info, &count, &value, NULL, NULL) != napi_ok ||
      napi_get_value_external(env, value, &datagrams) != napi_ok)
    return errno_value(env, EINVAL);
  stop(datagrams);
  return errno_value(env, 0);
}
