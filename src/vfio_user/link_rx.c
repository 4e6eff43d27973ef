/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_rx.c - what a link hears
 *
 * One buffer. Bytes are received behind its end and handled from its start, in place; it starts
 * over when it is empty, which after most reads it is. What is moved or makes it grow is only an
 * incomplete message that does not fit behind its beginning, once its header passed. So a peer
 * gets as much memory as it has right to fill, and an idle connection holds RX_FIRST bytes.
 *
 * States, all derived from the buffer (nothing to keep in step):
 *
 *   skip > 0                        a body nobody wants is on its way; or
 *   pouring                         a reply's, whose data is copied in parts to where it goes
 *   under 16 bytes                  the next header is on its way; with 0, EOF is a clean close
 *   a request's header, no room     blocked: rx_blocked(), nothing is received until
 *                                   link_reply_*() or link_sent() makes room
 *   whose fds are not known yet     see "Attribution"
 *   a header                        the body is on its way
 *
 * Attribution of fds. They are sent with the first byte of a message. A read that brings some
 * ends with bytes of that very sendmsg, but may begin with others, and a sender may have put
 * several messages into one sendmsg. So they belong to a message that starts in the bytes of the
 * read: the last that may carry fds at all. If the read ends inside a header (there is no saying
 * yet whether that one may), the previous candidate waits until it is whole.
 */
#include "vfio_user/link_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_SIZE    sizeof(struct wire_header)

#define RX_FIRST       (8u << 10)  /* an idle connection's buffer */
#define RX_BUSY	       (64u << 10) /* one whose messages pile up */
#define RX_POUR	       (128u << 10) /* one whose data is copied on while the processor has it at hand */
#define RX_QUIET_READS 256u /* after so many that needed no more, the buffer shrinks again */

static size_t rx_have(const struct link_rx *rx)
{
	return rx->end - rx->start;
}

/* The header at this position of the stream, if it is here whole. */
static bool rx_header_at(const struct link_rx *rx, uint64_t pos, struct wire_header *ret)
{
	uint64_t offset = pos - rx->pos;

	if (rx_have(rx) < HEADER_SIZE || offset > rx_have(rx) - HEADER_SIZE)
		return false;
	memcpy(ret, rx->buf + rx->start + offset, HEADER_SIZE);
	return true;
}

static bool is_reply(const struct wire_header *header)
{
	return (header->flags & WIRE_FLAG_TYPE_MASK) == WIRE_TYPE_REPLY;
}

static void rx_consume(struct link_rx *rx, size_t n)
{
	rx->start += n;
	rx->pos += n;
}

bool rx_blocked(const struct link *link)
{
	struct wire_header header;

	if (!served_full(link) &&
	    link->tx.queued[TX_REPLY] + link->served.due <= link->config.max_queued)
		return false;
	return link->rx.skip == 0 && rx_header_at(&link->rx, link->rx.pos, &header) &&
	       !is_reply(&header);
}

/* Fds. */

void rx_drop_fds(struct link *link)
{
	for (size_t i = 0; i < link->rx.n_sets; i++)
		link_close_fds(&link->rx.sets[i].fds);
	link->rx.n_sets = 0;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/*
 * Which message do fds belong to that came with the bytes from position "from" on?
 * Return: is there one?
 */
static bool rx_find_owner(const struct link_rx *rx, uint64_t from, struct rx_fds *ret)
{
	uint64_t pos = rx->pos + rx->skip;
	uint64_t end = rx->pos + rx_have(rx);
	bool found = false, carrier = false;
	struct wire_header header;

	ret->partial = 0;
	while (pos < end && rx_header_at(rx, pos, &header)) {
		bool may = wire_may_carry_fds(&header);

		if (pos >= from && (may || !carrier)) {
			ret->owner = pos;
			found = true;
			carrier = may;
		}
		if (header.size < HEADER_SIZE)
			return found; /* the connection ends at this header */
		pos += header.size;
	}
	if (pos >= end || pos < from)
		return found;

	/* The bytes end inside a header that starts in them. */
	if (carrier)
		ret->partial = pos;
	else
		ret->owner = pos;
	return true;
}

static int rx_keep_fds(struct link *link, uint64_t from, const int *fds, size_t n)
{
	struct link_rx *rx = &link->rx;
	struct rx_fds *set = &rx->sets[rx->n_sets];

	assert(rx->n_sets < RX_FDS_SETS);
	if (n > LINK_MAX_FDS || !rx_find_owner(rx, from, set)) {
		close_all(fds, n);
		link_die(link, -EPROTO, "%zu fds came that belong to no message", n);
		return -EPROTO;
	}
	memcpy(set->fds.fd, fds, n * sizeof(*fds));
	set->fds.n = n;
	rx->n_sets++;
	return 0;
}

/* Half headers that became whole may take fds over. */
static void rx_settle_fds(struct link_rx *rx)
{
	struct wire_header header;

	for (size_t i = 0; i < rx->n_sets; i++) {
		struct rx_fds *set = &rx->sets[i];

		if (set->partial == 0 || !rx_header_at(rx, set->partial, &header))
			continue;
		if (wire_may_carry_fds(&header))
			set->owner = set->partial;
		set->partial = 0;
	}
}

/* Must the first message wait until it is known whether the first set is its? */
static bool rx_unsettled(const struct link_rx *rx)
{
	return rx->n_sets > 0 && rx->sets[0].owner == rx->pos && rx->sets[0].partial != 0;
}

static size_t rx_n_fds(const struct link_rx *rx)
{
	return rx->n_sets > 0 && rx->sets[0].owner == rx->pos ? rx->sets[0].fds.n : 0;
}

/* The first message's fds are the caller's now. */
static void rx_take_fds(struct link_rx *rx, struct link_fds *ret)
{
	ret->n = rx_n_fds(rx);
	if (ret->n == 0)
		return;
	memcpy(ret->fd, rx->sets[0].fds.fd, ret->n * sizeof(ret->fd[0]));
	rx->n_sets--;
	if (rx->n_sets > 0)
		rx->sets[0] = rx->sets[1];
}

/* Other memory for what is unhandled; the old is the caller's. Return: 0, -ENOMEM */
static int rx_replace(struct link_rx *rx, size_t cap)
{
	uint8_t *buf;

	if (rx->spare != NULL && cap <= rx->spare_cap) {
		buf = rx->spare;
		cap = rx->spare_cap;
		rx->spare = NULL;
	} else {
		buf = malloc(cap);
	}
	if (buf == NULL)
		return -ENOMEM;
	if (rx_have(rx) > 0)
		memcpy(buf, rx->buf + rx->start, rx_have(rx));
	rx->buf = buf;
	rx->cap = cap;
	rx->end -= rx->start;
	rx->start = 0;
	return 0;
}

/* Messages. */

/* A part of a body. Return: was it the last? */
static bool rx_skip(struct link *link)
{
	struct link_rx *rx = &link->rx;
	size_t n = rx->skip < rx_have(rx) ? rx->skip : rx_have(rx);

	if (rx->pouring)
		call_pour(link, rx->id, rx->len - rx->skip, rx->buf + rx->start, n, rx->head);
	rx_consume(rx, n);
	rx->skip -= n;
	if (rx->skip > 0)
		return false;
	if (rx->pouring) {
		rx->pouring = false;
		call_poured(link, rx->id, rx->head, rx->len);
	}
	return true;
}

/* A wrong header leaves no way to find the next one. */
static bool rx_check_header(struct link *link, const struct wire_header *header)
{
	uint32_t max_size = link->max_size;
	size_t reply_max = is_reply(header) ? call_reply_max(link, header->id) : 0;

	if (reply_max > UINT32_MAX - HEADER_SIZE)
		max_size = UINT32_MAX;
	else if (reply_max + HEADER_SIZE > max_size)
		max_size = (uint32_t)(reply_max + HEADER_SIZE);

	switch (wire_check_header(header, max_size)) {
	case 0:
		return true;
	case -EMSGSIZE:
		link_die(link, -EMSGSIZE, "message of %u bytes, at most %u are accepted",
			 header->size, max_size);
		return false;
	default:
		link_die(link, -EPROTO, "not a message: %u bytes, command %u, flags 0x%x",
			 header->size, header->command, header->flags);
		return false;
	}
}

static void refuse(struct link *link, const struct wire_header *header, size_t n_fds, int error)
{
	const struct link_ops *ops = link->config.ops;

	served_refuse(link, header, error);
	if (ops->refused)
		ops->refused(link->config.opaque, header, n_fds, error);
}

static void rx_request(struct link *link, const struct wire_header *header)
{
	const uint8_t *payload = link->rx.buf + link->rx.start + HEADER_SIZE;
	struct wire_request request;
	struct link_fds fds;
	int r;

	rx_take_fds(&link->rx, &fds);
	rx_consume(&link->rx, header->size);
	link->rx.body = payload;
	link->rx.body_len = header->size - HEADER_SIZE;
	r = wire_decode_request(header, payload, fds.n, link->config.peer, &link->config.accepts,
				&request);
	if (r < 0)
		refuse(link, header, fds.n, r);
	else
		link->config.ops->request(link->config.opaque, served_add(link, &request), &request,
					  &fds);
	if (fds.n > 0)
		link_close_fds(&fds);
}

void *link_keep_request(struct link *link, size_t *ret_cap)
{
	struct link_rx *rx = &link->rx;
	uint8_t *kept = rx->buf;

	if (rx->body_len <= RX_BUSY || rx->body_len < rx->cap / 2)
		return NULL;
	*ret_cap = rx->cap;
	if (rx_have(rx) == 0) {
		rx->buf = NULL;
		rx->cap = rx->start = rx->end = 0;
		return kept;
	}
	/* What came behind it stays, in other memory. */
	return rx_replace(rx, rx_have(rx) > RX_BUSY ? rx_have(rx) : RX_BUSY) == 0 ? kept : NULL;
}

void link_recycle(struct link *link, void *memory, size_t cap)
{
	struct link_rx *rx = &link->rx;

	if (rx->spare != NULL || cap > LINK_KEEP_MAX || link->error != 0) {
		free(memory);
		return;
	}
	rx->spare = memory;
	rx->spare_cap = cap;
}

const void *link_request_bytes(const struct link *link, size_t *ret_len)
{
	*ret_len = link->rx.body_len;
	return link->rx.body;
}

/* Return: was it handled (or begun to be skipped)? */
static bool rx_reply(struct link *link, const struct wire_header *header)
{
	struct link_rx *rx = &link->rx;
	size_t len = header->size - HEADER_SIZE;
	struct link_fds fds;
	int error = 0;

	switch (call_judge(link, header, rx_n_fds(rx), &error)) {
	case CALL_BROKEN:
		return false;
	case CALL_DROP:
		rx_take_fds(rx, &fds);
		link_close_fds(&fds);
		rx_consume(rx, HEADER_SIZE);
		rx->skip = len;
		call_dropped(link, header->id, error);
		return true;
	case CALL_DELIVER:
		break;
	}
	if (len > 0 && call_pours(link, header->id)) {
		rx_consume(rx, HEADER_SIZE);
		rx->skip = len;
		rx->pouring = true;
		rx->id = header->id;
		rx->len = len;
		return true;
	}
	if (rx_have(rx) < header->size)
		return false;
	rx_take_fds(rx, &fds);
	rx_consume(rx, header->size);
	call_deliver(link, header->id, rx->buf + rx->start - len, len, &fds);
	if (fds.n > 0)
		link_close_fds(&fds);
	return true;
}

/* Handle the first message. Return: is there any point in trying again? */
static bool rx_step(struct link *link)
{
	struct link_rx *rx = &link->rx;
	struct wire_header header;

	if (rx->skip > 0 || rx->pouring)
		return rx_skip(link);
	if (!rx_header_at(rx, rx->pos, &header) || !rx_check_header(link, &header))
		return false;
	if (rx_blocked(link) || rx_unsettled(rx))
		return false;
	if (is_reply(&header))
		return rx_reply(link, &header);
	if (rx_have(rx) < header.size)
		return false;
	rx_request(link, &header);
	return true;
}

void rx_handle(struct link *link)
{
	if (link->handling || rx_have(&link->rx) == 0)
		return;
	link->handling = true;
	while (link->error == 0 && rx_have(&link->rx) > 0 && rx_step(link))
		;
	link->handling = false;
}

/* The buffer. */

void rx_free(struct link *link)
{
	free(link->rx.buf);
	free(link->rx.spare);
}

/* From the start on, how many bytes must fit for the next message to make progress? */
static size_t rx_need(const struct link_rx *rx)
{
	struct wire_header header;

	if (rx_unsettled(rx))
		return (size_t)(rx->sets[0].partial - rx->pos) + HEADER_SIZE;
	if (rx->pouring)
		return rx->skip < RX_POUR ? rx->skip : RX_POUR;
	if (rx->skip == 0 && rx_header_at(rx, rx->pos, &header))
		return header.size;
	return HEADER_SIZE;
}

static int rx_resize(struct link_rx *rx, size_t cap)
{
	uint8_t *old = rx->buf;
	int r = rx_replace(rx, cap);

	if (r == 0)
		free(old);
	return r;
}

/* An empty buffer starts over, and is given back if it was larger than needed for long. */
static void rx_rewind(struct link_rx *rx)
{
	rx->start = 0;
	rx->end = 0;
	if (rx->quiet < RX_QUIET_READS)
		return;
	free(rx->spare);
	rx->spare = NULL;
	if (rx->cap > RX_FIRST) {
		free(rx->buf);
		rx->buf = NULL;
		rx->cap = 0;
	}
}

static int rx_make_room(struct link_rx *rx, uint32_t max_size)
{
	size_t busy = max_size < RX_BUSY ? max_size : RX_BUSY;
	size_t need = rx_need(rx);

	if (rx_have(rx) == 0)
		rx_rewind(rx);
	if (rx->cap == 0)
		return rx_resize(rx, RX_FIRST);
	if (need <= rx->cap - rx->start)
		return 0;
	if (rx->cap < busy || rx->cap < need)
		return rx_resize(rx, need > busy ? need : busy);
	memmove(rx->buf, rx->buf + rx->start, rx_have(rx));
	rx->end -= rx->start;
	rx->start = 0;
	return 0;
}

void *link_space(struct link *link, size_t *ret_len)
{
	struct link_rx *rx = &link->rx;
	int r;

	*ret_len = 0;
	if (link->handling || !link_wants_read(link))
		return NULL;
	r = rx_make_room(rx, link->max_size);
	if (r < 0) {
		link_die(link, r, "no memory for a message of %zu bytes", rx_need(rx));
		return NULL;
	}
	*ret_len = rx->cap - rx->end;
	if (rx->pouring && *ret_len > RX_POUR)
		*ret_len = RX_POUR;
	return rx->buf + rx->end;
}

static void rx_eof(struct link *link)
{
	struct link_rx *rx = &link->rx;
	struct wire_header header;

	if (rx->skip == 0 && rx_have(rx) == 0)
		link_die(link, -ECONNRESET, "peer closed the connection");
	else if (rx->skip == 0 && rx_header_at(rx, rx->pos, &header))
		link_die(link, -EPROTO, "peer closed the connection after %zu of %u bytes of %s",
			 rx_have(rx), header.size, wire_command_name(header.command));
	else
		link_die(link, -EPROTO, "peer closed the connection in the middle of a message");
}

static void rx_feed(struct link *link, size_t n, const int *fds, size_t n_fds)
{
	struct link_rx *rx = &link->rx;
	uint64_t from = rx->pos + rx_have(rx);

	if (n == 0) {
		close_all(fds, n_fds);
		rx_eof(link);
		return;
	}
	rx->end += n;
	rx->quiet = rx->end > RX_FIRST ? 0 : rx->quiet + 1;
	rx_settle_fds(rx);
	if (n_fds == 0 || rx_keep_fds(link, from, fds, n_fds) == 0)
		rx_handle(link);
}

int link_feed(struct link *link, size_t n, const int *fds, size_t n_fds)
{
	assert(!link->handling && n <= link->rx.cap - link->rx.end);
	if (link->error != 0) {
		close_all(fds, n_fds);
		return -ENOTCONN;
	}
	link_enter(link);
	rx_feed(link, n, fds, n_fds);
	link_leave(link);
	return link->error;
}
