/*
 * What becomes of the interface behind a packet socket. One that goes down is like a cable that is pulled: the socket stays bound to
 * it and goes on when it is up again. The kernel reports that it goes down (ENETDOWN), and nothing after, not even that it is removed
 * then; so it is looked at from time to time while it is down.
 */
#include "addon.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Milliseconds between two looks. */
enum { INTERVAL = 200 };

/* 1 when it is up, 0 when it is down, -ENODEV when it is gone: removed, or moved to another namespace. */
static int state(const struct device *device) {
  struct sockaddr_ll address;
  socklen_t length = sizeof(address);
  /* The kernel takes the socket off an interface that leaves. */
  if (getsockname(device->fd, (struct sockaddr *)&address, &length) < 0 ||
      address.sll_ifindex != device->interface_index)
    return -ENODEV;
  return link_is_up(device);
}

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void on_timer(uv_timer_t *timer) {
  struct device *device = uv_handle_get_data((uv_handle_t *)timer);
  int present = state(device);
  if (present == 0)
    return;
  uv_timer_stop(timer);
  if (present > 0)
    return;
  napi_handle_scope scope;
  if (napi_open_handle_scope(device->env, &scope) != napi_ok)
    return;
  poll_gone(device, present);
  napi_close_handle_scope(device->env, scope);
}

static int wait_for_return(struct device *device) {
  if (device->down == NULL) {
    uv_loop_t *loop;
    uv_timer_t *timer = calloc(1, uv_handle_size(UV_TIMER));
    if (timer == NULL)
      return -ENOMEM;
    if (napi_get_uv_event_loop(device->env, &loop) != napi_ok || uv_timer_init(loop, timer) < 0) {
      free(timer);
      return -ENOTSUP;
    }
    uv_handle_set_data((uv_handle_t *)timer, device);
    /* Whether the process lives on is for the poll handle to say. */
    uv_unref((uv_handle_t *)timer);
    device->down = timer;
  }
  return uv_timer_start(device->down, on_timer, INTERVAL, INTERVAL);
}

int interface_error(struct device *device) {
  int error;
  socklen_t length = sizeof(error);
  /* Asking for it takes it away. */
  getsockopt(device->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  int present = state(device);
  if (present < 0)
    return present;
  return present > 0 ? 0 : wait_for_return(device);
}

/* The device may be freed before the timer is: that is stopped at once, and refers to it no more. */
void interface_close(struct device *device) {
  if (device->down != NULL)
    uv_close((uv_handle_t *)device->down, on_closed);
  device->down = NULL;
  if (device->claim >= 0)
    close(device->claim);
  device->claim = -1;
}
