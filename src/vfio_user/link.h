/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.h - one vfio-user connection, without I/O of its own choosing
 *
 * Bytes come in through link_feed(), leave through link_pending() and
 * link_sent(); time is whatever link_tick() was last told. Nothing here blocks,
 * locks, logs or starts a thread. front.h moves the bytes of real sockets.
 *
 * Both roles use it: a link sends requests and matches the replies by id, and
 * hands the peer's requests to a handler, which may answer at once or later.
 *
 * Failure is sticky: after a protocol error, end of file or I/O error the link is
 * dead, every outstanding request is completed with -ENOTCONN exactly once, and
 * each later call returns -ENOTCONN.
 *
 * Owner: one thread at a time.
 *
 * Callbacks run inside link_feed(), link_sent(), link_tick(), link_cancel(), link_kill(),
 * link_free() and, for requests that waited for room, link_reply_*(). They may call back into
 * the link, with two exceptions: not link_feed() (link_space() offers nothing meanwhile), and not
 * link_free(): use link_kill() there and free it after the outer call returned.
 */
#ifndef VFIO_USER_LINK_H
#define VFIO_USER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vfio_user/wire.h"

struct link;
struct tx_chunk;

#define LINK_FOREVER  UINT64_MAX
#define LINK_MAX_FDS  253 /* that one sendmsg can carry (Linux's SCM_MAX_FD) */

/* A message with a longer payload is worth the trouble of a link_bulk. */
#define LINK_BULK_MIN 32768u

/* Of a reply that link_into() is for: bytes that are not data, at most. */
#define LINK_HEAD_MAX 32u

/** struct link_fds - the fds of one message; entries that a handler took are -1 */
struct link_fds {
	size_t n;
	int fd[LINK_MAX_FDS];
};

/**
 * struct link_reply - what came back for a request of ours
 * @error:   0; the peer's errno, negative (-EIO if it named none); -ENOTCONN,
 *           -ETIMEDOUT, -ECANCELED, -EPROTO (the reply contradicts its request)
 * @payload: after the header; valid during the completion only. NULL on error. After link_into(): of
 *           @len bytes only those before the data
 * @fds:     closed after the completion, but for those it took; NULL on error
 */
struct link_reply {
	int error;
	const void *payload;
	size_t len;
	struct link_fds *fds;
};

typedef void link_completion(void *opaque, const struct link_reply *reply);

/** struct link_token - names a request of the peer's that is still to be answered; 0 is none */
typedef uint64_t link_token;

struct link_ops {
	/*
	 * A command that passed its rule. Answer with link_reply_*(), now or
	 * later (also from here). The request's bytes are valid until this returns. fds not taken
	 * (set to -1) are closed then. A no-reply command has a token too: answering
	 * it sends nothing, but ends its stay among the outstanding. Who keeps the request for
	 * later copies link_request_bytes().
	 */
	void (*request)(void *opaque, link_token token, const struct wire_request *request,
			struct link_fds *fds);

	/*
	 * A command that broke its rule (or is none) was answered with this errno. Only to be
	 * told to people: it must not call into the link. May be NULL.
	 */
	void (*refused)(void *opaque, const struct wire_header *header, size_t n_fds, int error);

	/*
	 * link_wants_read(), link_wants_write() changed or link_deadline_us() came nearer: look
	 * again. Called only for changes that a call other than link_feed(), link_sent() or
	 * link_tick() caused, once at its end. It must not call into the link but for the three
	 * named. May be NULL.
	 */
	void (*wants_changed)(void *opaque);

	/*
	 * Once, before any completion gets -ENOTCONN: the link is dead. reason is a sentence for
	 * people ("peer closed the connection after 5 of 16 bytes of DMA_MAP"). May be NULL.
	 */
	void (*dead)(void *opaque, int error, const char *reason);
};

struct link_config {
	enum wire_side peer; /* the side the peer plays: decides which commands it may send */
	struct wire_limits accepts; /* ours: what the peer may send us */
	size_t max_outstanding;	    /* of the peer's requests unanswered; 0: 256; at most 65536 */
	/*
	 * Bytes waiting to be sent. With more than max_queued (0: 4 MiB) of replies, or of data that
	 * requests which are not answered yet asked for, we stop reading requests; with more than
	 * max_requests (0: max_queued) of requests link_request() and link_post() give -EAGAIN. They
	 * are counted apart: who stopped reading because of its own unsent requests would never
	 * see their replies.
	 */
	size_t max_queued;
	size_t max_requests;
	const struct link_ops *ops;
	void *opaque;
};

/** link_new() - a fresh connection. Return: 0, -ENOMEM, -EINVAL max_outstanding */
int link_new(const struct link_config *config, struct link **ret);

/** link_free() - kills the link if it lives, completes and closes everything. NULL is fine */
void link_free(struct link *link);

/**
 * link_kill() - the link is dead from here on
 * @error, @reason: for ops->dead and link_error(), unless it was dead already. 0 means -ENOTCONN
 *
 * What waited to be sent is dropped; see link_wants_write() for a last message that should get out.
 */
void link_kill(struct link *link, int error, const char *reason);

/** link_error() - 0 while the link lives, else the error that ended it */
int link_error(const struct link *link);

/** link_reason() - why it died, a sentence; "" while it lives */
const char *link_reason(const struct link *link);

/**
 * link_space() - where the next received bytes should go
 * @ret_len: how many fit; 0 while the link does not want to read, is dead (also: of the memory
 *	that this call did not get) or is inside a callback of link_feed()
 *
 * The caller receives into it and says so with link_feed(). Good until then, whatever else
 * happens to the link but link_free(): another thread may be receiving into it.
 */
void *link_space(struct link *link, size_t *ret_len);

/**
 * link_feed() - bytes (and fds) arrived in link_space()
 * @n:   how many; 0 is end of file
 * @fds: came with these bytes; all are the link's now, also if this fails
 *
 * Handles every whole message, calling back for each, until the handler queue is full.
 * Attribution: a read that carried fds ends with the bytes they were sent
 * with (the kernel glues nothing behind them), so they belong to the last message that starts
 * in these bytes and may carry fds; if none may, to the last that starts (and its rule refuses
 * them). If no message starts there, they are closed and the connection ends.
 *
 * Return: 0, or -errno once the link is dead (0 bytes between messages: -ECONNRESET).
 */
int link_feed(struct link *link, size_t n, const int *fds, size_t n_fds);

/** link_wants_read() - false while a request waits because too much is to be sent or answered */
bool link_wants_read(const struct link *link);

/** link_wants_write() - is anything waiting to be sent? */
bool link_wants_write(const struct link *link);

/**
 * link_pending() - what to send next, in one sendmsg
 * @iov: the oldest unsent bytes: one long message, or as many short ones as a socket takes as a
 *	whole or not at all
 * @ret_fds, @ret_n_fds: to go with the first byte; a message with fds is a batch of its own.
 *	Still the link's, which closes them once sent.
 *
 * These bytes and fds stay as they are until link_sent() says what became of them, whatever else
 * happens to the link, its death included: they may be given to the kernel while others use it.
 *
 * Return: does anything wait?
 */
bool link_pending(struct link *link, struct iovec *iov, const int **ret_fds, size_t *ret_n_fds);

/**
 * link_sent() - the first n bytes of link_pending() are with the kernel, the rest is not
 *
 * Handles requests that waited for room.
 */
void link_sent(struct link *link, size_t n);

/**
 * link_request() - send a command to the peer
 * @iov, @n_iov: its payload, copied
 * @fds, @n_fds: duplicated; the caller keeps its own
 * @reply_max:   a longer reply payload is -EPROTO for the completion
 * @reply_fds_max: fds the reply may carry; more are closed and -EPROTO
 * @deadline_us: by link_tick()'s clock, or LINK_FOREVER
 * @done: runs exactly once, also on death, cancel and timeout; never inside this call
 * @ret_id: for link_cancel(); may be NULL
 *
 * A late reply to a request that timed out or was cancelled is recognised and dropped; its id is
 * not used again before that.
 *
 * Return: 0; -ENOTCONN dead; -ENOBUFS every id in flight; -EAGAIN more than max_requests bytes of
 * requests are still unsent: try again once link_wants_write() is false; -EMSGSIZE; -ENOMEM; errno
 * of dup. Nothing was sent then.
 */
int link_request(struct link *link, enum wire_command command, const struct iovec *iov,
		 size_t n_iov, const int *fds, size_t n_fds, size_t reply_max, size_t reply_fds_max,
		 uint64_t deadline_us, link_completion *done, void *opaque, uint16_t *ret_id);

/** link_has_room() - would link_request() not return -EAGAIN? */
bool link_has_room(const struct link *link);

/**
 * link_request_bytes() - inside ops->request: what the request was decoded from
 *
 * Return: what its pointers point into, *ret_len bytes
 */
const void *link_request_bytes(const struct link *link, size_t *ret_len);

/**
 * link_into() - the reply's payload but for its first bytes is data, and goes here
 * @id:   of a request that link_request() has just queued, which takes no fds
 * @head: how many bytes are before the data, at most LINK_HEAD_MAX
 * @data: room for the rest of what the request's reply_max permits
 *
 * Data is copied as it comes, out of a buffer that is small: a long reply takes no memory of its
 * length. So when the completion gets an error, part of it may have been written. Once the completion
 * ran (also by link_cancel()), nothing is written any more.
 */
void link_into(struct link *link, uint16_t id, size_t head, void *data);

/**
 * link_keep_request() - inside ops->request: the memory that link_request_bytes() are in, if they are
 * long and most of what it is used for
 *
 * The caller's from then on, for free() or link_recycle(): a long request need not be copied to be
 * kept.
 * Return: NULL: not so, copy them
 */
void *link_keep_request(struct link *link, size_t *ret_cap);

/**
 * link_recycle() - the link may receive into this memory, of link_keep_request()
 *
 * It keeps one such, as long as it keeps a receive buffer that is larger than needed.
 */
void link_recycle(struct link *link, void *memory, size_t cap);

/**
 * link_post() - send a command with the no-reply flag
 *
 * Should the peer answer nevertheless (QEMU does when a DMA fails), that is dropped.
 * Return: as link_request()
 */
int link_post(struct link *link, enum wire_command command, const struct iovec *iov, size_t n_iov);

/** link_cancel() - complete a request with -ECANCELED now; no-op if it is not in flight */
void link_cancel(struct link *link, uint16_t id);

/**
 * link_reply_ok() - answer a request
 * @iov, @n_iov: payload, copied
 * @fds, @n_fds: duplicated
 *
 * May call ops->request for requests that waited for room, unless it is inside a callback already.
 *
 * Return: 0; -ENOENT no such token (answered already, or the link died); -ENOMEM, -EMSGSIZE, errno
 * of dup. Any but 0 and -ENOENT kills the link: a reply must not be lost.
 */
int link_reply_ok(struct link *link, link_token token, const struct iovec *iov, size_t n_iov,
		  const int *fds, size_t n_fds);

/** link_reply_error() - answer a request with an errno (positive or negative; 0 means EIO) */
int link_reply_error(struct link *link, link_token token, int error);

/**
 * struct link_bulk - a long message on its way from the caller's memory
 * @header:   what goes before the payload, once the message was accepted
 * @len:      of its payload
 * @straight: the caller sends it from where it is
 * @chunk:    the copy, or an old one's memory; NULL: none. The link's
 *
 * A payload that takes long to copy, or whose pages do, is not copied while the link is held up by
 * it. The owner of the link, who lends it to other threads in the calls marked "without":
 *
 *	link_bulk_begin()
 *	link_bulk_copy(.., 0)					without, unless straight
 *	link_request_bulk() or link_reply_bulk()
 *	its own sendmsg(), and link_bulk_copy() of the rest	without, if straight
 *	link_bulk_sent()					if straight
 *	link_bulk_end()						in any case
 *
 * Straight, it is not in the queue until link_bulk_sent(); nothing else may be sent meanwhile.
 */
struct link_bulk {
	struct wire_header header;
	size_t len;
	bool straight;
	struct tx_chunk *chunk;
};

/** link_bulk_begin() - @straight: the caller would like to send it itself. It is, if nothing waits */
void link_bulk_begin(struct link *link, size_t len, bool straight, struct link_bulk *ret);

/**
 * link_bulk_copy() - the payload from here on; touches no link
 * @from: the first byte, counted from the header's
 *
 * Return: 0, -ENOMEM
 */
int link_bulk_copy(struct link_bulk *bulk, const struct iovec *iov, size_t n_iov, size_t from);

/** link_request_bulk() - as link_request(), without fds; but bulk is the message */
int link_request_bulk(struct link *link, enum wire_command command, struct link_bulk *bulk,
		      size_t reply_max, size_t reply_fds_max, uint64_t deadline_us,
		      link_completion *done, void *opaque, uint16_t *ret_id);

/** link_reply_bulk() - as link_reply_ok(), without fds; but bulk is the message */
int link_reply_bulk(struct link *link, link_token token, struct link_bulk *bulk);

/** link_bulk_sent() - n bytes of it are with the kernel; the rest, which was copied, is next */
void link_bulk_sent(struct link *link, struct link_bulk *bulk, size_t n);

/** link_bulk_end() - gives back what the link does not have. NULL: the link is gone */
void link_bulk_end(struct link *link, struct link_bulk *bulk);

/**
 * link_deadline_us() - when link_tick() must next be called, or LINK_FOREVER
 *
 * Never later than the first deadline in flight; may be that of a request which has ended since.
 */
uint64_t link_deadline_us(const struct link *link);

/** link_tick() - it is now; times out what is due */
void link_tick(struct link *link, uint64_t now_us);

#endif
