/* SPDX-License-Identifier: BSD-3-Clause */
/* nic_end.c - our virtio-net device in a thread of its own: see nic_end.h */
#include "nic_end.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "virtio/iov.h"
#include "virtio/pci.h"

static size_t transmit(void *opaque, const struct frame *frames, size_t n)
{
	struct nic_end *end = opaque;
	size_t i;

	for (i = 0; i < n && end->n < NIC_END_HELD; i++) {
		size_t at = (end->first + end->n++) % NIC_END_HELD;

		end->echoes[at].iov = (struct iovec) {
			end->echoes[at].bytes,
			iov_to_buf(frames[i].iov, frames[i].n_iov, 0, end->echoes[at].bytes,
				   frames[i].len),
		};
		end->frames_sent++;
	}
	return i;
}

static size_t peek(void *opaque, struct frame *frames, size_t n)
{
	struct nic_end *end = opaque;
	size_t i;

	if (end->hold)
		return 0;
	for (i = 0; i < n && i < end->n; i++) {
		struct iovec *iov = &end->echoes[(end->first + i) % NIC_END_HELD].iov;

		frames[i] = (struct frame) { .iov = iov, .n_iov = 1, .len = iov->iov_len };
	}
	return i;
}

static void consume(void *opaque, size_t n)
{
	struct nic_end *end = opaque;

	end->first = (end->first + n) % NIC_END_HELD;
	end->n -= n;
}

static void kicked(void *opaque)
{
}

static const struct vnet_backend_ops backend_ops = {
	.transmit = transmit,
	.peek = peek,
	.consume = consume,
	.kicked = kicked,
};

static void hang_up(struct nic_end *end)
{
	rig_conn_free(end->conn);
	end->conn = NULL;
}

static void obey(struct nic_end *end, bool *link)
{
	eventfd_take(end->control);
	if (end->link != *link) {
		*link = end->link;
		vnet_set_link(end->vnet, *link);
	}
	if (end->hang_up && end->conn)
		hang_up(end);
}

/* Sleeps only after asking for kicks, as the NIC of a network does. */
static void *serve(void *opaque)
{
	struct nic_end *end = opaque;
	bool link = true;

	while (!end->stop) {
		struct pollfd p[] = { { .fd = end->control, .events = POLLIN },
				      { .fd = -1 },
				      { .fd = end->kick, .events = POLLIN } };

		while (vnet_run(end->vnet))
			;
		if (!vnet_sleep(end->vnet))
			continue;
		p[1].fd = end->conn ? rig_conn_fd(end->conn) : -1;
		p[1].events = end->conn ? rig_conn_events(end->conn) : 0;
		poll(p, 3, -1);
		eventfd_take(end->kick);
		obey(end, &link);
		if (end->conn && p[1].revents && rig_conn_dispatch(end->conn, p[1].revents) < 0)
			hang_up(end);
	}
	return NULL;
}

int nic_end_start(struct nic_end *end, const struct vnet_config *config,
		  void (*spoil)(struct nic_end *end))
{
	int pair[2];

	*end = (struct nic_end) { .link = true };
	end->echoes = calloc(NIC_END_HELD, sizeof(*end->echoes));
	assert_non_null(end->echoes);
	assert_int_equal(vnet_new(config, &backend_ops, end, &end->vnet), 0);
	end->control = test_eventfd();
	end->kick = test_eventfd();
	if (spoil)
		spoil(end);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(rig_server_connect(vnet_server(end->vnet), pair[1], &end->conn), 0);
	assert_int_equal(pthread_create(&end->thread, NULL, serve, end), 0);
	end->running = true;
	return pair[0];
}

void nic_end_offer_io_fd(struct nic_end *end)
{
	const struct rig_io_fd_desc desc = {
		.offset = VPCI_NOTIFY + VPCI_PAGE,
		.size = 2,
		.fd = end->kick,
		.type = RIG_IO_FD_IOEVENTFD,
		.flags = RIG_IO_FD_FLAG_DATAMATCH,
		.datamatch = 1,
		.shadow_fd = -1,
	};

	assert_int_equal(rig_server_add_io_fd(vnet_server(end->vnet), VPCI_BAR, &desc), 0);
}

void nic_end_tell(struct nic_end *end)
{
	const uint64_t one = 1;

	assert_int_equal(write(end->control, &one, sizeof(one)), sizeof(one));
}

void nic_end_pause(struct nic_end *end)
{
	if (!end->running)
		return;
	end->running = false;
	end->stop = true;
	nic_end_tell(end);
	pthread_join(end->thread, NULL);
}

void nic_end_stop(struct nic_end *end)
{
	nic_end_pause(end);
	if (end->conn)
		hang_up(end);
	vnet_free(end->vnet);
	close(end->control);
	close(end->kick);
	free(end->echoes);
}
