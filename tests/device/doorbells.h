/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doorbells.h - registers that a client may ring by eventfd instead of by message
 */
#ifndef TEST_DEVICE_DOORBELLS_H
#define TEST_DEVICE_DOORBELLS_H

#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#define DOORBELLS 4u

struct doorbells {
	int fds[DOORBELLS]; /* eventfds */
	int shadow;	    /* memfd of the last one */
};

/** doorbells_open() - Return: 0 or a negative errno; doorbells_close() in any case */
int doorbells_open(struct doorbells *bells);
void doorbells_close(struct doorbells *bells);

/** doorbells_announce() - for clients that ask. Return: 0 or a negative errno */
int doorbells_announce(const struct doorbells *bells, struct rig_server *server);

/** doorbell_rung() - which one this write to BAR0 rings, -1: none. @value: its first four bytes */
int doorbell_rung(uint64_t offset, size_t count, uint32_t value);

/** doorbell_take() - how often its eventfd was signalled since the last look */
uint32_t doorbell_take(const struct doorbells *bells, unsigned int bell);

#endif
