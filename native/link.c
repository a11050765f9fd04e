/*
 * Link properties of the kernel's end of a tap, and of an interface behind an AF_PACKET socket, which is asked itself. The hardware address is asked of the tap's own descriptor, which works
 * without privileges and wherever the device is. MTU and state go by name through a socket, hence only for a device in
 * the network namespace that we are in.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int link_get_address(const struct device *device, uint8_t address[6]) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  if (device->carrier == CARRIER_PACKET) {
    int result = device_name(device, request.ifr_name);
    if (result < 0)
      return result;
  } else if (device->carrier != CARRIER_TAP)
    return -ENOTTY;
  if (ioctl(device->fd, SIOCGIFHWADDR, &request) < 0)
    return -errno;
  memcpy(address, request.ifr_hwaddr.sa_data, 6);
  return 0;
}

int link_set_address(const struct device *device, const uint8_t address[6]) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  if (device->carrier != CARRIER_TAP)
    return -ENOTTY;
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  memcpy(request.ifr_hwaddr.sa_data, address, 6);
  return ioctl(device->fd, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}

/*
 * A socket to configure the device through, with its present name in `request`; or a negative errno. A descriptor that
 * was passed to us may belong to a device of another namespace, where ours has an unrelated device of that name: the
 * hardware address tells them apart.
 */
static int open_control(const struct device *device, struct ifreq *request) {
  uint8_t address[6];
  memset(request, 0, sizeof(*request));
  int result = device_name(device, request->ifr_name);
  if (result < 0 || (result = link_get_address(device, address)) < 0)
    return result;
  /* It is in the namespace of the interface, wherever we are. */
  if (device->carrier == CARRIER_PACKET)
    return (result = fcntl(device->fd, F_DUPFD_CLOEXEC, 0)) < 0 ? -errno : result;
  int control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0)
    return -errno;
  if (ioctl(control, SIOCGIFHWADDR, request) < 0)
    result = -errno;
  else if (memcmp(request->ifr_hwaddr.sa_data, address, 6) != 0)
    result = -ENODEV;
  if (result == 0)
    return control;
  close(control);
  return result;
}

/* One ioctl by name; 0 or a negative errno, which closing the socket does not disturb. */
static int control_call(int control, unsigned long call, struct ifreq *request) {
  return ioctl(control, call, request) < 0 ? -errno : 0;
}

int link_get_mtu(const struct device *device) {
  struct ifreq request;
  int control = open_control(device, &request);
  if (control < 0)
    return control;
  int result = control_call(control, SIOCGIFMTU, &request);
  close(control);
  return result < 0 ? result : request.ifr_mtu;
}

int link_set_mtu(const struct device *device, int mtu) {
  struct ifreq request;
  int control = open_control(device, &request);
  if (control < 0)
    return control;
  request.ifr_mtu = mtu;
  int result = control_call(control, SIOCSIFMTU, &request);
  close(control);
  return result;
}

int link_is_up(const struct device *device) {
  struct ifreq request;
  int control = open_control(device, &request);
  if (control < 0)
    return control;
  int result = control_call(control, SIOCGIFFLAGS, &request);
  close(control);
  return result < 0 ? result : (request.ifr_flags & IFF_UP) != 0;
}

int link_set_up(const struct device *device, bool up) {
  struct ifreq request;
  int control = open_control(device, &request);
  if (control < 0)
    return control;
  int result = control_call(control, SIOCGIFFLAGS, &request);
  const bool is_up = (request.ifr_flags & IFF_UP) != 0;
  /* Asking for what is so already needs no privilege. */
  if (result == 0 && is_up != up) {
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    result = control_call(control, SIOCSIFFLAGS, &request);
  }
  close(control);
  return result;
}
