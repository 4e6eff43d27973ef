/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * named_bridge.c - the bridge of a network with a UUID, which several processes share
 *
 * It has nothing of the host's: no address, no DHCP. Its alias holds the UUID; whoever comes first
 * makes it, whoever comes later joins, and the last one to go removes it. Each has its keeper in it,
 * so a bridge without ports is nobody's (claim.c removes it, too). Isolated, it is for one process.
 *
 * Looking for it and making it is one step for others: a TAP named after the UUID is the lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/kernel/host_link.h"
#include "net/kernel/kernel_internal.h"
#include "net/kernel/tap_device.h"
#include "sys/explain.h"

#define LOCK_TRIES    200u
#define LOCK_PAUSE_NS 10000000

/* Held for a few requests to the kernel. */
static int lock(const struct network_config *config, int *ret_fd, char **ret_error)
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	char name[IFNAMSIZ];
	int r = -EBUSY;

	snprintf(name, sizeof(name), "riglock%02x%02x%02x%02x", config->uuid[0], config->uuid[1],
		 config->uuid[2], config->uuid[3]);
	for (unsigned int i = 0; i < LOCK_TRIES && r == -EBUSY; i++) {
		if (i)
			nanosleep(&pause, NULL);
		r = tap_device_open(name, ret_fd, ret_error);
	}
	return r;
}

/* Return: an index in links, -1: there is none */
static long find(const struct host_links *links, const char *uuid)
{
	for (size_t i = 0; i < links->n; i++) {
		const struct host_link *link = &links->items[i];

		if (strcmp(link->kind, "bridge") == 0 && claim_marks(link) &&
		    strstr(link->alias, uuid))
			return (long)i;
	}
	return -1;
}

static int join(struct kernel_network *kernel, const struct host_link *link, const char *uuid,
		char **ret_error)
{
	if (kernel->config.isolated || strstr(link->alias, "isolated"))
		return explain(
			ret_error, -EADDRINUSE,
			"--net-uuid %s: an isolated network is for one process, and it is there "
			"already: %s (%s)",
			uuid, link->name, link->alias);
	kernel->bridge = link->ifindex;
	kernel->config.mtu = (uint16_t)(link->mtu < FRAME_MTU_MAX ? link->mtu : FRAME_MTU_MAX);
	return 0;
}

static int make(struct kernel_network *kernel, const char *uuid)
{
	const struct network_config *config = &kernel->config;
	uint8_t mac[FRAME_MAC] = { 0x52, 0x49 };
	char what[64], alias[HOST_ALIAS_MAX + 1];
	int r;

	memcpy(mac + 2, config->uuid, FRAME_MAC - 2);
	snprintf(what, sizeof(what), "%snetwork %s", config->isolated ? "isolated " : "", uuid);
	claim_alias(what, alias);
	r = host_bridge_add(kernel->netlink, kernel->claim.bridge, mac, config->mtu);
	if (r < 0)
		return r;
	kernel->bridge = if_nametoindex(kernel->claim.bridge);
	r = host_link_no_ipv6(kernel->netlink, kernel->bridge);
	if (r >= 0 || r == -EAFNOSUPPORT)
		r = host_link_set_alias(kernel->netlink, kernel->bridge, alias);
	return r < 0 ? r : host_link_set_up(kernel->netlink, kernel->bridge);
}

static int join_or_make(struct kernel_network *kernel, char **ret_error)
{
	struct host_links links;
	char uuid[NETWORK_UUID_TEXT];
	long found;
	int r = host_links_scan(kernel->netlink, &links);

	if (r < 0)
		return r;
	network_uuid_print(kernel->config.uuid, uuid);
	found = find(&links, uuid);
	if (found >= 0)
		r = join(kernel, &links.items[found], uuid, ret_error);
	else
		r = make(kernel, uuid);
	host_links_free(&links);
	kernel->bridge_is_ours = kernel->bridge != 0;
	return r < 0 ? r : kernel_bridge_plug_keeper(kernel);
}

int named_bridge_make(struct kernel_network *kernel, char **ret_error)
{
	int fd, r = lock(&kernel->config, &fd, ret_error);

	if (r < 0)
		return r;
	r = join_or_make(kernel, ret_error);
	close(fd);
	return r;
}

static bool has_ports(const struct kernel_network *kernel)
{
	struct host_links links;
	bool found = false;

	if (host_links_scan(kernel->netlink, &links) < 0)
		return true;
	for (size_t i = 0; i < links.n; i++)
		found |= links.items[i].master == kernel->bridge;
	host_links_free(&links);
	return found;
}

void named_bridge_leave(struct kernel_network *kernel)
{
	char *error = NULL;
	int fd = -1;

	(void)lock(&kernel->config, &fd, &error);
	free(error);
	(void)host_link_enslave(kernel->netlink, if_nametoindex(kernel->claim.keeper), 0);
	if (!has_ports(kernel))
		(void)host_link_remove(kernel->netlink, kernel->bridge); /* gone is gone */
	if (fd >= 0)
		close(fd);
}
