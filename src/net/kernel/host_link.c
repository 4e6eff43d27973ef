/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_link.c - the requests that make, change and remove interfaces
 *
 * An attribute that does not fit the message is a failure of the whole: put_...() remember it, and
 * finish() frees the message.
 */
#include "net/kernel/host_link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* Since Linux 6.8; older headers do not know it, older kernels skip it. */
#define BR_FDB_MAX_LEARNED (IFLA_BR_MCAST_QUERIER_STATE + 2)
/* Addresses that guests can make the bridge remember. */
#define FDB_MAX		   16384u

static struct nl_msg *link_message(int type, int flags, int family, unsigned int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);
	struct ifinfomsg info = { .ifi_family = (unsigned char)family, .ifi_index = (int)ifindex };

	if (message && nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Messages start with a page of room; ours take a few hundred bytes of it. */
static struct nl_msg *finish(struct nl_msg *message, bool all_fit)
{
	if (all_fit)
		return message;
	nlmsg_free(message);
	return NULL;
}

static bool put_bridge_info(struct nl_msg *message)
{
	struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO), *data;
	bool ok = info && nla_put_string(message, IFLA_INFO_KIND, "bridge") == 0;

	data = ok ? nla_nest_start(message, IFLA_INFO_DATA) : NULL;
	ok = data && nla_put_u32(message, IFLA_BR_FORWARD_DELAY, 0) == 0 &&
	     nla_put_u32(message, IFLA_BR_STP_STATE, 0) == 0 &&
	     nla_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0) == 0 &&
	     nla_put_u32(message, BR_FDB_MAX_LEARNED, FDB_MAX) == 0;
	if (!ok)
		return false;
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return true;
}

int host_bridge_add(struct netlink *netlink, const char *name, const uint8_t mac[FRAME_MAC],
		    uint16_t mtu)
{
	struct nl_msg *message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0);

	if (!message)
		return -ENOMEM;
	return netlink_request(
		netlink,
		finish(message, nla_put_string(message, IFLA_IFNAME, name) == 0 &&
					nla_put(message, IFLA_ADDRESS, FRAME_MAC, mac) == 0 &&
					nla_put_u32(message, IFLA_MTU, mtu) == 0 &&
					put_bridge_info(message)));
}

int host_link_remove(struct netlink *netlink, unsigned int ifindex)
{
	return netlink_request(netlink, link_message(RTM_DELLINK, 0, AF_UNSPEC, ifindex));
}

static int set_flag(struct netlink *netlink, unsigned int ifindex, unsigned int flag, bool on)
{
	struct nl_msg *message = link_message(RTM_NEWLINK, 0, AF_UNSPEC, ifindex);
	struct ifinfomsg *info;

	if (!message)
		return -ENOMEM;
	info = nlmsg_data(nlmsg_hdr(message));
	info->ifi_flags = on ? flag : 0;
	info->ifi_change = flag;
	return netlink_request(netlink, message);
}

int host_link_set_up(struct netlink *netlink, unsigned int ifindex)
{
	return set_flag(netlink, ifindex, IFF_UP, true);
}

int host_link_set_down(struct netlink *netlink, unsigned int ifindex)
{
	return set_flag(netlink, ifindex, IFF_UP, false);
}

int host_link_take_multicast(struct netlink *netlink, unsigned int ifindex)
{
	return set_flag(netlink, ifindex, IFF_ALLMULTI, true);
}

static int set_u32(struct netlink *netlink, unsigned int ifindex, int attribute, uint32_t value)
{
	struct nl_msg *message = link_message(RTM_NEWLINK, 0, AF_UNSPEC, ifindex);

	if (!message)
		return -ENOMEM;
	return netlink_request(netlink,
			       finish(message, nla_put_u32(message, attribute, value) == 0));
}

int host_link_set_mtu(struct netlink *netlink, unsigned int ifindex, uint16_t mtu)
{
	return set_u32(netlink, ifindex, IFLA_MTU, mtu);
}

int host_link_enslave(struct netlink *netlink, unsigned int ifindex, unsigned int master)
{
	return set_u32(netlink, ifindex, IFLA_MASTER, master);
}

int host_link_set_alias(struct netlink *netlink, unsigned int ifindex, const char *alias)
{
	struct nl_msg *message = link_message(RTM_NEWLINK, 0, AF_UNSPEC, ifindex);

	if (!message)
		return -ENOMEM;
	return netlink_request(netlink,
			       finish(message, nla_put_string(message, IFLA_IFALIAS, alias) == 0));
}

static bool put_inet6_mode(struct nl_msg *message)
{
	struct nlattr *spec = nla_nest_start(message, IFLA_AF_SPEC), *inet6;

	inet6 = spec ? nla_nest_start(message, AF_INET6) : NULL;
	if (!inet6 || nla_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0)
		return false;
	nla_nest_end(message, inet6);
	nla_nest_end(message, spec);
	return true;
}

int host_link_no_ipv6(struct netlink *netlink, unsigned int ifindex)
{
	struct nl_msg *message = link_message(RTM_NEWLINK, 0, AF_UNSPEC, ifindex);

	if (!message)
		return -ENOMEM;
	return netlink_request(netlink, finish(message, put_inet6_mode(message)));
}

int host_port_set_flags(struct netlink *netlink, unsigned int ifindex,
			const struct host_port_flags *flags)
{
	struct nl_msg *message = link_message(RTM_SETLINK, 0, AF_BRIDGE, ifindex);
	struct nlattr *info;
	bool ok;

	if (!message)
		return -ENOMEM;
	info = nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
	ok = info && nla_put_u8(message, IFLA_BRPORT_ISOLATED, flags->isolated) == 0 &&
	     nla_put_u8(message, IFLA_BRPORT_UNICAST_FLOOD, flags->flood) == 0 &&
	     nla_put_u8(message, IFLA_BRPORT_MCAST_FLOOD, flags->flood) == 0 &&
	     nla_put_u8(message, IFLA_BRPORT_BCAST_FLOOD, flags->flood) == 0;
	if (ok)
		nla_nest_end(message, info);
	return netlink_request(netlink, finish(message, ok));
}

/* Nobody else has been on the bridge: no need to wait for the detection of duplicates. */
int host_address_add(struct netlink *netlink, unsigned int ifindex, int family, const void *address,
		     unsigned int prefix_len)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg info = { .ifa_family = (uint8_t)family,
				  .ifa_prefixlen = (uint8_t)prefix_len,
				  .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
				  .ifa_index = ifindex };
	int len = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);

	if (!message)
		return -ENOMEM;
	return netlink_request(
		netlink,
		finish(message, nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) == 0 &&
					nla_put(message, IFA_LOCAL, len, address) == 0 &&
					nla_put(message, IFA_ADDRESS, len, address) == 0));
}
