/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend.c - holding a network, and what it says of itself
 *
 * Held by a connection to the network's control socket: the kernel closes it with the process,
 * however that ends, and the network, which counts them (--exit-when-idle), ends with the last.
 */
#include "vmnet/networks/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/explain.h"
#include "vmnet/networks/backend_internal.h"

vmnet_return_t backend_status_of(int error)
{
	switch (error) {
	case 0:
		return VMNET_SUCCESS;
	case -EINVAL:
	case -ENOENT:
	case -EOPNOTSUPP:
		return VMNET_INVALID_ARGUMENT;
	case -EEXIST:
	case -EADDRINUSE:
	case -EBUSY:
		return VMNET_SHARING_SERVICE_BUSY;
	case -EPERM:
	case -EACCES:
		return VMNET_INVALID_ACCESS;
	case -ENOMEM:
		return VMNET_MEM_FAILURE;
	default:
		return VMNET_FAILURE;
	}
}

/* Facts */

static bool get_address(struct json_object *status, const char *key, int family, void *ret)
{
	struct json_object *value;

	return json_object_object_get_ex(status, key, &value) &&
	       json_object_is_type(value, json_type_string) &&
	       inet_pton(family, json_object_get_string(value), ret) == 1;
}

/* What is not there, as the mode has no such thing, is 0. */
static int ask_facts(struct netctl *ctl, struct backend_facts *ret, char **ret_error)
{
	struct backend_facts facts = { 0 };
	struct json_object *status, *mtu;
	int r = netctl_call(ctl, "status", NULL, -1, &status, ret_error);

	if (r < 0)
		return r;
	if (get_address(status, "gateway", AF_INET, &facts.start_address) &&
	    (!get_address(status, "end_address", AF_INET, &facts.end_address) ||
	     !get_address(status, "subnet_mask", AF_INET, &facts.subnet_mask)))
		r = -EPROTO;
	get_address(status, "nat66_prefix", AF_INET6, &facts.nat66_prefix);
	if (json_object_object_get_ex(status, "mtu", &mtu) &&
	    json_object_is_type(mtu, json_type_int) && json_object_get_int64(mtu) >= 68 &&
	    json_object_get_int64(mtu) <= UINT16_MAX)
		facts.mtu = (uint16_t)json_object_get_int(mtu);
	else
		r = -EPROTO;
	json_object_put(status);
	if (r < 0)
		return explain(ret_error, r, "the network does not say what it is");
	*ret = facts;
	return 0;
}

/* Holding one */

int backend_hold(const struct registry *registry, const char *name, struct vmnet_backend **ret,
		 char **ret_error)
{
	struct vmnet_backend *backend = calloc(1, sizeof(*backend));
	char *path = registry_path(registry, name, "control");
	int r = backend && path ? 0 : -ENOMEM;

	if (r >= 0)
		r = netctl_open(path, &backend->ctl, ret_error);
	if (r >= 0)
		r = ask_facts(backend->ctl, &backend->facts, ret_error);
	free(path);
	if (r < 0) {
		backend_close(backend);
		return r;
	}
	memcpy(backend->name, name, sizeof(backend->name));
	*ret = backend;
	return 0;
}

void backend_close(struct vmnet_backend *backend)
{
	if (!backend)
		return;
	netctl_close(backend->ctl);
	free(backend);
}

void backend_facts(const struct vmnet_backend *backend, struct backend_facts *ret)
{
	*ret = backend->facts;
}

bool backend_is_lost(const struct vmnet_backend *backend)
{
	return netctl_is_gone(backend->ctl);
}

void backend_hand_over(char *error, vmnet_return_t status, char **ret_error)
{
	if (ret_error && status != VMNET_SUCCESS)
		*ret_error = error;
	else
		free(error);
}

/* Handing one to another process */

char *backend_describe(const struct vmnet_backend *backend)
{
	return strdup(backend->name);
}

vmnet_return_t backend_adopt(const char *text, struct vmnet_backend **ret, char **ret_error)
{
	struct registry registry;
	char *error = NULL;
	int r;

	if (!registry_is_name(text))
		return VMNET_INVALID_ARGUMENT;
	r = registry_open(&registry, &error);
	if (r >= 0) {
		r = backend_hold(&registry, text, ret, &error);
		registry_close(&registry);
	}
	backend_hand_over(error, backend_status_of(r), ret_error);
	return backend_status_of(r);
}
