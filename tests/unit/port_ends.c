/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_ends.c - sockets of guests without a socket: ports of a whole user network, held by the test
 */
#include "port_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

void port_end_pull(struct port_end *end)
{
	struct frame frame;

	while (!end->stuck && channel_peek(end->channel, &frame, 1) == 1) {
		size_t kept = end->n_got % PORT_END_KEPT, at = 0;

		for (size_t i = 0; i < frame.n_iov; i++) {
			memcpy(end->kept[kept] + at, frame.iov[i].iov_base, frame.iov[i].iov_len);
			at += frame.iov[i].iov_len;
		}
		end->kept_len[kept] = at;
		end->n_got++;
		end->bytes_got += frame.len;
		channel_consume(end->channel, 1);
	}
}

static void on_ready(void *opaque)
{
	struct port_end *end = opaque;

	end->n_ready++;
	port_end_pull(end);
}

static void on_writable(void *opaque)
{
	struct port_end *end = opaque;

	end->n_writable++;
}

static void on_link(void *opaque, bool up)
{
	struct port_end *end = opaque;

	end->n_link++;
	end->link = up;
}

static size_t on_take(void *opaque, const struct frame *frames, size_t n)
{
	struct port_end *end = opaque;

	end->n_offered += n;
	return 0;
}

static const struct channel_events events = {
	.ready = on_ready,
	.writable = on_writable,
	.link = on_link,
	.take = on_take,
};

struct port_ends *port_ends_new(struct ports_net *net, size_t n, const struct port_config *config)
{
	static const char *const names[PORT_ENDS] = { "a", "b", "c" };
	struct port_ends *ends = calloc(1, sizeof(*ends));

	assert_non_null(ends);
	ends->net = net;
	for (size_t i = 0; i < n; i++) {
		struct port_end *end = calloc(1, sizeof(*end));
		struct port_config port = *config;

		assert_non_null(end);
		port.name = names[i];
		port.kind = "test";
		port.mtu = 1500;
		end->link = true;
		assert_int_equal(port_open(net->table, &port, &events, end, &end->channel), 0);
		channel_set_link(end->channel, true);
		port_end_pull(end);
		ends->ends[i] = end;
	}
	return ends;
}

void port_ends_free(struct port_ends *ends)
{
	for (size_t i = 0; i < PORT_ENDS; i++) {
		if (ends->ends[i])
			channel_close(ends->ends[i]->channel);
		free(ends->ends[i]);
	}
	free(ends);
}

bool port_end_send(struct port_end *end, const void *bytes, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct frame frame = { .iov = &iov, .n_iov = 1, .len = len };

	return channel_send(end->channel, &frame, 1) == 1;
}

struct capture *port_ends_capture(struct port_ends *ends, int *ret_fd)
{
	struct capture_config config = { 0 };
	struct capture *capture;
	char *error = NULL;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	config.fd = fds[1];
	assert_int_equal(port_table_capture_add(ends->net->table, NULL, &config, &capture, &error),
			 0);
	*ret_fd = fds[0];
	return capture;
}

void arp_request(struct ports_net *net, uint8_t at[42], uint8_t from, uint8_t from_address,
		 uint8_t address)
{
	const uint8_t fixed[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
	const struct network_config *config = network_config_of(net->network);
	const uint8_t *network = (const uint8_t *)&config->start_address;

	test_frame(at, 0xff, from, 0, 42);
	memcpy(at + 12, fixed, sizeof(fixed));
	memcpy(at + 22, at + 6, FRAME_MAC);
	memcpy(at + 28, network, 3);
	at[31] = from_address;
	memcpy(at + 38, network, 3);
	at[41] = address;
}
