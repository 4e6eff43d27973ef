/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.c - networks: made or adopted, looked at, plugged into
 *
 * A network is held by its object and by each interface that was started on it; it ends with the
 * last of these, in whichever process that is. What another process gets it by names its place in the
 * user's registry, and is good as long as it lives.
 */
#include <stdlib.h>
#include <string.h>

#include <vmnet/vmnet.h>

#include "vmnet/interfaces/interface.h"
#include "vmnet/log.h"
#include "vmnet/objects/network.h"

#define NAME_KEY "vmnet_network"
#define MODE_KEY "vmnet_network_mode"

static void free_network(struct darwin_object *object)
{
	struct vmnet_network *network = (void *)object;

	network_live_remove(&network->live);
	backend_close(network->backend);
	free(network);
}

static const struct darwin_class network_class = { .free = free_network };

static bool is_good(const struct vmnet_network *network)
{
	return network_is_live(network, NETWORK_OBJECT_NETWORK);
}

/* Return: @object */
static void *done(void *object, vmnet_return_t status, vmnet_return_t *ret_status)
{
	if (ret_status)
		*ret_status = status;
	return object;
}

/* @backend: the network's, or closed. Return: NULL: no memory */
static struct vmnet_network *wrap(struct vmnet_backend *backend, operating_modes_t mode)
{
	struct vmnet_network *network = calloc(1, sizeof(*network));

	if (!network) {
		backend_close(backend);
		return NULL;
	}
	network->backend = backend;
	network->mode = mode;
	network_live_add(&network->live, NETWORK_OBJECT_NETWORK, &network_class);
	return network;
}

static vmnet_network_ref wrapped(vmnet_return_t status, char *error, struct vmnet_backend *backend,
				 operating_modes_t mode, vmnet_return_t *ret_status)
{
	struct vmnet_network *network;

	if (status != VMNET_SUCCESS) {
		vmnet_log("cannot make a network: %s", error ? error : "no reason given");
		free(error);
		return done(NULL, status, ret_status);
	}
	network = wrap(backend, mode);
	return done(network, network ? VMNET_SUCCESS : VMNET_MEM_FAILURE, ret_status);
}

vmnet_network_ref vmnet_network_create(vmnet_network_configuration_ref config,
				       vmnet_return_t *status)
{
	struct vmnet_backend *backend = NULL;
	vmnet_return_t result;
	char *error = NULL;

	if (!network_is_live(config, NETWORK_OBJECT_CONFIGURATION)) {
		vmnet_log("cannot make a network: not a configuration, or no longer");
		return done(NULL, VMNET_INVALID_ARGUMENT, status);
	}
	result = backend_open(&config->request, &backend, &error);
	return wrapped(result, error, backend, config->request.mode, status);
}

xpc_object_t vmnet_network_copy_serialization(vmnet_network_ref network, vmnet_return_t *status)
{
	xpc_object_t dictionary;
	char *name;

	if (!is_good(network)) {
		vmnet_log("cannot serialize a network: not one, or no longer");
		return done(NULL, VMNET_INVALID_ARGUMENT, status);
	}
	name = backend_describe(network->backend);
	if (!name)
		return done(NULL, VMNET_MEM_FAILURE, status);
	dictionary = xpc_dictionary_create(NULL, NULL, 0);
	xpc_dictionary_set_string(dictionary, NAME_KEY, name);
	xpc_dictionary_set_uint64(dictionary, MODE_KEY, network->mode);
	free(name);
	return done(dictionary, VMNET_SUCCESS, status);
}

vmnet_network_ref vmnet_network_create_with_serialization(xpc_object_t serialization,
							  vmnet_return_t *status)
{
	struct vmnet_backend *backend = NULL;
	const char *name = NULL;
	vmnet_return_t result;
	char *error = NULL;
	uint64_t mode = 0;

	if (serialization && xpc_get_type(serialization) == XPC_TYPE_DICTIONARY) {
		name = xpc_dictionary_get_string(serialization, NAME_KEY);
		mode = xpc_dictionary_get_uint64(serialization, MODE_KEY);
	}
	if (!name || (mode != VMNET_HOST_MODE && mode != VMNET_SHARED_MODE)) {
		vmnet_log("cannot make a network: not a network's serialization");
		return done(NULL, VMNET_INVALID_ARGUMENT, status);
	}
	result = backend_adopt(name, &backend, &error);
	return wrapped(result, error, backend, (operating_modes_t)mode, status);
}

void vmnet_network_get_ipv4_subnet(vmnet_network_ref network, struct in_addr *subnet,
				   struct in_addr *mask)
{
	struct backend_facts facts = { 0 };

	if (is_good(network))
		backend_facts(network->backend, &facts);
	if (subnet)
		subnet->s_addr = facts.start_address.s_addr & facts.subnet_mask.s_addr;
	if (mask)
		*mask = facts.subnet_mask;
}

void vmnet_network_get_ipv6_prefix(vmnet_network_ref network, struct in6_addr *prefix,
				   uint8_t *prefix_len)
{
	struct backend_facts facts = { 0 };

	if (is_good(network))
		backend_facts(network->backend, &facts);
	if (prefix)
		*prefix = facts.nat66_prefix;
	if (prefix_len)
		*prefix_len = IN6_IS_ADDR_UNSPECIFIED(&facts.nat66_prefix) ? 0 : 64;
}

interface_ref vmnet_interface_start_with_network(vmnet_network_ref network,
						 xpc_object_t interface_desc,
						 dispatch_queue_t queue,
						 vmnet_start_interface_completion_handler_t handler)
{
	struct interface_network on = { .object = network };

	if (!is_good(network)) {
		vmnet_log("cannot start an interface: not a network, or no longer");
		return NULL;
	}
	on.mode = network->mode;
	on.text = backend_describe(network->backend);
	return on.text ? interface_start(&on, interface_desc, queue, handler) : NULL;
}
