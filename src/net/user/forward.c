/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward.c - port forwards of a user network: sockets of the host that lead to guests
 *
 * A client that is no loopback address is what the guest sees as its peer; a client on the host's
 * loopback is seen as the gateway, since no guest would answer to 127.0.0.1.
 *
 * libslirp lets one connection wait for accept(), so that a few clients that come at once would be
 * lost to retries of a second and more: its socket is looked up and told to listen for more. It is
 * found among what libslirp polls by its name, which no other socket of this process has.
 */
#include "net/user/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/explain.h"
#include "sys/sock.h"

#define BACKLOG		 128
#define UNPRIVILEGED_MIN 1024u /* Linux's default */

static socklen_t size_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

static unsigned int port_of(const struct sockaddr_storage *address)
{
	/* The port is at the same place in both. */
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static int flags_of(const struct network_forward *forward)
{
	return (forward->protocol == IPPROTO_UDP ? SLIRP_HOSTFWD_UDP : 0) |
	       (forward->host.ss_family == AF_INET6 ? SLIRP_HOSTFWD_V6ONLY : 0);
}

/* For the messages: an address as text, for as long as the full expression around it. */
struct text {
	char s[INET6_ADDRSTRLEN];
};

static struct text text_of(const struct sockaddr_storage *address)
{
	struct text text = { "" };

	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text.s,
			  sizeof(text.s));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text.s,
			  sizeof(text.s));
	return text;
}

/* Is it one that DHCP could give? */

static bool is_guest4(const struct network_addresses *addresses, struct in_addr guest)
{
	in_addr_t host_bits = ~addresses->mask.s_addr;

	return (guest.s_addr & addresses->mask.s_addr) == addresses->network.s_addr &&
	       (guest.s_addr & host_bits) != 0 && (guest.s_addr & host_bits) != host_bits &&
	       guest.s_addr != addresses->gateway.s_addr;
}

static bool is_guest6(const struct network_addresses *addresses, const struct in6_addr *guest)
{
	return memcmp(guest, &addresses->prefix6, 8) == 0 &&
	       memcmp(guest, &addresses->gateway6, sizeof(*guest)) != 0;
}

int user_forward_check(const struct network_addresses *addresses,
		       const struct network_forward *forward, char **ret_error)
{
	const struct sockaddr_storage *guest = &forward->guest;
	const struct sockaddr_in *guest4 = (const struct sockaddr_in *)guest;
	const struct sockaddr_in6 *guest6 = (const struct sockaddr_in6 *)guest;
	bool is_guest = guest->ss_family == AF_INET ? is_guest4(addresses, guest4->sin_addr)
						    : is_guest6(addresses, &guest6->sin6_addr);

	if (!is_guest)
		return explain(ret_error, -EINVAL,
			       "%s is no guest's address in this network; give one inside of it, "
			       "besides the gateway's",
			       text_of(guest).s);
	return 0;
}

/* Errors */

static unsigned int unprivileged_port(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	unsigned int port = UNPRIVILEGED_MIN;

	if (!file)
		return port;
	if (fscanf(file, "%u", &port) != 1)
		port = UNPRIVILEGED_MIN;
	fclose(file);
	return port;
}

static int say_why(const struct network_forward *forward, int error, char **ret_error)
{
	switch (error) {
	case -EADDRINUSE:
		return explain(
			ret_error, error,
			"%s port %u of the host is in use at this address; choose another, or "
			"end the process that has it",
			forward->protocol == IPPROTO_UDP ? "UDP" : "TCP", port_of(&forward->host));
	case -EACCES:
		return explain(ret_error, error,
			       "ports below %u need privileges here; choose a higher one, or lower "
			       "the sysctl net.ipv4.ip_unprivileged_port_start",
			       unprivileged_port());
	case -EADDRNOTAVAIL:
		return explain(ret_error, error, "%s is no address of this host",
			       text_of(&forward->host).s);
	case -EAFNOSUPPORT:
		return explain(ret_error, error, "this host has no IPv%c",
			       forward->host.ss_family == AF_INET ? '4' : '6');
	default:
		return explain(ret_error, error, "%s", strerror(-error));
	}
}

/* The listening socket */

struct search {
	const struct sockaddr_storage *name;
	int found; /* fd, or -ENOENT */
};

static bool has_name(int fd, const struct sockaddr_storage *wanted)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in *a4 = (const void *)&name, *b4 = (const void *)wanted;
	const struct sockaddr_in6 *a6 = (const void *)&name, *b6 = (const void *)wanted;
	socklen_t len = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &len) < 0 ||
	    name.ss_family != wanted->ss_family || port_of(&name) != port_of(wanted))
		return false;
	if (name.ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

/* Return: the fd, which is how slirp_poll names it, too. */
static int look_at(int fd, int events, void *opaque)
{
	struct search *search = opaque;

	if (search->found < 0 && sock_is_listening(fd) && has_name(fd, search->name))
		search->found = fd;
	return fd;
}

int user_forward_socket(Slirp *slirp, const struct network_forward *forward)
{
	struct search search = { .name = &forward->host, .found = -ENOENT };
	uint32_t timeout_ms = UINT32_MAX;

	slirp_pollfds_fill(slirp, &timeout_ms, look_at, &search);
	return search.found;
}

/* Without it a forward works as well, so a failure is not told. */
static void listen_for_more(Slirp *slirp, const struct network_forward *forward)
{
	int fd = user_forward_socket(slirp, forward);

	if (fd >= 0)
		(void)!listen(fd, BACKLOG);
}

int user_forward_add(Slirp *slirp, struct slirp_poll *poll, const struct network_forward *forward,
		     char **ret_error)
{
	const struct sockaddr_storage *host = &forward->host, *guest = &forward->guest;

	if (host->ss_family != guest->ss_family)
		return explain(ret_error, -EINVAL,
			       "host's side and guest must both be IPv4 or both IPv6");
	if (slirp_add_hostxfwd(slirp, (const struct sockaddr *)host, size_of(host),
			       (const struct sockaddr *)guest, size_of(guest),
			       flags_of(forward)) < 0)
		return say_why(forward, -errno, ret_error);
	if (forward->protocol == IPPROTO_TCP)
		listen_for_more(slirp, forward);
	slirp_poll_changed(poll);
	return 0;
}

void user_forward_remove(Slirp *slirp, struct slirp_poll *poll,
			 const struct network_forward *forward)
{
	slirp_remove_hostxfwd(slirp, (const struct sockaddr *)&forward->host,
			      size_of(&forward->host), flags_of(forward));
	slirp_poll_changed(poll);
}
