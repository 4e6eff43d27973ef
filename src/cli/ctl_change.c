/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_change.c - commands that change: ports, link, limits, forwards, reservations
 *
 * What arguments mean is for the network to say. But a path is relative to where we are, and an fd is
 * ours: it goes along with the request.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/ctl_table.h"
#include "net/settings/spec.h"
#include "sys/explain.h"
#include "sys/json_build.h"

/* One parameter, a string. */
static struct json_object *params_of(const char *name, const char *value)
{
	struct json_object *params = json_object_new_object();

	json_put_text(params, name, value);
	return params;
}

/* Ports */

struct port_params {
	struct json_object *params;
	int fd;
};

static int put_path(struct port_params *port, const char *path, char **ret_error)
{
	char here[PATH_MAX], whole[PATH_MAX * 2];

	if (path[0] == '/' || !*path) {
		json_put_text(port->params, "path", path);
		return 0;
	}
	if (!getcwd(here, sizeof(here)))
		return explain(ret_error, -errno, "path=%s: where are we? %s", path,
			       strerror(errno));
	snprintf(whole, sizeof(whole), "%s/%s", here, path);
	json_put_text(port->params, "path", whole);
	return 0;
}

static int put_part(void *opaque, const char *key, const char *value, char **ret_error)
{
	struct port_params *port = opaque;
	uint64_t fd;
	int r;

	if (strcmp(key, "path") == 0)
		return put_path(port, value, ret_error);
	if (strcmp(key, "fd") != 0) {
		json_put_text(port->params, key, value);
		return 0;
	}
	r = spec_number(value, 0, INT_MAX, &fd, ret_error);
	if (r >= 0)
		port->fd = (int)fd;
	return r;
}

int ctl_add_port(struct ctl *ctl, int argc, char **argv)
{
	struct port_params port = { .params = params_of("kind", argv[0]), .fd = -1 };
	char *spec = strdup(argv[1]), *error = NULL;
	struct json_object *result = NULL;
	int status, r = spec ? spec_parse(spec, put_part, &port, &error) : -ENOMEM;

	free(spec);
	if (r < 0) {
		status = ctl_refuse("add-port %s: %s", argv[1], error ? error : strerror(-r));
		free(error);
		json_object_put(port.params);
		return status;
	}
	status = ctl_ask(ctl, "add-port", port.params, port.fd, &result);
	if (status == EXIT_SUCCESS && ctl->json)
		status = ctl_print_json(result);
	json_object_put(result);
	return status;
}

int ctl_remove_port(struct ctl *ctl, int argc, char **argv)
{
	return ctl_do(ctl, "remove-port", params_of("port", argv[0]), -1);
}

int ctl_link(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params;
	bool up = strcmp(argv[1], "up") == 0;

	if (!up && strcmp(argv[1], "down") != 0)
		return ctl_refuse("link: %s: neither up nor down", argv[1]);
	params = params_of("port", argv[0]);
	json_put_bool(params, "up", up);
	return ctl_do(ctl, "set-link", params, -1);
}

int ctl_limits(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params = params_of("port", argv[0]);

	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals) {
			json_object_put(params);
			return ctl_refuse("limits: %s: no limit; give it as rate=100mbit", argv[i]);
		}
		*equals = '\0';
		json_put_text(params, argv[i], equals + 1);
	}
	return ctl_do(ctl, "set-limits", params, -1);
}

/* Forwards and reservations */

int ctl_add_forward(struct ctl *ctl, int argc, char **argv)
{
	return ctl_do(ctl, "add-forward", params_of("forward", argv[0]), -1);
}

int ctl_remove_forward(struct ctl *ctl, int argc, char **argv)
{
	return ctl_do(ctl, "remove-forward", params_of("forward", argv[0]), -1);
}

/* MAC=ADDR[,name=NAME] is cut only as far as to know its parts. */
int ctl_reserve(struct ctl *ctl, int argc, char **argv)
{
	char *address = strchr(argv[0], '='), *name;
	struct json_object *params;

	if (!address)
		return ctl_refuse("reserve: %s: no address; give MAC=ADDR", argv[0]);
	*address++ = '\0';
	params = params_of("mac", argv[0]);
	name = strchr(address, ',');
	if (name && strncmp(name, ",name=", 6) == 0) {
		*name = '\0';
		json_put_text(params, "name", name + 6);
	}
	json_put_text(params, "address", address);
	return ctl_do(ctl, "add-reservation", params, -1);
}

int ctl_unreserve(struct ctl *ctl, int argc, char **argv)
{
	return ctl_do(ctl, "remove-reservation", params_of("mac", argv[0]), -1);
}

/* What could not be applied is said, and is a failure. */
int ctl_reload(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result = NULL, *refused;
	int status = ctl_ask(ctl, "reload", NULL, -1, &result);

	if (status != EXIT_SUCCESS)
		return status;
	if (ctl->json)
		ctl_print_json(result);
	refused = ctl_member(result, "refused");
	for (size_t i = 0; refused && i < json_object_array_length(refused); i++) {
		ctl_refuse("%s", json_object_get_string(json_object_array_get_idx(refused, i)));
		status = EXIT_FAILURE;
	}
	json_object_put(result);
	return status;
}
