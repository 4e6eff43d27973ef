/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_reload.c - settings that have changed, applied to a running network
 *
 * First what goes, then what comes, so that names, addresses and paths are free. One that fails keeps
 * no other from being applied.
 */
#include "net/service_reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "net/settings/table.h"
#include "sys/explain.h"

static void refuse(const struct service_reload *reload, int error, const char *about, char *why)
{
	char *sentence = NULL;

	if (asprintf(&sentence, "%s%s", about, why ? why : strerror(-error)) < 0)
		sentence = NULL;
	reload->refused(reload->opaque, sentence ? sentence : strerror(ENOMEM));
	free(sentence);
	free(why);
}

/* An entry of a list, of option --@name, cannot be as wanted. */
static void refuse_entry(const struct service_reload *reload, int error, const char *name,
			 const char *entry, char *why)
{
	char about[FORWARD_TEXT_MAX + NETWORK_RESERVATION_TEXT + 16];

	snprintf(about, sizeof(about), "--%s %s: ", name, entry);
	refuse(reload, error, about, why);
}

/* What cannot change */

static bool can_change(const struct setting *setting)
{
	static const char *const names[] = { "forward", "reserve", "log-level" };

	for (const struct setting *port = port_settings; port->name; port++) {
		if (port == setting)
			return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(setting->name, names[i]) == 0)
			return true;
	}
	return false;
}

static void check_fixed(const struct service_reload *reload, const struct setting *setting)
{
	const char *was = settings_value(reload->made_of, setting->name);
	char about[256];

	if (can_change(setting) || settings_same(reload->made_of, reload->wanted, setting->name))
		return;
	snprintf(about, sizeof(about),
		 "--%s: cannot change while the network runs; it stays %s%s, ", setting->name,
		 was ? was : "what it is by default",
		 setting->kind == SETTING_LIST ? " and so on" : "");
	refuse(reload, 0, about, strdup("start the network again for the new value"));
}

static void check_all_fixed(const struct service_reload *reload)
{
	for (const struct setting_topic *topic = setting_topics(); topic->title; topic++) {
		for (const struct setting *s = topic->settings; s->name; s++)
			check_fixed(reload, s);
	}
}

/* Forwards */

static bool same_forward(const struct forward_config *a, const struct forward_config *b)
{
	char a_text[FORWARD_TEXT_MAX], b_text[FORWARD_TEXT_MAX];

	forward_print(a, a_text);
	forward_print(b, b_text);
	return strcmp(a_text, b_text) == 0;
}

static bool settings_have_forward(const struct net_settings *settings,
				  const struct forward_config *forward)
{
	for (size_t i = 0; i < settings->n_forwards; i++) {
		if (same_forward(&settings->forwards[i], forward))
			return true;
	}
	return false;
}

struct forward_search {
	const struct forward_config *forward;
	bool found;
};

static void look_at_forward(void *opaque, const struct forward_config *config,
			    const struct sockaddr_storage *target)
{
	struct forward_search *search = opaque;

	search->found |= same_forward(config, search->forward);
}

static void remove_forwards(struct net_service *service, const struct service_reload *reload)
{
	for (size_t i = 0; i < reload->before->n_forwards; i++) {
		const struct forward_config *forward = &reload->before->forwards[i];

		if (!settings_have_forward(reload->wanted, forward))
			forwards_remove(net_service_forwards(service), forward);
	}
}

static void add_forwards(struct net_service *service, const struct service_reload *reload)
{
	struct forwards *forwards = net_service_forwards(service);

	for (size_t i = 0; i < reload->wanted->n_forwards; i++) {
		struct forward_search search = { .forward = &reload->wanted->forwards[i] };
		char text[FORWARD_TEXT_MAX], *why = NULL;
		int r;

		forwards_each(forwards, look_at_forward, &search);
		r = search.found ? 0 : forwards_add(forwards, search.forward, &why);
		if (r >= 0)
			continue;
		forward_print(search.forward, text);
		refuse_entry(reload, r, "forward", text, why);
	}
}

/* Reservations */

static bool same_reservation(const struct network_reservation *a,
			     const struct network_reservation *b)
{
	return memcmp(a->mac, b->mac, FRAME_MAC) == 0 && a->address.s_addr == b->address.s_addr &&
	       strcmp(a->name, b->name) == 0;
}

static bool settings_reserve(const struct net_settings *settings,
			     const struct network_reservation *reservation)
{
	for (size_t i = 0; i < settings->network.n_reservations; i++) {
		if (same_reservation(&settings->network.reservations[i], reservation))
			return true;
	}
	return false;
}

struct lease_search {
	const struct network_reservation *reservation;
	bool found;
};

static bool look_at_lease(void *opaque, const struct network_lease *lease)
{
	struct lease_search *search = opaque;

	search->found = lease->reserved &&
			memcmp(lease->mac, search->reservation->mac, FRAME_MAC) == 0 &&
			lease->address.s_addr == search->reservation->address.s_addr;
	return !search->found;
}

static void remove_reservations(struct net_service *service, const struct service_reload *reload)
{
	const struct network_config *before = &reload->before->network;

	for (size_t i = 0; i < before->n_reservations; i++) {
		if (!settings_reserve(reload->wanted, &before->reservations[i]))
			net_service_unreserve(service, before->reservations[i].mac);
	}
}

static void add_reservations(struct net_service *service, const struct service_reload *reload)
{
	struct network *network = net_service_network(service);
	const struct network_config *wanted = &reload->wanted->network;

	for (size_t i = 0; i < wanted->n_reservations; i++) {
		struct lease_search search = { .reservation = &wanted->reservations[i] };
		char text[NETWORK_RESERVATION_TEXT], *why = NULL;
		int r;

		network_each_lease(network, look_at_lease, &search);
		r = search.found ? 0 : net_service_reserve(service, search.reservation, &why);
		if (r >= 0)
			continue;
		network_reservation_print(search.reservation, text);
		refuse_entry(reload, r, "reserve", text, why);
	}
}

/* Sockets */

static const struct port_socket_config *find_socket(const struct net_settings *settings,
						    const char *name)
{
	for (size_t i = 0; i < settings->n_sockets; i++) {
		if (strcmp(settings->sockets[i].name, name) == 0)
			return &settings->sockets[i];
	}
	return NULL;
}

static bool same_socket(const struct port_socket_config *a, const struct port_socket_config *b)
{
	if (!a->path != !b->path || (a->path && strcmp(a->path, b->path) != 0))
		return false;
	return a->kind == b->kind && a->mac_given == b->mac_given && a->mtu == b->mtu &&
	       memcmp(a->mac, b->mac, FRAME_MAC) == 0 && a->isolated == b->isolated &&
	       a->no_guard == b->no_guard && a->mode == b->mode && a->group == b->group;
}

/* What was not said follows the network, which has not changed. */
static struct port_socket_config wanted_socket(struct net_service *service,
					       const struct port_socket_config *wanted)
{
	struct port_socket_config config = *wanted;

	if (!config.isolated_given)
		config.isolated = network_config_of(net_service_network(service))->isolated;
	return config;
}

/* Those that are not wanted any more, and those that are wanted differently. */
static void remove_sockets(struct net_service *service, const struct service_reload *reload)
{
	for (size_t i = 0; i < reload->before->n_sockets; i++) {
		const char *name = reload->before->sockets[i].name;
		struct sockets *sockets = net_service_sockets(service);
		const struct socket_entry *entry = sockets_find(sockets, name);
		const struct port_socket_config *wanted = find_socket(reload->wanted, name);
		struct port_socket_config config;

		if (!entry)
			continue;
		if (wanted) {
			config = wanted_socket(service, wanted);
			if (same_socket(&entry->config, &config) || !config.path)
				continue;
		}
		sockets_remove(sockets, name);
	}
}

/* Its guests stay. */
static int change_socket(struct sockets *sockets, const struct socket_entry *entry,
			 const struct port_socket_config *config, char **ret_error)
{
	if (!same_socket(&entry->config, config))
		return explain(ret_error, -EBUSY,
			       "--%s: port %s cannot change: its socket is inherited, or another "
			       "has its name",
			       port_socket_kind_name(config->kind), config->name);
	if (entry->config.limits.to_guest == config->limits.to_guest &&
	    entry->config.limits.from_guest == config->limits.from_guest)
		return 0;
	return sockets_set_limits(sockets, config->name, &config->limits);
}

static int apply_socket(struct net_service *service, const struct port_socket_config *config,
			char **ret_error)
{
	struct sockets *sockets = net_service_sockets(service);
	const struct socket_entry *entry = sockets_find(sockets, config->name);

	if (entry)
		return change_socket(sockets, entry, config, ret_error);
	if (!config->path)
		return explain(ret_error, -EBADF,
			       "--%s fd=%d: a process that runs inherits nothing; give a path, or "
			       "start the network again",
			       port_socket_kind_name(config->kind), config->fd);
	return sockets_add(sockets, config, NULL, ret_error);
}

static void apply_sockets(struct net_service *service, const struct service_reload *reload)
{
	for (size_t i = 0; i < reload->wanted->n_sockets; i++) {
		struct port_socket_config config =
			wanted_socket(service, &reload->wanted->sockets[i]);
		char *why = NULL;
		int r = apply_socket(service, &config, &why);

		if (r < 0)
			refuse(reload, r, "", why);
	}
}

void net_service_reload(struct net_service *service, const struct service_reload *reload)
{
	check_all_fixed(reload);
	remove_sockets(service, reload);
	remove_forwards(service, reload);
	remove_reservations(service, reload);
	add_reservations(service, reload);
	add_forwards(service, reload);
	apply_sockets(service, reload);
	log_set_level(reload->wanted->log_level);
}
