/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_internal.h - what the files of a link share
 *
 *   link.c        life, death, and what to wait for next
 *   link_rx.c     received bytes -> messages, each with its fds
 *   link_calls.c  requests in flight: ours (calls) and the peer's (tokens)
 *   link_tx.c     messages -> bytes to send
 *   link_bulk.c   long ones, copied or sent without the link
 *
 * link_rx calls link_calls and link_tx; link_calls calls link_tx and link_bulk; link_bulk calls
 * link_tx; all may call link_die().
 */
#ifndef VFIO_USER_LINK_INTERNAL_H
#define VFIO_USER_LINK_INTERNAL_H

#include "vfio_user/link.h"

/* The longest memory that is kept for the next long message: 1 MiB of data and its head. */
#define LINK_KEEP_MAX ((1u << 20) + 4096u)

/**
 * struct rx_fds - fds that came with bytes, waiting for their message to be handled
 * @owner:   position in the stream of the message that they belong to
 * @partial: 0, or the position of a half header that takes them over if, once whole, it turns out
 *           to be of a message that may carry some. Until then @owner is not handled
 */
struct rx_fds {
	uint64_t owner;
	uint64_t partial;
	struct link_fds fds;
};

/*
 * Before a read every whole message has been handled, except behind an unsettled set. So one set
 * may be here (of the message that is still incomplete, or that one unsettled), and the read
 * settles it and brings another.
 */
#define RX_FDS_SETS 2

/**
 * struct link_rx - received bytes
 * @buf, @cap: NULL and 0 until the first read
 * @start, @end: the unhandled ones in it
 * @pos:   position in the stream of the byte at @start
 * @skip:  bytes of a body that nobody wants, still to be thrown away
 * @pouring: that body is the reply to @id, whose data is copied as it comes
 * @head, @len: of that reply: the first bytes, and the length of its payload
 * @quiet: reads since one last needed more than the first size
 * @spare, @spare_cap: an unused buffer for long messages, given back when @buf is
 * @body, @body_len: of the request that is being handed over
 */
struct link_rx {
	uint8_t *buf;
	size_t cap, start, end;
	uint64_t pos;
	size_t skip;
	bool pouring;
	uint16_t id;
	size_t len;
	uint8_t head[LINK_HEAD_MAX];
	unsigned int quiet;
	uint8_t *spare;
	size_t spare_cap;
	const uint8_t *body;
	size_t body_len;
	struct rx_fds sets[RX_FDS_SETS];
	size_t n_sets;
};

enum tx_kind {
	TX_REQUEST,
	TX_REPLY,
	TX_KINDS,
};

/**
 * struct tx_chunk - whole messages, back to back; or one that has fds, alone
 * @bytes_of: how many of @len are requests, how many replies
 */
struct tx_chunk {
	struct tx_chunk *next;
	size_t len, cap;
	size_t bytes_of[TX_KINDS];
	size_t n_fds;
	int *fds;
	uint8_t data[];
};

/**
 * struct link_tx - what waits to be sent, oldest first
 * @sent:   bytes of the first chunk that are with the kernel already
 * @lent:   somebody has what link_pending() said, so the chunks stay even if the link dies
 * @spare:  an empty chunk, so that question and answer need no malloc
 * @large:  likewise some for long messages, while there are such: new memory for each would cost
 *          as much as copying it
 * @quiet:  ordinary chunks since one was large
 * @queued: bytes in all chunks; those of a chunk count until it is sent whole
 */
struct link_tx {
	struct tx_chunk *head, *tail;
	struct tx_chunk *spare;
	struct tx_chunk *large;
	unsigned int n_large;
	unsigned int quiet;
	size_t sent;
	bool lent;
	size_t queued[TX_KINDS];
};

/**
 * enum call_state - an id of ours
 * CALL_FREE:    not in use; a reply to it ends the connection
 * CALL_WAITING: the completion has not run
 * CALL_LATE:    it has (timeout, cancel); the reply is dropped when it comes, and the id is free
 */
enum call_state {
	CALL_FREE,
	CALL_WAITING,
	CALL_LATE,
};

/**
 * struct call
 * @head, @data: as link_into() says; data is NULL if it was not called
 */
struct call {
	enum call_state state;
	uint16_t command;
	size_t reply_max;
	size_t reply_fds_max;
	size_t head;
	uint8_t *data;
	uint64_t deadline_us;
	link_completion *done;
	void *opaque;
	uint32_t next_free;
};

/* The id of all commands that want no reply. No call has it. */
#define CALL_ID_POST UINT16_MAX
#define CALL_NONE    UINT32_MAX

/**
 * struct link_calls - our requests; the index is the id
 * @first_free, @last_free: the free ones, the one longest free first
 * @n_waiting: in CALL_WAITING
 * @next_deadline_us: none of these is due before
 * @posts: commands without reply that the peer may still answer against the rules
 */
struct link_calls {
	struct call *slots;
	uint32_t n;
	uint32_t first_free, last_free;
	uint32_t n_waiting;
	uint64_t next_deadline_us;
	uint64_t posts;
};

/**
 * struct served - a request of the peer's that has a token; 0: a free slot
 * @due: bytes of data that its reply will bring
 */
struct served {
	link_token token;
	uint32_t due;
	uint16_t id;
	uint16_t command;
	bool no_reply;
	uint32_t next_free;
};

/** struct link_served - all slots are allocated with the link, so that a request cannot fail */
struct link_served {
	struct served *slots;
	uint32_t n, n_used;
	uint32_t first_free;
	uint64_t serial; /* of the last token */
	size_t due;	 /* of all */
};

struct link_wants {
	bool read, write;
	uint64_t deadline_us;
};

/**
 * struct link
 * @handling: a message is being handled; whoever makes room for more only says so
 * @driven:   depth of calls after which the owner looks at link_wants_*() by itself
 * @told:     what it saw then
 */
struct link {
	struct link_config config;
	uint32_t max_size;
	int error;
	char reason[160];
	bool handling;
	unsigned int driven;
	struct link_wants told;
	struct link_rx rx;
	struct link_tx tx;
	struct link_calls calls;
	struct link_served served;
};

/** link_die() - as link_kill(), with a formatted reason */
void link_die(struct link *link, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** link_note_wants(), link_tell_wants() - for the three below, if the owner has the callback */
void link_note_wants(struct link *link);
void link_tell_wants(struct link *link);

/** link_enter() - until link_leave() the owner need not be told of changes */
static inline void link_enter(struct link *link)
{
	link->driven++;
}

static inline void link_leave(struct link *link)
{
	if (--link->driven == 0 && link->config.ops->wants_changed != NULL)
		link_note_wants(link);
}

/** link_changed() - the end of a call that may have changed what the owner waits for */
static inline void link_changed(struct link *link)
{
	if (link->config.ops->wants_changed != NULL)
		link_tell_wants(link);
}

/** link_close_fds() - those that nobody took */
void link_close_fds(struct link_fds *fds);

/** rx_handle() - every message that can be handled; no-op inside a callback of itself */
void rx_handle(struct link *link);

/** rx_blocked() - does a request wait for room among the outstanding or the queued? */
bool rx_blocked(const struct link *link);

void rx_drop_fds(struct link *link);
void rx_free(struct link *link);

/**
 * tx_message() - queue a message
 * @header: its size is filled in here
 *
 * Return: 0; -EMSGSIZE; -ENOMEM; errno of dup. Nothing was queued then.
 */
int tx_message(struct link *link, enum tx_kind kind, struct wire_header *header,
	       const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds);

/**
 * tx_bulk() - likewise, but queue the copy that was made, or only fill in the header
 *
 * Return: 0, -EMSGSIZE
 */
int tx_bulk(struct link *link, enum tx_kind kind, struct wire_header *header,
	    struct link_bulk *bulk);

/** tx_chunk_new(), tx_chunk_free() - room for so many bytes. NULL: -ENOMEM */
struct tx_chunk *tx_chunk_new(size_t cap);
void tx_chunk_free(struct tx_chunk *chunk);

/** tx_take() - an empty one that was kept, or NULL */
struct tx_chunk *tx_take(struct link_tx *tx, size_t size);

/** tx_push() - to the end of the queue, all of it of one kind */
void tx_push(struct link_tx *tx, struct tx_chunk *chunk);

/** tx_keep() - for the next of its size, or free it */
void tx_keep(struct link_tx *tx, struct tx_chunk *chunk);

/** tx_drop() - nothing more will be sent. What is lent stays until it comes back */
void tx_drop(struct link *link);
void tx_free(struct link *link);

/**
 * enum call_verdict - what to do with a reply
 * CALL_DELIVER: wait until it is whole, then call_deliver()
 * CALL_DROP:    throw it away unread and say so with call_dropped()
 * CALL_BROKEN:  the link is dead now
 */
enum call_verdict {
	CALL_DELIVER,
	CALL_DROP,
	CALL_BROKEN,
};

/**
 * call_judge() - by its header and number of fds, what is this reply?
 * @ret_error: set if the verdict is CALL_DROP; for call_dropped()
 */
enum call_verdict call_judge(struct link *link, const struct wire_header *header, size_t n_fds,
			     int *ret_error);

/** call_deliver() - complete a call with its reply, and free its id */
void call_deliver(struct link *link, uint16_t id, const void *payload, size_t len,
		  struct link_fds *fds);

/** call_pours() - did link_into() say where the data of this reply goes? */
bool call_pours(const struct link *link, uint16_t id);

/**
 * call_pour() - a part of the payload of a reply came
 * @at:  its position in the payload
 * @head: LINK_HEAD_MAX bytes, which get what is not data
 */
void call_pour(struct link *link, uint16_t id, size_t at, const uint8_t *bytes, size_t n,
	       uint8_t *head);

/** call_poured() - all of it did; as call_deliver(), but the call may be over already */
void call_poured(struct link *link, uint16_t id, const void *head, size_t len);

/** call_dropped() - the reply to this id came and is gone; a waiting call fails with error */
void call_dropped(struct link *link, uint16_t id, int error);

/** call_reply_max() - the longest reply that was agreed to for this id; 0 if it is free */
size_t call_reply_max(const struct link *link, uint16_t id);

void calls_init(struct link *link);
void calls_fail_all(struct link *link);
void calls_free(struct link *link);

int served_init(struct link *link, size_t n);

static inline bool served_full(const struct link *link)
{
	return link->served.n_used == link->served.n;
}

/** served_add() - a token for a request; there must be room */
link_token served_add(struct link *link, const struct wire_request *request);

/** served_refuse() - answer a command that broke its rule */
void served_refuse(struct link *link, const struct wire_header *header, int error);
void served_forget_all(struct link *link);
void served_free(struct link *link);

#endif
