/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * echo.c - sends every packet of one EtherType back to where it came from
 *
 *	echo MODE [WORD...]
 *
 * Reading and writing in the event's block, in batches as large as the interface takes. Ends when
 * its standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmnet_example.h"

#define BATCH 32

static const uint8_t type[2] = { 0x88, 0xb5 }; /* for experiments, by IEEE 802 */

/* Turn the packets of a batch round that are for us. Return: how many, moved to the front */
static int turn_round(const struct example *example, struct vmpktdesc *packets, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		uint8_t *packet = packets[i].vm_pkt_iov->iov_base;

		if (memcmp(packet + 12, type, sizeof(type)) != 0)
			continue;
		memcpy(packet, packet + MAC_LEN, MAC_LEN);
		memcpy(packet + MAC_LEN, example->mac, MAC_LEN);
		packets[i].vm_pkt_iov->iov_len = packets[i].vm_pkt_size;
		packets[kept++] = packets[i];
	}
	return kept;
}

static void echo_all(struct example *example, uint8_t *buffers)
{
	struct vmpktdesc packets[BATCH];
	struct iovec iov[BATCH];
	int n;

	do {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec) { buffers + i * example->max_packet,
						  example->max_packet };
			packets[i] = (struct vmpktdesc) { example->max_packet, &iov[i], 1, 0 };
		}
		n = BATCH;
		if (vmnet_read(example->interface, packets, &n) != VMNET_SUCCESS || n == 0)
			break;
		n = turn_round(example, packets, n);
	} while (n == 0 || vmnet_write(example->interface, packets, &n) == VMNET_SUCCESS);
}

int main(int argc, char **argv)
{
	struct example example = { 0 };
	struct example *it = &example;
	xpc_object_t description = example_describe(argc - 1, argv + 1);
	uint8_t *buffers;
	char byte;

	if (!description)
		return 2;
	example_start(&example, description);
	xpc_release(description);
	buffers = malloc(BATCH * example.max_packet);
	if (!buffers)
		return 1;
	vmnet_interface_set_event_callback(example.interface, VMNET_INTERFACE_PACKETS_AVAILABLE,
					   example.queue,
					   ^(interface_event_t events, xpc_object_t event) {
					     echo_all(it, buffers);
					   });
	printf("echoing\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	example_stop(&example); /* the block may use buffers until then */
	free(buffers);
	return 0;
}
