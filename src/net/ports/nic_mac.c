/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_mac.c - MAC addresses of NICs
 */
#include "net/ports/nic_mac.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "sys/explain.h"

/* Locally administered, unicast, and not 52, where libslirp's own addresses are. */
#define DERIVED_FIRST_BYTE 0x02u

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Two digits each, colons between: 17 characters, nothing else. */
static int parse_bytes(const char *text, uint8_t mac[FRAME_MAC])
{
	if (strlen(text) != 3 * FRAME_MAC - 1)
		return -EINVAL;
	for (size_t i = 0; i < FRAME_MAC; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		if (i + 1 < FRAME_MAC && text[3 * i + 2] != ':')
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int nic_mac_parse(const char *text, uint8_t ret[FRAME_MAC])
{
	static const uint8_t zero[FRAME_MAC];
	uint8_t mac[FRAME_MAC];

	if (parse_bytes(text, mac) < 0)
		return -EINVAL;
	if (mac[0] & 1 || memcmp(mac, zero, FRAME_MAC) == 0)
		return -EADDRNOTAVAIL;
	memcpy(ret, mac, FRAME_MAC);
	return 0;
}

void nic_mac_print(const uint8_t mac[FRAME_MAC], char ret[NIC_MAC_TEXT])
{
	snprintf(ret, NIC_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

int nic_mac_explain(int error, char **ret_error)
{
	if (error == -EADDRNOTAVAIL)
		return explain(ret_error, -EINVAL,
			       "no address of a single card; its first byte must be even, like in "
			       "02:00:00:12:34:56");
	return explain(ret_error, -EINVAL, "no MAC address; give six bytes like 02:00:00:12:34:56");
}

/* FNV-1a: spreads short strings well, and an address is no secret. */
static uint64_t hash_string(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	} while (*text++);
	return hash;
}

void nic_mac_derive(const char *absolute_path, const char *machine_id, unsigned int attempt,
		    uint8_t ret[FRAME_MAC])
{
	uint64_t hash = 0xcbf29ce484222325u + attempt;

	hash = hash_string(hash, machine_id);
	hash = hash_string(hash, absolute_path);
	ret[0] = DERIVED_FIRST_BYTE;
	for (size_t i = 1; i < FRAME_MAC; i++)
		ret[i] = (uint8_t)(hash >> (8 * i + 8));
}
