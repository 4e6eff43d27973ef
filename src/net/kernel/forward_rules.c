/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward_rules.c - forwards, done by the kernel
 *
 * A forward is destination NAT: the guest sees the address of who connects, but for connections by
 * the host itself and by other guests of the network, which get the gateway's (the answers would
 * not come back this way otherwise).
 *
 * The port of the host is taken by a socket, bound and never used, as long as the forward lives: so
 * a forward cannot silently take a port from a program that listens, nor the other way round. A
 * port that only root may bind is left unguarded where we may not either.
 *
 * What was established before a forward is removed goes on: the kernel looks at the rules for the
 * first packet only.
 */
#include "net/kernel/forward_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/kernel/sysctl.h"
#include "sys/explain.h"

struct forward_rules {
	struct nat *nat;
	const char *bridge;
	struct network_forward *items;
	int *fds; /* -1: unguarded */
	size_t n;
};

int forward_rules_new(struct nat *nat, const char *bridge, struct forward_rules **ret)
{
	struct forward_rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	rules->nat = nat;
	rules->bridge = bridge;
	*ret = rules;
	return 0;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

void forward_rules_free(struct forward_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n; i++)
		close_if(rules->fds[i]);
	free(rules->items);
	free(rules->fds);
	free(rules);
}

static socklen_t address_len(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool is_loopback4(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;

	return address->ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_loopback6(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static bool is_any4(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;

	return address->ss_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY;
}

static int check(const struct network_forward *forward, char **ret_error)
{
	if (forward->host.ss_family == AF_UNIX)
		return explain(
			ret_error, -EOPNOTSUPP,
			"a kernel network forwards in the kernel, which has no UNIX sockets; "
			"give an address of the host, or use --network user");
	if (is_loopback6(&forward->host))
		return explain(ret_error, -EOPNOTSUPP,
			       "the kernel does not forward from [::1]; give 127.0.0.1 and an IPv4 "
			       "address of the guest, or another address of the host");
	if (forward->host.ss_family != forward->guest.ss_family)
		return explain(
			ret_error, -EOPNOTSUPP,
			"the kernel does not translate between IPv4 and IPv6; give addresses of "
			"one family on both sides");
	return 0;
}

/* -1: not guarded */
static int guard_port(const struct network_forward *forward, int *ret, char **ret_error)
{
	int one = 1;
	int fd = socket(
		forward->host.ss_family,
		(forward->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (forward->host.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const void *)&forward->host, address_len(&forward->host)) == 0) {
		*ret = fd;
		return 0;
	}
	r = -errno;
	close(fd);
	if (r == -EACCES) {
		*ret = -1;
		return 0;
	}
	if (r == -EADDRINUSE)
		return explain(ret_error, r,
			       "another program on the host uses this port; choose another one");
	if (r == -EADDRNOTAVAIL)
		return explain(
			ret_error, r,
			"the host has no such address; give one that it has, or none for all");
	return r;
}

/* Room for one more. */
static int grow(struct forward_rules *rules)
{
	struct network_forward *items =
		realloc(rules->items, (rules->n + 1) * sizeof(*rules->items));
	int *fds;

	if (!items)
		return -ENOMEM;
	rules->items = items;
	fds = realloc(rules->fds, (rules->n + 1) * sizeof(*rules->fds));
	if (!fds)
		return -ENOMEM;
	rules->fds = fds;
	return 0;
}

/* Connections of the host's to 127.0.0.1 leave it by our bridge. */
static int open_loopback(const struct forward_rules *rules, const struct network_forward *forward)
{
	if (!is_loopback4(&forward->host) && !is_any4(&forward->host))
		return 0;
	return sysctl_set("ipv4", rules->bridge, "route_localnet", 1);
}

static struct network_forward *find(struct forward_rules *rules,
				    const struct network_forward *forward)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->items[i].protocol == forward->protocol &&
		    same_address(&rules->items[i].host, &forward->host))
			return &rules->items[i];
	}
	return NULL;
}

int forward_rules_add(struct forward_rules *rules, const struct network_forward *forward,
		      char **ret_error)
{
	int fd = -1;
	int r = check(forward, ret_error);

	if (r < 0)
		return r;
	if (find(rules, forward))
		return explain(ret_error, -EEXIST, "this port of the host is forwarded already");
	if (rules->n == FORWARD_RULES_MAX)
		return explain(ret_error, -ENOSPC, "there are %u forwards already",
			       FORWARD_RULES_MAX);
	r = grow(rules);
	if (r >= 0)
		r = guard_port(forward, &fd, ret_error);
	if (r < 0)
		return r;
	rules->items[rules->n] = *forward;
	rules->fds[rules->n] = fd;
	r = open_loopback(rules, forward);
	if (r >= 0)
		r = nat_set_forwards(rules->nat, rules->items, rules->n + 1, ret_error);
	if (r < 0) {
		close_if(fd);
		return r;
	}
	rules->n++;
	return 0;
}

void forward_rules_remove(struct forward_rules *rules, const struct network_forward *forward)
{
	struct network_forward *found = find(rules, forward);
	char *error = NULL;
	size_t i;

	if (!found)
		return;
	i = (size_t)(found - rules->items);
	close_if(rules->fds[i]);
	rules->n--;
	memmove(found, found + 1, (rules->n - i) * sizeof(*found));
	memmove(&rules->fds[i], &rules->fds[i + 1], (rules->n - i) * sizeof(*rules->fds));
	/* Fewer rules than before: fails only without memory, then with the next change. */
	(void)nat_set_forwards(rules->nat, rules->items, rules->n, &error);
	free(error);
}
