/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward.c - forwards ports of the host, lists the rules, and shows who comes
 *
 *	forward tcp|udp EXTERNAL ADDRESS INTERNAL N MODE [WORD...]
 *
 * A guest that is not there is asked for by ARP: these packets, N of them, are what is shown.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet_example.h"

static void print_rules(struct example *example)
{
	dispatch_semaphore_t done = dispatch_semaphore_create(0);

	vmnet_interface_get_port_forwarding_rules(example->interface, ^(xpc_object_t rules) {
	  for (size_t i = 0; rules && i < xpc_array_get_count(rules); i++) {
		  uint16_t external, internal;
		  struct in_addr address;
		  uint8_t protocol;

		  if (vmnet_port_forwarding_rule_get_details(xpc_array_get_value(rules, i),
							     &protocol, &external, &address,
							     &internal) == VMNET_SUCCESS)
			  printf("rule %s %u to %s %u\n", protocol == IPPROTO_TCP ? "tcp" : "udp",
				 external, inet_ntoa(address), internal);
	  }
	  dispatch_semaphore_signal(done);
	});
	dispatch_semaphore_wait(done, DISPATCH_TIME_FOREVER);
	dispatch_release(done);
	printf("forwarding\n");
	fflush(stdout);
}

static vmnet_return_t add(struct example *example, uint8_t protocol, char **argv)
{
	dispatch_semaphore_t done;
	vmnet_return_t asked;
	__block vmnet_return_t outcome; /* the handler's: it can run before the call returns */
	struct in_addr address;

	if (inet_pton(AF_INET, argv[3], &address) != 1)
		return VMNET_INVALID_ARGUMENT;
	done = dispatch_semaphore_create(0);
	asked = vmnet_interface_add_port_forwarding_rule(
		example->interface, protocol, (uint16_t)atoi(argv[2]), address,
		(uint16_t)atoi(argv[4]), ^(vmnet_return_t status) {
		  outcome = status;
		  dispatch_semaphore_signal(done);
		});
	if (asked == VMNET_SUCCESS)
		dispatch_semaphore_wait(done, DISPATCH_TIME_FOREVER);
	dispatch_release(done);
	return asked == VMNET_SUCCESS ? outcome : asked;
}

int main(int argc, char **argv)
{
	struct example example = { 0 };
	xpc_object_t description;
	vmnet_return_t status;
	int n;

	description = argc < 7 ? NULL : example_describe(argc - 6, argv + 6);
	if (!description) {
		fprintf(stderr, "usage: forward tcp|udp EXTERNAL ADDRESS INTERNAL N MODE\n");
		return 2;
	}
	n = atoi(argv[5]);
	example_start(&example, description);
	xpc_release(description);
	status = add(&example, strcmp(argv[1], "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP, argv);
	if (status == VMNET_SUCCESS)
		print_rules(&example);
	else
		printf("refused: %s\n", example_status(status));
	while (status == VMNET_SUCCESS && n > 0) {
		size_t len = example_read(&example, 1000);

		if (len < 42 || example.buffer[12] != 0x08 || example.buffer[13] != 0x06)
			continue;
		printf("asked for %u.%u.%u.%u\n", example.buffer[38], example.buffer[39],
		       example.buffer[40], example.buffer[41]);
		fflush(stdout);
		n--;
	}
	example_stop(&example);
	return status == VMNET_SUCCESS ? 0 : 1;
}
