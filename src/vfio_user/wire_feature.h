/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire_feature.h - what follows the fixed part of a DEVICE_FEATURE, by feature
 *
 * In GET's reply and SET's request, but for DMA_LOGGING_REPORT, whose GET has it in both.
 */
#ifndef VFIO_USER_WIRE_FEATURE_H
#define VFIO_USER_WIRE_FEATURE_H

#include "vfio_user/wire.h"

/* A wire_feature without data, for what has to be followed by some. */
struct wire_feature_head {
	uint32_t argsz;
	uint32_t flags;
} WIRE_PACKED;
static_assert(sizeof(struct wire_feature_head) == sizeof(struct wire_feature), "the same");

/* RIG_FEATURE_MIGRATION */
struct wire_migration {
	uint64_t flags; /* RIG_MIGRATION_... */
} WIRE_PACKED;
static_assert(sizeof(struct wire_migration) == 8, "spec: MIGRATION");

/* RIG_FEATURE_MIG_DEVICE_STATE */
struct wire_device_state {
	uint32_t state;	 /* enum rig_migration_state */
	int32_t data_fd; /* the kernel's; nobody looks at it */
} WIRE_PACKED;
static_assert(sizeof(struct wire_device_state) == 8, "spec: MIG_DEVICE_STATE");

struct wire_dma_range {
	uint64_t iova;
	uint64_t length;
} WIRE_PACKED;
static_assert(sizeof(struct wire_dma_range) == 16, "spec: DMA_LOGGING range");

/* RIG_FEATURE_DMA_LOGGING_START */
struct wire_logging_start {
	uint64_t page_size; /* wished for; in the reply: chosen */
	uint32_t num_ranges;
	uint32_t reserved;
	/* struct wire_dma_range[num_ranges] follows; none: everything */
} WIRE_PACKED;
static_assert(sizeof(struct wire_logging_start) == 16, "spec: DMA_LOGGING_START");

/*
 * RIG_FEATURE_DMA_LOGGING_REPORT. Page i from iova on is bit i % 64 of word i / 64; bits beyond the
 * last page are 0. (The specification's formula for it is wrong; this is what everybody does.)
 */
struct wire_logging_report {
	uint64_t iova;
	uint64_t length;
	uint64_t page_size;
	/* uint64_t bitmap[] follows in the reply */
} WIRE_PACKED;
static_assert(sizeof(struct wire_logging_report) == 24, "spec: DMA_LOGGING_REPORT");

#endif
