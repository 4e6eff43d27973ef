/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.c - what comes by: a line for each packet
 *
 *	capture N MODE [WORD...]	N packets, 0: until killed
 *
 * Reading vmnet: one event, then packets until there are none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmnet_example.h"

static void print_mac(const uint8_t *mac)
{
	printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void print_packet(const uint8_t *packet, size_t len)
{
	print_mac(packet + MAC_LEN);
	printf(" > ");
	print_mac(packet);
	printf(" %02x%02x %zu\n", packet[12], packet[13], len);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct example example = { 0 };
	xpc_object_t description;
	size_t len;
	int n;

	if (argc < 3) {
		fprintf(stderr, "usage: capture N MODE [WORD...]\n");
		return 2;
	}
	n = atoi(argv[1]);
	description = example_describe(argc - 2, argv + 2);
	if (!description)
		return 2;
	example_start(&example, description);
	xpc_release(description);
	printf("capturing\n");
	fflush(stdout);
	for (int i = 0; n == 0 || i < n; i++) {
		while ((len = example_read(&example, 1000)) == 0)
			;
		print_packet(example.buffer, len);
	}
	example_stop(&example);
	return 0;
}
