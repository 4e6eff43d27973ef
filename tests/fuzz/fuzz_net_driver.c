/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_net_driver.c - a virtio-net driver whose device writes anything into the rings, at any time
 *
 * Input: options (one byte), then steps of STEP bytes. A step is the device's, which writes a used
 * element or an index, or the driver's, which calls one of its functions. There is no connection: kicks
 * go to an eventfd.
 *
 * Whatever the device does: frames that are shown are whole, each in a receive buffer of its own that
 * the device does not have; and what is broken stays broken.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>

#include "virtio/driver/internal.h"

#define SIZE		 8u
#define MAX_FRAME	 128u
#define STEP		 8u
#define OPTION_EVENT_IDX 1u

enum step { STEP_USE, STEP_INDEX, STEP_EVENT, STEP_PEEK, STEP_CONSUME, STEP_SEND, STEP_ARM, STEPS };

static struct net_driver driver;
static size_t shown;

static void make_once(void)
{
	static const uint16_t sizes[DRIVER_QUEUES] = { SIZE, SIZE };

	if (driver.memory.at)
		return;
	MUST(driver_memory_new(&driver.memory, sizes, sizeof(struct frame_header) + MAX_FRAME) ==
	     0);
	for (size_t i = 0; i < DRIVER_QUEUES; i++)
		driver.kicks[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < DRIVER_VECTORS; i++)
		driver.irqs[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void start(bool event_idx)
{
	uint8_t *at;

	make_once();
	at = driver.memory.at;
	memset(at, 0, driver.memory.buffers[DRIVER_RX_QUEUE]);
	memset(&driver.rx, 0, sizeof(driver.rx));
	memset(&driver.tx, 0, sizeof(driver.tx));
	driver.info = (struct net_driver_info) { .max_frame = MAX_FRAME, .queue_size = SIZE };
	driver.error = 0;
	vring_init(&driver.rx.ring, SIZE, event_idx, at + driver.memory.rings[DRIVER_RX_QUEUE]);
	vring_init(&driver.tx.ring, SIZE, event_idx, at + driver.memory.rings[DRIVER_TX_QUEUE]);
	driver_rx_start(&driver);
	driver_tx_start(&driver);
	shown = 0;
}

static void check_frame(const struct frame *frame, bool *used)
{
	size_t at = (size_t)((uint8_t *)frame->iov->iov_base - driver.memory.at) -
		    driver.memory.buffers[DRIVER_RX_QUEUE];
	size_t id = at / driver.memory.buffer_size;

	MUST(frame->n_iov == 1 && frame->iov->iov_len == frame->len);
	MUST(frame->len >= FRAME_ETH_HEADER && frame->len <= MAX_FRAME);
	MUST(id < SIZE && at % driver.memory.buffer_size == sizeof(struct frame_header));
	MUST(!used[id] && !driver.rx.ring.is_offered[id]);
	used[id] = true;
}

static void peek(size_t n)
{
	bool used[SIZE] = { false };
	struct frame frames[SIZE];

	shown = net_driver_peek(&driver, frames, n);
	MUST(shown <= n);
	for (size_t i = 0; i < shown; i++)
		check_frame(&frames[i], used);
}

static void send_frames(size_t n, size_t len)
{
	static const uint8_t bytes[256];
	const struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct frame frames[SIZE];
	ssize_t r;

	for (size_t i = 0; i < n; i++)
		frames[i] = (struct frame) { .iov = &iov, .n_iov = 1, .len = len };
	r = net_driver_send(&driver, frames, n);
	MUST(r <= (ssize_t)n && (r <= 0 || (len >= FRAME_ETH_HEADER && len <= MAX_FRAME)));
	net_driver_flush(&driver);
}

static uint32_t get(const uint8_t *at, size_t width)
{
	uint32_t value = 0;

	memcpy(&value, at, width);
	return value;
}

/* step: what, which ring, then numbers for it */
static void run_step(const uint8_t *step)
{
	struct vring *ring = step[1] & 1 ? &driver.tx.ring : &driver.rx.ring;
	uint32_t number = get(step + 4, 4);

	switch ((enum step)(step[0] % STEPS)) {
	case STEP_USE:
		ring->used->ring[step[2] % SIZE] = (struct virtq_used_elem) { step[3], number };
		break;
	case STEP_INDEX:
		__atomic_store_n(&ring->used->idx, (uint16_t)number, __ATOMIC_RELEASE);
		break;
	case STEP_EVENT:
		memcpy(&ring->used->ring[SIZE], &number, sizeof(uint16_t));
		ring->used->flags = (uint16_t)(number >> 16);
		break;
	case STEP_PEEK:
		peek(step[2] % (SIZE + 1));
		break;
	case STEP_CONSUME:
		net_driver_consume(&driver, step[2] < shown ? step[2] : shown);
		shown = 0;
		break;
	case STEP_SEND:
		send_frames(step[2] % (SIZE + 1), step[3]);
		break;
	default:
		MUST(net_driver_waiting(&driver) <= 2 * SIZE);
		(void)net_driver_arm(&driver);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int error = 0;

	if (size < 1)
		return 0;
	start(data[0] & OPTION_EVENT_IDX);
	for (size_t at = 1; size - at >= STEP; at += STEP) {
		run_step(data + at);
		MUST(error == 0 || net_driver_error(&driver) == error);
		error = net_driver_error(&driver);
	}
	return 0;
}

static size_t put(uint8_t *buf, size_t at, enum step what, uint8_t ring, uint8_t a, uint8_t b,
		  uint32_t number)
{
	buf[at] = (uint8_t)what;
	buf[at + 1] = ring;
	buf[at + 2] = a;
	buf[at + 3] = b;
	memcpy(buf + at + 4, &number, 4);
	return at + STEP;
}

/* An honest device: frames both ways, twice round the rings; in order, or backwards. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	size_t at = 1;

	if (i >= 4 || max < 1 + 14 * 2 * SIZE * STEP)
		return 0;
	buf[0] = (uint8_t)(i & 1);
	for (uint32_t n = 0; n < 2 * SIZE; n += 2) {
		uint8_t first = (uint8_t)(n % SIZE), second = (uint8_t)((n + 1) % SIZE);

		at = put(buf, at, STEP_USE, 0, first, i < 2 ? first : second, 12 + 60);
		at = put(buf, at, STEP_USE, 0, second, i < 2 ? second : first, 12 + 128);
		at = put(buf, at, STEP_INDEX, 0, 0, 0, n + 2);
		at = put(buf, at, STEP_ARM, 0, 0, 0, 0);
		at = put(buf, at, STEP_PEEK, 0, 1, 0, 0);
		at = put(buf, at, STEP_PEEK, 0, 8, 0, 0);
		at = put(buf, at, STEP_CONSUME, 0, 2, 0, 0);
		at = put(buf, at, STEP_ARM, 0, 0, 0, 0);
		at = put(buf, at, STEP_SEND, 1, 2, 60, 0);
		at = put(buf, at, STEP_USE, 1, first, first, 0);
		at = put(buf, at, STEP_USE, 1, second, second, 0);
		at = put(buf, at, STEP_INDEX, 1, 0, 0, n + 2);
		at = put(buf, at, STEP_EVENT, 1, 0, 0, n);
	}
	return at;
}
