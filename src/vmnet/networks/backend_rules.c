/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_rules.c - who shares a network with whom
 *
 *   asked for           living              outcome
 *   a network object's  any                 apart; busy if subnets overlap
 *   bridged             bridged, same name  same
 *   identifier          same identifier     same; busy if either is isolated or the host's address
 *                                           there would be another
 *   automatic range     automatic, same     same, unless either is isolated in host mode: such a
 *                       mode                network is for one alone, so another range is picked
 *   a range             same mode, range    same; busy if either is isolated in host mode
 *   a range             overlapping         busy
 *
 * What a network is for good (its prefix, its MTU) is settled by who came first: to want it otherwise
 * is busy, too.
 */
#include "vmnet/networks/backend_rules.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_MTU    1500u
#define SHARED_THIRD   64u /* of 192.168.64.0/24 */
#define HOST_THIRD     128u
#define SUBNETS_OF_192 256u

struct backend_range backend_range_of(const struct backend_request *request)
{
	struct in_addr mask = request->host_mask;

	if (request->range_given)
		return (struct backend_range) { .start = request->start_address,
						.end = request->end_address,
						.mask = request->subnet_mask };
	if (!request->host_address_given)
		return (struct backend_range) { 0 };
	/* No DHCP there: the end is the last address that is a station's. */
	return (struct backend_range) {
		.start = request->host_address,
		.end = { htonl((ntohl(request->host_address.s_addr) | ~ntohl(mask.s_addr)) - 1) },
		.mask = mask,
	};
}

bool backend_has_range(const struct backend_request *request)
{
	return request->mode != VMNET_BRIDGED_MODE &&
	       (!request->identifier_given || request->range_given || request->host_address_given);
}

static bool is_none(const struct backend_range *range)
{
	return range->mask.s_addr == 0;
}

bool backend_overlap(const struct backend_range *a, const struct backend_range *b)
{
	in_addr_t wider = a->mask.s_addr & b->mask.s_addr;

	return !is_none(a) && !is_none(b) && (a->start.s_addr & wider) == (b->start.s_addr & wider);
}

static bool same_range(const struct backend_range *a, const struct backend_range *b)
{
	return a->start.s_addr == b->start.s_addr && a->end.s_addr == b->end.s_addr &&
	       a->mask.s_addr == b->mask.s_addr;
}

static struct backend_range range_of_third(unsigned int third)
{
	in_addr_t net = 192u << 24 | 168u << 16 | third << 8;

	return (struct backend_range) { .start = { htonl(net | 1) },
					.end = { htonl(net | 254) },
					.mask = { htonl(0xffffff00u) } };
}

static unsigned int first_third(operating_modes_t mode)
{
	return mode == VMNET_SHARED_MODE ? SHARED_THIRD : HOST_THIRD;
}

bool backend_pick_range(operating_modes_t mode,
			bool (*is_taken)(void *opaque, const struct backend_range *range),
			void *opaque, struct backend_range *ret)
{
	for (unsigned int i = 0; i < SUBNETS_OF_192; i++) {
		struct backend_range range =
			range_of_third((first_third(mode) + i) % SUBNETS_OF_192);

		if (is_taken(opaque, &range))
			continue;
		*ret = range;
		return true;
	}
	return false;
}

/* Whoever gives no range belongs to the network that has the default's place. */
static bool is_the_default(const struct backend_living *living)
{
	struct backend_range first = range_of_third(first_third(living->asked.mode));

	return !living->asked.range_given || same_range(&living->range, &first);
}

static enum backend_relation busy(const char **ret_why, const char *why)
{
	*ret_why = why;
	return BACKEND_BUSY;
}

/* It is the same network; does it suit? */
static enum backend_relation join(const struct backend_request *request,
				  const struct backend_living *living, const char **ret_why)
{
	const struct backend_request *asked = &living->asked;
	uint16_t mtu = asked->mtu ? asked->mtu : DEFAULT_MTU;

	if (request->prefix_given &&
	    (!asked->prefix_given ||
	     !IN6_ARE_ADDR_EQUAL(&request->nat66_prefix, &asked->nat66_prefix)))
		return busy(ret_why, "that network has another IPv6 prefix");
	if (request->mtu > mtu)
		return busy(ret_why, "that network has a smaller MTU");
	return BACKEND_SAME;
}

static enum backend_relation relate_named(const struct backend_request *request,
					  const struct backend_living *living, const char **ret_why)
{
	struct backend_range range = backend_range_of(request);
	const struct backend_request *asked = &living->asked;

	if (request->exclusive || asked->exclusive)
		return busy(ret_why, "a network with this identifier is isolated, which admits one "
				     "interface");
	if (!is_none(&range) && !same_range(&range, &living->range))
		return busy(ret_why, "the host has another address in the network with this "
				     "identifier, or none");
	if (request->host_address6_given &&
	    (!asked->host_address6_given ||
	     !IN6_ARE_ADDR_EQUAL(&request->host_address6, &asked->host_address6)))
		return busy(ret_why, "the host has another IPv6 address in the network with this "
				     "identifier, or none");
	return join(request, living, ret_why);
}

static enum backend_relation relate_bridged(const struct backend_request *request,
					    const struct backend_living *living,
					    const char **ret_why)
{
	if (request->mode != living->asked.mode ||
	    strcmp(request->ifname, living->asked.ifname) != 0)
		return BACKEND_APART;
	return join(request, living, ret_why);
}

/* Is it the network that is asked for? Then by mode and range; not by who may be in it. */
static bool is_meant(const struct backend_request *request, const struct backend_living *living)
{
	struct backend_range range = backend_range_of(request);

	if (request->mode != living->asked.mode || living->asked.identifier_given ||
	    living->asked.own)
		return false;
	return request->range_given ? same_range(&range, &living->range) : is_the_default(living);
}

enum backend_relation backend_relate(const struct backend_request *request,
				     const struct backend_living *living, const char **ret_why)
{
	const struct backend_request *asked = &living->asked;
	struct backend_range range = backend_range_of(request);
	bool alone = request->exclusive || asked->exclusive;

	if (request->mode == VMNET_BRIDGED_MODE || asked->mode == VMNET_BRIDGED_MODE)
		return relate_bridged(request, living, ret_why);
	if (request->identifier_given && asked->identifier_given &&
	    memcmp(request->identifier, asked->identifier, sizeof(request->identifier)) == 0)
		return relate_named(request, living, ret_why);
	if (!request->identifier_given && !request->own && is_meant(request, living) && !alone)
		return join(request, living, ret_why);
	if (!backend_overlap(&range, &living->range))
		return BACKEND_APART;
	if (alone && request->mode == asked->mode)
		return busy(ret_why, "a network of this range is isolated, which admits one "
				     "interface");
	return busy(ret_why, "another network overlaps with this range");
}
