/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_both_sides.h - the busy device that test_both_sides.c plugs its client into
 *
 * Threads of the device, each with dice of its own:
 *
 *	server	polls and dispatches; every callback of the device runs here
 *	workers	two, which keep up to TRANSFERS messages for guest memory in flight, and interrupt
 *	answer	two, which answer what was deferred, in any order
 *
 * BAR 0 has a slice for each thread of the client. Accesses to the lower half of a slice may be
 * deferred, and so overtake each other; those to the upper half are done in order. One slice never
 * changes, and in one there is a doorbell.
 *
 * Guest memory is a function of its address (both_sides_word()), but for MEMORY_SCRATCH, where the
 * device writes and reads back.
 *
 * What goes wrong, in any thread, ends the program with the seed: must().
 */
#ifndef TESTS_BOTH_SIDES_H
#define TESTS_BOTH_SIDES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#define PAGE	       UINT64_C(4096)

#define SLICE	       1024u
#define SLICES	       12u
#define SLICE_CONSTANT 8u
#define SLICE_MIGRATED 9u
#define SLICE_DOORBELL 10u
#define BAR_SIZE       (SLICES * SLICE)
#define DOORBELL       (SLICE_DOORBELL * SLICE + SLICE / 2) /* write a vector, be interrupted */

#define VECTORS	       4u
#define VECTOR_RUNG    3u /* by the doorbell only */

#define TRANSFERS      64u

/* Ranges of guest memory, each RANGE_SIZE at range_address(). */
enum memory {
	MEMORY_HOSTED,	/* messages, which the client's library serves */
	MEMORY_CALLED,	/* messages, which go to the client's callbacks */
	MEMORY_SCRATCH, /* as hosted; one page for each transfer */
	MEMORY_CHURN,	/* comes and goes, shared or not */
	MEMORIES,
};
#define RANGE_SIZE (TRANSFERS * PAGE)

static inline uint64_t range_address(enum memory memory)
{
	return UINT64_C(0x10000000) * (1 + (uint64_t)memory);
}

/* What is at this address of guest memory (a multiple of 8). */
static inline uint64_t both_sides_word(uint64_t address)
{
	return address * UINT64_C(0x9e3779b97f4a7c15);
}

/* What is in the slice that never changes. */
static inline uint8_t both_sides_constant(uint64_t offset)
{
	return (uint8_t)(offset * 7 + 3);
}

/** both_sides_fill(), both_sides_intact() - memory that is as it should be; len in words of 8 */
void both_sides_fill(void *memory, uint64_t address, size_t len);
bool both_sides_intact(const void *memory, uint64_t address, size_t len);

/** both_sides_failed() - say where, with which seed, and abort. Any thread */
_Noreturn void both_sides_failed(const char *file, int line, const char *what, long value);

#define must(condition) \
	((condition) ? (void)0 : both_sides_failed(__FILE__, __LINE__, #condition, 0))

/* For calls that return a negative errno: the message has it. */
#define must_do(call)                                                              \
	do {                                                                       \
		long must_result = (call);                                         \
		if (must_result < 0)                                               \
			both_sides_failed(__FILE__, __LINE__, #call, must_result); \
	} while (0)

/* How the connection is broken. */
enum kill {
	KILL_NOT,
	KILL_SHUTDOWN,	 /* the socket */
	KILL_DISCONNECT, /* the client leaves */
	KILL_SERVER,	 /* rig_conn_free() */
	KILLS,
};

/** struct device_plan - what the device is to be like */
struct device_plan {
	uint64_t seed;
	bool quiesces;	 /* else memory may go while it is in use, which has to wait for that */
	enum kill kill;	 /* KILL_SERVER is done by the device itself */
	unsigned int at; /* after so many accesses and transfers */
	int killer;	 /* an eventfd: the others are told here */
};

struct device;

struct device *device_start(const struct device_plan *plan);

/** device_serve() - this socket, which is the device's from here */
void device_serve(struct device *d, int fd);

/** device_work() - workers may start transfers, or no more; not at first */
void device_work(struct device *d, bool may_work);

/** device_idle() - and what they started is over */
bool device_idle(struct device *d);

/** device_transfers() - how many were right */
unsigned int device_transfers(struct device *d);

/** device_broken() - when the connection was broken, if it is */
rig_time device_broken(struct device *d);

/** device_stop() - once the client is gone; waits for that. Every request was answered by then */
void device_stop(struct device *d);

#endif
