/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_example.h - what these examples share: waiting for vmnet's handlers, and packets one by one
 *
 * vmnet tells by blocks on a queue; programs as small as these wait for each with a semaphore. They
 * build on macOS, too: clang -o echo echo.c vmnet_example.c -framework vmnet.
 */
#ifndef VMNET_EXAMPLE_H
#define VMNET_EXAMPLE_H

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <vmnet/vmnet.h>

#define MAC_LEN 6

struct example {
	dispatch_queue_t queue;
	interface_ref interface;
	dispatch_semaphore_t done; /* signalled by each handler, which leaves its status: */
	vmnet_return_t status;
	size_t max_packet;
	uint8_t mac[MAC_LEN];
	dispatch_semaphore_t available; /* signalled by each event */
	uint8_t *buffer;		/* of the packet that was read last */
};

/** example_status() - a code in words */
const char *example_status(vmnet_return_t status);

/**
 * example_describe() - a description by words: host, shared, bridged=NAME, isolated, tso,
 * id=UUID, network=UUID, range=START,END,MASK
 * Return: NULL after a message
 */
xpc_object_t example_describe(int n, char **words);

/** example_start() - start, wait for it, print what came of it. Exits on failure */
void example_start(struct example *example, xpc_object_t description);

/**
 * example_prepare(), example_started() - the same around another function that starts: what it takes
 * for a handler, and what it returned
 */
vmnet_start_interface_completion_handler_t example_prepare(struct example *example);
void example_started(struct example *example, interface_ref interface);

/** example_stop() - stop, and wait for it */
void example_stop(struct example *example);

/**
 * example_read() - the next packet, waiting up to @timeout_ms for it
 * Return: its length in example->buffer; 0: none came in time. Exits on failure
 */
size_t example_read(struct example *example, unsigned int timeout_ms);

/** example_write() - one packet. Exits on failure */
void example_write(struct example *example, const void *packet, size_t len);

#endif
