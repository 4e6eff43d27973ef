/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq_leases.c - the lease file, read anew a moment after each change
 *
 * dnsmasq rewrites its file in place, so it is read when it has been left alone for a moment;
 * what was read too early is read again after the next event. Two lists, the old and the new one,
 * are sorted by MAC: one walk over both tells what changed.
 *
 * Each time it is read it is copied to the state directory (renamed into place, so whole), from
 * where it comes back at the next start: dnsmasq itself may not be able to write there.
 */
#include "net/kernel/dnsmasq_leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/dnsmasq_config.h"
#include "net/kernel/state_file.h"
#include "sys/log.h"

#define SETTLE_MS   20u
#define WAIT_MAX_MS 500u       /* a guest that asks all the time must not keep it from being read */
#define FILE_MAX    (8u << 20) /* 65,536 leases of 128 bytes */
#define LEASES_MAX  65536u

struct list {
	struct network_lease *items;
	size_t n;
};

struct dnsmasq_leases {
	struct network *network;
	char *path;
	const char *state_dir, *state_name;
	struct network_reservation *reservations;
	size_t n_reservations;
	struct list now;
	uv_fs_event_t changed;
	uv_timer_t settle;
	uint64_t since_ms; /* the first change since it was read */
	unsigned int open_handles;
};

static int by_mac(const void *a, const void *b)
{
	const struct network_lease *left = a, *right = b;

	return memcmp(left->mac, right->mac, FRAME_MAC);
}

static bool same(const struct network_lease *a, const struct network_lease *b)
{
	return a->address.s_addr == b->address.s_addr && strcmp(a->name, b->name) == 0 &&
	       a->reserved == b->reserved;
}

/* Reading */

static bool list_add(struct list *list, const struct network_lease *lease)
{
	if (list->n % 64 == 0) {
		struct network_lease *items = realloc(list->items, (list->n + 64) * sizeof(*items));

		if (!items)
			return false;
		list->items = items;
	}
	list->items[list->n++] = *lease;
	return true;
}

static bool parse(struct list *list, const char *text)
{
	while (*text && list->n < LEASES_MAX) {
		size_t len = strcspn(text, "\n");
		struct network_lease lease;

		/* A line without its end is half of one. */
		if (text[len] && dnsmasq_lease_parse(text, len, &lease) && !list_add(list, &lease))
			return false;
		text += len + (text[len] == '\n');
	}
	return true;
}

/* Of a list sorted by MAC. A guest may have several leases. Return: NULL if there is none */
static struct network_lease *find(const struct list *list, const struct network_lease *wanted)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_mac(&list->items[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < list->n && by_mac(&list->items[low], wanted) == 0; low++) {
		if (list->items[low].address.s_addr == wanted->address.s_addr)
			return &list->items[low];
	}
	return NULL;
}

static void sort(struct list *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), by_mac);
}

/* A lease for a reserved guest has the reservation's name, unless the guest gave another. */
static bool add_reservations(const struct dnsmasq_leases *leases, struct list *list)
{
	struct list given = *list; /* without what is added here */

	sort(&given);
	for (size_t i = 0; i < leases->n_reservations; i++) {
		const struct network_reservation *each = &leases->reservations[i];
		struct network_lease wanted = { .address = each->address, .reserved = true };
		struct network_lease *lease;

		memcpy(wanted.mac, each->mac, FRAME_MAC);
		memcpy(wanted.name, each->name, sizeof(wanted.name));
		given.items = list->items; /* which moves when it grows */
		lease = find(&given, &wanted);
		if (!lease && !list_add(list, &wanted))
			return false;
		if (!lease)
			continue;
		lease->reserved = true;
		if (!lease->name[0])
			memcpy(lease->name, wanted.name, sizeof(wanted.name));
	}
	sort(list);
	return true;
}

/* Telling */

static void tell_changes(struct dnsmasq_leases *leases, const struct list *before)
{
	const struct list *now = &leases->now;
	size_t i = 0, j = 0;

	while (i < before->n || j < now->n) {
		int order = i == before->n ? 1
			    : j == now->n  ? -1
					   : by_mac(&before->items[i], &now->items[j]);

		if (order == 0 && same(&before->items[i], &now->items[j])) {
			i++, j++;
			continue;
		}
		if (order <= 0)
			network_tell_lease(leases->network, &before->items[i++], true);
		if (order >= 0)
			network_tell_lease(leases->network, &now->items[j++], false);
	}
}

/* @tell: outside of a call of the network's owner */
static void reread(struct dnsmasq_leases *leases, bool tell)
{
	char *text = malloc(FILE_MAX);
	struct list list = { 0 }, before = leases->now;

	if (!text || state_file_read("", leases->path, text, FILE_MAX) < 0)
		goto out;
	if (!parse(&list, text) || !add_reservations(leases, &list))
		goto out;
	leases->now = list;
	list = before;
	if (tell)
		tell_changes(leases, &before);
	if (state_file_write(leases->state_dir, leases->state_name, text) < 0)
		log_warning("%s/%s: leases are not kept: cannot write", leases->state_dir,
			    leases->state_name);
out:
	free(list.items);
	free(text);
}

static void on_settled(uv_timer_t *timer)
{
	reread(timer->data, true);
}

static void on_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct dnsmasq_leases *leases = event->data;
	uint64_t now_ms = uv_now(leases->settle.loop);
	bool waiting = uv_is_active((uv_handle_t *)&leases->settle);

	if (!waiting)
		leases->since_ms = now_ms;
	if (!waiting || now_ms - leases->since_ms < WAIT_MAX_MS)
		uv_timer_start(&leases->settle, on_settled, SETTLE_MS, 0);
}

int dnsmasq_leases_set_reservations(struct dnsmasq_leases *leases,
				    const struct network_reservation *reservations, size_t n)
{
	struct network_reservation *copy = malloc((n + 1) * sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, reservations, n * sizeof(*copy));
	free(leases->reservations);
	leases->reservations = copy;
	leases->n_reservations = n;
	uv_timer_start(&leases->settle, on_settled, 0, 0);
	return 0;
}

void dnsmasq_leases_each(const struct dnsmasq_leases *leases,
			 bool (*each)(void *opaque, const struct network_lease *lease),
			 void *opaque)
{
	for (size_t i = 0; i < leases->now.n; i++) {
		if (!each(opaque, &leases->now.items[i]))
			return;
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct dnsmasq_leases *leases = handle->data;

	if (--leases->open_handles)
		return;
	free(leases->now.items);
	free(leases->reservations);
	free(leases->path);
	free(leases);
}

void dnsmasq_leases_free(struct dnsmasq_leases *leases)
{
	if (!leases)
		return;
	reread(leases, false); /* what was still to be noticed is kept, too */
	uv_close((uv_handle_t *)&leases->settle, on_closed);
	uv_close((uv_handle_t *)&leases->changed, on_closed);
}

int dnsmasq_leases_new(uv_loop_t *loop, struct network *network, const char *path,
		       const char *state_dir, const char *state_name, struct dnsmasq_leases **ret)
{
	struct dnsmasq_leases *leases = calloc(1, sizeof(*leases));
	int r;

	if (!leases)
		return -ENOMEM;
	leases->network = network;
	leases->state_dir = state_dir;
	leases->state_name = state_name;
	leases->path = strdup(path);
	if (!leases->path) {
		free(leases);
		return -ENOMEM;
	}
	uv_timer_init(loop, &leases->settle);
	uv_fs_event_init(loop, &leases->changed);
	leases->settle.data = leases->changed.data = leases;
	leases->open_handles = 2;
	r = uv_fs_event_start(&leases->changed, on_changed, path, 0);
	if (r < 0) {
		dnsmasq_leases_free(leases);
		return r;
	}
	reread(leases, false);
	*ret = leases;
	return 0;
}
