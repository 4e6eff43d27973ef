/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_bridged.c - bridged networks: what --ifname names, and how ports are plugged into it
 *
 *   a Linux bridge           TAPs become its ports
 *   an Open vSwitch bridge   TAPs become its ports, by ovs-vsctl
 *   any other interface      macvtaps on it: Ethernet and its like, VLANs, bonds, VXLAN
 *
 * The interface stays as it is: neither its addresses nor its MTU nor its state are changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/kernel_internal.h"
#include "net/kernel/ovs.h"
#include "sys/explain.h"

/* "eth0, br0"; ours left out. NULL: no memory */
static char *names_of(const struct host_links *links)
{
	char *names = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);
	const char *before = "";

	if (!out)
		return NULL;
	for (size_t i = 0; i < links->n; i++) {
		const struct host_link *link = &links->items[i];

		if (link->loopback || claim_marks(link))
			continue;
		fprintf(out, "%s%s", before, link->name);
		before = ", ";
	}
	fclose(out);
	return names;
}

static int refuse_unknown(const struct host_links *links, const char *ifname, char **ret_error)
{
	char *names = names_of(links);

	explain(ret_error, -ENODEV, "--ifname %s: no such interface; there %s%s", ifname,
		names && names[0] ? "are " : "is none", names ? names : "");
	free(names);
	return -ENODEV;
}

static int check_link(const struct kernel_network *kernel, const struct host_links *links,
		      const struct host_link *link, char **ret_error)
{
	const struct host_link *master = host_links_by_index(links, link->master);

	if (link->loopback)
		return explain(ret_error, -EINVAL,
			       "--ifname %s: the loopback interface cannot be bridged", link->name);
	if (claim_marks(link))
		return explain(
			ret_error, -EBUSY,
			"--ifname %s: belongs to another network (%s); give an interface of the "
			"host's",
			link->name, link->alias);
	if (link->master && kernel->plug == KERNEL_PLUG_MACVTAP)
		return explain(
			ret_error, -EBUSY,
			"--ifname %s: is a port of %s already; give --ifname %s to join that",
			link->name, master ? master->name : "another interface",
			master ? master->name : "of it");
	return 0;
}

/* A bridge of Open vSwitch's userspace is a TAP, one of the kernel's has a kind of its own. */
static enum kernel_plug plug_of(const struct host_link *link)
{
	if (strcmp(link->kind, "bridge") == 0)
		return KERNEL_PLUG_BRIDGE;
	if ((strcmp(link->kind, "openvswitch") == 0 || strcmp(link->kind, "tun") == 0) &&
	    ovs_has_bridge(link->name))
		return KERNEL_PLUG_OVS;
	return KERNEL_PLUG_MACVTAP;
}

static int settle(struct kernel_network *kernel, const struct host_links *links, char **ret_error)
{
	struct network_config *config = &kernel->config;
	const struct host_link *link = host_links_by_name(links, config->ifname);
	int r;

	if (!link)
		return refuse_unknown(links, config->ifname, ret_error);
	kernel->plug = plug_of(link);
	r = check_link(kernel, links, link, ret_error);
	if (r < 0)
		return r;
	kernel->bridge = link->ifindex;
	config->mtu = (uint16_t)(link->mtu < FRAME_MTU_MAX ? link->mtu : FRAME_MTU_MAX);
	if (kernel->plug == KERNEL_PLUG_OVS)
		ovs_remove_leftovers();
	return 0;
}

int kernel_bridged_find(struct kernel_network *kernel, char **ret_error)
{
	struct host_links links;
	int r = host_links_scan(kernel->netlink, &links);

	if (r < 0)
		return r;
	r = settle(kernel, &links, ret_error);
	host_links_free(&links);
	return r;
}
