/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_move.c - blocking calls: carry a device's state over to another one
 *
 *	cc -D_GNU_SOURCE client_move.c adder_client.c -o client_move \
 *		$(pkg-config --cflags --libs outrigger)
 *	./client_move /tmp/from.sock /tmp/to.sock
 *
 * Both are devices of device_worker.c. No loop and no callback: each call returns when it is done.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <outrigger/client.h>

#include "adder.h"
#include "adder_client.h"

int main(int argc, char **argv)
{
	const struct rig_client_config config = { .struct_size = sizeof(config) };
	struct rig_client *from, *to;
	uint32_t length = 4711;
	uint64_t bytes;
	int state;

	if (argc != 3) {
		fprintf(stderr, "usage: %s FROM TO\n", argv[0]);
		return 2;
	}
	from = plug_in(argv[1], &config);
	to = plug_in(argv[2], &config);
	state = memfd_create("state", MFD_CLOEXEC);
	check(state < 0 ? -errno : 0, "memory");

	check(rig_client_region_write(from, RIG_PCI_BAR0, ADDER_LENGTH, &length, sizeof(length),
				      soon()),
	      "writing a register");
	/* Stops the device. A VMM has stopped the guest's processors before. */
	check(rig_client_save(from, state, &bytes, soon()), "saving");
	printf("state: %llu bytes\n", (unsigned long long)bytes);

	check(lseek(state, 0, SEEK_SET) < 0 ? -errno : 0, "rewinding");
	check(rig_client_load(to, state, &bytes, soon()), "loading");
	check(rig_client_migration_set_state(to, RIG_MIGRATION_RUNNING, soon()), "going on");

	length = 0;
	check(rig_client_region_read(to, RIG_PCI_BAR0, ADDER_LENGTH, &length, sizeof(length),
				     soon()),
	      "reading a register");
	printf("length: %u\n", length);

	rig_client_free(from);
	rig_client_free(to);
	close(state);
	return 0;
}
