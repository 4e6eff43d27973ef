/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine_alone.c - src/net/vmnet without the rest of outrigger: one port, which asks for an address
 *
 *	engine_alone shared|host
 *	engine_alone bridged IF
 *
 * Prints the address that DHCP offers. Status 0: it did, and nothing was left at the end; 1: why it
 * did not is on stderr. Built of files that every system has, so that scripts/check-macos can run the
 * engine on a Mac, where the rest is not at home yet.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/network.h"
#include "net/vmnet/vmn_network.h"

#define ASK_MS	  1000u
#define ASKED_MAX 30u
#define DISCOVER  300u /* bytes of the BOOTP part */
#define FRAME_LEN (FRAME_ETH_HEADER + 20u + 8u + DISCOVER)
#define UDP_PORTS (FRAME_ETH_HEADER + 20u)
#define BOOTP	  (FRAME_ETH_HEADER + 28u)

struct alone {
	uv_loop_t loop;
	uv_timer_t timer;
	struct network *network;
	struct channel *channel;
	unsigned int asked;
	bool link, offered, failed;
};

static const uint8_t mac[FRAME_MAC] = { 0x02, 0x6f, 0x75, 0x74, 0x72, 0x01 };

/* What src/net/network.c has, which brings the other kinds along. */

void network_tell_failed(struct network *network, const char *why)
{
	struct alone *alone = network->opaque;

	fprintf(stderr, "engine_alone: %s\n", why);
	alone->failed = true;
	uv_stop(&alone->loop);
}

/* A request without options but its type, and a UDP checksum of 0: there is none. */
static void make_discover(uint8_t frame[FRAME_LEN])
{
	static const uint8_t ip[] = {
		0x45, 0, (FRAME_LEN - 14) >> 8, (FRAME_LEN - 14) & 0xff, 0, 0, 0, 0, 64, 17
	};
	static const uint8_t udp[] = { 0, 68, 0, 67, (DISCOVER + 8) >> 8, (DISCOVER + 8) & 0xff };
	static const uint8_t options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
	uint32_t sum = 0;

	memset(frame, 0, FRAME_LEN);
	memset(frame, 0xff, FRAME_MAC);
	memcpy(frame + FRAME_MAC, mac, FRAME_MAC);
	frame[12] = 8;
	memcpy(frame + 14, ip, sizeof(ip));
	memset(frame + 30, 0xff, 4);
	for (unsigned int i = 14; i < 34; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	memcpy(frame + UDP_PORTS, udp, sizeof(udp));
	memcpy(frame + BOOTP, "\1\1\6\0RIG1\0\0\x80", 11);
	memcpy(frame + BOOTP + 28, mac, FRAME_MAC);
	memcpy(frame + BOOTP + 236, options, sizeof(options));
}

static void on_timer(uv_timer_t *timer)
{
	struct alone *alone = timer->data;
	uint8_t bytes[FRAME_LEN];
	const struct iovec iov = { bytes, sizeof(bytes) };
	const struct frame frame = { .iov = &iov, .n_iov = 1, .len = sizeof(bytes) };

	if (++alone->asked > ASKED_MAX) {
		fprintf(stderr, "engine_alone: no offer, the link is %s\n",
			alone->link ? "up" : "down");
		uv_stop(&alone->loop);
		return;
	}
	make_discover(bytes);
	(void)channel_send(alone->channel, &frame, 1);
}

static void on_link(void *opaque, bool up)
{
	((struct alone *)opaque)->link = up;
}

static void look(struct alone *alone, const struct frame *frame)
{
	const uint8_t *bytes = frame->iov->iov_base;
	char text[INET_ADDRSTRLEN];

	if (frame->len < BOOTP + 240 || memcmp(bytes + BOOTP + 4, "RIG1", 4) != 0 ||
	    bytes[BOOTP] != 2)
		return;
	inet_ntop(AF_INET, bytes + BOOTP + 16, text, sizeof(text));
	printf("offered %s\n", text);
	alone->offered = true;
	uv_stop(&alone->loop);
}

static void on_ready(void *opaque)
{
	struct alone *alone = opaque;
	struct frame frames[16];
	size_t n;

	while ((n = channel_peek(alone->channel, frames, 16)) > 0) {
		for (size_t i = 0; i < n && !alone->offered; i++)
			look(alone, &frames[i]);
		channel_consume(alone->channel, n);
	}
}

static const struct channel_events events = { .ready = on_ready, .link = on_link };

/* As network_config_default() has it, but for what is left open. */
static struct network_config config_of(const char *mode, const char *ifname)
{
	return (struct network_config) {
		.mode = strcmp(mode, "shared") == 0 ? NETWORK_SHARED
			: strcmp(mode, "host") == 0 ? NETWORK_HOST
						    : NETWORK_BRIDGED,
		.kind = NETWORK_VMNET,
		.mtu = 1500,
		.ifname = ifname,
		.dhcp = { .off = ifname != NULL },
	};
}

static int plug(struct alone *alone, const struct network_config *config)
{
	const struct network_port port = { .name = "alone", .mtu = 1500 };
	char *error = NULL;
	int r = vmn_network_new(&alone->loop, config, &alone->network, &error);

	if (r < 0) {
		fprintf(stderr, "engine_alone: %s\n", error ? error : strerror(-r));
		free(error);
		return r;
	}
	alone->network->opaque = alone;
	alone->link = true;
	r = alone->network->ops->open(alone->network, &port, &events, alone, &alone->channel);
	if (r >= 0)
		channel_set_link(alone->channel, true);
	return r;
}

int main(int argc, char **argv)
{
	struct alone alone = { .asked = 0 };
	struct network_config config;
	int r;

	if (argc < 2 || argc > 3 || (strcmp(argv[1], "bridged") == 0) != (argc == 3)) {
		fprintf(stderr, "usage: engine_alone shared|host, or bridged IF\n");
		return 2;
	}
	config = config_of(argv[1], argv[2]);
	uv_loop_init(&alone.loop);
	uv_timer_init(&alone.loop, &alone.timer);
	alone.timer.data = &alone;
	r = plug(&alone, &config);
	if (r >= 0) {
		uv_timer_start(&alone.timer, on_timer, 0, ASK_MS);
		uv_run(&alone.loop, UV_RUN_DEFAULT);
	}
	channel_close(alone.channel);
	if (alone.network)
		alone.network->ops->free(alone.network);
	uv_close((uv_handle_t *)&alone.timer, NULL);
	uv_run(&alone.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&alone.loop) < 0)
		fprintf(stderr, "engine_alone: something is left in the loop\n");
	else if (alone.offered && !alone.failed)
		return 0;
	return 1;
}
