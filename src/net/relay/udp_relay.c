/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp_relay.c - flows, in the order of who spoke last
 */
#include "net/relay/udp_relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOWS_MAX    256u
#define BATCH	     64u /* datagrams of one socket in a row */
#define DATAGRAM_MAX 65536u
#define SILENT_MS    120000u /* RFC 4787, REQ-5 */
#define LOOK_MS	     10000u

struct flow {
	struct flow *next; /* who was silent for longer */
	struct udp_relay *relay;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	int fd;
	uint64_t spoke_ms;
	uv_poll_t poll;
};

struct udp_relay {
	uv_loop_t *loop;
	int fd;
	int (*dial)(void *opaque);
	void *opaque;
	struct flow *flows;
	unsigned int n_flows;
	uv_poll_t poll;
	uv_timer_t look; /* while there are flows */
	unsigned int open_handles;
	char datagram[DATAGRAM_MAX];
};

static void on_flow_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void flow_free(struct udp_relay *relay, struct flow **at)
{
	struct flow *flow = *at;

	*at = flow->next;
	relay->n_flows--;
	uv_close((uv_handle_t *)&flow->poll, on_flow_closed);
	close(flow->fd);
}

static void drop_last(struct udp_relay *relay)
{
	struct flow **at = &relay->flows;

	while ((*at)->next)
		at = &(*at)->next;
	flow_free(relay, at);
}

static void on_look(uv_timer_t *timer)
{
	struct udp_relay *relay = timer->data;
	struct flow **at = &relay->flows;

	while (*at) {
		if (uv_now(relay->loop) - (*at)->spoke_ms > SILENT_MS)
			flow_free(relay, at);
		else
			at = &(*at)->next;
	}
	if (!relay->flows)
		uv_timer_stop(timer);
}

/* Return: false: there is none, or (an errno) what was sent was refused (ICMP) */
static bool pass_answer(struct flow *flow)
{
	struct udp_relay *relay = flow->relay;
	ssize_t n = recv(flow->fd, relay->datagram, sizeof(relay->datagram), 0);

	if (n < 0)
		return false;
	flow->spoke_ms = uv_now(relay->loop);
	(void)sendto(relay->fd, relay->datagram, (size_t)n, 0, (const struct sockaddr *)&flow->peer,
		     flow->peer_len);
	return true;
}

/* From the other side. libuv looks no more after an error, which is taken by then. */
static void on_answer(uv_poll_t *poll, int status, int events)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		if (!pass_answer(poll->data))
			break;
	}
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_answer);
}

static int flow_new(struct udp_relay *relay, const struct sockaddr_storage *peer,
		    socklen_t peer_len, struct flow **ret)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	int r;

	if (!flow)
		return -ENOMEM;
	flow->fd = relay->dial(relay->opaque);
	r = flow->fd < 0 ? flow->fd : uv_poll_init(relay->loop, &flow->poll, flow->fd);
	if (r < 0) {
		if (flow->fd >= 0)
			close(flow->fd);
		free(flow);
		return r;
	}
	if (relay->n_flows == FLOWS_MAX)
		drop_last(relay);
	flow->relay = relay;
	memcpy(&flow->peer, peer, sizeof(*peer));
	flow->peer_len = peer_len;
	flow->poll.data = flow;
	uv_poll_start(&flow->poll, UV_READABLE, on_answer);
	relay->n_flows++;
	if (!uv_is_active((uv_handle_t *)&relay->look))
		uv_timer_start(&relay->look, on_look, LOOK_MS, LOOK_MS);
	*ret = flow;
	return 0;
}

/* Takes it off the list; NULL: there is none */
static struct flow *take(struct udp_relay *relay, const struct sockaddr_storage *peer,
			 socklen_t peer_len)
{
	struct flow **at = &relay->flows, *flow;

	while (*at && ((*at)->peer_len != peer_len || memcmp(&(*at)->peer, peer, peer_len) != 0))
		at = &(*at)->next;
	flow = *at;
	if (flow)
		*at = flow->next;
	return flow;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp_relay *relay = poll->data;

	for (unsigned int i = 0; i < BATCH; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(relay->fd, relay->datagram, sizeof(relay->datagram), 0,
				     (struct sockaddr *)&peer, &peer_len);
		struct flow *flow;

		if (n < 0)
			return;
		flow = take(relay, &peer, peer_len);
		if (!flow && flow_new(relay, &peer, peer_len, &flow) < 0)
			continue; /* lost, as datagrams are */
		flow->next = relay->flows;
		relay->flows = flow;
		flow->spoke_ms = uv_now(relay->loop);
		(void)send(flow->fd, relay->datagram, (size_t)n, 0);
	}
}

int udp_relay_new(uv_loop_t *loop, int fd, int (*dial)(void *opaque), void *opaque,
		  struct udp_relay **ret)
{
	struct udp_relay *relay = calloc(1, sizeof(*relay));
	int r = relay ? uv_poll_init(loop, &relay->poll, fd) : -ENOMEM;

	if (r < 0) {
		free(relay);
		return r;
	}
	relay->loop = loop;
	relay->fd = fd;
	relay->dial = dial;
	relay->opaque = opaque;
	uv_timer_init(loop, &relay->look);
	relay->open_handles = 2;
	relay->poll.data = relay->look.data = relay;
	uv_poll_start(&relay->poll, UV_READABLE, on_readable);
	*ret = relay;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct udp_relay *relay = handle->data;

	if (--relay->open_handles == 0)
		free(relay);
}

void udp_relay_free(struct udp_relay *relay)
{
	if (!relay)
		return;
	while (relay->flows)
		flow_free(relay, &relay->flows);
	uv_close((uv_handle_t *)&relay->poll, on_closed);
	uv_close((uv_handle_t *)&relay->look, on_closed);
}
