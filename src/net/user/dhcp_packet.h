/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp_packet.h - DHCP messages (RFC 2131, 2132) as bytes: a client's taken apart, a server's made
 *
 * Pure functions. What a client says is checked here and nowhere else.
 */
#ifndef NET_USER_DHCP_PACKET_H
#define NET_USER_DHCP_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/network_config.h"

#define DHCP_SERVER_PORT 67u
#define DHCP_CLIENT_PORT 68u

/* No client must take more than this, but those that say so (RFC 2131, section 2). */
#define DHCP_MESSAGE_MIN 548u
#define DHCP_MESSAGE_MAX 1472u /* what we ever make: a UDP datagram in an MTU of 1500 */

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

enum dhcp_option {
	DHCP_PAD = 0,
	DHCP_MASK = 1,
	DHCP_ROUTER = 3,
	DHCP_NAME_SERVER = 6,
	DHCP_HOST_NAME = 12,
	DHCP_DOMAIN_NAME = 15,
	DHCP_INTERFACE_MTU = 26,
	DHCP_BROADCAST = 28,
	DHCP_WANTED_ADDRESS = 50,
	DHCP_LEASE_TIME = 51,
	DHCP_OVERLOAD = 52,
	DHCP_MESSAGE_TYPE = 53,
	DHCP_SERVER_ID = 54,
	DHCP_WANTED_OPTIONS = 55,
	DHCP_MAX_MESSAGE = 57,
	DHCP_T1 = 58,
	DHCP_T2 = 59,
	DHCP_CLIENT_ID = 61,
	DHCP_BOOT_FILE = 67,
	DHCP_CLIENT_FQDN = 81,
	DHCP_END = 255,
};

/** struct dhcp_request - what a client says; addresses 0.0.0.0 where it says nothing */
struct dhcp_request {
	enum dhcp_type type;
	uint8_t mac[FRAME_MAC];
	uint32_t xid;
	uint16_t flags; /* as they came */
	bool broadcast;
	struct in_addr ciaddr, wanted, server_id;
	char name[NETWORK_NAME_MAX + 1]; /* a valid one, "" for none */
	const uint8_t *client_id;	 /* in the message; NULL: none */
	uint8_t client_id_len;
	bool lists_options;   /* else it is told everything */
	uint8_t options[32];  /* the bits of those that it lists */
	uint16_t max_message; /* DHCP_MESSAGE_MIN to DHCP_MESSAGE_MAX */
};

/**
 * dhcp_request_read()
 * @message, @len: the UDP payload, any bytes
 * Return: 0; -EBADMSG no valid message of a client on this very link
 */
int dhcp_request_read(const uint8_t *message, size_t len, struct dhcp_request *ret);

bool dhcp_request_lists(const struct dhcp_request *request, enum dhcp_option option);

/** struct dhcp_reply - a message in the making; what has no room is left out */
struct dhcp_reply {
	uint8_t *bytes;
	size_t at, max;
};

/**
 * dhcp_reply_start()
 * @bytes: room for DHCP_MESSAGE_MAX
 * @yours, @next_server: 0.0.0.0 for none; @boot_file: NULL for none, cut off at 127 bytes
 */
void dhcp_reply_start(struct dhcp_reply *reply, uint8_t *bytes, const struct dhcp_request *request,
		      enum dhcp_type type, struct in_addr yours, struct in_addr next_server,
		      const char *boot_file);
void dhcp_reply_add(struct dhcp_reply *reply, enum dhcp_option option, const void *value,
		    size_t len);
void dhcp_reply_add32(struct dhcp_reply *reply, enum dhcp_option option, uint32_t value);

/** dhcp_reply_end() - Return: length, 300 (what BOOTP's had) at least */
size_t dhcp_reply_end(struct dhcp_reply *reply);

#endif
