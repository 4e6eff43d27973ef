/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * adder_client.h - what the example clients have in common: all but how they wait
 *
 * Each has a device (device.c, device_worker.c) add up a MiB, with asynchronous calls that go on
 * from one completion to the next. The loop in between is the program's:
 *
 *	adder_open()          connect, see what device it is
 *	adder_start()         share memory, attach an eventfd -> both done: write the registers
 *	adder_interrupted()   the eventfd is readable: read start and sum -> done()
 *
 * Whatever goes wrong ends the program.
 */
#ifndef EXAMPLES_ADDER_CLIENT_H
#define EXAMPLES_ADDER_CLIENT_H

#include <stdint.h>

#include <outrigger/client.h>

struct adder_client {
	struct rig_client *client;
	struct rig_dma_region memory; /* of our own; the device adds up its bytes */
	int interrupt;		      /* an eventfd */

	void (*done)(void *opaque);
	void *opaque;
	int steps;	/* calls of the present step that are not over */
	uint32_t start; /* as read at the end */
	uint64_t sum;	/* the result */
};

/* The deadline of each reply. */
rig_time soon(void);

/* For poll() and its like: -1 is forever. */
int milliseconds_until(rig_time deadline);

/* Ends the program if result is a negative errno. */
void check(int result, const char *what);

/* A client of the device that serves at path. */
struct rig_client *plug_in(const char *path, const struct rig_client_config *config);

/* A client of that device, memory and eventfd. Waits. */
void adder_open(struct adder_client *adder, const char *path,
		const struct rig_client_config *config);
void adder_close(struct adder_client *adder);

/* Does not wait. done() runs when adder->sum is there. */
void adder_start(struct adder_client *adder, void (*done)(void *opaque), void *opaque);

/* To be called when adder->interrupt is readable. Does not wait. */
void adder_interrupted(struct adder_client *adder);

#endif
