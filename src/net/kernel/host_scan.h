/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_scan.h - what is there on the host: interfaces, and the IPv4 subnets in use
 *
 * Snapshots. One thread.
 */
#ifndef NET_KERNEL_HOST_SCAN_H
#define NET_KERNEL_HOST_SCAN_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "virtio/frame.h"

#define HOST_ALIAS_MAX 255u
#define HOST_KIND_MAX  31u

struct host_link {
	unsigned int ifindex;
	unsigned int master; /* 0: none */
	bool loopback;
	uint8_t mac[FRAME_MAC];
	uint32_t mtu;
	char name[IFNAMSIZ];
	char alias[HOST_ALIAS_MAX + 1];
	char kind[HOST_KIND_MAX + 1]; /* "bridge", "vxlan", ...; "" for hardware */
};

struct host_links {
	struct host_link *items;
	size_t n;
};

int host_links_scan(struct netlink *netlink, struct host_links *ret); /* 0 or -errno */
void host_links_free(struct host_links *links);
const struct host_link *host_links_by_index(const struct host_links *links, unsigned int ifindex);
const struct host_link *host_links_by_name(const struct host_links *links, const char *name);

/** struct host_subnet - an address with its subnet, or the destination of a route */
struct host_subnet {
	struct in_addr address;
	unsigned int prefix_len; /* 1 to 32: default routes are everywhere and count nowhere */
	unsigned int ifindex;	 /* 0: a route that leads nowhere */
	bool is_address;
};

struct host_subnets {
	struct host_subnet *items;
	size_t n;
};

int host_subnets_scan(struct netlink *netlink, struct host_subnets *ret); /* 0 or -errno */
void host_subnets_free(struct host_subnets *subnets);

/**
 * host_subnets_overlap() - who shares addresses with a subnet
 * @but: an interface that does not count; 0: all do
 * Return: one of them, addresses before routes; NULL: nobody
 */
const struct host_subnet *host_subnets_overlap(const struct host_subnets *subnets,
					       struct in_addr network, unsigned int prefix_len,
					       unsigned int but);

#endif
