/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * idle.c - a network that ends when nobody needs it any more (--exit-when-idle)
 *
 * Looks at two counters once in each turn of the loop, behind its sockets: whoever came or went did
 * so in that turn, and no place that guests come from has to know of this one.
 */
#include "net/idle.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/log.h"

/* For whoever has started the network to find it. */
#define FIRST_MS 10000u

struct idle {
	uv_loop_t *loop;
	struct net_service *service;
	struct control *control;
	uint64_t wait_ms;
	bool somebody_came;
	uv_check_t check;
	uv_timer_t end;
	unsigned int open_handles;
};

static bool is_needed(const struct idle *idle)
{
	return port_table_n_up(net_service_ports(idle->service)) > 0 ||
	       control_n_clients(idle->control) > 0;
}

static void on_end(uv_timer_t *timer)
{
	struct idle *idle = timer->data;

	log_debug("ending: nobody has been there for %llu s",
		  (unsigned long long)idle->wait_ms / 1000);
	uv_stop(idle->loop);
}

static void wait_for_the_end(struct idle *idle)
{
	uint64_t wait_ms = idle->wait_ms;

	if (!idle->somebody_came && wait_ms < FIRST_MS)
		wait_ms = FIRST_MS;
	uv_timer_start(&idle->end, on_end, wait_ms, 0);
}

static void on_turn(uv_check_t *check)
{
	struct idle *idle = check->data;

	if (is_needed(idle)) {
		idle->somebody_came = true;
		uv_timer_stop(&idle->end);
	} else if (!uv_is_active((uv_handle_t *)&idle->end)) {
		wait_for_the_end(idle);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct idle *idle = handle->data;

	if (--idle->open_handles == 0)
		free(idle);
}

int idle_new(uv_loop_t *loop, struct net_service *service, struct control *control,
	     uint32_t seconds, struct idle **ret)
{
	struct idle *idle = calloc(1, sizeof(*idle));

	if (!idle)
		return -ENOMEM;
	*idle = (struct idle) {
		.loop = loop,
		.service = service,
		.control = control,
		.wait_ms = (uint64_t)seconds * 1000,
		.open_handles = 2,
	};
	uv_check_init(loop, &idle->check);
	uv_timer_init(loop, &idle->end);
	idle->check.data = idle->end.data = idle;
	uv_check_start(&idle->check, on_turn);
	uv_update_time(loop);
	wait_for_the_end(idle);
	*ret = idle;
	return 0;
}

void idle_free(struct idle *idle)
{
	if (!idle)
		return;
	uv_close((uv_handle_t *)&idle->check, on_closed);
	uv_close((uv_handle_t *)&idle->end, on_closed);
}
