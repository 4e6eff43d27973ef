/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap_device.h - TAP interfaces of the kernel, as file descriptors
 *
 * One lives as long as its descriptor is open, however the process ends. One thread.
 */
#ifndef NET_KERNEL_TAP_DEVICE_H
#define NET_KERNEL_TAP_DEVICE_H

#include <stdbool.h>

/**
 * tap_device_open() - make one
 * @name: 1 to 15 bytes
 * @ret_fd: non-blocking; reads and writes carry a struct frame_header before each frame
 * @ret_error: a sentence, for what the user can do something about; the caller frees
 * Return: 0, -EBUSY the name is taken, -errno
 */
int tap_device_open(const char *name, int *ret_fd, char **ret_error);

/** tap_device_set_up() - the same for a descriptor that is open: of a macvtap. 0 or -errno */
int tap_device_set_up(int fd, const char *name);

/** tap_device_set_carrier() - as of a cable plugged in on our side. Return: 0 or -errno */
int tap_device_set_carrier(int fd, bool on);

#endif
