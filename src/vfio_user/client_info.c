/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_info.c - what the device says of itself
 *
 * Asked once and remembered, but for the interrupts. Two threads may ask for the same at once: what
 * was stored first stays, because somebody may have a pointer to it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio_user/client_internal.h"
#include "vfio_user/region_caps.h"

/* Rounds of "argsz is too small": more than the region's description can need to settle. */
#define REGION_INFO_TRIES 3
#define REPLY_MAX	  65536u

/**
 * struct known_region - info.areas and info.fds are its own
 * @refs: the client's, and one of each thread that uses it while another may reconnect
 */
struct known_region {
	atomic_uint refs;
	struct rig_region_info info;
	int fds[];
};

uint32_t client_reply_max(const struct rig_client *client)
{
	const struct wire_limits limits = { client->config.max_data_xfer_size, 0 };
	uint32_t max = wire_max_size(&limits) - (uint32_t)sizeof(struct wire_header);

	return max < REPLY_MAX ? max : REPLY_MAX;
}

/* A question whose reply has its size. */
static int ask_fixed(struct rig_client *client, enum wire_command command, void *message,
		     size_t len, client_accept *accept, rig_time deadline)
{
	const struct iovec iov = { message, len };
	const struct client_ask ask = {
		.command = command,
		.iov = &iov,
		.n_iov = 1,
		.reply_min = len,
		.reply_max = len,
		.accept = accept,
		.opaque = message,
	};

	return client_ask(client, &ask, deadline);
}

/* The device */

static int accept_device_info(struct op *op, void *opaque, const void *payload, size_t len,
			      struct link_fds *fds)
{
	struct wire_device_info info;

	memcpy(&info, payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return op_wrong(op, "argsz %u", info.argsz);
	if (info.num_regions > RIG_CLIENT_MAX_REGIONS || info.num_irqs > RIG_CLIENT_MAX_IRQS)
		return op_wrong(op, "%u regions and %u irq indexes", info.num_regions,
				info.num_irqs);
	memcpy(opaque, &info, sizeof(info));
	return 0;
}

static bool recall_device(struct rig_client *client, struct rig_device_info *ret)
{
	bool known;

	pthread_mutex_lock(&client->lock);
	known = client->has_device;
	if (known)
		*ret = client->device;
	pthread_mutex_unlock(&client->lock);
	return known;
}

static int remember_device(struct rig_client *client, const struct wire_device_info *info)
{
	struct known_region **regions =
		calloc(info->num_regions + 1, sizeof(struct known_region *));
	bool spare;

	if (!regions)
		return -ENOMEM;
	pthread_mutex_lock(&client->lock);
	spare = client->has_device;
	if (!spare) {
		client->has_device = true;
		client->regions = regions;
		client->device = (struct rig_device_info) {
			.flags = info->flags,
			.num_regions = info->num_regions,
			.num_irqs = info->num_irqs,
		};
	}
	pthread_mutex_unlock(&client->lock);
	if (spare)
		free(regions);
	return 0;
}

int rig_client_device_info(struct rig_client *client, struct rig_device_info *ret,
			   rig_time deadline)
{
	struct wire_device_info info = { .argsz = sizeof(info) };
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	if (recall_device(client, ret))
		return 0;
	r = ask_fixed(client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), accept_device_info,
		      deadline);
	if (r == 0)
		r = remember_device(client, &info);
	if (r < 0)
		return r;
	/* A reconnect may have come in between: then this is what the device said before. */
	if (!recall_device(client, ret))
		*ret = (struct rig_device_info) { info.flags, info.num_regions, info.num_irqs };
	return 0;
}

/* Regions */

struct region_reply {
	uint32_t index;
	uint32_t argsz; /* that was offered; then: that is needed */
	uint8_t *payload;
	size_t len;
	size_t n_fds;
	int fds[LINK_MAX_FDS];
};

static void region_reply_clear(struct region_reply *reply)
{
	free(reply->payload);
	for (size_t i = 0; i < reply->n_fds; i++)
		if (reply->fds[i] >= 0)
			close(reply->fds[i]);
	reply->payload = NULL;
	reply->n_fds = 0;
}

static int accept_region_info(struct op *op, void *opaque, const void *payload, size_t len,
			      struct link_fds *fds)
{
	struct region_reply *reply = opaque;
	struct wire_region_info info;

	memcpy(&info, payload, sizeof(info));
	if (info.index != reply->index)
		return op_wrong(op, "index %u instead of %u", info.index, reply->index);
	if (info.argsz < sizeof(info) || info.argsz > client_reply_max(op->client))
		return op_wrong(op, "argsz %u", info.argsz);
	reply->argsz = info.argsz;
	reply->payload = malloc(len);
	if (!reply->payload)
		return op_no_memory(op);
	memcpy(reply->payload, payload, len);
	reply->len = len;
	for (; reply->n_fds < fds->n; reply->n_fds++) {
		reply->fds[reply->n_fds] = fds->fd[reply->n_fds];
		fds->fd[reply->n_fds] = -1;
	}
	return 0;
}

static int ask_region_info_once(struct rig_client *client, struct region_reply *reply,
				rig_time deadline)
{
	const struct wire_region_info info = { .argsz = reply->argsz, .index = reply->index };
	const struct iovec iov = { (void *)&info, sizeof(info) };
	const struct client_ask ask = {
		.command = WIRE_DEVICE_GET_REGION_INFO,
		.iov = &iov,
		.n_iov = 1,
		.reply_min = sizeof(info),
		.reply_max = reply->argsz,
		.reply_fds_max = client->config.max_msg_fds,
		.accept = accept_region_info,
		.opaque = reply,
	};

	return client_ask(client, &ask, deadline);
}

/* Until what is needed was offered: only then all of it came. */
static int ask_region_info(struct rig_client *client, struct region_reply *reply, rig_time deadline)
{
	reply->argsz = sizeof(struct wire_region_info);
	for (int i = 0; i < REGION_INFO_TRIES; i++) {
		uint32_t offered = reply->argsz;
		int r = ask_region_info_once(client, reply, deadline);

		if (r < 0 || reply->argsz <= offered)
			return r;
		region_reply_clear(reply);
	}
	return client_fail(client, RIG_LOG_WARNING, -EPROTO,
			   "DEVICE_GET_REGION_INFO: always wants a larger argsz");
}

static int known_region_new(struct rig_client *client, struct region_reply *reply,
			    struct known_region **ret)
{
	const bool sparse_mmap_fds = client_caps(client).sparse_mmap_fds;
	struct known_region *region;
	const char *why;
	int r;

	region = calloc(1, sizeof(*region) + reply->n_fds * sizeof(int));
	if (!region)
		return -ENOMEM;
	r = region_caps_parse(reply->payload, reply->len, reply->n_fds, sparse_mmap_fds,
			      &region->info, &why);
	if (r < 0) {
		free(region);
		if (r == -EPROTO)
			client_fail(client, RIG_LOG_WARNING, r, "DEVICE_GET_REGION_INFO: %s", why);
		return r;
	}
	atomic_init(&region->refs, 1);
	region->info.fds = region->fds;
	for (size_t i = 0; i < region->info.n_fds; i++) {
		region->fds[i] = reply->fds[i];
		reply->fds[i] = -1; /* the region's now */
	}
	*ret = region;
	return 0;
}

static void known_region_put(struct known_region *region)
{
	if (!region || atomic_fetch_sub(&region->refs, 1) > 1)
		return;
	for (size_t i = 0; i < region->info.n_fds; i++)
		close(region->fds[i]);
	region_caps_clear(&region->info);
	free(region);
}

static const struct rig_region_info *recall_region(struct rig_client *client, uint32_t index)
{
	const struct rig_region_info *info = NULL;

	pthread_mutex_lock(&client->lock);
	if (client->has_device && index < client->device.num_regions && client->regions[index])
		info = &client->regions[index]->info;
	pthread_mutex_unlock(&client->lock);
	return info;
}

/* Return: what is remembered now; NULL: a reconnect came in between */
static const struct rig_region_info *remember_region(struct rig_client *client, uint32_t index,
						     struct known_region *region)
{
	const struct rig_region_info *info = NULL;

	pthread_mutex_lock(&client->lock);
	if (client->has_device && index < client->device.num_regions) {
		if (!client->regions[index]) {
			client->regions[index] = region;
			region = NULL;
		}
		info = &client->regions[index]->info;
	}
	pthread_mutex_unlock(&client->lock);
	known_region_put(region);
	return info;
}

static int learn_region(struct rig_client *client, uint32_t index,
			const struct rig_region_info **ret, rig_time deadline)
{
	struct region_reply reply = { .index = index };
	const struct rig_region_info *info;
	struct known_region *region = NULL;
	int r = ask_region_info(client, &reply, deadline);

	if (r == 0)
		r = known_region_new(client, &reply, &region);
	region_reply_clear(&reply);
	if (r < 0)
		return r;
	info = remember_region(client, index, region);
	if (!info)
		return -ENOTCONN;
	*ret = info;
	return 0;
}

int rig_client_region_info(struct rig_client *client, uint32_t index,
			   const struct rig_region_info **ret, rig_time deadline)
{
	const struct rig_region_info *info;
	struct rig_device_info device;
	int r = rig_client_device_info(client, &device, deadline);

	if (r < 0)
		return r;
	if (index >= device.num_regions)
		return -EINVAL;
	info = recall_region(client, index);
	if (!info)
		return learn_region(client, index, ret, deadline);
	*ret = info;
	return 0;
}

int client_region_hold(struct rig_client *client, uint32_t index,
		       const struct rig_region_info **ret, rig_time deadline)
{
	const struct rig_region_info *info;
	int r = rig_client_region_info(client, index, &info, deadline);

	if (r < 0)
		return r;
	pthread_mutex_lock(&client->lock);
	if (client->has_device && index < client->device.num_regions && client->regions[index]) {
		atomic_fetch_add(&client->regions[index]->refs, 1);
		*ret = &client->regions[index]->info;
	} else {
		r = -ENOTCONN; /* forgotten by a reconnect in between */
	}
	pthread_mutex_unlock(&client->lock);
	return r;
}

void client_region_release(const struct rig_region_info *info)
{
	known_region_put(
		(struct known_region *)((char *)info - offsetof(struct known_region, info)));
}

/* Locked. */
static bool is_known_wrong(const struct rig_client *client, uint32_t region, uint64_t offset,
			   uint64_t count)
{
	if (offset > UINT64_MAX - count)
		return true;
	if (!client->has_device)
		return false;
	return region >= client->device.num_regions ||
	       (client->regions[region] &&
		!wire_range_inside(offset, count, client->regions[region]->info.size));
}

int client_check_range(struct rig_client *client, uint32_t region, uint64_t offset, uint64_t count)
{
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	pthread_mutex_lock(&client->lock);
	r = is_known_wrong(client, region, offset, count) ? -EINVAL : 0;
	pthread_mutex_unlock(&client->lock);
	return r;
}

int client_begin_io(struct rig_client *client, uint32_t region, uint64_t offset, uint64_t count,
		    uint32_t *ret_limit, struct session **ret)
{
	int r = -EINVAL;

	if (client_forked(client))
		return -ENOTCONN;
	pthread_mutex_lock(&client->lock);
	if (!is_known_wrong(client, region, offset, count)) {
		*ret_limit = client_limit_locked(client);
		*ret = client->sessions;
		session_ref(*ret);
		r = 0;
	}
	pthread_mutex_unlock(&client->lock);
	return r;
}

void client_forget_device(struct rig_client *client)
{
	if (!client->has_device)
		return;
	for (uint32_t i = 0; i < client->device.num_regions; i++)
		known_region_put(client->regions[i]);
	free(client->regions);
	client->regions = NULL;
	client->has_device = false;
}

/* Interrupts */

static int accept_irq_info(struct op *op, void *opaque, const void *payload, size_t len,
			   struct link_fds *fds)
{
	struct wire_irq_info *asked = opaque, info;

	memcpy(&info, payload, sizeof(info));
	if (info.index != asked->index)
		return op_wrong(op, "index %u instead of %u", info.index, asked->index);
	if (info.argsz < sizeof(info))
		return op_wrong(op, "argsz %u", info.argsz);
	*asked = info;
	return 0;
}

int rig_client_irq_info(struct rig_client *client, uint32_t index, struct rig_irq_info *ret,
			rig_time deadline)
{
	struct wire_irq_info info = { .argsz = sizeof(info), .index = index };
	struct rig_device_info device;
	int r = rig_client_device_info(client, &device, deadline);

	if (r < 0)
		return r;
	if (index >= device.num_irqs)
		return -EINVAL;
	r = ask_fixed(client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), accept_irq_info,
		      deadline);
	if (r < 0)
		return r;
	*ret = (struct rig_irq_info) { info.index, info.flags, info.count };
	return 0;
}
