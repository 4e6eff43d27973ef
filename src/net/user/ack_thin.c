/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ack_thin.c - of the acknowledgements that libslirp sends in one batch, the last one for each connection
 */
#include "net/user/ack_thin.h"

#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/user/packet.h"

#define IP4_FIRST	 0x45u /* version, no options */
#define IP4_PROTOCOL	 9u
#define IP4_FROM	 12u
#define IP6_NEXT	 6u
#define IP6_FROM	 8u
#define TCP_HEADER	 20u
#define TCP_ACK		 8u  /* ports and sequence number are before it */
#define TCP_OFFSET	 12u /* of the data, in its upper half, in words */
#define TCP_FLAGS	 13u

#define ACK_THIN_LENGTH4 (PACKET_IP + PACKET_IP4_HEADER + TCP_HEADER)
static_assert(ACK_THIN_LENGTH == PACKET_IP + PACKET_IP6_HEADER + TCP_HEADER, "an ACK over IPv6");

/* Where the transport header is if there is nothing but an acknowledgement; 0: something else. */
static size_t pure_ack(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + PACKET_IP;
	size_t at = 0;

	if (len == ACK_THIN_LENGTH4 && packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IP &&
	    ip[0] == IP4_FIRST && ip[IP4_PROTOCOL] == IPPROTO_TCP)
		at = PACKET_IP + PACKET_IP4_HEADER;
	else if (len == ACK_THIN_LENGTH && packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IPV6 &&
		 ip[IP6_NEXT] == IPPROTO_TCP)
		at = PACKET_IP + PACKET_IP6_HEADER;
	if (!at || frame[at + TCP_OFFSET] >> 4 != TCP_HEADER / 4 || frame[at + TCP_FLAGS] != TH_ACK)
		return 0;
	return at;
}

/* Of one connection: addresses, ports and sequence number are next to each other, and the same. */
static bool is_same_but_ack(const uint8_t *a, const uint8_t *b, size_t at)
{
	size_t from =
		at == PACKET_IP + PACKET_IP4_HEADER ? PACKET_IP + IP4_FROM : PACKET_IP + IP6_FROM;

	return memcmp(a, b, FRAME_ETH_HEADER) == 0 &&
	       memcmp(a + from, b + from, at + TCP_ACK - from) == 0;
}

static bool acknowledges_more(const uint8_t *later, const uint8_t *earlier, size_t at)
{
	uint32_t more = packet_get32(later + at + TCP_ACK) - packet_get32(earlier + at + TCP_ACK);

	return more > 0 && more < UINT32_C(1) << 31;
}

/* The last one of the connection, if this one says more. */
static struct ack_thin_held *superseded(struct ack_thin *thin, const uint8_t *frame, size_t at)
{
	for (size_t i = thin->n; i > 0; i--) {
		struct ack_thin_held *held = &thin->held[i - 1];

		if (is_same_but_ack(held->frame, frame, at))
			return acknowledges_more(frame, held->frame, at) ? held : NULL;
	}
	return NULL;
}

void ack_thin_send(struct ack_thin *thin, const uint8_t *frame, size_t len)
{
	size_t at = pure_ack(frame, len);
	struct ack_thin_held *held;

	if (!at) {
		ack_thin_flush(thin);
		thin->send(thin->opaque, frame, len);
		return;
	}
	held = superseded(thin, frame, at);
	if (!held && thin->n == ACK_THIN_HELD)
		ack_thin_flush(thin);
	if (!held)
		held = &thin->held[thin->n++];
	held->len = len;
	memcpy(held->frame, frame, len);
}

void ack_thin_flush(struct ack_thin *thin)
{
	for (size_t i = 0; i < thin->n; i++)
		thin->send(thin->opaque, thin->held[i].frame, thin->held[i].len);
	thin->n = 0;
}
