/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_settings.c - options: sockets for guests
 *
 * --mac belongs to the --nic before it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "net/ports/nic_mac.h"
#include "net/settings/port_spec.h"
#include "net/settings/spec.h"
#include "net/settings/table.h"
#include "sys/explain.h"

#define SOCKETS_MAX 1024u

static int add(struct net_settings *settings, const struct port_socket_config *config,
	       char **ret_error)
{
	int r = settings_grow(&settings->sockets, &settings->n_sockets, sizeof(*config),
			      SOCKETS_MAX, ret_error);
	char text[32];

	if (r < 0)
		return r;
	settings->sockets[settings->n_sockets - 1] = *config;
	settings->mac_socket = config->kind == PORT_SOCKET_NIC ? settings->n_sockets : 0;
	if (config->path)
		return settings_call(settings, config->path);
	snprintf(text, sizeof(text), "fd=%d", config->fd);
	return settings_call(settings, text);
}

static int add_spec(struct net_settings *settings, enum port_socket_kind kind, char *value,
		    char **ret_error)
{
	struct port_socket_config config;
	int r;

	port_config_init(&config, kind);
	r = port_spec_parse(value, &config, ret_error);
	return r < 0 ? r : add(settings, &config, ret_error);
}

static int set_nic(struct net_settings *settings, char *value, char **ret_error)
{
	return add_spec(settings, PORT_SOCKET_NIC, value, ret_error);
}

static int set_stream(struct net_settings *settings, char *value, char **ret_error)
{
	return add_spec(settings, PORT_SOCKET_STREAM, value, ret_error);
}

static int set_dgram(struct net_settings *settings, char *value, char **ret_error)
{
	return add_spec(settings, PORT_SOCKET_DGRAM, value, ret_error);
}

static int set_mac(struct net_settings *settings, char *value, char **ret_error)
{
	struct port_socket_config *nic;
	int r;

	if (!settings->mac_socket)
		return explain(ret_error, -EINVAL,
			       "no --nic before it; put it after the --nic that it is for");
	nic = &settings->sockets[settings->mac_socket - 1];
	if (nic->mac_given)
		return explain(ret_error, -EINVAL,
			       "the --nic before it has one already; give one for each --nic");
	r = nic_mac_parse(value, nic->mac);
	if (r < 0)
		return nic_mac_explain(r, ret_error);
	nic->mac_given = true;
	return 0;
}

/* One that is served already is ours, and its number may be another file's by now. */
static bool kind_of_running(const struct net_settings *settings, int fd, enum port_socket_kind *ret)
{
	const struct net_settings *running = settings->running;

	for (size_t i = 0; running && i < running->n_sockets; i++) {
		if (!running->sockets[i].path && running->sockets[i].fd == fd) {
			*ret = running->sockets[i].kind;
			return true;
		}
	}
	return false;
}

/* The socket's type says what it is for. */
static int set_fd(struct net_settings *settings, char *value, char **ret_error)
{
	struct port_socket_config config;
	enum port_socket_kind kind;
	int fd = -1;
	int r = port_fd_parse(value, &fd, ret_error);

	if (r < 0)
		return r;
	if (!kind_of_running(settings, fd, &kind) &&
	    port_socket_kind_of_fd(fd, &kind, ret_error) < 0)
		return -EINVAL;
	port_config_init(&config, kind);
	config.fd = fd;
	return add(settings, &config, ret_error);
}

const struct setting port_settings[] = {
	{ "nic", SETTING_LIST, "SPEC", "a virtio-net card on a vfio-user socket", set_nic },
	{ "mac", SETTING_LIST, "MAC", "of the --nic given before; the same as mac= in its SPEC",
	  set_mac },
	{ "stream", SETTING_LIST, "SPEC",
	  "a socket for QEMU's -netdev stream; several guests may connect", set_stream },
	{ "dgram", SETTING_LIST, "SPEC", "a socket for QEMU's -netdev dgram, vfkit, krunkit",
	  set_dgram },
	{ "fd", SETTING_LIST, "N|NAME", "an inherited socket: stream or dgram by its type",
	  set_fd },
	{ 0 },
};
