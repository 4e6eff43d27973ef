/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leases_of.h - the leases of a user network, for what answers with them
 *
 * After <cmocka.h>.
 */
#ifndef TESTS_LEASES_OF_H
#define TESTS_LEASES_OF_H

#include <arpa/inet.h>

#include "net/network.h"
#include "net/user/leases.h"

static struct in_addr address_of(const char *text)
{
	struct in_addr address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

/* Nobody's yet, at second 1000. The caller frees. */
static struct leases *leases_of(const struct network_addresses *addresses, uint32_t lease_s)
{
	const struct leases_config config = { .network = addresses->network,
					      .mask = addresses->mask,
					      .gateway = addresses->gateway,
					      .first = addresses->first_lease,
					      .last = addresses->last_lease,
					      .lease_s = lease_s };
	struct leases *leases;

	assert_int_equal(leases_new(&config, NULL, NULL, &leases), 0);
	leases_tick(leases, 1000);
	return leases;
}

#endif
