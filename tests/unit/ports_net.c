/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ports_net.c - a whole user network on a loop, with sockets to plug into it
 */
#include "ports_net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counter_of.h"
#include "fds.h"

#define WAIT_MS 20000u

static void on_deadline(uv_timer_t *timer)
{
	struct ports_net *p = timer->data;

	p->timed_out = true;
}

int ports_net_setup(void **state)
{
	struct ports_net *p = calloc(1, sizeof(*p));
	struct network_config config;
	char *error = NULL;

	assert_non_null(p);
	strcpy(p->dir, "/tmp/test_ports.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/s", p->dir);
	/* The first loop of a process opens what all share, for good. */
	assert_int_equal(uv_loop_init(&p->loop), 0);
	assert_int_equal(uv_loop_close(&p->loop), 0);
	p->open_before = fds_open();
	assert_int_equal(uv_loop_init(&p->loop), 0);
	uv_timer_init(&p->loop, &p->deadline);
	p->deadline.data = p;
	assert_int_equal(network_config_default(NETWORK_HOST, &config), 0);
	assert_int_equal(network_new(&p->loop, &config, NULL, NULL, &p->network, &error), 0);
	assert_int_equal(port_table_new(&p->loop, p->network, &p->table), 0);
	*state = p;
	return 0;
}

void ports_unplug(struct ports_net *p)
{
	while (p->n_sockets > 0)
		port_socket_free(p->sockets[--p->n_sockets]);
}

void ports_refused(struct ports_net *p, const struct port_socket_config *config, int error,
		   const char *sentence)
{
	struct port_socket *socket;
	char *text = NULL;

	assert_int_equal(port_socket_new(&p->loop, config, p->table, &socket, &text), error);
	assert_non_null(text);
	if (!strstr(text, sentence))
		fail_msg("\"%s\" does not say \"%s\"", text, sentence);
	free(text);
	assert_null(port_first(p->table));
	/* Handles of what was half made. */
	uv_run(&p->loop, UV_RUN_NOWAIT);
}

int ports_net_teardown(void **state)
{
	struct ports_net *p = *state;

	ports_unplug(p);
	port_table_free(p->table);
	network_free(p->network);
	uv_close((uv_handle_t *)&p->deadline, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
	assert_int_equal(rmdir(p->dir), 0);
	assert_int_equal(fds_open(), p->open_before);
	free(p);
	return 0;
}

struct port_socket_config ports_config(struct ports_net *p, enum port_socket_kind kind,
				       const char *name)
{
	return (struct port_socket_config) {
		.kind = kind,
		.name = name,
		.path = p->path,
		.fd = -1,
		.mode = PORT_SOCKET_MODE,
		.group = (gid_t)-1,
	};
}

struct port_socket *ports_plug(struct ports_net *p, const struct port_socket_config *config)
{
	struct port_socket *socket;
	char *error = NULL;
	int r = port_socket_new(&p->loop, config, p->table, &socket, &error);

	if (r < 0)
		fail_msg("%s (%d)", error ? error : "no memory", r);
	p->sockets[p->n_sockets++] = socket;
	return socket;
}

bool ports_until(struct ports_net *p, bool (*is_so)(void *opaque), void *opaque)
{
	bool so = is_so(opaque);

	p->timed_out = false;
	uv_update_time(&p->loop);
	uv_timer_start(&p->deadline, on_deadline, WAIT_MS, 0);
	while (!so && !p->timed_out) {
		uv_run(&p->loop, UV_RUN_ONCE);
		so = is_so(opaque);
	}
	uv_timer_stop(&p->deadline);
	return so;
}

void ports_turn(struct ports_net *p)
{
	for (int i = 0; i < 16; i++)
		uv_run(&p->loop, UV_RUN_NOWAIT);
}

struct port_awaited {
	struct ports_net *p;
	const char *name;
	bool there;
};

static bool port_is_as_awaited(void *opaque)
{
	const struct port_awaited *awaited = opaque;
	struct port *port = port_find(awaited->p->table, awaited->name);

	return (port && port_is_up(port)) == awaited->there;
}

bool ports_until_port(struct ports_net *p, const char *name, bool there)
{
	struct port_awaited awaited = { p, name, there };

	return ports_until(p, port_is_as_awaited, &awaited);
}

uint64_t ports_counter(struct port_socket *socket, const char *name)
{
	struct counter_sought sought = { .name = name };

	port_socket_each_counter(socket, counter_seek, &sought);
	assert_true(sought.found);
	return sought.value;
}

struct port_counters ports_counters(struct ports_net *p, const char *name)
{
	struct port *port = port_find(p->table, name);
	struct port_counters counters;

	assert_non_null(port);
	port_counters(port, &counters);
	return counters;
}

void test_frame(uint8_t *at, uint8_t to, uint8_t from, uint8_t fill, size_t len)
{
	const uint8_t header[FRAME_ETH_HEADER] = {
		2, 0, 0, 0, 9, to, 2, 0, 0, 0, 9, from, TEST_TYPE >> 8, TEST_TYPE & 0xff
	};

	memset(at, fill, len);
	memcpy(at, header, sizeof(header));
	if (to == 0xff)
		memset(at, 0xff, FRAME_MAC);
}

bool is_test_frame(const uint8_t *frame, size_t len)
{
	return len >= FRAME_ETH_HEADER && frame[12] == TEST_TYPE >> 8 &&
	       frame[13] == (TEST_TYPE & 0xff);
}
