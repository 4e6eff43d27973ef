/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_irq_order.c - several SET_IRQS at once: a reconnect puts back what the server has
 *
 * Which is what it was asked last, in whichever order it answered. Files stand for the eventfds, as
 * they can be told apart in another process.
 */
#include <sys/stat.h>

#include "client_script.h"

#define ATTACH	(RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER)
#define DISABLE (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER)
#define INDEX	RIG_PCI_MSIX_IRQ
#define VECTORS 4
#define ROUNDS	300

/** struct table - what a server that obeys has; the script's thread */
struct table {
	ino_t vectors[VECTORS]; /* 0: nothing */
	uint16_t held_id[2];
	unsigned int n_sets;
	unsigned int hold; /* so many SET_IRQS are answered in the opposite order */
};

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void obey(struct table *t, const struct message *request)
{
	const struct wire_irq_set *set = (const struct wire_irq_set *)request->payload;
	const uint32_t n = set->count ? set->count : VECTORS;

	for (uint32_t i = 0; i < n && set->start + i < VECTORS; i++)
		t->vectors[set->start + i] = i < request->n_fds ? inode(request->fds[i]) : 0;
}

static enum verdict obey_and_answer_backwards(struct script *s, const struct message *request,
					      struct message *reply)
{
	struct table *t = s->opaque;

	if (request->header.command != WIRE_DEVICE_SET_IRQS)
		return SEND;
	obey(t, request);
	if (t->n_sets >= t->hold)
		return SEND;
	t->held_id[t->n_sets++] = request->header.id;
	if (t->n_sets < t->hold)
		return SAY_NOTHING;
	while (t->n_sets > 1) {
		script_send(s, s->fd, reply);
		reply->header.id = t->held_id[--t->n_sets - 1];
	}
	t->n_sets = t->hold;
	return SEND;
}

/* Another server: does it get what the one before had? */
static void assert_put_back(struct script *s, struct rig_client *client, const ino_t *expected)
{
	struct table *t = s->opaque;
	int fd;

	rig_client_disconnect(client);
	fd = script_restart(s);
	memset(t, 0, sizeof(*t));
	assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);
	assert_int_equal(rig_client_reset(client, soon()),
			 0); /* the script is done with the rest */
	for (int i = 0; i < VECTORS; i++)
		assert_int_equal(t->vectors[i], expected[i]);
}

/** struct set - one call; files[n] is attached from start on, or with n == 0 count are detached */
struct set {
	uint32_t start, count;
	size_t n;
	int files[VECTORS];
};

static void ask(struct rig_client *client, const struct set *set, struct waiter *w)
{
	const bool disable = set->n == 0 && set->count == 0;

	assert_int_equal(rig_client_set_irqs_async(client, INDEX, disable ? DISABLE : ATTACH,
						   set->start,
						   set->n > 0 ? (uint32_t)set->n : set->count,
						   set->n > 0 ? set->files : NULL, soon(),
						   waiter_completion(w), NULL),
			 0);
}

/* Two calls in this order, answered in the other one. */
static void check_pair(struct script *s, const struct set *first, const struct set *second,
		       const ino_t *expected)
{
	struct table table = { .hold = 2 };
	struct waiter waiters[2] = { WAITER, WAITER };
	struct rig_client *client;

	s->bend = obey_and_answer_backwards;
	s->opaque = &table;
	client = script_plug(s);
	ask(client, first, &waiters[0]);
	ask(client, second, &waiters[1]);
	assert_int_equal(waiter_take(&waiters[1], client), 0);
	assert_int_equal(waiter_take(&waiters[0], client), 0);
	assert_memory_equal(table.vectors, expected, sizeof(table.vectors));
	assert_put_back(s, client, expected);
	script_unplug(s, client);
}

static void the_later_of_two_attached_at_once_is_put_back(void **state)
{
	const int a = test_memfd(1), b = test_memfd(1);

	check_pair(*state, &(struct set) { .n = 1, .files = { a } },
		   &(struct set) { .n = 1, .files = { b } }, (ino_t[VECTORS]) { inode(b) });
	check_pair(*state, &(struct set) { .n = 3, .files = { a, a, a } },
		   &(struct set) { .start = 1, .n = 1, .files = { b } },
		   (ino_t[VECTORS]) { inode(a), inode(b), inode(a) });
	close(a);
	close(b);
}

static void what_is_detached_behind_an_attach_in_flight_is_not_put_back(void **state)
{
	const struct set detach_middle = { .start = 1, .count = 2 };
	const struct set disable = { 0 };
	const int a = test_memfd(1);
	const struct set all = { .n = 4, .files = { a, a, a, a } };

	check_pair(*state, &all, &detach_middle, (ino_t[VECTORS]) { inode(a), 0, 0, inode(a) });
	check_pair(*state, &all, &disable, (ino_t[VECTORS]) { 0 });
	close(a);
}

static void what_is_attached_behind_a_detach_in_flight_is_put_back(void **state)
{
	const struct set detach = { .start = 0, .count = 4 };
	const struct set disable = { 0 };
	const int a = test_memfd(1);
	const struct set one = { .start = 2, .n = 1, .files = { a } };

	check_pair(*state, &detach, &one, (ino_t[VECTORS]) { 0, 0, inode(a) });
	check_pair(*state, &disable, &one, (ino_t[VECTORS]) { 0, 0, inode(a) });
	close(a);
}

/* An order is of one connection: the next one's begins anew. */
static void what_was_put_back_gives_way_to_what_comes_then(void **state)
{
	const int a = test_memfd(1), b = test_memfd(1);
	struct table table = { 0 };
	struct script *s = *state;
	struct rig_client *client;

	s->bend = obey_and_answer_backwards;
	s->opaque = &table;
	client = script_plug(s);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_client_set_irqs(client, INDEX, ATTACH, 0, 1, &a, soon()), 0);
	assert_put_back(s, client, (ino_t[VECTORS]) { inode(a) });
	assert_int_equal(rig_client_set_irqs(client, INDEX, ATTACH, 0, 1, &b, soon()), 0);
	assert_put_back(s, client, (ino_t[VECTORS]) { inode(b) });
	assert_int_equal(rig_client_set_irqs(client, INDEX, ATTACH, 0, 1, NULL, soon()), 0);
	assert_put_back(s, client, (ino_t[VECTORS]) { 0 });
	script_unplug(s, client);
	close(a);
	close(b);
}

struct attacher {
	struct rig_client *client;
	pthread_barrier_t *start;
	int fd;
};

static void *attach(void *opaque)
{
	struct attacher *a = opaque;
	const int gone = -1;

	pthread_barrier_wait(a->start);
	assert_int_equal(rig_client_set_irqs(a->client, INDEX, ATTACH, 0, 1, &a->fd, soon()), 0);
	assert_int_equal(rig_client_set_irqs(a->client, INDEX, ATTACH, 0, 1, &gone, soon()), 0);
	assert_int_equal(rig_client_set_irqs(a->client, INDEX, ATTACH, 0, 1, &a->fd, soon()), 0);
	return NULL;
}

static void threads_that_attach_at_once_agree_with_the_server(void **state)
{
	struct attacher a[2] = { { .fd = test_memfd(1) }, { .fd = test_memfd(1) } };
	struct table table = { 0 };
	struct script *s = *state;
	struct rig_client *client;
	pthread_barrier_t start;
	pthread_t thread;
	ino_t expected[VECTORS];

	s->bend = obey_and_answer_backwards;
	s->opaque = &table;
	client = script_plug(s);
	pthread_barrier_init(&start, NULL, 2);
	a[0].client = a[1].client = client;
	a[0].start = a[1].start = &start;
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(pthread_create(&thread, NULL, attach, &a[1]), 0);
		attach(&a[0]);
		pthread_join(thread, NULL);
		memcpy(expected, table.vectors, sizeof(expected));
		assert_put_back(s, client, expected);
	}
	script_unplug(s, client);
	pthread_barrier_destroy(&start);
	close(a[0].fd);
	close(a[1].fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(the_later_of_two_attached_at_once_is_put_back),
		script_test(what_is_detached_behind_an_attach_in_flight_is_not_put_back),
		script_test(what_is_attached_behind_a_detach_in_flight_is_put_back),
		script_test(what_was_put_back_gives_way_to_what_comes_then),
		script_test(threads_that_attach_at_once_agree_with_the_server),
	};

	return cmocka_run_group_tests_name("client_irq_order", tests, NULL, NULL);
}
