/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_refusal.c - what a host answers to a packet for a port at which nobody is
 *
 * Guest 192.168.64.2 or fd12::9, port 4000, to the gateway 192.168.64.1 or fd12::2, port 80.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "net/user/packet.h"
#include "net/user/refusal.h"

#define ETH 14u
#define SYN 2u
#define FIN 1u
#define RST 4u
#define ACK 16u

static uint8_t frame[4096], answer[REFUSAL_MAX];

static size_t ip_header(bool v6)
{
	return v6 ? PACKET_IP6_HEADER : PACKET_IP4_HEADER;
}

static size_t put(bool v6, uint8_t protocol, size_t payload_len)
{
	uint8_t *ip = frame + ETH;

	memset(frame, 0, sizeof(frame));
	memcpy(frame, (const uint8_t[]) { 0x52, 0x55, 192, 168, 64, 1, 2, 0, 0, 0, 0, 9 }, 12);
	packet_put16(frame + 12, v6 ? 0x86dd : 0x0800);
	ip[0] = v6 ? 0x60 : 0x45;
	ip[v6 ? 6 : 9] = protocol;
	packet_put16(ip + (v6 ? 4 : 2), (unsigned int)(payload_len + (v6 ? 0 : 20)));
	if (v6) {
		inet_pton(AF_INET6, "fd12::9", ip + 8);
		inet_pton(AF_INET6, "fd12::2", ip + 24);
	} else {
		inet_pton(AF_INET, "192.168.64.2", ip + 12);
		inet_pton(AF_INET, "192.168.64.1", ip + 16);
	}
	packet_put16(ip + ip_header(v6), 4000);
	packet_put16(ip + ip_header(v6) + 2, 80);
	return ETH + ip_header(v6) + payload_len;
}

static size_t put_tcp(bool v6, uint8_t flags, size_t data)
{
	size_t len = put(v6, IPPROTO_TCP, 20 + data);
	uint8_t *tcp = frame + ETH + ip_header(v6);

	packet_put32(tcp + 4, 0xfffffff0);
	packet_put32(tcp + 8, 7000);
	tcp[12] = 0x50;
	tcp[13] = flags;
	return len;
}

/* In memory of exactly len, so that AddressSanitizer sees a byte more. */
static size_t refuse(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	size_t n;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	n = refusal_write(copy, len, answer);
	free(copy);
	return n;
}

/* Addresses, lengths and checksums. Return: the payload */
static const uint8_t *assert_back(bool v6, uint8_t protocol, size_t len)
{
	const uint8_t *ip = answer + ETH;
	size_t header = ip_header(v6), payload = len - ETH - header, from = v6 ? 8 : 12;
	uint32_t sum = 0;

	assert_memory_equal(answer, frame + 6, 6);
	assert_memory_equal(answer + 6, frame, 6);
	assert_memory_equal(ip + from, frame + ETH + from + (v6 ? 16 : 4), v6 ? 16 : 4);
	assert_memory_equal(ip + from + (v6 ? 16 : 4), frame + ETH + from, v6 ? 16 : 4);
	assert_int_equal(ip[v6 ? 6 : 9], protocol);
	assert_int_equal(packet_get16(ip + (v6 ? 4 : 2)), v6 ? payload : payload + header);
	if (!v6)
		assert_int_equal(packet_sum(0, ip, header), 0xffff);
	if (protocol != IPPROTO_ICMP)
		sum = packet_sum((uint32_t)payload + protocol, ip + from, header - from);
	assert_int_equal(packet_sum(sum, ip + header, payload), 0xffff);
	return ip + header;
}

static void a_connection_is_reset(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		const uint8_t *tcp;
		size_t len = refuse(put_tcp(v6, SYN, 0));

		assert_int_equal(len, ETH + ip_header(v6) + 20);
		tcp = assert_back(v6, IPPROTO_TCP, len);
		assert_int_equal(packet_get16(tcp), 80);
		assert_int_equal(packet_get16(tcp + 2), 4000);
		assert_int_equal(packet_get32(tcp + 4), 0);
		assert_int_equal(packet_get32(tcp + 8), 0xfffffff1);
		assert_int_equal(tcp[13], RST | ACK);
	}
}

static void what_belongs_to_a_connection_is_reset_where_it_is(void **state)
{
	const uint8_t *tcp;

	tcp = assert_back(false, IPPROTO_TCP, refuse(put_tcp(false, ACK, 100)));
	assert_int_equal(packet_get32(tcp + 4), 7000);
	assert_int_equal(packet_get32(tcp + 8), 0);
	assert_int_equal(tcp[13], RST);
	tcp = assert_back(false, IPPROTO_TCP, refuse(put_tcp(false, FIN, 100)));
	assert_int_equal(packet_get32(tcp + 8), 0xfffffff0u + 101u);
}

static void a_datagram_is_unreachable(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		size_t sent = put(v6, IPPROTO_UDP, 108), len = refuse(sent);
		const uint8_t *icmp = assert_back(v6, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, len);

		assert_int_equal(icmp[0], v6 ? 1 : 3);
		assert_int_equal(icmp[1], v6 ? 4 : 3);
		assert_memory_equal(icmp + 8, frame + ETH, sent - ETH);
		assert_int_equal(len, ETH + ip_header(v6) + 8 + sent - ETH);
	}
}

static void a_long_datagram_is_quoted_in_part(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = refuse(put(v6, IPPROTO_UDP, 3000));

		assert_back(v6, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, len);
		assert_int_equal(len, ETH + (v6 ? REFUSAL_PACKET6 : REFUSAL_PACKET4));
	}
}

static void resets_and_other_protocols_have_no_answer(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(refuse(put_tcp(v6, RST, 0)), 0);
		assert_int_equal(refuse(put_tcp(v6, RST | ACK, 0)), 0);
		assert_int_equal(refuse(put(v6, IPPROTO_ICMP, 64)), 0);
		assert_int_equal(refuse(put(v6, IPPROTO_ICMPV6, 64)), 0);
	}
}

static void groups_and_nobody_have_no_answer(void **state)
{
	static const char *const none4[] = { "0.0.0.0", "224.0.0.1", "255.255.255.255",
					     "127.0.0.1" };
	static const char *const none6[] = { "::", "ff02::1" };
	size_t len;

	for (size_t i = 0; i < 4; i++) {
		len = put(false, IPPROTO_UDP, 20);
		inet_pton(AF_INET, none4[i], frame + ETH + 12);
		assert_int_equal(refuse(len), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		len = put(true, IPPROTO_UDP, 20);
		inet_pton(AF_INET6, none6[i], frame + ETH + 8);
		assert_int_equal(refuse(len), 0);
	}
	len = put(false, IPPROTO_UDP, 20);
	inet_pton(AF_INET, "224.0.0.1", frame + ETH + 16);
	assert_int_equal(refuse(len), 0);
	len = put(false, IPPROTO_UDP, 20);
	frame[0] |= 1;
	assert_int_equal(refuse(len), 0);
}

static void what_is_cut_or_lies_has_no_answer(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t cut = 1; cut < 20; cut++)
			assert_int_equal(refuse(put_tcp(v6, SYN, 0) - cut), 0);
		for (size_t cut = 1; cut < 8; cut++)
			assert_int_equal(refuse(put(v6, IPPROTO_UDP, 8) - cut), 0);
		put_tcp(v6, SYN, 0);
		frame[ETH + ip_header(v6) + 12] = 0x40; /* less than a header */
		assert_int_equal(refuse(ETH + ip_header(v6) + 20), 0);
		frame[ETH + ip_header(v6) + 12] = 0x60; /* more than the packet */
		assert_int_equal(refuse(ETH + ip_header(v6) + 20), 0);
		put(v6, IPPROTO_UDP, 8);
		packet_put16(frame + ETH + (v6 ? 4 : 2), v6 ? 7 : 27);
		assert_int_equal(refuse(ETH + ip_header(v6) + 8), 0);
	}
	for (size_t len = 0; len < ETH + 20; len++)
		assert_int_equal(refuse(len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_reset),
		cmocka_unit_test(what_belongs_to_a_connection_is_reset_where_it_is),
		cmocka_unit_test(a_datagram_is_unreachable),
		cmocka_unit_test(a_long_datagram_is_quoted_in_part),
		cmocka_unit_test(resets_and_other_protocols_have_no_answer),
		cmocka_unit_test(groups_and_nobody_have_no_answer),
		cmocka_unit_test(what_is_cut_or_lies_has_no_answer),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
