/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tcp_cork.c - what a guest sends in one batch leaves the host in one piece
 *
 * A table by fd, which is as large as the largest one; in it, chains by a hash of the connection. The
 * hash is keyed with random bits, so that guests cannot choose ports that all end in one chain.
 */
#include "net/user/tcp_cork.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "net/user/packet.h"

#define N_BUCKETS  1024u
#define NONE	   (-1)
#define CORKED_MAX 64u /* connections in one batch */

/* Worth two system calls. Acknowledgements of what a guest downloads are not. */
#define LARGE	   512u

#define TCP_HEADER 20u
#define TCP_FLAGS  13u

struct key {
	uint8_t source[16], destination[16]; /* IPv4's in the first 4 bytes */
	uint8_t ports[4];
	uint32_t v6;
};
static_assert(sizeof(struct key) == 40, "no padding: keys are compared as bytes");

struct connection {
	struct key key;
	int next;	/* in the chain */
	uint64_t batch; /* in which it was last seen; 0: the table's entry is free */
	bool corked;
};

struct tcp_cork {
	uint64_t secret;
	uint64_t batch;
	const uint8_t *frame; /* with libslirp; NULL: none */
	size_t len;
	int last;     /* fd of the last segment's connection, or NONE */
	int accepted; /* fd of a connection that the guest is told of next, or NONE */
	struct connection *connections; /* by fd */
	size_t n_connections;
	size_t n_corked;
	int corked[CORKED_MAX];
	int buckets[N_BUCKETS];
};

/* Return: its flags; -1: no TCP segment */
static int key_of(const uint8_t *frame, size_t len, struct key *ret)
{
	struct packet_transport ip;
	size_t size;

	if (!packet_find_transport(frame, len, &ip) || ip.protocol != IPPROTO_TCP ||
	    len - ip.at < TCP_HEADER)
		return -1;
	size = ip.v6 ? 16 : 4;
	*ret = (struct key) { .v6 = ip.v6 };
	memcpy(ret->source, frame + ip.source, size);
	memcpy(ret->destination, frame + ip.destination, size);
	memcpy(ret->ports, frame + ip.at, sizeof(ret->ports));
	return frame[ip.at + TCP_FLAGS];
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 32;
}

static int *bucket_of(struct tcp_cork *cork, const struct key *key)
{
	uint64_t words[sizeof(*key) / 8], hash = cork->secret;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 8; i++)
		hash = mix(hash, words[i]);
	return &cork->buckets[mix(hash, cork->secret) % N_BUCKETS];
}

static bool same(const struct tcp_cork *cork, int fd, const struct key *key)
{
	return memcmp(&cork->connections[fd].key, key, sizeof(*key)) == 0;
}

/* Return: its fd, or NONE */
static int find(struct tcp_cork *cork, const struct key *key)
{
	int fd = cork->last;

	if (fd != NONE && same(cork, fd, key))
		return fd;
	for (fd = *bucket_of(cork, key); fd != NONE && !same(cork, fd, key);)
		fd = cork->connections[fd].next;
	return fd;
}

static void set_cork(int fd, int on)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

void tcp_cork_frame(struct tcp_cork *cork, const uint8_t *frame, size_t len)
{
	struct connection *connection;
	struct key key;

	cork->frame = frame;
	cork->len = len;
	if (len < LARGE || key_of(frame, len, &key) < 0)
		return;
	cork->last = find(cork, &key);
	if (cork->last == NONE)
		return;
	connection = &cork->connections[cork->last];
	if (connection->batch == cork->batch && !connection->corked &&
	    cork->n_corked < CORKED_MAX) {
		set_cork(cork->last, 1);
		connection->corked = true;
		cork->corked[cork->n_corked++] = cork->last;
	}
	connection->batch = cork->batch;
}

void tcp_cork_framed(struct tcp_cork *cork)
{
	cork->frame = NULL;
}

static int table_grow(struct tcp_cork *cork, size_t fd)
{
	size_t n = cork->n_connections ? cork->n_connections : 64;
	struct connection *connections;

	if (fd < cork->n_connections)
		return 0;
	while (n <= fd)
		n *= 2;
	connections = realloc(cork->connections, n * sizeof(*connections));
	if (!connections)
		return -ENOMEM;
	for (size_t i = cork->n_connections; i < n; i++)
		connections[i] = (struct connection) { .next = NONE };
	cork->connections = connections;
	cork->n_connections = n;
	return 0;
}

/* Without memory the connection stays unknown: slower, nothing else. */
static void add(struct tcp_cork *cork, int fd, const struct key *key)
{
	int *bucket;

	if (table_grow(cork, (size_t)fd) < 0)
		return;
	bucket = bucket_of(cork, key);
	cork->connections[fd] =
		(struct connection) { .key = *key, .next = *bucket, .batch = cork->batch };
	*bucket = fd;
}

void tcp_cork_opened(struct tcp_cork *cork, int fd)
{
	struct key key;

	tcp_cork_closed(cork, fd);
	if (fd < 0)
		return;
	if (!cork->frame)
		cork->accepted = fd;
	else if ((key_of(cork->frame, cork->len, &key) & (TH_SYN | TH_ACK)) == TH_SYN)
		add(cork, fd, &key);
}

static struct key reversed(const struct key *key)
{
	struct key other = { .v6 = key->v6 };

	memcpy(other.source, key->destination, sizeof(other.source));
	memcpy(other.destination, key->source, sizeof(other.destination));
	memcpy(other.ports, key->ports + 2, 2);
	memcpy(other.ports + 2, key->ports, 2);
	return other;
}

void tcp_cork_to_guest(struct tcp_cork *cork, const uint8_t *frame, size_t len)
{
	int fd = cork->accepted;
	struct key key;

	if (fd == NONE || (key_of(frame, len, &key) & (TH_SYN | TH_ACK)) != TH_SYN)
		return;
	cork->accepted = NONE;
	key = reversed(&key);
	add(cork, fd, &key);
}

void tcp_cork_closed(struct tcp_cork *cork, int fd)
{
	struct connection *connection;
	int *at;

	if (cork->accepted == fd)
		cork->accepted = NONE;
	if (fd < 0 || (size_t)fd >= cork->n_connections || !cork->connections[fd].batch)
		return;
	connection = &cork->connections[fd];
	for (at = bucket_of(cork, &connection->key); *at != fd;)
		at = &cork->connections[*at].next;
	*at = connection->next;
	*connection = (struct connection) { .next = NONE };
	if (cork->last == fd)
		cork->last = NONE;
}

void tcp_cork_release(struct tcp_cork *cork)
{
	for (size_t i = 0; i < cork->n_corked; i++) {
		struct connection *connection = &cork->connections[cork->corked[i]];

		if (connection->corked) /* it was not closed meanwhile */
			set_cork(cork->corked[i], 0);
		connection->corked = false;
	}
	cork->n_corked = 0;
	cork->batch++;
}

int tcp_cork_new(struct tcp_cork **ret)
{
	struct tcp_cork *cork = calloc(1, sizeof(*cork));

	if (!cork)
		return -ENOMEM;
	if (getrandom(&cork->secret, sizeof(cork->secret), 0) != sizeof(cork->secret)) {
		free(cork);
		return -EIO;
	}
	cork->batch = 1;
	cork->last = cork->accepted = NONE;
	for (size_t i = 0; i < N_BUCKETS; i++)
		cork->buckets[i] = NONE;
	*ret = cork;
	return 0;
}

void tcp_cork_free(struct tcp_cork *cork)
{
	if (!cork)
		return;
	free(cork->connections);
	free(cork);
}
