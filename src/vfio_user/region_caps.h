/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_caps.h - a client's view of the reply to "VFIO_USER_DEVICE_GET_REGION_INFO"
 */
#ifndef VFIO_USER_REGION_CAPS_H
#define VFIO_USER_REGION_CAPS_H

#include <stddef.h>

#include <outrigger/client.h>

/**
 * region_caps_parse() - check a whole reply and its capability chain
 * @reply: len bytes, at least the fixed part
 * @n_fds: that came along
 * @sparse_mmap_fds: was that capability agreed on?
 * @ret: all of it but fds; n_fds says how many of those that came belong to it.
 *	region_caps_clear() frees the areas
 * @ret_why: on -EPROTO: what is wrong, a static text
 *
 * Capabilities of unknown ids and versions are skipped.
 *
 * Return: 0, -EPROTO, -ENOMEM
 */
int region_caps_parse(const void *reply, size_t len, size_t n_fds, bool sparse_mmap_fds,
		      struct rig_region_info *ret, const char **ret_why);
void region_caps_clear(struct rig_region_info *info);

#endif
