/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_gateway.c - a guest's frame of any bytes, as DHCP, as DNS and on its way to libslirp
 *
 * Input: a frame. It is looked at as it is, and its part behind the headers once more as the payload
 * of a datagram that is right, so that checksums keep nothing out.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/dhcp.h"
#include "net/user/dns.h"
#include "net/user/dns_rewrite.h"
#include "net/user/refusal.h"
#include "net/user/router_advert.h"

static struct network_config config;
static struct network_addresses addresses;
static struct leases *leases;
static struct dhcp *dhcp;
static struct dns *dns;

static void start(void)
{
	struct leases_config leases_config;

	if (dns)
		return;
	MUST(network_config_default(NETWORK_SHARED, &config) == 0);
	config.dhcp.domain = "lan";
	config.dhcp.boot_file = "boot";
	network_config_addresses(&config, &addresses);
	leases_config = (struct leases_config) { .network = addresses.network,
						 .mask = addresses.mask,
						 .gateway = addresses.gateway,
						 .first = addresses.first_lease,
						 .last = addresses.last_lease,
						 .lease_s = 600 };
	MUST(leases_new(&leases_config, NULL, NULL, &leases) == 0);
	leases_tick(leases, 1000);
	MUST(dhcp_new(&config, leases, &dhcp) == 0);
	MUST(dns_new(&config, leases, &dns) == 0);
}

static void as_dhcp(const struct udp_frame *datagram)
{
	static uint8_t answer[DHCP_FRAME_MAX];
	struct udp_frame read;
	size_t len = dhcp_answer(dhcp, datagram, 1, answer);

	MUST(len <= sizeof(answer));
	if (!len)
		return;
	MUST(udp_frame_read(answer, len, &read) == 0);
	MUST(read.len >= 300 && read.payload[0] == 2);
}

static void as_dns(const uint8_t *payload, size_t len)
{
	uint8_t answer[DNS_ANSWER_MAX];
	size_t answer_len = 0;

	if (dns_answer(dns, payload, len, answer, &answer_len) == DNS_ANSWERED)
		MUST(answer_len >= DNS_HEADER_LEN && answer_len <= sizeof(answer));
}

/* Twice is back: what was right stays so. */
static void as_frame(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	uint8_t refusal[REFUSAL_MAX];
	struct udp_frame datagram;
	bool right = udp_frame_read(data, size, &datagram) == 0;

	MUST(copy);
	memcpy(copy, data, size);
	MUST(refusal_write(copy, size, refusal) <= sizeof(refusal));
	if (dns_rewrite_is_query(&addresses, copy, size)) {
		dns_rewrite_query(&addresses, copy, size);
		MUST(!right || udp_frame_read(copy, size, &datagram) == 0);
	}
	if (dns_rewrite_is_answer(&addresses, copy, size))
		dns_rewrite_answer(&addresses, copy, size);
	if (router_advert_is(copy, size))
		router_advert_set_server(copy, size, &addresses.gateway6);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udp_frame datagram = { .to.port = DHCP_SERVER_PORT };
	uint8_t *payload;

	start();
	as_frame(data, size);
	if (size < UDP_FRAME_PAYLOAD4)
		return 0;
	datagram.len = size - UDP_FRAME_PAYLOAD4;
	payload = malloc(datagram.len ? datagram.len : 1);
	MUST(payload);
	memcpy(payload, data + UDP_FRAME_PAYLOAD4, datagram.len);
	datagram.payload = payload;
	as_dhcp(&datagram);
	as_dns(payload, datagram.len);
	free(payload);
	return 0;
}

static size_t seed_dhcp(uint8_t *payload, uint8_t type)
{
	static const uint8_t options[] = { 50, 4, 192, 168, 64,	 2,   12, 3, 'w', 'e', 'b', 55,
					   3,  1, 3,   6,   61,	 3,   1,  2, 3,	  81,  7,   4,
					   0,  0, 3,   'a', 'b', 'c', 57, 2, 5,	  0,   255 };

	memset(payload, 0, 240);
	memcpy(payload, (const uint8_t[]) { 1, 1, 6 }, 3);
	payload[28] = 2;
	payload[33] = type;
	memcpy(payload + 236, (const uint8_t[]) { 99, 130, 83, 99, 53, 1, type }, 7);
	memcpy(payload + 243, options, sizeof(options));
	return 243 + sizeof(options);
}

static size_t seed_dns(uint8_t *payload, unsigned int i)
{
	static const char *const questions[] = {
		"\3web\3lan\0\0\1\0\1", "\3web\0\0\1\0\1",
		"\0012\00264\003168\003192\7in-addr\4arpa\0\0\14\0\1"
	};
	static const size_t lens[] = { 13, 9, 31 };

	memcpy(payload, "\1\2\1\0\0\1\0\0\0\0\0\1", 12);
	memcpy(payload + 12, questions[i], lens[i]);
	memcpy(payload + 12 + lens[i], "\0\0\51\20\0\0\0\0\0\0\0", 11);
	return 12 + lens[i] + 11;
}

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	struct udp_station from = { .mac = { 2 }, .port = 4000 };
	struct udp_station to = { .mac = { 0x52, 0x55, 192, 168, 64, 1 }, .port = 53 };
	size_t len;

	if (i >= 11 || max < 512)
		return 0;
	start();
	to.address = addresses.gateway;
	inet_pton(AF_INET, "192.168.64.2", &from.address);
	len = i < 8 ? seed_dhcp(buf + UDP_FRAME_PAYLOAD4, (uint8_t)(i + 1))
		    : seed_dns(buf + UDP_FRAME_PAYLOAD4, i - 8);
	return udp_frame_write(buf, &from, &to, len);
}
