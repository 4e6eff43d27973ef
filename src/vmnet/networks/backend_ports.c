/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_ports.c - what is plugged into a network, and the way to it from outside
 */
#include "vmnet/networks/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/json_build.h"
#include "vmnet/networks/backend_internal.h"
#include "vmnet/networks/launch_words.h"

/* A port with the same MAC whose program was killed is about to go. */
#define TAKEN_STEPS   20u
#define TAKEN_STEP_MS 10u

/* Named after its MAC, as which it has to be the only one, too. */
static struct json_object *port_params(const uint8_t mac[6], bool isolated, uint16_t mtu)
{
	struct json_object *params = json_object_new_object();
	char text[18], name[sizeof("vmnet-") + 12];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	snprintf(name, sizeof(name), "vmnet-%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	json_put_text(params, "kind", "nic");
	json_put_text(params, "name", name);
	json_put_text(params, "mac", text);
	json_put_bool(params, "isolated", isolated);
	json_put_text(params, "source-guard", "off"); /* vmnet's guests use any address */
	if (mtu)
		json_put_number(params, "mtu", mtu);
	return params;
}

static int add_port(struct vmnet_backend *backend, const uint8_t mac[6], bool isolated,
		    uint16_t mtu, int fd, char **ret_error)
{
	const struct timespec step = { .tv_nsec = TAKEN_STEP_MS * 1000000 };
	int r = -EEXIST;

	for (unsigned int i = 0; i < TAKEN_STEPS && r == -EEXIST; i++) {
		if (i)
			nanosleep(&step, NULL);
		free(*ret_error);
		*ret_error = NULL;
		r = netctl_call(backend->ctl, "add-port", port_params(mac, isolated, mtu), fd, NULL,
				ret_error);
	}
	return r;
}

vmnet_return_t backend_plug(struct vmnet_backend *backend, const uint8_t mac[6], bool isolated,
			    uint16_t mtu, int *ret_fd, char **ret_error)
{
	char *error = NULL;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return backend_status_of(-errno);
	r = add_port(backend, mac, isolated, mtu, ends[1], &error);
	close(ends[1]);
	if (r >= 0)
		*ret_fd = ends[0];
	else
		close(ends[0]);
	backend_hand_over(error, backend_status_of(r), ret_error);
	return backend_status_of(r);
}

static vmnet_return_t change_forward(struct vmnet_backend *backend, const char *method,
				     const struct backend_forward *forward, char **ret_error)
{
	struct json_object *params = json_object_new_object();
	char text[LAUNCH_FORWARD_TEXT], *error = NULL;
	int r;

	launch_forward_text(forward, text);
	json_put_text(params, "forward", text);
	r = netctl_call(backend->ctl, method, params, -1, NULL, &error);
	backend_hand_over(error, backend_status_of(r), ret_error);
	return backend_status_of(r);
}

vmnet_return_t backend_forward_add(struct vmnet_backend *backend,
				   const struct backend_forward *forward, char **ret_error)
{
	return change_forward(backend, "add-forward", forward, ret_error);
}

vmnet_return_t backend_forward_remove(struct vmnet_backend *backend,
				      const struct backend_forward *forward, char **ret_error)
{
	return change_forward(backend, "remove-forward", forward, ret_error);
}
