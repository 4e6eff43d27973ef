/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * complete_sockets.c - sockets for guests, once all are known: what was left out, no two alike
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/nic_mac.h"
#include "net/settings/complete.h"
#include "net/settings/port_spec.h"
#include "net/settings/table.h"
#include "sys/explain.h"

/* How a socket is called in a sentence: "--nic /tmp/a.sock", "--stream fd=3". */
struct text {
	char s[PATH_MAX + 32];
};

static struct text text_of(const struct port_socket_config *config)
{
	struct text text;
	const char *kind = port_socket_kind_name(config->kind);

	if (config->path)
		snprintf(text.s, sizeof(text.s), "--%s %s", kind, config->path);
	else
		snprintf(text.s, sizeof(text.s), "--%s fd=%d", kind, config->fd);
	return text;
}

static int complete_one(struct net_settings *settings, struct port_socket_config *config,
			char **ret_error)
{
	char name[PORT_NAME_MAX + 1] = "";
	int r = port_config_complete(config, &settings->network, name, ret_error);

	if (r < 0) {
		explain_about(ret_error, "%s: ", text_of(config).s);
		return r;
	}
	if (config->name == name) {
		config->name = settings_keep(settings, name);
		if (!config->name)
			return -ENOMEM;
	}
	return 0;
}

static int check_names(const struct net_settings *settings, size_t i, char **ret_error)
{
	const struct port_socket_config *config = &settings->sockets[i];

	for (size_t j = 0; j < i; j++) {
		const struct port_socket_config *other = &settings->sockets[j];

		if (strcmp(config->name, other->name) == 0)
			return explain(
				ret_error, -EINVAL,
				"%s: its name is %s, like that of %s; give one of them another "
				"by name=",
				text_of(config).s, config->name, text_of(other).s);
		if (!config->path && config->fd == other->fd)
			return explain(ret_error, -EINVAL, "%s: %s has this one already",
				       text_of(config).s, text_of(other).s);
	}
	return 0;
}

/* However they are spelled. @paths: n_sockets of them and the control socket's */
static int check_paths(const struct net_settings *settings, char *const *paths, char **ret_error)
{
	for (size_t i = 0; i <= settings->n_sockets; i++) {
		for (size_t j = 0; j < i && paths[i]; j++) {
			const struct port_socket_config *other = &settings->sockets[j];

			if (!paths[j] || strcmp(paths[i], paths[j]) != 0)
				continue;
			if (i < settings->n_sockets)
				return explain(ret_error, -EINVAL,
					       "%s: the same socket as %s; give each its own path",
					       text_of(&settings->sockets[i]).s, text_of(other).s);
			return explain(
				ret_error, -EINVAL,
				"--control %s: the same socket as %s; give each its own path",
				settings->control_path, text_of(other).s);
		}
	}
	return 0;
}

static int resolve_paths(const struct net_settings *settings, char **paths)
{
	int r = 0;

	for (size_t i = 0; i < settings->n_sockets && r >= 0; i++) {
		if (settings->sockets[i].path)
			r = port_path_absolute(settings->sockets[i].path, &paths[i]);
	}
	if (settings->control_path && r >= 0)
		r = port_path_absolute(settings->control_path, &paths[settings->n_sockets]);
	return r;
}

static int compare_paths(const struct net_settings *settings, char **ret_error)
{
	char **paths = calloc(settings->n_sockets + 1, sizeof(*paths));
	int r = paths ? resolve_paths(settings, paths) : -ENOMEM;

	if (r >= 0)
		r = check_paths(settings, paths, ret_error);
	for (size_t i = 0; paths && i <= settings->n_sockets; i++)
		free(paths[i]);
	free(paths);
	return r;
}

/* Return: NULL if nobody else has it */
static const struct port_socket_config *other_with_mac(const struct net_settings *settings,
						       const struct port_socket_config *config)
{
	for (size_t i = 0; i < settings->n_sockets; i++) {
		const struct port_socket_config *other = &settings->sockets[i];

		if (other != config && other->mac_given &&
		    memcmp(other->mac, config->mac, FRAME_MAC) == 0)
			return other;
	}
	return NULL;
}

/* Those that were given first: what is derived gives way. */
static int assign_macs(struct net_settings *settings, char **ret_error)
{
	for (size_t i = 0; i < settings->n_sockets; i++) {
		struct port_socket_config *config = &settings->sockets[i];
		const struct port_socket_config *other = other_with_mac(settings, config);

		if (config->mac_given && other)
			return explain(ret_error, -EINVAL,
				       "%s: %s has the same MAC address; give each its own",
				       text_of(config).s, text_of(other).s);
	}
	for (size_t i = 0; i < settings->n_sockets; i++) {
		struct port_socket_config *config = &settings->sockets[i];
		bool taken = config->kind == PORT_SOCKET_NIC && !config->mac_given;

		for (unsigned int attempt = 0; taken; attempt++) {
			int r = port_mac_derive(config, attempt, config->mac);

			if (r < 0)
				return r;
			taken = other_with_mac(settings, config);
		}
		config->mac_given |= config->kind == PORT_SOCKET_NIC;
	}
	return 0;
}

int complete_sockets(struct net_settings *settings, char **ret_error)
{
	int r = 0;

	if (!settings->n_sockets && !settings->control_path)
		return explain(ret_error, -EINVAL,
			       "--nic: none given; give at least one --nic, --stream, --dgram or "
			       "--fd, like --nic /tmp/nic.sock, or --control to add them later");
	for (size_t i = 0; i < settings->n_sockets && r >= 0; i++)
		r = complete_one(settings, &settings->sockets[i], ret_error);
	if (r >= 0)
		r = compare_paths(settings, ret_error);
	for (size_t i = 0; i < settings->n_sockets && r >= 0; i++)
		r = check_names(settings, i, ret_error);
	return r < 0 ? r : assign_macs(settings, ret_error);
}
