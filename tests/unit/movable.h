/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * movable.h - a device that can be saved and restored, for tests
 *
 * Its state is a few KiB that are also its BAR 0. The stream is records, each a whole copy: length,
 * bytes, their sum. PRE_COPYING begins with one; STOP_COPYING gives one in any case, behind what is
 * left. RESUMING takes any number of whole ones, of which the last counts.
 */
#ifndef TESTS_MOVABLE_H
#define TESTS_MOVABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#define MOVABLE_SIZE	   10000u
#define MOVABLE_RECORD	   (MOVABLE_SIZE + 8)
#define MOVABLE_STREAM_MAX (4 * MOVABLE_RECORD)

/**
 * struct movable - the device, and what it is to do next
 * @path: what happened to it: S stopped, R runs, C stopped to be copied, M resuming, P pre-copy,
 *	Z reset
 * @fail_to, @fail_error: the arc to this state fails
 * @defer_to: the arc to this state is answered with movable_go_on(); from @deferred_from
 * @defers_data: data is read and written by movable_move_data()
 * @bytes_more: that read_data() says it gave, above what it did
 */
struct movable {
	struct rig_server *server;
	uint8_t memory[MOVABLE_SIZE];
	char path[32];
	uint8_t stream[MOVABLE_STREAM_MAX];
	size_t stream_len, stream_at;
	size_t read_before_stop; /* bytes, in PRE_COPYING */
	enum rig_migration_state fail_to;
	int fail_error;
	enum rig_migration_state defer_to, deferred_from;
	struct rig_request *deferred;
	bool defers_data, reads; /* reads: of the deferred one */
	size_t bytes_more;
	int quiet; /* what quiesce() returns; RIG_DEFERRED as above */
	unsigned int quiesced, gone;
};

/**
 * movable_new()
 * @migration_flags: RIG_MIGRATION_...; 0: it cannot be moved after all
 * @device_flags: RIG_DEVICE_... besides RESET and PCI
 */
struct movable *movable_new(uint64_t migration_flags, uint32_t device_flags);
void movable_free(struct movable *m);

/** movable_go_on() - the deferred arc is done. @error: or failed */
void movable_go_on(struct movable *m, int error);

/** movable_move_data() - the deferred data is read or written. @error: or failed */
void movable_move_data(struct movable *m, int error);

/** movable_quiet() - the deferred quiesce() is over */
void movable_quiet(struct movable *m, int error);

/** movable_fill() - bytes that depend on the seed */
void movable_fill(struct movable *m, uint32_t seed);

#endif
