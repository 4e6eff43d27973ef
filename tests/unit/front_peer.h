/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * front_peer.h - a front over a socketpair, and the other end of it: a peer that follows a script
 *
 * The peer's functions end the test program when something takes longer than PEER_PATIENCE_S, so that a
 * lost wake-up is a failure and no hang.
 */
#ifndef TESTS_FRONT_PEER_H
#define TESTS_FRONT_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfio_user/front.h"

#define PEER_PATIENCE_S 60

/** struct peer_message - what the peer received */
struct peer_message {
	struct wire_header header;
	uint8_t payload[256]; /* its beginning */
};

/** peer_receive() - one message, whole; -1 fds. Return: false: end of file */
bool peer_receive(int fd, struct peer_message *ret);

/** peer_send() - a message */
void peer_send(int fd, uint16_t id, uint16_t command, uint32_t flags, const void *payload,
	       size_t len);

/** peer_answer() - a REGION_READ that was received: the value is its offset */
void peer_answer(int fd, const struct peer_message *read);

/** peer_ask() - a DMA_READ of count bytes at an address */
void peer_ask(int fd, uint16_t id, uint64_t address, uint64_t count);

/** peer_send_fds() - a message with fds, in one sendmsg */
void peer_send_fds(int fd, uint16_t id, uint16_t command, const void *payload, size_t len,
		   const int *fds, size_t n_fds);

/** peer_expect_end() - nothing more comes but the end of the connection */
void peer_expect_end(int fd);

/** struct echo - a thread that answers every REGION_READ until the connection ends */
struct echo {
	pthread_t thread;
	int fd;
	enum {
		ECHO_EACH,     /* one by one */
		ECHO_PAIRS,    /* two at a time, the later one first */
		ECHO_TRICKLED, /* byte by byte */
	} mode;
	bool asks; /* a DMA_READ with the same id before each reply, whose answer is read first */
	unsigned int asked;
};
void echo_start(struct echo *echo, int fd);
void echo_join(struct echo *echo);

/** struct end - a front, its peer's socket, and what it called back */
struct end {
	struct front *front;
	int peer, twin_peer;
	/* What a request's callback does; it answers unless: */
	bool hold;	    /* keep it in held */
	bool wait_inside;   /* make a call first, and wait for it */
	bool flush_inside;  /* answer, and see it leave with front_flush(), not before */
	_Atomic(bool) stay; /* answer, and do not return while this is so */
	int keep;	    /* an fd that came with it is kept here */
	unsigned int n_fds; /* that came, in all */
	struct front_request *held[64];
	_Atomic(size_t) n_held;
	_Atomic(unsigned int) n_requests, n_dead, n_wants, n_release, n_take;
	_Atomic(unsigned int) depth, max_depth;
	_Atomic(bool) elsewhere; /* a callback ran in another thread than: */
	pthread_t here;
	bool only_here;
};

/** end_new() - a client; config.ops and opaque are filled in; hooks: also release and take */
void end_new(struct end *end, const struct front_config *config, bool hooks);

/** end_new_server() - one whose peer is a client */
void end_new_server(struct end *end, const struct front_config *config);
void end_add_twin(struct end *end);
void end_free(struct end *end);

/** struct read - a REGION_READ of 4 bytes in flight */
struct read {
	struct front_call call;
	struct end *end;
	uint64_t offset;
	uint32_t value;
	_Atomic(unsigned int) n_done; /* of a call with done() */
	int result;
	pthread_t thread;
};

/** read_start() - Return: as front_start() */
int read_start(struct read *read, struct end *end, uint64_t offset, rig_time deadline);

/** read_start_async() - with a done() that counts */
int read_start_async(struct read *read, struct end *end, uint64_t offset, rig_time deadline);

/** read_wait() - Return: front_wait()'s; fails the test if it is 0 and the value is wrong */
int read_wait(struct read *read);

/** read_thread() - a thread that starts and waits; result is in read->result after read_join() */
void read_thread(struct read *read, struct end *end, uint64_t offset, rig_time deadline);
int read_join(struct read *read);

/** patience() - a deadline that is a failure if it passes */
rig_time patience(void);

/** end_poll() - wait until front_fd() is readable */
void end_poll(struct end *end);

/** end_dispatch_until() - front_dispatch() whenever front_fd() says so, until *n is at least want */
void end_dispatch_until(struct end *end, _Atomic(unsigned int) *n, unsigned int want);

#endif
