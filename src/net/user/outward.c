/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outward.c - the interface of the host by which flows leave (--uplink)
 *
 * libslirp makes a socket while it looks at a flow's first frame, and tells of it before it connects
 * it: then it is bound to the interface, which since Linux 5.7 takes no privilege. Not so sockets
 * for the host itself, its resolver among them, which no other interface leads to. A datagram
 * socket is bound by where its first datagram goes; what the guest sends from the same port to the
 * host after that is lost.
 *
 * (libslirp's outbound_addr would set the source's address for all sockets alike, and leave the way to
 * the routing table.)
 */
#include "net/user/outward.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
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

/* Who could bind to it? Only the host itself. */
static bool is_hosts_own(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && bind(fd, address, len) == 0;

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
	       !is_hosts_own((struct sockaddr *)&to, sizeof(to));
}

static bool leaves6(const struct outward *outward, const uint8_t *packet)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct ip6_hdr header;

	memcpy(&header, packet, sizeof(header));
	to.sin6_addr = header.ip6_dst;
	return memcmp(&header.ip6_dst, &outward->addresses.prefix6, 8) != 0 &&
	       !is_hosts_own((struct sockaddr *)&to, sizeof(to));
}

void outward_begin(struct outward *outward, const uint8_t *frame, size_t len)
{
	unsigned int type;

	outward->leaves = false;
	if (!outward->ifname || len < PACKET_IP + sizeof(struct iphdr))
		return;
	type = packet_get16(frame + PACKET_ETH_TYPE);
	if (type == ETH_P_IP)
		outward->leaves = leaves4(outward, frame + PACKET_IP);
	else if (type == ETH_P_IPV6 && len >= PACKET_IP + PACKET_IP6_HEADER)
		outward->leaves = leaves6(outward, frame + PACKET_IP);
}

void outward_end(struct outward *outward)
{
	outward->leaves = false;
}

/* The interface is gone: loopback as source leads nowhere, and by no other interface either. */
static void close_the_way(int fd)
{
	struct sockaddr_in loopback4 = { .sin_family = AF_INET,
					 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 loopback6 = { .sin6_family = AF_INET6,
					  .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (bind(fd, (struct sockaddr *)&loopback4, sizeof(loopback4)) < 0)
		(void)bind(fd, (struct sockaddr *)&loopback6, sizeof(loopback6));
}

void outward_opened(const struct outward *outward, int fd)
{
	if (outward->leaves && bind_to_device(fd, outward->ifname) < 0)
		close_the_way(fd);
}
