/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_leases.c - methods: who has which address, who shall have it, and where it was seen
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/control/json_net.h"
#include "net/control/methods.h"
#include "net/network_text.h"
#include "net/ports/nic_mac.h"
#include "sys/explain.h"

static bool append_lease(void *opaque, const struct network_lease *lease)
{
	struct json_object *o = json_object_new_object();

	json_put_mac(o, "mac", lease->mac);
	json_put_address(o, "address", &lease->address);
	if (*lease->name)
		json_put_text(o, "name", lease->name);
	else
		json_put_null(o, "name");
	if (lease->expires_s)
		json_put_number(o, "expires_s",
				lease->expires_s > 0 ? (uint64_t)lease->expires_s : 0);
	else
		json_put_null(o, "expires_s");
	json_put_bool(o, "reserved", lease->reserved);
	json_append(opaque, o);
	return true;
}

int control_leases(struct control_call *call)
{
	struct json_object *leases = json_object_new_array();

	if (leases)
		network_each_lease(net_service_network(call->host->service), append_lease, leases);
	json_put(call->result, "leases", leases);
	return 0;
}

/* The switch's or bridge's table */

struct listing {
	struct json_object *array;
	struct port_table *ports;
};

static const char *port_name(struct port_table *ports, const struct channel *channel)
{
	for (struct port *port = port_first(ports); port; port = port_next(port)) {
		if (port_network_channel(port) == channel)
			return port_config(port)->name;
	}
	return NULL;
}

static bool append_address(void *opaque, const struct network_address *address)
{
	const struct listing *listing = opaque;
	struct json_object *o = json_object_new_object();
	const char *name = address->channel ? port_name(listing->ports, address->channel) : NULL;

	json_put_mac(o, "mac", address->mac);
	if (name)
		json_put_text(o, "port", name);
	else
		json_put_null(o, "port");
	json_put_number(o, "age_s", address->age_ms / 1000);
	json_append(listing->array, o);
	return true;
}

int control_addresses(struct control_call *call)
{
	struct listing listing = { .array = json_object_new_array(),
				   .ports = net_service_ports(call->host->service) };

	if (listing.array)
		network_each_address(net_service_network(call->host->service), append_address,
				     &listing);
	json_put(call->result, "addresses", listing.array);
	return 0;
}

/* Reservations: put together as the option has it, so that one place says what is wrong. */

int control_add_reservation(struct control_call *call)
{
	const char *name = control_text(call, "name");
	struct network_reservation reservation;
	char *text;
	int r;

	if (asprintf(&text, "%s=%s%s%s", control_text(call, "mac"), control_text(call, "address"),
		     name ? ",name=" : "", name ? name : "") < 0)
		return -ENOMEM;
	r = network_reservation_parse(text, &reservation, &call->error);
	if (r >= 0)
		r = net_service_reserve(call->host->service, &reservation, &call->error);
	else
		explain_about(&call->error, "%s: ", text);
	free(text);
	return r;
}

int control_remove_reservation(struct control_call *call)
{
	const char *text = control_text(call, "mac");
	uint8_t mac[FRAME_MAC];
	int r = nic_mac_parse(text, mac);

	if (r < 0)
		return nic_mac_explain(r, &call->error);
	r = net_service_unreserve(call->host->service, mac);
	if (r == -ENOENT)
		return explain(&call->error, r, "nothing is reserved for %s", text);
	if (r == -EOPNOTSUPP)
		return explain(&call->error, r, "this network has no reservations");
	return r;
}
