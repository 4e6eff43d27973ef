/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_io_fds.c - fds that stand for writes to regions ("VFIO_USER_DEVICE_GET_REGION_IO_FDS")
 *
 * An entry has 40 bytes in the specification. libvfio-user put a shadow ioeventfd into its, which
 * made them 48: that layout is used for a region that has one, for all of its entries, as a client
 * tells them apart by (argsz - 16) / count only. Every other region gets the specification's.
 *
 * A client that takes fewer fds than there are is told of the first entries that it can have whole.
 */
#include "vfio_user/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ENTRIES 16u
#define MAX_FDS	    (2 * MAX_ENTRIES)

#define FD_FLAGS    (RIG_IO_FD_FLAG_DATAMATCH | RIG_IO_FD_FLAG_PIO | RIG_IO_FD_FLAG_CCW)

/**
 * struct server_io_fds - of one region
 * @fds: ours; one that several entries name is here once, where it was first named
 */
struct server_io_fds {
	struct entry {
		struct rig_io_fd_desc desc;
		uint32_t fd_index;
		uint32_t shadow_index; /* WIRE_REGION_IO_FD_NONE: there is none */
	} entries[MAX_ENTRIES];
	uint32_t n_entries;
	int fds[MAX_FDS];
	uint32_t n_fds;
	bool has_shadow;
};

static bool size_valid(uint64_t size)
{
	return size <= 8 && (size & (size - 1)) == 0;
}

static bool desc_valid(const struct rig_server *server, uint32_t region,
		       const struct rig_io_fd_desc *desc)
{
	const struct rig_device *device = &server->device;

	if (region >= device->n_regions || desc->fd < 0 || (desc->flags & ~FD_FLAGS))
		return false;
	if (desc->type != RIG_IO_FD_IOEVENTFD &&
	    (desc->type != RIG_IO_FD_SHADOW || desc->shadow_fd < 0))
		return false;
	return size_valid(desc->size) &&
	       wire_range_inside(desc->offset, desc->size ? desc->size : 1,
				 device->regions[region].size);
}

/* Numbers tell nothing: this compares what they refer to. Where it cannot, nothing is shared. */
static bool same_file(int a, int b)
{
	pid_t self = getpid();

	return syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

/* Return: its index, a duplicate if it is new; or -errno */
static int add_fd(struct server_io_fds *list, int fd)
{
	int copy;

	for (uint32_t i = 0; i < list->n_fds; i++)
		if (same_file(list->fds[i], fd))
			return (int)i;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	list->fds[list->n_fds] = copy;
	return (int)list->n_fds++;
}

static void drop_fds_from(struct server_io_fds *list, uint32_t n)
{
	while (list->n_fds > n)
		close(list->fds[--list->n_fds]);
}

static int add_entry(struct server_io_fds *list, const struct rig_io_fd_desc *desc)
{
	struct entry *entry = &list->entries[list->n_entries];
	bool shadow = desc->type == RIG_IO_FD_SHADOW;
	uint32_t fds_before = list->n_fds;
	int fd = add_fd(list, desc->fd);
	int shadow_fd = fd >= 0 && shadow ? add_fd(list, desc->shadow_fd) : 0;

	if (fd < 0 || shadow_fd < 0) {
		drop_fds_from(list, fds_before);
		return fd < 0 ? fd : shadow_fd;
	}
	*entry = (struct entry) { *desc, (uint32_t)fd,
				  shadow ? (uint32_t)shadow_fd : WIRE_REGION_IO_FD_NONE };
	list->has_shadow |= shadow;
	list->n_entries++;
	return 0;
}

int rig_server_add_io_fd(struct rig_server *server, uint32_t region,
			 const struct rig_io_fd_desc *desc)
{
	if (!desc_valid(server, region, desc))
		return -EINVAL;
	if (!server->io_fds[region]) {
		server->io_fds[region] = calloc(1, sizeof(*server->io_fds[region]));
		if (!server->io_fds[region])
			return -ENOMEM;
	}
	if (server->io_fds[region]->n_entries == MAX_ENTRIES)
		return -ENOSPC;
	return add_entry(server->io_fds[region], desc);
}

void server_io_fds_free(struct rig_server *server)
{
	if (!server->io_fds)
		return;
	for (uint32_t i = 0; i < server->device.n_regions; i++) {
		if (server->io_fds[i])
			drop_fds_from(server->io_fds[i], 0);
		free(server->io_fds[i]);
	}
	free(server->io_fds);
}

static uint32_t fds_of(const struct entry *entry)
{
	uint32_t last = entry->fd_index;

	if (entry->shadow_index != WIRE_REGION_IO_FD_NONE && entry->shadow_index > last)
		last = entry->shadow_index;
	return last + 1;
}

static void put_entry(const struct entry *entry, struct wire_region_io_fd *out)
{
	*out = (struct wire_region_io_fd) {
		.offset = entry->desc.offset,
		.size = entry->desc.size,
		.fd_index = entry->fd_index,
		.type = entry->desc.type,
		.flags = entry->desc.flags,
		.data = entry->desc.datamatch,
	};
}

static void put_shadow_entry(const struct entry *entry, struct wire_region_io_fd_shadow *out)
{
	*out = (struct wire_region_io_fd_shadow) {
		.offset = entry->desc.offset,
		.size = entry->desc.size,
		.fd_index = entry->fd_index,
		.type = entry->desc.type,
		.flags = entry->desc.flags,
		.shadow_fd_index = entry->shadow_index,
		.shadow_offset = entry->desc.shadow_offset,
		.datamatch = entry->desc.datamatch,
	};
}

/* What one client is told: the first n entries, which take the first n_fds fds. */
struct offer {
	const struct server_io_fds *list;
	uint32_t n;
	uint32_t n_fds;
};

static struct offer make_offer(const struct server_io_fds *list, uint32_t max_fds)
{
	struct offer offer = { .list = list };

	while (list && offer.n < list->n_entries && fds_of(&list->entries[offer.n]) <= max_fds) {
		uint32_t n_fds = fds_of(&list->entries[offer.n++]);

		if (n_fds > offer.n_fds)
			offer.n_fds = n_fds;
	}
	return offer;
}

int server_serve_region_io_fds(struct rig_conn *conn, struct front_request *request)
{
	const struct rig_device *device = &conn->server->device;
	const struct wire_region_io_fds *asked = request->wire.region_io_fds;
	union {
		struct wire_region_io_fd plain[MAX_ENTRIES];
		struct wire_region_io_fd_shadow shadow[MAX_ENTRIES];
	} entries;
	struct wire_region_io_fds head = { .index = asked->index };
	struct iovec iov[] = { { &head, sizeof(head) }, { &entries, 0 } };
	struct offer offer;
	bool whole;

	if (asked->index >= device->n_regions || device->regions[asked->index].size == 0)
		return server_refuse(conn, -EINVAL, "io fds of region %u", asked->index);
	offer = make_offer(conn->server->io_fds[asked->index], conn->client_caps.max_msg_fds);
	for (uint32_t i = 0; i < offer.n; i++) {
		if (offer.list->has_shadow)
			put_shadow_entry(&offer.list->entries[i], &entries.shadow[i]);
		else
			put_entry(&offer.list->entries[i], &entries.plain[i]);
	}
	if (offer.n > 0)
		iov[1].iov_len = offer.n * (offer.list->has_shadow ? sizeof(entries.shadow[0])
								   : sizeof(entries.plain[0]));
	head.argsz = (uint32_t)(sizeof(head) + iov[1].iov_len);
	head.count = offer.n;
	whole = asked->argsz >= head.argsz;
	front_reply_ok(conn->front, request, iov, whole ? 2 : 1,
		       offer.list ? offer.list->fds : NULL, whole ? offer.n_fds : 0);
	return 0;
}
