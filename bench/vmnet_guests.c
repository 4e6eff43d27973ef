/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_guests.c - what idle guests cost the one that is talked to, on networks of kind vmnet
 *
 *   ours:       sender --> outrigger net --> [ libvmnet -- outrigger net --network vmnet ] --> guest
 *   reference:  sender --> outrigger net --> [ libvmnet -- vmnet_flood.c ] ------------------> guest
 *
 * Each of them with 0, 1, 3 and 15 more guests, eight networks in all, which have their turns within
 * each round. All guests are at stream sockets. The sender is an interface of vmnet's in the program
 * that is the guests, too: one thread sends, receives, and reads what the idle ones are sent, as real
 * ones have to, which is the reference's cost as much as writing it is. It looks by itself and never
 * sleeps. Whatever forwards has the other CPU, and rounds are run before everybody else (vmnet.c says why).
 *
 * guests_N: ours and the reference, with N idle guests each. idle_N: ours with N idle guests and
 * ours without, which has a target; the note says what the reference loses by them.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "vmnet_flood.h"
#include "vmnet_interface.h"
#include "vmnet_registry.h"

#define ROUNDS	   201u
#define ROUND_MS   10u
#define PAUSE_US   20000u /* between rounds, for others */
#define FRAME_LEN  1514u
#define PREFIX	   4u
#define HELLO_LEN  64u
#define BATCH	   32
#define UNDER_WAY  128u /* frames: less than a ring holds */
#define ARRIVE_NS  UINT64_C(5000000000)
#define SIZES	   4u
#define LANES	   (2 * SIZES) /* ours, then the reference's */
#define MAC_OFFSET 6u

static const unsigned int idle_counts[SIZES] = { 0, 1, 3, FLOOD_GUESTS - 1 };

/* struct lane - a network with one guest that is talked to, guests[0], and idle ones */
struct lane {
	char network[37];
	unsigned int n_guests;
	int guests[FLOOD_GUESTS];
	int idle; /* epoll: of the idle ones */
	struct served served;
	pid_t flood; /* or 0: ours */
	struct interface sender;
};

static void mac_fill(uint8_t *mac, unsigned int guest)
{
	const uint8_t bytes[] = { 0x02, 0xbe, 0x9c, 1, 0, (uint8_t)guest };

	memcpy(mac, bytes, sizeof(bytes));
}

static void frame_fill(uint8_t *frame, unsigned int from, size_t len)
{
	memset(frame, 0x5a, len);
	mac_fill(frame + MAC_OFFSET, from);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

/* Until the sender has nothing more to read. Return: a frame of this guest was among it */
static bool heard(const struct lane *lane, unsigned int guest)
{
	uint8_t bytes[2048], mac[6];
	bool found = false;

	mac_fill(mac, guest);
	for (;;) {
		struct iovec iov = { bytes, lane->sender.max_packet };
		struct vmpktdesc packet = { lane->sender.max_packet, &iov, 1, 0 };
		int n = 1;

		if (vmnet_read(lane->sender.ref, &packet, &n) != VMNET_SUCCESS)
			die("the sender cannot read");
		if (n == 0)
			return found;
		found |= memcmp(bytes + MAC_OFFSET, mac, sizeof(mac)) == 0;
	}
}

/* So that it is plugged in, and whoever wants to know knows where. */
static void introduce(const struct lane *lane, unsigned int guest)
{
	uint8_t bytes[PREFIX + HELLO_LEN] = { 0, 0, 0, HELLO_LEN };
	uint64_t until = now_ns() + ARRIVE_NS;

	frame_fill(bytes + PREFIX, guest, HELLO_LEN);
	memset(bytes + PREFIX, 0xff, MAC_OFFSET);
	while (!heard(lane, guest)) {
		if (now_ns() > until)
			die("what guest %u sends does not arrive", guest);
		if (send(lane->guests[guest], bytes, sizeof(bytes), MSG_NOSIGNAL) !=
		    (ssize_t)sizeof(bytes))
			die("send: %s", strerror(errno));
		usleep(20000);
	}
}

static size_t receive(int guest)
{
	static uint8_t bytes[256u << 10];
	ssize_t n = recv(guest, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0)
		die("a guest was hung up on");
	if (n < 0 && errno != EAGAIN)
		die("recv: %s", strerror(errno));
	return n < 0 ? 0 : (size_t)n;
}

/* Return: bytes */
static size_t receive_idle(const struct lane *lane)
{
	struct epoll_event events[FLOOD_GUESTS];
	int n = epoll_wait(lane->idle, events, FLOOD_GUESTS, 0);
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += receive(events[i].data.fd);
	return bytes;
}

static void watch_idle(struct lane *lane)
{
	lane->idle = epoll_create1(EPOLL_CLOEXEC);
	if (lane->idle < 0)
		die("epoll: %s", strerror(errno));
	for (unsigned int i = 1; i < lane->n_guests; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = lane->guests[i] };

		if (epoll_ctl(lane->idle, EPOLL_CTL_ADD, lane->guests[i], &event) < 0)
			die("epoll: %s", strerror(errno));
	}
}

static void connect_guests(struct lane *lane)
{
	char path[96];

	served_path(&lane->served, "stream", path, sizeof(path));
	for (unsigned int i = 0; i < lane->n_guests; i++)
		lane->guests[i] = socket_connect(SOCK_STREAM, path, NULL);
}

/* All that is other processes, before libvmnet is used here: see flood_start(). */
static void start(struct lane *lane, unsigned int number)
{
	bool ours = number < SIZES;

	*lane = (struct lane) { .n_guests = 1 + idle_counts[number % SIZES] };
	snprintf(lane->network, sizeof(lane->network), "5b2a8d5e-6d6a-4c5e-9a68-2f1b7f0cbe%02x",
		 number);
	if (ours) {
		serve_vmnet(&lane->served, lane->network);
		connect_guests(lane);
	} else {
		lane->flood = flood_start(lane->network, lane->guests, lane->n_guests);
	}
	watch_idle(lane);
}

static void settle(struct lane *lane)
{
	interface_start(&lane->sender, lane->network);
	for (unsigned int i = 0; i < lane->n_guests; i++)
		introduce(lane, i);
}

static void stop(struct lane *lane)
{
	interface_stop(&lane->sender);
	close(lane->idle);
	for (unsigned int i = 0; i < lane->n_guests; i++)
		close(lane->guests[i]);
	if (lane->flood)
		flood_end(lane->flood);
	else
		serve_end(&lane->served);
}

static size_t send_some(const struct lane *lane, int n)
{
	static uint8_t frame[FRAME_LEN];
	static struct iovec iov = { frame, sizeof(frame) };
	struct vmpktdesc packets[BATCH];
	vmnet_return_t status;

	frame_fill(frame, 0xff, sizeof(frame));
	mac_fill(frame, 0);
	for (int i = 0; i < n; i++)
		packets[i] = (struct vmpktdesc) { sizeof(frame), &iov, 1, 0 };
	status = vmnet_write(lane->sender.ref, packets, &n);
	if (status == VMNET_BUFFER_EXHAUSTED)
		return 0;
	if (status != VMNET_SUCCESS)
		die("vmnet_write: status %d", (int)status);
	return (size_t)n;
}

/* Return: frames/ms that have arrived at the guest that is talked to */
static double transfer(const struct lane *lane)
{
	uint64_t begin, now, heard_at, until;
	size_t sent = 0, bytes = 0;

	while (receive(lane->guests[0]) > 0 || receive_idle(lane) > 0)
		;
	begin = now = heard_at = now_ns();
	until = begin + ROUND_MS * UINT64_C(1000000);
	while (now < until || bytes < sent * (PREFIX + FRAME_LEN)) {
		size_t room = UNDER_WAY - (sent - bytes / (PREFIX + FRAME_LEN)), n;

		if (now < until && room >= BATCH)
			sent += send_some(lane, BATCH);
		n = receive(lane->guests[0]);
		(void)receive_idle(lane);
		bytes += n;
		now = now_ns();
		if (n > 0)
			heard_at = now;
		else if (now - heard_at > ARRIVE_NS)
			die("frames were sent and never arrived");
	}
	return (double)bytes / (PREFIX + FRAME_LEN) * 1e6 / (double)(now - begin);
}

static double rates[LANES][ROUNDS];

/* Whose turn comes after whose changes: who comes after a flood finds the caches cold. */
static void measure(const struct lane *lanes)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int step = 1 + 2 * (i / LANES % (LANES / 2));

		for (unsigned int turn = 0; turn < LANES; turn++) {
			unsigned int which = (i + turn * step) % LANES;

			rates[which][i] = transfer(&lanes[which]);
		}
		usleep(PAUSE_US);
	}
}

/* percentile() sorts, and rounds have to stay where they are. */
static double median(const double *values)
{
	double copy[ROUNDS];

	memcpy(copy, values, sizeof(copy));
	return percentile(copy, ROUNDS, 50);
}

static double median_ratio(unsigned int a, unsigned int b)
{
	double ratio[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++)
		ratio[i] = rates[a][i] / rates[b][i];
	return median(ratio);
}

static void report_lanes(const char *kind, const char *what, unsigned int a, unsigned int b,
			 enum target target, const char *note)
{
	char name[32];

	snprintf(name, sizeof(name), "vmnet_%s_%u", kind, idle_counts[a % SIZES]);
	report(&(struct result) {
		.bench = "vmnet_guests",
		.name = name,
		.what = what,
		.unit = "frames/ms",
		.ours = median(rates[a]),
		.reference = median(rates[b]),
		.ratio = median_ratio(a, b),
		.target = target,
		.limit = 0.97,
		.note = note,
	});
}

static void report_all(void)
{
	for (unsigned int i = 0; i < SIZES; i++)
		report_lanes("guests",
			     "to one guest, with so many idle ones; reference: to all of them", i,
			     SIZES + i, TARGET_NONE, "frames of 1514 bytes");
	for (unsigned int i = 1; i < SIZES; i++) {
		char note[96];

		snprintf(note, sizeof(note), "the loop that floods: %.0f frames/ms, ratio %.3f",
			 median(rates[SIZES + i]), median_ratio(SIZES + i, SIZES));
		report_lanes("idle",
			     "to one guest, with so many idle ones; reference: ours without", i, 0,
			     TARGET_AT_LEAST, note);
	}
}

int main(void)
{
	static struct lane lanes[LANES];
	const struct sched_param lowest = { .sched_priority = 1 };
	struct served first;

	watchdog(120);
	(void)!sched_setscheduler(0, SCHED_RR, &lowest); /* not permitted: as it is */
	pin_apart(0);
	serve(&first); /* has the registry in its directory, and nothing else to do */
	vmnet_registry_use(&first);
	for (unsigned int i = 0; i < LANES; i++)
		start(&lanes[i], i);
	pin_apart(1);
	for (unsigned int i = 0; i < LANES; i++)
		settle(&lanes[i]);
	measure(lanes);
	report_all();
	for (unsigned int i = LANES; i-- > 0;)
		stop(&lanes[i]);
	serve_end(&first);
	vmnet_registry_end(&first);
	return 0;
}
