/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dhcp.c - a client's messages, well-formed and not, and what the server answers
 *
 * Gateway 192.168.64.1, range up to 192.168.64.254, leases of 600 s, domain "lan". A message is
 * built field by field, and answered as the Ethernet frame that it would come in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leases_of.h"
#include "net/user/dhcp.h"

#define XID	 0x12345678u
#define HEADER	 240u
#define NAME_AT	 44u
#define BOOT_AT	 108u
#define OUR_PORT 7u

static const uint8_t client_mac[] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t other_mac[] = { 2, 0, 0, 0, 0, 2 };

struct fixture {
	struct network_config config;
	struct leases *leases;
	struct dhcp *dhcp;
	uint8_t message[1400]; /* that is being built */
	size_t len;
	struct udp_station from, to;
	uint8_t frame[DHCP_FRAME_MAX];
	struct udp_frame answer; /* of frame */
};

static void start(struct fixture *f)
{
	struct network_addresses addresses;

	network_config_addresses(&f->config, &addresses);
	f->leases = leases_of(&addresses, f->config.dhcp.lease_s);
	assert_int_equal(dhcp_new(&f->config, f->leases, &f->dhcp), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_SHARED, &f->config), 0);
	f->config.dhcp.lease_s = 600;
	f->config.dhcp.domain = "lan";
	start(f);
	*state = f;
	return 0;
}

static void stop(struct fixture *f)
{
	dhcp_free(f->dhcp);
	leases_free(f->leases);
}

static void restart(struct fixture *f)
{
	stop(f);
	start(f);
}

static int teardown(void **state)
{
	stop(*state);
	free(*state);
	return 0;
}

/* Messages */

static void put(struct fixture *f, uint8_t option, const void *value, size_t len)
{
	f->message[f->len] = option;
	f->message[f->len + 1] = (uint8_t)len;
	memcpy(f->message + f->len + 2, value, len);
	f->len += 2 + len;
}

static void put_address(struct fixture *f, uint8_t option, const char *text)
{
	struct in_addr address = address_of(text);

	put(f, option, &address, 4);
}

static void put_text(struct fixture *f, uint8_t option, const char *text)
{
	put(f, option, text, strlen(text));
}

static void begin(struct fixture *f, uint8_t type, const uint8_t *mac)
{
	memset(f->message, 0, sizeof(f->message));
	f->message[0] = 1;
	f->message[1] = 1;
	f->message[2] = 6;
	packet_put32(f->message + 4, XID);
	memcpy(f->message + 28, mac, FRAME_MAC);
	memcpy(f->message + 236, (const uint8_t[]) { 99, 130, 83, 99 }, 4);
	f->len = HEADER;
	put(f, DHCP_MESSAGE_TYPE, &type, 1);
	f->from = (struct udp_station) { .port = DHCP_CLIENT_PORT };
	memcpy(f->from.mac, mac, FRAME_MAC);
	f->to = (struct udp_station) { .mac = { 255, 255, 255, 255, 255, 255 },
				       .address = { INADDR_BROADCAST },
				       .port = DHCP_SERVER_PORT };
}

static void set_ciaddr(struct fixture *f, const char *text)
{
	struct in_addr address = address_of(text);

	memcpy(f->message + 12, &address, 4);
}

/* As it is, without an end. Memory of exactly its length. Return: the answer's type, 0 for none */
static unsigned int ask_raw(struct fixture *f, uint64_t port)
{
	size_t len = UDP_FRAME_PAYLOAD4 + f->len;
	uint8_t *frame = malloc(len);
	struct udp_frame datagram;
	size_t answered;

	assert_non_null(frame);
	memcpy(frame + UDP_FRAME_PAYLOAD4, f->message, f->len);
	assert_int_equal(udp_frame_write(frame, &f->from, &f->to, f->len), len);
	assert_int_equal(udp_frame_read(frame, len, &datagram), 0);
	assert_true(dhcp_is_for(f->dhcp, &datagram));
	answered = dhcp_answer(f->dhcp, &datagram, port, f->frame);
	free(frame);
	if (!answered)
		return 0;
	assert_true(answered <= sizeof(f->frame));
	assert_int_equal(udp_frame_read(f->frame, answered, &f->answer), 0);
	assert_int_equal(f->answer.payload[0], 2);
	assert_int_equal(packet_get32(f->answer.payload + 4), XID);
	assert_memory_equal(f->answer.payload + HEADER, ((uint8_t[]) { 53, 1 }), 2);
	return f->answer.payload[HEADER + 2];
}

static unsigned int ask(struct fixture *f)
{
	f->message[f->len++] = DHCP_END;
	return ask_raw(f, OUR_PORT);
}

/* Return: its value, NULL if the answer has it not; checks that the options end */
static const uint8_t *option(const struct fixture *f, uint8_t wanted, size_t *ret_len)
{
	const uint8_t *at = f->answer.payload + HEADER, *end = f->answer.payload + f->answer.len;
	const uint8_t *found = NULL;

	while (at < end && *at != DHCP_END) {
		if (*at == DHCP_PAD) {
			at++;
			continue;
		}
		assert_true(at + 2 + at[1] < end);
		if (*at == wanted) {
			found = at + 2;
			if (ret_len)
				*ret_len = at[1];
		}
		at += 2 + at[1];
	}
	assert_true(at < end);
	return found;
}

static void has_address(const struct fixture *f, uint8_t wanted, const char *text)
{
	struct in_addr address = address_of(text);
	const uint8_t *value = option(f, wanted, NULL);

	assert_non_null(value);
	assert_memory_equal(value, &address, 4);
}

static void has_number(const struct fixture *f, uint8_t wanted, uint32_t number)
{
	const uint8_t *value = option(f, wanted, NULL);

	assert_non_null(value);
	assert_int_equal(packet_get32(value), number);
}

static void has_text(const struct fixture *f, uint8_t wanted, const char *text)
{
	size_t len;
	const uint8_t *value = option(f, wanted, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(value, text, len);
}

static void gives(const struct fixture *f, const char *text)
{
	struct in_addr address = address_of(text);

	assert_memory_equal(f->answer.payload + 16, &address, 4);
}

static void goes_to(const struct fixture *f, const char *text, const uint8_t *mac)
{
	static const uint8_t all[] = { 255, 255, 255, 255, 255, 255 };

	assert_string_equal(inet_ntoa(f->answer.to.address), text);
	assert_memory_equal(f->answer.to.mac, mac ? mac : all, FRAME_MAC);
	assert_int_equal(f->answer.to.port, DHCP_CLIENT_PORT);
	assert_int_equal(f->answer.from.port, DHCP_SERVER_PORT);
	assert_string_equal(inet_ntoa(f->answer.from.address), "192.168.64.1");
}

static void discover(struct fixture *f, const uint8_t *mac, const char *expected)
{
	begin(f, DHCP_DISCOVER, mac);
	assert_int_equal(ask(f), DHCP_OFFER);
	gives(f, expected);
}

static unsigned int select_offer(struct fixture *f, const uint8_t *mac, const char *wanted)
{
	begin(f, DHCP_REQUEST, mac);
	put_address(f, DHCP_SERVER_ID, "192.168.64.1");
	put_address(f, DHCP_WANTED_ADDRESS, wanted);
	return ask(f);
}

static void get_lease(struct fixture *f)
{
	discover(f, client_mac, "192.168.64.2");
	assert_int_equal(select_offer(f, client_mac, "192.168.64.2"), DHCP_ACK);
}

static enum lease_state state_of(struct fixture *f, const uint8_t *mac)
{
	const struct lease *lease = leases_find_mac(f->leases, mac);

	return lease ? lease->state : LEASE_FREE;
}

/* What is answered */

static void a_discover_is_answered_by_an_offer_with_all_that_a_guest_needs(void **state)
{
	struct fixture *f = *state;

	discover(f, client_mac, "192.168.64.2");
	goes_to(f, "192.168.64.2", client_mac);
	has_address(f, DHCP_SERVER_ID, "192.168.64.1");
	has_address(f, DHCP_MASK, "255.255.255.0");
	has_address(f, DHCP_ROUTER, "192.168.64.1");
	has_address(f, DHCP_NAME_SERVER, "192.168.64.1");
	has_address(f, DHCP_BROADCAST, "192.168.64.255");
	has_number(f, DHCP_LEASE_TIME, 600);
	has_number(f, DHCP_T1, 300);
	has_number(f, DHCP_T2, 525);
	has_text(f, DHCP_DOMAIN_NAME, "lan");
	assert_int_equal(packet_get16(option(f, DHCP_INTERFACE_MTU, NULL)), 1500);
	assert_memory_equal(f->answer.payload + 20, "\0\0\0\0", 4); /* no next server */
	assert_true(f->answer.len >= 300);
	assert_int_equal(state_of(f, client_mac), LEASE_OFFERED);
}

static void host_mode_has_no_router(void **state)
{
	struct fixture *f = *state;

	f->config.mode = NETWORK_HOST;
	restart(f);
	discover(f, client_mac, "192.168.64.2");
	assert_null(option(f, DHCP_ROUTER, NULL));
	has_address(f, DHCP_NAME_SERVER, "192.168.64.1");
}

static void a_list_of_options_leaves_out_what_is_optional_only(void **state)
{
	struct fixture *f = *state;

	begin(f, DHCP_DISCOVER, client_mac);
	put(f, DHCP_WANTED_OPTIONS, (const uint8_t[]) { DHCP_DOMAIN_NAME }, 1);
	assert_int_equal(ask(f), DHCP_OFFER);
	has_text(f, DHCP_DOMAIN_NAME, "lan");
	assert_null(option(f, DHCP_INTERFACE_MTU, NULL));
	assert_null(option(f, DHCP_BROADCAST, NULL));
	has_address(f, DHCP_MASK, "255.255.255.0");
	has_address(f, DHCP_ROUTER, "192.168.64.1");
	has_address(f, DHCP_NAME_SERVER, "192.168.64.1");
	has_number(f, DHCP_LEASE_TIME, 600);
}

static void the_name_servers_given_are_announced_instead(void **state)
{
	struct fixture *f = *state;
	struct in_addr servers[] = { address_of("192.0.2.1"), address_of("192.0.2.2") };
	size_t len;

	f->config.dhcp.name_servers = servers;
	f->config.dhcp.n_name_servers = 2;
	discover(f, client_mac, "192.168.64.2");
	assert_memory_equal(option(f, DHCP_NAME_SERVER, &len), servers, 8);
	assert_int_equal(len, 8);
}

static void a_guest_that_boots_is_told_server_and_file(void **state)
{
	struct fixture *f = *state;

	f->config.dhcp.boot_file = "pxelinux.0";
	discover(f, client_mac, "192.168.64.2");
	assert_memory_equal(f->answer.payload + 20,
			    &(struct in_addr) { address_of("192.168.64.1").s_addr }, 4);
	assert_string_equal((const char *)f->answer.payload + BOOT_AT, "pxelinux.0");
	has_text(f, DHCP_BOOT_FILE, "pxelinux.0");
	f->config.dhcp.boot_server = address_of("192.168.64.9");
	discover(f, client_mac, "192.168.64.2");
	assert_memory_equal(f->answer.payload + 20, &f->config.dhcp.boot_server, 4);
}

static void a_lease_without_end_has_no_times_to_renew(void **state)
{
	struct fixture *f = *state;

	f->config.dhcp.lease_s = LEASES_FOREVER_S;
	restart(f);
	discover(f, client_mac, "192.168.64.2");
	has_number(f, DHCP_LEASE_TIME, UINT32_MAX);
	assert_null(option(f, DHCP_T1, NULL));
	assert_null(option(f, DHCP_T2, NULL));
}

static void answers_are_broadcast_to_who_asks_for_that(void **state)
{
	struct fixture *f = *state;

	begin(f, DHCP_DISCOVER, client_mac);
	f->message[10] = 0x80;
	assert_int_equal(ask(f), DHCP_OFFER);
	goes_to(f, "255.255.255.255", NULL);
	assert_int_equal(f->answer.payload[10], 0x80);
}

static void the_client_id_comes_back(void **state)
{
	struct fixture *f = *state;
	static const uint8_t id[] = { 1, 2, 0, 0, 0, 0, 1 };
	size_t len;

	begin(f, DHCP_DISCOVER, client_mac);
	put(f, DHCP_CLIENT_ID, id, sizeof(id));
	assert_int_equal(ask(f), DHCP_OFFER);
	assert_memory_equal(option(f, DHCP_CLIENT_ID, &len), id, sizeof(id));
	assert_int_equal(len, sizeof(id));
}

static void an_answer_is_no_longer_than_the_client_takes(void **state)
{
	struct fixture *f = *state;
	struct in_addr servers[16];
	static char domain[250], boot_file[120];
	static uint8_t id[255];

	memset(domain, 'd', sizeof(domain) - 1);
	memset(boot_file, 'b', sizeof(boot_file) - 1);
	memset(servers, 1, sizeof(servers));
	f->config.dhcp = (struct network_dhcp) { .lease_s = 600,
						 .domain = domain,
						 .boot_file = boot_file,
						 .name_servers = servers,
						 .n_name_servers = 16 };
	for (unsigned int limit = 0; limit < 2000; limit += 111) {
		uint8_t max[2];

		begin(f, DHCP_DISCOVER, client_mac);
		packet_put16(max, limit);
		put(f, DHCP_MAX_MESSAGE, max, 2);
		put(f, DHCP_CLIENT_ID, id, sizeof(id));
		assert_int_equal(ask(f), DHCP_OFFER);
		has_number(f, DHCP_LEASE_TIME, 600);
		assert_true(f->answer.len <= 548 || f->answer.len + 28 <= limit);
		assert_true(f->answer.len <= DHCP_MESSAGE_MAX);
	}
}

/* What a REQUEST is: RFC 2131, section 4.3.2 */

static void selecting_binds_what_was_offered(void **state)
{
	struct fixture *f = *state;

	get_lease(f);
	gives(f, "192.168.64.2");
	goes_to(f, "192.168.64.2", client_mac);
	has_number(f, DHCP_LEASE_TIME, 600);
	assert_int_equal(state_of(f, client_mac), LEASE_BOUND);
	assert_int_equal(leases_find_mac(f->leases, client_mac)->until_s, 1600);
}

static void selecting_something_else_is_refused_to_everybodys_hearing(void **state)
{
	struct fixture *f = *state;

	discover(f, client_mac, "192.168.64.2");
	assert_int_equal(select_offer(f, client_mac, "192.168.64.3"), DHCP_NAK);
	gives(f, "0.0.0.0");
	goes_to(f, "255.255.255.255", NULL);
	assert_null(option(f, DHCP_LEASE_TIME, NULL));
	assert_null(option(f, DHCP_MASK, NULL));
	has_address(f, DHCP_SERVER_ID, "192.168.64.1");
	assert_int_equal(dhcp_counters(f->dhcp)->refused, 1);
}

static void selecting_another_server_frees_our_offer(void **state)
{
	struct fixture *f = *state;

	discover(f, client_mac, "192.168.64.2");
	begin(f, DHCP_REQUEST, client_mac);
	put_address(f, DHCP_SERVER_ID, "192.168.64.77");
	put_address(f, DHCP_WANTED_ADDRESS, "192.168.64.2");
	assert_int_equal(ask(f), 0);
	assert_int_equal(state_of(f, client_mac), LEASE_FREE);
}

static unsigned int init_reboot(struct fixture *f, const uint8_t *mac, const char *wanted)
{
	begin(f, DHCP_REQUEST, mac);
	put_address(f, DHCP_WANTED_ADDRESS, wanted);
	return ask(f);
}

static void init_reboot_confirms_the_lease_or_refuses(void **state)
{
	struct fixture *f = *state;

	get_lease(f);
	assert_int_equal(init_reboot(f, client_mac, "192.168.64.2"), DHCP_ACK);
	gives(f, "192.168.64.2");
	assert_int_equal(init_reboot(f, client_mac, "192.168.64.9"), DHCP_NAK);
	assert_int_equal(init_reboot(f, client_mac, "10.0.0.2"), DHCP_NAK);
	assert_int_equal(init_reboot(f, other_mac, "192.168.64.2"), DHCP_NAK);
	assert_int_equal(init_reboot(f, other_mac, "192.168.64.5"), DHCP_ACK);
}

static unsigned int renew(struct fixture *f, const uint8_t *mac, const char *ciaddr, bool unicast)
{
	begin(f, DHCP_REQUEST, mac);
	set_ciaddr(f, ciaddr);
	f->from.address = address_of(ciaddr);
	if (unicast) {
		memcpy(f->to.mac, (const uint8_t[]) { 0x52, 0x55, 192, 168, 64, 1 }, FRAME_MAC);
		f->to.address = address_of("192.168.64.1");
	}
	return ask(f);
}

static void renewing_and_rebinding_prolong_the_lease(void **state)
{
	struct fixture *f = *state;

	get_lease(f);
	leases_tick(f->leases, 1300);
	assert_int_equal(renew(f, client_mac, "192.168.64.2", true), DHCP_ACK);
	goes_to(f, "192.168.64.2", client_mac);
	assert_int_equal(leases_find_mac(f->leases, client_mac)->until_s, 1900);
	leases_tick(f->leases, 1800);
	assert_int_equal(renew(f, client_mac, "192.168.64.2", false), DHCP_ACK);
	gives(f, "192.168.64.2");
	assert_int_equal(leases_find_mac(f->leases, client_mac)->until_s, 2400);
	assert_int_equal(renew(f, client_mac, "192.168.64.3", true), DHCP_NAK);
	goes_to(f, "255.255.255.255", NULL);
}

static void a_request_that_is_none_of_these_is_met_with_silence(void **state)
{
	struct fixture *f = *state;

	get_lease(f);
	begin(f, DHCP_REQUEST, client_mac); /* neither address */
	assert_int_equal(ask(f), 0);
	begin(f, DHCP_REQUEST, client_mac); /* both */
	set_ciaddr(f, "192.168.64.2");
	put_address(f, DHCP_WANTED_ADDRESS, "192.168.64.2");
	assert_int_equal(ask(f), 0);
	begin(f, DHCP_REQUEST, client_mac); /* a server, and an address it has */
	set_ciaddr(f, "192.168.64.2");
	put_address(f, DHCP_SERVER_ID, "192.168.64.1");
	assert_int_equal(ask(f), 0);
	begin(f, DHCP_REQUEST, client_mac); /* a server, and nothing */
	put_address(f, DHCP_SERVER_ID, "192.168.64.1");
	assert_int_equal(ask(f), 0);
	assert_int_equal(dhcp_counters(f->dhcp)->invalid, 4);
	assert_int_equal(state_of(f, client_mac), LEASE_BOUND);
}

/* The other messages */

static unsigned int give_back(struct fixture *f, uint8_t type, const char *ciaddr,
			      const char *wanted, const char *server, uint64_t port)
{
	begin(f, type, client_mac);
	if (ciaddr)
		set_ciaddr(f, ciaddr);
	if (wanted)
		put_address(f, DHCP_WANTED_ADDRESS, wanted);
	if (server)
		put_address(f, DHCP_SERVER_ID, server);
	f->message[f->len++] = DHCP_END;
	return ask_raw(f, port);
}

static void a_release_ends_the_lease(void **state)
{
	struct fixture *f = *state;
	const char *us = "192.168.64.1";

	get_lease(f);
	assert_int_equal(give_back(f, DHCP_RELEASE, "192.168.64.2", NULL, NULL, OUR_PORT), 0);
	assert_int_equal(give_back(f, DHCP_RELEASE, "192.168.64.2", NULL, "192.168.64.9", OUR_PORT),
			 0);
	assert_int_equal(give_back(f, DHCP_RELEASE, "192.168.64.3", NULL, us, OUR_PORT), 0);
	assert_int_equal(give_back(f, DHCP_RELEASE, NULL, NULL, us, OUR_PORT), 0);
	assert_int_equal(give_back(f, DHCP_RELEASE, "192.168.64.2", NULL, us, OUR_PORT + 1), 0);
	assert_int_equal(dhcp_counters(f->dhcp)->invalid, 5);
	assert_int_equal(state_of(f, client_mac), LEASE_BOUND);
	assert_int_equal(give_back(f, DHCP_RELEASE, "192.168.64.2", NULL, us, OUR_PORT), 0);
	assert_int_equal(state_of(f, client_mac), LEASE_FREE);
}

static void a_declined_address_is_not_offered_again(void **state)
{
	struct fixture *f = *state;
	const char *us = "192.168.64.1";

	get_lease(f);
	assert_int_equal(give_back(f, DHCP_DECLINE, NULL, "192.168.64.2", NULL, OUR_PORT), 0);
	assert_int_equal(give_back(f, DHCP_DECLINE, NULL, "192.168.64.2", us, OUR_PORT + 1), 0);
	assert_int_equal(give_back(f, DHCP_DECLINE, NULL, NULL, us, OUR_PORT), 0);
	assert_int_equal(state_of(f, client_mac), LEASE_BOUND);
	assert_int_equal(give_back(f, DHCP_DECLINE, NULL, "192.168.64.2", us, OUR_PORT), 0);
	discover(f, client_mac, "192.168.64.3");
}

static void an_inform_is_told_the_rest_and_gets_no_lease(void **state)
{
	struct fixture *f = *state;

	begin(f, DHCP_INFORM, client_mac);
	set_ciaddr(f, "192.168.64.200");
	assert_int_equal(ask(f), DHCP_ACK);
	gives(f, "0.0.0.0");
	goes_to(f, "192.168.64.200", client_mac);
	assert_null(option(f, DHCP_LEASE_TIME, NULL));
	assert_null(option(f, DHCP_T1, NULL));
	has_address(f, DHCP_ROUTER, "192.168.64.1");
	assert_null(leases_find_mac(f->leases, client_mac));
	begin(f, DHCP_INFORM, client_mac);
	set_ciaddr(f, "10.0.0.1");
	assert_int_equal(ask(f), 0);
	begin(f, DHCP_INFORM, client_mac);
	assert_int_equal(ask(f), 0);
}

static void a_servers_messages_are_not_for_us(void **state)
{
	static const uint8_t types[] = { 0, DHCP_OFFER, DHCP_ACK, DHCP_NAK, 9, 255 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(types); i++) {
		begin(f, types[i], client_mac);
		assert_int_equal(ask(f), 0);
	}
}

static void a_full_range_is_silence(void **state)
{
	struct fixture *f = *state;

	f->config.end_address = address_of("192.168.64.2");
	restart(f);
	get_lease(f);
	begin(f, DHCP_DISCOVER, other_mac);
	assert_int_equal(ask(f), 0);
	assert_int_equal(leases_counters(f->leases)->exhausted, 1);
}

/* Names */

static const char *name_after(struct fixture *f, uint8_t number, const void *value, size_t len)
{
	restart(f);
	discover(f, client_mac, "192.168.64.2");
	begin(f, DHCP_REQUEST, client_mac);
	put_address(f, DHCP_WANTED_ADDRESS, "192.168.64.2");
	if (len)
		put(f, number, value, len);
	assert_int_equal(ask(f), DHCP_ACK);
	return leases_find_mac(f->leases, client_mac)->name;
}

static const char *host_name(struct fixture *f, const char *text)
{
	return name_after(f, DHCP_HOST_NAME, text, strlen(text));
}

static void a_guests_name_is_one_label_in_lower_case(void **state)
{
	struct fixture *f = *state;
	char longest[65];

	assert_string_equal(host_name(f, "web"), "web");
	assert_string_equal(host_name(f, "Web-Server2"), "web-server2");
	assert_string_equal(host_name(f, "web.example.org"), "web");
	assert_string_equal(name_after(f, DHCP_HOST_NAME, "web\0", 4), "web");
	memset(longest, 'a', 64);
	longest[63] = '\0';
	assert_string_equal(host_name(f, longest), longest);
}

static void what_is_no_name_is_none(void **state)
{
	static const char *const bad[] = { "-web",	"web-", ".",	".web",	 "we b",
					   "we_b",	"w/eb", "\xc3", "*",	 "gateway",
					   "LOCALHOST", "host", "wpad", "isatap" };
	struct fixture *f = *state;
	char longer[65];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(host_name(f, bad[i]), "");
	memset(longer, 'a', 64);
	longer[64] = '\0';
	assert_string_equal(host_name(f, longer), "");
	assert_string_equal(name_after(f, DHCP_HOST_NAME, "\0web", 4), "");
}

static void a_full_name_in_either_form_counts(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\0\0\0web.lan", 10), "web");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4\0\0\3web\3lan\0", 12), "web");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4\0\0\3web", 7), "web");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4\0\0\4web", 7), "");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4\0\0", 3), "");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4", 1), "");
	assert_string_equal(name_after(f, DHCP_CLIENT_FQDN, "\4\0\0\0", 4), "");
}

static void a_guest_is_told_its_name(void **state)
{
	struct fixture *f = *state;
	struct network_reservation reservation = { .address = address_of("192.168.64.50"),
						   .name = "db" };

	memcpy(reservation.mac, client_mac, FRAME_MAC);
	assert_int_equal(leases_reserve(f->leases, &reservation, &(char *) { NULL }), 0);
	discover(f, client_mac, "192.168.64.50");
	has_text(f, DHCP_HOST_NAME, "db");
}

/* What is no message */

static unsigned int changed(struct fixture *f, size_t at, uint8_t value)
{
	begin(f, DHCP_DISCOVER, client_mac);
	f->message[at] = value;
	return ask(f);
}

static void headers_that_are_not_a_clients_on_this_link_are_ignored(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(changed(f, 0, 2), 0);	 /* a reply */
	assert_int_equal(changed(f, 1, 6), 0);	 /* no Ethernet */
	assert_int_equal(changed(f, 2, 5), 0);	 /* a shorter address */
	assert_int_equal(changed(f, 2, 16), 0);	 /* a longer one */
	assert_int_equal(changed(f, 27, 1), 0);	 /* a relay agent's */
	assert_int_equal(changed(f, 28, 3), 0);	 /* a group's address */
	assert_int_equal(changed(f, 239, 0), 0); /* another cookie */
	begin(f, DHCP_DISCOVER, (const uint8_t[6]) { 0 });
	assert_int_equal(ask(f), 0);
	assert_int_equal(changed(f, 3, 1), DHCP_OFFER);
	assert_int_equal(dhcp_counters(f->dhcp)->invalid, 8);
}

static void options_of_the_wrong_length_are_ignored_with_their_message(void **state)
{
	static const uint8_t options[] = { DHCP_WANTED_ADDRESS, DHCP_SERVER_ID,	  DHCP_OVERLOAD,
					   DHCP_MESSAGE_TYPE,	DHCP_MAX_MESSAGE, DHCP_CLIENT_ID };
	static const uint8_t right[] = { 4, 4, 1, 1, 2, 0 };
	static const uint8_t value[6] = { 1, 1, 1, 1, 1, 1 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(options); i++) {
		for (size_t len = 0; len <= 5; len++) {
			bool good = right[i] ? len == right[i] : len >= 2;

			begin(f, DHCP_DISCOVER, client_mac);
			put(f, options[i], value, len);
			assert_int_equal(ask(f), good ? DHCP_OFFER : 0);
		}
	}
}

static void a_message_without_a_type_is_no_dhcp(void **state)
{
	struct fixture *f = *state;

	begin(f, DHCP_DISCOVER, client_mac);
	f->len = HEADER;
	assert_int_equal(ask(f), 0);
}

static void a_message_cut_at_any_byte_is_never_read_beyond(void **state)
{
	struct fixture *f = *state;
	size_t full;

	begin(f, DHCP_DISCOVER, client_mac);
	put_text(f, DHCP_HOST_NAME, "web");
	put(f, DHCP_CLIENT_FQDN, "\4\0\0\3web\3lan\0", 12);
	put(f, DHCP_WANTED_OPTIONS, (const uint8_t[]) { 1, 3, 6 }, 3);
	full = f->len;
	for (f->len = 0; f->len < HEADER; f->len++)
		assert_int_equal(ask_raw(f, OUR_PORT), 0);
	for (f->len = HEADER; f->len <= full; f->len++) {
		/* Only where an option ends: an end of options is not insisted on. */
		bool whole = f->len == HEADER + 3 || f->len == HEADER + 8 ||
			     f->len == HEADER + 22 || f->len == full;

		assert_int_equal(ask_raw(f, OUR_PORT), whole ? DHCP_OFFER : 0);
	}
}

static void options_go_on_in_file_and_server_name_when_said_so(void **state)
{
	struct fixture *f = *state;
	static const uint8_t wanted[] = { DHCP_WANTED_ADDRESS, 4, 192, 168, 64, 99, DHCP_END };

	for (uint8_t overload = 0; overload < 4; overload++) {
		for (uint8_t where = 1; where < 3; where++) {
			restart(f);
			begin(f, DHCP_DISCOVER, client_mac);
			memcpy(f->message + (where == 1 ? BOOT_AT : NAME_AT), wanted,
			       sizeof(wanted));
			if (overload)
				put(f, DHCP_OVERLOAD, &overload, 1);
			assert_int_equal(ask(f), DHCP_OFFER);
			gives(f, overload & where ? "192.168.64.99" : "192.168.64.2");
		}
	}
}

static void options_that_leave_an_overloaded_field_are_refused(void **state)
{
	struct fixture *f = *state;

	begin(f, DHCP_DISCOVER, client_mac);
	put(f, DHCP_OVERLOAD, (const uint8_t[]) { 2 }, 1);
	f->message[NAME_AT + 62] = DHCP_HOST_NAME;
	f->message[NAME_AT + 63] = 1;
	assert_int_equal(ask(f), 0);
	begin(f, DHCP_DISCOVER, client_mac);
	put(f, DHCP_OVERLOAD, (const uint8_t[]) { 1 }, 1);
	f->message[BOOT_AT + 127] = DHCP_HOST_NAME;
	assert_int_equal(ask(f), 0);
}

/* Frames */

static void broken_frames_are_no_datagrams(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[UDP_FRAME_PAYLOAD4 + 300] = { 0 }, *copy;
	struct udp_frame datagram;
	size_t len;

	begin(f, DHCP_DISCOVER, client_mac);
	len = udp_frame_write(frame, &f->from, &f->to, 300);
	assert_int_equal(udp_frame_read(frame, len, &datagram), 0);
	for (size_t at = 14; at < UDP_FRAME_PAYLOAD4; at++) {
		frame[at] ^= 0x10;
		assert_true(udp_frame_read(frame, len, &datagram) < 0);
		frame[at] ^= 0x10;
	}
	frame[UDP_FRAME_PAYLOAD4] ^= 1; /* the checksum sees it */
	assert_int_equal(udp_frame_read(frame, len, &datagram), -EBADMSG);
	packet_put16(frame + 40, 0); /* without one it is not seen */
	assert_int_equal(udp_frame_read(frame, len, &datagram), 0);
	for (size_t cut = 0; cut < len; cut++) {
		copy = malloc(cut ? cut : 1);
		assert_non_null(copy);
		memcpy(copy, frame, cut);
		assert_true(udp_frame_read(copy, cut, &datagram) < 0);
		free(copy);
	}
}

#define RULE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_discover_is_answered_by_an_offer_with_all_that_a_guest_needs),
		RULE(host_mode_has_no_router),
		RULE(a_list_of_options_leaves_out_what_is_optional_only),
		RULE(the_name_servers_given_are_announced_instead),
		RULE(a_guest_that_boots_is_told_server_and_file),
		RULE(a_lease_without_end_has_no_times_to_renew),
		RULE(answers_are_broadcast_to_who_asks_for_that),
		RULE(the_client_id_comes_back),
		RULE(an_answer_is_no_longer_than_the_client_takes),
		RULE(selecting_binds_what_was_offered),
		RULE(selecting_something_else_is_refused_to_everybodys_hearing),
		RULE(selecting_another_server_frees_our_offer),
		RULE(init_reboot_confirms_the_lease_or_refuses),
		RULE(renewing_and_rebinding_prolong_the_lease),
		RULE(a_request_that_is_none_of_these_is_met_with_silence),
		RULE(a_release_ends_the_lease),
		RULE(a_declined_address_is_not_offered_again),
		RULE(an_inform_is_told_the_rest_and_gets_no_lease),
		RULE(a_servers_messages_are_not_for_us),
		RULE(a_full_range_is_silence),
		RULE(a_guests_name_is_one_label_in_lower_case),
		RULE(what_is_no_name_is_none),
		RULE(a_full_name_in_either_form_counts),
		RULE(a_guest_is_told_its_name),
		RULE(headers_that_are_not_a_clients_on_this_link_are_ignored),
		RULE(options_of_the_wrong_length_are_ignored_with_their_message),
		RULE(a_message_without_a_type_is_no_dhcp),
		RULE(a_message_cut_at_any_byte_is_never_read_beyond),
		RULE(options_go_on_in_file_and_server_name_when_said_so),
		RULE(options_that_leave_an_overloaded_field_are_refused),
		RULE(broken_frames_are_no_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
