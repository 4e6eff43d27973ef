/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_device.c - /dev/net/tun
 *
 * Multi-queue from the start, so that a second data-path thread may open a second queue by the same
 * name. No offloads are announced: what the kernel hands out has its checksums done and is no
 * longer than the MTU. What we write may ask for both in its header.
 */
#include "net/kernel/tap_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/kernel/privilege.h"
#include "sys/explain.h"
#include "virtio/frame.h"

#define TUN_PATH "/dev/net/tun"

static int explain_open(int error, char **ret_error)
{
	if (error == ENOENT || error == ENXIO || error == ENODEV)
		return explain(ret_error, -error,
			       "%s: %s; load the kernel's module tun (modprobe tun), or give the "
			       "container this device",
			       TUN_PATH, strerror(error));
	return explain(ret_error, -error, "%s: %s; let this user read and write it", TUN_PATH,
		       strerror(error));
}

static int set_header(int fd)
{
	int header_len = sizeof(struct frame_header), little_endian = 1;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0 ||
	    ioctl(fd, TUNSETVNETLE, &little_endian) < 0 || ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		return -errno;
	return 0;
}

static int attach(int fd, const char *name, int flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
						      IFF_MULTI_QUEUE | flags) };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tap_device_set_up(int fd, const char *name)
{
	int r = attach(fd, name, 0);

	return r < 0 ? r : set_header(fd);
}

int tap_device_open(const char *name, int *ret_fd, char **ret_error)
{
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return explain_open(errno, ret_error);
	r = attach(fd, name, IFF_TUN_EXCL);
	if (r == -EPERM || r == -EACCES)
		r = privilege_explain(r, ret_error);
	if (r >= 0)
		r = set_header(fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int tap_device_set_carrier(int fd, bool on)
{
	int value = on;

	return ioctl(fd, TUNSETCARRIER, &value) < 0 ? -errno : 0;
}
