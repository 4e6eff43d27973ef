/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fragments.c - IP packets that come in fragments, put together again
 *
 * A packet that is not whole yet has a place in a table of fixed size, and memory for its payload that
 * grows with what comes, with room for the headers before it:
 *
 *   | room for head | payload, with holes ...                          |
 *                     one bit in have[] for each 8 bytes that came
 *
 * Bits, not lists: nobody can make us walk far, whatever the size and the order of fragments.
 *
 * Fragments that contradict each other - bytes that came with another content before, two ends, bytes
 * behind the end - end the packet, for both versions of IP (RFC 5722, RFC 8200): no rule of who wins,
 * so nothing for a filter and a receiver to see differently. Its place is kept, without memory, so
 * that what still comes of it begins no new packet. Bytes that came before with the same content are
 * a copy of a frame, and ignored.
 *
 * Who has all of its places loses its oldest packet; when the table is full, whoever has most of it
 * does. Packets that are too old go when the next fragment comes: what they hold is bounded, and the
 * process need not wake for it.
 */
#include "net/user/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_MAX (65536u / FRAGMENT_UNIT)
#define ROOM_MIN  4096u
#define WORD_BITS 64u

static_assert(sizeof(struct fragment_key) == 56, "no padding: keys are compared as bytes");

/*
 * @payload_len: 0: not known, the end has not come
 * @have_len: payload so far
 * @reach: the furthest byte that came
 */
struct packet {
	struct fragment_key key;
	uint64_t began_ms;
	bool used;
	bool refused; /* has no memory, and never becomes whole */
	bool have_head;
	uint8_t protocol;
	size_t head_len;
	size_t payload_len, have_len, reach;
	size_t room;
	uint8_t *bytes; /* FRAGMENT_HEAD_MAX for the head, then room */
	uint64_t have[UNITS_MAX / WORD_BITS];
};

struct fragments {
	struct fragments_counters counters;
	uint8_t *whole; /* the memory of the last packet that became whole */
	struct packet packets[FRAGMENTS_PACKETS];
};

int fragments_new(struct fragments **ret)
{
	struct fragments *fragments = calloc(1, sizeof(*fragments));

	if (!fragments)
		return -ENOMEM;
	*ret = fragments;
	return 0;
}

/* Places */

static void packet_end(struct fragments *fragments, struct packet *packet)
{
	free(packet->bytes);
	*packet = (struct packet) { .used = false };
	fragments->counters.waiting--;
}

static void packet_lose(struct fragments *fragments, struct packet *packet)
{
	fragments->counters.lost += !packet->refused;
	packet_end(fragments, packet);
}

/* Nothing of it is looked at any more. */
static void packet_refuse(struct packet *packet)
{
	free(packet->bytes);
	packet->bytes = NULL;
	packet->room = 0;
	packet->refused = true;
}

static void expire(struct fragments *fragments, uint64_t now_ms)
{
	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++) {
		struct packet *packet = &fragments->packets[i];

		if (packet->used && now_ms - packet->began_ms >= FRAGMENTS_EXPIRE_MS)
			packet_lose(fragments, packet);
	}
}

static unsigned int count_of(const struct fragments *fragments, uint64_t owner)
{
	unsigned int n = 0;

	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++)
		n += fragments->packets[i].used && fragments->packets[i].key.owner == owner;
	return n;
}

static struct packet *oldest_of(struct fragments *fragments, uint64_t owner)
{
	struct packet *oldest = NULL;

	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++) {
		struct packet *packet = &fragments->packets[i];

		if (packet->used && packet->key.owner == owner &&
		    (!oldest || packet->began_ms < oldest->began_ms))
			oldest = packet;
	}
	return oldest;
}

/* When the table is full. */
static uint64_t greediest(const struct fragments *fragments)
{
	unsigned int most = 0;
	uint64_t owner = 0;

	for (size_t i = 0; i < FRAGMENTS_PACKETS && most < FRAGMENTS_OF_GUEST; i++) {
		unsigned int n = count_of(fragments, fragments->packets[i].key.owner);

		if (n > most) {
			most = n;
			owner = fragments->packets[i].key.owner;
		}
	}
	return owner;
}

static struct packet *unused(struct fragments *fragments)
{
	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++) {
		if (!fragments->packets[i].used)
			return &fragments->packets[i];
	}
	return NULL;
}

static struct packet *packet_begin(struct fragments *fragments, uint64_t now_ms,
				   const struct fragment_key *key)
{
	struct packet *packet;

	if (count_of(fragments, key->owner) >= FRAGMENTS_OF_GUEST)
		packet_lose(fragments, oldest_of(fragments, key->owner));
	if (fragments->counters.waiting == FRAGMENTS_PACKETS)
		packet_lose(fragments, oldest_of(fragments, greediest(fragments)));
	packet = unused(fragments);
	*packet = (struct packet) { .used = true, .key = *key, .began_ms = now_ms };
	fragments->counters.waiting++;
	return packet;
}

static struct packet *packet_of(struct fragments *fragments, uint64_t now_ms,
				const struct fragment_key *key)
{
	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++) {
		struct packet *packet = &fragments->packets[i];

		if (packet->used && memcmp(&packet->key, key, sizeof(*key)) == 0)
			return packet;
	}
	return packet_begin(fragments, now_ms, key);
}

/* Bytes */

static bool has_unit(const struct packet *packet, size_t unit)
{
	return packet->have[unit / WORD_BITS] >> unit % WORD_BITS & 1;
}

/* Return: how many of the fragment's units came before. */
static size_t units_known(const struct packet *packet, const struct fragment *fragment)
{
	size_t n = 0, end = fragment->offset + fragment->len;

	for (size_t at = fragment->offset; at < end; at += FRAGMENT_UNIT)
		n += has_unit(packet, at / FRAGMENT_UNIT);
	return n;
}

/* Does the fragment go with where the packet ends, as far as that is known? */
static bool goes_with_end(const struct packet *packet, const struct fragment *fragment)
{
	size_t end = fragment->offset + fragment->len;

	if (!fragment->more)
		return packet->payload_len ? end == packet->payload_len : end > packet->reach;
	return !packet->payload_len || end < packet->payload_len;
}

/* Room for the payload up to @end, which is at most 64 KiB. */
static int packet_grow(struct packet *packet, size_t end)
{
	size_t room = packet->room ? packet->room : ROOM_MIN;
	uint8_t *bytes;

	if (end <= packet->room)
		return 0;
	while (room < end)
		room *= 2;
	bytes = realloc(packet->bytes, FRAGMENT_HEAD_MAX + room);
	if (!bytes)
		return -ENOMEM;
	packet->bytes = bytes;
	packet->room = room;
	return 0;
}

static void packet_put(struct packet *packet, const struct fragment *fragment)
{
	size_t end = fragment->offset + fragment->len;

	memcpy(packet->bytes + FRAGMENT_HEAD_MAX + fragment->offset, fragment->payload,
	       fragment->len);
	for (size_t at = fragment->offset; at < end; at += FRAGMENT_UNIT)
		packet->have[at / FRAGMENT_UNIT / WORD_BITS] |= (uint64_t)1
								<< at / FRAGMENT_UNIT % WORD_BITS;
	packet->have_len += fragment->len;
	if (end > packet->reach)
		packet->reach = end;
	if (!fragment->more)
		packet->payload_len = end;
	if (fragment->offset)
		return;
	memcpy(packet->bytes + FRAGMENT_HEAD_MAX - fragment->head_len, fragment->head,
	       fragment->head_len);
	packet->head_len = fragment->head_len;
	packet->protocol = fragment->protocol;
	packet->have_head = true;
}

/* Return: false: it contradicts what came before. */
static bool packet_add(struct fragments *fragments, struct packet *packet,
		       const struct fragment *fragment)
{
	size_t known;

	if (!goes_with_end(packet, fragment))
		return false;
	known = units_known(packet, fragment);
	if (known)
		return known == (fragment->len + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT &&
		       memcmp(packet->bytes + FRAGMENT_HEAD_MAX + fragment->offset,
			      fragment->payload, fragment->len) == 0;
	if (packet_grow(packet, fragment->offset + fragment->len) < 0) {
		fragments->counters.lost++;
		packet_refuse(packet);
		return true;
	}
	packet_put(packet, fragment);
	return true;
}

/* The packet's memory is given out, its place is free. */
static bool packet_finish(struct fragments *fragments, struct packet *packet, const uint8_t **frame,
			  size_t *len)
{
	uint8_t *head = packet->bytes + FRAGMENT_HEAD_MAX - packet->head_len;
	size_t frame_len = packet->head_len + packet->payload_len;

	if (fragment_write_head(head, packet->head_len, packet->key.v6, packet->protocol,
				packet->payload_len) < 0) {
		fragments->counters.invalid++;
		packet_end(fragments, packet);
		return false;
	}
	fragments->counters.reassembled++;
	fragments->whole = packet->bytes;
	packet->bytes = NULL;
	packet_end(fragments, packet);
	*frame = head;
	*len = frame_len;
	return true;
}

/* A whole packet in one fragment has nothing to do with others of its key (RFC 6946): no place. */
static bool take_alone(struct fragments *fragments, const struct fragment *fragment,
		       const uint8_t **frame, size_t *len)
{
	struct packet packet = { .key = fragment->key };

	fragments->counters.waiting++; /* until its end */
	(void)packet_add(fragments, &packet, fragment);
	if (!packet.refused)
		return packet_finish(fragments, &packet, frame, len);
	packet_end(fragments, &packet);
	return false;
}

bool fragments_take(struct fragments *fragments, uint64_t now_ms, uint64_t owner,
		    const uint8_t **frame, size_t *len)
{
	struct fragment fragment;
	struct packet *packet;

	free(fragments->whole);
	fragments->whole = NULL;
	expire(fragments, now_ms);
	fragments->counters.received++;
	if (fragment_read(*frame, *len, owner, &fragment) < 0) {
		fragments->counters.invalid++;
		return false;
	}
	if (fragment.offset == 0 && !fragment.more)
		return take_alone(fragments, &fragment, frame, len);
	packet = packet_of(fragments, now_ms, &fragment.key);
	if (packet->refused)
		return false;
	if (!packet_add(fragments, packet, &fragment)) {
		fragments->counters.overlapping++;
		packet_refuse(packet);
	}
	if (packet->refused || !packet->have_head || packet->have_len != packet->payload_len)
		return false;
	return packet_finish(fragments, packet, frame, len);
}

const struct fragments_counters *fragments_counters(const struct fragments *fragments)
{
	return &fragments->counters;
}

void fragments_free(struct fragments *fragments)
{
	if (!fragments)
		return;
	for (size_t i = 0; i < FRAGMENTS_PACKETS; i++)
		free(fragments->packets[i].bytes);
	free(fragments->whole);
	free(fragments);
}
