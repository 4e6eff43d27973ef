/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * method_forwards.c - methods: port forwards
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "net/control/json_net.h"
#include "net/control/methods.h"
#include "net/settings/complete.h"
#include "sys/explain.h"

static void put_target(struct json_object *o, const struct sockaddr_storage *target)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)target;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)target;

	if (target->ss_family == AF_INET)
		json_put_address(o, "guest_address", &in->sin_addr);
	else if (target->ss_family == AF_INET6)
		json_put_address6(o, "guest_address", &in6->sin6_addr);
	else
		json_put_null(o, "guest_address");
}

static void append_forward(void *opaque, const struct forward_config *config,
			   const struct sockaddr_storage *target)
{
	struct json_object *o = json_object_new_object();
	char text[FORWARD_TEXT_MAX];

	forward_print(config, text);
	json_put_text(o, "forward", text);
	json_put_bool(o, "active", target->ss_family != AF_UNSPEC);
	put_target(o, target);
	json_append(opaque, o);
}

int control_forwards(struct control_call *call)
{
	struct json_object *array = json_object_new_array();

	if (array)
		forwards_each(net_service_forwards(call->host->service), append_forward, array);
	json_put(call->result, "forwards", array);
	return 0;
}

static int parse(struct control_call *call, struct forward_config *ret)
{
	const char *text = control_text(call, "forward");
	int r = forward_parse(text, ret, &call->error);

	if (r < 0)
		explain_about(&call->error, "%s: ", text);
	return r;
}

int control_add_forward(struct control_call *call)
{
	struct net_service *service = call->host->service;
	struct forward_config config;
	int r = parse(call, &config);

	if (r < 0)
		return r;
	r = complete_forward(network_config_of(net_service_network(service)), &config,
			     &call->error);
	if (r < 0)
		return r;
	r = forwards_add(net_service_forwards(service), &config, &call->error);
	if (r < 0)
		explain_about(&call->error, "%s: ", control_text(call, "forward"));
	return r;
}

int control_remove_forward(struct control_call *call)
{
	struct forward_config config;
	int r = parse(call, &config);

	if (r < 0)
		return r;
	r = forwards_remove(net_service_forwards(call->host->service), &config);
	if (r == -ENOENT)
		return explain(&call->error, r, "%s: no such forward",
			       control_text(call, "forward"));
	return r;
}
