/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dns_packet.h - DNS messages (RFC 1035) as bytes: a query taken apart, an answer made
 *
 * Pure functions. A query's one question is all that is looked at, and whether it speaks EDNS (RFC
 * 6891).
 */
#ifndef NET_USER_DNS_PACKET_H
#define NET_USER_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_LEN 12u
#define DNS_NAME_MAX   255u
#define DNS_ANSWER_MAX 512u /* what any client takes over UDP; none of ours is longer */

#define DNS_TYPE_A     1u
#define DNS_TYPE_PTR   12u
#define DNS_TYPE_AAAA  28u
#define DNS_TYPE_OPT   41u
#define DNS_TYPE_ANY   255u
#define DNS_CLASS_IN   1u
#define DNS_CLASS_ANY  255u

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* needs EDNS */
};

/** struct dns_query */
struct dns_query {
	char name[DNS_NAME_MAX + 1]; /* in lower case, labels with dots between; "" is the root */
	uint16_t type, class;
	bool edns;
	uint8_t edns_version;
	size_t question_end; /* where the question ends in the message */
};

/**
 * dns_query_read()
 * @message, @len: any bytes
 * Return: 0; -EBADMSG not even a query to answer; -EINVAL a query of a kind that we do not
 * understand (other operations, more than one question, names with bytes that no host's has)
 */
int dns_query_read(const uint8_t *message, size_t len, struct dns_query *ret);

/** struct dns_answer - in the making; what has no room is left out */
struct dns_answer {
	uint8_t *bytes;
	size_t at;
	uint16_t n_answers;
	bool edns;
	enum dns_rcode rcode;
};

/**
 * dns_answer_start()
 * @bytes: room for DNS_ANSWER_MAX
 * @query: NULL: the message could not be read; it is answered without a question
 * @message: what the query was read from
 * @recursion: more is known here than what is ours
 */
void dns_answer_start(struct dns_answer *answer, uint8_t *bytes, const uint8_t *message,
		      const struct dns_query *query, enum dns_rcode rcode, bool recursion);
/* A record about the name in the question. */
void dns_answer_add(struct dns_answer *answer, uint16_t type, uint32_t ttl_s, const void *value,
		    size_t len);
size_t dns_answer_end(struct dns_answer *answer); /* Return: length */

/** dns_name_write() - labels as they are on the wire. Return: length, 0 if it is no valid name */
size_t dns_name_write(uint8_t to[DNS_NAME_MAX], const char *name);

#endif
