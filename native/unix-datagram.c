/*
 * UNIX datagram sockets as carriers: a frame in each datagram, from the socket at our path to the one at the other end's. The other
 * end may come later, go, and come back as another socket at the same path. Connected to it the kernel tells us to wait while it has
 * no room, and lets nobody else send to us; but a socket that is gone stays connected until something is sent, and would keep its
 * successor from us. So the path is looked at from time to time.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Milliseconds between two looks. */
enum { INTERVAL = 250 };
/* Bytes of frames that may be under way; the kernel grants what it is allowed to. */
enum { SEND_BUFFER = 4 * 1024 * 1024 };

/* A file in whose place there may be another one of the same name. */
struct identity {
  dev_t device;
  ino_t number;
  struct timespec changed;
};

struct unix_peer {
  struct sockaddr_un local, remote;
  struct identity own, other;
  bool connected;
  uv_timer_t *timer;
};

static bool identify(const char *path, struct identity *identity) {
  struct stat found;
  if (stat(path, &found) < 0)
    return false;
  identity->device = found.st_dev;
  identity->number = found.st_ino;
  identity->changed = found.st_ctim;
  return true;
}

static bool is_same(const struct identity *one, const struct identity *other) {
  /* A number may be given again to the next file; then it has another time. */
  return one->device == other->device && one->number == other->number &&
         one->changed.tv_sec == other->changed.tv_sec && one->changed.tv_nsec == other->changed.tv_nsec;
}

static bool connect_to_peer(struct device *device) {
  struct unix_peer *peer = device->unix_peer;
  /* Before connecting: whoever takes its place in between is found at the next look. */
  peer->connected = identify(peer->remote.sun_path, &peer->other) &&
                    connect(device->fd, (const struct sockaddr *)&peer->remote, sizeof(peer->remote)) == 0;
  return peer->connected;
}

static void disconnect(struct device *device) {
  const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  device->unix_peer->connected = false;
  connect(device->fd, &nobody, sizeof(nobody));
}

static void on_timer(uv_timer_t *timer) {
  struct device *device = uv_handle_get_data((uv_handle_t *)timer);
  struct unix_peer *peer = device->unix_peer;
  struct identity present;
  if (peer->connected && identify(peer->remote.sun_path, &present) && is_same(&present, &peer->other))
    return;
  /* Also to hear from whoever comes next, from which another connection keeps it. */
  if (peer->connected)
    disconnect(device);
  connect_to_peer(device);
}

static void on_timer_closed(uv_handle_t *handle) {
  free(handle);
}

bool unix_datagram_retry(struct device *device, int error) {
  /* Not connected yet, or to one that is gone. */
  return (error == ENOTCONN || error == ECONNREFUSED || error == ECONNRESET) && connect_to_peer(device);
}

void unix_datagram_clear_error(struct device *device) {
  int error;
  socklen_t length = sizeof(error);
  /* Asking for it takes it away: the other end has disconnected, and may come back. */
  getsockopt(device->fd, SOL_SOCKET, SO_ERROR, &error, &length);
}

void unix_datagram_close(struct device *device) {
  struct unix_peer *peer = device->unix_peer;
  struct identity present;
  if (peer == NULL)
    return;
  device->unix_peer = NULL;
  /* What has been put in its place is somebody else's. */
  if (identify(peer->local.sun_path, &present) && present.device == peer->own.device &&
      present.number == peer->own.number)
    unlink(peer->local.sun_path);
  uv_close((uv_handle_t *)peer->timer, on_timer_closed);
  free(peer);
}

/* Whether a socket has been left behind by a process that was killed: it is there, and nobody has it open. */
static bool is_stale(const struct sockaddr_un *address) {
  struct stat found;
  if (lstat(address->sun_path, &found) < 0 || !S_ISSOCK(found.st_mode))
    return false;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  bool stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
  close(fd);
  return stale;
}

static int bind_to(int fd, const struct sockaddr_un *address) {
  if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
    return 0;
  if (errno != EADDRINUSE || !is_stale(address))
    return -errno;
  unlink(address->sun_path);
  return bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
}

/* A timer of the loop that keeps nothing running: whether the process lives on is for the poll handle to say. */
static uv_timer_t *new_timer(napi_env env) {
  uv_loop_t *loop;
  uv_timer_t *timer = calloc(1, uv_handle_size(UV_TIMER));
  if (timer == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok || uv_timer_init(loop, timer) < 0) {
    free(timer);
    return NULL;
  }
  uv_unref((uv_handle_t *)timer);
  return timer;
}

int unix_datagram_open(struct addon *addon, napi_env env, const char *local, const char *remote, enum step *failed) {
  const int size = SEND_BUFFER;
  int result;

  *failed = STEP_SOCKET;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

  *failed = STEP_MEMORY;
  struct unix_peer *peer = calloc(1, sizeof(*peer));
  if (peer == NULL) {
    close(fd);
    return -ENOMEM;
  }
  peer->local.sun_family = peer->remote.sun_family = AF_UNIX;
  strncpy(peer->local.sun_path, local, sizeof(peer->local.sun_path) - 1);
  strncpy(peer->remote.sun_path, remote, sizeof(peer->remote.sun_path) - 1);

  *failed = STEP_BIND;
  result = bind_to(fd, &peer->local);
  if (result < 0)
    goto fail;
  if (!identify(peer->local.sun_path, &peer->own)) {
    result = -errno;
    goto fail;
  }
  *failed = STEP_POLL;
  result = -ENOMEM;
  if ((peer->timer = new_timer(env)) == NULL)
    goto unbind;
  result = device_create(addon, env, fd, CARRIER_DATAGRAM, 0, 0, failed);
  if (result < 0) {
    uv_close((uv_handle_t *)peer->timer, on_timer_closed);
    goto unbind;
  }
  struct device *device = device_find(addon, result);
  device->unix_peer = peer;
  uv_handle_set_data((uv_handle_t *)peer->timer, device);
  uv_timer_start(peer->timer, on_timer, INTERVAL, INTERVAL);
  connect_to_peer(device);
  return result;

unbind:
  unlink(peer->local.sun_path);
fail:
  free(peer);
  close(fd);
  return result;
}
