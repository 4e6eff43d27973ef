/* SPDX-License-Identifier: BSD-3-Clause */
/* vmnet_interface.c - an interface on one of vmnet's host networks: see vmnet_interface.h */
#include "vmnet_interface.h"

#include "bench.h"

#define WAIT_NS INT64_C(20000000000)

static void wait_for(dispatch_semaphore_t done, const char *what)
{
	if (dispatch_semaphore_wait(done, dispatch_time(DISPATCH_TIME_NOW, WAIT_NS)) != 0)
		die("an interface of vmnet's: no %s within 20 s", what);
	dispatch_release(done);
}

static xpc_object_t describe(const char *network)
{
	xpc_object_t description = xpc_dictionary_create(NULL, NULL, 0);
	uuid_t uuid;

	if (uuid_parse(network, uuid) != 0)
		die("%s is no UUID", network);
	xpc_dictionary_set_uint64(description, vmnet_operation_mode_key, VMNET_HOST_MODE);
	xpc_dictionary_set_uuid(description, vmnet_network_identifier_key, uuid);
	return description;
}

void interface_start(struct interface *interface, const char *network)
{
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	xpc_object_t description = describe(network);
	__block vmnet_return_t result = VMNET_FAILURE;
	__block size_t max_packet = 0;

	interface->queue = dispatch_queue_create("bench", DISPATCH_QUEUE_SERIAL);
	interface->ref = vmnet_start_interface(
		description, interface->queue, ^(vmnet_return_t status, xpc_object_t params) {
		  result = status;
		  if (status == VMNET_SUCCESS)
			  max_packet = (size_t)xpc_dictionary_get_uint64(params,
									 vmnet_max_packet_size_key);
		  dispatch_semaphore_signal(done);
		});
	xpc_release(description);
	if (!interface->ref)
		die("an interface of vmnet's was refused");
	wait_for(done, "start");
	if (result != VMNET_SUCCESS)
		die("an interface of vmnet's: status %d; OUTRIGGER_VMNET_LOG=stderr says why",
		    (int)result);
	interface->max_packet = max_packet;
}

void interface_stop(struct interface *interface)
{
	dispatch_semaphore_t done = dispatch_semaphore_create(0);

	if (vmnet_stop_interface(interface->ref, interface->queue, ^(vmnet_return_t status) {
	      (void)status;
	      dispatch_semaphore_signal(done);
	    }) != VMNET_SUCCESS)
		die("an interface of vmnet's cannot be stopped");
	wait_for(done, "stop");
	dispatch_release(interface->queue);
}
