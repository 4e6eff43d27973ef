/* SPDX-License-Identifier: BSD-3-Clause */
/* tap_loop.c - frames that go round through two TAPs and a bridge: see tap_loop.h */
#include "tap_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define HEADER	    12u /* struct virtio_net_hdr */
#define FRAME_BYTES 2048u
#define BRIDGE	    "loop"
#define ROUND	    64u /* frames between two looks at the clock */

static const uint8_t mac_in[] = { 0x02, 0xbe, 0x9c, 1, 0, 1 };
static const uint8_t mac_out[] = { 0x02, 0xbe, 0x9c, 1, 0, 2 };
static const uint8_t local_experiment[] = { 0x88, 0xb5 };

static int control(unsigned long request, const void *argument)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -1;
	r = ioctl(fd, request, argument);
	close(fd);
	return r;
}

static struct ifreq named(const char *name)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return request;
}

static unsigned int index_of(const char *name)
{
	struct ifreq request = named(name);

	if (control(SIOCGIFINDEX, &request) < 0)
		die("%s: %s", name, strerror(errno));
	return (unsigned int)request.ifr_ifindex;
}

static void set_up(const char *name)
{
	struct ifreq request = named(name);

	request.ifr_flags = IFF_UP;
	if (control(SIOCSIFFLAGS, &request) < 0)
		die("%s: cannot be set up: %s", name, strerror(errno));
}

/* As src/net/kernel/tap_device.c does it, in blocking. */
static int tap_open(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), header = HEADER, one = 1;
	struct ifreq request = named(name), port = named(BRIDGE);

	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 || ioctl(fd, TUNSETVNETLE, &one) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		die("a TAP: %s", strerror(errno));
	port.ifr_ifindex = (int)index_of(name);
	if (control(SIOCBRADDIF, &port) < 0)
		die("a TAP on a bridge: %s", strerror(errno));
	set_up(name);
	return fd;
}

static void write_frame(int fd, const uint8_t *to, const uint8_t *from, size_t len)
{
	uint8_t bytes[HEADER + FRAME_BYTES] = { 0 };
	uint8_t *frame = bytes + HEADER;

	memset(frame, 0x5a, len);
	memcpy(frame, to, sizeof(mac_in));
	memcpy(frame + sizeof(mac_in), from, sizeof(mac_in));
	memcpy(frame + 2 * sizeof(mac_in), local_experiment, sizeof(local_experiment));
	if (write(fd, bytes, HEADER + len) != (ssize_t)(HEADER + len))
		die("a frame to a TAP: %s", strerror(errno));
}

static void take_frame(int fd)
{
	uint8_t bytes[HEADER + FRAME_BYTES];

	if (read(fd, bytes, sizeof(bytes)) < 0)
		die("a frame from a TAP: %s", strerror(errno));
}

void tap_loop_open(struct tap_loop *loop)
{
	if (control(SIOCBRADDBR, BRIDGE) < 0)
		die("a bridge: %s", strerror(errno));
	set_up(BRIDGE);
	loop->out = tap_open("loop0");
	loop->in = tap_open("loop1");
	/* The bridge learns behind which TAP the frames' destination is, and floods this one. */
	write_frame(loop->in, mac_out, mac_in, 60);
	take_frame(loop->out);
}

void tap_loop_start(struct tap_loop *loop, const size_t *lens, size_t n_lens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_frame(loop->out, mac_in, mac_out, lens[i % n_lens]);
}

struct rate tap_loop_run(struct tap_loop *loop, unsigned int ms)
{
	uint8_t bytes[HEADER + FRAME_BYTES];
	uint64_t begin = now_ns(), until = begin + ms * UINT64_C(1000000), now;
	uint64_t cpu = process_cpu_ns(getpid());
	double frames = 0;

	do {
		for (unsigned int i = 0; i < ROUND; i++) {
			ssize_t n = read(loop->in, bytes, sizeof(bytes));

			if (n < 0 || write(loop->out, bytes, (size_t)n) != n)
				die("copying between TAPs: %s", strerror(errno));
		}
		frames += ROUND;
		now = now_ns();
	} while (now < until);
	return (struct rate) {
		.frames_per_s = frames * 1e9 / (double)(now - begin),
		.cpu_ns_per_frame = (double)(process_cpu_ns(getpid()) - cpu) / frames,
	};
}

void tap_loop_stop(struct tap_loop *loop, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take_frame(loop->in);
}
