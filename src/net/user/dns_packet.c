/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_packet.c - DNS messages as bytes
 *
 *   | id 2, flags 2, four counts | question: name, type 2, class 2 | records ... |
 *
 * A name is labels, each with its length in front, up to an empty one; in records the rest of it may
 * be a pointer to an earlier name, which ends it. In a question there is nothing to point to: a
 * pointer there is an error, so nothing here follows one.
 */
#include "net/user/dns_packet.h"

#include <errno.h>
#include <string.h>

#include "net/user/packet.h"

#define FLAGS		   2u
#define N_QUESTIONS	   4u
#define N_ANSWERS	   6u
#define N_AUTHORITIES	   8u
#define N_ADDITIONAL	   10u

#define FLAG_RESPONSE	   0x8000u
#define FLAG_AUTHORITATIVE 0x0400u
#define FLAG_WANTED	   0x0100u /* recursion */
#define FLAG_AVAILABLE	   0x0080u
#define OPCODE		   0x7800u

#define LABEL_MAX	   63u
#define POINTER		   0xc0u
#define RECORD_HEADER	   10u /* after its name: type, class, ttl, length */
#define ADDITIONAL_MAX	   8u  /* records that are looked through for EDNS */
#define EDNS_LEN	   11u
#define EDNS_UDP_SIZE	   1232u

static bool valid_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Return: false if it is no name of a host. *at is behind it. */
static bool read_name(const uint8_t *message, size_t len, size_t *at, char *ret)
{
	size_t n = 0;

	while (*at < len && message[*at]) {
		size_t label = message[(*at)++];

		if (label > LABEL_MAX || label > len - *at || n + label + 1 > DNS_NAME_MAX)
			return false;
		if (n)
			ret[n++] = '.';
		for (size_t i = 0; i < label; i++) {
			uint8_t c = message[(*at)++];

			if (c >= 'A' && c <= 'Z')
				c = (uint8_t)(c - 'A' + 'a');
			if (!valid_byte(c))
				return false;
			ret[n++] = (char)c;
		}
	}
	if (*at >= len)
		return false;
	(*at)++;
	ret[n] = '\0';
	return true;
}

/* Return: false where the message ends. Each turn goes forward. */
static bool skip_name(const uint8_t *message, size_t len, size_t *at)
{
	while (*at < len && message[*at]) {
		if ((message[*at] & POINTER) == POINTER) {
			*at += 2;
			return *at <= len;
		}
		*at += (size_t)1 + message[*at];
	}
	(*at)++;
	return *at <= len;
}

/* Return: false if a record leaves the message */
static bool find_edns(const uint8_t *message, size_t len, size_t at, struct dns_query *query)
{
	unsigned int n = packet_get16(message + N_ADDITIONAL);

	for (unsigned int i = 0; i < n && i < ADDITIONAL_MAX; i++) {
		const uint8_t *record;

		if (!skip_name(message, len, &at) || len - at < RECORD_HEADER)
			return false;
		record = message + at;
		at += RECORD_HEADER + packet_get16(record + 8);
		if (at > len)
			return false;
		if (packet_get16(record) == DNS_TYPE_OPT) {
			query->edns = true;
			query->edns_version = record[5];
			return true;
		}
	}
	return true;
}

int dns_query_read(const uint8_t *message, size_t len, struct dns_query *ret)
{
	struct dns_query query = { 0 };
	size_t at = DNS_HEADER_LEN;

	if (len < DNS_HEADER_LEN || (packet_get16(message + FLAGS) & FLAG_RESPONSE))
		return -EBADMSG;
	if ((packet_get16(message + FLAGS) & OPCODE) || packet_get16(message + N_QUESTIONS) != 1 ||
	    packet_get16(message + N_ANSWERS) || packet_get16(message + N_AUTHORITIES))
		return -EINVAL;
	if (!read_name(message, len, &at, query.name) || len - at < 4)
		return -EINVAL;
	query.type = (uint16_t)packet_get16(message + at);
	query.class = (uint16_t)packet_get16(message + at + 2);
	query.question_end = at + 4;
	if (!find_edns(message, len, query.question_end, &query))
		return -EINVAL;
	*ret = query;
	return 0;
}

void dns_answer_start(struct dns_answer *answer, uint8_t *bytes, const uint8_t *message,
		      const struct dns_query *query, enum dns_rcode rcode, bool recursion)
{
	unsigned int asked = packet_get16(message + FLAGS) & (OPCODE | FLAG_WANTED);
	bool ours = rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN;

	memset(bytes, 0, DNS_HEADER_LEN);
	memcpy(bytes, message, 2);
	packet_put16(bytes + FLAGS, FLAG_RESPONSE | asked | (ours ? FLAG_AUTHORITATIVE : 0) |
					    (recursion ? FLAG_AVAILABLE : 0) | (rcode & 0xfu));
	*answer = (struct dns_answer) { .bytes = bytes, .at = DNS_HEADER_LEN, .rcode = rcode };
	if (!query)
		return;
	memcpy(bytes, message, 2);
	packet_put16(bytes + N_QUESTIONS, 1);
	memcpy(bytes + DNS_HEADER_LEN, message + DNS_HEADER_LEN,
	       query->question_end - DNS_HEADER_LEN);
	answer->at = query->question_end;
	answer->edns = query->edns;
}

void dns_answer_add(struct dns_answer *answer, uint16_t type, uint32_t ttl_s, const void *value,
		    size_t len)
{
	uint8_t *at = answer->bytes + answer->at;

	if (DNS_ANSWER_MAX - EDNS_LEN - answer->at < 2 + RECORD_HEADER + len)
		return;
	packet_put16(at, POINTER << 8 | DNS_HEADER_LEN); /* the question's name */
	packet_put16(at + 2, type);
	packet_put16(at + 4, DNS_CLASS_IN);
	packet_put32(at + 6, ttl_s);
	packet_put16(at + 10, (unsigned int)len);
	memcpy(at + 12, value, len);
	answer->at += 12 + len;
	answer->n_answers++;
}

size_t dns_answer_end(struct dns_answer *answer)
{
	packet_put16(answer->bytes + N_ANSWERS, answer->n_answers);
	if (answer->edns) {
		uint8_t *at = answer->bytes + answer->at;

		memset(at, 0, EDNS_LEN);
		packet_put16(at + 1, DNS_TYPE_OPT);
		packet_put16(at + 3, EDNS_UDP_SIZE);
		at[5] = (uint8_t)(answer->rcode >> 4);
		packet_put16(answer->bytes + N_ADDITIONAL, 1);
		answer->at += EDNS_LEN;
	}
	return answer->at;
}

size_t dns_name_write(uint8_t to[DNS_NAME_MAX], const char *name)
{
	size_t n = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > LABEL_MAX || n + label + 2 > DNS_NAME_MAX)
			return 0;
		to[n++] = (uint8_t)label;
		memcpy(to + n, name, label);
		n += label;
		name += label;
		if (*name == '.')
			name++;
	}
	to[n++] = 0;
	return n;
}
