/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet.c - frames between two ports of a network of kind vmnet, on libvmnet
 *
 *   ours:       channel --> [ src/net/vmnet -- libvmnet ] --> outrigger net --> [ the same ] --> channel
 *   reference:  driver ------------------------------------> outrigger net ----------------> driver
 *
 * Both are two NICs of a user network of host mode, in a process that has one CPU; whoever sends and
 * receives has the other one, looks by itself and never sleeps. What ours does besides is vmnet's API:
 * packets copied in batches, an event and its way to the loop. Both need both CPUs at once, so rounds are
 * run before everybody else (SCHED_RR), who have their turn between them.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "bench.h"
#include "net/vmnet/vmn_network.h"
#include "virtio/driver/net_driver.h"
#include "vmnet_registry.h"

#define ROUNDS	   201u
#define ROUND_MS   10u
#define PAUSE_US   20000u /* between rounds, for others */
#define UNDER_WAY  128u	  /* frames: less than a ring holds */
#define BATCH	   32u
#define CONNECT_MS 5000u
#define ARRIVE_NS  UINT64_C(5000000000)

static const struct measured {
	const char *name, *what;
	size_t len;
} measured[] = {
	{ "vmnet_1514", "frames of 1514 bytes from port to port", 1514 },
	{ "vmnet_64", "frames of 64 bytes from port to port", 64 },
};

/* struct pair - two ends; frames go from the first to the second */
struct pair {
	uint8_t mac[2][FRAME_MAC];
	uint8_t bytes[1514];
	struct iovec iov;
	struct frame frames[BATCH];
	size_t (*send)(struct pair *pair, unsigned int end, const struct frame *frames, size_t n);
	size_t (*receive)(struct pair *pair, unsigned int end); /* how many of ours */

	/* Ours. */
	uv_loop_t loop;
	struct network *network;
	struct channel *channels[2];

	/* The reference. */
	struct net_driver *drivers[2];
};

static bool is_ours(const struct frame *frame)
{
	const uint8_t *bytes = frame->iov->iov_base;

	return frame->iov->iov_len > 13 && bytes[12] == 0x88 && bytes[13] == 0xb5;
}

/* Copied out, as whoever wants a frame does. */
static size_t take(const struct frame *frames, size_t n)
{
	static uint8_t bytes[2048];
	size_t ours = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(bytes, frames[i].iov->iov_base, frames[i].iov->iov_len);
		ours += is_ours(&frames[i]);
	}
	return ours;
}

/* Ours */

static size_t send_channel(struct pair *pair, unsigned int end, const struct frame *frames,
			   size_t n)
{
	return channel_send(pair->channels[end], frames, n);
}

static size_t receive_channel(struct pair *pair, unsigned int end)
{
	struct frame frames[BATCH];
	size_t n, ours;

	uv_run(&pair->loop, UV_RUN_NOWAIT);
	n = channel_peek(pair->channels[end], frames, BATCH);
	ours = take(frames, n);
	if (n > 0)
		channel_consume(pair->channels[end], n);
	return ours;
}

void network_tell_failed(struct network *network, const char *why)
{
	die("%s", why);
}

static void open_channels(struct pair *pair)
{
	static const struct channel_events events = { 0 };
	const struct network_config config = { .mode = NETWORK_HOST,
					       .kind = NETWORK_VMNET,
					       .mtu = 1500 };
	char *error = NULL;

	*pair = (struct pair) { .send = send_channel, .receive = receive_channel };
	uv_loop_init(&pair->loop);
	if (vmn_network_new(&pair->loop, &config, &pair->network, &error) < 0)
		die("%s", error ? error : "no memory");
	for (unsigned int i = 0; i < 2; i++) {
		const struct network_port port = { .name = i ? "b" : "a", .mtu = 1500 };
		const uint8_t mac[FRAME_MAC] = { 2, 0xbe, 0x9c, 0, 0, (uint8_t)i };

		memcpy(pair->mac[i], mac, FRAME_MAC);
		if (pair->network->ops->open(pair->network, &port, &events, pair,
					     &pair->channels[i]) < 0)
			die("port %s cannot be opened", port.name);
		channel_set_link(pair->channels[i], true);
	}
}

static void close_channels(struct pair *pair)
{
	channel_close(pair->channels[0]);
	channel_close(pair->channels[1]);
	pair->network->ops->free(pair->network);
	uv_run(&pair->loop, UV_RUN_DEFAULT);
	uv_loop_close(&pair->loop);
}

/* The reference */

static size_t send_driver(struct pair *pair, unsigned int end, const struct frame *frames, size_t n)
{
	ssize_t sent = net_driver_send(pair->drivers[end], frames, n);

	if (sent < 0)
		die("sending: %s", strerror((int)-sent));
	net_driver_flush(pair->drivers[end]);
	return (size_t)sent;
}

static size_t receive_driver(struct pair *pair, unsigned int end)
{
	struct frame frames[BATCH];
	size_t n = net_driver_peek(pair->drivers[end], frames, BATCH), ours = take(frames, n);

	if (n > 0)
		net_driver_consume(pair->drivers[end], n);
	return ours;
}

static void open_drivers(struct pair *pair, const struct served *s)
{
	char other[96];

	served_path(s, "nic-b", other, sizeof(other));
	*pair = (struct pair) { .send = send_driver, .receive = receive_driver };
	for (unsigned int i = 0; i < 2; i++) {
		int fd = socket_connect(SOCK_STREAM, i ? other : s->nic, NULL);
		struct net_driver_info info;
		char *error = NULL;

		if (net_driver_new(fd, NULL, rig_after_ms(CONNECT_MS), &pair->drivers[i], &error) <
		    0)
			die("%s", error ? error : "no memory");
		net_driver_info(pair->drivers[i], &info);
		memcpy(pair->mac[i], info.mac, FRAME_MAC);
	}
}

/* Both */

static void fill(struct pair *pair, unsigned int from, bool broadcast, size_t len)
{
	memset(pair->bytes, 0x5a, sizeof(pair->bytes));
	memcpy(pair->bytes, pair->mac[!from], FRAME_MAC);
	if (broadcast)
		memset(pair->bytes, 0xff, FRAME_MAC);
	memcpy(pair->bytes + FRAME_MAC, pair->mac[from], FRAME_MAC);
	pair->bytes[12] = 0x88;
	pair->bytes[13] = 0xb5;
	pair->iov = (struct iovec) { pair->bytes, len };
	for (unsigned int i = 0; i < BATCH; i++)
		pair->frames[i] = (struct frame) { .iov = &pair->iov, .n_iov = 1, .len = len };
}

/* The switch learns who is where. */
static void introduce(struct pair *pair)
{
	for (unsigned int from = 0; from < 2; from++) {
		uint64_t until = now_ns() + ARRIVE_NS;

		fill(pair, from, true, 64);
		while (pair->receive(pair, !from) == 0) {
			if (now_ns() > until)
				die("what one port sends does not reach the other");
			pair->send(pair, from, pair->frames, 1);
			usleep(1000);
		}
	}
	for (unsigned int i = 0; i < 50; i++) {
		usleep(1000);
		(void)pair->receive(pair, 0);
		(void)pair->receive(pair, 1);
	}
}

static double transfer(struct pair *pair)
{
	uint64_t begin = now_ns(), now = begin, heard = begin;
	uint64_t until = begin + ROUND_MS * UINT64_C(1000000);
	size_t sent = 0, received = 0;

	while (now < until || received < sent) {
		size_t room = UNDER_WAY - (sent - received), n;

		if (now < until && room > 0)
			sent += pair->send(pair, 0, pair->frames, room < BATCH ? room : BATCH);
		n = pair->receive(pair, 1);
		received += n;
		now = now_ns();
		if (n > 0)
			heard = now;
		else if (now - heard > ARRIVE_NS)
			die("%zu frames were sent and never arrived", sent - received);
	}
	return (double)received * 1e6 / (double)(now - begin);
}

static void compare(struct pair pairs[2], const struct measured *m)
{
	static double rates[2][ROUNDS], ratio[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		for (size_t turn = 0; turn < 2; turn++)
			rates[(i + turn) % 2][i] = transfer(&pairs[(i + turn) % 2]);
		usleep(PAUSE_US);
		ratio[i] = rates[0][i] / rates[1][i];
	}
	report(&(struct result) {
		.bench = "vmnet",
		.name = m->name,
		.what = m->what,
		.unit = "frames/ms",
		.ours = percentile(rates[0], ROUNDS, 50),
		.reference = percentile(rates[1], ROUNDS, 50),
		.ratio = percentile(ratio, ROUNDS, 50),
		.target = TARGET_AT_LEAST,
		.limit = 0.8,
		.note = "reference: a driver at the same network's NICs",
	});
}

/* This process, and what it starts from now on. Not permitted: as it is. */
static void come_first(void)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	(void)!sched_setscheduler(0, SCHED_RR, &lowest);
}

/* Those of libvmnet are ours: they are where we are, not where the networks are. */
static void threads_follow(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	cpu_set_t here;

	if (!dir || sched_getaffinity(0, sizeof(here), &here) < 0)
		die("/proc/self/task: %s", strerror(errno));
	while ((entry = readdir(dir)))
		(void)sched_setaffinity(atoi(entry->d_name), sizeof(here), &here);
	closedir(dir);
}

int main(void)
{
	static struct pair pairs[2];
	struct served s;

	watchdog(120);
	come_first();
	pin_apart(0); /* what is started now: the reference's network, and libvmnet's */
	serve_nics(&s);
	vmnet_registry_use(&s);
	open_channels(&pairs[0]);
	pin_apart(1);
	threads_follow();
	open_drivers(&pairs[1], &s);
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		for (size_t which = 0; which < 2; which++) {
			introduce(&pairs[which]);
			fill(&pairs[which], 0, false, measured[i].len);
		}
		compare(pairs, &measured[i]);
	}
	close_channels(&pairs[0]);
	net_driver_free(pairs[1].drivers[0]);
	net_driver_free(pairs[1].drivers[1]);
	serve_end(&s);
	vmnet_registry_end(&s);
	return 0;
}
