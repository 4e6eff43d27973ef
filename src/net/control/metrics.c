/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics.c - what a network counts, as OpenMetrics text
 *
 * Names of what a network and its sockets count are theirs: outrigger_network_NAME,
 * outrigger_socket_NAME; by their convention those that end in _total only grow.
 */
#include "net/control/metrics.h"

#include <stdio.h>

#include "net/control/metrics_text.h"

#define NAME_ROOM 128u

/* Ports */

static void add_directions(struct metrics_text *text, const struct port_config *port,
			   const char *name, const char *help, uint64_t from, uint64_t to)
{
	struct metric_label labels[] = { { "port", port->name },
					 { "direction", "from_guest" },
					 { 0 } };

	metrics_text_add(text, name, help, labels, from);
	labels[1].value = "to_guest";
	metrics_text_add(text, name, help, labels, to);
}

static void add_dropped(struct metrics_text *text, const struct port_config *port,
			const char *reason, uint64_t value)
{
	const struct metric_label labels[] = { { "port", port->name },
					       { "reason", reason },
					       { 0 } };

	metrics_text_add(text, "outrigger_port_dropped_frames_total",
			 "Frames that a port lost, by the reason.", labels, value);
}

static void add_port_state(struct metrics_text *text, const struct port *port)
{
	const struct port_config *config = port_config(port);
	const struct metric_label named[] = { { "port", config->name }, { 0 } };
	const struct metric_label info[] = { { "port", config->name },
					     { "kind", config->kind },
					     { 0 } };

	metrics_text_add(text, "outrigger_port_connected",
			 "Whether there is a guest behind the port.", info, port_is_up(port));
	metrics_text_add(text, "outrigger_port_link", "Whether the port's link is set up.", named,
			 port_admin_is_up(port));
	add_directions(text, config, "outrigger_port_limit_bytes_per_second",
		       "The most that passes, 0 for no limit.", config->limits.from_guest,
		       config->limits.to_guest);
}

static void add_port(struct metrics_text *text, const struct port *port)
{
	const struct port_config *config = port_config(port);
	struct port_counters counters;

	port_counters(port, &counters);
	add_port_state(text, port);
	add_directions(text, config, "outrigger_port_frames_total", "Frames that passed a port.",
		       counters.channel.sent_frames, counters.channel.received_frames);
	add_directions(text, config, "outrigger_port_bytes_total", "Bytes that passed a port.",
		       counters.channel.sent_bytes, counters.channel.received_bytes);
	add_dropped(text, config, "undeliverable", counters.channel.sent_dropped);
	add_dropped(text, config, "not_taken",
		    counters.channel.received_dropped - counters.rate_dropped);
	add_dropped(text, config, "source_guard", counters.guard_dropped);
	add_dropped(text, config, "rate", counters.rate_dropped);
	add_dropped(text, config, "link_down", counters.link_dropped);
}

/* Whatever else is counted */

struct counters_of {
	struct metrics_text *text;
	const char *socket; /* NULL: of the network */
};

static void add_counter(void *opaque, const char *name, uint64_t value)
{
	const struct counters_of *of = opaque;
	const struct metric_label labels[] = { { of->socket ? "socket" : NULL, of->socket },
					       { 0 } };
	char whole[NAME_ROOM];

	snprintf(whole, sizeof(whole), "outrigger_%s_%s", of->socket ? "socket" : "network", name);
	metrics_text_add(of->text, whole, NULL, labels, value);
}

struct forward_counts {
	uint64_t active, waiting;
};

static void count_forward(void *opaque, const struct forward_config *config,
			  const struct sockaddr_storage *target)
{
	struct forward_counts *counts = opaque;

	if (target->ss_family == AF_UNSPEC)
		counts->waiting++;
	else
		counts->active++;
}

static void add_forwards(struct metrics_text *text, const struct forwards *forwards)
{
	static const char help[] = "Port forwards, by whether their guest has an address.";
	static const struct metric_label active[] = { { "state", "active" }, { 0 } };
	static const struct metric_label waiting[] = { { "state", "waiting" }, { 0 } };
	struct forward_counts counts = { 0 };

	forwards_each(forwards, count_forward, &counts);
	metrics_text_add(text, "outrigger_forwards", help, active, counts.active);
	metrics_text_add(text, "outrigger_forwards", help, waiting, counts.waiting);
}

static void add_network(struct metrics_text *text, struct net_service *service)
{
	struct network *network = net_service_network(service);
	struct counters_of of = { .text = text };

	metrics_text_add(text, "outrigger_leases", "Guests that have an address, or one reserved.",
			 NULL, network_n_leases(network));
	metrics_text_add(text, "outrigger_addresses",
			 "MAC addresses that are known to be behind some port.", NULL,
			 network_n_addresses(network));
	add_forwards(text, net_service_forwards(service));
	network_each_counter(network, add_counter, &of);
}

static void add_service(struct metrics_text *text, const struct control_host *host)
{
	const struct network_config *config = network_config_of(net_service_network(host->service));
	const struct metric_label labels[] = { { "version", host->version },
					       { "mode", network_mode_name(config->mode) },
					       { "network", network_kind_name(config->kind) },
					       { 0 } };

	metrics_text_add(text, "outrigger_info", "What is served.", labels, 1);
	metrics_text_add(text, "outrigger_uptime_seconds", "Since the network was made.", NULL,
			 net_service_uptime_ms(host->service) / 1000);
}

int metrics_print(const struct control_host *host, char **ret)
{
	struct metrics_text text = { 0 };
	struct net_service *service = host->service;

	add_service(&text, host);
	add_network(&text, service);
	for (struct port *port = port_first(net_service_ports(service)); port;
	     port = port_next(port))
		add_port(&text, port);
	for (const struct socket_entry *entry = sockets_first(net_service_sockets(service)); entry;
	     entry = entry->next) {
		struct counters_of of = { &text, entry->config.name };

		port_socket_each_counter(entry->socket, add_counter, &of);
	}
	return metrics_text_end(&text, ret);
}
