/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.c - a stream socket (QEMU's -netdev stream): each guest that connects is a port
 *
 * A guest that comes back is a new guest, and has the first name again that is free. A socket with a
 * MAC address is for the one guest that has it, as otherwise all guests would claim the same.
 */
#include "net/ports/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ports/acceptor.h"
#include "net/ports/stream_guest.h"
#include "sys/explain.h"
#include "sys/log.h"

struct stream_entry {
	struct stream_entry *next;
	struct stream_guest *guest;
};

struct stream {
	struct port_socket socket; /* first: what is given out */
	uv_loop_t *loop;
	struct port_table *table;
	char *name;
	struct port_config port; /* of each guest, but for its name */
	struct acceptor *acceptor;
	struct stream_entry *entries;
	unsigned int n_guests, max_guests;
	uint64_t accepted, refused, cut_frames, bad_lengths;
	struct log_limit peers, mistakes;
};

static struct stream_entry *entry_remove(struct stream *stream, const struct stream_guest *guest)
{
	struct stream_entry **at = &stream->entries, *entry;

	while ((*at)->guest != guest)
		at = &(*at)->next;
	entry = *at;
	*at = entry->next;
	stream->n_guests--;
	return entry;
}

static void on_gone(void *opaque, struct stream_guest *guest, enum stream_end how, const char *why)
{
	struct stream *stream = opaque;
	bool mistake = how == STREAM_END_BAD_LENGTH || how == STREAM_END_CUT;

	stream->cut_frames += how == STREAM_END_CUT;
	stream->bad_lengths += how == STREAM_END_BAD_LENGTH;
	log_limited(mistake ? &stream->mistakes : &stream->peers,
		    mistake ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "stream %s: guest gone: %s",
		    stream_guest_port_name(guest), why);
	free(entry_remove(stream, guest));
	stream_guest_free(guest);
	if (!acceptor_is_open(stream->acceptor))
		port_socket_tell_over(&stream->socket);
}

static const struct stream_guest_events guest_events = { .gone = on_gone };

/* Under the first name that is free. @names: how many there are to try */
static int plug(struct stream *stream, int fd, unsigned int names, struct stream_guest **ret)
{
	struct port_config port = stream->port;
	size_t size = strlen(stream->name) + sizeof("/4294967295");
	char *name = malloc(size);
	int r = -EEXIST;

	if (!name) {
		close(fd);
		return -ENOMEM;
	}
	snprintf(name, size, "%s", stream->name);
	port.name = name;
	for (unsigned int i = 1; i <= names && r == -EEXIST; i++) {
		if (i > 1)
			snprintf(name, size, "%s/%u", stream->name, i);
		r = stream_guest_new(stream->loop, fd, stream->table, &port, &guest_events, stream,
				     ret);
	}
	free(name);
	if (r == -EEXIST)
		close(fd);
	return r;
}

static void say_connected(struct stream *stream, int fd, const struct stream_guest *guest)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		peer.pid = 0;
	log_limited(&stream->peers, LOG_LEVEL_INFO, "stream %s: guest connected (process %d)",
		    stream_guest_port_name(guest), (int)peer.pid);
}

/* With others' ports named after this socket the names do not suffice: as many again do. */
static int on_accepted(void *opaque, int fd)
{
	struct stream *stream = opaque;
	struct stream_entry *entry;
	int r;

	if (stream->n_guests == stream->max_guests) {
		stream->refused++;
		log_limited(&stream->mistakes, LOG_LEVEL_WARNING,
			    "stream %s: a guest is refused: %u are connected, which is the most "
			    "there may be",
			    stream->name, stream->n_guests);
		close(fd);
		return 0;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		close(fd);
		return -ENOMEM;
	}
	r = plug(stream, fd, 2 * STREAM_GUESTS_MAX, &entry->guest);
	if (r < 0) {
		free(entry);
		return r;
	}
	entry->next = stream->entries;
	stream->entries = entry;
	stream->n_guests++;
	stream->accepted++;
	say_connected(stream, fd, entry->guest);
	return 0;
}

static void stream_each_counter(const struct port_socket *socket,
				void (*each)(void *opaque, const char *name, uint64_t value),
				void *opaque)
{
	const struct stream *stream = (const struct stream *)socket;

	each(opaque, "guests", stream->n_guests);
	each(opaque, "guests_accepted_total", stream->accepted);
	each(opaque, "guests_refused_total", stream->refused);
	each(opaque, "cut_frames_total", stream->cut_frames);
	each(opaque, "bad_lengths_total", stream->bad_lengths);
}

static int stream_set_limits(struct port_socket *socket, const struct port_limits *limits)
{
	struct stream *stream = (struct stream *)socket;

	int r = 0;

	stream->port.limits = *limits;
	for (struct stream_entry *entry = stream->entries; entry && r >= 0; entry = entry->next) {
		const char *name = stream_guest_port_name(entry->guest);

		r = port_set_limits(port_find(stream->table, name), limits);
	}
	return r;
}

static void stream_free(struct port_socket *socket)
{
	struct stream *stream = (struct stream *)socket;

	acceptor_free(stream->acceptor);
	while (stream->entries) {
		struct stream_guest *guest = stream->entries->guest;

		free(entry_remove(stream, guest));
		stream_guest_free(guest);
	}
	free(stream->name);
	free(stream);
}

static const struct port_socket_ops stream_ops = {
	.free = stream_free,
	.set_limits = stream_set_limits,
	.each_counter = stream_each_counter,
};

int stream_new(uv_loop_t *loop, const struct port_socket_config *config, struct port_table *table,
	       struct port_socket **ret, char **ret_error)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int r = -ENOMEM;

	if (!stream)
		return explain(ret_error, r, "--stream: no memory for another");
	*stream = (struct stream) {
		.socket = { .ops = &stream_ops },
		.loop = loop,
		.table = table,
		.port = { .kind = port_socket_kind_name(PORT_SOCKET_STREAM),
			  .mac_known = config->mac_given,
			  .isolated = config->isolated,
			  .no_guard = config->no_guard,
			  .mtu = config->mtu,
			  .limits = config->limits },
		.max_guests = config->mac_given ? 1 : STREAM_GUESTS_MAX,
	};
	memcpy(stream->port.mac, config->mac, FRAME_MAC);
	stream->name = strdup(config->name);
	if (stream->name)
		r = acceptor_new(loop, config, on_accepted, stream, &stream->acceptor, ret_error);
	if (r < 0) {
		stream_free(&stream->socket);
		return r;
	}
	*ret = &stream->socket;
	return 0;
}
