/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start.c - how an interface comes: its network, a port there, the driver of the port's NIC
 *
 * What is wrong with the arguments themselves is told by NULL. All else, wrong keys as well, goes to
 * the handler, as it has a code to tell it by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet/interfaces/event.h"
#include "vmnet/interfaces/interface.h"
#include "vmnet/interfaces/watcher.h"
#include "vmnet/log.h"

#define DRIVER_TIMEOUT_MS 10000u

struct start {
	struct interface *interface;
	struct handler *handler;
	vmnet_return_t status; /* of the description */
};

static vmnet_return_t find_network(struct interface *interface, char **ret_error)
{
	if (interface->network)
		return backend_adopt(interface->network, &interface->backend, ret_error);
	return backend_open(&interface->description.request, &interface->backend, ret_error);
}

static vmnet_return_t new_driver(struct interface *interface, int fd, char **ret_error)
{
	static const struct net_driver_config config;
	struct net_driver *driver;
	int r = net_driver_new(fd, &config, rig_after_ms(DRIVER_TIMEOUT_MS), &driver, ret_error);

	if (r < 0)
		return r == -ENOMEM ? VMNET_MEM_FAILURE : VMNET_FAILURE;
	pthread_mutex_lock(&interface->tx);
	pthread_mutex_lock(&interface->lock);
	interface->driver = driver;
	pthread_mutex_unlock(&interface->lock);
	pthread_mutex_unlock(&interface->tx);
	return VMNET_SUCCESS;
}

static void settle_sizes(struct interface *interface, const struct backend_facts *facts)
{
	const struct description *description = &interface->description;
	struct net_driver_info info;

	net_driver_info(interface->driver, &info);
	interface->mtu = info.mtu != 0 ? info.mtu : facts->mtu;
	interface->max_packet =
		description->tso ? INTERFACE_TSO_PACKET : FRAME_ETH_HEADER + (size_t)interface->mtu;
	if (description->virtio_header)
		interface->max_packet += sizeof(struct frame_header);
}

static vmnet_return_t set_up(struct interface *interface, xpc_object_t *ret_params)
{
	struct backend_facts facts;
	vmnet_return_t status;
	char *error = NULL;
	int fd;

	if (interface_settle_mac(interface) < 0)
		return VMNET_FAILURE;
	status = find_network(interface, &error);
	if (status == VMNET_SUCCESS) {
		backend_facts(interface->backend, &facts);
		status = backend_plug(interface->backend, interface->mac,
				      interface->description.isolated, facts.mtu, &fd, &error);
	}
	if (status == VMNET_SUCCESS)
		status = new_driver(interface, fd, &error);
	if (status != VMNET_SUCCESS) {
		vmnet_log("cannot start an interface: %s", error ? error : "no reason given");
		free(error);
		return status;
	}
	settle_sizes(interface, &facts);
	if (watcher_add(interface) < 0)
		return VMNET_FAILURE;
	*ret_params = interface_params(interface, &facts);
	return VMNET_SUCCESS;
}

/* On the interface's queue. */
static void run_start(void *context)
{
	struct start *start = context;
	struct interface *interface = start->interface;
	enum interface_state expected = INTERFACE_STARTING;
	vmnet_return_t status = start->status;
	xpc_object_t params = NULL;
	bool stopped;

	if (status == VMNET_SUCCESS)
		status = set_up(interface, &params);
	stopped = !atomic_compare_exchange_strong(&interface->state, &expected,
						  status == VMNET_SUCCESS ? INTERFACE_RUNNING
									  : INTERFACE_STOPPING);
	if (status != VMNET_SUCCESS) {
		interface_take_apart(interface);
		if (!stopped) /* else its stop waits behind us on this queue */
			interface_free(interface);
	}
	handler_run_params(start->handler, status, params);
	free(start);
}

static struct start *prepare(const struct interface_network *network, xpc_object_t dictionary,
			     dispatch_queue_t queue, const void *block)
{
	struct start *start = calloc(1, sizeof(*start));

	if (!start)
		return NULL;
	start->handler = handler_new(queue, block);
	start->interface = start->handler ? interface_new() : NULL;
	if (!start->interface) {
		vmnet_log("cannot start an interface: no memory, or %u of them already",
			  INTERFACES_MAX);
		handler_free(start->handler);
		free(start);
		return NULL;
	}
	start->status = network ? description_read_on_network(dictionary, network->mode,
							      &start->interface->description)
				: description_read(dictionary, &start->interface->description);
	return start;
}

interface_ref interface_start(const struct interface_network *network, xpc_object_t dictionary,
			      dispatch_queue_t queue, const void *block)
{
	struct interface *interface;
	struct start *start = NULL;
	interface_ref ref;

	if (queue && block && xpc_get_type(dictionary) == XPC_TYPE_DICTIONARY)
		start = prepare(network, dictionary, queue, block);
	else
		vmnet_log("cannot start an interface: no description, queue or handler");
	if (!start) {
		if (network)
			free(network->text);
		return NULL;
	}
	interface = start->interface;
	interface->control = dispatch_queue_create("vmnet.interface", DISPATCH_QUEUE_SERIAL);
	dispatch_retain(queue);
	interface->callers = queue;
	if (network) {
		interface->network = network->text;
		interface->keep = xpc_retain(network->object);
	}
	ref = interface_handle(interface); /* before it can be gone again */
	dispatch_async_f(interface->control, start, run_start);
	return ref;
}

interface_ref vmnet_start_interface(xpc_object_t interface_desc, dispatch_queue_t queue,
				    vmnet_start_interface_completion_handler_t handler)
{
	return interface_start(NULL, interface_desc, queue, handler);
}
