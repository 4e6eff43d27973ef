/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_regions.c - what a device says of itself, its regions and accesses to them
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "server_end.h"

static void s048_s049_device_info_is_16_bytes_whatever_there_is_room_for(void **state)
{
	struct fixture *f = *state;
	struct wire_device_info info = { .argsz = 15 };
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), EINVAL);
	info.argsz = 4096;
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), 0);
	assert_int_equal(a.len, sizeof(info));
	memcpy(&info, a.payload, sizeof(info));
	assert_int_equal(info.argsz, sizeof(info));
	assert_int_equal(info.flags, RIG_DEVICE_RESET | RIG_DEVICE_PCI);
	assert_int_equal(info.num_regions, REGIONS);
	assert_int_equal(info.num_irqs, RIG_PCI_IRQS);
}

static int region_info(struct fixture *f, uint32_t index, uint32_t argsz, struct answer *a,
		       struct wire_region_info *ret)
{
	const struct wire_region_info asked = { .argsz = argsz, .index = index };
	int r = ask(&f->client, WIRE_DEVICE_GET_REGION_INFO, &asked, sizeof(asked), a);

	*ret = (struct wire_region_info) { 0 };
	if (r == 0) {
		assert_true(a->len >= sizeof(*ret) && a->len <= argsz);
		memcpy(ret, a->payload, sizeof(*ret));
		assert_int_equal(ret->index, index);
	}
	return r;
}

static void s050_s054_regions_are_described(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	assert_int_equal(region_info(f, REGISTERS, 32, &a, &info), 0);
	assert_int_equal(info.size, PAGE);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_WRITE);
	assert_int_equal(info.argsz, 32);
	assert_int_equal(a.n_fds, 0);
	assert_int_equal(region_info(f, ABSENT, 32, &a, &info), 0);
	assert_int_equal(info.size, 0);
	assert_int_equal(info.flags, 0);

	assert_int_equal(region_info(f, REGIONS, 32, &a, &info), EINVAL);
	assert_int_equal(region_info(f, UINT32_MAX, 32, &a, &info), EINVAL);
	assert_int_equal(region_info(f, REGISTERS, 31, &a, &info), EINVAL);
}

static void s051_s052_mappable_areas_come_with_an_fd_once_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct wire_sparse_area areas[2];
	struct wire_cap_sparse_mmap cap;
	struct answer a;

	/* QEMU 10.1 checks cap_offset before argsz if the capability flag is set. */
	assert_int_equal(region_info(f, MEMORY, 32, &a, &info), 0);
	assert_int_equal(a.len, 32);
	assert_int_equal(info.argsz, 32 + 16 + 2 * 16);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP);
	assert_int_equal(info.cap_offset, 0);
	assert_int_equal(a.n_fds, 0);

	assert_int_equal(region_info(f, MEMORY, info.argsz, &a, &info), 0);
	assert_int_equal(a.len, info.argsz);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP | RIG_REGION_CAPS);
	assert_int_equal(info.offset, PAGE);
	memcpy(&cap, a.payload + info.cap_offset, sizeof(cap));
	assert_int_equal(cap.header.id, RIG_REGION_CAP_SPARSE_MMAP);
	assert_int_equal(cap.header.version, 1);
	assert_int_equal(cap.header.next, 0);
	assert_int_equal(cap.nr_areas, 2);
	memcpy(areas, a.payload + info.cap_offset + sizeof(cap), sizeof(areas));
	assert_int_equal(areas[1].offset, 2 * PAGE);
	assert_int_equal(areas[1].size, 2 * PAGE);
	assert_int_equal(a.n_fds, 1);
	close(a.fds[0]);
}

static void a_region_that_may_be_mapped_whole_has_no_capability(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	assert_int_equal(region_info(f, WHOLE, 4096, &a, &info), 0);
	assert_int_equal(a.len, 32);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP);
	assert_int_equal(a.n_fds, 1);
	close(a.fds[0]);
}

static void a_client_that_takes_no_fds_gets_no_mmap(void **state)
{
	struct fixture *f = *state;
	struct wire_region_info info;
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(
		ask_version(&f->client, 0, 0, "{\"capabilities\":{\"max_msg_fds\":0}}", &a), 0);
	assert_int_equal(region_info(f, MEMORY, 4096, &a, &info), 0);
	assert_int_equal(info.flags, RIG_REGION_READ);
	assert_int_equal(a.len, 32);
	assert_int_equal(a.n_fds, 0);
}

/* What sparse_mmap_fds adds to a capability chain. */
#define FILES_TYPE_LEN	16u
#define FILES_AREAS_LEN (16u + 3 * 32u)

static const char area_fds_json[] =
	"{\"capabilities\":{\"max_msg_fds\":16,\"sparse_mmap_fds\":true}}";

static void s055_areas_with_files_of_their_own_reach_who_agreed(void **state)
{
	struct fixture *f = *state;
	struct wire_sparse_fd_area areas[3];
	struct wire_cap_sparse_mmap cap;
	struct wire_region_info info;
	struct wire_cap_type type;
	struct answer a;

	remake(f, area_fds_json);
	assert_int_equal(region_info(f, FILES, 32, &a, &info), 0);
	assert_int_equal(info.argsz, 32 + FILES_TYPE_LEN + FILES_AREAS_LEN);
	assert_int_equal(a.n_fds, 0);
	assert_int_equal(region_info(f, FILES, info.argsz, &a, &info), 0);
	assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_MMAP | RIG_REGION_CAPS);
	assert_int_equal(info.offset, 0);
	assert_int_equal(a.n_fds, 2);

	memcpy(&type, a.payload + info.cap_offset, sizeof(type));
	assert_int_equal(type.header.id, RIG_REGION_CAP_TYPE);
	assert_int_equal(type.type, FILES_TYPE);
	assert_int_equal(type.subtype, FILES_SUBTYPE);
	memcpy(&cap, a.payload + type.header.next, sizeof(cap));
	assert_int_equal(cap.header.id, RIG_REGION_CAP_SPARSE_MMAP_FDS);
	assert_int_equal(cap.header.version, 1);
	assert_int_equal(cap.header.next, 0);
	assert_int_equal(cap.nr_areas, 3);
	memcpy(areas, a.payload + type.header.next + sizeof(cap), sizeof(areas));
	assert_int_equal(areas[0].fd_index, 0);
	assert_int_equal(areas[0].fd_offset, PAGE);
	assert_int_equal(areas[1].fd_index, 1);
	assert_int_equal(areas[2].fd_index, 0);
	assert_int_equal(areas[2].offset, 4 * PAGE);
	assert_int_equal(areas[2].size, 2 * PAGE);
	close(a.fds[0]);
	close(a.fds[1]);
}

static void s055_others_see_a_region_that_cannot_be_mapped(void **state)
{
	static const char *const others[] = {
		NULL,
		qemu_json,
		"{\"capabilities\":{\"max_msg_fds\":16,\"sparse_mmap_fds\":false}}",
		"{\"capabilities\":{\"max_msg_fds\":1,\"sparse_mmap_fds\":true}}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		struct wire_region_info info;
		struct answer a;

		remake(f, others[i]);
		assert_int_equal(region_info(f, FILES, 4096, &a, &info), 0);
		assert_int_equal(info.flags, RIG_REGION_READ | RIG_REGION_CAPS);
		assert_int_equal(a.len, 32 + FILES_TYPE_LEN);
		assert_int_equal(a.n_fds, 0);
	}
}

static void write_multiple_is_agreed_only_by_who_wants_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	f->description.flags |= RIG_DEVICE_WRITE_MULTIPLE;
	remake(f, NULL);
	client_hang_up(&f->client);
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	assert_non_null(strstr((char *)a.payload + 4, "\"write_multiple\":true"));
	assert_true(a.len <= 4 + sizeof(qemu_json));
}

static void s069_s070_irq_indexes_are_described(void **state)
{
	struct fixture *f = *state;
	struct wire_irq_info info = { .argsz = 16, .index = RIG_PCI_MSIX_IRQ };
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a), 0);
	assert_int_equal(a.len, sizeof(info));
	memcpy(&info, a.payload, sizeof(info));
	assert_int_equal(info.count, 4);
	assert_int_equal(info.flags, RIG_IRQ_EVENTFD | RIG_IRQ_NORESIZE);
	info.index = RIG_PCI_IRQS;
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a),
			 EINVAL);
	info = (struct wire_irq_info) { .argsz = 15 };
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &a),
			 EINVAL);
}

/* --- region accesses --- */

static void s058_what_was_written_is_read_at_any_size(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 8, 255, 256, 257, 4096 };
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(f->device.registers); i++)
		f->device.registers[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct wire_region_io io = { PAGE - sizes[i], REGISTERS, sizes[i] };

		assert_int_equal(ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a), 0);
		assert_int_equal(a.len, sizeof(io) + sizes[i]);
		assert_memory_equal(a.payload, &io, sizeof(io));
		assert_memory_equal(a.payload + sizeof(io), f->device.registers + io.offset,
				    sizes[i]);
	}
	assert_int_equal(write_register(&f->client, 13, 0x01020304), 0);
	assert_int_equal(f->device.registers[13], 4);
}

static void bytes_that_the_device_left_alone_are_zero(void **state)
{
	struct fixture *f = *state;
	const uint8_t zeros[64] = { 0 };
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, STATUS, 0, 64, &a), 0);
	assert_memory_equal(a.payload + 16, zeros, 64);
}

static void s061_an_access_that_leaves_its_region_is_refused(void **state)
{
	static const struct {
		uint32_t region;
		uint64_t offset;
		uint32_t count;
	} bad[] = {
		{ REGISTERS, PAGE, 1 },
		{ REGISTERS, PAGE - 1, 2 },
		{ REGISTERS, UINT64_MAX, 1 },
		{ REGISTERS, UINT64_MAX - 3, 8 },
		{ ABSENT, 0, 1 },
		{ REGIONS, 0, 1 },
		{ UINT32_MAX, 0, 1 },
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(access_region(&f->client, WIRE_REGION_READ, bad[i].region,
					       bad[i].offset, bad[i].count, &a),
				 EINVAL);
		assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, bad[i].region,
					       bad[i].offset, bad[i].count, &a),
				 EINVAL);
	}
}

static void s063_count_zero_succeeds_without_asking_the_device(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, BROKEN, 0, 0, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, BROKEN, 64, 0, &a), 0);
}

static void s061_more_than_the_limit_is_refused(void **state)
{
	const struct wire_region_io io = { 0, REGISTERS, (1u << 20) + 1 };
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a), E2BIG);
	assert_usable(&f->client);
}

static void s062_a_write_that_lies_about_its_length_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t m[64] = { 0 };
	struct wire_region_io io = { 0, REGISTERS, 8 };
	struct answer a;

	memset(m + sizeof(io), 0xaa, sizeof(m) - sizeof(io));
	memcpy(m, &io, sizeof(io));
	for (size_t data = 0; data < 16; data++)
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE, m, sizeof(io) + data, &a),
				 data == 8 ? 0 : EINVAL);
	assert_int_equal(f->device.registers[8], 0);
}

static void s064_accesses_against_the_regions_flags_are_EACCES(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, STATUS, 0, 1, &a), EACCES);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, DOORBELL, 0, 1, &a), EACCES);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, STATUS, 0, 1, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, DOORBELL, 0, 1, &a), 0);
}

static void the_devices_errno_reaches_the_client(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, BROKEN, 0, 4, &a), EIO);
	assert_int_equal(access_region(&f->client, WIRE_REGION_WRITE, BROKEN, 0, 4, &a), EIO);
}

static void s003_a_posted_write_is_done_before_the_next_answer(void **state)
{
	const struct region_io posted = { 0, REGISTERS, 1, { 9 } };
	const struct wire_region_io read = { 0, REGISTERS, 1 };
	struct fixture *f = *state;
	struct message m = message(WIRE_REGION_WRITE, NO_REPLY, &posted, IO_HEAD + 1);
	struct answer a;

	send_bytes(&f->client, &m, m.header.size, NULL, 0);
	assert_int_equal(ask(&f->client, WIRE_REGION_READ, &read, sizeof(read), &a), 0);
	assert_int_equal(a.payload[16], 9);
}

/* --- WRITE_MULTI --- */

struct multi {
	uint64_t n;
	struct wire_write_multi_entry entries[200];
} __attribute__((packed));

static void s065_many_writes_in_one_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 200 };
	struct answer a;

	for (uint32_t i = 0; i < 200; i++)
		m.entries[i] =
			(struct wire_write_multi_entry) { i / 2, REGISTERS, 1, { (uint8_t)i } };
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, sizeof(m), &a), 0);
	assert_int_equal(a.len, 8);
	assert_memory_equal(a.payload, &m.n, 8);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(f->device.registers[i], i * 2 + 1);

	f->device.registers[0] = 0;
	m.n = 1;
	send_command(&f->client, WIRE_REGION_WRITE_MULTI, NO_REPLY, &m, 8 + 24, NULL, 0);
	assert_true(nothing_came(&f->client));
}

static void the_reply_counts_up_to_the_first_failure(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 3 };
	struct answer a;
	uint64_t done;

	m.entries[0] = (struct wire_write_multi_entry) { 0, REGISTERS, 1, { 1 } };
	m.entries[1] = (struct wire_write_multi_entry) { 0, BROKEN, 1, { 1 } };
	m.entries[2] = (struct wire_write_multi_entry) { 2, REGISTERS, 1, { 1 } };
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 3 * 24, &a), 0);
	memcpy(&done, a.payload, sizeof(done));
	assert_int_equal(done, 1);
	assert_int_equal(f->device.registers[2], 0);

	/* Posted: each for itself. */
	send_command(&f->client, WIRE_REGION_WRITE_MULTI, NO_REPLY, &m, 8 + 3 * 24, NULL, 0);
	assert_int_equal(f->device.registers[2], 1);

	m.entries[0].region = BROKEN;
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 3 * 24, &a), EIO);
}

static void s066_a_malformed_write_multi_applies_nothing(void **state)
{
	static const uint64_t counts[] = { 0, 1, 3, UINT64_C(1) << 61, UINT64_MAX };
	struct fixture *f = *state;
	struct multi m = { 0 };
	struct answer a;

	for (int i = 0; i < 2; i++)
		m.entries[i] = (struct wire_write_multi_entry) { 0, REGISTERS, 1, { 1 } };
	for (size_t i = 0; i < 5; i++) {
		m.n = counts[i];
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 2 * 24, &a),
				 EINVAL);
	}
	m.n = 2;
	for (size_t n = 8; n < 8 + 2 * 24; n++)
		assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, n, &a), EINVAL);
	m.entries[1].count = 9;
	assert_int_equal(ask(&f->client, WIRE_REGION_WRITE_MULTI, &m, 8 + 2 * 24, &a), EINVAL);
	assert_int_equal(f->device.registers[0], 0);
}

/* --- reset, irqs --- */

static void s067_reset_keeps_maps_and_irqs(void **state)
{
	const struct wire_irq_set set = { sizeof(set),
					  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					  RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	int irq = test_eventfd();
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), &irq, 1, &a),
			 0);
	assert_int_equal(write_register(&f->client, 0, 1), 0);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_RESET, NULL, 0, &a), 0);
	assert_int_equal(a.len, 0);
	assert_int_equal(f->device.registers[0], 0);
	assert_int_equal(f->device.unmapped, 0);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_MSIX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 1);
	close(irq);
}

static void s068_a_device_without_reset_refuses_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	f->description.flags = RIG_DEVICE_PCI;
	remake(f, NULL);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_RESET, NULL, 0, &a), EINVAL);
	assert_int_equal(f->device.resets, 0);
}

static void s081_s085_refused_irq_fds_are_closed(void **state)
{
	const struct wire_irq_set two_for_one = { sizeof(two_for_one),
						  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
						  RIG_PCI_MSIX_IRQ, 0, 1 };
	const struct wire_irq_set with_none = { sizeof(with_none),
						RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER,
						RIG_PCI_MSIX_IRQ, 0, 1 };
	const struct wire_irq_set fine = { sizeof(fine),
					   RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					   RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	const int irq = test_eventfd();
	const int two[] = { irq, irq };
	int before = fds_open();
	struct answer a;

	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &two_for_one,
				 sizeof(two_for_one), two, 2, &a),
			 EINVAL);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &with_none, sizeof(with_none),
				 &irq, 1, &a),
			 EINVAL);
	/* The fd of a memory file is no eventfd. */
	assert_int_equal(
		ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &fine, sizeof(fine), &f->memory, 1, &a),
		EINVAL);
	assert_int_equal(fds_open(), before);
	close(irq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(s048_s049_device_info_is_16_bytes_whatever_there_is_room_for),
		test(s050_s054_regions_are_described),
		test(s051_s052_mappable_areas_come_with_an_fd_once_there_is_room),
		test(a_region_that_may_be_mapped_whole_has_no_capability),
		unconnected(a_client_that_takes_no_fds_gets_no_mmap),
		test(s055_areas_with_files_of_their_own_reach_who_agreed),
		test(s055_others_see_a_region_that_cannot_be_mapped),
		test(write_multiple_is_agreed_only_by_who_wants_it),
		test(s069_s070_irq_indexes_are_described),
		test(s058_what_was_written_is_read_at_any_size),
		test(bytes_that_the_device_left_alone_are_zero),
		test(s061_an_access_that_leaves_its_region_is_refused),
		test(s063_count_zero_succeeds_without_asking_the_device),
		test(s061_more_than_the_limit_is_refused),
		test(s062_a_write_that_lies_about_its_length_is_refused),
		test(s064_accesses_against_the_regions_flags_are_EACCES),
		test(the_devices_errno_reaches_the_client),
		test(s003_a_posted_write_is_done_before_the_next_answer),
		test(s065_many_writes_in_one_keep_their_order),
		test(the_reply_counts_up_to_the_first_failure),
		test(s066_a_malformed_write_multi_applies_nothing),
		test(s067_reset_keeps_maps_and_irqs),
		unconnected(s068_a_device_without_reset_refuses_it),
		test(s081_s085_refused_irq_fds_are_closed),
	};

	return cmocka_run_group_tests_name("server_regions", tests, NULL, NULL);
}
