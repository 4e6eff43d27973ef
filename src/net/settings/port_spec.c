/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_spec.c - a socket for guests, from text
 */
#include "net/settings/port_spec.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/nic_mac.h"
#include "net/settings/rate.h"
#include "net/settings/spec.h"
#include "sys/activation.h"
#include "sys/explain.h"

#define FD_FIRST      3u /* those before are the standard ones */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

void port_config_init(struct port_socket_config *ret, enum port_socket_kind kind)
{
	*ret = (struct port_socket_config) {
		.kind = kind,
		.fd = -1,
		.mode = PORT_SOCKET_MODE,
		.group = (gid_t)-1,
	};
}

/* Each key */

static int set_path(struct port_socket_config *config, const char *value, char **ret_error)
{
	return spec_path(value, &config->path, ret_error);
}

int port_fd_parse(const char *value, int *ret, char **ret_error)
{
	uint64_t number;
	int r;

	if (isdigit((unsigned char)*value)) {
		r = spec_number(value, FD_FIRST, INT_MAX, &number, ret_error);
		if (r >= 0)
			*ret = (int)number;
		return r;
	}
	r = activation_number(value);
	if (r == -EEXIST)
		return explain(ret_error, -EINVAL,
			       "several sockets have this name in LISTEN_FDNAMES; give the number "
			       "of one, or each a name of its own by FileDescriptorName=");
	if (r < 0)
		return explain(ret_error, -EINVAL,
			       "neither the number of an fd from %u on nor a name of a socket that "
			       "the service manager has passed (LISTEN_FDNAMES)",
			       FD_FIRST);
	*ret = r;
	return 0;
}

static int set_fd(struct port_socket_config *config, const char *value, char **ret_error)
{
	return port_fd_parse(value, &config->fd, ret_error);
}

static bool name_char(char c)
{
	return isascii(c) && (isalnum((unsigned char)c) || strchr("._-:@", c));
}

static int set_name(struct port_socket_config *config, const char *value, char **ret_error)
{
	size_t len = 0;

	while (value[len] && name_char(value[len]))
		len++;
	if (!len || value[len] || len > PORT_NAME_MAX)
		return explain(ret_error, -EINVAL,
			       "no name of a port; give up to %u letters, digits and . _ - : @",
			       PORT_NAME_MAX);
	config->name = value;
	return 0;
}

static int set_mac(struct port_socket_config *config, const char *value, char **ret_error)
{
	int r = nic_mac_parse(value, config->mac);

	if (r < 0)
		return nic_mac_explain(r, ret_error);
	config->mac_given = true;
	return 0;
}

static int set_mtu(struct port_socket_config *config, const char *value, char **ret_error)
{
	return spec_mtu(value, &config->mtu, ret_error);
}

static int set_rate(struct port_socket_config *config, const char *value, char **ret_error)
{
	int r = rate_parse(value, &config->limits.to_guest, ret_error);

	if (r >= 0)
		config->limits.from_guest = config->limits.to_guest;
	return r;
}

static int set_rate_to(struct port_socket_config *config, const char *value, char **ret_error)
{
	return rate_parse(value, &config->limits.to_guest, ret_error);
}

static int set_rate_from(struct port_socket_config *config, const char *value, char **ret_error)
{
	return rate_parse(value, &config->limits.from_guest, ret_error);
}

static int set_isolated(struct port_socket_config *config, const char *value, char **ret_error)
{
	int r = spec_on_off(value, &config->isolated, ret_error);

	if (r >= 0)
		config->isolated_given = true;
	return r;
}

static int set_source_guard(struct port_socket_config *config, const char *value, char **ret_error)
{
	bool on = true;
	int r = spec_on_off(value, &on, ret_error);

	config->no_guard = !on;
	return r;
}

static int set_mode(struct port_socket_config *config, const char *value, char **ret_error)
{
	config->mode_given = true;
	return spec_mode(value, &config->mode, ret_error);
}

static int set_group(struct port_socket_config *config, const char *value, char **ret_error)
{
	return spec_group(value, &config->group, ret_error);
}

static const struct {
	const char *key;
	int (*set)(struct port_socket_config *config, const char *value, char **ret_error);
} keys[] = {
	{ "path", set_path },
	{ "fd", set_fd },
	{ "name", set_name },
	{ "mac", set_mac },
	{ "mtu", set_mtu },
	{ "rate", set_rate },
	{ "rate-to-guest", set_rate_to },
	{ "rate-from-guest", set_rate_from },
	{ "isolated", set_isolated },
	{ "source-guard", set_source_guard },
	{ "mode", set_mode },
	{ "group", set_group },
};

int port_socket_option_set(struct port_socket_config *config, const char *key, const char *value,
			   char **ret_error)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int r;

		if (strcmp(keys[i].key, key) != 0)
			continue;
		r = keys[i].set(config, value, ret_error);
		if (r < 0 && strcmp(key, "path") != 0)
			explain_about(ret_error, "%s=%s: ", key, value);
		return r;
	}
	return explain(ret_error, -EINVAL,
		       "%s=: unknown; a port has path, fd, name, mac, mtu, rate, rate-to-guest, "
		       "rate-from-guest, isolated, source-guard, mode and group",
		       key);
}

static int set_part(void *opaque, const char *key, const char *value, char **ret_error)
{
	return port_socket_option_set(opaque, key, value, ret_error);
}

int port_spec_parse(char *text, struct port_socket_config *ret, char **ret_error)
{
	int r = spec_parse(text, set_part, ret, ret_error);

	return r < 0 ? r : port_config_check(ret, ret_error);
}
