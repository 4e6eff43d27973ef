/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp.c - asks the network for an address, as a guest does, with packets of its own making
 *
 *	dhcp TIMEOUT_MS MODE [WORD...]
 *
 * Status 0: an offer came, and is printed; 1: none in time.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "dhcp_packet.h"
#include "vmnet_example.h"

int main(int argc, char **argv)
{
	struct example example = { 0 };
	xpc_object_t description = argc < 3 ? NULL : example_describe(argc - 2, argv + 2);
	struct in_addr offer;
	bool offered;

	if (!description) {
		fprintf(stderr, "usage: dhcp TIMEOUT_MS MODE [WORD...]\n");
		return 2;
	}
	example_start(&example, description);
	xpc_release(description);
	offered = dhcp_ask(&example, example.mac, (unsigned int)atoi(argv[1]), &offer);
	printf("%s %s\n", offered ? "offered" : "nothing", offered ? inet_ntoa(offer) : "came");
	example_stop(&example);
	return offered ? 0 : 1;
}
