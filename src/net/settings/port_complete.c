/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_complete.c - a socket for guests: what was left out, and what does not go together
 */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/ports/nic_mac.h"
#include "net/settings/port_spec.h"
#include "sys/explain.h"

#define MACHINE_ID_FILE "/etc/machine-id"

int port_path_absolute(const char *path, char **ret)
{
	char *copy = strdup(path), *dir = NULL;
	const char *slash = strrchr(path, '/');

	*ret = NULL;
	if (copy)
		dir = realpath(dirname(copy), NULL);
	if (copy && !dir)
		*ret = strdup(path);
	else if (copy &&
		 asprintf(ret, "%s/%s", strcmp(dir, "/") ? dir : "", slash ? slash + 1 : path) < 0)
		*ret = NULL;
	free(dir);
	free(copy);
	return *ret ? 0 : -ENOMEM;
}

/* Empty without the file: the address then depends on the path alone. */
static void read_machine_id(char *id, size_t size)
{
	FILE *file = fopen(MACHINE_ID_FILE, "re");

	if (!file || !fgets(id, (int)size, file))
		id[0] = '\0';
	if (file)
		fclose(file);
	id[strcspn(id, "\n")] = '\0';
}

int port_mac_derive(const struct port_socket_config *config, unsigned int attempt,
		    uint8_t ret[FRAME_MAC])
{
	char machine_id[64], *absolute;
	int r;

	if (config->path)
		r = port_path_absolute(config->path, &absolute);
	else /* of an fd the name is what stays the same */
		r = (absolute = strdup(config->name)) ? 0 : -ENOMEM;
	if (r < 0)
		return r;
	read_machine_id(machine_id, sizeof(machine_id));
	nic_mac_derive(absolute, machine_id, attempt, ret);
	free(absolute);
	return 0;
}

/* The last component without its extension; ".sock" has none. */
static void default_name(const struct port_socket_config *config, char ret[PORT_NAME_MAX + 1])
{
	const char *slash, *base, *dot;
	size_t len;

	if (!config->path) {
		snprintf(ret, PORT_NAME_MAX + 1, "fd%d", config->fd);
		return;
	}
	slash = strrchr(config->path, '/');
	base = slash ? slash + 1 : config->path;
	dot = strrchr(base, '.');
	len = dot && dot != base ? (size_t)(dot - base) : strlen(base);
	if (len > PORT_NAME_MAX)
		len = PORT_NAME_MAX;
	for (size_t i = 0; i < len; i++) {
		bool good = isascii(base[i]) &&
			    (isalnum((unsigned char)base[i]) || strchr("._-:@", base[i]));

		ret[i] = good ? base[i] : '_';
	}
	ret[len] = '\0';
}

int port_config_check(const struct port_socket_config *config, char **ret_error)
{
	if (config->path && config->fd >= 0)
		return explain(
			ret_error, -EINVAL,
			"both path= and fd=; give the path of a socket to make or the number "
			"of one that is inherited");
	if (!config->path && config->fd < 0)
		return explain(ret_error, -EINVAL,
			       "neither path= nor fd=; give the path of a socket to make or the "
			       "number of one that is inherited");
	if (config->path && config->path[strlen(config->path) - 1] == '/')
		return explain(ret_error, -EINVAL,
			       "the path ends with \"/\"; give the path of a socket to make");
	if (!config->path && (config->mode_given || config->group != (gid_t)-1))
		return explain(
			ret_error, -EINVAL,
			"mode= and group= are for a socket that is made; leave them out with "
			"fd=");
	return 0;
}

int port_config_complete(struct port_socket_config *config, const struct network_config *network,
			 char name[PORT_NAME_MAX + 1], char **ret_error)
{
	if (config->mtu > network->mtu)
		return explain(
			ret_error, -EINVAL,
			"mtu=%u: more than the network's %u; give at most that, or the network "
			"a larger --mtu",
			config->mtu, network->mtu);
	if (!config->isolated_given)
		config->isolated = network->isolated;
	if (!config->name) {
		default_name(config, name);
		config->name = name;
	}
	return 0;
}
