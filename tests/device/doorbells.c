/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doorbells.c - a table says what rings each: the same for messages and for ioeventfds
 */
#include "doorbells.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registers.h"

/* As struct rig_io_fd_desc has it; a doorbell's offset is also its place in the shadow. */
static const struct doorbell {
	uint32_t size; /* 0: any */
	uint32_t type, flags;
	uint32_t match;
} table[DOORBELLS] = {
	{ .size = 4 },
	{ .size = 2, .flags = RIG_IO_FD_FLAG_DATAMATCH, .match = RIG_TEST_DOORBELL_MATCH },
	{ .size = 0 },
	{ .size = 4, .type = RIG_IO_FD_SHADOW },
};

int doorbells_open(struct doorbells *bells)
{
	memset(bells, 0xff, sizeof(*bells)); /* -1 each */
	for (unsigned int i = 0; i < DOORBELLS; i++) {
		bells->fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (bells->fds[i] < 0)
			return -errno;
	}
	bells->shadow = memfd_create("outrigger-test-device", MFD_CLOEXEC);
	return bells->shadow < 0 || ftruncate(bells->shadow, RIG_TEST_BAR0_SIZE) < 0 ? -errno : 0;
}

void doorbells_close(struct doorbells *bells)
{
	for (unsigned int i = 0; i < DOORBELLS; i++) {
		if (bells->fds[i] >= 0)
			close(bells->fds[i]);
	}
	if (bells->shadow >= 0)
		close(bells->shadow);
}

int doorbells_announce(const struct doorbells *bells, struct rig_server *server)
{
	int r = 0;

	for (uint32_t i = 0; i < DOORBELLS && r == 0; i++) {
		struct rig_io_fd_desc desc = {
			.offset = RIG_TEST_REG_DOORBELL + 4 * i,
			.size = table[i].size,
			.fd = bells->fds[i],
			.type = table[i].type,
			.flags = table[i].flags,
			.datamatch = table[i].match,
			.shadow_fd = bells->shadow,
			.shadow_offset = RIG_TEST_REG_DOORBELL + 4 * i,
		};

		r = rig_server_add_io_fd(server, RIG_PCI_BAR0, &desc);
	}
	return r;
}

int doorbell_rung(uint64_t offset, size_t count, uint32_t value)
{
	uint64_t at = offset - RIG_TEST_REG_DOORBELL;
	const struct doorbell *bell;

	if (at >= DOORBELLS * 4 || at % 4 != 0)
		return -1;
	bell = &table[at / 4];
	if ((bell->size && bell->size != count) ||
	    ((bell->flags & RIG_IO_FD_FLAG_DATAMATCH) && bell->match != value))
		return -1;
	return (int)(at / 4);
}

uint32_t doorbell_take(const struct doorbells *bells, unsigned int bell)
{
	uint64_t count;

	if (read(bells->fds[bell], &count, sizeof(count)) != sizeof(count))
		return 0;
	return (uint32_t)count;
}
