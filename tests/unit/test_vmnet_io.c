/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmnet_io.c - reading and writing: what is accepted, and what is said of the rest
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "offload_frames.h"
#include "vmnet_fake.h"

#define MAX   300
#define ROOM  65600u
#define PLAIN 1514u

static dispatch_queue_t queue;
static struct vmpktdesc packets[MAX];
static struct iovec iov[MAX];
static uint8_t bytes[MAX][2048];
static uint8_t big[2 * ROOM];
static struct made made;

static int set_up(void **state)
{
	fake_reset();
	queue = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
	for (size_t i = 0; i < MAX; i++) {
		iov[i] = (struct iovec) { bytes[i], PLAIN };
		packets[i] = (struct vmpktdesc) { PLAIN, &iov[i], 1, 0 };
	}
	return 0;
}

static int tear_down(void **state)
{
	dispatch_release(queue);
	return 0;
}

static void size_packet(size_t i, size_t len)
{
	iov[i].iov_len = packets[i].vm_pkt_size = len;
}

static interface_ref with(const char *key)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty();
	interface_ref interface;

	xpc_dictionary_set_bool(dictionary, key, true);
	interface = fake_started(queue, dictionary);
	xpc_release(dictionary);
	return interface;
}

static vmnet_return_t written(interface_ref interface, int n)
{
	vmnet_return_t status = vmnet_write(interface, packets, &n);

	assert_true(status == VMNET_SUCCESS || status == VMNET_BUFFER_EXHAUSTED || n == 0 ||
		    status == VMNET_TOO_MANY_PACKETS || n < 0);
	return status;
}

static void as_many_as_announced_are_sent_in_order(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 256;

	for (int i = 0; i < n; i++)
		bytes[i][0] = (uint8_t)i;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 256);
	assert_int_equal(fake.n_sent, 256);
	for (size_t i = 0; i < 256; i++) {
		assert_int_equal(fake.sent_len[i], PLAIN);
		assert_int_equal(fake.sent[i][0], i);
	}
	assert_true(fake.flushes > 0);
	fake_stopped(interface, queue);
}

static void counts_out_of_range_are_refused(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n;

	assert_int_equal(written(interface, 0), VMNET_INVALID_ARGUMENT);
	assert_int_equal(written(interface, -1), VMNET_INVALID_ARGUMENT);
	assert_int_equal(written(interface, 257), VMNET_TOO_MANY_PACKETS);
	assert_int_equal(vmnet_write(interface, NULL, &n), VMNET_INVALID_ARGUMENT);
	assert_int_equal(vmnet_write(interface, packets, NULL), VMNET_INVALID_ARGUMENT);
	n = 0;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	n = 257;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_TOO_MANY_PACKETS);
	assert_int_equal(vmnet_read(interface, packets, NULL), VMNET_INVALID_ARGUMENT);
	assert_int_equal(fake.n_sent, 0);
	fake_stopped(interface, queue);
}

/* The bad one is the last: those before it must not have gone. */
static void a_bad_packet_keeps_all_of_a_write_back(void **state)
{
	interface_ref interface = fake_started(queue, NULL);

	packets[2].vm_pkt_iovcnt = 2;
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	packets[2].vm_pkt_iovcnt = 0;
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	packets[2].vm_pkt_iovcnt = 1;
	packets[2].vm_pkt_iov = NULL;
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	packets[2].vm_pkt_iov = &iov[2];
	iov[2].iov_base = NULL;
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	iov[2].iov_base = bytes[2];
	iov[2].iov_len = PLAIN - 1; /* not what the packet says */
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	size_packet(2, 13); /* a runt */
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	size_packet(2, 4); /* as the VFKT hello of datagram clients */
	assert_int_equal(written(interface, 3), VMNET_INVALID_ARGUMENT);
	size_packet(2, PLAIN + 1);
	assert_int_equal(written(interface, 3), VMNET_PACKET_TOO_BIG);
	assert_int_equal(fake.n_sent, 0);
	size_packet(2, 14);
	assert_int_equal(written(interface, 3), VMNET_SUCCESS);
	assert_int_equal(fake.n_sent, 3);
	fake_stopped(interface, queue);
}

static void a_network_that_stands_still_exhausts_buffers(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 10;

	fake.room = 4;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_BUFFER_EXHAUSTED);
	assert_int_equal(n, 4);
	n = 10;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_BUFFER_EXHAUSTED);
	assert_int_equal(n, 0);
	fake_stopped(interface, queue);
}

static void a_lost_network_fails_both_ways(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 1;

	fake_deliver(1, 60);
	fake_break(-ENOTCONN);
	assert_int_equal(written(interface, 1), VMNET_FAILURE);
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS); /* what came before */
	assert_int_equal(n, 1);
	size_packet(0, PLAIN);
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_FAILURE);
	assert_int_equal(n, 0);
	fake_stopped(interface, queue);
}

static void reading_returns_what_waits_in_order(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 10;

	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 0);
	for (uint8_t i = 0; i < 12; i++)
		fake_deliver(i, 60u + i);
	n = 10;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(packets[i].vm_pkt_size, 60 + i);
		assert_int_equal(packets[i].vm_flags, 0);
		assert_int_equal(bytes[i][59 + i], i);
		size_packet(i, PLAIN);
	}
	n = 10;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 2);
	fake_stopped(interface, queue);
}

static void slots_that_are_too_small_lose_no_packet(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 2;

	fake_deliver(1, 60);
	iov[1].iov_len = PLAIN - 1;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	size_packet(1, PLAIN);
	packets[1].vm_pkt_size = 60; /* not reset after a read */
	n = 2;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	packets[1].vm_pkt_size = PLAIN;
	packets[1].vm_pkt_iovcnt = 2;
	n = 2;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	assert_int_equal(fake_waiting(), 1);
	packets[1].vm_pkt_iovcnt = 1;
	n = 2;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 1);
	fake_stopped(interface, queue);
}

/* vmnet-helper sends on by iov_len; QEMU sets it once, and resets vm_pkt_size alone. */
static void a_slot_may_come_back_with_the_iov_len_of_its_last_packet(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n;

	for (size_t i = 0; i < 5; i++) {
		fake_deliver(1, 60 + 100 * i);
		fake_deliver(2, 61);
		n = 2;
		assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
		assert_int_equal(n, 2);
		assert_int_equal(iov[0].iov_len, 60 + 100 * i);
		assert_int_equal(iov[1].iov_len, 61);
		packets[0].vm_pkt_size = packets[1].vm_pkt_size = PLAIN;
	}
	iov[0].iov_len--; /* not what was left there: not our word for it */
	n = 2;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	iov[0].iov_len++;
	iov[0].iov_base = bytes[5];
	n = 2;
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_INVALID_ARGUMENT);
	fake_stopped(interface, queue);
}

/* A tagged frame of a full MTU is longer than an interface says that its packets are. */
static void a_frame_that_is_too_long_is_not_delivered(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 3;

	fake_deliver(1, 60);
	fake_deliver(2, PLAIN + 4);
	fake_deliver(3, 61);
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 2);
	assert_int_equal(packets[1].vm_pkt_size, 61);
	fake_stopped(interface, queue);
}

/* Else who floods the segment with tagged frames of full length keeps a reader for ever. */
static void frames_that_are_not_delivered_end_a_read_too(void **state)
{
	interface_ref interface = fake_started(queue, NULL);
	int n = 1, reads = 0;

	for (unsigned int i = 0; i < FAKE_FRAMES - 2; i++)
		fake_deliver(2, PLAIN + 4);
	fake_deliver(7, 61);
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 0);
	assert_true(fake_waiting() > 1);
	while (n == 0 && reads++ < 4) {
		n = 1;
		size_packet(0, PLAIN);
		assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	}
	assert_int_equal(n, 1);
	assert_int_equal(packets[0].vm_pkt_size, 61);
	fake_stopped(interface, queue);
}

static void with_a_virtio_header_both_ways_have_one(void **state)
{
	interface_ref interface = with(vmnet_enable_virtio_header_key);
	static const uint8_t plain[12] = { [10] = 1 };
	int n = 1;

	fake_deliver(9, 60);
	size_packet(0, PLAIN + 12);
	assert_int_equal(vmnet_read(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(packets[0].vm_pkt_size, 72);
	assert_memory_equal(bytes[0], plain, 12);
	assert_int_equal(bytes[0][71], 9);

	memset(bytes[0], 0, 12);
	size_packet(0, 25); /* a header, and a runt */
	assert_int_equal(written(interface, 1), VMNET_INVALID_ARGUMENT);
	size_packet(0, 72);
	assert_int_equal(written(interface, 1), VMNET_SUCCESS);
	assert_int_equal(fake.n_sent, 1);
	assert_int_equal(fake.sent_len[0], 60);
	assert_memory_equal(fake.sent[0], bytes[0] + 12, 60);
	bytes[0][0] = 1; /* a checksum that is nowhere */
	bytes[0][6] = 200;
	assert_int_equal(written(interface, 1), VMNET_INVALID_ARGUMENT);
	fake_stopped(interface, queue);
}

static void checksum_offload_finishes_and_drops_nonsense(void **state)
{
	interface_ref interface = with(vmnet_enable_checksum_offload_key);

	make_frame(&made, false, IPPROTO_TCP, false, 0, 100);
	memcpy(bytes[0], made.bytes, made.len);
	size_packet(0, made.len);
	memcpy(bytes[1], made.bytes, made.len);
	bytes[1][made.transport + 12] = 0; /* no TCP header is that short */
	size_packet(1, made.len);
	memcpy(bytes[2], made.bytes, made.len);
	size_packet(2, made.len);
	assert_int_equal(written(interface, 3), VMNET_SUCCESS);
	assert_int_equal(fake.n_sent, 2);
	assert_true(sums_are_right(&made, fake.sent[0], made.len));
	assert_true(sums_are_right(&made, fake.sent[1], made.len));
	fake_stopped(interface, queue);
}

static void segmentation_cuts_what_is_longer_than_the_mtu(void **state)
{
	interface_ref interface = with(vmnet_enable_tso_key);
	size_t payload = 0;
	int n = 3;

	make_frame(&made, true, IPPROTO_TCP, false, 0, 65000);
	memcpy(big, made.bytes, made.len);
	iov[1] = (struct iovec) { big, made.len };
	packets[1].vm_pkt_size = made.len;
	size_packet(0, 60);
	size_packet(2, 61);
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_SUCCESS);
	assert_int_equal(n, 3);
	assert_int_equal(fake.sent_len[0], 60);
	assert_int_equal(fake.sent_len[fake.n_sent - 1], 61);
	for (size_t i = 1; i + 1 < fake.n_sent; i++) {
		assert_true(fake.sent_len[i] <= PLAIN);
		assert_true(sums_are_right(&made, fake.sent[i], fake.sent_len[i]));
		payload += fake.sent_len[i] - made.payload;
	}
	assert_int_equal(payload, 65000);

	make_frame(&made, true, IPPROTO_UDP, false, 0, 2000); /* cannot be cut */
	memcpy(big, made.bytes, made.len);
	iov[1].iov_len = packets[1].vm_pkt_size = made.len;
	fake.n_sent = 0;
	n = 3;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_PACKET_TOO_BIG);
	assert_int_equal(n, 0);
	assert_int_equal(fake.n_sent, 0);
	iov[1].iov_len = packets[1].vm_pkt_size = 65551;
	n = 3;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_PACKET_TOO_BIG);
	fake_stopped(interface, queue);
}

/* What was sent counts packets of the caller's, not segments. */
static void a_write_of_segments_that_stops_says_how_far_it_got(void **state)
{
	interface_ref interface = with(vmnet_enable_tso_key);
	int n = 4;

	make_frame(&made, false, IPPROTO_TCP, false, 0, 64000); /* 45 segments */
	memcpy(big, made.bytes, made.len);
	for (size_t i = 0; i < 4; i++) {
		iov[i] = (struct iovec) { big, made.len };
		packets[i].vm_pkt_size = made.len;
	}
	fake.room = 100;
	assert_int_equal(vmnet_write(interface, packets, &n), VMNET_BUFFER_EXHAUSTED);
	assert_true(n <= 2);
	fake_stopped(interface, queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(as_many_as_announced_are_sent_in_order),
		TEST(counts_out_of_range_are_refused),
		TEST(a_bad_packet_keeps_all_of_a_write_back),
		TEST(a_network_that_stands_still_exhausts_buffers),
		TEST(a_lost_network_fails_both_ways),
		TEST(reading_returns_what_waits_in_order),
		TEST(slots_that_are_too_small_lose_no_packet),
		TEST(a_slot_may_come_back_with_the_iov_len_of_its_last_packet),
		TEST(a_frame_that_is_too_long_is_not_delivered),
		TEST(frames_that_are_not_delivered_end_a_read_too),
		TEST(with_a_virtio_header_both_ways_have_one),
		TEST(checksum_offload_finishes_and_drops_nonsense),
		TEST(segmentation_cuts_what_is_longer_than_the_mtu),
		TEST(a_write_of_segments_that_stops_says_how_far_it_got),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
