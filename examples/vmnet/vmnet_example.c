/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet_example.h"

#include <Block.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *example_status(vmnet_return_t status)
{
	switch (status) {
	case VMNET_SUCCESS:
		return "success";
	case VMNET_FAILURE:
		return "failure";
	case VMNET_MEM_FAILURE:
		return "out of memory";
	case VMNET_INVALID_ARGUMENT:
		return "invalid argument";
	case VMNET_SETUP_INCOMPLETE:
		return "setup incomplete";
	case VMNET_INVALID_ACCESS:
		return "permission denied";
	case VMNET_PACKET_TOO_BIG:
		return "packet too big";
	case VMNET_BUFFER_EXHAUSTED:
		return "buffers exhausted";
	case VMNET_TOO_MANY_PACKETS:
		return "too many packets";
	case VMNET_SHARING_SERVICE_BUSY:
		return "sharing service busy";
	case VMNET_NOT_AUTHORIZED:
		return "not authorized";
	}
	return "unknown";
}

static void must(vmnet_return_t status, const char *what)
{
	if (status == VMNET_SUCCESS)
		return;
	fprintf(stderr, "%s: %d, %s\n", what, (int)status, example_status(status));
	exit(1);
}

static bool set_uuid(xpc_object_t description, const char *key, const char *text)
{
	uuid_t uuid;

	if (uuid_parse(text, uuid) != 0)
		return false;
	xpc_dictionary_set_uuid(description, key, uuid);
	return true;
}

static bool set_range(xpc_object_t description, const char *text)
{
	char start[16], end[16], mask[16];

	if (sscanf(text, "%15[^,],%15[^,],%15s", start, end, mask) != 3)
		return false;
	xpc_dictionary_set_string(description, vmnet_start_address_key, start);
	xpc_dictionary_set_string(description, vmnet_end_address_key, end);
	xpc_dictionary_set_string(description, vmnet_subnet_mask_key, mask);
	return true;
}

static void set_mode(xpc_object_t description, operating_modes_t mode)
{
	xpc_dictionary_set_uint64(description, vmnet_operation_mode_key, mode);
}

static bool set_word(xpc_object_t description, const char *word)
{
	if (strcmp(word, "host") == 0) {
		set_mode(description, VMNET_HOST_MODE);
	} else if (strcmp(word, "shared") == 0) {
		set_mode(description, VMNET_SHARED_MODE);
	} else if (strncmp(word, "bridged=", 8) == 0) {
		set_mode(description, VMNET_BRIDGED_MODE);
		xpc_dictionary_set_string(description, vmnet_shared_interface_name_key, word + 8);
	} else if (strcmp(word, "isolated") == 0) {
		xpc_dictionary_set_bool(description, vmnet_enable_isolation_key, true);
	} else if (strcmp(word, "tso") == 0) {
		xpc_dictionary_set_bool(description, vmnet_enable_tso_key, true);
	} else if (strncmp(word, "id=", 3) == 0) {
		return set_uuid(description, vmnet_interface_id_key, word + 3);
	} else if (strncmp(word, "network=", 8) == 0) {
		return set_uuid(description, vmnet_network_identifier_key, word + 8);
	} else if (strncmp(word, "range=", 6) == 0) {
		return set_range(description, word + 6);
	} else {
		return false;
	}
	return true;
}

xpc_object_t example_describe(int n, char **words)
{
	xpc_object_t description = xpc_dictionary_create(NULL, NULL, 0);

	for (int i = 0; i < n; i++) {
		if (!set_word(description, words[i])) {
			fprintf(stderr, "%s: not understood\n", words[i]);
			xpc_release(description);
			return NULL;
		}
	}
	return description;
}

static void print_params(xpc_object_t params)
{
	xpc_dictionary_apply(params, ^bool(const char *key, xpc_object_t value) {
	  char *text;

	  if (xpc_get_type(value) == XPC_TYPE_STRING)
		  printf("%s %s\n", key, xpc_string_get_string_ptr(value));
	  else if (xpc_get_type(value) == XPC_TYPE_UINT64)
		  printf("%s %llu\n", key, (unsigned long long)xpc_uint64_get_value(value));
	  else if ((text = xpc_copy_description(value)) != NULL)
		  printf("%s %s\n", key, text), free(text);
	  return true;
	});
	fflush(stdout);
}

static void keep_params(struct example *example, xpc_object_t params)
{
	const char *mac = xpc_dictionary_get_string(params, vmnet_mac_address_key);
	unsigned int byte[MAC_LEN];

	example->max_packet = (size_t)xpc_dictionary_get_uint64(params, vmnet_max_packet_size_key);
	if (mac && sscanf(mac, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3],
			  &byte[4], &byte[5]) == MAC_LEN) {
		for (int i = 0; i < MAC_LEN; i++)
			example->mac[i] = (uint8_t)byte[i];
	}
	print_params(params);
}

static void watch(struct example *example)
{
	must(vmnet_interface_set_event_callback(example->interface,
						VMNET_INTERFACE_PACKETS_AVAILABLE, example->queue,
						^(interface_event_t events, xpc_object_t event) {
						  dispatch_semaphore_signal(example->available);
						}),
	     "events");
}

vmnet_start_interface_completion_handler_t example_prepare(struct example *example)
{
	example->queue = dispatch_queue_create("example", DISPATCH_QUEUE_SERIAL);
	example->available = dispatch_semaphore_create(0);
	example->done = dispatch_semaphore_create(0);
	return Block_copy(^(vmnet_return_t status, xpc_object_t params) {
	  example->status = status;
	  if (status == VMNET_SUCCESS)
		  keep_params(example, params);
	  dispatch_semaphore_signal(example->done);
	});
}

void example_started(struct example *example, interface_ref interface)
{
	if (!interface)
		must(VMNET_FAILURE, "start rejected");
	example->interface = interface;
	dispatch_semaphore_wait(example->done, DISPATCH_TIME_FOREVER);
	must(example->status, "start");
	example->buffer = malloc(example->max_packet);
	if (!example->buffer)
		must(VMNET_MEM_FAILURE, "start");
	watch(example);
}

void example_start(struct example *example, xpc_object_t description)
{
	vmnet_start_interface_completion_handler_t handler = example_prepare(example);

	example_started(example, vmnet_start_interface(description, example->queue, handler));
	Block_release(handler);
}

void example_stop(struct example *example)
{
	must(vmnet_stop_interface(example->interface, example->queue,
				  ^(vmnet_return_t status) {
				    dispatch_semaphore_signal(example->done);
				  }),
	     "stop");
	dispatch_semaphore_wait(example->done, DISPATCH_TIME_FOREVER);
	dispatch_release(example->done);
	dispatch_release(example->available);
	dispatch_release(example->queue);
	free(example->buffer);
}

size_t example_read(struct example *example, unsigned int timeout_ms)
{
	dispatch_time_t until = dispatch_time(DISPATCH_TIME_NOW, timeout_ms * 1000000ll);
	struct iovec iov;
	struct vmpktdesc packet;
	int n;

	for (;;) {
		iov = (struct iovec) { example->buffer, example->max_packet };
		packet = (struct vmpktdesc) { example->max_packet, &iov, 1, 0 };
		n = 1;
		must(vmnet_read(example->interface, &packet, &n), "read");
		if (n == 1)
			return packet.vm_pkt_size;
		if (dispatch_semaphore_wait(example->available, until) != 0)
			return 0;
	}
}

void example_write(struct example *example, const void *packet, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)packet, len };
	struct vmpktdesc description = { len, &iov, 1, 0 };
	int n = 1;

	must(vmnet_write(example->interface, &description, &n), "write");
}
