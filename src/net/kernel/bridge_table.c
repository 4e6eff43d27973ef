/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridge_table.c - dumps of a bridge's forwarding database and of an interface's counters
 */
#include "net/kernel/bridge_table.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct table_walk {
	unsigned int bridge;
	void (*each)(void *opaque, const struct bridge_entry *entry);
	void *opaque;
};

/* Its own and its ports' addresses are permanent; only what was learned is told. */
static void on_entry(void *opaque, struct nlmsghdr *header)
{
	const struct table_walk *walk = opaque;
	const struct ndmsg *info = nlmsg_data(header);
	struct nlattr *attributes[NDA_MAX + 1];
	struct bridge_entry entry = { 0 };
	struct nda_cacheinfo cache;

	if (header->nlmsg_type != RTM_NEWNEIGH || info->ndm_family != AF_BRIDGE ||
	    info->ndm_state & NUD_PERMANENT ||
	    nlmsg_parse(header, sizeof(*info), attributes, NDA_MAX, NULL) < 0 ||
	    !attributes[NDA_MASTER] || nla_get_u32(attributes[NDA_MASTER]) != walk->bridge ||
	    !attributes[NDA_LLADDR] || nla_len(attributes[NDA_LLADDR]) != FRAME_MAC)
		return;
	memcpy(entry.mac, nla_data(attributes[NDA_LLADDR]), FRAME_MAC);
	entry.port = (unsigned int)info->ndm_ifindex;
	if (attributes[NDA_CACHEINFO] && nla_len(attributes[NDA_CACHEINFO]) >= (int)sizeof(cache)) {
		memcpy(&cache, nla_data(attributes[NDA_CACHEINFO]), sizeof(cache));
		entry.age_ms = (uint64_t)cache.ndm_updated * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	}
	walk->each(walk->opaque, &entry);
}

int bridge_table_each(struct netlink *netlink, unsigned int bridge,
		      void (*each)(void *opaque, const struct bridge_entry *entry), void *opaque)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETNEIGH, 0);
	struct ndmsg info = { .ndm_family = AF_BRIDGE };
	struct table_walk walk = { bridge, each, opaque };

	if (message && (nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
			nla_put_u32(message, NDA_MASTER, bridge) < 0)) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return netlink_dump(netlink, message, on_entry, &walk);
}

struct stats_walk {
	unsigned int ifindex;
	uint64_t dropped;
};

static void on_stats(void *opaque, struct nlmsghdr *header)
{
	struct stats_walk *walk = opaque;
	const struct if_stats_msg *info = nlmsg_data(header);
	struct nlattr *attributes[IFLA_STATS_MAX + 1];
	struct rtnl_link_stats64 stats;

	if (header->nlmsg_type != RTM_NEWSTATS || info->ifindex != walk->ifindex ||
	    nlmsg_parse(header, sizeof(*info), attributes, IFLA_STATS_MAX, NULL) < 0 ||
	    !attributes[IFLA_STATS_LINK_64] ||
	    (size_t)nla_len(attributes[IFLA_STATS_LINK_64]) < sizeof(stats))
		return;
	memcpy(&stats, nla_data(attributes[IFLA_STATS_LINK_64]), sizeof(stats));
	walk->dropped = stats.tx_dropped;
}

uint64_t host_link_dropped(struct netlink *netlink, unsigned int ifindex)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETSTATS, 0);
	struct if_stats_msg info = { .ifindex = ifindex,
				     .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) };
	struct stats_walk walk = { .ifindex = ifindex };

	if (message && nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return 0;
	}
	(void)netlink_get(netlink, message, on_stats, &walk);
	return walk.dropped;
}
