/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_net.h - UNIX stream sockets without a kernel, on a clock without time
 *
 * A socket is two pipes, one for each side to read. What is written arrives as buffers, each after
 * a random delay but in order; how much a write takes and a read gives is random too. As the
 * kernel's unix_stream_read_generic() does it, a read glues buffers together, but ends with the
 * bytes of the buffer that brought fds, which come with its first byte. Fds in flight are
 * duplicates, so one that gets lost shows in /proc/self/fd.
 *
 * Nothing happens by itself: whoever sets now_us decides what has arrived. All that is random
 * comes from one dice, so the same calls with the same seed are the same run.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SIM_NEVER   UINT64_MAX
#define SIM_MAX_FDS 16

struct sim_dice {
	uint64_t state;
};

/** sim_roll() - 0 to sides - 1 */
uint32_t sim_roll(struct sim_dice *dice, uint32_t sides);

/** sim_chance() - true so many times out of a hundred */
bool sim_chance(struct sim_dice *dice, uint32_t percent);

/**
 * struct sim_net - what all sockets share
 * @delay_us: a buffer is at most so long on its way
 * @capacity: bytes in flight per pipe; a full one refuses writes with -EAGAIN
 * @ragged:   percent of reads and writes that are shorter than they might be
 */
struct sim_net {
	struct sim_dice *dice;
	uint64_t now_us;
	uint32_t delay_us;
	size_t capacity;
	uint32_t ragged;
};

struct sim_buffer;

/**
 * struct sim_pipe - one direction
 * @written, @read: bytes so far
 * @in_flight: bytes in its buffers
 * @cut_at: the connection breaks when this many were written; SIM_NEVER at first
 */
struct sim_pipe {
	struct sim_buffer *head, *tail;
	uint64_t written, read, cut_at;
	size_t in_flight;
};

/**
 * struct sim_socket - a connection of sides 0 and 1
 * @to: read by that side
 * @broken: nothing more can be written, in neither direction
 * @reset: what was in flight is lost, and readers get -ECONNRESET instead of an end of file
 */
struct sim_socket {
	struct sim_pipe to[2];
	bool broken, reset;
};

void sim_socket_init(struct sim_socket *sock);

/** sim_socket_free() - with everything in flight */
void sim_socket_free(struct sim_socket *sock);

/** sim_break() - the connection ends; what is in flight still arrives, unless it is reset */
void sim_break(struct sim_socket *sock, bool reset);

/** sim_send() - as sendmsg. Return: bytes taken, at least 1; -EAGAIN; -EPIPE */
ssize_t sim_send(struct sim_net *net, struct sim_socket *sock, unsigned int side,
		 const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds);

/**
 * sim_receive() - as recvmsg
 * @fds: room for SIM_MAX_FDS; the caller's now
 *
 * Return: bytes; 0 at the end of file; -EAGAIN; -ECONNRESET
 */
ssize_t sim_receive(struct sim_net *net, struct sim_socket *sock, unsigned int side, void *bytes,
		    size_t max, int *fds, size_t *ret_n_fds);

/** sim_next_us() - when a buffer arrives that has not yet, or SIM_NEVER */
uint64_t sim_next_us(const struct sim_net *net, const struct sim_socket *sock);

/** sim_inject() - these bytes arrive at that side behind what is in flight; nobody sent them */
void sim_inject(struct sim_net *net, struct sim_socket *sock, unsigned int side, const void *bytes,
		size_t n, const int *fds, size_t n_fds);

/** sim_flip_bit() - in one of the bytes in flight to that side. Return: were there any? */
bool sim_flip_bit(struct sim_net *net, struct sim_socket *sock, unsigned int side);

#endif
