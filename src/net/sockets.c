/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sockets.c - the sockets where guests plug in, of one network, by name
 */
#include "net/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/settings/port_spec.h"
#include "sys/explain.h"
#include "sys/log.h"

struct sockets {
	uv_loop_t *loop;
	struct port_table *ports;
	struct socket_entry *first;
};

int sockets_new(uv_loop_t *loop, struct port_table *ports, struct sockets **ret)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	sockets->loop = loop;
	sockets->ports = ports;
	*ret = sockets;
	return 0;
}

static struct socket_entry **entry_at(const struct sockets *sockets, const char *name)
{
	struct socket_entry *const *at = &sockets->first;

	while (*at && strcmp((*at)->config.name, name) != 0)
		at = &(*at)->next;
	return (struct socket_entry **)at;
}

static void entry_free(struct socket_entry *entry)
{
	port_socket_free(entry->socket);
	free((char *)entry->config.name);
	free((char *)entry->config.path);
	free(entry);
}

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	while (sockets->first)
		sockets_remove(sockets, sockets->first->config.name);
	free(sockets);
}

const struct socket_entry *sockets_find(const struct sockets *sockets, const char *name)
{
	return *entry_at(sockets, name);
}

const struct socket_entry *sockets_first(const struct sockets *sockets)
{
	return sockets->first;
}

/* Is it the same socket, however it is spelled? */
static bool same_path(const char *a, const char *b)
{
	char *absolute_a = NULL, *absolute_b = NULL;
	bool same = a && b && port_path_absolute(a, &absolute_a) == 0 &&
		    port_path_absolute(b, &absolute_b) == 0 && strcmp(absolute_a, absolute_b) == 0;

	free(absolute_a);
	free(absolute_b);
	return same;
}

static const struct socket_entry *find_mac(const struct sockets *sockets,
					   const uint8_t mac[FRAME_MAC])
{
	const struct socket_entry *entry = sockets->first;

	while (entry &&
	       !(entry->config.mac_given && memcmp(entry->config.mac, mac, FRAME_MAC) == 0))
		entry = entry->next;
	return entry;
}

static int check_unique(const struct sockets *sockets, const struct port_socket_config *config,
			char **ret_error)
{
	const char *kind = port_socket_kind_name(config->kind);
	const struct socket_entry *other = sockets_find(sockets, config->name);

	if (other)
		return explain(ret_error, -EEXIST,
			       "--%s %s: another port has the name %s already; give it another by "
			       "name=",
			       kind, config->path ? config->path : config->name, config->name);
	for (other = sockets->first; other; other = other->next) {
		if (same_path(config->path, other->config.path))
			return explain(ret_error, -EADDRINUSE,
				       "--%s %s: port %s has this socket already; give each its "
				       "own path",
				       kind, config->path, other->config.name);
	}
	other = config->mac_given ? find_mac(sockets, config->mac) : NULL;
	if (other)
		return explain(
			ret_error, -EEXIST,
			"--%s %s: port %s has the same MAC address already; give each its own",
			kind, config->path ? config->path : config->name, other->config.name);
	return 0;
}

static int settle_mac(const struct sockets *sockets, struct port_socket_config *config)
{
	if (config->kind != PORT_SOCKET_NIC || config->mac_given)
		return 0;
	for (unsigned int attempt = 0; !config->mac_given; attempt++) {
		int r = port_mac_derive(config, attempt, config->mac);

		if (r < 0)
			return r;
		config->mac_given = !find_mac(sockets, config->mac);
	}
	return 0;
}

/* Its one peer has left. */
static void on_over(void *opaque, struct port_socket *socket)
{
	struct sockets *sockets = opaque;

	for (struct socket_entry *entry = sockets->first; entry; entry = entry->next) {
		if (entry->socket != socket)
			continue;
		log_debug("port %s goes with its peer", entry->config.name);
		sockets_remove(sockets, entry->config.name);
		return;
	}
}

static int entry_fill(struct socket_entry *entry, struct sockets *sockets,
		      const struct port_socket_config *config, char **ret_error)
{
	struct port_socket_config complete = *config;
	int r = settle_mac(sockets, &complete);

	if (r < 0)
		return r;
	entry->config = complete;
	entry->config.fd = -1;
	entry->config.name = strdup(config->name);
	entry->config.path = config->path ? strdup(config->path) : NULL;
	if (!entry->config.name || (config->path && !entry->config.path))
		return -ENOMEM;
	r = port_socket_new(sockets->loop, &complete, sockets->ports, &entry->socket, ret_error);
	if (r >= 0 && config->ends_with_peer) {
		entry->socket->over = on_over;
		entry->socket->opaque = sockets;
	}
	return r;
}

int sockets_add(struct sockets *sockets, const struct port_socket_config *config,
		const struct socket_entry **ret, char **ret_error)
{
	struct socket_entry *entry;
	int r = check_unique(sockets, config, ret_error);

	if (r < 0)
		return r;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	r = entry_fill(entry, sockets, config, ret_error);
	if (r < 0) {
		entry_free(entry);
		return r;
	}
	*entry_at(sockets, config->name) = entry;
	if (ret)
		*ret = entry;
	return 0;
}

int sockets_remove(struct sockets *sockets, const char *name)
{
	struct socket_entry **at = entry_at(sockets, name), *entry = *at;

	if (!entry)
		return -ENOENT;
	*at = entry->next;
	entry_free(entry);
	return 0;
}

int sockets_set_limits(struct sockets *sockets, const char *name, const struct port_limits *limits)
{
	struct socket_entry *entry = *entry_at(sockets, name);

	if (!entry)
		return -ENOENT;
	entry->config.limits = *limits;
	return port_socket_set_limits(entry->socket, limits);
}
