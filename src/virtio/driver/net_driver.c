/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_driver.c - making and freeing, events, errors
 *
 * Three things are events: an interrupt for received frames, one for a changed configuration, and
 * something to read on the connection, which in the life of a driver is its end. An epoll over the
 * three is what the application polls.
 *
 * The first error stays. It may be found by any thread; then every eventfd of ours is made readable,
 * so that whoever sleeps learns of it.
 */
#include "virtio/driver/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/peer_eventfd.h"

/* What epoll gives back. */
enum event { EVENT_CONFIG, EVENT_RX, EVENT_CONNECTION, EVENTS };

int driver_fail(struct net_driver *driver, int error)
{
	int first = 0;

	if (!atomic_compare_exchange_strong(&driver->error, &first, error))
		return first;
	for (size_t i = 0; i < DRIVER_VECTORS; i++)
		peer_eventfd_signal(driver->irqs[i]);
	return error;
}

int net_driver_error(const struct net_driver *driver)
{
	return atomic_load_explicit(&driver->error, memory_order_relaxed);
}

static void on_disconnected(void *opaque, int error, const char *reason)
{
	driver_fail(opaque, -ENOTCONN);
}

static const struct rig_client_ops client_ops = { .disconnected = on_disconnected };

void driver_kick(struct net_driver *driver, enum driver_queue queue)
{
	const struct driver_kick *kick = &driver->kicks[queue];
	const uint8_t value[2] = { (uint8_t)queue };
	int r;

	if (kick->fd >= 0) {
		peer_eventfd_signal(kick->fd);
		return;
	}
	r = rig_client_region_post(driver->client, driver->notify.region, kick->offset, value,
				   sizeof(value), rig_after_ms(DRIVER_REPLY_MS));
	if (r < 0)
		driver_fail(driver, r);
}

bool net_driver_link(const struct net_driver *driver)
{
	return atomic_load(&driver->link_up);
}

void net_driver_info(const struct net_driver *driver, struct net_driver_info *ret)
{
	*ret = driver->info;
}

int net_driver_event_fd(const struct net_driver *driver)
{
	return driver->event_fd;
}

void net_driver_handle_event(struct net_driver *driver)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(driver->event_fd, events, EVENTS, 0), r = 0;

	for (int i = 0; i < n; i++) {
		switch ((enum event)events[i].data.u32) {
		case EVENT_CONFIG:
			(void)peer_eventfd_consume(driver->irqs[DRIVER_CONFIG_VECTOR]);
			if (!net_driver_error(driver))
				r = driver_read_state(driver, rig_after_ms(DRIVER_REPLY_MS));
			if (r < 0)
				driver_fail(driver, r);
			break;
		case EVENT_RX:
			(void)peer_eventfd_consume(driver->irqs[DRIVER_RX_VECTOR]);
			break;
		default:
			(void)rig_client_dispatch(driver->client);
			break;
		}
	}
}

/* Making and freeing */

static int watch(const struct net_driver *driver, int fd, enum event event)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = event };

	if (fd < 0)
		return fd;
	return epoll_ctl(driver->event_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int make_eventfds(struct net_driver *driver)
{
	for (size_t i = 0; i < DRIVER_VECTORS; i++) {
		driver->irqs[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (driver->irqs[i] < 0)
			return -errno;
	}
	driver->event_fd = epoll_create1(EPOLL_CLOEXEC);
	return driver->event_fd < 0 ? -errno : 0;
}

static int watch_all(const struct net_driver *driver)
{
	int r = watch(driver, driver->irqs[DRIVER_CONFIG_VECTOR], EVENT_CONFIG);

	if (r == 0)
		r = watch(driver, driver->irqs[DRIVER_RX_VECTOR], EVENT_RX);
	return r < 0 ? r : watch(driver, rig_client_fd(driver->client), EVENT_CONNECTION);
}

static bool config_valid(const struct net_driver_config *config)
{
	return config->queue_size <= VRING_SIZE_MAX &&
	       (config->queue_size & (config->queue_size - 1)) == 0 &&
	       config->max_frame <= FRAME_MAX &&
	       (config->max_frame == 0 || config->max_frame >= FRAME_ETH_HEADER);
}

static struct net_driver *allocate(void)
{
	struct net_driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		return NULL;
	for (size_t i = 0; i < DRIVER_VECTORS; i++)
		driver->irqs[i] = -1;
	for (size_t i = 0; i < DRIVER_QUEUES; i++)
		driver->kicks[i].fd = -1;
	driver->event_fd = driver->memory.fd = -1;
	return driver;
}

/* The socket is the client's from the first call that might use it on. */
static int connect_client(struct net_driver *driver, int fd, rig_time deadline, char **ret_error)
{
	const struct rig_client_config client = { .struct_size = sizeof(client),
						  .ops = &client_ops,
						  .opaque = driver };
	int r = make_eventfds(driver);

	if (r < 0) {
		close(fd);
		return explain(ret_error, r, "eventfds: %s", strerror(-r));
	}
	r = rig_client_new(fd, &client, deadline, &driver->client, ret_error);
	if (r < 0)
		return r;
	r = watch_all(driver);
	return r < 0 ? explain(ret_error, r, "epoll: %s", strerror(-r)) : 0;
}

/* The socket goes to the client in any case. Return: 0, or why there is no driver */
static int start(int fd, const struct net_driver_config *config, rig_time deadline,
		 struct net_driver **ret, char **ret_error)
{
	struct net_driver *driver = NULL;
	int r;

	if (!config_valid(config)) {
		close(fd);
		return explain(ret_error, -EINVAL, "queue size %u, frames of %zu bytes",
			       config->queue_size, config->max_frame);
	}
	driver = allocate();
	if (!driver) {
		close(fd);
		return explain(ret_error, -ENOMEM, "no memory for a driver");
	}
	r = connect_client(driver, fd, deadline, ret_error);
	if (r == 0)
		r = driver_setup(driver, config, deadline, ret_error);
	if (r < 0) {
		net_driver_free(driver);
		return r;
	}
	*ret = driver;
	return 0;
}

int net_driver_new(int fd, const struct net_driver_config *config, rig_time deadline,
		   struct net_driver **ret, char **ret_error)
{
	static const struct net_driver_config defaults;
	char *error = NULL;
	int r = start(fd, config ? config : &defaults, deadline, ret, &error);

	if (r < 0 && ret_error)
		*ret_error = error;
	else
		free(error);
	return r;
}

/* The client goes first: then the device has no way to the memory but the file that it holds. */
void net_driver_free(struct net_driver *driver)
{
	if (!driver)
		return;
	if (driver->client)
		driver_reset(driver);
	rig_client_free(driver->client);
	driver_memory_free(&driver->memory);
	for (size_t i = 0; i < DRIVER_VECTORS; i++)
		if (driver->irqs[i] >= 0)
			close(driver->irqs[i]);
	for (size_t i = 0; i < DRIVER_QUEUES; i++)
		if (driver->kicks[i].fd >= 0)
			close(driver->kicks[i].fd);
	if (driver->event_fd >= 0)
		close(driver->event_fd);
	free(driver);
}
