/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp_packet.h"

#include <string.h>

#define IP	    14
#define UDP	    (IP + 20)
#define BOOTP	    (UDP + 8)
#define OPTIONS	    (BOOTP + 236)
#define ASK_LEN	    (OPTIONS + 4 + 3 + 1)
#define TRANSACTION "vmex"

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void fill_ip(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[0] = 0x45;
	put16(ip + 2, ASK_LEN - IP);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memset(ip + 16, 0xff, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

static void fill(uint8_t *packet, const uint8_t mac[MAC_LEN])
{
	memset(packet, 0, ASK_LEN);
	memset(packet, 0xff, MAC_LEN);
	memcpy(packet + MAC_LEN, mac, MAC_LEN);
	put16(packet + 12, 0x0800);
	fill_ip(packet + IP);
	put16(packet + UDP, 68);
	put16(packet + UDP + 2, 67);
	put16(packet + UDP + 4, ASK_LEN - UDP);
	packet[BOOTP] = 1; /* a request, on Ethernet */
	packet[BOOTP + 1] = 1;
	packet[BOOTP + 2] = MAC_LEN;
	memcpy(packet + BOOTP + 4, TRANSACTION, 4);
	packet[BOOTP + 10] = 0x80; /* answer to all */
	memcpy(packet + BOOTP + 28, mac, MAC_LEN);
	memcpy(packet + OPTIONS, "\x63\x82\x53\x63\x35\x01\x01\xff", 8); /* discover */
}

static bool is_offer(const uint8_t *packet, size_t len)
{
	return len > OPTIONS + 8 && packet[12] == 8 && packet[13] == 0 &&
	       packet[IP + 9] == IPPROTO_UDP && packet[BOOTP] == 2 &&
	       memcmp(packet + BOOTP + 4, TRANSACTION, 4) == 0;
}

bool dhcp_ask(struct example *example, const uint8_t mac[MAC_LEN], unsigned int timeout_ms,
	      struct in_addr *ret)
{
	uint8_t packet[ASK_LEN];
	size_t len;

	fill(packet, mac);
	example_write(example, packet, sizeof(packet));
	while ((len = example_read(example, timeout_ms)) > 0) {
		if (!is_offer(example->buffer, len))
			continue;
		memcpy(ret, example->buffer + BOOTP + 16, sizeof(*ret));
		return true;
	}
	return false;
}
