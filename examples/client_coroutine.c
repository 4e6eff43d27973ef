/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_coroutine.c - asynchronous calls awaited by coroutines
 *
 *	cc -D_GNU_SOURCE client_coroutine.c adder_client.c -o client_coroutine \
 *		$(pkg-config --cflags --libs outrigger)
 *	./client_coroutine /tmp/adder.sock
 *
 * A coroutine reads like blocking code, but while it waits the thread does something else. Here one
 * has a device (device.c) add up a MiB, while another goes on reading a register. All it takes is a
 * completion that resumes who started the call:
 *
 *	co_read() -> rig_client_region_read_async(), then back to the loop
 *	loop -> rig_client_dispatch() -> completion -> co_read() returns its result
 *
 * The coroutines are those of <ucontext.h>. Any others fit that can be left and resumed by one thread.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <outrigger/client.h>

#include "adder.h"
#include "adder_client.h"

#define STACK_SIZE (256u * 1024u)
#define COROUTINES 2

/* --- coroutines --- */

struct coroutine {
	ucontext_t here;       /* where it goes on */
	ucontext_t resumed_by; /* where leaving it leads */
	struct job *job;       /* what both work on */
	int result;	       /* of what it waited for */
	int fd;		       /* it waits for this one, or -1 */
	bool over;
	void *stack;
};

struct job {
	struct adder_client adder;
	bool added_up;
};

static struct coroutine *running;

static void resume(struct coroutine *co, int result)
{
	co->result = result;
	running = co;
	swapcontext(&co->resumed_by, &co->here);
	running = NULL;
}

/* Back to who resumed the coroutine that runs, until somebody resumes it with a result. */
static int leave(void)
{
	struct coroutine *co = running;

	swapcontext(&co->here, &co->resumed_by);
	return co->result;
}

static void co_begin(struct coroutine *co, struct job *job, void (*run)(void))
{
	co->job = job;
	co->fd = -1;
	co->stack = malloc(STACK_SIZE);
	if (!co->stack)
		check(-ENOMEM, "a stack");
	getcontext(&co->here);
	co->here.uc_stack.ss_sp = co->stack;
	co->here.uc_stack.ss_size = STACK_SIZE;
	co->here.uc_link = &co->resumed_by;
	makecontext(&co->here, run, 0);
	resume(co, 0);
}

/* --- calls that a coroutine may wait for --- */

static void complete(void *opaque, int result)
{
	resume(opaque, result);
}

/*
 * A completion never runs inside the call that started it, and with RIG_CLIENT_DISPATCH_ONLY it
 * runs in the loop's thread: so it cannot come before leave() was called.
 */
static int await(int started)
{
	return started < 0 ? started : leave();
}

static struct rig_completion resume_me(void)
{
	return (struct rig_completion) { .run = complete, .opaque = running };
}

static int co_read(struct rig_client *client, uint64_t offset, void *buf, size_t count)
{
	return await(rig_client_region_read_async(client, RIG_PCI_BAR0, offset, buf, count, soon(),
						  resume_me(), NULL));
}

static int co_write(struct rig_client *client, uint64_t offset, const void *buf, size_t count)
{
	return await(rig_client_region_write_async(client, RIG_PCI_BAR0, offset, buf, count, soon(),
						   resume_me(), NULL));
}

static int co_share(struct rig_client *client, const struct rig_dma_region *region)
{
	return await(rig_client_dma_map_async(client, region, soon(), resume_me(), NULL));
}

static int co_attach(struct rig_client *client, int interrupt)
{
	const uint32_t attach = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER;

	return await(rig_client_set_irqs_async(client, RIG_PCI_MSIX_IRQ, attach, 0, 1, &interrupt,
					       soon(), resume_me(), NULL));
}

static int co_readable(int fd)
{
	running->fd = fd;
	return leave();
}

/* --- what they do --- */

static void add_up(void)
{
	struct coroutine *co = running;
	const struct adder_client *adder = &co->job->adder;
	struct rig_client *client = adder->client;
	const uint64_t address = adder->memory.address;
	const uint32_t length = (uint32_t)adder->memory.size, start = 1;
	uint64_t sum, count;

	check(co_share(client, &adder->memory), "sharing memory");
	check(co_attach(client, adder->interrupt), "attaching an eventfd");
	check(co_write(client, ADDER_ADDRESS, &address, sizeof(address)), "the address");
	check(co_write(client, ADDER_LENGTH, &length, sizeof(length)), "the length");
	check(co_write(client, ADDER_START, &start, sizeof(start)), "starting");

	check(co_readable(adder->interrupt), "waiting for the interrupt");
	if (read(adder->interrupt, &count, sizeof(count)) < 0)
		check(-errno, "the eventfd");
	puts("interrupt");

	check(co_read(client, ADDER_SUM, &sum, sizeof(sum)), "the sum");
	check(sum == ADDER_FAILED ? -EIO : 0, "the device");
	printf("sum: %llu\n", (unsigned long long)sum);
	co->job->added_up = true;
	co->over = true;
}

static void keep_looking(void)
{
	struct coroutine *co = running;
	struct job *job = co->job;
	uint32_t length;

	do {
		check(co_read(job->adder.client, ADDER_LENGTH, &length, sizeof(length)), "looking");
	} while (!job->added_up);
	co->over = true;
}

/* --- the loop --- */

static void loop(struct rig_client *client, struct coroutine *cos)
{
	for (;;) {
		/* Each coroutine waits for a call of the client, or for an fd of its own. */
		struct pollfd fds[1 + COROUTINES] = { { .fd = rig_client_fd(client),
							.events = rig_client_events(client) } };
		bool over = true;

		for (size_t i = 0; i < COROUTINES; i++) {
			fds[1 + i] = (struct pollfd) { .fd = cos[i].fd, .events = POLLIN };
			over = over && cos[i].over;
		}
		if (over)
			return;
		if (poll(fds, 1 + COROUTINES, milliseconds_until(rig_client_deadline(client))) <
		    0) {
			if (errno != EINTR)
				check(-errno, "poll");
			continue;
		}
		for (size_t i = 0; i < COROUTINES; i++) {
			if (fds[1 + i].revents) {
				cos[i].fd = -1;
				resume(&cos[i], 0);
			}
		}
		check(rig_client_dispatch(client), "the connection");
	}
}

int main(int argc, char **argv)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = RIG_CLIENT_DISPATCH_ONLY,
	};
	static struct coroutine cos[COROUTINES];
	struct job job = { 0 };

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	adder_open(&job.adder, argv[1], &config);
	co_begin(&cos[0], &job, add_up);
	co_begin(&cos[1], &job, keep_looking);
	loop(job.adder.client, cos);

	adder_close(&job.adder);
	free(cos[0].stack);
	free(cos[1].stack);
	return 0;
}
