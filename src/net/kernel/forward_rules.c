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

#include "net/kernel/host_port.h"
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

static bool is_loopback4(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;

	return address->ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_any4(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;

	return address->ss_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY;
}

static bool is_any6(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static int check(const struct network_forward *forward, char **ret_error)
{
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
	/* Connections of before, of local_forwards.c, which listens there at once. */
	bool reuse = forward->protocol == IPPROTO_TCP && is_any6(&forward->host);
	int r = host_port_bind(forward, reuse, ret, ret_error);

	if (r != -EACCES)
		return r;
	*ret = -1;
	return 0;
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
		    host_port_same(&rules->items[i].host, &forward->host))
			return &rules->items[i];
	}
	return NULL;
}

int forward_rules_socket(struct forward_rules *rules, const struct network_forward *forward)
{
	const struct network_forward *found = find(rules, forward);

	return found ? rules->fds[found - rules->items] : -1;
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
