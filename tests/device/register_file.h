/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * register_file.h - BAR0: bytes, which of them can be written, and those that act
 */
#ifndef TEST_DEVICE_REGISTER_FILE_H
#define TEST_DEVICE_REGISTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registers.h"

struct test_device;

struct register_file {
	uint8_t bytes[RIG_TEST_BAR0_SIZE];
};

/** registers_reset() - as after power-on, but for the statistics */
void registers_reset(struct register_file *file);

/** register_get(), register_set(), register_count() - 32 bits; the last adds 1 */
uint32_t register_get(const struct register_file *file, uint32_t offset);
uint64_t register_get64(const struct register_file *file, uint32_t offset);
void register_set(struct register_file *file, uint32_t offset, uint32_t value);
void register_count(struct register_file *file, uint32_t offset);

/** registers_ring() - a doorbell was rung so often */
void registers_ring(struct register_file *file, unsigned int bell, uint32_t times);

/** registers_read(), registers_write() - as in struct rig_device_ops; a write acts */
void registers_read(struct test_device *d, uint64_t offset, void *buf, size_t count);
void registers_write(struct test_device *d, uint64_t offset, const void *buf, size_t count);

#endif
