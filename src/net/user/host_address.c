/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_address.c - which address of its own does the host answer at?
 *
 * The kernel is asked which address it would use towards the outside: connecting a datagram socket
 * tells, and sends nothing. A host without a default route has what its interfaces have.
 */
#include "net/user/host_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/user/host_access.h"

/* Both of blocks for documentation (RFC 5737, RFC 3849), so beyond any default route. */
#define OUTSIDE4 "198.51.100.1"
#define OUTSIDE6 "2001:db8:ffff:ffff::1"

static bool is_usable(const struct in6_addr *address)
{
	if (!IN6_IS_ADDR_V4MAPPED(address))
		return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
		       !IN6_IS_ADDR_LINKLOCAL(address) && !IN6_IS_ADDR_MULTICAST(address);
	return address->s6_addr[12] != 0 && address->s6_addr[12] != IN_LOOPBACKNET &&
	       !(address->s6_addr[12] == 169 && address->s6_addr[13] == 254);
}

static bool take(const struct sockaddr *address, bool v6, struct in6_addr *ret)
{
	struct in6_addr found;

	if (!address || address->sa_family != (v6 ? AF_INET6 : AF_INET))
		return false;
	found = v6 ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
		   : host_access_mapped(
			     ((const struct sockaddr_in *)(const void *)address)->sin_addr);
	if (!is_usable(&found))
		return false;
	*ret = found;
	return true;
}

static bool towards_outside(bool v6, struct in6_addr *ret)
{
	struct sockaddr_in outside4 = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in6 outside6 = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	const struct sockaddr *outside = v6 ? (const void *)&outside6 : (const void *)&outside4;
	socklen_t len = v6 ? sizeof(outside6) : sizeof(outside4), name_len;
	struct sockaddr_storage name;
	bool found = false;
	int fd = socket(outside->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	inet_pton(AF_INET, OUTSIDE4, &outside4.sin_addr);
	inet_pton(AF_INET6, OUTSIDE6, &outside6.sin6_addr);
	name_len = sizeof(name);
	if (connect(fd, outside, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&name, &name_len) == 0)
		found = take((struct sockaddr *)&name, v6, ret);
	close(fd);
	return found;
}

static bool of_interfaces(bool v6, struct in6_addr *ret)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *each = all; each && !found; each = each->ifa_next) {
		if (each->ifa_flags & IFF_UP)
			found = take(each->ifa_addr, v6, ret);
	}
	freeifaddrs(all);
	return found;
}

bool host_address_find(bool v6, struct in6_addr *ret)
{
	return towards_outside(v6, ret) || of_interfaces(v6, ret);
}
