/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_ports.c - methods: ports, the sockets they come from, link and limits
 *
 * A port is named in every method by its own name. Only that of a socket can be removed: a guest's
 * second connection to a stream socket ends with the connection.
 */
#include <errno.h>
#include <string.h>

#include "net/control/json_net.h"
#include "net/control/methods.h"
#include "net/settings/port_spec.h"
#include "net/settings/rate.h"
#include "sys/explain.h"

/* Listing */

static struct json_object *json_of_limits(const struct port_limits *limits)
{
	struct json_object *o = json_object_new_object();

	json_put_number(o, "rate_to_guest", limits->to_guest * 8);
	json_put_number(o, "rate_from_guest", limits->from_guest * 8);
	return o;
}

static struct json_object *json_of_guard(const struct port_counters *counters)
{
	struct json_object *o = json_object_new_object();

	for (int i = SOURCE_GUARD_PASS + 1; i < SOURCE_GUARD_VERDICTS; i++)
		json_put_number(o, source_guard_verdict_name((enum source_guard_verdict)i),
				counters->guard[i]);
	return o;
}

static struct json_object *json_of_counters(const struct port *port)
{
	struct json_object *o = json_object_new_object();
	struct port_counters counters;

	port_counters(port, &counters);
	json_put_number(o, "from_guest_frames", counters.channel.sent_frames);
	json_put_number(o, "from_guest_bytes", counters.channel.sent_bytes);
	json_put_number(o, "from_guest_dropped", counters.channel.sent_dropped);
	json_put_number(o, "to_guest_frames", counters.channel.received_frames);
	json_put_number(o, "to_guest_bytes", counters.channel.received_bytes);
	json_put_number(o, "to_guest_dropped", counters.channel.received_dropped);
	json_put_number(o, "guard_dropped", counters.guard_dropped);
	json_put(o, "guard_dropped_by", json_of_guard(&counters));
	json_put_number(o, "rate_dropped", counters.rate_dropped);
	json_put_number(o, "link_dropped", counters.link_dropped);
	return o;
}

static struct json_object *json_of_port(const struct port *port)
{
	const struct port_config *config = port_config(port);
	struct json_object *o = json_object_new_object();
	uint8_t mac[FRAME_MAC];

	json_put_text(o, "name", config->name);
	json_put_text(o, "kind", config->kind);
	if (port_mac(port, mac))
		json_put_mac(o, "mac", mac);
	else
		json_put_null(o, "mac");
	json_put_number(o, "mtu", config->mtu);
	json_put_bool(o, "isolated", config->isolated);
	json_put_bool(o, "connected", port_is_up(port));
	json_put_bool(o, "link", port_admin_is_up(port));
	json_put(o, "limits", json_of_limits(&config->limits));
	json_put(o, "counters", json_of_counters(port));
	return o;
}

static struct json_object *json_of_socket(const struct socket_entry *entry)
{
	struct json_object *o = json_object_new_object();

	json_put_text(o, "name", entry->config.name);
	json_put_text(o, "kind", port_socket_kind_name(entry->config.kind));
	if (entry->config.path)
		json_put_bytes(o, "path", entry->config.path);
	else
		json_put_null(o, "path");
	return o;
}

int control_ports(struct control_call *call)
{
	struct net_service *service = call->host->service;
	struct json_object *ports = json_object_new_array();
	struct json_object *sockets = json_object_new_array();

	for (struct port *port = port_first(net_service_ports(service)); port;
	     port = port_next(port))
		json_append(ports, json_of_port(port));
	for (const struct socket_entry *entry = sockets_first(net_service_sockets(service)); entry;
	     entry = entry->next)
		json_append(sockets, json_of_socket(entry));
	json_put(call->result, "ports", ports);
	json_put(call->result, "sockets", sockets);
	return 0;
}

/* Adding and removing */

const struct control_param control_params_add_port[] = {
	{ "kind", CONTROL_TEXT, true },
	{ "path", CONTROL_TEXT, false },
	{ "name", CONTROL_TEXT, false },
	{ "mac", CONTROL_TEXT, false },
	{ "mtu", CONTROL_VALUE, false },
	{ "rate", CONTROL_VALUE, false },
	{ "rate-to-guest", CONTROL_VALUE, false },
	{ "rate-from-guest", CONTROL_VALUE, false },
	{ "isolated", CONTROL_VALUE, false },
	{ "source-guard", CONTROL_VALUE, false },
	{ "mode", CONTROL_TEXT, false },
	{ "group", CONTROL_VALUE, false },
	{ 0 },
};

static int parse_kind(const char *text, enum port_socket_kind *ret, char **ret_error)
{
	static const enum port_socket_kind kinds[] = { PORT_SOCKET_NIC, PORT_SOCKET_STREAM,
						       PORT_SOCKET_DGRAM };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(port_socket_kind_name(kinds[i]), text) == 0) {
			*ret = kinds[i];
			return 0;
		}
	}
	return explain(ret_error, -EINVAL, "kind: neither nic nor stream nor dgram");
}

/* The daemon's directory means nothing to a client. */
static int check_path(const struct port_socket_config *config, char **ret_error)
{
	if (config->path && config->path[0] != '/')
		return explain(ret_error, -EINVAL, "path: not absolute; begin it with \"/\"");
	return 0;
}

static int parse_port(const struct control_call *call, struct port_socket_config *ret,
		      char (*numbers)[CONTROL_VALUE_MAX], char **ret_error)
{
	enum port_socket_kind kind = PORT_SOCKET_NIC;
	int r = parse_kind(control_text(call, "kind"), &kind, ret_error);

	if (r < 0)
		return r;
	port_config_init(ret, kind);
	ret->fd = call->fd;
	ret->ends_with_peer = true;
	for (size_t i = 1; control_params_add_port[i].name && r >= 0; i++) {
		const char *key = control_params_add_port[i].name;
		const char *value = control_value(call, key, numbers[i]);

		if (value)
			r = port_socket_option_set(ret, key, value, ret_error);
	}
	if (r >= 0)
		r = check_path(ret, ret_error);
	if (r >= 0 && !ret->path && ret->fd < 0)
		return explain(ret_error, -EINVAL,
			       "path: missing, and no fd came with the request; give either");
	if (r >= 0 && !ret->path && !ret->name)
		return explain(ret_error, -EINVAL, "name: missing; with an fd it is needed");
	return r < 0 ? r : port_config_check(ret, ret_error);
}

int control_add_port(struct control_call *call)
{
	struct net_service *service = call->host->service;
	char numbers[sizeof(control_params_add_port) / sizeof(control_params_add_port[0])]
		    [CONTROL_VALUE_MAX];
	const struct socket_entry *entry = NULL;
	struct port_socket_config config;
	char name[PORT_NAME_MAX + 1];
	int r = parse_port(call, &config, numbers, &call->error);

	if (r >= 0)
		r = port_config_complete(&config, network_config_of(net_service_network(service)),
					 name, &call->error);
	if (r >= 0)
		r = sockets_add(net_service_sockets(service), &config, &entry, &call->error);
	if (r < 0)
		return r;
	if (!config.path)
		call->fd = -1; /* the socket has closed it */
	json_put_text(call->result, "name", entry->config.name);
	if (entry->config.mac_given)
		json_put_mac(call->result, "mac", entry->config.mac);
	return 0;
}

int control_remove_port(struct control_call *call)
{
	const char *name = control_text(call, "port");
	struct net_service *service = call->host->service;

	if (sockets_remove(net_service_sockets(service), name) == 0)
		return 0;
	if (port_find(net_service_ports(service), name))
		return explain(&call->error, -EOPNOTSUPP,
			       "port %s has no socket of its own; remove that which its guest is "
			       "connected to, or set its link down",
			       name);
	return explain(&call->error, -ENOENT, "no port is called %s", name);
}

/* Settings of one port */

static int find_port(struct control_call *call, struct port **ret)
{
	const char *name = control_text(call, "port");

	*ret = port_find(net_service_ports(call->host->service), name);
	return *ret ? 0 : explain(&call->error, -ENOENT, "no port is called %s", name);
}

int control_set_link(struct control_call *call)
{
	struct port *port;
	int r = find_port(call, &port);

	if (r >= 0)
		port_set_admin(port, control_bool(call, "up"));
	return r;
}

const struct control_param control_params_set_limits[] = {
	{ "port", CONTROL_TEXT, true },
	{ "rate", CONTROL_VALUE, false },
	{ "rate-to-guest", CONTROL_VALUE, false },
	{ "rate-from-guest", CONTROL_VALUE, false },
	{ 0 },
};

static int parse_limits(struct control_call *call, struct port_limits *limits)
{
	static const char *const names[] = { "rate", "rate-to-guest", "rate-from-guest" };
	struct port_socket_config config = { .limits = *limits };
	char number[CONTROL_VALUE_MAX];
	bool given = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = control_value(call, names[i], number);
		int r = value ? port_socket_option_set(&config, names[i], value, &call->error) : 0;

		if (r < 0)
			return r;
		given |= value != NULL;
	}
	if (!given)
		return explain(&call->error, -EINVAL,
			       "no limit; give rate, rate-to-guest or rate-from-guest");
	*limits = config.limits;
	return 0;
}

/* That of a socket is for guests to come, too. */
int control_set_limits(struct control_call *call)
{
	struct sockets *sockets = net_service_sockets(call->host->service);
	const char *name = control_text(call, "port");
	const struct socket_entry *entry = sockets_find(sockets, name);
	struct port_limits limits = { 0 };
	struct port *port = NULL;
	int r = entry ? 0 : find_port(call, &port);

	if (r < 0)
		return r;
	limits = entry ? entry->config.limits : port_config(port)->limits;
	r = parse_limits(call, &limits);
	if (r < 0)
		return r;
	if (entry)
		return sockets_set_limits(sockets, name, &limits);
	return port_set_limits(port, &limits);
}
