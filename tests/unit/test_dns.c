/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dns.c - questions about guests, and how other questions find libslirp's name server
 *
 * Gateway 192.168.64.1 and fd12::2, domain "lan"; guest "web" at 192.168.64.2, a guest without a
 * name at 192.168.64.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "leases_of.h"
#include "net/user/dns.h"
#include "net/user/dns_rewrite.h"
#include "net/user/router_advert.h"
#include "net/user/udp_frame.h"

#define A	DNS_TYPE_A
#define AAAA	DNS_TYPE_AAAA
#define PTR	DNS_TYPE_PTR
#define MX	15u
#define ANY	DNS_TYPE_ANY
#define FORWARD 100 /* no answer of ours */
#define IGNORED 101

struct fixture {
	struct network_config config;
	struct network_addresses addresses;
	struct leases *leases;
	struct dns *dns;
	uint8_t query[600];
	size_t len;
	uint8_t answer[DNS_ANSWER_MAX];
	size_t answer_len;
};

static void start(struct fixture *f)
{
	network_config_addresses(&f->config, &f->addresses);
	f->leases = leases_of(&f->addresses, 600);
	assert_int_equal(leases_bind(f->leases, (const uint8_t[]) { 2, 0, 0, 0, 0, 1 }, 1,
				     address_of("192.168.64.2"), "web"),
			 0);
	assert_int_equal(leases_bind(f->leases, (const uint8_t[]) { 2, 0, 0, 0, 0, 2 }, 1,
				     address_of("192.168.64.3"), ""),
			 0);
	assert_int_equal(dns_new(&f->config, f->leases, &f->dns), 0);
}

static int setup_mode(void **state, enum network_mode mode, const char *domain)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(network_config_default(mode, &f->config), 0);
	f->config.start_address = address_of("192.168.64.1");
	f->config.end_address = address_of("192.168.64.254");
	inet_pton(AF_INET6, "fd12::", &f->config.nat66_prefix);
	f->config.dhcp.domain = domain;
	start(f);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_mode(state, NETWORK_SHARED, "Lan");
}

static int setup_host(void **state)
{
	return setup_mode(state, NETWORK_HOST, "lan");
}

static int setup_no_domain(void **state)
{
	return setup_mode(state, NETWORK_SHARED, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dns_free(f->dns);
	leases_free(f->leases);
	free(f);
	return 0;
}

static void put_query(struct fixture *f, const char *name, uint16_t type)
{
	uint8_t *at = f->query + DNS_HEADER_LEN;

	memset(f->query, 0, sizeof(f->query));
	packet_put16(f->query, 0xabcd);
	packet_put16(f->query + 2, 0x0100);
	packet_put16(f->query + 4, 1);
	while (*name) {
		size_t label = strcspn(name, ".");

		*at++ = (uint8_t)label;
		memcpy(at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	*at++ = 0;
	packet_put16(at, type);
	packet_put16(at + 2, DNS_CLASS_IN);
	f->len = (size_t)(at + 4 - f->query);
}

/* Memory of exactly its length. Return: the answer's code, FORWARD, or IGNORED */
static int ask_raw(struct fixture *f)
{
	uint8_t *copy = malloc(f->len ? f->len : 1);
	enum dns_outcome outcome;

	assert_non_null(copy);
	memcpy(copy, f->query, f->len);
	outcome = dns_answer(f->dns, copy, f->len, f->answer, &f->answer_len);
	free(copy);
	if (outcome != DNS_ANSWERED)
		return outcome == DNS_FORWARD ? FORWARD : IGNORED;
	assert_memory_equal(f->answer, f->query, 2);
	assert_true(f->answer[2] & 0x80);
	return f->answer[3] & 0xf;
}

static int ask(struct fixture *f, const char *name, uint16_t type)
{
	put_query(f, name, type);
	return ask_raw(f);
}

static unsigned int n_answers(const struct fixture *f)
{
	return packet_get16(f->answer + 6);
}

/* One record, with this value */
static void has(const struct fixture *f, uint16_t type, const void *value, size_t len)
{
	const uint8_t *record = f->answer + f->len;

	assert_int_equal(n_answers(f), 1);
	assert_int_equal(packet_get16(record), 0xc00c);
	assert_int_equal(packet_get16(record + 2), type);
	assert_int_equal(packet_get16(record + 4), DNS_CLASS_IN);
	assert_int_equal(packet_get32(record + 6), DNS_TTL_S);
	assert_int_equal(packet_get16(record + 10), len);
	assert_memory_equal(record + 12, value, len);
	assert_int_equal(f->answer_len, f->len + 12 + len);
}

static void has_a(const struct fixture *f, const char *text)
{
	struct in_addr address = address_of(text);

	has(f, A, &address, 4);
}

static void a_guest_is_found_by_its_name_alone_and_in_its_domain(void **state)
{
	static const char *const names[] = { "web", "web.lan", "WEB.Lan", "wEb" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ask(f, names[i], A), DNS_NOERROR);
		has_a(f, "192.168.64.2");
		assert_memory_equal(f->answer + 12, f->query + 12,
				    f->len - 12); /* as it was asked */
	}
}

static void of_a_guest_nothing_else_is_known(void **state)
{
	static const uint16_t types[] = { AAAA, MX, PTR, 16, 65 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(ask(f, "web.lan", types[i]), DNS_NOERROR);
		assert_int_equal(n_answers(f), 0);
	}
	assert_int_equal(ask(f, "web.lan", ANY), DNS_NOERROR);
	has_a(f, "192.168.64.2");
}

static void the_gateway_has_two_names_and_two_addresses(void **state)
{
	static const char *const names[] = { "gateway", "gateway.lan", "host", "host.lan" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ask(f, names[i], A), DNS_NOERROR);
		has_a(f, "192.168.64.1");
		assert_int_equal(ask(f, names[i], AAAA), DNS_NOERROR);
		has(f, AAAA, &f->addresses.gateway6, 16);
		assert_int_equal(ask(f, names[i], ANY), DNS_NOERROR);
		assert_int_equal(n_answers(f), 2);
	}
}

static void who_is_not_in_our_domain_does_not_exist(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "db.lan", A), DNS_NXDOMAIN);
	assert_int_equal(n_answers(f), 0);
	assert_int_equal(ask(f, "a.web.lan", A), DNS_NXDOMAIN);
	assert_int_equal(ask(f, "lan", A), DNS_NOERROR);
	assert_int_equal(n_answers(f), 0);
}

static void all_else_is_forwarded(void **state)
{
	static const char *const names[] = { "db",	"example.org", "web.example.org",
					     "webxlan", "xlan",	       "",
					     "org",	"web.lan.org", "in-addr.arpa" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(ask(f, names[i], A), FORWARD);
	put_query(f, "web", A);
	f->query[f->len - 1] = 3; /* class CHAOS */
	assert_int_equal(ask_raw(f), FORWARD);
}

static void without_a_domain_names_are_single(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "web", A), DNS_NOERROR);
	has_a(f, "192.168.64.2");
	assert_int_equal(ask(f, "web.lan", A), FORWARD);
	assert_int_equal(ask(f, "2.64.168.192.in-addr.arpa", PTR), DNS_NOERROR);
	has(f, PTR, "\3web", 5);
}

static void in_host_mode_all_else_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "web", A), DNS_NOERROR);
	assert_int_equal(f->answer[3] & 0x80, 0); /* no recursion to be had */
	assert_int_equal(ask(f, "db.lan", A), DNS_NXDOMAIN);
	assert_int_equal(ask(f, "example.org", A), DNS_REFUSED);
	assert_int_equal(ask(f, "db", A), DNS_REFUSED);
	put_query(f, "web", A);
	f->query[2] = 0x28; /* UPDATE */
	assert_int_equal(ask_raw(f), DNS_NOTIMP);
	f->query[2] = 0x81; /* an answer */
	assert_int_equal(ask_raw(f), IGNORED);
	f->len = 11;
	assert_int_equal(ask_raw(f), IGNORED);
}

static void addresses_of_the_subnet_have_names_or_do_not_exist(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "2.64.168.192.in-addr.arpa", PTR), DNS_NOERROR);
	has(f, PTR, "\3web\3lan", 9);
	assert_int_equal(ask(f, "1.64.168.192.IN-ADDR.arpa", PTR), DNS_NOERROR);
	has(f, PTR, "\7gateway\3lan", 13);
	assert_int_equal(ask(f, "2.64.168.192.in-addr.arpa", A), DNS_NOERROR);
	assert_int_equal(n_answers(f), 0);
	assert_int_equal(ask(f, "3.64.168.192.in-addr.arpa", PTR), DNS_NXDOMAIN);
	assert_int_equal(ask(f, "9.64.168.192.in-addr.arpa", PTR), DNS_NXDOMAIN);
	assert_int_equal(ask(f, "2.65.168.192.in-addr.arpa", PTR), FORWARD);
	assert_int_equal(ask(f, "64.168.192.in-addr.arpa", PTR), FORWARD);
	assert_int_equal(ask(f, "256.64.168.192.in-addr.arpa", PTR), FORWARD);
	assert_int_equal(ask(f, "1.2.64.168.192.in-addr.arpa", PTR), FORWARD);
	assert_int_equal(ask(f, "x.64.168.192.in-addr.arpa", PTR), FORWARD);
}

static void of_the_ipv6_prefix_only_the_gateway_is_known(void **state)
{
	struct fixture *f = *state;
	const char *rest = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa";
	char name[128];

	snprintf(name, sizeof(name), "2.%s", rest);
	assert_int_equal(ask(f, name, PTR), DNS_NOERROR);
	has(f, PTR, "\7gateway\3lan", 13);
	snprintf(name, sizeof(name), "3.%s", rest);
	assert_int_equal(ask(f, name, PTR), DNS_NXDOMAIN);
	snprintf(name, sizeof(name), "g.%s", rest);
	assert_int_equal(ask(f, name, PTR), FORWARD);
	snprintf(name, sizeof(name), "2.2.%s", rest);
	assert_int_equal(ask(f, name, PTR), FORWARD);
}

#define WEB6_REVERSE "1.0.0.0.0.0.e.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa"

static void a_guest_that_uses_the_address_made_of_its_mac_is_found_there(void **state)
{
	static const uint8_t web[] = { 2, 0, 0, 0, 0, 1 }, other[] = { 2, 0, 0, 0, 0, 9 };
	struct fixture *f = *state;
	struct in6_addr address;

	inet_pton(AF_INET6, "fd12::ff:fe00:1", &address);
	assert_int_equal(ask(f, WEB6_REVERSE, PTR), DNS_NXDOMAIN);
	leases_heard_slaac(f->leases, other); /* nobody's */
	assert_int_equal(ask(f, "web", AAAA), DNS_NOERROR);
	assert_int_equal(n_answers(f), 0);
	leases_heard_slaac(f->leases, web);
	assert_int_equal(ask(f, "web", AAAA), DNS_NOERROR);
	has(f, AAAA, &address, 16);
	assert_int_equal(ask(f, "web.lan", ANY), DNS_NOERROR);
	assert_int_equal(n_answers(f), 2);
	assert_int_equal(ask(f, WEB6_REVERSE, PTR), DNS_NOERROR);
	has(f, PTR, "\3web\3lan", 9);
	assert_int_equal(leases_release(f->leases, web, 1, address_of("192.168.64.2")), 0);
	assert_int_equal(ask(f, "web.lan", AAAA), DNS_NXDOMAIN);
	assert_int_equal(ask(f, WEB6_REVERSE, PTR), DNS_NXDOMAIN);
}

static void put_edns(struct fixture *f, uint8_t version)
{
	uint8_t record[11] = { 0, 0, DNS_TYPE_OPT, 0x10, 0, 0, version, 0x80, 0, 0, 0 };

	packet_put16(f->query + 10, 1);
	memcpy(f->query + f->len, record, sizeof(record));
	f->len += sizeof(record);
}

static void edns_is_answered_in_kind(void **state)
{
	struct fixture *f = *state;
	size_t question;

	put_query(f, "web", A);
	question = f->len;
	put_edns(f, 0);
	assert_int_equal(ask_raw(f), DNS_NOERROR);
	assert_int_equal(n_answers(f), 1);
	assert_int_equal(packet_get16(f->answer + 10), 1);
	assert_int_equal(f->answer_len, question + 16 + 11);
	assert_int_equal(packet_get16(f->answer + question + 16 + 1), DNS_TYPE_OPT);
	put_query(f, "web", A);
	put_edns(f, 1);
	assert_int_equal(ask_raw(f), DNS_BADVERS & 0xf);
	assert_int_equal(f->answer[question + 5], DNS_BADVERS >> 4);
	assert_int_equal(n_answers(f), 0);
}

static void a_query_cut_at_any_byte_is_none_of_ours(void **state)
{
	struct fixture *f = *state;
	size_t full;

	put_query(f, "web.lan", A);
	put_edns(f, 0);
	full = f->len;
	for (f->len = 0; f->len < full; f->len++)
		assert_int_equal(ask_raw(f), FORWARD);
	assert_int_equal(ask_raw(f), DNS_NOERROR);
}

static void a_question_that_points_anywhere_is_none_of_ours(void **state)
{
	struct fixture *f = *state;

	put_query(f, "web.lan", A);
	packet_put16(f->query + 12, 0xc00c); /* itself */
	assert_int_equal(ask_raw(f), FORWARD);
	put_query(f, "web.lan", A);
	packet_put16(f->query + 16, 0xc00c); /* back to its start */
	assert_int_equal(ask_raw(f), FORWARD);
	for (unsigned int n = 0; n <= 2; n += 2) { /* questions */
		put_query(f, "web", A);
		packet_put16(f->query + 4, n);
		assert_int_equal(ask_raw(f), FORWARD);
	}
	put_query(f, "web", A);
	packet_put16(f->query + 6, 1); /* with an answer */
	assert_int_equal(ask_raw(f), FORWARD);
}

static void the_longest_name_is_not_longer_than_its_room(void **state)
{
	struct fixture *f = *state;

	for (unsigned int labels = 1; labels < 160; labels++) {
		memset(f->query, 0, sizeof(f->query));
		packet_put16(f->query + 4, 1);
		for (unsigned int i = 0; i < labels; i++)
			memcpy(f->query + 12 + (size_t)2 * i, "\1a", 2);
		f->len = 12 + (size_t)2 * labels + 5;
		f->query[f->len - 3] = A;
		f->query[f->len - 1] = DNS_CLASS_IN;
		assert_int_equal(ask_raw(f), FORWARD);
	}
}

/* To libslirp's name server and back */

static size_t datagram(const struct fixture *f, uint8_t *frame, bool v6, bool from_server)
{
	struct udp_station guest = { .v6 = v6, .port = 4000 }, server = { .v6 = v6, .port = 53 };

	if (v6) {
		inet_pton(AF_INET6, "fd12::77", &guest.address6);
		server.address6 =
			from_server ? dns_rewrite_server6(&f->addresses) : f->addresses.gateway6;
	} else {
		guest.address = address_of("192.168.64.2");
		server.address =
			from_server ? dns_rewrite_server(&f->addresses) : f->addresses.gateway;
	}
	memcpy(frame + (v6 ? UDP_FRAME_PAYLOAD6 : UDP_FRAME_PAYLOAD4), "payload", 7);
	return from_server ? udp_frame_write(frame, &server, &guest, 7)
			   : udp_frame_write(frame, &guest, &server, 7);
}

static void queries_go_to_the_hidden_server_with_right_checksums(void **state)
{
	struct fixture *f = *state;

	for (unsigned int v6 = 0; v6 < 2; v6++) {
		uint8_t frame[128];
		struct udp_frame read;
		size_t len = datagram(f, frame, v6, false);
		struct in6_addr server6 = dns_rewrite_server6(&f->addresses);

		assert_true(dns_rewrite_is_query(&f->addresses, frame, len));
		dns_rewrite_query(&f->addresses, frame, len);
		assert_int_equal(udp_frame_read(frame, len, &read), 0);
		if (v6)
			assert_memory_equal(&read.to.address6, &server6, 16);
		else
			assert_string_equal(inet_ntoa(read.to.address), "192.168.64.0");
		assert_false(dns_rewrite_is_query(&f->addresses, frame, len));
	}
}

static void answers_come_from_the_gateway_with_right_checksums(void **state)
{
	struct fixture *f = *state;

	for (unsigned int v6 = 0; v6 < 2; v6++) {
		uint8_t frame[128];
		struct udp_frame read;
		size_t len = datagram(f, frame, v6, true);

		assert_true(dns_rewrite_is_answer(&f->addresses, frame, len));
		dns_rewrite_answer(&f->addresses, frame, len);
		assert_int_equal(udp_frame_read(frame, len, &read), 0);
		if (v6)
			assert_memory_equal(&read.from.address6, &f->addresses.gateway6, 16);
		else
			assert_string_equal(inet_ntoa(read.from.address), "192.168.64.1");
		assert_false(dns_rewrite_is_answer(&f->addresses, frame, len));
	}
}

static void what_is_not_for_port_53_of_the_gateway_is_no_query(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[128];
	size_t len = datagram(f, frame, false, false);

	frame[37] = 54;
	assert_false(dns_rewrite_is_query(&f->addresses, frame, len));
	frame[37] = 53;
	frame[33] = 2; /* another address */
	assert_false(dns_rewrite_is_query(&f->addresses, frame, len));
	frame[33] = 1;
	frame[23] = IPPROTO_ICMP;
	assert_false(dns_rewrite_is_query(&f->addresses, frame, len));
	frame[23] = IPPROTO_TCP;
	assert_true(dns_rewrite_is_query(&f->addresses, frame, len));
	frame[21] = 1; /* a fragment */
	assert_false(dns_rewrite_is_query(&f->addresses, frame, len));
	frame[21] = 0;
	for (size_t cut = 0; cut < 42; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, frame, cut);
		assert_false(dns_rewrite_is_query(&f->addresses, copy, cut));
		assert_false(dns_rewrite_is_answer(&f->addresses, copy, cut));
		free(copy);
	}
}

static void a_datagram_without_a_checksum_stays_without(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[128];
	size_t len = datagram(f, frame, false, false);

	packet_put16(frame + 40, 0);
	dns_rewrite_query(&f->addresses, frame, len);
	assert_int_equal(packet_get16(frame + 40), 0);
}

static void an_error_about_the_hidden_server_is_about_the_gateway(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[256] = { 0 }, inner[128];
	size_t inner_len = datagram(f, inner, false, false) - FRAME_ETH_HEADER, len;
	uint8_t *ip = frame + FRAME_ETH_HEADER, *icmp = ip + 20;

	dns_rewrite_query(&f->addresses, inner, inner_len + FRAME_ETH_HEADER);
	packet_put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	ip[9] = IPPROTO_ICMP;
	memcpy(ip + 12, &f->addresses.gateway, 4);
	icmp[0] = icmp[1] = 3;
	memcpy(icmp + 8, inner + FRAME_ETH_HEADER, inner_len);
	len = FRAME_ETH_HEADER + 28 + inner_len;
	packet_put16(icmp + 2, ~packet_sum(0, icmp, 8 + inner_len) & 0xffff);
	assert_true(dns_rewrite_is_answer(&f->addresses, frame, len));
	dns_rewrite_answer(&f->addresses, frame, len);
	assert_memory_equal(icmp + 8 + 16, &f->addresses.gateway, 4);
	assert_int_equal(packet_sum(0, icmp + 8, 20), 0xffff);
	assert_int_equal(packet_sum(0, icmp, 8 + inner_len), 0xffff);
	assert_false(dns_rewrite_is_answer(&f->addresses, frame, len));
	assert_false(dns_rewrite_is_answer(&f->addresses, frame, FRAME_ETH_HEADER + 28 + 19));
}

/* Router advertisements */

static unsigned int icmp6_sum(const uint8_t *frame, size_t len)
{
	uint32_t sum = IPPROTO_ICMPV6 + (uint32_t)(len - 54);

	return packet_sum(sum, frame + 22, len - 22); /* both addresses, then the message */
}

static void an_advertised_name_server_is_the_gateway(void **state)
{
	static const uint8_t options[] = { 1, 1,    0x52, 0x56, 0,    0,    0,	  2, 25, 3, 0,
					   0, 0x12, 0x34, 0x56, 0x78, 0xfd, 0x12, 0, 0,	 0, 0,
					   0, 0,    0,	  0,	0,    0,    0,	  0, 0,	 0 };
	struct fixture *f = *state;
	uint8_t frame[128] = { 0 };
	size_t len = 70 + sizeof(options);

	packet_put16(frame + 12, 0x86dd);
	frame[14] = 0x60;
	frame[20] = IPPROTO_ICMPV6;
	frame[54] = 134;
	memcpy(frame + 70, options, sizeof(options));
	packet_put16(frame + 56, ~icmp6_sum(frame, len) & 0xffff);
	assert_true(router_advert_is(frame, len));
	router_advert_set_server(frame, len, &f->addresses.gateway6);
	assert_memory_equal(frame + 86, &f->addresses.gateway6, 16);
	assert_int_equal(icmp6_sum(frame, len), 0xffff);
	for (size_t cut = 0; cut <= sizeof(options); cut++) {
		uint8_t *copy = malloc(70 + cut);

		assert_non_null(copy);
		memcpy(copy, frame, 70 + cut);
		router_advert_set_server(copy, 70 + cut, &f->addresses.gateway6);
		free(copy);
	}
	frame[54] = 133;
	assert_false(router_advert_is(frame, len));
}

#define RULE(f, setup) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_guest_is_found_by_its_name_alone_and_in_its_domain, setup),
		RULE(of_a_guest_nothing_else_is_known, setup),
		RULE(the_gateway_has_two_names_and_two_addresses, setup),
		RULE(who_is_not_in_our_domain_does_not_exist, setup),
		RULE(all_else_is_forwarded, setup),
		RULE(without_a_domain_names_are_single, setup_no_domain),
		RULE(in_host_mode_all_else_is_refused, setup_host),
		RULE(addresses_of_the_subnet_have_names_or_do_not_exist, setup),
		RULE(of_the_ipv6_prefix_only_the_gateway_is_known, setup),
		RULE(a_guest_that_uses_the_address_made_of_its_mac_is_found_there, setup),
		RULE(edns_is_answered_in_kind, setup),
		RULE(a_query_cut_at_any_byte_is_none_of_ours, setup),
		RULE(a_question_that_points_anywhere_is_none_of_ours, setup),
		RULE(the_longest_name_is_not_longer_than_its_room, setup),
		RULE(queries_go_to_the_hidden_server_with_right_checksums, setup),
		RULE(answers_come_from_the_gateway_with_right_checksums, setup),
		RULE(what_is_not_for_port_53_of_the_gateway_is_no_query, setup),
		RULE(a_datagram_without_a_checksum_stays_without, setup),
		RULE(an_error_about_the_hidden_server_is_about_the_gateway, setup),
		RULE(an_advertised_name_server_is_the_gateway, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
