/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_fake_driver.c - a driver of no NIC: frames are in an array, and the event is an eventfd
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "virtio/iov.h"
#include "vmnet_fake.h"

struct net_driver {
	uint8_t bytes[FAKE_FRAMES][FAKE_LEN];
	struct iovec iov[FAKE_FRAMES];
	size_t first, n;
	bool armed;
	int fd, error;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct net_driver *last;

int net_driver_new(int fd, const struct net_driver_config *config, rig_time deadline,
		   struct net_driver **ret, char **ret_error)
{
	struct net_driver *driver;

	if (fake.driver_new < 0)
		return fake.driver_new;
	driver = calloc(1, sizeof(*driver));
	assert_non_null(driver);
	driver->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(driver->fd >= 0);
	pthread_mutex_lock(&lock);
	last = driver;
	pthread_mutex_unlock(&lock);
	fake.drivers++;
	*ret = driver;
	return 0;
}

void net_driver_free(struct net_driver *driver)
{
	if (!driver)
		return;
	pthread_mutex_lock(&lock);
	if (last == driver)
		last = NULL;
	pthread_mutex_unlock(&lock);
	close(driver->fd);
	free(driver);
	fake.drivers--;
}

void net_driver_info(const struct net_driver *driver, struct net_driver_info *ret)
{
	*ret = (struct net_driver_info) { .mtu = fake.mtu };
}

int net_driver_error(const struct net_driver *driver)
{
	int error;

	pthread_mutex_lock(&lock);
	error = driver->error;
	pthread_mutex_unlock(&lock);
	return error;
}

bool net_driver_link(const struct net_driver *driver)
{
	return true;
}

size_t net_driver_peek(struct net_driver *driver, struct frame *frames, size_t n)
{
	size_t got = 0;

	pthread_mutex_lock(&lock);
	while (got < n && got < driver->n) {
		struct iovec *iov = &driver->iov[(driver->first + got) % FAKE_FRAMES];

		frames[got++] = (struct frame) { .iov = iov, .n_iov = 1, .len = iov->iov_len };
	}
	pthread_mutex_unlock(&lock);
	return got;
}

void net_driver_consume(struct net_driver *driver, size_t n)
{
	pthread_mutex_lock(&lock);
	assert_true(n <= driver->n);
	driver->first = (driver->first + n) % FAKE_FRAMES;
	driver->n -= n;
	pthread_mutex_unlock(&lock);
}

size_t net_driver_waiting(const struct net_driver *driver)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = driver->n;
	pthread_mutex_unlock(&lock);
	return n;
}

bool net_driver_arm(struct net_driver *driver)
{
	bool armed;

	pthread_mutex_lock(&lock);
	armed = driver->n == 0 && driver->error == 0;
	driver->armed = armed;
	pthread_mutex_unlock(&lock);
	return armed;
}

int net_driver_event_fd(const struct net_driver *driver)
{
	return driver->fd;
}

void net_driver_handle_event(struct net_driver *driver)
{
	uint64_t rings;

	if (read(driver->fd, &rings, sizeof(rings)) < 0)
		assert_int_equal(errno, EAGAIN);
}

ssize_t net_driver_send(struct net_driver *driver, const struct frame *frames, size_t n)
{
	size_t done = 0;
	int error = net_driver_error(driver);

	if (error < 0)
		return error;
	for (; done < n && fake.room > 0 && fake.n_sent < FAKE_FRAMES; done++) {
		size_t len = iov_to_buf(frames[done].iov, frames[done].n_iov, 0,
					fake.sent[fake.n_sent], FAKE_LEN);

		fake.sent_len[fake.n_sent++] = len;
		if (fake.room != SIZE_MAX)
			fake.room--;
	}
	return (ssize_t)done;
}

void net_driver_flush(struct net_driver *driver)
{
	fake.flushes++;
}

int net_driver_wait_room(struct net_driver *driver, rig_time deadline)
{
	return -ETIMEDOUT;
}

int net_driver_drain(struct net_driver *driver, rig_time deadline)
{
	fake.drains++;
	return 0;
}

static void ring(struct net_driver *driver)
{
	static const uint64_t one = 1;

	driver->armed = false;
	assert_int_equal(write(driver->fd, &one, sizeof(one)), sizeof(one));
}

void fake_deliver(uint8_t tag, size_t len)
{
	size_t at;

	pthread_mutex_lock(&lock);
	assert_non_null(last);
	assert_true(last->n < FAKE_FRAMES && len <= FAKE_LEN);
	at = (last->first + last->n++) % FAKE_FRAMES;
	memset(last->bytes[at], 0xaa, len);
	last->bytes[at][len - 1] = tag;
	last->iov[at] = (struct iovec) { last->bytes[at], len };
	if (last->armed)
		ring(last);
	pthread_mutex_unlock(&lock);
}

size_t fake_waiting(void)
{
	return last ? net_driver_waiting(last) : 0;
}

void fake_break(int error)
{
	pthread_mutex_lock(&lock);
	last->error = error;
	ring(last);
	pthread_mutex_unlock(&lock);
}
