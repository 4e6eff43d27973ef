/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * complete_forwards.c - forwards, once all are known: no two alike, nothing that the mode forbids
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/settings/complete.h"
#include "sys/explain.h"

struct text {
	char s[FORWARD_TEXT_MAX];
};

static struct text text_of(const struct forward_config *forward)
{
	struct text text;

	forward_print(forward, text.s);
	return text;
}

static bool is_local(const struct sockaddr_storage *host)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)host;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)host;

	if (host->ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (host->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return true;
}

/* Clients from outside are answered by the way out, in a user network: which is NAT, or none. */
static int check_nat(const struct network_config *network, const struct forward_config *forward,
		     char **ret_error)
{
	bool v6 = forward->host.ss_family == AF_INET6;

	if (network->kind != NETWORK_USER || is_local(&forward->host) ||
	    !(v6 ? network->no_nat66 : network->no_nat44))
		return 0;
	return explain(
		ret_error, -EINVAL,
		"--forward %s: with --%s off a user network is closed to the outside; listen "
		"at 127.0.0.1, [::1] or a socket's path, or use --network kernel",
		text_of(forward).s, v6 ? "nat66" : "nat44");
}

/* vmnet's table: nobody outside reaches a host network's guests; the host itself does. */
int complete_forward(const struct network_config *network, const struct forward_config *forward,
		     char **ret_error)
{
	if (network->mode == NETWORK_BRIDGED)
		return explain(ret_error, -EINVAL,
			       "--forward %s: guests of a bridged network are reached without; "
			       "leave it out",
			       text_of(forward).s);
	if (network->mode == NETWORK_HOST && !is_local(&forward->host))
		return explain(ret_error, -EINVAL,
			       "--forward %s: a host network is closed to the outside; listen at "
			       "127.0.0.1, [::1] or a socket's path, or serve a shared network",
			       text_of(forward).s);
	return check_nat(network, forward, ret_error);
}

int complete_forwards(struct net_settings *settings, char **ret_error)
{
	for (size_t i = 0; i < settings->n_forwards; i++) {
		const struct forward_config *forward = &settings->forwards[i];
		int r = complete_forward(&settings->network, forward, ret_error);

		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++) {
			const struct forward_config *other = &settings->forwards[j];

			if (forward->protocol == other->protocol &&
			    memcmp(&forward->host, &other->host, sizeof(other->host)) == 0)
				return explain(
					ret_error, -EINVAL,
					"--forward %s: --forward %s has the same host's side; "
					"give each its own",
					text_of(forward).s, text_of(other).s);
		}
	}
	return 0;
}
