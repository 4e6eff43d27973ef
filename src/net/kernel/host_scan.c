/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_scan.c - dumps of rtnetlink as arrays
 */
#include "net/kernel/host_scan.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define GROW_BY	 32u
#define ATTEMPTS 8u /* of a dump that changes meanwhile, as on a host that starts containers */

/* Room for one more, zeroed; NULL: no memory, remembered in error. */
struct rows {
	char *items;
	size_t n, size;
	int error;
};

static void *rows_add(struct rows *rows)
{
	void *item;

	if (rows->n % GROW_BY == 0) {
		char *items = realloc(rows->items, (rows->n + GROW_BY) * rows->size);

		if (!items) {
			rows->error = -ENOMEM;
			return NULL;
		}
		rows->items = items;
	}
	item = rows->items + rows->n++ * rows->size;
	memset(item, 0, rows->size);
	return item;
}

static int rows_fill_once(struct netlink *netlink, struct rows *rows, int type, int family,
			  void (*each)(void *opaque, struct nlmsghdr *header))
{
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);
	/* The longest of the headers; the kernel wants the family in its first byte. */
	struct ifinfomsg info = { .ifi_family = (unsigned char)family };
	int r;

	if (message && nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	r = netlink_dump(netlink, message, each, rows);
	return r < 0 ? r : rows->error;
}

/* Behind what is there already. One that is still changing is better than none. */
static int rows_fill(struct netlink *netlink, struct rows *rows, int type, int family,
		     void (*each)(void *opaque, struct nlmsghdr *header))
{
	size_t before = rows->n;
	int r = -EAGAIN;

	for (unsigned int i = 0; i < ATTEMPTS && r == -EAGAIN; i++) {
		rows->n = before;
		r = rows_fill_once(netlink, rows, type, family, each);
	}
	return r == -EAGAIN ? rows->error : r;
}

/* Interfaces */

static void read_kind(struct host_link *link, struct nlattr *info)
{
	struct nlattr *attributes[IFLA_INFO_MAX + 1];

	if (info && nla_parse_nested(attributes, IFLA_INFO_MAX, info, NULL) == 0 &&
	    attributes[IFLA_INFO_KIND])
		nla_strlcpy(link->kind, attributes[IFLA_INFO_KIND], sizeof(link->kind));
}

static void on_link(void *opaque, struct nlmsghdr *header)
{
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFLA_MAX + 1];
	struct host_link *link;

	if (header->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(header, sizeof(*info), attributes, IFLA_MAX, NULL) < 0)
		return;
	link = rows_add(opaque);
	if (!link)
		return;
	link->ifindex = (unsigned int)info->ifi_index;
	link->loopback = info->ifi_flags & IFF_LOOPBACK;
	if (attributes[IFLA_IFNAME])
		nla_strlcpy(link->name, attributes[IFLA_IFNAME], sizeof(link->name));
	if (attributes[IFLA_IFALIAS])
		nla_strlcpy(link->alias, attributes[IFLA_IFALIAS], sizeof(link->alias));
	if (attributes[IFLA_ADDRESS] && nla_len(attributes[IFLA_ADDRESS]) == FRAME_MAC)
		memcpy(link->mac, nla_data(attributes[IFLA_ADDRESS]), FRAME_MAC);
	if (attributes[IFLA_MASTER])
		link->master = nla_get_u32(attributes[IFLA_MASTER]);
	if (attributes[IFLA_MTU])
		link->mtu = nla_get_u32(attributes[IFLA_MTU]);
	read_kind(link, attributes[IFLA_LINKINFO]);
}

int host_links_scan(struct netlink *netlink, struct host_links *ret)
{
	struct rows rows = { .size = sizeof(struct host_link) };
	int r = rows_fill(netlink, &rows, RTM_GETLINK, AF_UNSPEC, on_link);

	if (r < 0) {
		free(rows.items);
		return r;
	}
	*ret = (struct host_links) { .items = (void *)rows.items, .n = rows.n };
	return 0;
}

void host_links_free(struct host_links *links)
{
	free(links->items);
	*links = (struct host_links) { 0 };
}

const struct host_link *host_links_by_index(const struct host_links *links, unsigned int ifindex)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->items[i].ifindex == ifindex)
			return &links->items[i];
	}
	return NULL;
}

const struct host_link *host_links_by_name(const struct host_links *links, const char *name)
{
	for (size_t i = 0; i < links->n; i++) {
		if (strcmp(links->items[i].name, name) == 0)
			return &links->items[i];
	}
	return NULL;
}

/* Subnets */

static void on_address(void *opaque, struct nlmsghdr *header)
{
	const struct ifaddrmsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFA_MAX + 1], *address;
	struct host_subnet *subnet;

	if (header->nlmsg_type != RTM_NEWADDR || info->ifa_family != AF_INET ||
	    nlmsg_parse(header, sizeof(*info), attributes, IFA_MAX, NULL) < 0)
		return;
	/* With a peer (point-to-point) the prefix is that of IFA_ADDRESS, the peer. */
	address = attributes[IFA_ADDRESS] ? attributes[IFA_ADDRESS] : attributes[IFA_LOCAL];
	if (!address || nla_len(address) != sizeof(struct in_addr) || !info->ifa_prefixlen)
		return;
	subnet = rows_add(opaque);
	if (!subnet)
		return;
	memcpy(&subnet->address, nla_data(address), sizeof(subnet->address));
	subnet->prefix_len = info->ifa_prefixlen;
	subnet->ifindex = info->ifa_index;
	subnet->is_address = true;
}

static void on_route(void *opaque, struct nlmsghdr *header)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct nlattr *attributes[RTA_MAX + 1];
	struct host_subnet *subnet;

	if (header->nlmsg_type != RTM_NEWROUTE || info->rtm_family != AF_INET ||
	    !info->rtm_dst_len || info->rtm_type == RTN_LOCAL || info->rtm_type == RTN_BROADCAST ||
	    info->rtm_type == RTN_MULTICAST ||
	    nlmsg_parse(header, sizeof(*info), attributes, RTA_MAX, NULL) < 0 ||
	    !attributes[RTA_DST])
		return;
	subnet = rows_add(opaque);
	if (!subnet)
		return;
	memcpy(&subnet->address, nla_data(attributes[RTA_DST]), sizeof(subnet->address));
	subnet->prefix_len = info->rtm_dst_len;
	if (attributes[RTA_OIF])
		subnet->ifindex = nla_get_u32(attributes[RTA_OIF]);
}

int host_subnets_scan(struct netlink *netlink, struct host_subnets *ret)
{
	struct rows rows = { .size = sizeof(struct host_subnet) };
	int r = rows_fill(netlink, &rows, RTM_GETADDR, AF_INET, on_address);

	if (r >= 0)
		r = rows_fill(netlink, &rows, RTM_GETROUTE, AF_INET, on_route);
	if (r < 0) {
		free(rows.items);
		return r;
	}
	*ret = (struct host_subnets) { .items = (void *)rows.items, .n = rows.n };
	return 0;
}

void host_subnets_free(struct host_subnets *subnets)
{
	free(subnets->items);
	*subnets = (struct host_subnets) { 0 };
}

const struct host_subnet *host_subnets_overlap(const struct host_subnets *subnets,
					       struct in_addr network, unsigned int prefix_len,
					       unsigned int but)
{
	for (size_t i = 0; i < subnets->n; i++) {
		const struct host_subnet *other = &subnets->items[i];
		unsigned int shorter =
			other->prefix_len < prefix_len ? other->prefix_len : prefix_len;
		uint32_t mask = htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - shorter)));

		if (shorter && (!but || other->ifindex != but) &&
		    (other->address.s_addr & mask) == (network.s_addr & mask))
			return other;
	}
	return NULL;
}
