/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_reservations.c - reservations of a kernel network, which dnsmasq keeps
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/dnsmasq_config.h"
#include "net/kernel/kernel_internal.h"
#include "net/network_check.h"
#include "sys/explain.h"

#define RESERVATIONS_MAX 65536u

int kernel_check_name(const struct network_reservation *wanted, char **ret_error)
{
	if (dnsmasq_takes_name(wanted->name))
		return 0;
	return explain(ret_error, -EINVAL,
		       "name=%s: dnsmasq, which serves kernel networks, takes it for a keyword or "
		       "a time; choose another one",
		       wanted->name);
}

static int check_reservation(const struct network_config *config,
			     const struct network_reservation *wanted, char **ret_error)
{
	int r = network_check_reserved_address(config, wanted->address, ret_error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < config->n_reservations; i++) {
		const struct network_reservation *each = &config->reservations[i];

		if (memcmp(each->mac, wanted->mac, FRAME_MAC) == 0)
			return explain(ret_error, -EEXIST,
				       "this MAC address has a reservation already");
		if (each->address.s_addr == wanted->address.s_addr)
			return explain(ret_error, -EEXIST, "this address is reserved already");
	}
	if (config->n_reservations >= RESERVATIONS_MAX)
		return explain(ret_error, -ENOSPC, "there are %u reservations already",
			       RESERVATIONS_MAX);
	return kernel_check_name(wanted, ret_error);
}

int kernel_reserve(struct network *network, const struct network_reservation *wanted,
		   char **ret_error)
{
	struct kernel_network *kernel = (struct kernel_network *)network;
	struct network_config *config = &kernel->config;
	struct network_reservation *more;
	int r;

	if (!kernel->dnsmasq || config->dhcp.off)
		return explain(ret_error, -EOPNOTSUPP, "this network has no DHCP");
	r = check_reservation(config, wanted, ret_error);
	if (r < 0)
		return r;
	more = realloc(kernel->reservations, (config->n_reservations + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	config->reservations = kernel->reservations = more;
	more[config->n_reservations] = *wanted;
	r = dnsmasq_set_reservations(kernel->dnsmasq, more, config->n_reservations + 1);
	if (r >= 0)
		config->n_reservations++;
	return r;
}

int kernel_unreserve(struct network *network, const uint8_t mac[FRAME_MAC])
{
	struct kernel_network *kernel = (struct kernel_network *)network;
	struct network_config *config = &kernel->config;
	size_t i = 0;

	while (i < config->n_reservations &&
	       memcmp(kernel->reservations[i].mac, mac, FRAME_MAC) != 0)
		i++;
	if (!kernel->dnsmasq || i == config->n_reservations)
		return -ENOENT;
	config->n_reservations--;
	memmove(&kernel->reservations[i], &kernel->reservations[i + 1],
		(config->n_reservations - i) * sizeof(*kernel->reservations));
	return dnsmasq_set_reservations(kernel->dnsmasq, kernel->reservations,
					config->n_reservations);
}
