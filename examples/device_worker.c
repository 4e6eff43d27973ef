/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device_worker.c - the device of device.c, with a thread that does the work, and migration
 *
 *	cc -D_GNU_SOURCE device_worker.c -o device_worker $(pkg-config --cflags --libs outrigger) -pthread
 *	./device_worker /tmp/adder.sock
 *
 * The main thread owns the server: it polls, and runs every callback. The worker adds up. It pins
 * guest memory, interrupts and answers deferred requests, which any thread may. While it is busy the
 * guest is served: reading the sum then waits for it, without keeping anything else waiting.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <outrigger/pci.h>
#include <outrigger/server.h>

#include "adder.h"

#define BAR0_SIZE   4096
#define MSIX_TABLE  0x800
#define MSIX_PBA    0xc00
#define MAX_WAITING 16
#define MAX_CONNS   16 /* what a server takes */
#define MAX_SEGS    64

/* The registers as the guest sees them, byte by byte. */
struct registers {
	uint64_t address;
	uint32_t length;
	uint32_t start; /* 1 until the worker is done */
	uint64_t sum;
};
_Static_assert(sizeof(struct registers) == ADDER_SIZE, "as adder.h says");

#define STATE_VERSION 1

/* What migrates. */
struct state {
	uint64_t version;
	struct registers regs;
};

struct adder {
	struct rig_server *server;
	struct rig_pci *pci; /* the main thread's */
	pthread_t worker;

	pthread_mutex_t lock;	/* of everything below but saved and position */
	pthread_cond_t changed; /* regs.start or quit */
	struct registers regs;
	bool quit;
	struct { /* requests that are answered when the worker is done */
		struct rig_request *request;
		size_t offset; /* in regs, of a read; for others NOT_A_READ */
	} waiting[MAX_WAITING];
	size_t n_waiting;

	struct state saved; /* what is being saved or loaded: the main thread's */
	size_t position;
};

#define NOT_A_READ SIZE_MAX

/* How much of an access is inside the registers. */
static size_t part(uint64_t offset, size_t count)
{
	if (offset >= ADDER_SIZE)
		return 0;
	return count < ADDER_SIZE - offset ? count : ADDER_SIZE - offset;
}

/* --- the worker --- */

static int add_up(struct adder *dev, uint64_t address, uint64_t length, uint64_t *ret_sum)
{
	struct rig_dma_seg segs[MAX_SEGS];
	uint64_t sum = 0;
	int n = rig_dma_pin(dev->server, address, length, RIG_DMA_READ, segs, MAX_SEGS);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		/* The guest may write here meanwhile: each byte is read once. */
		const volatile uint8_t *bytes = segs[i].host;

		for (size_t j = 0; j < segs[i].len; j++)
			sum += bytes[j];
	}
	rig_dma_unpin(dev->server, segs, (size_t)n);
	*ret_sum = sum;
	return 0;
}

/* Answer what waited for the end of the run. Called with the lock held. */
static void answer_waiting(struct adder *dev)
{
	for (size_t i = 0; i < dev->n_waiting; i++) {
		struct rig_request *request = dev->waiting[i].request;

		size_t offset = dev->waiting[i].offset, len;

		if (offset != NOT_A_READ) {
			void *data = rig_request_data(request, &len);

			memcpy(data, (const uint8_t *)&dev->regs + offset, part(offset, len));
		}
		rig_request_done(request, 0);
	}
	dev->n_waiting = 0;
}

static void *work(void *opaque)
{
	struct adder *dev = opaque;

	pthread_mutex_lock(&dev->lock);
	for (;;) {
		while (!dev->regs.start && !dev->quit)
			pthread_cond_wait(&dev->changed, &dev->lock);
		if (dev->quit)
			break;

		uint64_t address = dev->regs.address, length = dev->regs.length, sum = 0;

		/* The main thread must be able to serve the guest while this goes on. */
		pthread_mutex_unlock(&dev->lock);
		int result = add_up(dev, address, length, &sum);

		pthread_mutex_lock(&dev->lock);
		dev->regs.sum = result < 0 ? ADDER_FAILED : sum;
		dev->regs.start = 0;
		rig_irq_trigger(dev->server, RIG_PCI_MSIX_IRQ, 0);
		answer_waiting(dev);
	}
	pthread_mutex_unlock(&dev->lock);
	return NULL;
}

/* --- what the library asks --- */

/* Answer the request whose callback is running when the worker is done. The lock is held. */
static int wait_for_worker(struct adder *dev, size_t offset)
{
	struct rig_request *request;

	if (dev->n_waiting == MAX_WAITING)
		return -EBUSY;
	request = rig_server_defer(dev->server);
	if (!request)
		return -ENOMEM;
	dev->waiting[dev->n_waiting].request = request;
	dev->waiting[dev->n_waiting++].offset = offset;
	return RIG_DEFERRED;
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct adder *dev = opaque;
	int r = 0;

	if (region == RIG_PCI_BAR0 && part(offset, count)) {
		pthread_mutex_lock(&dev->lock);
		if (dev->regs.start && offset >= ADDER_SUM)
			r = wait_for_worker(dev, offset);
		else
			memcpy(buf, (const uint8_t *)&dev->regs + offset, part(offset, count));
		pthread_mutex_unlock(&dev->lock);
	}
	/* Configuration space and the MSI-X table, which nothing has to wait for. */
	return r ? r : rig_pci_read(dev->pci, region, offset, buf, count);
}

/* The lock is held. */
static int write_register(struct adder *dev, uint64_t offset, const void *buf, size_t count)
{
	if (dev->regs.start)
		return -EBUSY;
	if (offset == ADDER_ADDRESS && count == sizeof(dev->regs.address)) {
		memcpy(&dev->regs.address, buf, count);
	} else if (offset == ADDER_LENGTH && count == sizeof(dev->regs.length)) {
		memcpy(&dev->regs.length, buf, count);
	} else if (offset == ADDER_START && count == sizeof(dev->regs.start)) {
		dev->regs.start = 1;
		pthread_cond_signal(&dev->changed);
	} else {
		return -EINVAL;
	}
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct adder *dev = opaque;
	int r;

	if (region != RIG_PCI_BAR0 || part(offset, count) == 0)
		return rig_pci_write(dev->pci, region, offset, buf, count);
	pthread_mutex_lock(&dev->lock);
	r = write_register(dev, offset, buf, count);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

/* Guest memory is about to change, or the device to be stopped: let the worker finish first. */
static int quiesce(void *opaque)
{
	struct adder *dev = opaque;
	int r = 0;

	pthread_mutex_lock(&dev->lock);
	if (dev->regs.start)
		r = wait_for_worker(dev, NOT_A_READ);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

/* quiesce() ran before, so that the worker sleeps. */
static int reset(void *opaque, enum rig_reset why)
{
	struct adder *dev = opaque;

	(void)why;
	pthread_mutex_lock(&dev->lock);
	memset(&dev->regs, 0, sizeof(dev->regs));
	pthread_mutex_unlock(&dev->lock);
	rig_pci_reset(dev->pci);
	return 0;
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	(void)opaque;
	if (level <= RIG_LOG_WARNING)
		fprintf(stderr, "device_worker: %s\n", message);
}

static const struct rig_device_ops ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = reset,
	.quiesce = quiesce,
	.log = log_message,
};

/* --- migration: configuration space and the MSI-X table are the VMM's to carry over --- */

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	struct adder *dev = opaque;

	if (from == RIG_MIGRATION_RESUMING && to == RIG_MIGRATION_STOP) {
		if (dev->position != sizeof(dev->saved) || dev->saved.version != STATE_VERSION ||
		    dev->saved.regs.start)
			return -EINVAL;
		pthread_mutex_lock(&dev->lock);
		dev->regs = dev->saved.regs;
		pthread_mutex_unlock(&dev->lock);
	} else if (to == RIG_MIGRATION_STOP_COPYING) {
		pthread_mutex_lock(&dev->lock);
		dev->saved = (struct state) { STATE_VERSION, dev->regs };
		pthread_mutex_unlock(&dev->lock);
	}
	dev->position = 0;
	return 0;
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	struct adder *dev = opaque;
	size_t rest = sizeof(dev->saved) - dev->position, n = size < rest ? size : rest;

	memcpy(buf, (const uint8_t *)&dev->saved + dev->position, n);
	dev->position += n;
	return (ssize_t)n;
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	struct adder *dev = opaque;

	if (size > sizeof(dev->saved) - dev->position)
		return -EINVAL;
	memcpy((uint8_t *)&dev->saved + dev->position, buf, size);
	dev->position += size;
	return 0;
}

static const struct rig_migration_ops migration = {
	.transition = transition,
	.read_data = read_data,
	.write_data = write_data,
	.flags = RIG_MIGRATION_STOP_COPY,
};

/* --- the main thread --- */

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -1;
	return fd;
}

static void serve(struct rig_server *server, int listener)
{
	struct pollfd fds[1 + MAX_CONNS] = { { .fd = listener } };
	struct rig_conn *conns[1 + MAX_CONNS] = { NULL };
	nfds_t n = 1;
	sigset_t during_poll;

	/* Only inside ppoll() do signals come, so that none is lost between the test and the wait. */
	sigprocmask(SIG_BLOCK, NULL, &during_poll);
	sigdelset(&during_poll, SIGINT);
	sigdelset(&during_poll, SIGTERM);

	while (!stop) {
		fds[0].events = n < 1 + MAX_CONNS ? POLLIN : 0;
		for (nfds_t i = 1; i < n; i++)
			fds[i].events = rig_conn_events(conns[i]);
		if (ppoll(fds, n, NULL, &during_poll) < 0)
			continue;

		for (nfds_t i = n; i-- > 1;) {
			if (fds[i].revents && rig_conn_dispatch(conns[i], fds[i].revents) < 0) {
				rig_conn_free(conns[i]);
				conns[i] = conns[--n];
				fds[i] = fds[n];
			}
		}
		if (fds[0].revents & POLLIN) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0 && rig_server_connect(server, fd, &conns[n]) == 0) {
				fds[n].fd = rig_conn_fd(conns[n]);
				n++;
			}
		}
	}
	while (n > 1)
		rig_conn_free(conns[--n]);
}

static int build(struct adder *dev)
{
	static const struct rig_pci_device function = {
		.struct_size = sizeof(function),
		.vendor = 0x1234,
		.device = 0xadd0,
		.class_code = 0xff0000,
		.bars = { [0] = { .size = BAR0_SIZE } },
	};
	static struct rig_region regions[RIG_PCI_REGIONS];
	static struct rig_irq irqs[RIG_PCI_IRQS];
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | RIG_DEVICE_RESET,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &ops,
		.opaque = dev,
		.migration = &migration,
	};
	int r = rig_pci_new(&function, &dev->pci);

	if (r < 0)
		return r;
	r = rig_pci_add_pcie(dev->pci, NULL, NULL);
	if (r < 0)
		return r;
	r = rig_pci_add_msix(dev->pci, 1, 0, MSIX_TABLE, 0, MSIX_PBA);
	if (r < 0)
		return r;
	rig_pci_describe(dev->pci, regions, irqs);
	r = rig_server_new(&device, &dev->server);
	if (r < 0)
		return r;
	return -pthread_create(&dev->worker, NULL, work, dev);
}

int main(int argc, char **argv)
{
	static struct adder dev = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	const struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;
	int listener, r;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	/* Before the worker starts, which inherits this: signals are for the main thread. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	listener = listen_at(argv[1]);
	if (listener < 0) {
		perror(argv[1]);
		return 1;
	}
	r = build(&dev);
	if (r < 0) {
		fprintf(stderr, "device_worker: %s\n", strerror(-r));
		return 1;
	}

	serve(dev.server, listener);

	pthread_mutex_lock(&dev.lock);
	dev.quit = true;
	pthread_cond_signal(&dev.changed);
	pthread_mutex_unlock(&dev.lock);
	pthread_join(dev.worker, NULL);
	rig_server_free(dev.server);
	rig_pci_free(dev.pci);
	close(listener);
	unlink(argv[1]);
	return 0;
}
