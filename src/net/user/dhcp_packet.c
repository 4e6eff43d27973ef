/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp_packet.c - DHCP messages as bytes
 *
 *   | op 1, htype 1, hlen 1, hops 1, xid 4, secs 2, flags 2 | ciaddr, yiaddr, siaddr, giaddr |
 *   | chaddr 16 | sname 64 | file 128 | cookie 4 | options ... |
 *
 * Options may go on in file and sname (option 52, "overload"). One that comes more than once is one
 * value in pieces (RFC 3396); of the options that we look at none is long enough to need that, so
 * the first piece counts, and for a list of options each.
 */
#include "net/user/dhcp_packet.h"

#include <errno.h>
#include <net/if_arp.h>
#include <string.h>

#include "net/user/guest_name.h"
#include "net/user/packet.h"

#define OP		0u
#define HTYPE		1u
#define HLEN		2u
#define XID		4u
#define FLAGS		10u
#define CIADDR		12u
#define YIADDR		16u
#define SIADDR		20u
#define GIADDR		24u
#define CHADDR		28u
#define SNAME		44u
#define SNAME_LEN	64u
#define BOOT_FILE	108u
#define BOOT_FILE_LEN	128u
#define COOKIE		236u
#define OPTIONS		240u

#define BOOTREQUEST	1u
#define BOOTREPLY	2u
#define FLAG_BROADCAST	0x8000u
#define COOKIE_VALUE	0x63825363u
#define MESSAGE_LEN_MIN 300u

/* Of option 81 (RFC 4702): flags and two obsolete codes before the name. */
#define FQDN_HEADER	3u
#define FQDN_WIRE	0x04u

/* Options, one by one */

struct reader {
	struct dhcp_request *request;
	bool has_type, has_name;
	unsigned int overload;
};

static bool read_address(const uint8_t *value, size_t len, struct in_addr *ret)
{
	if (len != 4)
		return false;
	memcpy(ret, value, 4);
	return true;
}

/* The first label, as text or in the wire's form (its length in front of it). */
static void read_name(struct reader *reader, const uint8_t *value, size_t len, bool wire)
{
	if (wire) {
		if (len < 1 || value[0] > len - 1)
			return;
		len = value[0];
		value++;
	}
	reader->has_name = guest_name_from((const char *)value, len, reader->request->name) ||
			   reader->has_name;
}

static void read_list(struct dhcp_request *request, const uint8_t *value, size_t len)
{
	request->lists_options = true;
	for (size_t i = 0; i < len; i++)
		request->options[value[i] / 8] |= (uint8_t)(1u << value[i] % 8);
}

static void read_max_message(struct dhcp_request *request, unsigned int ip_len)
{
	unsigned int headers = PACKET_IP4_HEADER + PACKET_UDP_HEADER;
	unsigned int len = ip_len > headers ? ip_len - headers : 0;

	if (len > DHCP_MESSAGE_MAX)
		len = DHCP_MESSAGE_MAX;
	if (len > request->max_message)
		request->max_message = (uint16_t)len;
}

/* Return: false if the value cannot be one of this option */
static bool read_option(struct reader *reader, uint8_t option, const uint8_t *value, size_t len)
{
	struct dhcp_request *request = reader->request;

	switch (option) {
	case DHCP_MESSAGE_TYPE:
		if (len != 1 || value[0] < DHCP_DISCOVER || value[0] > DHCP_INFORM)
			return false;
		request->type = (enum dhcp_type)value[0];
		reader->has_type = true;
		return true;
	case DHCP_WANTED_ADDRESS:
		return read_address(value, len, &request->wanted);
	case DHCP_SERVER_ID:
		return read_address(value, len, &request->server_id);
	case DHCP_OVERLOAD:
		if (len != 1 || value[0] < 1 || value[0] > 3)
			return false;
		reader->overload = value[0];
		return true;
	case DHCP_MAX_MESSAGE:
		if (len != 2)
			return false;
		read_max_message(request, packet_get16(value));
		return true;
	case DHCP_WANTED_OPTIONS:
		read_list(request, value, len);
		return true;
	case DHCP_CLIENT_ID:
		request->client_id = value;
		request->client_id_len = (uint8_t)len;
		return len >= 2;
	case DHCP_HOST_NAME:
		if (!reader->has_name)
			read_name(reader, value, len, false);
		return true;
	case DHCP_CLIENT_FQDN:
		if (len > FQDN_HEADER)
			read_name(reader, value + FQDN_HEADER, len - FQDN_HEADER,
				  value[0] & FQDN_WIRE);
		return true;
	default:
		return true;
	}
}

/* Return: false for an option that leaves the field */
static bool read_field(struct reader *reader, const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;

	while (at < end && *at != DHCP_END) {
		size_t room = (size_t)(end - at);

		if (*at == DHCP_PAD) {
			at++;
			continue;
		}
		if (room < 2 || at[1] > room - 2 || !read_option(reader, at[0], at + 2, at[1]))
			return false;
		at += 2 + at[1];
	}
	return true;
}

static bool read_options(struct reader *reader, const uint8_t *message, size_t len)
{
	unsigned int overload;

	if (!read_field(reader, message + OPTIONS, len - OPTIONS))
		return false;
	overload = reader->overload; /* one inside of an overloaded field means nothing */
	if ((overload & 1) && !read_field(reader, message + BOOT_FILE, BOOT_FILE_LEN))
		return false;
	if ((overload & 2) && !read_field(reader, message + SNAME, SNAME_LEN))
		return false;
	return reader->has_type;
}

static bool header_is_ours(const uint8_t *message)
{
	static const uint8_t no_mac[FRAME_MAC];

	return message[OP] == BOOTREQUEST && message[HTYPE] == ARPHRD_ETHER &&
	       message[HLEN] == FRAME_MAC && !(message[CHADDR] & 1) &&
	       memcmp(message + CHADDR, no_mac, FRAME_MAC) != 0 &&
	       packet_get32(message + GIADDR) == 0 && /* no relay agents on this link */
	       packet_get32(message + COOKIE) == COOKIE_VALUE;
}

int dhcp_request_read(const uint8_t *message, size_t len, struct dhcp_request *ret)
{
	struct dhcp_request request = { .max_message = DHCP_MESSAGE_MIN };
	struct reader reader = { .request = &request };

	if (len < OPTIONS || !header_is_ours(message))
		return -EBADMSG;
	request.xid = packet_get32(message + XID);
	request.flags = (uint16_t)packet_get16(message + FLAGS);
	request.broadcast = request.flags & FLAG_BROADCAST;
	memcpy(&request.ciaddr, message + CIADDR, 4);
	memcpy(request.mac, message + CHADDR, FRAME_MAC);
	if (!read_options(&reader, message, len))
		return -EBADMSG;
	*ret = request;
	return 0;
}

bool dhcp_request_lists(const struct dhcp_request *request, enum dhcp_option option)
{
	return !request->lists_options || (request->options[option / 8] >> option % 8 & 1);
}

/* Replies */

void dhcp_reply_start(struct dhcp_reply *reply, uint8_t *bytes, const struct dhcp_request *request,
		      enum dhcp_type type, struct in_addr yours, struct in_addr next_server,
		      const char *boot_file)
{
	memset(bytes, 0, OPTIONS);
	bytes[OP] = BOOTREPLY;
	bytes[HTYPE] = ARPHRD_ETHER;
	bytes[HLEN] = FRAME_MAC;
	packet_put32(bytes + XID, request->xid);
	packet_put16(bytes + FLAGS, request->flags);
	if (type == DHCP_ACK)
		memcpy(bytes + CIADDR, &request->ciaddr, 4);
	memcpy(bytes + YIADDR, &yours, 4);
	memcpy(bytes + SIADDR, &next_server, 4);
	memcpy(bytes + CHADDR, request->mac, FRAME_MAC);
	if (boot_file)
		memcpy(bytes + BOOT_FILE, boot_file, strnlen(boot_file, BOOT_FILE_LEN - 1));
	packet_put32(bytes + COOKIE, COOKIE_VALUE);
	*reply = (struct dhcp_reply) { .bytes = bytes, .at = OPTIONS, .max = request->max_message };
	dhcp_reply_add(reply, DHCP_MESSAGE_TYPE, &(uint8_t) { (uint8_t)type }, 1);
}

void dhcp_reply_add(struct dhcp_reply *reply, enum dhcp_option option, const void *value,
		    size_t len)
{
	uint8_t *at = reply->bytes + reply->at;

	if (len == 0 || len > 255 || reply->max - reply->at < 2 + len + 1) /* and DHCP_END */
		return;
	at[0] = (uint8_t)option;
	at[1] = (uint8_t)len;
	memcpy(at + 2, value, len);
	reply->at += 2 + len;
}

void dhcp_reply_add32(struct dhcp_reply *reply, enum dhcp_option option, uint32_t value)
{
	uint8_t bytes[4];

	packet_put32(bytes, value);
	dhcp_reply_add(reply, option, bytes, sizeof(bytes));
}

size_t dhcp_reply_end(struct dhcp_reply *reply)
{
	reply->bytes[reply->at++] = DHCP_END;
	if (reply->at < MESSAGE_LEN_MIN) {
		memset(reply->bytes + reply->at, 0, MESSAGE_LEN_MIN - reply->at);
		reply->at = MESSAGE_LEN_MIN;
	}
	return reply->at;
}
