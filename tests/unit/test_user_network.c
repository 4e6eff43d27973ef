/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_user_network.c - guests made of a few packets on a whole user network: switch, filter,
 * libslirp, loop
 *
 *   guest 0 --+
 *             +-- switch -- uplink (libslirp) -- 127.0.0.1: sockets of this test
 *   guest 1 --+
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/user/flow_budget.h"
#include "net/user/network.h"
#include "net/user/slirp_poll.h"

#define N_GUESTS     2u
#define WAIT_MS	     2000u

#define ETH	     14u
#define UDP_DATA     (ETH + 20u + 8u)
#define DHCP_OPTIONS (UDP_DATA + 240u)

struct guest {
	struct channel *channel;
	uint8_t mac[FRAME_MAC];
	struct in_addr address;
	bool (*wanted)(struct guest *guest, const uint8_t *frame, size_t len);
	bool got;
	uint8_t last[2048]; /* the frame that was wanted */
	size_t last_len;
	unsigned int n_frames;
};

struct fixture {
	uv_loop_t loop;
	struct network *network;
	struct network_addresses addresses;
	struct guest guests[N_GUESTS];
	uint16_t source_port; /* of datagrams; 0: 4000 */
	uv_timer_t deadline;
	bool timed_out;
	unsigned int turns;
	uv_prepare_t counter;
};

static bool is_arp_for(const struct guest *guest, const uint8_t *frame, size_t len);
static void answer_arp(struct guest *guest, const uint8_t *request);

static void on_ready(void *opaque)
{
	struct guest *guest = opaque;
	struct frame frame;

	while (channel_peek(guest->channel, &frame, 1)) {
		guest->n_frames++;
		if (is_arp_for(guest, frame.iov->iov_base, frame.len))
			answer_arp(guest, frame.iov->iov_base);
		if (!guest->got && guest->wanted && frame.len <= sizeof(guest->last) &&
		    guest->wanted(guest, frame.iov->iov_base, frame.len)) {
			memcpy(guest->last, frame.iov->iov_base, frame.len);
			guest->last_len = frame.len;
			guest->got = true;
		}
		channel_consume(guest->channel, 1);
	}
}

static const struct channel_events events = { .ready = on_ready };

static void on_deadline(uv_timer_t *timer)
{
	struct fixture *f = timer->data;

	f->timed_out = true;
}

static void on_turn(uv_prepare_t *prepare)
{
	struct fixture *f = prepare->data;

	f->turns++;
}

static void start(struct fixture *f, const struct network_config *config)
{
	const struct network_port plug = { .name = "guest",
					   .isolated = config->isolated,
					   .mtu = config->mtu };
	char *error = NULL;

	assert_int_equal(uv_loop_init(&f->loop), 0);
	uv_timer_init(&f->loop, &f->deadline);
	uv_prepare_init(&f->loop, &f->counter);
	uv_prepare_start(&f->counter, on_turn);
	f->deadline.data = f->counter.data = f;
	network_config_addresses(config, &f->addresses);
	assert_int_equal(user_network_new(&f->loop, config, &f->network, &error), 0);
	for (unsigned int i = 0; i < N_GUESTS; i++) {
		struct guest *guest = &f->guests[i];

		memcpy(guest->mac, (const uint8_t[]) { 2, 0, 0, 0, 1, (uint8_t)i }, FRAME_MAC);
		assert_int_equal(network_open(f->network, &plug, &events, guest, &guest->channel),
				 0);
		channel_set_link(guest->channel, true);
	}
}

/* The servers of these tests are on the host's loopback, open to guests unless @closed. */
static int setup_access(void **state, enum network_mode mode, bool isolated, bool closed)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_config config;

	assert_non_null(f);
	assert_int_equal(network_config_default(mode, &config), 0);
	config.isolated = isolated;
	config.host_loopback = !closed;
	start(f, &config);
	*state = f;
	return 0;
}

static int setup_mode(void **state, enum network_mode mode, bool isolated)
{
	return setup_access(state, mode, isolated, false);
}

static int setup_named(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_config config;

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_HOST, &config), 0);
	config.uuid_given = true;
	config.dhcp.off = true;
	start(f, &config);
	*state = f;
	return 0;
}

static int setup_closed(void **state)
{
	return setup_access(state, NETWORK_SHARED, false, true);
}

static int setup_shared(void **state)
{
	return setup_mode(state, NETWORK_SHARED, false);
}

static int setup_host(void **state)
{
	return setup_mode(state, NETWORK_HOST, false);
}

static int setup_isolated(void **state)
{
	return setup_mode(state, NETWORK_SHARED, true);
}

/* Every handle closed and all memory back: uv_loop_close() and the sanitizer see to it. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < N_GUESTS; i++)
		channel_close(f->guests[i].channel);
	network_free(f->network);
	uv_close((uv_handle_t *)&f->deadline, NULL);
	uv_close((uv_handle_t *)&f->counter, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

/* Turn the loop for a while, or until the guest has what it wants. Return: whether it has */
static bool wait_for(struct fixture *f, struct guest *guest, unsigned int ms)
{
	f->timed_out = false;
	uv_update_time(&f->loop);
	uv_timer_start(&f->deadline, on_deadline, ms, 0);
	while (!f->timed_out && !(guest && guest->got))
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_timer_stop(&f->deadline);
	return guest && guest->got;
}

static void want(struct guest *guest, bool (*wanted)(struct guest *, const uint8_t *, size_t))
{
	guest->wanted = wanted;
	guest->got = false;
}

static void send_frame(struct guest *guest, const uint8_t *bytes, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct frame frame = { .iov = &iov, .n_iov = 1, .len = len };

	assert_int_equal(channel_send(guest->channel, &frame, 1), 1);
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_checksum(uint8_t *at, const uint8_t *from, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)from[i] << 8 | from[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(at, ~sum & 0xffff);
}

static const uint8_t broadcast[FRAME_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void gateway_mac(const struct fixture *f, uint8_t ret[FRAME_MAC])
{
	ret[0] = 0x52;
	ret[1] = 0x55;
	memcpy(ret + 2, &f->addresses.gateway, 4);
}

static void put_ethernet(uint8_t *frame, const uint8_t *to, const struct guest *guest,
			 unsigned int type)
{
	memcpy(frame, to, FRAME_MAC);
	memcpy(frame + FRAME_MAC, guest->mac, FRAME_MAC);
	put16(frame + 12, type);
}

static void put_ipv4(uint8_t *frame, size_t len, struct in_addr from, struct in_addr to,
		     uint8_t protocol)
{
	uint8_t *ip = frame + ETH;

	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)(len - ETH));
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	put_checksum(ip + 10, ip, 20);
}

/* DHCP */

static bool is_dhcp_reply(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len > DHCP_OPTIONS && frame[ETH + 9] == IPPROTO_UDP && frame[ETH + 23] == 68 &&
	       memcmp(frame + UDP_DATA + 28, guest->mac, FRAME_MAC) == 0;
}

static void send_dhcp(struct guest *guest, uint8_t type, struct in_addr wanted)
{
	uint8_t frame[ETH + 20 + 8 + 548] = { 0 };
	struct in_addr zero = { 0 }, all = { INADDR_BROADCAST };
	uint8_t *bootp = frame + UDP_DATA;

	put_ethernet(frame, broadcast, guest, ETH_P_IP);
	bootp[0] = 1;
	bootp[1] = 1;
	bootp[2] = 6;
	memcpy(bootp + 28, guest->mac, FRAME_MAC);
	memcpy(bootp + 236, (const uint8_t[]) { 99, 130, 83, 99, 53, 1, type, 255 }, 8);
	if (wanted.s_addr) {
		memcpy(bootp + 243, (const uint8_t[]) { 50, 4, 0, 0, 0, 0, 255 }, 7);
		memcpy(bootp + 245, &wanted, 4);
	}
	put_ipv4(frame, sizeof(frame), zero, all, IPPROTO_UDP);
	put16(frame + ETH + 20, 68);
	put16(frame + ETH + 22, 67);
	put16(frame + ETH + 24, 8 + 548);
	send_frame(guest, frame, sizeof(frame));
}

/* Return: the option's value, NULL if it is not there */
static const uint8_t *dhcp_option(const struct guest *guest, uint8_t wanted)
{
	const uint8_t *at = guest->last + DHCP_OPTIONS;

	while (at < guest->last + guest->last_len && *at != 255) {
		if (*at == wanted)
			return at + 2;
		at += *at ? 2 + at[1] : 1;
	}
	return NULL;
}

static bool get_lease(struct fixture *f, struct guest *guest)
{
	struct in_addr offered = { 0 };

	want(guest, is_dhcp_reply);
	send_dhcp(guest, 1, offered);
	if (!wait_for(f, guest, WAIT_MS))
		return false;
	assert_int_equal(*dhcp_option(guest, 53), 2);
	memcpy(&offered, guest->last + UDP_DATA + 16, 4);
	want(guest, is_dhcp_reply);
	send_dhcp(guest, 3, offered);
	assert_true(wait_for(f, guest, WAIT_MS));
	assert_int_equal(*dhcp_option(guest, 53), 5);
	memcpy(&guest->address, guest->last + UDP_DATA + 16, 4);
	return true;
}

static void assert_address(struct in_addr address, struct in_addr base, uint32_t plus)
{
	assert_int_equal(ntohl(address.s_addr), ntohl(base.s_addr) + plus);
}

static void guests_get_the_addresses_after_the_gateway(void **state)
{
	struct fixture *f = *state;

	assert_true(get_lease(f, &f->guests[0]));
	assert_true(get_lease(f, &f->guests[1]));
	assert_address(f->guests[0].address, f->addresses.gateway, 1);
	assert_address(f->guests[1].address, f->addresses.gateway, 2);
}

static void shared_announces_the_gateway_as_router_and_name_server(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];

	assert_true(get_lease(f, guest));
	assert_memory_equal(dhcp_option(guest, 1), &f->addresses.mask, 4);
	assert_memory_equal(dhcp_option(guest, 3), &f->addresses.gateway, 4);
	assert_memory_equal(dhcp_option(guest, 6), &f->addresses.gateway, 4);
}

static void host_mode_announces_a_name_server_and_no_router(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];

	assert_true(get_lease(f, guest));
	assert_address(guest->address, f->addresses.gateway, 1);
	assert_memory_equal(dhcp_option(guest, 1), &f->addresses.mask, 4);
	assert_null(dhcp_option(guest, 3));
	assert_memory_equal(dhcp_option(guest, 6), &f->addresses.gateway, 4);
}

static void an_address_beyond_the_range_is_not_offered(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_config config;

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	config.end_address.s_addr = htonl(ntohl(config.start_address.s_addr) + 1);
	start(f, &config);
	assert_true(get_lease(f, &f->guests[0]));
	want(&f->guests[1], is_dhcp_reply);
	send_dhcp(&f->guests[1], 1, (struct in_addr) { 0 });
	assert_false(wait_for(f, &f->guests[1], 100));
	*state = f;
	teardown(state);
}

/* Leases and names, through the whole network */

static bool count_lease(void *opaque, const struct network_lease *lease)
{
	unsigned int *n = opaque;

	(*n)++;
	return true;
}

static unsigned int count_leases(const struct fixture *f)
{
	unsigned int n = 0;

	network_each_lease(f->network, count_lease, &n);
	return n;
}

static void make_with_state(void **state, const char *dir)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_config config;

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	config.state_dir = dir;
	start(f, &config);
	*state = f;
}

static void a_restart_keeps_leases_and_the_picked_prefix(void **state)
{
	char dir[] = "/tmp/outrigger-state-XXXXXX", file[64];
	struct in6_addr prefix;
	struct fixture *f;
	void *run;

	assert_non_null(mkdtemp(dir));
	make_with_state(&run, dir);
	f = run;
	assert_int_equal(count_leases(f), 0);
	assert_true(get_lease(f, &f->guests[1]));
	assert_address(f->guests[1].address, f->addresses.gateway, 1);
	assert_int_equal(count_leases(f), 1);
	prefix = network_config_of(f->network)->nat66_prefix;
	teardown(&run);

	make_with_state(&run, dir);
	f = run;
	assert_memory_equal(&network_config_of(f->network)->nat66_prefix, &prefix, 16);
	assert_int_equal(count_leases(f), 1);
	assert_true(get_lease(f, &f->guests[0]));
	assert_true(get_lease(f, &f->guests[1]));
	assert_address(f->guests[0].address, f->addresses.gateway, 2);
	assert_address(f->guests[1].address, f->addresses.gateway, 1);
	teardown(&run);
	snprintf(file, sizeof(file), "%s/leases", dir);
	assert_int_equal(unlink(file), 0);
	snprintf(file, sizeof(file), "%s/leases.lock", dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

static bool is_dns_answer(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len > UDP_DATA + 12 && frame[ETH + 9] == IPPROTO_UDP && frame[ETH + 21] == 53 &&
	       frame[ETH + 20] == 0 && (frame[UDP_DATA + 2] & 0x80);
}

static void the_gateway_knows_a_reserved_guest_by_name(void **state)
{
	static const uint8_t query[] = "\1\2\1\0\0\1\0\0\0\0\0\0\2db\0\0\1\0\1";
	size_t n = sizeof(query) - 1;
	struct network_reservation reservation = { .mac = { 2, 9, 9, 9, 9, 9 }, .name = "db" };
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	uint8_t frame[UDP_DATA + sizeof(query)] = { 0 }, mac[FRAME_MAC];

	assert_true(get_lease(f, guest));
	reservation.address.s_addr = htonl(ntohl(f->addresses.gateway.s_addr) + 77);
	assert_int_equal(network_reserve(f->network, &reservation, &(char *) { NULL }), 0);
	assert_int_equal(count_leases(f), 2);
	gateway_mac(f, mac);
	put_ethernet(frame, mac, guest, ETH_P_IP);
	put_ipv4(frame, UDP_DATA + n, guest->address, f->addresses.gateway, IPPROTO_UDP);
	put16(frame + ETH + 20, 4000);
	put16(frame + ETH + 22, 53);
	put16(frame + ETH + 24, (unsigned int)(8 + n));
	memcpy(frame + UDP_DATA, query, n);
	want(guest, is_dns_answer);
	send_frame(guest, frame, UDP_DATA + n);
	assert_true(wait_for(f, guest, WAIT_MS));
	assert_memory_equal(guest->last + UDP_DATA + n + 12, &reservation.address, 4);
	assert_memory_equal(guest->last + ETH + 12, &f->addresses.gateway, 4);
	assert_int_equal(network_unreserve(f->network, reservation.mac), 0);
	assert_int_equal(network_unreserve(f->network, reservation.mac), -ENOENT);
	assert_int_equal(count_leases(f), 1);
}

/* ARP and ICMP */

static bool is_arp_reply(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len >= ETH + 28 && frame[12] == 8 && frame[13] == 6 && frame[ETH + 7] == ARPOP_REPLY;
}

static void send_arp(struct guest *guest, struct in_addr target)
{
	uint8_t frame[60] = { 0 };

	put_ethernet(frame, broadcast, guest, ETH_P_ARP);
	memcpy(frame + ETH, (const uint8_t[]) { 0, 1, 8, 0, 6, 4, 0, ARPOP_REQUEST }, 8);
	memcpy(frame + ETH + 8, guest->mac, FRAME_MAC);
	memcpy(frame + ETH + 14, &guest->address, 4);
	memcpy(frame + ETH + 24, &target, 4);
	send_frame(guest, frame, sizeof(frame));
}

static bool is_arp_for(const struct guest *guest, const uint8_t *frame, size_t len)
{
	return guest->address.s_addr && len >= ETH + 28 && frame[12] == 8 && frame[13] == 6 &&
	       frame[ETH + 7] == ARPOP_REQUEST && memcmp(frame + ETH + 24, &guest->address, 4) == 0;
}

static void answer_arp(struct guest *guest, const uint8_t *request)
{
	uint8_t frame[60] = { 0 };

	put_ethernet(frame, request + ETH + 8, guest, ETH_P_ARP);
	memcpy(frame + ETH, request + ETH, 8);
	frame[ETH + 7] = ARPOP_REPLY;
	memcpy(frame + ETH + 8, guest->mac, FRAME_MAC);
	memcpy(frame + ETH + 14, &guest->address, 4);
	memcpy(frame + ETH + 18, request + ETH + 8, FRAME_MAC + 4);
	send_frame(guest, frame, sizeof(frame));
}

static bool is_echo_reply(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len >= ETH + 28 && frame[13] == 0 && frame[ETH + 9] == IPPROTO_ICMP &&
	       frame[ETH + 20] == 0;
}

static void send_echo(struct fixture *f, struct guest *guest, struct in_addr target)
{
	uint8_t frame[ETH + 20 + 8 + 32] = { 0 }, mac[FRAME_MAC];

	gateway_mac(f, mac);
	put_ethernet(frame, mac, guest, ETH_P_IP);
	put_ipv4(frame, sizeof(frame), guest->address, target, IPPROTO_ICMP);
	frame[ETH + 20] = 8;
	put_checksum(frame + ETH + 22, frame + ETH + 20, 40);
	send_frame(guest, frame, sizeof(frame));
}

static void the_gateway_answers_arp_and_ping(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	uint8_t mac[FRAME_MAC];

	gateway_mac(f, mac);
	assert_true(get_lease(f, guest));
	want(guest, is_arp_reply);
	send_arp(guest, f->addresses.gateway);
	assert_true(wait_for(f, guest, WAIT_MS));
	assert_memory_equal(guest->last + ETH + 8, mac, FRAME_MAC);
	want(guest, is_echo_reply);
	send_echo(f, guest, f->addresses.gateway);
	assert_true(wait_for(f, guest, WAIT_MS));
}

/* Guest to guest */

static bool is_from_other_guest(struct guest *guest, const uint8_t *frame, size_t len)
{
	return frame[FRAME_MAC] == 2 && frame[2 * FRAME_MAC - 1] != guest->mac[5];
}

static void greet(struct guest *from, const struct guest *to)
{
	uint8_t frame[60] = { 0 };

	put_ethernet(frame, to->mac, from, 0x88b5);
	send_frame(from, frame, sizeof(frame));
}

static void guests_reach_each_other(void **state)
{
	struct fixture *f = *state;

	want(&f->guests[1], is_from_other_guest);
	greet(&f->guests[0], &f->guests[1]);
	assert_true(wait_for(f, &f->guests[1], WAIT_MS));
}

static bool only_guests(void *opaque, const struct network_address *address)
{
	unsigned int *n = opaque;

	assert_non_null(address->channel);
	(*n)++;
	return true;
}

static void a_network_with_a_uuid_has_guests_and_not_the_host(void **state)
{
	struct fixture *f = *state;
	const struct network_reservation reservation = { .mac = { 2 },
							 .address = f->addresses.first_lease };
	unsigned int n = 0;
	char *error = NULL;

	send_arp(&f->guests[0], f->addresses.gateway);
	guests_reach_each_other(state);
	network_each_address(f->network, only_guests, &n);
	assert_int_equal(n, 1);
	assert_int_equal(network_reserve(f->network, &reservation, &error), -EOPNOTSUPP);
	free(error);
}

static void isolated_guests_reach_the_gateway_and_not_each_other(void **state)
{
	struct fixture *f = *state;

	assert_true(get_lease(f, &f->guests[0]));
	want(&f->guests[0], is_echo_reply);
	want(&f->guests[1], is_from_other_guest);
	send_echo(f, &f->guests[0], f->addresses.gateway);
	greet(&f->guests[0], &f->guests[1]);
	assert_true(wait_for(f, &f->guests[0], WAIT_MS));
	assert_false(f->guests[1].got);
}

/* UDP, through a socket of the host */

static int udp_server(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void send_udp(struct fixture *f, struct guest *guest, struct in_addr target, uint16_t port)
{
	uint8_t frame[UDP_DATA + 4] = { 0 }, mac[FRAME_MAC];

	gateway_mac(f, mac);
	put_ethernet(frame, mac, guest, ETH_P_IP);
	put_ipv4(frame, sizeof(frame), guest->address, target, IPPROTO_UDP);
	put16(frame + ETH + 20, f->source_port ? f->source_port : 4000);
	put16(frame + ETH + 22, port);
	put16(frame + ETH + 24, 12);
	memcpy(frame + UDP_DATA, "ping", 4);
	send_frame(guest, frame, sizeof(frame));
}

static bool is_udp_pong(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len >= UDP_DATA + 4 && frame[ETH + 9] == IPPROTO_UDP &&
	       memcmp(frame + UDP_DATA, "pong", 4) == 0;
}

/* Return: whether the ping came; answers it */
static bool answer_ping(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char got[8];

	if (recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&peer, &len) != 4)
		return false;
	return sendto(fd, "pong", 4, 0, (struct sockaddr *)&peer, len) == 4;
}

static void a_datagram_to_the_gateway_reaches_the_host_and_its_answer_comes_back(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	uint16_t port;
	int fd = udp_server(&port);

	assert_true(get_lease(f, guest));
	for (unsigned int i = 0; i < 3; i++) {
		want(guest, is_udp_pong);
		send_udp(f, guest, f->addresses.gateway, port);
		wait_for(f, NULL, 20);
		assert_true(answer_ping(fd));
		assert_true(wait_for(f, guest, WAIT_MS));
	}
	close(fd);
}

static void the_hosts_loopback_is_closed_unless_opened(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	uint16_t port;
	int fd = udp_server(&port);

	assert_true(get_lease(f, guest));
	send_udp(f, guest, f->addresses.gateway, port);
	want(guest, is_echo_reply); /* comes behind it */
	send_echo(f, guest, f->addresses.gateway);
	assert_true(wait_for(f, guest, WAIT_MS));
	assert_false(answer_ping(fd));
	close(fd);
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static struct rlimit usual_fds;

static int setup_few_fds(void **state)
{
	struct rlimit few;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_fds), 0);
	few = usual_fds;
	few.rlim_cur = 128;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	return setup_shared(state);
}

static int teardown_few_fds(void **state)
{
	setrlimit(RLIMIT_NOFILE, &usual_fds);
	return teardown(state);
}

static void a_guest_with_flows_without_end_leaves_descriptors_to_others(void **state)
{
	struct fixture *f = *state;
	struct guest *greedy = &f->guests[0], *other = &f->guests[1];
	unsigned int before;
	char got[8];
	uint16_t port;
	int fd = udp_server(&port);

	assert_true(get_lease(f, greedy) && get_lease(f, other));
	before = open_fds();
	for (unsigned int i = 0; i < 500; i++) {
		f->source_port = (uint16_t)(4000 + i);
		send_udp(f, greedy, f->addresses.gateway, port);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	assert_in_range(open_fds() - before, 1, 128 / FLOW_BUDGET_SHARES);
	want(other, is_udp_pong);
	send_udp(f, other, f->addresses.gateway, port);
	wait_for(f, NULL, 20);
	assert_true(answer_ping(fd));
	assert_true(wait_for(f, other, WAIT_MS));
	close(fd);
}

static void an_answer_after_a_long_pause_still_comes_back(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	uint16_t port;
	int fd = udp_server(&port);

	assert_true(get_lease(f, guest));
	wait_for(f, NULL, 1200); /* libslirp's clock stands still: it has nothing to do */
	want(guest, is_udp_pong);
	send_udp(f, guest, f->addresses.gateway, port);
	wait_for(f, NULL, 700);
	assert_true(answer_ping(fd));
	assert_true(wait_for(f, guest, WAIT_MS));
	close(fd);
}

static void host_mode_reaches_no_other_address_of_the_host(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
	uint16_t port;
	int fd = udp_server(&port);

	assert_true(get_lease(f, guest));
	send_udp(f, guest, loopback, port);
	wait_for(f, NULL, 50);
	assert_false(answer_ping(fd));
	send_udp(f, guest, f->addresses.gateway, port);
	wait_for(f, NULL, 50);
	assert_true(answer_ping(fd));
	close(fd);
}

/* IPv6 */

static bool is_router_advertisement(struct guest *guest, const uint8_t *frame, size_t len)
{
	return len > ETH + 56 && frame[12] == 0x86 && frame[ETH + 6] == IPPROTO_ICMPV6 &&
	       frame[ETH + 40] == 134;
}

static void send_router_solicitation(struct guest *guest)
{
	static const uint8_t all_routers_mac[] = { 0x33, 0x33, 0, 0, 0, 2 };
	uint8_t frame[ETH + 48] = { 0 }, sum[40 + 8] = { 0 };
	uint8_t *ip = frame + ETH;

	put_ethernet(frame, all_routers_mac, guest, ETH_P_IPV6);
	ip[0] = 0x60;
	ip[5] = 8;
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 255;
	inet_pton(AF_INET6, "fe80::99", ip + 8);
	inet_pton(AF_INET6, "ff02::2", ip + 24);
	ip[40] = 133;
	memcpy(sum, ip + 8, 32); /* the pseudo header's sum does not depend on its order */
	sum[35] = 8;
	sum[39] = IPPROTO_ICMPV6;
	memcpy(sum + 40, ip + 40, 8);
	put_checksum(ip + 42, sum, sizeof(sum));
	send_frame(guest, frame, sizeof(frame));
}

static void a_router_solicitation_gets_the_prefix(void **state)
{
	struct fixture *f = *state;
	struct guest *guest = &f->guests[0];
	const uint8_t *options = guest->last + ETH + 56;

	want(guest, is_router_advertisement);
	send_router_solicitation(guest);
	assert_true(wait_for(f, guest, WAIT_MS));
	assert_int_equal(options[8], 3); /* after the source's address: the prefix */
	assert_memory_equal(options + 8 + 16, &f->addresses.prefix6, 16);
}

static void an_mtu_too_small_for_ipv6_has_none(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct network_config config;

	assert_non_null(f);
	assert_int_equal(network_config_default(NETWORK_SHARED, &config), 0);
	config.mtu = 68;
	start(f, &config);
	want(&f->guests[0], is_router_advertisement);
	send_router_solicitation(&f->guests[0]);
	assert_false(wait_for(f, &f->guests[0], 50));
	*state = f;
	teardown(state);
}

/* Rest */

static void an_idle_network_lets_the_loop_sleep(void **state)
{
	struct fixture *f = *state;
	unsigned int turns;

	assert_true(get_lease(f, &f->guests[0]));
	wait_for(f, NULL, 50);
	turns = f->turns;
	wait_for(f, NULL, 1500);
	assert_in_range(f->turns - turns, 1, 2); /* our own timer */
}

/*
 * Correct as far as it must be to get further in: addresses, lengths and checksums of both
 * headers.
 */
static size_t noise_ipv4(struct fixture *f, struct guest *guest, uint8_t *frame)
{
	static const uint8_t protocols[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IGMP };
	size_t n = 8 + (size_t)rand() % 160, len = ETH + 20 + n;
	uint8_t protocol = protocols[rand() % 4], *payload = frame + ETH + 20;
	size_t at = protocol == IPPROTO_ICMP ? 2 : protocol == IPPROTO_TCP ? 16 : 6;
	uint8_t sum[12 + 168] = { 0 };

	memset(frame + ETH, 0, 12);
	put_ipv4(frame, len, guest->address, f->addresses.gateway, protocol);
	if (n < at + 2 || rand() % 8 == 0)
		return len;
	if (protocol == IPPROTO_UDP)
		put16(payload + 4, (unsigned int)n);
	if (protocol == IPPROTO_TCP)
		payload[13] &= (uint8_t)rand(); /* fewer flags */
	if (protocol != IPPROTO_ICMP) {
		/*
		 * libslirp's own services and "discard": this host's others are none of our
		 * business
		 */
		put16(payload + 2, (unsigned int[]) { 67, 69, 9 }[rand() % 3]);
		memcpy(sum, frame + ETH + 12, 8);
		sum[9] = protocol;
		put16(sum + 10, (unsigned int)n);
	} else {
		payload[0] = (uint8_t)(rand() % 20);
	}
	put16(payload + at, 0);
	memcpy(sum + 12, payload, n);
	put_checksum(payload + at, sum, 12 + n + n % 2);
	return len;
}

static size_t noise_frame(struct fixture *f, struct guest *guest, uint8_t *frame)
{
	uint8_t mac[FRAME_MAC];
	size_t len = ETH + (size_t)rand() % 200;
	static const unsigned int types[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, ETH_P_IP };
	unsigned int type = (unsigned int)rand() % 4;

	for (size_t at = 0; at < 256; at++)
		frame[at] = (uint8_t)rand();
	gateway_mac(f, mac);
	put_ethernet(frame, mac, guest, types[type]);
	if (type == 0)
		return noise_ipv4(f, guest, frame);
	if (type == 1) {
		frame[ETH] = 0x60;
		frame[ETH + 6] = rand() % 2 ? IPPROTO_ICMPV6 : IPPROTO_UDP;
		memcpy(frame + ETH + 24, &f->addresses.gateway6, 16);
		put16(frame + ETH + 42, (unsigned int[]) { 547, 69, 9 }[rand() % 3]);
	}
	return len;
}

static void frames_made_of_noise_do_no_harm(void **state)
{
	struct fixture *f = *state;
	const char *given = getenv("SEED"); /* to repeat a failure */
	unsigned int seed = given ? (unsigned int)atoi(given) : (unsigned int)time(NULL);
	uint8_t frame[256];

	print_message("# SEED=%u\n", seed);
	srand(seed);
	assert_true(get_lease(f, &f->guests[0]));
	for (unsigned int i = 0; i < 20000; i++) {
		send_frame(&f->guests[0], frame, noise_frame(f, &f->guests[0], frame));
		if (i % 64 == 0)
			uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_true(get_lease(f, &f->guests[1]));
}

#define RULE(f, setup) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Of a connection for which accept() had no fd left. */
static void a_socket_that_never_was_is_forgotten(void **state)
{
	struct slirp_poll *poll;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(slirp_poll_new(&loop, &poll), 0);
	slirp_poll_forget(poll, -1);
	slirp_poll_free(poll);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_never_was_is_forgotten),
		RULE(guests_get_the_addresses_after_the_gateway, setup_shared),
		RULE(shared_announces_the_gateway_as_router_and_name_server, setup_shared),
		RULE(host_mode_announces_a_name_server_and_no_router, setup_host),
		cmocka_unit_test(an_address_beyond_the_range_is_not_offered),
		cmocka_unit_test(a_restart_keeps_leases_and_the_picked_prefix),
		RULE(the_gateway_knows_a_reserved_guest_by_name, setup_shared),
		RULE(the_gateway_answers_arp_and_ping, setup_shared),
		RULE(guests_reach_each_other, setup_shared),
		RULE(a_network_with_a_uuid_has_guests_and_not_the_host, setup_named),
		RULE(isolated_guests_reach_the_gateway_and_not_each_other, setup_isolated),
		RULE(a_datagram_to_the_gateway_reaches_the_host_and_its_answer_comes_back,
		     setup_shared),
		RULE(the_hosts_loopback_is_closed_unless_opened, setup_closed),
		cmocka_unit_test_setup_teardown(
			a_guest_with_flows_without_end_leaves_descriptors_to_others, setup_few_fds,
			teardown_few_fds),
		RULE(an_answer_after_a_long_pause_still_comes_back, setup_shared),
		RULE(host_mode_reaches_no_other_address_of_the_host, setup_host),
		RULE(a_router_solicitation_gets_the_prefix, setup_shared),
		cmocka_unit_test(an_mtu_too_small_for_ipv6_has_none),
		RULE(an_idle_network_lets_the_loop_sleep, setup_shared),
		RULE(frames_made_of_noise_do_no_harm, setup_shared),
		RULE(frames_made_of_noise_do_no_harm, setup_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
