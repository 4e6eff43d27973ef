/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * read_messages.h - a 4-byte REGION_READ and its reply as bytes, for what vfio-user is compared with
 */
#ifndef BENCH_READ_MESSAGES_H
#define BENCH_READ_MESSAGES_H

#include <assert.h>
#include <stdint.h>

#include "vfio_user/wire.h"

/* wire.h's wire_region_io has no end of its own, so it cannot stand inside another struct. */
struct read_request {
	struct wire_header header;
	uint64_t offset;
	uint32_t region;
	uint32_t count;
} WIRE_PACKED;

struct read_reply {
	struct read_request echoed;
	uint32_t data;
} WIRE_PACKED;

static_assert(sizeof(struct read_request) == 32, "a request");
static_assert(sizeof(struct read_reply) == 36, "a reply");

#endif
