/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow_budget.c - how many of the process's file descriptors guests may have, through libslirp
 *
 * libslirp says when it opens a socket and when it closes one, not whose it is: it is that of the
 * guest whose frame it is looking at, or nobody's, as for connections from outside.
 *
 * Which frame opens a flow only libslirp knows. One that could: the first of a TCP connection, any
 * datagram, an echo request. So a guest beyond its share loses datagrams of its old flows, too.
 */
#include "net/user/flow_budget.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "net/user/packet.h"

/* Kept back for ports, files, the control socket: a quarter, but no more than this. */
#define KEPT_MAX	 256u

/* What is counted at most; an unlimited process has no table as large as its limit. */
#define DESCRIPTORS_MAX	 65536u

#define TCP_FLAGS_OFFSET 13u

/* Who has sockets open. */
struct owner {
	uint64_t id;
	unsigned int n;
};

struct flow_budget {
	unsigned int max, used;
	uint64_t refused;
	bool asking; /* @asker's frame is with libslirp */
	uint64_t asker;
	struct owner *owners; /* those with sockets, and room for more */
	size_t n_owners, owners_room;
	size_t n_fds;
	struct fd_owner {
		bool open, owned;
		uint64_t id;
	} fds[];
};

int flow_budget_new(struct flow_budget **ret)
{
	struct flow_budget *budget;
	struct rlimit limit;
	size_t n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	n = limit.rlim_cur > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : (size_t)limit.rlim_cur;
	budget = calloc(1, sizeof(*budget) + n * sizeof(budget->fds[0]));
	if (!budget)
		return -ENOMEM;
	budget->n_fds = n;
	budget->max = (unsigned int)(n - (n / 4 < KEPT_MAX ? n / 4 : KEPT_MAX));
	*ret = budget;
	return 0;
}

void flow_budget_free(struct flow_budget *budget)
{
	if (!budget)
		return;
	free(budget->owners);
	free(budget);
}

static struct owner *owner_find(struct flow_budget *budget, uint64_t id)
{
	for (size_t i = 0; i < budget->n_owners; i++) {
		if (budget->owners[i].id == id)
			return &budget->owners[i];
	}
	return NULL;
}

/* Return: NULL without memory */
static struct owner *owner_add(struct flow_budget *budget, uint64_t id)
{
	size_t room = budget->owners_room ? 2 * budget->owners_room : 16;
	struct owner *owners = budget->owners;

	if (budget->n_owners == budget->owners_room) {
		owners = realloc(owners, room * sizeof(*owners));
		if (!owners)
			return NULL;
		budget->owners = owners;
		budget->owners_room = room;
	}
	owners[budget->n_owners] = (struct owner) { .id = id };
	return &owners[budget->n_owners++];
}

bool flow_budget_opens(const uint8_t *frame, size_t len)
{
	struct packet_transport transport;
	const uint8_t *header;

	if (!packet_find_transport(frame, len, &transport))
		return false;
	header = frame + transport.at;
	switch (transport.protocol) {
	case IPPROTO_TCP:
		return len > transport.at + TCP_FLAGS_OFFSET &&
		       (header[TCP_FLAGS_OFFSET] & (TH_SYN | TH_ACK)) == TH_SYN;
	case IPPROTO_UDP:
		return true;
	case IPPROTO_ICMP:
		return header[0] == ICMP_ECHO;
	case IPPROTO_ICMPV6:
		return header[0] == ICMP6_ECHO_REQUEST;
	default:
		return false;
	}
}

bool flow_budget_is_full(const struct flow_budget *budget)
{
	return budget->used >= budget->max;
}

static bool has_share_left(struct flow_budget *budget, uint64_t id)
{
	const struct owner *owner = owner_find(budget, id);

	return !flow_budget_is_full(budget) &&
	       (!owner || owner->n < budget->max / FLOW_BUDGET_SHARES);
}

bool flow_budget_ask(struct flow_budget *budget, uint64_t owner, const uint8_t *frame, size_t len)
{
	budget->asking = true;
	budget->asker = owner;
	if (!flow_budget_opens(frame, len) || has_share_left(budget, owner))
		return true;
	budget->refused++;
	return false;
}

void flow_budget_answered(struct flow_budget *budget)
{
	budget->asking = false;
}

void flow_budget_opened(struct flow_budget *budget, int fd)
{
	struct owner *owner = NULL;

	if (fd < 0 || (size_t)fd >= budget->n_fds || budget->fds[fd].open)
		return;
	if (budget->asking)
		owner = owner_find(budget, budget->asker);
	if (budget->asking && !owner)
		owner = owner_add(budget, budget->asker);
	if (owner)
		owner->n++;
	budget->fds[fd] =
		(struct fd_owner) { .open = true, .owned = owner != NULL, .id = budget->asker };
	budget->used++;
}

void flow_budget_closed(struct flow_budget *budget, int fd)
{
	struct owner *owner;

	if (fd < 0 || (size_t)fd >= budget->n_fds || !budget->fds[fd].open)
		return;
	budget->fds[fd].open = false;
	budget->used--;
	if (!budget->fds[fd].owned)
		return;
	owner = owner_find(budget, budget->fds[fd].id);
	if (--owner->n == 0)
		*owner = budget->owners[--budget->n_owners];
}

unsigned int flow_budget_used(const struct flow_budget *budget)
{
	return budget->used;
}

uint64_t flow_budget_refused(const struct flow_budget *budget)
{
	return budget->refused;
}
