/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outward.c - the interface of the host by which flows leave (--uplink)
 *
 * libslirp makes a socket while it looks at a flow's first frame, and tells of it before it connects
 * it: then it is bound to the interface, which since Linux 5.7 takes no privilege. Not so sockets
 * for the host itself, its resolver among them, which no other interface leads to.
 *
 * Datagrams that a guest sends from one port, wherever to, have one socket. So those that lead to the
 * host are remembered, and bound before the first datagram that leaves; what the guest sends from
 * the same port to the host after that is lost. When there are too many one is bound right away.
 *
 * (libslirp's outbound_addr would set the source's address for all sockets alike, and leave the way to
 * the routing table.)
 */
#include "net/user/outward.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/user/packet.h"
#include "sys/explain.h"

static int bind_to_device(int fd, const char *ifname)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname)) < 0
		       ? -errno
		       : 0;
}

int outward_init(struct outward *outward, const struct network_config *config, char **ret_error)
{
	int fd, r;

	*outward = (struct outward) { .ifname = config->uplink };
	network_config_addresses(config, &outward->addresses);
	if (!outward->ifname)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bind_to_device(fd, outward->ifname);
	close(fd);
	if (r == -ENODEV)
		return explain(ret_error, r,
			       "--uplink %s: the host has no such interface; see: ip link",
			       outward->ifname);
	if (r < 0)
		return explain(ret_error, r,
			       "--uplink %s: sockets cannot be bound to it: %s; before Linux 5.7 "
			       "that takes privileges",
			       outward->ifname, strerror(-r));
	return 0;
}

/* To one of its addresses the host sends from the same. */
static bool is_hosts_own(const struct sockaddr *address, socklen_t len, size_t at, size_t size)
{
	struct sockaddr_storage from = { 0 };
	socklen_t from_len = sizeof(from);
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && connect(fd, address, len) == 0 &&
		   getsockname(fd, (struct sockaddr *)&from, &from_len) == 0 &&
		   memcmp((const char *)&from + at, (const char *)address + at, size) == 0;

	if (fd >= 0)
		close(fd);
	return own;
}

static bool leaves4(const struct outward *outward, const uint8_t *packet)
{
	const struct network_addresses *addresses = &outward->addresses;
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct iphdr header;

	memcpy(&header, packet, sizeof(header));
	to.sin_addr.s_addr = header.daddr;
	return (header.daddr & addresses->mask.s_addr) != addresses->network.s_addr &&
	       !is_hosts_own((struct sockaddr *)&to, sizeof(to),
			     offsetof(struct sockaddr_in, sin_addr), sizeof(to.sin_addr));
}

static bool leaves6(const struct outward *outward, const uint8_t *packet)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct ip6_hdr header;

	memcpy(&header, packet, sizeof(header));
	to.sin6_addr = header.ip6_dst;
	return memcmp(&header.ip6_dst, &outward->addresses.prefix6, 8) != 0 &&
	       !is_hosts_own((struct sockaddr *)&to, sizeof(to),
			     offsetof(struct sockaddr_in6, sin6_addr), sizeof(to.sin6_addr));
}

static bool leaves(const struct outward *outward)
{
	const uint8_t *frame = outward->frame;
	unsigned int type;

	if (outward->len < PACKET_IP + sizeof(struct iphdr))
		return false;
	type = packet_get16(frame + PACKET_ETH_TYPE);
	if (type == ETH_P_IP)
		return leaves4(outward, frame + PACKET_IP);
	return type == ETH_P_IPV6 && outward->len >= PACKET_IP + PACKET_IP6_HEADER &&
	       leaves6(outward, frame + PACKET_IP);
}

/* The interface may be gone: loopback leads nowhere, and by no other interface either. */
static void send_out(const struct outward *outward, int fd)
{
	if (bind_to_device(fd, outward->ifname) < 0)
		(void)bind_to_device(fd, "lo");
}

/* Datagram sockets that lead to the host */

/* Return: false: no datagram */
static bool source_of(const struct outward *outward, struct outward_source *ret)
{
	struct packet_transport ip;

	if (!packet_find_transport(outward->frame, outward->len, &ip) || ip.protocol != IPPROTO_UDP)
		return false;
	*ret = (struct outward_source) { .v6 = ip.v6 };
	memcpy(ret->address, outward->frame + ip.source, ip.v6 ? 16 : 4);
	memcpy(ret->port, outward->frame + ip.at, sizeof(ret->port));
	return true;
}

static void forget(struct outward *outward, size_t at)
{
	outward->near[at] = outward->near[--outward->n_near];
}

static void remember(struct outward *outward, int fd)
{
	struct outward_near near = { .fd = fd };
	size_t at;

	if (!source_of(outward, &near.source))
		return;
	if (outward->n_near == OUTWARD_NEAR_MAX) {
		at = outward->n_evicted++ % OUTWARD_NEAR_MAX;
		send_out(outward, outward->near[at].fd);
		forget(outward, at);
	}
	outward->near[outward->n_near++] = near;
}

static void send_out_near(struct outward *outward)
{
	struct outward_source source;

	if (outward->n_near == 0 || !source_of(outward, &source))
		return;
	for (size_t i = 0; i < outward->n_near; i++) {
		if (memcmp(&outward->near[i].source, &source, sizeof(source)) != 0)
			continue;
		if (leaves(outward)) {
			send_out(outward, outward->near[i].fd);
			forget(outward, i);
		}
		return;
	}
}

/* What libslirp does */

void outward_begin(struct outward *outward, const uint8_t *frame, size_t len)
{
	if (!outward->ifname)
		return;
	outward->frame = frame;
	outward->len = len;
	send_out_near(outward);
}

void outward_end(struct outward *outward)
{
	outward->frame = NULL;
}

void outward_opened(struct outward *outward, int fd)
{
	if (fd < 0 || !outward->frame)
		return;
	if (leaves(outward))
		send_out(outward, fd);
	else
		remember(outward, fd);
}

void outward_closed(struct outward *outward, int fd)
{
	for (size_t i = 0; i < outward->n_near; i++) {
		if (outward->near[i].fd == fd) {
			forget(outward, i);
			return;
		}
	}
}
