/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * migration.h - the device's state as a stream of records, written and read
 */
#ifndef TEST_DEVICE_MIGRATION_H
#define TEST_DEVICE_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <outrigger/server.h>

struct test_device;
struct saving;
struct loading;

struct migration {
	struct saving *saving;	 /* in PRE_COPYING and STOP_COPYING */
	struct loading *loading; /* in RESUMING */
};

/** migration_transition() - as in struct rig_migration_ops, but never deferred */
int migration_transition(struct test_device *d, enum rig_migration_state from,
			 enum rig_migration_state to);

/** migration_read(), migration_write() - likewise */
ssize_t migration_read(struct test_device *d, void *buf, size_t size);
int migration_write(struct test_device *d, const void *buf, size_t size);

/** migration_drop() - whatever was being saved or loaded is forgotten */
void migration_drop(struct migration *migration);

#endif
