/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - ask a vfio-user device what it is
 *
 * A connection for one thread that waits for each reply: what `outrigger inspect` needs.
 * Every reply is checked against its request before the caller sees it. Calls return 0 or
 *
 *   -ETIMEDOUT  no reply in time
 *   -EPROTO     the reply contradicts its request, or itself
 *   -ENOTCONN   the connection ended, now or earlier
 *   -errno      what the server replied; -ENOMEM also ours
 *
 * and write their out-parameters on success only.
 */
#ifndef VFIO_USER_CLIENT_H
#define VFIO_USER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/version.h"
#include "vfio_user/wire.h"

/* Devices that say they have more are not believed. */
#define CLIENT_MAX_REGIONS 1024u
#define CLIENT_MAX_IRQS	   1024u

struct client;

/** struct client_version - what was agreed */
struct client_version {
	uint16_t major, minor;
	struct version_caps caps; /* the server's; the default where it did not say */
	const char *json;	  /* the server's text, "" if none; the client's memory */
};

/** struct client_area - a part of a region that may be mapped */
struct client_area {
	uint64_t offset; /* in the region */
	uint64_t size;
};

struct client_region {
	uint64_t size;
	uint64_t offset; /* of the region in its fd */
	uint32_t flags;
	bool has_fd; /* memory to map came along (closed again) */
	size_t n_areas;
	struct client_area *areas; /* client_region_clear() frees them */
	bool has_type;
	uint32_t type, subtype;
};

/**
 * client_connect() - connect to the socket at path and negotiate
 * @timeout_ms: for this and every later call
 * @ret_error: a sentence on failure, to be freed by the caller, NULL if there is no memory for it
 *
 * Return: as above; or -errno of connect
 */
int client_connect(const char *path, int timeout_ms, struct client **ret, char **ret_error);
void client_free(struct client *client);

const struct client_version *client_version(const struct client *client);

/** client_error() - a sentence on the last failure of a call below: which command, which field */
const char *client_error(const struct client *client);

int client_device_info(struct client *client, struct wire_device_info *ret);

/** client_region_info() - retried with a larger argsz when the server asks for it */
int client_region_info(struct client *client, uint32_t index, struct client_region *ret);
void client_region_clear(struct client_region *region);

int client_irq_info(struct client *client, uint32_t index, struct wire_irq_info *ret);

/** client_region_read() - split by the server's limit; 0 only if all count bytes came */
int client_region_read(struct client *client, uint32_t region, uint64_t offset, void *buf,
		       size_t count);

#endif
