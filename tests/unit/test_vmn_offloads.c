/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vmn_offloads.c - packets with offloads: what vmnet is asked for, and the frames that come of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/vmnet/vmn_cut.h"
#include "virtio/spec.h"
#include "vmn_end.h"

#define HEADERS 54u /* Ethernet, IPv4, TCP */
#define MSS	1460u

static uint8_t packet[VMN_PACKET_MAX];

static void with_offloads(struct network_config *config)
{
	config->offloads = true;
}

static void ready(struct vmn_end *end)
{
	double_script.max_packet = 65550 + sizeof(struct frame_header);
	vmn_ready_as(end, with_offloads);
}

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* TCP from @frame on, each part of MSS bytes ending in its number from @first on. Return: its length */
static size_t make_tcp(uint8_t *frame, uint32_t first, size_t payload)
{
	memset(frame, 0, HEADERS + payload);
	put16(frame + 12, 0x0800);
	frame[14] = 0x45;
	put16(frame + 16, 40 + payload);
	frame[23] = 6; /* TCP */
	frame[46] = 5 << 4;
	for (size_t end = MSS; end <= payload; end += MSS, first++)
		memcpy(frame + HEADERS + end - sizeof(first), &first, sizeof(first));
	return HEADERS + payload;
}

static void arrive_tcp(uint32_t first, unsigned int n, uint16_t gso_size)
{
	struct frame_header header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				       .gso_size = gso_size,
				       .hdr_len = HEADERS,
				       .csum_start = 34,
				       .csum_offset = 16 };
	size_t len = make_tcp(packet + sizeof(header), first, n * (size_t)MSS);

	memcpy(packet, &header, sizeof(header));
	double_arrive_as(VMN_PORT, packet, sizeof(header) + len);
}

static void arrive_plain(uint32_t number)
{
	uint8_t bytes[sizeof(struct frame_header) + 60] = { 0 };

	memcpy(bytes + sizeof(bytes) - sizeof(number), &number, sizeof(number));
	double_arrive_as(VMN_PORT, bytes, sizeof(bytes));
}

static unsigned int wanted;

static bool got_wanted(struct vmn_end *end)
{
	return end->n_got >= wanted;
}

static void wait_for_frames(struct vmn_end *end, unsigned int n)
{
	wanted = n;
	vmn_until(end, got_wanted);
	assert_int_equal(end->n_got, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(end->got[i], i);
}

static void the_interface_of_a_port_is_asked_for_what_the_system_has(void **state)
{
	struct vmn_end *end = *state;
	xpc_object_t port, anchor;

	ready(end);
	port = double_description(VMN_PORT);
	anchor = double_description(VMN_ANCHOR);
	assert_true(xpc_dictionary_get_bool(port, vmnet_enable_tso_key));
	assert_true(xpc_dictionary_get_bool(port, vmnet_enable_virtio_header_key));
	assert_null(xpc_dictionary_get_value(port, vmnet_enable_checksum_offload_key));
	assert_null(xpc_dictionary_get_value(anchor, vmnet_enable_tso_key));
}

static void without_the_option_nothing_is_asked_for(void **state)
{
	struct vmn_end *end = *state;

	vmn_ready(end);
	assert_null(xpc_dictionary_get_value(double_description(VMN_PORT), vmnet_enable_tso_key));
	assert_null(xpc_dictionary_get_value(double_description(VMN_PORT),
					     vmnet_enable_virtio_header_key));
}

static void a_large_packet_becomes_frames_in_order(void **state)
{
	struct vmn_end *end = *state;

	ready(end);
	arrive_plain(0);
	arrive_tcp(1, 44, MSS);
	arrive_tcp(45, 20, MSS);
	arrive_plain(65);
	wait_for_frames(end, 66);
	assert_int_equal(end->got_len[0], 60);
	for (unsigned int i = 1; i < 65; i++)
		assert_int_equal(end->got_len[i], HEADERS + MSS);
	assert_int_equal(channel_stats(end->channel)->received_frames, 66);
	assert_int_equal(channel_stats(end->channel)->received_bytes,
			 2 * 60 + 64 * (HEADERS + MSS));
}

static void a_packet_that_is_taken_in_part_goes_on_where_it_was(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[8];
	uint32_t number;

	ready(end);
	end->stuck = true;
	arrive_tcp(0, 10, MSS);
	arrive_tcp(10, 10, MSS);
	vmn_turn(end);
	assert_int_equal(channel_peek(end->channel, frames, 8), 8);
	channel_consume(end->channel, 2);
	channel_consume(end->channel, 5);
	assert_int_equal(channel_peek(end->channel, frames, 8), 8);
	memcpy(&number, (const char *)frames[0].iov[1].iov_base + MSS - sizeof(number),
	       sizeof(number));
	assert_int_equal(number, 7);
	assert_int_equal(vmn_pull(end), 13);
	assert_int_equal(end->got[0], 7);
	assert_int_equal(end->got[12], 19);
}

static void more_than_a_ring_of_large_packets_arrives(void **state)
{
	struct vmn_end *end = *state;

	ready(end);
	end->stuck = true;
	for (uint32_t i = 0; i < 20; i++)
		arrive_tcp(i * 40, 40, MSS);
	vmn_turn(end);
	end->stuck = false;
	vmn_pull(end);
	wait_for_frames(end, 800);
}

static void a_link_that_goes_down_in_the_middle_of_a_packet_forgets_it(void **state)
{
	struct vmn_end *end = *state;
	struct frame frames[4];

	ready(end);
	end->stuck = true;
	arrive_tcp(0, 10, MSS);
	vmn_turn(end);
	assert_int_equal(channel_peek(end->channel, frames, 4), 4);
	channel_consume(end->channel, 4);
	channel_set_link(end->channel, false);
	channel_set_link(end->channel, true);
	end->stuck = false;
	arrive_tcp(0, 3, MSS);
	wait_for_frames(end, 3);
}

static void packets_that_cannot_be_cut_are_dropped_and_counted(void **state)
{
	struct vmn_end *end = *state;
	struct frame_header segments = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = MSS };
	uint8_t arp[sizeof(segments) + 60] = { 0 };

	ready(end);
	memcpy(arp, &segments, sizeof(segments));
	put16(arp + sizeof(segments) + 12, 0x0806);
	double_arrive_as(VMN_PORT, arp, sizeof(arp));		/* no TCP */
	double_arrive_as(VMN_PORT, arp, sizeof(segments) - 1);	/* no header */
	double_arrive_as(VMN_PORT, arp, sizeof(segments) + 13); /* no frame */
	arrive_tcp(0, 40, 1);					/* 58400 frames */
	make_tcp(packet + sizeof(segments), 0, 2 * (size_t)MSS);
	memset(packet, 0, sizeof(segments));
	packet[sizeof(segments) + 23] = 17; /* UDP, larger than MTU */
	double_arrive_as(VMN_PORT, packet, sizeof(segments) + HEADERS + 2 * (size_t)MSS);
	arrive_plain(0);
	wait_for_frames(end, 1);
	assert_int_equal(vmn_counter(end, "vmnet_bad_packets_total"), 5);
}

static void what_a_guest_sends_has_a_header_that_wishes_for_nothing(void **state)
{
	static const uint8_t nothing[sizeof(struct frame_header)];
	struct vmn_end *end = *state;
	const uint8_t *sent;
	size_t len;

	ready(end);
	assert_int_equal(vmn_offer(end, 7, 40, 1514), 40);
	assert_int_equal(double_sent(VMN_PORT), 40);
	sent = double_sent_packet(VMN_PORT, 39, &len);
	assert_int_equal(len, sizeof(nothing) + 1514);
	assert_memory_equal(sent, nothing, sizeof(nothing));
	assert_int_equal(vmn_sent_number(VMN_PORT, 39), 46);
}

/* vmnet would cut it for the guest, who should know its MTU. */
static void what_a_guest_sends_is_no_longer_than_the_mtu(void **state)
{
	struct vmn_end *end = *state;

	ready(end);
	assert_int_equal(vmn_offer(end, 0, 1, 1515), 1);
	assert_int_equal(double_sent(VMN_PORT), 0);
	assert_int_equal(vmn_counter(end, "vmnet_refused_frames_total"), 1);
}

/* As macOS 11 to 15.3 have it: no header says what is to be done. */
static void without_headers_what_is_too_long_is_cut_and_the_rest_is_finished(void **state)
{
	const struct vmn_offloads offloads = { .segments = true, .checksums = true };
	struct vmn_piece pieces[8];
	struct frame frames[8];
	struct iovec iov = { packet, make_tcp(packet, 0, 5 * (size_t)MSS) };
	uint8_t arp[60] = { [12] = 0x08, [13] = 0x06 };
	struct iovec arp_iov = { arp, sizeof(arp) };

	assert_int_equal(vmn_cut_count(&offloads, 1500, iov.iov_base, iov.iov_len), 5);
	assert_int_equal(vmn_cut_show(&offloads, 1500, &iov, 0, pieces, frames, 8), 5);
	assert_int_equal(vmn_cut_show(&offloads, 1500, &iov, 3, pieces, frames, 8), 2);
	assert_int_equal(vmn_cut_show(&offloads, 1500, &iov, 1, pieces, frames, 2), 2);
	assert_int_equal(frames[0].len, HEADERS + MSS);

	iov.iov_len = make_tcp(packet, 0, 100);
	assert_int_equal(vmn_cut_show(&offloads, 1500, &iov, 0, pieces, frames, 8), 1);
	assert_int_not_equal(pieces[0].own[50] << 8 | pieces[0].own[51], 0);

	assert_int_equal(vmn_cut_count(&offloads, 1500, arp, sizeof(arp)), 1);
	assert_int_equal(vmn_cut_show(&offloads, 1500, &arp_iov, 0, pieces, frames, 8), 1);
	assert_int_equal(frames[0].len, sizeof(arp));
	assert_int_equal(frames[0].n_iov, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vmn_setup, vmn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_interface_of_a_port_is_asked_for_what_the_system_has),
		TEST(without_the_option_nothing_is_asked_for),
		TEST(a_large_packet_becomes_frames_in_order),
		TEST(a_packet_that_is_taken_in_part_goes_on_where_it_was),
		TEST(more_than_a_ring_of_large_packets_arrives),
		TEST(a_link_that_goes_down_in_the_middle_of_a_packet_forgets_it),
		TEST(packets_that_cannot_be_cut_are_dropped_and_counted),
		TEST(what_a_guest_sends_has_a_header_that_wishes_for_nothing),
		TEST(what_a_guest_sends_is_no_longer_than_the_mtu),
		cmocka_unit_test(without_headers_what_is_too_long_is_cut_and_the_rest_is_finished),
	};

	return cmocka_run_group_tests_name("vmn_offloads", tests, NULL, NULL);
}
