/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mover.h - a scripted client that asks a struct movable for its features
 *
 *	scripted client          rig_server
 *	f->c  <--socketpair-->  f->c->conn  -- ops -->  f->m
 *
 * The client is server_end.h's; it accepts MOVER_LIMIT bytes of data in a message. Functions that ask
 * return 0 or the negative errno of the reply, and leave the reply in f->got.
 */
#ifndef TESTS_MOVER_H
#define TESTS_MOVER_H

#include "movable.h"
#include "server_end.h"
#include "vfio_user/wire_feature.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MOVER_LIMIT   8192u
#define FIXED	      8u /* bytes of DEVICE_FEATURE and MIG_DATA_..., before the data */

#define GET	      RIG_FEATURE_GET
#define SET	      RIG_FEATURE_SET
#define PROBE	      RIG_FEATURE_PROBE

#define STOP	      RIG_MIGRATION_STOP
#define RUNNING	      RIG_MIGRATION_RUNNING
#define STOP_COPYING  RIG_MIGRATION_STOP_COPYING
#define RESUMING      RIG_MIGRATION_RESUMING
#define PRE_COPYING   RIG_MIGRATION_PRE_COPYING

/* What was said last: larger than server_end.h's messages. */
struct said {
	struct wire_header header;
	uint8_t payload[MOVABLE_STREAM_MAX + FIXED];
} __attribute__((packed));

struct mover {
	struct fixture *base;
	struct client *c;
	struct movable *m;
	struct said said;
	struct answer got;
};

/** setup_mover() - a device with pre-copy, and others. For cmocka */
int setup_mover(void **state);
int setup_stop_copy(void **state);
int setup_unmovable(void **state);
int setup_reset_on_loss(void **state);
int teardown_mover(void **state);

/** mover_connect() - a client, after the one before hung up */
void mover_connect(struct mover *f);

/** say() - a message, of which nothing is heard. Return: its id */
uint16_t say(struct mover *f, uint16_t command, const void *payload, size_t len);

/** hear() - the next reply that is there, into f->got. Return: its id; 0: none came */
uint16_t hear(struct mover *f);

/** verdict() - what f->got says */
int verdict(const struct mover *f);

/** say_and_hear() - and nothing else must have come */
int say_and_hear(struct mover *f, uint16_t command, const void *payload, size_t len);

/** ask_feature() - DEVICE_FEATURE */
int ask_feature(struct mover *f, uint32_t flags, uint32_t argsz, const void *data, size_t len);

/** echoed() - was what was said last, whole, what came back? */
bool echoed(const struct mover *f);

/** say_state() - set the migration state without waiting. Return: the id */
uint16_t say_state(struct mover *f, uint32_t state);
int set_state(struct mover *f, uint32_t state);
uint32_t get_state(struct mover *f);

/** restart() - reset the device, forget what it did and what was wrong with it */
void restart(struct mover *f);

#endif
