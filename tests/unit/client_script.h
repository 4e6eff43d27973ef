/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_script.h - a server that lies as its test wants, for tests of the client
 *
 *	client (the test's thread)  --socketpair-->  script (a thread): receives a request, builds the
 *						     honest reply, lets the test bend it, sends it
 *
 * The honest device has 9 regions, of which region 0 is SCRIPT_REGION bytes that are kept, and 5 IRQ
 * indexes. A client that would wait forever is caught by its own deadline, and by the runner's.
 */
#ifndef TESTS_CLIENT_SCRIPT_H
#define TESTS_CLIENT_SCRIPT_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "vfio_user/wire.h"
#include <outrigger/client.h>

#define SCRIPT_REGION  (4u << 20)
#define SCRIPT_PAYLOAD (2u << 20)
#define SCRIPT_FDS     64
#define SCRIPT_LOG     4096
#define TIMEOUT_MS     10000
#define SHORT_MS       30

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

struct message {
	struct wire_header header;
	uint8_t payload[SCRIPT_PAYLOAD];
	size_t n_fds;
	int fds[SCRIPT_FDS]; /* of a reply: stay the test's */
};

/* What a bent reply becomes, other than sent. */
enum verdict {
	SEND,
	SAY_NOTHING,
	HANG_UP,
};

struct script;

/* In the script's thread. The reply is honest and complete; fds of the request are closed behind. */
typedef enum verdict bend_function(struct script *script, const struct message *request,
				   struct message *reply);

/* The start of a request that came. */
struct logged {
	uint16_t command;
	bool no_reply;
	size_t len, n_fds;
	uint8_t payload[64];
};

struct script {
	/* the test's, while no script runs */
	bend_function *bend;
	const char *json; /* of the VERSION reply; NULL: none */
	void *opaque;
	bool one_byte_at_a_time;

	int fd;	  /* the server's end */
	int twin; /* the server's end of a twin socket that a bend made, or -1 */
	pthread_t thread;
	bool running;
	int open_before;
	unsigned int requests; /* script's thread only */
	struct message request, reply;

	pthread_mutex_t lock;
	size_t n_log;
	struct logged log[SCRIPT_LOG];
	uint8_t region[SCRIPT_REGION];
};

/** script_setup(), script_teardown() - of each test: a script, and no fd more than before */
int script_setup(void **state);
int script_teardown(void **state);

/** script_connect() - a client of the script, which ends if that fails. As rig_client_new() */
int script_connect(struct script *s, const struct rig_client_config *config,
		   struct rig_client **ret);

/** script_plug() - the same with a default, which must succeed */
struct rig_client *script_plug(struct script *s);

/** script_plug_with() - with these ops and flags */
struct rig_client *script_plug_with(struct script *s, const struct rig_client_ops *ops,
				    void *opaque, uint32_t flags);

/** script_unplug() - free the client (NULL: it never was), and wait for the script's end */
void script_unplug(struct script *s, struct rig_client *client);

/** script_end() - hang up and wait for the thread */
void script_end(struct script *s);

/** script_restart() - another socketpair with a script. Return: the client's end */
int script_restart(struct script *s);

/** script_receive() - one message. Return: false: end of file */
bool script_receive(int fd, struct message *m);

/** script_send() - whole, or byte by byte; with m->fds */
bool script_send(struct script *s, int fd, const struct message *m);

/** dma_read_message() - a DMA_READ of the server's. Return: the caller's, to be freed */
struct message *dma_read_message(uint16_t id, uint64_t address, uint64_t count);

/** script_ask() - a command of the server's on this socket, and its reply (in m) */
void script_ask(struct script *s, int fd, struct message *m);

void set_payload(struct message *m, const void *payload, size_t len);
void add_payload(struct message *m, const void *bytes, size_t len);

/** set_error() - an error reply with this payload length */
void set_error(struct message *m, uint32_t error, size_t len);

/** logged_of() - the i-th request of a command that came. Return: false: there was none */
bool logged_of(struct script *s, enum wire_command command, size_t i, struct logged *ret);
size_t n_logged(struct script *s, enum wire_command command);

/** reason_has() - does rig_client_reason() name this? */
bool reason_has(struct rig_client *client, const char *text);

/* A completion that is waited for. */
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int runs;
	int result;
};
#define WAITER                                                            \
	{                                                                 \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 \
	}

void waiter_run(void *opaque, int result);
struct rig_completion waiter_completion(struct waiter *w);

/** waiter_take() - until it ran, with the client's help. Return: the result */
int waiter_take(struct waiter *w, struct rig_client *client);
unsigned int waiter_runs(struct waiter *w);

static inline rig_time soon(void)
{
	return rig_after_ms(TIMEOUT_MS);
}

#define script_test(name) cmocka_unit_test_setup_teardown(name, script_setup, script_teardown)

#endif
