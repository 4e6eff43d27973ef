/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_poll.c - asynchronous calls in a loop around poll()
 *
 *	cc -D_GNU_SOURCE client_poll.c adder_client.c -o client_poll \
 *		$(pkg-config --cflags --libs outrigger)
 *	./client_poll /tmp/adder.sock
 *
 * Has a device (device.c) add up a MiB. One thread, which never waits but in poll(). The calls are
 * in adder_client.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#include <outrigger/client.h>

#include "adder_client.h"

/*
 * Events and deadline are asked for before each wait. So there is no need for
 * rig_client_ops.wants_changed: nobody else calls this client while the loop waits.
 */
static void loop(struct adder_client *adder, const bool *done)
{
	while (!*done) {
		struct pollfd fds[] = {
			{ .fd = rig_client_fd(adder->client),
			  .events = rig_client_events(adder->client) },
			{ .fd = adder->interrupt, .events = POLLIN },
		};

		if (poll(fds, 2, milliseconds_until(rig_client_deadline(adder->client))) < 0 &&
		    errno != EINTR)
			check(-errno, "poll");
		if (fds[1].revents)
			adder_interrupted(adder);
		/* Without an event, too: a deadline may have come. Completions run in here. */
		check(rig_client_dispatch(adder->client), "the connection");
	}
}

static void on_done(void *opaque)
{
	*(bool *)opaque = true;
}

int main(int argc, char **argv)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = RIG_CLIENT_DISPATCH_ONLY,
	};
	struct adder_client adder;
	bool done = false;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	adder_open(&adder, argv[1], &config);
	adder_start(&adder, on_done, &done);
	loop(&adder, &done);
	adder_close(&adder);
	return 0;
}
