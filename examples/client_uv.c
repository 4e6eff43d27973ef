/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_uv.c - asynchronous calls in a libuv loop
 *
 *	cc -D_GNU_SOURCE client_uv.c adder_client.c -o client_uv \
 *		$(pkg-config --cflags --libs outrigger libuv)
 *	./client_uv /tmp/adder.sock
 *
 * Has a device (device.c) add up a MiB, with the calls in adder_client.c. What a libuv program needs
 * to drive a client is to join what the client wants to what libuv watches:
 *
 *	wants_changed -> uv_async_send  \
 *	the client's fd -> uv_poll       >  turn(): rig_client_dispatch(), then ask what it wants now
 *	its deadline -> uv_timer        /
 */
#include <poll.h>
#include <stdio.h>

#include <outrigger/client.h>
#include <uv.h>

#include "adder_client.h"

struct driven {
	struct adder_client adder;
	uv_loop_t loop;
	uv_poll_t readable;    /* the client's fd */
	uv_timer_t deadline;   /* the client's */
	uv_async_t changed;    /* wants_changed, from any thread */
	uv_poll_t interrupted; /* the device's */
};

/* --- the client in the loop --- */

static void on_fd(uv_poll_t *handle, int status, int events);
static void on_deadline(uv_timer_t *handle);

/* Watch what the client wants watched. Starting a handle again replaces what it was started with. */
static void watch(struct driven *driven)
{
	short events = rig_client_events(driven->adder.client);
	int wait_ms = milliseconds_until(rig_client_deadline(driven->adder.client));

	if (events)
		uv_poll_start(&driven->readable,
			      (events & POLLIN ? UV_READABLE : 0) |
				      (events & POLLOUT ? UV_WRITABLE : 0),
			      on_fd);
	else
		uv_poll_stop(&driven->readable);

	if (wait_ms < 0) {
		uv_timer_stop(&driven->deadline);
	} else {
		uv_update_time(&driven->loop);
		uv_timer_start(&driven->deadline, on_deadline, (uint64_t)wait_ms, 0);
	}
}

static void turn(struct driven *driven)
{
	check(rig_client_dispatch(driven->adder.client), "the connection");
	watch(driven);
}

static void on_fd(uv_poll_t *handle, int status, int events)
{
	(void)status; /* dispatch finds out what happened */
	(void)events;
	turn(handle->data);
}

static void on_deadline(uv_timer_t *handle)
{
	turn(handle->data);
}

static void on_changed(uv_async_t *handle)
{
	watch(handle->data);
}

/* Any thread, with locks of the library held: only uv_async_send() fits here. */
static void wants_changed(void *opaque)
{
	struct driven *driven = opaque;

	uv_async_send(&driven->changed);
}

static const struct rig_client_ops client_ops = { .wants_changed = wants_changed };

static void attach(struct driven *driven)
{
	check(uv_poll_init(&driven->loop, &driven->readable, rig_client_fd(driven->adder.client)),
	      "uv_poll_init");
	check(uv_timer_init(&driven->loop, &driven->deadline), "uv_timer_init");
	driven->readable.data = driven->deadline.data = driven;
	watch(driven);
}

/* --- the device in the loop --- */

static void on_interrupt(uv_poll_t *handle, int status, int events)
{
	struct driven *driven = handle->data;

	(void)events;
	check(status, "the interrupt");
	adder_interrupted(&driven->adder);
}

static void attach_interrupt(struct driven *driven)
{
	check(uv_poll_init(&driven->loop, &driven->interrupted, driven->adder.interrupt),
	      "uv_poll_init");
	driven->interrupted.data = driven;
	check(uv_poll_start(&driven->interrupted, UV_READABLE, on_interrupt), "uv_poll_start");
}

static void on_done(void *opaque)
{
	uv_stop(opaque);
}

static void close_handle(uv_handle_t *handle, void *opaque)
{
	(void)opaque;
	uv_close(handle, NULL);
}

int main(int argc, char **argv)
{
	struct driven driven;
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = RIG_CLIENT_DISPATCH_ONLY,
		.ops = &client_ops,
		.opaque = &driven,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	check(uv_loop_init(&driven.loop), "uv_loop_init");
	/* Before there is a client, because it may call wants_changed at once. */
	check(uv_async_init(&driven.loop, &driven.changed, on_changed), "uv_async_init");
	driven.changed.data = &driven;

	adder_open(&driven.adder, argv[1], &config);
	attach(&driven);
	attach_interrupt(&driven);
	adder_start(&driven.adder, on_done, &driven.loop);
	uv_run(&driven.loop, UV_RUN_DEFAULT);

	/* libuv lets go of the fds before they are closed; wants_changed may run until then. */
	uv_poll_stop(&driven.readable);
	uv_poll_stop(&driven.interrupted);
	adder_close(&driven.adder);
	uv_walk(&driven.loop, close_handle, NULL);
	uv_run(&driven.loop, UV_RUN_DEFAULT);
	uv_loop_close(&driven.loop);
	return 0;
}
