/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_irqs.c - eventfds for all interrupts of a device
 */
#include "cli/inspect_irqs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/explain.h"
#include <outrigger/vfio_user.h>

#define VECTORS_MAX 8192u /* of all indexes together; MSI-X has up to 2048 */
#define SPARE_FDS   64u

static bool watchable(const struct rig_irq_info *irq)
{
	return (irq->flags & RIG_IRQ_EVENTFD) && irq->count > 0;
}

static uint64_t count_vectors(const struct inspection *in)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < in->device.num_irqs; i++)
		n += watchable(&in->irqs[i]) ? in->irqs[i].count : 0;
	return n;
}

int inspect_check_irqs(const struct inspect_session *s, struct inspect_action *action)
{
	const uint64_t n = count_vectors(s->in);

	if (n == 0)
		return explain(&action->error, -ENODEV,
			       "the device has no interrupts that eventfds can be attached to");
	if (n > VECTORS_MAX)
		return explain(&action->error, -E2BIG,
			       "the device says that it has %" PRIu64
			       " interrupts; at most %u can be watched",
			       n, VECTORS_MAX);
	return 0;
}

/* Ours, and the client's duplicates of them. */
static void raise_fd_limit(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= 2 * n + SPARE_FDS)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* if it is not enough eventfd() says so */
}

int inspect_irqs_add(const struct inspect_irqs *irqs, int fd, uint64_t what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = what };

	return epoll_ctl(irqs->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int add_vector(struct inspect_irqs *irqs, uint32_t index, uint32_t number)
{
	struct irq_vector *v = &irqs->vectors[irqs->n];

	*v = (struct irq_vector) { .index = index, .number = number };
	v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->fd < 0)
		return -errno;
	irqs->n++;
	return inspect_irqs_add(irqs, v->fd, irqs->n - 1);
}

static int add_index(struct inspect_irqs *irqs, uint32_t index, const struct rig_irq_info *irq)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && watchable(irq) && i < irq->count; i++)
		r = add_vector(irqs, index, i);
	return r;
}

static int make_vectors(struct inspect_irqs *irqs, const struct inspection *in)
{
	const size_t n = (size_t)count_vectors(in);
	int r = 0;

	raise_fd_limit(n);
	irqs->vectors = calloc(n + 1, sizeof(*irqs->vectors));
	irqs->attached = calloc(in->device.num_irqs, sizeof(*irqs->attached));
	irqs->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (irqs->epoll < 0)
		return -errno;
	if (!irqs->vectors || !irqs->attached)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < in->device.num_irqs; i++)
		r = add_index(irqs, i, &in->irqs[i]);
	return r;
}

static int attach_index(const struct inspect_session *s, const struct irq_vector *first,
			uint32_t count)
{
	int *fds = malloc(count * sizeof(*fds));
	int r;

	if (!fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		fds[i] = first[i].fd;
	r = rig_client_set_irqs(s->client, first->index,
				RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 0, count, fds,
				inspect_deadline(s));
	free(fds);
	return r;
}

/* Fatal is what the other indexes would meet with too. */
static bool is_refusal(int error)
{
	return error != -ENOTCONN && error != -ETIMEDOUT && error != -ENOMEM && error != -EMFILE;
}

static int attach_all(const struct inspect_session *s, struct inspect_action *action,
		      struct inspect_irqs *irqs)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < irqs->n;) {
		const uint32_t index = irqs->vectors[i].index, count = s->in->irqs[index].count;
		char buf[IRQ_NAME_MAX];

		r = attach_index(s, &irqs->vectors[i], count);
		if (r < 0 && !is_refusal(r))
			return inspect_device_failed(s, action, r);
		if (r < 0)
			fprintf(stderr,
				"outrigger: inspect: --watch-irqs: %s is not watched: the device "
				"does not take its eventfds: %s\n",
				inspect_irq_label(index, buf), strerror(-r));
		irqs->attached[index] = r == 0;
		any |= r == 0;
		i += count;
	}
	return any ? 0 : inspect_device_failed(s, action, r);
}

int inspect_irqs_attach(const struct inspect_session *s, struct inspect_action *action,
			struct inspect_irqs *irqs)
{
	int r;

	*irqs = (struct inspect_irqs) { .epoll = -1 };
	r = make_vectors(irqs, s->in);
	if (r < 0)
		explain(&action->error, r, "cannot make eventfds: %s", strerror(-r));
	else
		r = attach_all(s, action, irqs);
	if (r < 0)
		inspect_irqs_detach(s, irqs);
	return r;
}

void inspect_irqs_detach(const struct inspect_session *s, struct inspect_irqs *irqs)
{
	int r = 0;

	for (uint32_t i = 0; irqs->attached && r == 0 && i < s->in->device.num_irqs; i++)
		if (irqs->attached[i])
			r = rig_client_set_irqs(s->client, i,
						RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 0, 0,
						NULL, inspect_deadline(s));
	for (size_t i = 0; i < irqs->n; i++)
		close(irqs->vectors[i].fd);
	if (irqs->epoll >= 0)
		close(irqs->epoll);
	free(irqs->vectors);
	free(irqs->attached);
}

const char *inspect_irq_label(uint32_t index, char buf[IRQ_NAME_MAX])
{
	const char *name = inspect_irq_name(index);

	if (*name)
		return name;
	snprintf(buf, IRQ_NAME_MAX, "irq %" PRIu32, index);
	return buf;
}
