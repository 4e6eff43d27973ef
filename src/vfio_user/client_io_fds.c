/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_io_fds.c - "VFIO_USER_DEVICE_GET_REGION_IO_FDS"
 *
 * An entry has 40 bytes by the specification, 48 from libvfio-user, which adds a shadow ioeventfd:
 * which it is follows from argsz and count. All numbers are compared with what came before they are
 * used; an fd is handed out only if it is of the kind that its entry says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/peer_eventfd.h"
#include "vfio_user/client_internal.h"

#define NO_FD	    UINT32_MAX
#define FIRST_ARGSZ 2048u
#define TRIES	    3

/* Each takes one fd of this process, or two. */
#define IO_FDS_MAX  256u

struct wire_io_fd {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t shadow_index; /* of 48 bytes; else padding */
} WIRE_PACKED;
static_assert(sizeof(struct wire_io_fd) == 32, "spec: an entry, up to its last member");

#define STRIDE_SPEC   40u
#define STRIDE_SHADOW 48u

struct io_fds_reply {
	uint32_t region;
	uint32_t argsz; /* that was offered; then: that is needed */
	struct wire_region_io_fds head;
	uint8_t *entries;
	size_t len; /* of them */
	size_t n_fds;
	int fds[LINK_MAX_FDS];
};

static void reply_clear(struct io_fds_reply *reply)
{
	free(reply->entries);
	reply->entries = NULL;
	for (size_t i = 0; i < reply->n_fds; i++)
		close(reply->fds[i]);
	reply->n_fds = 0;
}

static int accept_io_fds(struct op *op, void *opaque, const void *payload, size_t len,
			 struct link_fds *fds)
{
	struct io_fds_reply *reply = opaque;

	memcpy(&reply->head, payload, sizeof(reply->head));
	if (reply->head.index != reply->region)
		return op_wrong(op, "region %u instead of %u", reply->head.index, reply->region);
	if (reply->head.argsz < sizeof(reply->head) ||
	    reply->head.argsz > client_reply_max(op->client))
		return op_wrong(op, "argsz %u", reply->head.argsz);
	reply->len = len - sizeof(reply->head);
	reply->entries = malloc(reply->len ? reply->len : 1);
	if (!reply->entries)
		return op_no_memory(op);
	memcpy(reply->entries, (const uint8_t *)payload + sizeof(reply->head), reply->len);
	for (; reply->n_fds < fds->n; reply->n_fds++) {
		reply->fds[reply->n_fds] = fds->fd[reply->n_fds];
		fds->fd[reply->n_fds] = -1;
	}
	return 0;
}

static int ask_once(struct rig_client *client, struct io_fds_reply *reply, rig_time deadline)
{
	const struct wire_region_io_fds head = { .argsz = reply->argsz, .index = reply->region };
	const struct iovec iov = { (void *)&head, sizeof(head) };
	const struct client_ask ask = {
		.command = WIRE_DEVICE_GET_REGION_IO_FDS,
		.iov = &iov,
		.n_iov = 1,
		.reply_min = sizeof(head),
		.reply_max = reply->argsz,
		.reply_fds_max = client->config.max_msg_fds,
		.accept = accept_io_fds,
		.opaque = reply,
	};

	return client_ask(client, &ask, deadline);
}

static int ask(struct rig_client *client, struct io_fds_reply *reply, rig_time deadline)
{
	reply->argsz = FIRST_ARGSZ;
	for (int i = 0; i < TRIES; i++) {
		uint32_t offered = reply->argsz;
		int r = ask_once(client, reply, deadline);

		if (r < 0 || reply->head.argsz <= offered)
			return r;
		reply->argsz = reply->head.argsz;
		reply_clear(reply);
	}
	return client_fail(client, RIG_LOG_WARNING, -EPROTO,
			   "DEVICE_GET_REGION_IO_FDS: always wants a larger argsz");
}

/* Return: bytes of an entry; 0: it makes no sense */
static size_t stride_of(const struct io_fds_reply *reply)
{
	size_t len = reply->head.argsz - sizeof(reply->head);
	size_t n = reply->head.count;

	if (n == 0 || len % n != 0 || len > reply->len)
		return 0;
	return len / n == STRIDE_SPEC || len / n == STRIDE_SHADOW ? len / n : 0;
}

static bool is_memory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Return: a duplicate, -1 for none; -EPROTO, errno of dup */
static int take_fd(const struct io_fds_reply *reply, uint32_t index, bool (*is_kind)(int fd))
{
	int fd;

	if (index == NO_FD)
		return -1;
	if (index >= reply->n_fds || (is_kind && !is_kind(reply->fds[index])))
		return -EPROTO;
	fd = fcntl(reply->fds[index], F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/* -1 is "none" here and -EPERM elsewhere; no fd is refused with that. */
static bool failed(int fd)
{
	return fd < -1;
}

static int parse_entry(const struct io_fds_reply *reply, const uint8_t *bytes, size_t stride,
		       uint64_t region_size, struct rig_io_fd *ret)
{
	struct wire_io_fd entry;
	uint64_t value;

	memcpy(&entry, bytes, sizeof(entry));
	memcpy(&value, bytes + stride - sizeof(value), sizeof(value));
	if (!wire_range_inside(entry.offset, entry.size, region_size) ||
	    entry.offset >= region_size || entry.type > RIG_IO_FD_SHADOW ||
	    (entry.type == RIG_IO_FD_SHADOW && stride != STRIDE_SHADOW))
		return -EPROTO;
	ret->offset = entry.offset;
	ret->size = entry.size;
	ret->type = entry.type;
	ret->flags = entry.flags;
	if (entry.type == RIG_IO_FD_IOREGIONFD)
		ret->user_data = value;
	else
		ret->datamatch = value;
	ret->fd = take_fd(reply, entry.fd_index,
			  entry.type == RIG_IO_FD_IOREGIONFD ? NULL : peer_eventfd_check);
	if (failed(ret->fd))
		return ret->fd;
	if (entry.type == RIG_IO_FD_SHADOW) {
		memcpy(&ret->shadow_offset, bytes + sizeof(entry), sizeof(ret->shadow_offset));
		ret->shadow_fd = take_fd(reply, entry.shadow_index, is_memory);
	}
	return failed(ret->shadow_fd) ? ret->shadow_fd : 0;
}

/* n entries without any fd */
static struct rig_io_fd *io_fds_new(size_t n)
{
	struct rig_io_fd *fds = calloc(n, sizeof(*fds));

	for (size_t i = 0; fds && i < n; i++)
		fds[i].fd = fds[i].shadow_fd = -1;
	return fds;
}

static int parse_entries(struct rig_client *client, const struct io_fds_reply *reply, size_t stride,
			 uint64_t region_size, struct rig_io_fd *fds)
{
	for (size_t i = 0; i < reply->head.count; i++) {
		int r = parse_entry(reply, reply->entries + i * stride, stride, region_size,
				    &fds[i]);

		if (r == -EPROTO)
			return client_fail(client, RIG_LOG_WARNING, r,
					   "DEVICE_GET_REGION_IO_FDS: entry %zu leaves the region, "
					   "or names an fd that did not come or is of another kind",
					   i);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse(struct rig_client *client, const struct io_fds_reply *reply, uint64_t region_size,
		 struct rig_io_fd **ret, size_t *ret_n)
{
	size_t n = reply->head.count, stride = stride_of(reply);
	struct rig_io_fd *fds = NULL;
	int r;

	if (n > 0 && stride == 0)
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "DEVICE_GET_REGION_IO_FDS: %zu entries in argsz %u, %zu bytes "
				   "came",
				   n, reply->head.argsz, reply->len);
	if (n > IO_FDS_MAX)
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "DEVICE_GET_REGION_IO_FDS: %zu entries", n);
	if (n > 0) {
		fds = io_fds_new(n);
		r = fds ? parse_entries(client, reply, stride, region_size, fds) : -ENOMEM;
		if (r < 0) {
			rig_client_io_fds_free(fds, n);
			return r;
		}
	}
	*ret = fds;
	*ret_n = n;
	return 0;
}

int rig_client_region_io_fds(struct rig_client *client, uint32_t region, struct rig_io_fd **ret,
			     size_t *ret_n, rig_time deadline)
{
	struct io_fds_reply reply = { .region = region };
	const struct rig_region_info *info;
	uint64_t region_size;
	int r = client_region_hold(client, region, &info, deadline);

	if (r < 0)
		return r;
	region_size = info->size;
	client_region_release(info);
	r = ask(client, &reply, deadline);
	if (r == 0)
		r = parse(client, &reply, region_size, ret, ret_n);
	reply_clear(&reply);
	return r;
}

void rig_client_io_fds_free(struct rig_io_fd *fds, size_t n)
{
	for (size_t i = 0; fds && i < n; i++) {
		if (fds[i].fd >= 0)
			close(fds[i].fd);
		if (fds[i].shadow_fd >= 0)
			close(fds[i].shadow_fd);
	}
	free(fds);
}
