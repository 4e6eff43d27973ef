/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_glib.c - asynchronous calls in a GLib main loop
 *
 *	cc -D_GNU_SOURCE client_glib.c adder_client.c -o client_glib \
 *		$(pkg-config --cflags --libs outrigger glib-2.0)
 *	./client_glib /tmp/adder.sock
 *
 * Has a device (device.c) add up a MiB, with the calls in adder_client.c. struct client_source is
 * all that a GLib program needs to drive a client. GLib asks each source before it sleeps what to
 * wait for, which is what a client wants to be asked.
 */
#include <glib-unix.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>

#include <outrigger/client.h>

#include "adder_client.h"

/* --- the client in the main loop --- */

struct client_source {
	GSource base;
	struct rig_client *client;
	GPollFD fd; /* its events have the values of poll(), as rig_client_events() has */
};

/* GLib is about to sleep, for at most this long: true if it is not to. */
static gboolean source_prepare(GSource *base, gint *ret_timeout_ms)
{
	struct client_source *source = (struct client_source *)base;

	source->fd.events = (gushort)rig_client_events(source->client);
	*ret_timeout_ms = milliseconds_until(rig_client_deadline(source->client));
	return *ret_timeout_ms == 0;
}

static gboolean source_check(GSource *base)
{
	struct client_source *source = (struct client_source *)base;

	return source->fd.revents || rig_client_deadline(source->client) <= rig_now();
}

static gboolean source_dispatch(GSource *base, GSourceFunc callback, gpointer opaque)
{
	struct client_source *source = (struct client_source *)base;

	(void)callback;
	(void)opaque;
	check(rig_client_dispatch(source->client), "the connection");
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
	.prepare = source_prepare,
	.check = source_check,
	.dispatch = source_dispatch,
};

/* Any thread, while GLib sleeps perhaps: it is to ask again. */
static void wants_changed(void *opaque)
{
	(void)opaque;
	g_main_context_wakeup(NULL);
}

static const struct rig_client_ops client_ops = { .wants_changed = wants_changed };

static GSource *attach(struct rig_client *client)
{
	GSource *base = g_source_new(&source_funcs, sizeof(struct client_source));
	struct client_source *source = (struct client_source *)base;

	source->client = client;
	source->fd.fd = rig_client_fd(client);
	g_source_add_poll(base, &source->fd);
	g_source_attach(base, NULL);
	return base;
}

/* --- the device in the main loop --- */

static gboolean on_interrupt(gint fd, GIOCondition condition, gpointer opaque)
{
	(void)fd;
	(void)condition;
	adder_interrupted(opaque);
	return G_SOURCE_CONTINUE;
}

static void on_done(void *opaque)
{
	g_main_loop_quit(opaque);
}

int main(int argc, char **argv)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = RIG_CLIENT_DISPATCH_ONLY,
		.ops = &client_ops,
	};
	struct adder_client adder;
	GSource *client_source;
	guint interrupt_source;
	GMainLoop *loop;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	adder_open(&adder, argv[1], &config);
	loop = g_main_loop_new(NULL, FALSE);
	client_source = attach(adder.client);
	interrupt_source = g_unix_fd_add(adder.interrupt, G_IO_IN, on_interrupt, &adder);
	adder_start(&adder, on_done, loop);
	g_main_loop_run(loop);

	g_source_remove(interrupt_source);
	g_source_destroy(client_source);
	g_source_unref(client_source);
	g_main_loop_unref(loop);
	adder_close(&adder);
	return 0;
}
