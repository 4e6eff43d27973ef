/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.c - the "user" kind of network: switch, gateway and uplink
 *
 * Gives the switch what it has not: a clock (the loop's, once a turn) and a moment for its events,
 * outside of any port's call: an idle handle, which libuv runs before it looks at sockets again,
 * and which keeps it from sleeping.
 */
#include "net/user/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/gateway.h"
#include "net/user/switch.h"
#include "net/user/uplink.h"
#include "sys/explain.h"

/* An Ethernet header and a VLAN tag around the MTU. */
#define FRAME_OVERHEAD (FRAME_ETH_HEADER + 4u)

struct user_network {
	struct network network; /* first: what is given out */
	struct eth_switch *eth_switch;
	struct gateway *gateway; /* NULL, and so is the uplink: the host is not in it */
	struct uplink *uplink;
	struct network_config config;
	uv_loop_t *loop;
	uv_prepare_t clock;
	uv_idle_t dispatch;
	unsigned int open_handles;
};

static void on_dispatch(uv_idle_t *dispatch)
{
	struct user_network *user = dispatch->data;

	if (!switch_dispatch(user->eth_switch))
		uv_idle_stop(dispatch);
}

static void on_pending(void *opaque)
{
	struct user_network *user = opaque;

	uv_idle_start(&user->dispatch, on_dispatch);
}

static void on_clock(uv_prepare_t *clock)
{
	struct user_network *user = clock->data;

	switch_tick(user->eth_switch, uv_now(user->loop));
}

static int user_open(struct network *network, const struct network_port *port,
		     const struct channel_events *events, void *opaque, struct channel **ret)
{
	struct user_network *user = (struct user_network *)network;
	struct switch_port_config config = { .isolated = port->isolated,
					     .events = events,
					     .opaque = opaque };

	return switch_open(user->eth_switch, &config, ret);
}

static const struct network_config *user_config(const struct network *network)
{
	return &((const struct user_network *)network)->config;
}

/* Leases */

static void on_lease(void *opaque, const struct lease *lease, enum lease_event event)
{
	struct user_network *user = opaque;
	struct network_lease described;

	if (event == LEASE_RENEWED)
		return;
	leases_describe(lease, &described);
	network_tell_lease(&user->network, &described, event == LEASE_GONE);
}

static int user_reserve(struct network *network, const struct network_reservation *reservation,
			char **ret_error)
{
	struct user_network *user = (struct user_network *)network;
	int r = leases_reserve(gateway_leases(user->gateway), reservation, ret_error);

	if (r == 0)
		gateway_leases_changed(user->gateway);
	return r;
}

static int user_unreserve(struct network *network, const uint8_t mac[FRAME_MAC])
{
	struct user_network *user = (struct user_network *)network;
	int r = leases_unreserve(gateway_leases(user->gateway), mac);

	if (r == 0)
		gateway_leases_changed(user->gateway);
	return r;
}

struct visitor {
	bool (*each)(void *opaque, const struct network_lease *lease);
	void *opaque;
};

static bool visit(void *opaque, const struct lease *lease)
{
	const struct visitor *visitor = opaque;
	struct network_lease described;

	if (lease->state != LEASE_BOUND && !lease->reserved)
		return true;
	leases_describe(lease, &described);
	return visitor->each(visitor->opaque, &described);
}

static void user_each_lease(const struct network *network,
			    bool (*each)(void *opaque, const struct network_lease *lease),
			    void *opaque)
{
	const struct user_network *user = (const struct user_network *)network;
	struct visitor visitor = { each, opaque };

	leases_each(gateway_leases(user->gateway), visit, &visitor);
}

static void user_each_counter(const struct network *network,
			      void (*each)(void *opaque, const char *name, uint64_t value),
			      void *opaque)
{
	const struct user_network *user = (const struct user_network *)network;

	gateway_each_counter(user->gateway, each, opaque);
	uplink_each_counter(user->uplink, each, opaque);
}

/* Forwards */

static int user_forward(struct network *network, const struct network_forward *forward,
			char **ret_error)
{
	return uplink_forward_add(((struct user_network *)network)->uplink, forward, ret_error);
}

static void user_unforward(struct network *network, const struct network_forward *forward)
{
	uplink_forward_remove(((struct user_network *)network)->uplink, forward);
}

static void user_each_address(const struct network *network,
			      bool (*each)(void *opaque, const struct network_address *address),
			      void *opaque)
{
	switch_each_address(((const struct user_network *)network)->eth_switch, each, opaque);
}

static void handle_closed(uv_handle_t *handle)
{
	struct user_network *user = handle->data;

	if (--user->open_handles == 0)
		free(user);
}

static void user_free(struct network *network)
{
	struct user_network *user = (struct user_network *)network;

	uplink_free(user->uplink);
	gateway_free(user->gateway);
	switch_free(user->eth_switch);
	uv_close((uv_handle_t *)&user->clock, handle_closed);
	uv_close((uv_handle_t *)&user->dispatch, handle_closed);
}

static const struct network_ops user_ops = {
	.name = "user",
	.open = user_open,
	.config = user_config,
	.forward_add = user_forward,
	.forward_remove = user_unforward,
	.reserve = user_reserve,
	.unreserve = user_unreserve,
	.each_lease = user_each_lease,
	.each_counter = user_each_counter,
	.each_address = user_each_address,
	.free = user_free,
};

/* Guests and nothing else: one with a UUID. */
static const struct network_ops user_alone_ops = {
	.name = "user",
	.open = user_open,
	.config = user_config,
	.each_address = user_each_address,
	.free = user_free,
};

static int user_add_host(struct user_network *user, char **ret_error)
{
	struct network_config *config = &user->config;
	int r = gateway_new(user->loop, config, user->eth_switch, on_lease, user, &user->gateway,
			    ret_error);

	if (r < 0)
		return r;
	r = uplink_new(user->loop, config, user->eth_switch, gateway_services(), user->gateway,
		       &user->uplink, ret_error);
	if (r < 0 && *ret_error)
		return r;
	if (r < 0)
		return explain(ret_error, r, "cannot make the network: %s", strerror(-r));
	gateway_attach(user->gateway, user->uplink);
	return 0;
}

static int user_fill(struct user_network *user, char **ret_error)
{
	struct switch_config switch_config = { .max_frame = FRAME_OVERHEAD + user->config.mtu,
					       .pending = on_pending,
					       .opaque = user };
	int r = switch_new(&switch_config, &user->eth_switch);

	if (r < 0)
		return explain(ret_error, r, "no memory for a network");
	switch_tick(user->eth_switch, uv_now(user->loop));
	return user->network.ops == &user_ops ? user_add_host(user, ret_error) : 0;
}

int user_network_new(uv_loop_t *loop, const struct network_config *config, struct network **ret,
		     char **ret_error)
{
	struct user_network *user = calloc(1, sizeof(*user));
	int r;

	if (!user)
		return explain(ret_error, -ENOMEM, "no memory for a network");
	*user = (struct user_network) {
		.network = { .ops = network_config_has_gateway(config) ? &user_ops
								       : &user_alone_ops },
		.config = *config,
		.loop = loop,
		.open_handles = 2,
	};
	uv_prepare_init(loop, &user->clock);
	uv_idle_init(loop, &user->dispatch);
	user->clock.data = user->dispatch.data = user;
	r = user_fill(user, ret_error);
	if (r < 0) {
		user_free(&user->network);
		return r;
	}
	uv_prepare_start(&user->clock, on_clock);
	*ret = &user->network;
	return 0;
}
