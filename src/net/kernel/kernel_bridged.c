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

/*
 * A bridge of Open vSwitch's userspace is a TAP, one of the kernel's has a kind of its own. A TAP
 * that Open vSwitch does not know, or nobody to ask, is one like any other interface.
 */
static int find_plug(const struct kernel_network *kernel, const struct host_link *link,
		     enum kernel_plug *ret, char **ret_error)
{
	bool of_kernel = strcmp(link->kind, "openvswitch") == 0;
	char *why = NULL;
	int r = 0;

	if (of_kernel || strcmp(link->kind, "tun") == 0)
		r = ovs_find_bridge(kernel->loop, link->name, &why);
	if (r < 0 && of_kernel)
		explain(ret_error, r,
			"--ifname %s: is Open vSwitch's, which cannot be asked: %s; are its daemons "
			"running (Debian's package openvswitch-switch)?",
			link->name,
			r == -ENOENT ? "ovs-vsctl is not installed"
			: why	     ? why
				     : strerror(-r));
	free(why);
	if (r < 0 && of_kernel)
		return r;
	*ret = strcmp(link->kind, "bridge") == 0 ? KERNEL_PLUG_BRIDGE
	       : r > 0				 ? KERNEL_PLUG_OVS
						 : KERNEL_PLUG_MACVTAP;
	return 0;
}

static int settle(struct kernel_network *kernel, const struct host_links *links, char **ret_error)
{
	struct network_config *config = &kernel->config;
	const struct host_link *link = host_links_by_name(links, config->ifname);
	int r;

	if (!link)
		return refuse_unknown(links, config->ifname, ret_error);
	r = find_plug(kernel, link, &kernel->plug, ret_error);
	if (r >= 0)
		r = check_link(kernel, links, link, ret_error);
	if (r < 0)
		return r;
	kernel->bridge = link->ifindex;
	config->mtu = (uint16_t)(link->mtu < FRAME_MTU_MAX ? link->mtu : FRAME_MTU_MAX);
	if (kernel->plug != KERNEL_PLUG_OVS)
		return 0;
	ovs_remove_leftovers(kernel->loop);
	return ovs_new(kernel->loop, config->ifname, kernel_port_plugged, kernel, &kernel->ovs);
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
