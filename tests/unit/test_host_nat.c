/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_host_nat.c - what is behind the gateway's address
 *
 * The network of every test: gateway 192.168.64.1 and fd12::2, guest 192.168.64.9 and fd12::9; a
 * host with 203.0.113.1 and 2001:db8::1, as long as a test does not say otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/host_access.h"
#include "net/user/host_flows.h"
#include "net/user/host_nat.h"
#include "net/user/packet.h"

#define ETH   14u
#define TCP   6u
#define UDP   17u
#define ICMP  1u
#define ICMP6 58u
#define SYN   2u
#define ACK   16u

#define GUEST (v6 ? "fd12::9" : "192.168.64.9")
#define GATE  (v6 ? "fd12::2" : "192.168.64.1")
#define HOST  (v6 ? "2001:db8::1" : "203.0.113.1")
#define LOOP  (v6 ? "::1" : "127.0.0.1")

/* The host's addresses, and how often they were asked for. */
static struct {
	const char *address[2];
	unsigned int asked;
	unsigned int refused;
} host;

static struct in6_addr mapped(const char *text)
{
	struct in6_addr address = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (strchr(text, ':'))
		assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	else
		assert_int_equal(inet_pton(AF_INET, text, address.s6_addr + 12), 1);
	return address;
}

static bool host_address(bool v6, struct in6_addr *ret)
{
	host.asked++;
	if (!host.address[v6])
		return false;
	*ret = mapped(host.address[v6]);
	return true;
}

static void refused(void *opaque, const uint8_t *frame, size_t len)
{
	assert_true(frame && len > ETH);
	host.refused++;
}

struct fixture {
	struct network_config config;
	struct network_allow allows[4];
	struct host_nat *nat;
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct host_nat_config config = { .host_address = host_address, .refused = refused };

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_SHARED, &f->config), 0);
	inet_pton(AF_INET, "192.168.64.1", &f->config.start_address);
	inet_pton(AF_INET6, "fd12::", &f->config.nat66_prefix);
	f->config.allows = f->allows;
	host.address[0] = "203.0.113.1";
	host.address[1] = "2001:db8::1";
	host.asked = host.refused = 0;
	config.network = &f->config;
	network_config_addresses(&f->config, &config.addresses);
	assert_int_equal(host_nat_new(&config, &f->nat), 0);
	f->now_ms = 1000000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	host_nat_free(f->nat);
	free(f);
	return 0;
}

static void allow(struct fixture *f, const char *address, unsigned int len, uint16_t port)
{
	f->allows[f->config.n_allows++] = (struct network_allow) {
		.address = mapped(address),
		.prefix_len = (uint8_t)(strchr(address, ':') ? len : 96 + len),
		.port = port,
	};
}

/* Packets: what they are, made into a frame and read from it */

struct packet {
	bool v6;
	uint8_t protocol, flags;
	const char *from, *to;
	unsigned int from_port, to_port;
};

struct frame_buf {
	uint8_t bytes[256];
	size_t len;
	size_t at; /* of the transport's header */
};

static unsigned int sum_of(const struct frame_buf *frame, bool v6, uint8_t protocol)
{
	size_t from = ETH + (v6 ? 8u : 12u), size = v6 ? 32 : 8, n = frame->len - frame->at;
	uint32_t sum = protocol + (uint32_t)n;

	if (protocol == ICMP)
		sum = 0;
	else
		sum = packet_sum(sum, frame->bytes + from, size);
	return ~packet_sum(sum, frame->bytes + frame->at, n) & 0xffff;
}

static void finish(struct frame_buf *frame, bool v6, uint8_t protocol, const char *from,
		   const char *to, size_t checksum)
{
	uint8_t *ip = frame->bytes + ETH;
	size_t n = frame->len - frame->at;

	packet_put16(frame->bytes + 12, v6 ? 0x86dd : 0x0800);
	memcpy(frame->bytes, (const uint8_t[]) { 0x52, 0x55 }, 2);
	if (v6) {
		ip[0] = 0x60;
		packet_put16(ip + 4, (unsigned int)n);
		ip[6] = protocol;
		inet_pton(AF_INET6, from, ip + 8);
		inet_pton(AF_INET6, to, ip + 24);
	} else {
		ip[0] = 0x45;
		packet_put16(ip + 2, (unsigned int)(20 + n));
		ip[9] = protocol;
		inet_pton(AF_INET, from, ip + 12);
		inet_pton(AF_INET, to, ip + 16);
		packet_put16(ip + 10, ~packet_sum(0, ip, 20) & 0xffff);
	}
	packet_put16(frame->bytes + frame->at + checksum, sum_of(frame, v6, protocol));
}

static struct frame_buf frame_of(const struct packet *packet)
{
	struct frame_buf frame = { .at = ETH + (packet->v6 ? 40u : 20u) };
	uint8_t *transport = frame.bytes + frame.at;
	bool tcp = packet->protocol == TCP;
	size_t header = tcp ? 20 : 8;

	frame.len = frame.at + header + 6;
	packet_put16(transport, packet->from_port);
	packet_put16(transport + 2, packet->to_port);
	if (tcp) {
		transport[12] = 5 << 4;
		transport[13] = packet->flags;
	} else {
		packet_put16(transport + 4, 14);
	}
	memcpy(transport + header, "secret", 6);
	finish(&frame, packet->v6, packet->protocol, packet->from, packet->to, tcp ? 16 : 6);
	return frame;
}

static struct packet packet_to(bool v6, uint8_t protocol, const char *to, unsigned int port)
{
	return (struct packet) { .v6 = v6,
				 .protocol = protocol,
				 .flags = SYN,
				 .from = GUEST,
				 .to = to,
				 .from_port = 4000,
				 .to_port = port };
}

static struct packet packet_from(bool v6, uint8_t protocol, const char *from, unsigned int port)
{
	return (struct packet) { .v6 = v6,
				 .protocol = protocol,
				 .flags = ACK,
				 .from = from,
				 .to = GUEST,
				 .from_port = port,
				 .to_port = 4000 };
}

static const char *address_of(const uint8_t *at, bool v6)
{
	static char text[INET6_ADDRSTRLEN];

	return inet_ntop(v6 ? AF_INET6 : AF_INET, at, text, sizeof(text));
}

/* All checksums right, and the rest as it was sent. */
static void check_rest(const struct frame_buf *before, const uint8_t *after,
		       const struct packet *packet)
{
	struct frame_buf copy = *before;

	memcpy(copy.bytes, after, before->len);
	if (!packet->v6)
		assert_int_equal(packet_sum(0, copy.bytes + ETH, 20), 0xffff);
	assert_int_equal(sum_of(&copy, packet->v6, packet->protocol), 0);
	assert_memory_equal(copy.bytes + copy.at, before->bytes + copy.at, 4);
	assert_memory_equal(copy.bytes + copy.len - 6, "secret", 6);
}

/* Return: where it goes, NULL for nowhere */
static const char *sent_to(struct fixture *f, const struct packet *packet)
{
	struct frame_buf frame = frame_of(packet);
	const uint8_t *bytes = frame.bytes;

	if (!host_nat_from_guest(f->nat, f->now_ms, &bytes, frame.len))
		return NULL;
	check_rest(&frame, bytes, packet);
	return address_of(bytes + ETH + (packet->v6 ? 24 : 16), packet->v6);
}

static const char *to(struct fixture *f, bool v6, uint8_t protocol, const char *address,
		      unsigned int port)
{
	struct packet packet = packet_to(v6, protocol, address, port);

	return sent_to(f, &packet);
}

/* A packet of a connection that goes on. */
static const char *goes_on(struct fixture *f, bool v6, const char *address, unsigned int port)
{
	struct packet packet = packet_to(v6, TCP, address, port);

	packet.flags = ACK;
	return sent_to(f, &packet);
}

/* Return: where it seems to come from */
static const char *from(struct fixture *f, bool v6, uint8_t protocol, const char *address,
			unsigned int port)
{
	struct packet packet = packet_from(v6, protocol, address, port);
	struct frame_buf frame = frame_of(&packet);
	const uint8_t *bytes = frame.bytes;

	host_nat_to_guest(f->nat, f->now_ms, &bytes, frame.len);
	check_rest(&frame, bytes, &packet);
	return address_of(bytes + ETH + (v6 ? 8 : 12), v6);
}

#define FOR_EACH_PROTOCOL              \
	for (int v6 = 0; v6 < 2; v6++) \
		for (uint8_t protocol = TCP; protocol <= UDP; protocol += UDP - TCP)

/* The host */

static void what_is_for_the_gateway_goes_to_an_address_of_the_host_and_comes_from_the_gateway(
	void **state)
{
	struct fixture *f = *state;

	FOR_EACH_PROTOCOL
	{
		assert_string_equal(to(f, v6, protocol, GATE, 80), HOST);
		assert_string_equal(from(f, v6, protocol, HOST, 80), GATE);
	}
}

static void the_hosts_own_address_stays_what_it_is(void **state)
{
	struct fixture *f = *state;

	FOR_EACH_PROTOCOL
	{
		assert_string_equal(to(f, v6, protocol, HOST, 80), HOST);
		assert_string_equal(from(f, v6, protocol, HOST, 80), HOST);
		assert_string_equal(to(f, v6, protocol, GATE, 80), HOST);
		assert_string_equal(from(f, v6, protocol, HOST, 81), HOST);
		assert_string_equal(to(f, v6, protocol, HOST, 80), HOST);
		assert_string_equal(from(f, v6, protocol, HOST, 80), HOST);
	}
}

static void a_host_without_an_address_is_closed(void **state)
{
	struct fixture *f = *state;

	host.address[0] = host.address[1] = NULL;
	FOR_EACH_PROTOCOL
	{
		unsigned int before = host.refused;

		assert_null(to(f, v6, protocol, GATE, 80));
		assert_int_equal(host.refused, before + 1);
		assert_string_equal(to(f, v6, protocol, v6 ? "2001:db8::7" : "192.0.2.7", 80),
				    v6 ? "2001:db8::7" : "192.0.2.7");
		assert_int_equal(host.refused, before + 1);
	}
}

static void another_address_counts_for_what_begins_from_then_on(void **state)
{
	struct fixture *f = *state;
	bool v6 = false;

	assert_string_equal(to(f, v6, TCP, GATE, 80), HOST);
	assert_string_equal(to(f, v6, UDP, GATE, 80), HOST);
	host.address[0] = "203.0.113.2";
	assert_string_equal(to(f, v6, UDP, GATE, 80), HOST); /* not asked again yet */
	assert_int_equal(host.asked, 1);
	f->now_ms += 5000;
	assert_string_equal(goes_on(f, v6, GATE, 80), HOST);
	assert_string_equal(to(f, v6, UDP, GATE, 80), "203.0.113.2");
	assert_string_equal(to(f, v6, TCP, GATE, 80), "203.0.113.2");
	assert_string_equal(from(f, v6, UDP, "203.0.113.2", 80), GATE);
}

static void what_is_no_tcp_or_udp_is_libslirps(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		struct frame_buf frame = { .at = ETH + (v6 ? 40u : 20u), .len = 100 };
		const uint8_t *bytes = frame.bytes;

		frame.bytes[frame.at] = v6 ? 128 : 8;
		finish(&frame, v6, v6 ? ICMP6 : ICMP, GUEST, GATE, 2);
		assert_true(host_nat_from_guest(f->nat, f->now_ms, &bytes, frame.len));
		assert_ptr_equal(bytes, frame.bytes);
	}
}

static void a_datagram_without_checksum_gets_none(void **state)
{
	struct fixture *f = *state;
	struct packet packet = packet_to(false, UDP, "192.168.64.1", 80);
	struct frame_buf frame = frame_of(&packet);
	const uint8_t *bytes = frame.bytes;

	packet_put16(frame.bytes + frame.at + 6, 0);
	assert_true(host_nat_from_guest(f->nat, f->now_ms, &bytes, frame.len));
	assert_int_equal(packet_get16(bytes + frame.at + 6), 0);
}

/* Opened */

static void host_loopback_leaves_it_to_libslirp(void **state)
{
	struct fixture *f = *state;

	f->config.host_loopback = true;
	FOR_EACH_PROTOCOL
	{
		assert_string_equal(to(f, v6, protocol, GATE, 80), GATE);
		assert_string_equal(from(f, v6, protocol, GATE, 80), GATE);
	}
	assert_int_equal(host.asked, 0);
}

static void an_allowed_loopback_address_is_behind_its_port(void **state)
{
	struct fixture *f = *state;

	allow(f, "127.0.0.1", 32, 80);
	allow(f, "::1", 128, 80);
	allow(f, "127.0.0.53", 32, 53);
	FOR_EACH_PROTOCOL
	{
		assert_string_equal(to(f, v6, protocol, GATE, 80), LOOP);
		assert_string_equal(from(f, v6, protocol, LOOP, 80), GATE);
		assert_string_equal(to(f, v6, protocol, GATE, 81), HOST);
	}
	assert_string_equal(to(f, false, TCP, "192.168.64.1", 53), "127.0.0.53");
}

static void an_allowed_range_is_of_one_family(void **state)
{
	struct fixture *f = *state;
	struct in6_addr address;

	allow(f, "::", 0, 0);
	assert_true(host_access_loopback(&f->config, true, 80, &address));
	assert_false(host_access_loopback(&f->config, false, 80, &address));
	f->config.n_allows = 0;
	allow(f, "0.0.0.0", 0, 0);
	assert_true(host_access_loopback(&f->config, false, 80, &address));
	assert_false(host_access_loopback(&f->config, true, 80, &address));
	f->config.n_allows = 0;
	allow(f, "10.0.0.0", 7, 0);
	address = mapped("11.255.255.255");
	assert_true(host_access_is_allowed(&f->config, &address, 80));
	address = mapped("12.0.0.0");
	assert_false(host_access_is_allowed(&f->config, &address, 80));
}

/* Forwards */

static void a_forwards_client_on_loopback_is_the_gateway_and_gets_its_answer(void **state)
{
	struct fixture *f = *state;

	FOR_EACH_PROTOCOL
	{
		const char *client = v6 ? "::1" : "127.0.0.7";

		/* As libslirp has it, and where it leaves them as they are. */
		assert_string_equal(from(f, v6, protocol, GATE, 5000), GATE);
		assert_string_equal(protocol == TCP ? goes_on(f, v6, GATE, 5000)
						    : to(f, v6, protocol, GATE, 5000),
				    GATE);
		assert_string_equal(from(f, v6, protocol, client, 5001), GATE);
		assert_string_equal(protocol == TCP ? goes_on(f, v6, GATE, 5001)
						    : to(f, v6, protocol, GATE, 5001),
				    client);
	}
}

static void a_connection_of_the_guests_own_does_not_follow_a_forwards(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		from(f, v6, TCP, GATE, 5000);
		assert_string_equal(to(f, v6, TCP, GATE, 5000), HOST);
	}
}

static void a_forwards_client_that_is_silent_for_long_is_forgotten(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		from(f, v6, UDP, LOOP, 5000);
		f->now_ms += 200000;
		assert_string_equal(to(f, v6, UDP, GATE, 5000), LOOP);
		f->now_ms += 50000; /* what the guest sends does not count */
		assert_string_equal(to(f, v6, UDP, GATE, 5000), HOST);
	}
}

static void a_forwards_client_opens_no_other_port(void **state)
{
	struct fixture *f = *state;

	from(f, false, UDP, "127.0.0.1", 5000);
	assert_string_equal(to(f, false, UDP, "192.168.64.1", 5001), "203.0.113.1");
}

/* Errors */

static const char *error_about(struct fixture *f, bool v6, const struct packet *lost)
{
	struct frame_buf inner = frame_of(lost);
	struct frame_buf frame = { .at = ETH + (v6 ? 40u : 20u) };
	const uint8_t *bytes = frame.bytes;
	size_t header = frame.at - ETH;

	frame.bytes[frame.at] = v6 ? 1 : 3;
	memcpy(frame.bytes + frame.at + 8, inner.bytes + ETH, inner.len - ETH);
	frame.len = frame.at + 8 + inner.len - ETH;
	finish(&frame, v6, v6 ? ICMP6 : ICMP, GATE, GUEST, 2);
	host_nat_to_guest(f->nat, f->now_ms, &bytes, frame.len);
	memcpy(frame.bytes, bytes, frame.len);
	assert_int_equal(sum_of(&frame, v6, v6 ? ICMP6 : ICMP), 0);
	if (!v6)
		assert_int_equal(packet_sum(0, frame.bytes + frame.at + 8, header), 0xffff);
	return address_of(frame.bytes + frame.at + 8 + (v6 ? 24 : 16), v6);
}

static void an_error_is_about_the_address_that_the_guest_sent_to(void **state)
{
	struct fixture *f = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		struct packet lost = packet_to(v6, UDP, HOST, 80);

		assert_string_equal(error_about(f, v6, &lost), HOST);
		to(f, v6, UDP, GATE, 80);
		assert_string_equal(error_about(f, v6, &lost), GATE);
		lost.to_port = 81;
		assert_string_equal(error_about(f, v6, &lost), HOST);
	}
}

/* Bad input, bounds */

static void frames_cut_at_any_byte_are_dealt_with_without_reading_on(void **state)
{
	struct fixture *f = *state;

	FOR_EACH_PROTOCOL
	{
		struct packet packet = packet_to(v6, protocol, GATE, 80);
		struct frame_buf frame = frame_of(&packet);

		for (size_t len = 0; len < frame.len; len++) {
			uint8_t *copy = malloc(len ? len : 1);
			const uint8_t *bytes = copy;

			assert_non_null(copy);
			memcpy(copy, frame.bytes, len);
			(void)host_nat_from_guest(f->nat, f->now_ms, &bytes, len);
			bytes = copy;
			host_nat_to_guest(f->nat, f->now_ms, &bytes, len);
			free(copy);
		}
	}
}

static void a_tcp_header_that_is_not_whole_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	struct packet packet = packet_to(false, TCP, "192.168.64.1", 80);
	struct frame_buf frame = frame_of(&packet);

	for (size_t len = frame.at + 8; len < frame.at + 20; len++) {
		const uint8_t *bytes = frame.bytes;

		assert_false(host_nat_from_guest(f->nat, f->now_ms, &bytes, len));
	}
}

static void a_forgotten_flow_is_learned_from_the_next_packet(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(to(f, false, TCP, "192.168.64.1", 80), "203.0.113.1");
	for (unsigned int port = 1; port <= HOST_FLOWS_MAX + 7; port++)
		to(f, false, UDP, "192.168.64.1", port);
	assert_string_equal(from(f, false, TCP, "203.0.113.1", 80), "203.0.113.1");
	assert_string_equal(goes_on(f, false, "192.168.64.1", 80), "203.0.113.1");
	assert_string_equal(from(f, false, TCP, "203.0.113.1", 80), "192.168.64.1");
}

static void flows_are_bounded_and_the_last_used_stay(void **state)
{
	struct host_flow_key key = { .protocol = UDP };
	struct host_flows *flows;

	assert_int_equal(host_flows_new(&flows), 0);
	for (unsigned int i = 0; i < 3 * HOST_FLOWS_MAX; i++) {
		key.port = (uint16_t)i;
		host_flows_add(flows, &key)->heard_ms = i;
		key.port = 0;
		assert_non_null(host_flows_find(flows, &key)); /* used all along */
		assert_true(host_flows_count(flows) <= HOST_FLOWS_MAX);
	}
	assert_int_equal(host_flows_count(flows), HOST_FLOWS_MAX);
	for (unsigned int i = 1; i < 3 * HOST_FLOWS_MAX; i++) {
		struct host_flow *flow;

		key.port = (uint16_t)i;
		flow = host_flows_find(flows, &key);
		assert_int_equal(flow != NULL, i > 2 * HOST_FLOWS_MAX);
		if (flow)
			assert_int_equal(flow->heard_ms, i);
	}
	while (host_flows_count(flows) > 1) {
		key.port = (uint16_t)(2 * HOST_FLOWS_MAX + host_flows_count(flows) - 1);
		host_flows_remove(flows, host_flows_find(flows, &key));
		assert_null(host_flows_find(flows, &key));
	}
	host_flows_free(flows);
}

/* For libslirp an address inside of its own network is the host's loopback. */
static void a_hosts_address_inside_of_the_network_is_none(void **state)
{
	static const char *const inside[][2] = { { "192.168.64.1", "fd12::2" },
						 { "192.168.64.0", "fd12::" },
						 { "192.168.64.77", "fd12::1:2:3:4" } };
	static const char *const outside[2] = { "192.168.65.1", "fd12:0:0:1::2" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		for (unsigned int v6 = 0; v6 < 2; v6++) {
			host.address[v6] = inside[i][v6];
			f->now_ms += 10000;
			assert_null(to(f, v6, TCP, GATE, 80));
			assert_null(to(f, v6, UDP, GATE, 80));
		}
	}
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		host.address[v6] = outside[v6];
		f->now_ms += 10000;
		assert_string_equal(to(f, v6, TCP, GATE, 80), outside[v6]);
	}
}

static void metadata_of_clouds_is_known(void **state)
{
	static const char *const metadata[] = { "100.100.100.200", "168.63.129.16",
						"192.0.0.192",	   "fd00:ec2::254",
						"fd00:ec2::23",	   "fd20:ce::254",
						"fd00:42::42",	   "fd00:c1::a9fe:a9fe" };
	static const char *const others[] = { "100.100.100.201", "192.0.2.1",	"fd00:ec3::254",
					      "fd20:cf::254",	 "fd00:42::43", "2001:db8::1" };
	struct in6_addr address;

	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
		address = mapped(metadata[i]);
		assert_true(host_access_is_metadata(&address));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		address = mapped(others[i]);
		assert_false(host_access_is_metadata(&address));
	}
}

#define RULE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(what_is_for_the_gateway_goes_to_an_address_of_the_host_and_comes_from_the_gateway),
		RULE(the_hosts_own_address_stays_what_it_is),
		RULE(a_host_without_an_address_is_closed),
		RULE(a_hosts_address_inside_of_the_network_is_none),
		RULE(another_address_counts_for_what_begins_from_then_on),
		RULE(what_is_no_tcp_or_udp_is_libslirps),
		RULE(a_datagram_without_checksum_gets_none),
		RULE(host_loopback_leaves_it_to_libslirp),
		RULE(an_allowed_loopback_address_is_behind_its_port),
		RULE(an_allowed_range_is_of_one_family),
		RULE(a_forwards_client_on_loopback_is_the_gateway_and_gets_its_answer),
		RULE(a_connection_of_the_guests_own_does_not_follow_a_forwards),
		RULE(a_forwards_client_that_is_silent_for_long_is_forgotten),
		RULE(a_forwards_client_opens_no_other_port),
		RULE(an_error_is_about_the_address_that_the_guest_sent_to),
		RULE(frames_cut_at_any_byte_are_dealt_with_without_reading_on),
		RULE(a_tcp_header_that_is_not_whole_goes_nowhere),
		RULE(a_forgotten_flow_is_learned_from_the_next_packet),
		cmocka_unit_test(flows_are_bounded_and_the_last_used_stay),
		cmocka_unit_test(metadata_of_clouds_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
