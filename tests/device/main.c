/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - outrigger-test-device: options, sockets, the loop
 *
 * One poll() over the socket that listens, connections, signals, doorbells and INTx's unmask
 * eventfd. The ready line on stdout is "ready"; the log is on stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "device.h"

#define CONNECTIONS 16u

static const char usage[] =
	"usage: outrigger-test-device (--socket-path=PATH | --fd=N) [option...]\n"
	"  --socket-path=PATH  listen there\n"
	"  --fd=N              a socket that listens, or is connected\n"
	"  --no-reset          no DEVICE_RESET\n"
	"  --reset-on-loss     a client that is gone resets the device\n"
	"  --no-migration      its state cannot be saved\n"
	"  --write-multiple    agree to write_multiple\n"
	"  --one-thread        answer late from the loop instead of another thread\n"
	"  --max-dma-maps=N    how many maps a client may have\n";

struct options {
	struct test_options device;
	const char *path;
	int fd; /* -1: none given */
};

struct loop {
	struct test_device device;
	int listener; /* -1: one connection is all there is */
	int signals;
	struct rig_conn *conns[CONNECTIONS];
	size_t n_conns;
	bool served; /* there was a connection */
};

/* What is polled. Connections come last: there are as many as there are. */
enum {
	POLL_SIGNALS,
	POLL_LISTENER,
	POLL_UNMASK,
	POLL_DOORBELLS,
	POLL_CONNS = POLL_DOORBELLS + DOORBELLS
};

static bool number(const char *text, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *ret >= 0 && *ret <= max;
}

static bool parse(int argc, char **argv, struct options *o)
{
	enum { PATH, FD, NO_RESET, RESET_ON_LOSS, NO_MIGRATION, MULTIPLE, ONE_THREAD, MAPS };
	static const struct option names[] = {
		{ "socket-path", required_argument, NULL, PATH },
		{ "fd", required_argument, NULL, FD },
		{ "no-reset", no_argument, NULL, NO_RESET },
		{ "reset-on-loss", no_argument, NULL, RESET_ON_LOSS },
		{ "no-migration", no_argument, NULL, NO_MIGRATION },
		{ "write-multiple", no_argument, NULL, MULTIPLE },
		{ "one-thread", no_argument, NULL, ONE_THREAD },
		{ "max-dma-maps", required_argument, NULL, MAPS },
		{ 0 },
	};
	long value;
	int c;

	*o = (struct options) { .fd = -1 };
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == PATH)
			o->path = optarg;
		else if (c == FD && number(optarg, INT32_MAX, &value))
			o->fd = (int)value;
		else if (c == NO_RESET)
			o->device.no_reset = true;
		else if (c == RESET_ON_LOSS)
			o->device.reset_on_loss = true;
		else if (c == NO_MIGRATION)
			o->device.no_migration = true;
		else if (c == MULTIPLE)
			o->device.write_multiple = true;
		else if (c == ONE_THREAD)
			o->device.one_thread = true;
		else if (c == MAPS && number(optarg, UINT32_MAX, &value))
			o->device.max_dma_maps = (uint32_t)value;
		else
			return false;
	}
	return optind == argc && !o->path != (o->fd < 0);
}

/*
 * Sockets
 */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -errno;
	return fd;
}

static void add_connection(struct loop *loop, int fd)
{
	struct rig_conn *conn;

	loop->served = true;
	if (loop->n_conns == CONNECTIONS) {
		close(fd);
		return;
	}
	if (rig_server_connect(loop->device.server, fd, &conn) == 0)
		loop->conns[loop->n_conns++] = conn;
}

/* Listen as the options say, or serve the connection they brought. Return: 0, -errno */
static int open_sockets(struct loop *loop, const struct options *o)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	loop->listener = -1;
	if (o->path) {
		loop->listener = listen_at(o->path);
		return loop->listener < 0 ? loop->listener : 0;
	}
	if (getsockopt(o->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		return -errno;
	if (listens)
		loop->listener = o->fd;
	else
		add_connection(loop, o->fd);
	return 0;
}

/* Blocked, in all threads: they arrive by this fd. */
static int open_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	return signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * The loop
 */

static size_t what_to_poll(struct loop *loop, struct pollfd *p)
{
	struct rig_server *server = loop->device.server;

	p[POLL_SIGNALS] = (struct pollfd) { .fd = loop->signals, .events = POLLIN };
	p[POLL_LISTENER] = (struct pollfd) { .fd = loop->listener, .events = POLLIN };
	p[POLL_UNMASK] = (struct pollfd) { .fd = rig_irq_unmask_fd(server, RIG_PCI_INTX_IRQ, 0),
					   .events = POLLIN };
	for (unsigned int i = 0; i < DOORBELLS; i++)
		p[POLL_DOORBELLS + i] =
			(struct pollfd) { .fd = loop->device.doorbells.fds[i], .events = POLLIN };
	for (size_t i = 0; i < loop->n_conns; i++) {
		short events = rig_conn_events(loop->conns[i]);

		p[POLL_CONNS + i] = (struct pollfd) {
			.fd = events ? rig_conn_fd(loop->conns[i]) : -1,
			.events = events,
		};
	}
	return POLL_CONNS + loop->n_conns;
}

static int timeout_ms(struct loop *loop)
{
	rig_time due = late_due(&loop->device.late), now = rig_now();

	for (size_t i = 0; i < loop->n_conns; i++)
		due = rig_conn_deadline(loop->conns[i]) < due ? rig_conn_deadline(loop->conns[i])
							      : due;
	if (due == RIG_FOREVER)
		return -1;
	return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

static void dispatch(struct loop *loop, const struct pollfd *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < loop->n_conns; i++) {
		struct rig_conn *conn = loop->conns[i];
		int r = 0;

		if (p[i].revents || rig_conn_deadline(conn) <= rig_now())
			r = rig_conn_dispatch(conn, p[i].revents);
		if (r == 0 && !loop->device.hang_up) {
			loop->conns[kept++] = conn;
			continue;
		}
		loop->device.hang_up = false;
		rig_conn_free(conn);
	}
	loop->n_conns = kept;
}

static void run(struct loop *loop)
{
	struct pollfd p[POLL_CONNS + CONNECTIONS];
	struct test_device *d = &loop->device;

	while (loop->listener >= 0 || loop->n_conns || !loop->served) {
		size_t n = what_to_poll(loop, p);

		if (poll(p, n, timeout_ms(loop)) < 0 || p[POLL_SIGNALS].revents)
			break;
		late_run(&d->late);
		for (unsigned int i = 0; i < DOORBELLS; i++) {
			if (p[POLL_DOORBELLS + i].revents)
				registers_ring(&d->registers, i, doorbell_take(&d->doorbells, i));
		}
		if (p[POLL_UNMASK].revents && rig_irq_unmasked(d->server, RIG_PCI_INTX_IRQ, 0) > 0)
			test_device_intx(d);
		dispatch(loop, p + POLL_CONNS);
		if (p[POLL_LISTENER].revents) {
			int fd = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				add_connection(loop, fd);
		}
	}
}

static int complain(const char *what, int error)
{
	fprintf(stderr, "outrigger-test-device: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	static struct loop loop;
	struct options o;
	int r;

	if (!parse(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	loop.signals = open_signals();
	r = loop.signals < 0 ? -errno : test_device_new(&o.device, &loop.device);
	if (r < 0)
		return complain("device", r);
	r = open_sockets(&loop, &o);
	if (r < 0)
		return complain(o.path ? o.path : "--fd", r);
	puts("ready");
	fflush(stdout);
	run(&loop);
	for (size_t i = 0; i < loop.n_conns; i++)
		rig_conn_free(loop.conns[i]);
	test_device_free(&loop.device);
	close(loop.signals);
	if (loop.listener >= 0)
		close(loop.listener);
	if (o.path)
		unlink(o.path);
	return 0;
}
