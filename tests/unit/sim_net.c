/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_net.c - see sim_net.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim_net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/**
 * struct sim_buffer - what the kernel would call an skb
 * @at_us: when it arrives
 * @off:   bytes that were read
 * @fds:   not yet read; they come with the first byte
 */
struct sim_buffer {
	struct sim_buffer *next;
	uint64_t at_us;
	size_t off, len;
	size_t n_fds;
	int fds[SIM_MAX_FDS];
	uint8_t bytes[];
};

/* splitmix64 */
static uint64_t dice_next(struct sim_dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t sim_roll(struct sim_dice *dice, uint32_t sides)
{
	return (uint32_t)((dice_next(dice) >> 32) * sides >> 32);
}

bool sim_chance(struct sim_dice *dice, uint32_t percent)
{
	return sim_roll(dice, 100) < percent;
}

/* Of n bytes, perhaps fewer, but at least one. */
static size_t ragged(const struct sim_net *net, size_t n)
{
	if (n == 0 || !sim_chance(net->dice, net->ragged))
		return n;
	/* Mostly a few: where messages begin is where the states are. */
	if (n > 40 && sim_chance(net->dice, 70))
		n = 40;
	return 1 + sim_roll(net->dice, (uint32_t)n);
}

static void pipe_pop(struct sim_pipe *pipe)
{
	struct sim_buffer *b = pipe->head;

	for (size_t i = 0; i < b->n_fds; i++)
		close(b->fds[i]);
	pipe->in_flight -= b->len - b->off;
	pipe->head = b->next;
	if (pipe->head == NULL)
		pipe->tail = NULL;
	free(b);
}

static void pipe_drop(struct sim_pipe *pipe)
{
	while (pipe->head != NULL)
		pipe_pop(pipe);
}

static void pipe_push(struct sim_net *net, struct sim_pipe *pipe, const uint8_t *bytes, size_t n,
		      const int *fds, size_t n_fds)
{
	struct sim_buffer *b = calloc(1, sizeof(*b) + n);

	assert_non_null(b);
	assert_true(n_fds <= SIM_MAX_FDS);
	memcpy(b->bytes, bytes, n);
	b->len = n;
	pipe->in_flight += n;
	for (size_t i = 0; i < n_fds; i++) {
		b->fds[b->n_fds] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		assert_true(b->fds[b->n_fds++] >= 0);
	}
	b->at_us = net->now_us + sim_roll(net->dice, net->delay_us + 1);
	if (pipe->tail != NULL && pipe->tail->at_us > b->at_us)
		b->at_us = pipe->tail->at_us;
	if (pipe->tail != NULL)
		pipe->tail->next = b;
	else
		pipe->head = b;
	pipe->tail = b;
}

void sim_socket_init(struct sim_socket *sock)
{
	*sock = (struct sim_socket) { 0 };
	sock->to[0].cut_at = SIM_NEVER;
	sock->to[1].cut_at = SIM_NEVER;
}

void sim_socket_free(struct sim_socket *sock)
{
	pipe_drop(&sock->to[0]);
	pipe_drop(&sock->to[1]);
}

void sim_break(struct sim_socket *sock, bool reset)
{
	sock->broken = true;
	sock->reset = reset;
	if (reset)
		sim_socket_free(sock);
}

/* The first n bytes of iov, in buffers of their own: the fds with the first of them. */
static void pipe_write(struct sim_net *net, struct sim_pipe *pipe, const struct iovec *iov,
		       size_t n, const int *fds, size_t n_fds)
{
	pipe->written += n;
	for (; n > 0; iov++) {
		size_t left = iov->iov_len < n ? iov->iov_len : n;
		const uint8_t *from = iov->iov_base;

		n -= left;
		while (left > 0) {
			size_t part = ragged(net, left);

			pipe_push(net, pipe, from, part, fds, n_fds);
			n_fds = 0;
			from += part;
			left -= part;
		}
	}
}

ssize_t sim_send(struct sim_net *net, struct sim_socket *sock, unsigned int side,
		 const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	struct sim_pipe *pipe = &sock->to[!side];
	size_t n = 0;

	if (sock->broken)
		return -EPIPE;
	for (size_t i = 0; i < n_iov; i++)
		n += iov[i].iov_len;
	if (pipe->in_flight >= net->capacity)
		return -EAGAIN;
	if (n > net->capacity - pipe->in_flight)
		n = net->capacity - pipe->in_flight;
	n = ragged(net, n);
	if (n >= pipe->cut_at - pipe->written) {
		n = (size_t)(pipe->cut_at - pipe->written);
		sim_break(sock, false);
	}
	pipe_write(net, pipe, iov, n, fds, n_fds);
	return n > 0 ? (ssize_t)n : -EPIPE;
}

/* Up to max bytes of what is at the front. Return: did it bring fds? */
static bool pipe_take(struct sim_pipe *pipe, uint8_t *bytes, size_t max, size_t *ret_n, int *fds,
		      size_t *ret_n_fds)
{
	struct sim_buffer *b = pipe->head;
	size_t n = b->len - b->off < max ? b->len - b->off : max;

	memcpy(bytes, b->bytes + b->off, n);
	memcpy(fds, b->fds, b->n_fds * sizeof(*fds));
	*ret_n_fds = b->n_fds;
	*ret_n = n;
	b->n_fds = 0;
	b->off += n;
	pipe->in_flight -= n;
	if (b->off == b->len)
		pipe_pop(pipe);
	return *ret_n_fds > 0;
}

ssize_t sim_receive(struct sim_net *net, struct sim_socket *sock, unsigned int side, void *bytes,
		    size_t max, int *fds, size_t *ret_n_fds)
{
	struct sim_pipe *pipe = &sock->to[side];
	size_t len = 0;
	bool ends = false;

	*ret_n_fds = 0;
	if (pipe->head == NULL && sock->broken)
		return sock->reset ? -ECONNRESET : 0;
	max = ragged(net, max);
	while (!ends && len < max && pipe->head != NULL && pipe->head->at_us <= net->now_us) {
		size_t n;

		ends = pipe_take(pipe, (uint8_t *)bytes + len, max - len, &n, fds, ret_n_fds);
		len += n;
	}
	pipe->read += len;
	return len > 0 ? (ssize_t)len : -EAGAIN;
}

uint64_t sim_next_us(const struct sim_net *net, const struct sim_socket *sock)
{
	uint64_t next = SIM_NEVER;

	for (unsigned int side = 0; side < 2; side++) {
		const struct sim_buffer *b = sock->to[side].head;

		while (b != NULL && b->at_us <= net->now_us)
			b = b->next;
		if (b != NULL && b->at_us < next)
			next = b->at_us;
	}
	return next;
}

void sim_inject(struct sim_net *net, struct sim_socket *sock, unsigned int side, const void *bytes,
		size_t n, const int *fds, size_t n_fds)
{
	if (!sock->broken)
		pipe_push(net, &sock->to[side], bytes, n, fds, n_fds);
}

bool sim_flip_bit(struct sim_net *net, struct sim_socket *sock, unsigned int side)
{
	struct sim_pipe *pipe = &sock->to[side];
	size_t n;

	if (pipe->in_flight == 0)
		return false;
	n = sim_roll(net->dice, (uint32_t)pipe->in_flight);
	for (struct sim_buffer *b = pipe->head; b != NULL; b = b->next) {
		if (n < b->len - b->off) {
			b->bytes[b->off + n] ^= (uint8_t)(1u << sim_roll(net->dice, 8));
			break;
		}
		n -= b->len - b->off;
	}
	return true;
}
