/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * talk.c - asks an echo on the same network, of this process or another
 *
 *	talk N LENGTH TIMEOUT_MS MODE [WORD...]
 *
 * Status 0: N answers came; 1: not in time. With tso, LENGTH may be up to 64 KiB, but not of this
 * EtherType, as only TCP can be cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet_example.h"

static bool ask(struct example *example, uint32_t number, size_t len, unsigned int timeout_ms)
{
	uint8_t *packet = calloc(1, len);
	bool answered = false;
	size_t got;

	if (!packet)
		return false;
	memset(packet, 0xff, MAC_LEN);
	memcpy(packet + MAC_LEN, example->mac, MAC_LEN);
	packet[12] = 0x88;
	packet[13] = 0xb5;
	memcpy(packet + 14, &number, sizeof(number));
	example_write(example, packet, len);
	while (!answered && (got = example_read(example, timeout_ms)) > 0)
		answered = got == len && memcmp(example->buffer, example->mac, MAC_LEN) == 0 &&
			   memcmp(example->buffer + 12, packet + 12, len - 12) == 0;
	free(packet);
	return answered;
}

int main(int argc, char **argv)
{
	struct example example = { 0 };
	xpc_object_t description;
	uint32_t n, answers = 0;
	size_t len;

	description = argc < 5 ? NULL : example_describe(argc - 4, argv + 4);
	if (!description) {
		fprintf(stderr, "usage: talk N LENGTH TIMEOUT_MS MODE [WORD...]\n");
		return 2;
	}
	n = (uint32_t)atoi(argv[1]);
	len = (size_t)atoi(argv[2]);
	if (len < 60)
		len = 60;
	example_start(&example, description);
	xpc_release(description);
	while (answers < n && ask(&example, answers, len, (unsigned int)atoi(argv[3])))
		answers++;
	printf("%u of %u answered\n", answers, n);
	example_stop(&example);
	return answers == n ? 0 : 1;
}
