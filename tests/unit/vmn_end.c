/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_end.c - a network of kind vmnet on a loop, on the scripted double, and one port of it
 */
#include "vmn_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counter_of.h"
#include "fds.h"
#include "net/vmnet/vmn_internal.h"

#define TICK_MS 20u
#define TICKS	1500u

/* All handlers come at once, on however busy a machine; tests in which one never does set less. */
static const struct vmn_times times = { .start_ms = 60000, .stop_ms = 60000, .answer_ms = 60000 };

/* Again and again: uv_run() may have called a timer before it waits for what else there may be. */
static void on_tick(uv_timer_t *timer)
{
	struct vmn_end *end = timer->data;

	end->timed_out = ++end->ticks > TICKS;
}

int vmn_setup(void **state)
{
	struct vmn_end *end = calloc(1, sizeof(*end));

	assert_non_null(end);
	double_reset();
	/* The first loop of a process opens what all share, for good. */
	assert_int_equal(uv_loop_init(&end->loop), 0);
	assert_int_equal(uv_loop_close(&end->loop), 0);
	end->open_before = fds_open();
	end->objects_before = double_objects();
	assert_int_equal(uv_loop_init(&end->loop), 0);
	uv_timer_init(&end->loop, &end->deadline);
	end->deadline.data = end;
	end->times = times;
	*state = end;
	return 0;
}

int vmn_teardown(void **state)
{
	struct vmn_end *end = *state;

	vmn_end_network(end);
	uv_close((uv_handle_t *)&end->deadline, NULL);
	uv_run(&end->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&end->loop), 0);
	double_reset();
	assert_int_equal(double_objects(), end->objects_before);
	assert_int_equal(double_counts().objects_live, 0);
	assert_int_equal(fds_open(), end->open_before);
	free(end->error);
	free(end);
	return 0;
}

static void on_failed(void *opaque, const char *why)
{
	struct vmn_end *end = opaque;

	end->n_failed++;
	snprintf(end->why, sizeof(end->why), "%s", why);
}

static const struct network_events network_events = { .failed = on_failed };

void vmn_network_of(struct vmn_end *end, enum network_mode mode,
		    void (*change)(struct network_config *config))
{
	struct network_config config;

	assert_int_equal(network_config_default(mode, &config), 0);
	config.kind = NETWORK_VMNET;
	config.dhcp.off = mode == NETWORK_BRIDGED;
	config.ifname = mode == NETWORK_BRIDGED ? "en0" : NULL;
	if (change)
		change(&config);
	end->result =
		vmn_network_make(&end->loop, &config, &end->times, &end->network, &end->error);
	if (end->result < 0)
		return;
	end->network->events = &network_events;
	end->network->opaque = end;
}

/* The port */

unsigned int vmn_pull(struct vmn_end *end)
{
	struct frame frames[16];
	unsigned int before = end->n_got;
	size_t n;

	while ((n = channel_peek(end->channel, frames, 16)) > 0) {
		for (size_t i = 0; i < n; i++) {
			const struct iovec *iov = &frames[i].iov[frames[i].n_iov - 1];
			unsigned int at = end->n_got++ % DOUBLE_PACKETS;

			end->got_len[at] = frames[i].len;
			memcpy(&end->got[at],
			       (const char *)iov->iov_base + iov->iov_len - sizeof(uint32_t),
			       sizeof(uint32_t));
		}
		channel_consume(end->channel, n);
	}
	return end->n_got - before;
}

static void on_ready(void *opaque)
{
	struct vmn_end *end = opaque;

	end->n_ready++;
	if (!end->stuck)
		vmn_pull(end);
}

static void on_writable(void *opaque)
{
	((struct vmn_end *)opaque)->n_writable++;
}

static void on_link(void *opaque, bool up)
{
	struct vmn_end *end = opaque;

	end->n_link++;
	end->link = up;
}

static const struct channel_events channel_events = {
	.ready = on_ready,
	.writable = on_writable,
	.link = on_link,
};

void vmn_plug(struct vmn_end *end)
{
	const struct network_port port = { .name = "a", .mtu = 1500 };

	end->link = true;
	end->result = network_open(end->network, &port, &channel_events, end, &end->channel);
	if (end->result == 0)
		channel_set_link(end->channel, true);
}

void vmn_unplug(struct vmn_end *end)
{
	channel_close(end->channel);
	end->channel = NULL;
}

void vmn_end_network(struct vmn_end *end)
{
	vmn_unplug(end);
	network_free(end->network);
	end->network = NULL;
	uv_timer_stop(&end->deadline);
	uv_run(&end->loop, UV_RUN_DEFAULT);
}

static bool has_link(struct vmn_end *end)
{
	return end->n_link > 0 && end->link;
}

void vmn_ready(struct vmn_end *end)
{
	vmn_ready_as(end, NULL);
}

void vmn_ready_as(struct vmn_end *end, void (*change)(struct network_config *config))
{
	vmn_network_of(end, NETWORK_SHARED, change);
	assert_int_equal(end->result, 0);
	double_script.start_held = true;
	vmn_plug(end);
	assert_int_equal(end->result, 0);
	vmn_turn(end);
	double_script.start_held = false;
	double_release_start();
	vmn_until(end, has_link);
	vmn_turn(end);
}

/* The loop */

void vmn_turn(struct vmn_end *end)
{
	for (int i = 0; i < 4; i++) {
		double_idle();
		uv_run(&end->loop, UV_RUN_NOWAIT);
	}
}

void vmn_until(struct vmn_end *end, bool (*is_so)(struct vmn_end *end))
{
	end->timed_out = false;
	end->ticks = 0;
	uv_timer_start(&end->deadline, on_tick, TICK_MS, TICK_MS);
	while (!is_so(end) && !end->timed_out)
		uv_run(&end->loop, UV_RUN_ONCE);
	uv_timer_stop(&end->deadline);
	assert_false(end->timed_out);
}

/* Sending */

size_t vmn_offer(struct vmn_end *end, uint32_t first, size_t n, size_t len)
{
	uint8_t *bytes = calloc(n, len);
	struct frame *frames = calloc(n, sizeof(*frames));
	struct iovec *iov = calloc(n, sizeof(*iov));
	size_t taken;

	for (size_t i = 0; i < n; i++) {
		uint32_t number = first + (uint32_t)i;

		if (len >= sizeof(number))
			memcpy(bytes + (i + 1) * len - sizeof(number), &number, sizeof(number));
		iov[i] = (struct iovec) { bytes + i * len, len };
		frames[i] = (struct frame) { .iov = &iov[i], .n_iov = 1, .len = len };
	}
	taken = channel_send(end->channel, frames, n);
	free(bytes);
	free(frames);
	free(iov);
	return taken;
}

uint32_t vmn_sent_number(unsigned int i, unsigned int n)
{
	size_t len;
	const uint8_t *packet = double_sent_packet(i, n, &len);
	uint32_t number;

	memcpy(&number, packet + len - sizeof(number), sizeof(number));
	return number;
}

uint64_t vmn_counter(struct vmn_end *end, const char *name)
{
	struct counter_sought sought = { .name = name };

	network_each_counter(end->network, counter_seek, &sought);
	assert_true(sought.found);
	return sought.value;
}
