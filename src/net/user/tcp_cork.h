/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tcp_cork.h - what a guest sends in one batch leaves the host in one piece
 *
 * libslirp writes each segment of a guest to its socket by itself, and so the host's TCP sends each
 * by itself: more than half of what a guest's upload costs. When a batch of frames has more than one
 * large one for the same connection, its socket is corked (TCP_CORK) from the second one to the end of
 * the batch. Nothing is kept back any longer than that.
 *
 * Which socket is which connection's is seen from outside: libslirp opens one while it looks at the
 * frame that begins a connection, or accepts one (of a forward) and tells the guest of it next. An
 * error in that costs nothing: a socket that is corked for nothing is released all the same.
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_TCP_CORK_H
#define NET_USER_TCP_CORK_H

#include <stddef.h>
#include <stdint.h>

struct tcp_cork;

/** tcp_cork_new() - Return: 0, -ENOMEM, -EIO no random numbers */
int tcp_cork_new(struct tcp_cork **ret);
void tcp_cork_free(struct tcp_cork *cork); /* NULL is fine */

/** tcp_cork_frame() - this one goes into libslirp next; of a guest, any content and length */
void tcp_cork_frame(struct tcp_cork *cork, const uint8_t *frame, size_t len);

/** tcp_cork_framed() - libslirp has dealt with it */
void tcp_cork_framed(struct tcp_cork *cork);

/** tcp_cork_to_guest() - a frame of libslirp's for a guest */
void tcp_cork_to_guest(struct tcp_cork *cork, const uint8_t *frame, size_t len);

/** tcp_cork_opened(), tcp_cork_closed() - a socket of libslirp's; one of -1 is none */
void tcp_cork_opened(struct tcp_cork *cork, int fd);
void tcp_cork_closed(struct tcp_cork *cork, int fd);

/** tcp_cork_release() - the end of the batch */
void tcp_cork_release(struct tcp_cork *cork);

#endif
