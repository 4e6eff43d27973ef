/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_caps.h - a client's view of the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 */
#ifndef VFIO_USER_REGION_CAPS_H
#define VFIO_USER_REGION_CAPS_H

#include <stddef.h>

#include "vfio_user/client.h"

/**
 * region_caps_parse() - check a whole reply and its capability chain
 * @reply: len bytes, at least the fixed part
 * @n_fds: that came along
 * @sparse_mmap_fds: was that capability agreed on?
 * @ret_why: on -EPROTO: what is wrong, a static text
 *
 * Capabilities of unknown ids and versions are skipped.
 *
 * Return: 0, -EPROTO, -ENOMEM
 */
int region_caps_parse(const void *reply, size_t len, size_t n_fds, bool sparse_mmap_fds,
		      struct client_region *ret, const char **ret_why);

#endif
