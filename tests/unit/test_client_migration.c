/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_migration.c - a client that moves devices and asks what they wrote
 *
 * Against a server that means it, and against one that lies:
 *
 *	rig_client (this thread)  --socketpair-->  rig_server (a thread)  -- ops -->  struct movable
 *	rig_client (this thread)  --socketpair-->  script (a thread): receives a request, lets the
 *						   test make the reply, sends it
 *
 * A client that would wait forever is caught by its own deadline, and by the runner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fds.h"
#include "movable.h"
#include "vfio_user/wire_feature.h"
#include <outrigger/client.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE	      UINT64_C(4096)
#define GUEST	      UINT64_C(0x100000000)
#define FIXED	      8u /* of DEVICE_FEATURE and MIG_DATA_... */
#define PRE_COPY      (RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY)

static rig_time soon(void)
{
	return rig_after_ms(20000);
}

static struct rig_client *connect_over(int fd, uint32_t max_data_xfer_size)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.max_data_xfer_size = max_data_xfer_size,
	};
	struct rig_client *client = NULL;

	assert_int_equal(rig_client_new(fd, &config, soon(), &client, NULL), 0);
	return client;
}

/* --- a server that means it --- */

struct served {
	struct movable *m;
	struct rig_conn *conn; /* the thread's, once it runs */
	pthread_t thread;
	struct rig_client *client;
};

static void *serve(void *opaque)
{
	struct served *s = opaque;
	int r = 0;

	while (r == 0) {
		struct pollfd p = { rig_conn_fd(s->conn), rig_conn_events(s->conn), 0 };

		if (poll(&p, 1, -1) > 0)
			r = rig_conn_dispatch(s->conn, p.revents);
	}
	rig_conn_free(s->conn);
	return NULL;
}

static void served_open(struct served *s, uint64_t flags, uint32_t max_data_xfer_size)
{
	int pair[2];

	s->m = movable_new(flags, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(rig_server_connect(s->m->server, pair[1], &s->conn), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	s->client = connect_over(pair[0], max_data_xfer_size);
}

static void served_close(struct served *s)
{
	rig_client_free(s->client);
	pthread_join(s->thread, NULL);
	movable_free(s->m);
}

static enum rig_migration_state state_of(struct served *s)
{
	enum rig_migration_state state = RIG_MIGRATION_ERROR;

	assert_int_equal(rig_client_migration_get_state(s->client, &state, soon()), 0);
	return state;
}

static void set_state(struct served *s, enum rig_migration_state state)
{
	assert_int_equal(rig_client_migration_set_state(s->client, state, soon()), 0);
}

static int setup(void **state)
{
	int *open_before = malloc(sizeof(*open_before));

	*open_before = fds_open();
	*state = open_before;
	return 0;
}

static int teardown(void **state)
{
	int *open_before = *state;

	assert_int_equal(fds_open(), *open_before);
	free(open_before);
	return 0;
}

/* --- save and load --- */

/* Saved by one client into a file, loaded by another into a device full of something else. */
static void check_moved(uint64_t flags, uint32_t save_limit, uint32_t load_limit,
			uint64_t expected_bytes, const char *expected_path)
{
	struct served a, b;
	uint64_t saved = 0, loaded = 0;
	int fd = test_memfd(0);

	served_open(&a, flags, save_limit);
	served_open(&b, flags, load_limit);
	movable_fill(a.m, 1);
	movable_fill(b.m, 2);
	assert_int_equal(rig_client_save(a.client, fd, &saved, soon()), 0);
	assert_int_equal(saved, expected_bytes);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), saved);
	assert_int_equal(state_of(&a), RIG_MIGRATION_STOP);
	assert_string_equal(a.m->path, expected_path);
	assert_int_equal(a.m->read_before_stop, expected_bytes - MOVABLE_RECORD);

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(rig_client_load(b.client, fd, &loaded, soon()), 0);
	assert_int_equal(loaded, saved);
	assert_int_equal(state_of(&b), RIG_MIGRATION_STOP);
	assert_string_equal(b.m->path, "SMS");
	assert_memory_equal(a.m->memory, b.m->memory, MOVABLE_SIZE);
	served_close(&b);
	served_close(&a);
	close(fd);
}

static void s093_what_was_saved_is_loaded_in_other_pieces(void **state)
{
	check_moved(RIG_MIGRATION_STOP_COPY, 0, 4096, MOVABLE_RECORD, "SCS");
	check_moved(RIG_MIGRATION_STOP_COPY, 4096, 0, MOVABLE_RECORD, "SCS");
}

static void s093_what_can_be_saved_before_the_stop_is(void **state)
{
	check_moved(PRE_COPY, 5000, 0, UINT64_C(2) * MOVABLE_RECORD, "PCS");
}

static void a_stopped_device_is_saved_without_running(void **state)
{
	struct served s;
	int fd = test_memfd(0);

	served_open(&s, PRE_COPY, 0);
	set_state(&s, RIG_MIGRATION_STOP);
	assert_int_equal(rig_client_save(s.client, fd, NULL, soon()), 0);
	assert_string_equal(s.m->path, "SCS");
	served_close(&s);
	close(fd);
}

static void a_save_whose_end_the_device_refuses_is_none(void **state)
{
	struct served s;
	uint64_t saved = 77;
	int fd = test_memfd(0);

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	set_state(&s, RIG_MIGRATION_STOP);
	s.m->fail_to = RIG_MIGRATION_STOP;
	s.m->fail_error = -EIO;
	assert_int_equal(rig_client_save(s.client, fd, &saved, soon()), -EIO);
	assert_int_equal(saved, 77);
	assert_int_equal(state_of(&s), RIG_MIGRATION_STOP_COPYING);
	served_close(&s);
	close(fd);
}

static void a_save_that_somebody_began_is_started_over(void **state)
{
	struct served s;
	uint8_t byte;
	uint64_t saved = 0;
	int fd = test_memfd(0);

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	set_state(&s, RIG_MIGRATION_STOP_COPYING);
	assert_int_equal(rig_client_migration_read(s.client, &byte, 1, soon()), 1);
	assert_int_equal(rig_client_save(s.client, fd, &saved, soon()), 0);
	assert_int_equal(saved, MOVABLE_RECORD);
	served_close(&s);
	close(fd);
}

/* A reader that takes little at a time and interrupts the writer each time. */
struct slow_pipe {
	int fd[2];
	pthread_t writer, reader;
	uint8_t got[MOVABLE_STREAM_MAX];
	size_t n;
};

static void on_signal(int number)
{
}

static void *read_slowly(void *opaque)
{
	struct slow_pipe *p = opaque;
	ssize_t n;

	do {
		poll(NULL, 0, 1);
		pthread_kill(p->writer, SIGUSR1);
		n = read(p->fd[0], p->got + p->n, 999);
		p->n += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return NULL;
}

static void s093_short_writes_lose_nothing(void **state)
{
	const struct sigaction interrupt = { .sa_handler = on_signal };
	static struct slow_pipe p;
	struct served s;

	p.n = 0;
	assert_int_equal(sigaction(SIGUSR1, &interrupt, NULL), 0);
	assert_int_equal(pipe2(p.fd, O_CLOEXEC), 0);
	assert_true(fcntl(p.fd[1], F_SETPIPE_SZ, 4096) >= 4096);
	p.writer = pthread_self();
	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	movable_fill(s.m, 3);
	assert_int_equal(pthread_create(&p.reader, NULL, read_slowly, &p), 0);
	assert_int_equal(rig_client_save(s.client, p.fd[1], NULL, soon()), 0);
	close(p.fd[1]);
	pthread_join(p.reader, NULL);
	close(p.fd[0]);
	assert_int_equal(p.n, MOVABLE_RECORD);
	assert_memory_equal(p.got + 4, s.m->memory, MOVABLE_SIZE);
	served_close(&s);
}

static void a_save_that_cannot_be_written_leaves_the_device_stopped(void **state)
{
	struct served s;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	served_open(&s, PRE_COPY, 0);
	assert_int_equal(rig_client_save(s.client, fd, NULL, soon()), -ENOSPC);
	assert_int_equal(state_of(&s), RIG_MIGRATION_STOP);
	set_state(&s, RIG_MIGRATION_RUNNING);
	served_close(&s);
	close(fd);
}

static int save_to_memory(struct served *s, uint8_t *ret)
{
	int fd = test_memfd(0);

	assert_int_equal(rig_client_save(s->client, fd, NULL, soon()), 0);
	assert_int_equal(pread(fd, ret, MOVABLE_RECORD, 0), MOVABLE_RECORD);
	return fd;
}

static int load_from_memory(struct served *s, const uint8_t *bytes, size_t len)
{
	int r, fd = test_memfd(0);

	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	r = rig_client_load(s->client, fd, NULL, soon());
	close(fd);
	return r;
}

static void check_load_refused(struct served *s, const uint8_t *bytes, size_t len)
{
	assert_int_equal(load_from_memory(s, bytes, len), -EBADMSG);
	assert_int_equal(state_of(s), RIG_MIGRATION_RESUMING);
	assert_int_equal(rig_client_reset(s->client, soon()), 0);
	assert_int_equal(state_of(s), RIG_MIGRATION_RUNNING);
}

static void s096_a_bad_stream_is_refused_and_a_reset_helps(void **state)
{
	static uint8_t stream[MOVABLE_RECORD];
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	movable_fill(s.m, 4);
	close(save_to_memory(&s, stream));
	check_load_refused(&s, stream, 0);
	check_load_refused(&s, stream, MOVABLE_RECORD - 1);
	stream[77] ^= 1;
	check_load_refused(&s, stream, MOVABLE_RECORD);
	stream[77] ^= 1;
	assert_int_equal(load_from_memory(&s, stream, MOVABLE_RECORD), 0);
	assert_memory_equal(s.m->memory, stream + 4, MOVABLE_SIZE);
	served_close(&s);
}

static void a_load_that_cannot_be_read_says_why(void **state)
{
	struct served s;
	char reason[256];
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	assert_int_equal(rig_client_load(s.client, fd, NULL, soon()), -EBADF);
	rig_client_reason(s.client, reason, sizeof(reason));
	assert_non_null(strstr(reason, "cannot read the device's state"));
	served_close(&s);
	close(fd);
}

static void s097_only_a_reset_leaves_error(void **state)
{
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	s.m->fail_to = RIG_MIGRATION_STOP;
	s.m->fail_error = -ENOTRECOVERABLE;
	assert_int_equal(rig_client_migration_set_state(s.client, RIG_MIGRATION_STOP, soon()),
			 -ENOTRECOVERABLE);
	assert_int_equal(state_of(&s), RIG_MIGRATION_ERROR);
	assert_int_equal(rig_client_migration_set_state(s.client, RIG_MIGRATION_RUNNING, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_reset(s.client, soon()), 0);
	assert_int_equal(state_of(&s), RIG_MIGRATION_RUNNING);
	served_close(&s);
}

static void on_done(void *opaque, int result)
{
	*(int *)opaque = result;
}

static void a_state_set_without_waiting_completes_when_it_is_reached(void **state)
{
	struct served s;
	int result = 1;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	assert_int_equal(rig_client_migration_set_state_async(
				 s.client, RIG_MIGRATION_STOP_COPYING, soon(),
				 (struct rig_completion) { on_done, &result }, NULL),
			 0);
	/* Answered in order, so this thread reads the other reply first. */
	assert_int_equal(state_of(&s), RIG_MIGRATION_STOP_COPYING);
	assert_int_equal(result, 0);
	assert_string_equal(s.m->path, "SC");
	served_close(&s);
}

/* The answer comes from this thread; what does not concern migration is served meanwhile. */
static void a_deferred_state_delays_nothing_else(void **state)
{
	struct served s;
	uint8_t byte;
	int result = 1;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	s.m->defer_to = RIG_MIGRATION_STOP;
	assert_int_equal(rig_client_migration_set_state_async(
				 s.client, RIG_MIGRATION_STOP_COPYING, soon(),
				 (struct rig_completion) { on_done, &result }, NULL),
			 0);
	assert_int_equal(rig_client_region_read(s.client, RIG_PCI_BAR0, 0, &byte, 1, soon()), 0);
	assert_int_equal(result, 1);
	movable_go_on(s.m, 0);
	assert_int_equal(state_of(&s), RIG_MIGRATION_STOP_COPYING);
	assert_int_equal(result, 0);
	assert_string_equal(s.m->path, "SC");
	served_close(&s);
}

static void a_device_that_cannot_be_moved_says_so(void **state)
{
	int fd = test_memfd(0);
	struct served s;
	uint64_t flags = 0;

	served_open(&s, 0, 0);
	assert_int_equal(rig_client_migration_flags(s.client, &flags, soon()), -EOPNOTSUPP);
	assert_int_equal(rig_client_save(s.client, fd, NULL, soon()), -EOPNOTSUPP);
	assert_int_equal(rig_client_load(s.client, fd, NULL, soon()), -EOPNOTSUPP);
	close(fd);
	served_close(&s);
	served_open(&s, PRE_COPY, 0);
	assert_int_equal(rig_client_migration_flags(s.client, &flags, soon()), 0);
	assert_int_equal(flags, PRE_COPY);
	served_close(&s);
}

static void s094_reads_end_with_0_again_and_again(void **state)
{
	static uint8_t buf[2 * MOVABLE_RECORD];
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	set_state(&s, RIG_MIGRATION_STOP_COPYING);
	assert_int_equal(rig_client_migration_read(s.client, buf, 0, soon()), 0);
	assert_int_equal(rig_client_migration_read(s.client, buf, sizeof(buf), soon()),
			 MOVABLE_RECORD);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_client_migration_read(s.client, buf, sizeof(buf), soon()), 0);
	served_close(&s);
}

static void s095_data_in_the_wrong_state_is_refused(void **state)
{
	uint8_t buf[16] = { 0 };
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	assert_int_equal(rig_client_migration_read(s.client, buf, sizeof(buf), soon()), -EINVAL);
	assert_int_equal(rig_client_migration_write(s.client, buf, sizeof(buf), soon()), -EINVAL);
	assert_int_equal(state_of(&s), RIG_MIGRATION_RUNNING);
	served_close(&s);
}

/* --- dirty pages --- */

#define MANY_PAGES 200000u

static void map_guest(struct served *s, uint64_t address, uint64_t size)
{
	struct rig_dma_region region = { address, size, RIG_DMA_READ | RIG_DMA_WRITE,
					 test_memfd(size) };

	assert_int_equal(rig_client_dma_map(s->client, &region, soon()), 0);
	close(region.fd);
}

/* Return: how many bits are set; those named must be. */
static unsigned int check_bits(const uint64_t *words, size_t n, const size_t *pages, size_t n_pages)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned int)__builtin_popcountll(words[i]);
	for (size_t i = 0; i < n_pages; i++)
		assert_true(words[pages[i] / 64] >> (pages[i] % 64) & 1);
	return bits;
}

/*
 * 4096 bytes of reply are 4064 of bitmap or 32512 pages, so this is seven messages. In one the server
 * would not give it to a client that accepts no more than that.
 */
static void s098_a_report_of_much_memory_is_asked_for_in_parts(void **state)
{
	static const size_t pages[] = { 0, 63, 64, 32511, 32512, 65023, 65024, MANY_PAGES - 1 };
	static uint64_t words[MANY_PAGES / 64];
	struct served s;
	uint64_t page_size = 0;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 4096);
	map_guest(&s, GUEST, MANY_PAGES * PAGE);
	assert_int_equal(rig_client_dirty_start(s.client, PAGE, NULL, 0, &page_size, soon()), 0);
	assert_int_equal(page_size, PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		rig_dma_mark_dirty(s.m->server, GUEST + pages[i] * PAGE, 1);
	memset(words, 0xff, sizeof(words));
	for (int round = 0; round < 2; round++) {
		assert_int_equal(rig_client_dirty_report(s.client, GUEST, MANY_PAGES * PAGE, PAGE,
							 words, ARRAY_SIZE(words), soon()),
				 0);
		assert_int_equal(check_bits(words, ARRAY_SIZE(words), pages,
					    round == 0 ? ARRAY_SIZE(pages) : 0),
				 round == 0 ? ARRAY_SIZE(pages) : 0);
	}
	assert_int_equal(rig_client_dirty_stop(s.client, soon()), 0);
	served_close(&s);
}

static void s099_a_last_page_that_is_not_whole_is_one(void **state)
{
	static const size_t pages[] = { 64 };
	uint64_t words[2] = { 0 };
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	map_guest(&s, GUEST, 100 * PAGE);
	assert_int_equal(rig_client_dirty_start(s.client, PAGE, NULL, 0, NULL, soon()), 0);
	rig_dma_mark_dirty(s.m->server, GUEST + 64 * PAGE, PAGE);
	assert_int_equal(
		rig_client_dirty_report(s.client, GUEST, 64 * PAGE + 1, PAGE, words, 2, soon()), 0);
	assert_int_equal(check_bits(words, 2, pages, 1), 1);
	served_close(&s);
}

static void s100_reports_without_a_log_are_refused(void **state)
{
	uint64_t word;
	struct served s;

	served_open(&s, RIG_MIGRATION_STOP_COPY, 0);
	assert_int_equal(rig_client_dirty_report(s.client, GUEST, PAGE, PAGE, &word, 1, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_dirty_stop(s.client, soon()), -EINVAL);
	served_close(&s);
}

/* --- a server that lies --- */

struct message {
	struct wire_header header;
	uint8_t payload[131072];
} __attribute__((packed));

/* Makes the reply: what it does not touch is the request. */
typedef void lie_function(struct message *reply, size_t *len);

struct script {
	int fd;
	pthread_t thread;
	struct rig_client *client;
	const char *json;
	lie_function *lie;
	struct message message;
	unsigned int requests; /* but for VERSION */
	uint32_t argsz;	       /* of the last */
	/* of MIG_DATA_WRITE, whose bytes are 0, 1, 2, ... */
	uint32_t largest;
	uint64_t total;
	bool wrong; /* bytes came */
};

static bool receive_all(int fd, void *buf, size_t len)
{
	return len == 0 || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static size_t answer_version(struct script *s)
{
	const struct wire_version version = { 0, 0 };

	memcpy(s->message.payload, &version, sizeof(version));
	strcpy((char *)s->message.payload + sizeof(version), s->json);
	return sizeof(version) + strlen(s->json) + 1;
}

static void count_data(struct script *s)
{
	struct wire_mig_data data;

	memcpy(&data, s->message.payload, sizeof(data));
	for (uint32_t i = 0; i < data.size; i++)
		if (s->message.payload[FIXED + i] != (uint8_t)(s->total + i))
			s->wrong = true;
	s->total += data.size;
	if (data.size > s->largest)
		s->largest = data.size;
}

static void make_reply(struct script *s, size_t *len)
{
	s->requests++;
	memcpy(&s->argsz, s->message.payload, sizeof(s->argsz));
	if (s->message.header.command == WIRE_MIG_DATA_WRITE) {
		count_data(s);
		*len = 0;
	}
	if (s->lie)
		s->lie(&s->message, len);
}

static bool answer_one(struct script *s)
{
	struct message *m = &s->message;
	size_t len;

	if (!receive_all(s->fd, &m->header, sizeof(m->header)))
		return false;
	len = m->header.size - sizeof(m->header);
	if (len > sizeof(m->payload) || !receive_all(s->fd, m->payload, len))
		return false;
	m->header.flags = WIRE_TYPE_REPLY;
	if (m->header.command == WIRE_VERSION)
		len = answer_version(s);
	else
		make_reply(s, &len);
	m->header.size = (uint32_t)(sizeof(m->header) + len);
	return send(s->fd, m, m->header.size, MSG_NOSIGNAL) == (ssize_t)m->header.size;
}

static void *answer(void *opaque)
{
	struct script *s = opaque;

	while (answer_one(s))
		;
	close(s->fd);
	return NULL;
}

static struct script *script_open(const char *json, lie_function *lie)
{
	struct script *s = calloc(1, sizeof(*s));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->fd = pair[1];
	s->json = json;
	s->lie = lie;
	assert_int_equal(pthread_create(&s->thread, NULL, answer, s), 0);
	s->client = connect_over(pair[0], 0);
	return s;
}

static void script_close(struct script *s)
{
	rig_client_free(s->client);
	pthread_join(s->thread, NULL);
	free(s);
}

static void put(struct message *m, size_t at, const void *bytes, size_t n)
{
	memcpy(m->payload + at, bytes, n);
}

static void put_u32(struct message *m, size_t at, uint32_t value)
{
	put(m, at, &value, sizeof(value));
}

static void put_u64(struct message *m, size_t at, uint64_t value)
{
	put(m, at, &value, sizeof(value));
}

/* --- data that lies --- */

/* As libvfio-user does it: 3 bytes, and padding up to what was asked for. */
static void padded_read(struct message *m, size_t *len)
{
	struct wire_mig_data data;

	memcpy(&data, m->payload, sizeof(data));
	*len = FIXED + data.size;
	memset(m->payload + FIXED, 0xee, data.size);
	put_u32(m, 4, 3);
	put(m, FIXED, "abc", 3);
}

static void s128_the_size_field_says_how_much_came(void **state)
{
	struct script *s = script_open("{}", padded_read);
	char buf[100];

	memset(buf, 'x', sizeof(buf));
	assert_int_equal(rig_client_migration_read(s->client, buf, sizeof(buf), soon()), 3);
	assert_memory_equal(buf, "abcx", 4);
	script_close(s);
}

static void short_read(struct message *m, size_t *len)
{
	put_u32(m, 4, 3);
	put(m, FIXED, "abc", 3);
	*len = FIXED + 3;
}

static void s128_a_short_message_is_as_good(void **state)
{
	struct script *s = script_open("{}", short_read);
	char buf[100];

	assert_int_equal(rig_client_migration_read(s->client, buf, sizeof(buf), soon()), 3);
	assert_memory_equal(buf, "abc", 3);
	script_close(s);
}

static void more_than_asked(struct message *m, size_t *len)
{
	put_u32(m, 4, 17);
	*len = FIXED + 16;
}

static void more_than_came(struct message *m, size_t *len)
{
	put_u32(m, 4, 9);
	*len = FIXED + 8;
}

static void all_of_it(struct message *m, size_t *len)
{
	put_u32(m, 4, UINT32_MAX);
	*len = FIXED + 16;
}

static void half_a_head(struct message *m, size_t *len)
{
	*len = FIXED - 1;
}

static void too_long(struct message *m, size_t *len)
{
	*len = FIXED + 17;
}

static void s128_a_size_that_cannot_be_is_refused(void **state)
{
	static lie_function *const lies[] = { more_than_asked, more_than_came, all_of_it,
					      half_a_head, too_long };
	uint8_t buf[17] = { [16] = 0x55 };

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(rig_client_migration_read(s->client, buf, 16, soon()), -EPROTO);
		assert_int_equal(rig_client_error(s->client), 0);
		assert_int_equal(buf[16], 0x55);
		script_close(s);
	}
}

static void check_split(const char *json, uint32_t size, uint32_t largest)
{
	struct script *s = script_open(json, NULL);
	uint8_t *data = malloc(size);

	for (uint32_t i = 0; i < size; i++)
		data[i] = (uint8_t)i;
	assert_int_equal(rig_client_migration_write(s->client, data, size, soon()), 0);
	assert_int_equal(s->total, size);
	assert_int_equal(s->largest, largest);
	assert_int_equal(s->requests, size > 0 ? (size - 1) / largest + 1 : 0);
	assert_false(s->wrong);
	free(data);
	script_close(s);
}

static void s095_writes_keep_the_servers_limit(void **state)
{
	check_split("{\"capabilities\":{\"max_data_xfer_size\":100}}", 1001, 100);
	check_split("{\"capabilities\":{\"max_data_xfer_size\":100}}", 100, 100);
	check_split("{\"capabilities\":{\"max_data_xfer_size\":100}}", 0, 0);
	check_split("{}", 200000, 32768);
}

/* --- features that lie --- */

static void grant_8_more(struct message *m, size_t *len)
{
	put_u64(m, *len, 0x1122334455667788);
	*len += 8;
	put_u32(m, 0, (uint32_t)*len);
}

static void a_feature_comes_as_it_is(void **state)
{
	struct script *s = script_open("{}", grant_8_more);
	uint8_t reply[16];

	assert_int_equal(rig_client_feature(s->client, 9 | RIG_FEATURE_GET, "12345678", 8, reply,
					    16, soon()),
			 16);
	assert_memory_equal(reply, "12345678\x88\x77\x66\x55\x44\x33\x22\x11", 16);
	/* not wanted */
	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_GET, NULL, 0, NULL, 8, soon()), 8);
	script_close(s);
}

static void wants_more_room(struct message *m, size_t *len)
{
	put_u32(m, 0, 1000);
}

static void a_feature_that_is_more_than_there_is_room_for_is_too_big(void **state)
{
	struct script *s = script_open("{}", wants_more_room);
	uint8_t reply[16];

	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_GET, NULL, 0, reply, 16, soon()),
		-E2BIG);
	s->lie = NULL; /* comes back as it was, 16 bytes */
	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_SET, reply, 16, reply, 15, soon()),
		-E2BIG);
	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_SET, reply, 16, reply, 16, soon()),
		16);
	script_close(s);
}

static void no_more_room_is_offered_than_a_message_has(void **state)
{
	const size_t max = 100 << 20;
	struct script *s = script_open("{}", NULL);
	void *reply = malloc(max);

	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_GET, NULL, 0, reply, max, soon()), 0);
	assert_int_equal(s->argsz, 1048576 + WIRE_FIXED_MAX);
	free(reply);
	script_close(s);
}

static void a_feature_larger_than_a_message_is_not_sent(void **state)
{
	struct script *s = script_open("{}", NULL);
	uint8_t *data = calloc(1, 1048577);

	assert_int_equal(
		rig_client_feature(s->client, 9 | RIG_FEATURE_SET, data, 1048577, NULL, 0, soon()),
		-EINVAL);
	free(data);
	assert_int_equal(s->requests, 0);
	script_close(s);
}

static void other_feature(struct message *m, size_t *len)
{
	put_u32(m, 4, 0x1ffff);
	*len = 16;
}

static void too_short(struct message *m, size_t *len)
{
	put_u64(m, FIXED, RIG_MIGRATION_STOP_COPY);
	*len = 15;
}

static void too_many(struct message *m, size_t *len)
{
	*len = 17;
}

static void nothing_at_all(struct message *m, size_t *len)
{
	*len = 0;
}

static void all_flags_but_stop_copy(struct message *m, size_t *len)
{
	put_u64(m, FIXED, ~(uint64_t)RIG_MIGRATION_STOP_COPY);
	*len = 16;
}

static void s089_flags_that_cannot_be_are_refused(void **state)
{
	static lie_function *const lies[] = { other_feature,   too_short,
					      too_many,	       nothing_at_all,
					      wants_more_room, all_flags_but_stop_copy };
	uint64_t flags = 77;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(rig_client_migration_flags(s->client, &flags, soon()), -EPROTO);
		assert_int_equal(flags, 77);
		script_close(s);
	}
}

static void state_5(struct message *m, size_t *len)
{
	put_u32(m, FIXED, 5);
	*len = 16;
}

static void state_7(struct message *m, size_t *len)
{
	put_u32(m, FIXED, 7);
	*len = 16;
}

static void state_huge(struct message *m, size_t *len)
{
	put_u32(m, FIXED, UINT32_MAX);
	*len = 16;
}

static void s090_a_state_that_does_not_exist_is_refused(void **state)
{
	static lie_function *const lies[] = { state_5, state_7, state_huge, other_feature,
					      too_short };
	enum rig_migration_state got = RIG_MIGRATION_STOP;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(rig_client_migration_get_state(s->client, &got, soon()), -EPROTO);
		assert_int_equal(got, RIG_MIGRATION_STOP);
		script_close(s);
	}
}

static void s090_a_reply_to_another_set_is_refused(void **state)
{
	static lie_function *const lies[] = { other_feature, nothing_at_all, too_many };

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(
			rig_client_migration_set_state(s->client, RIG_MIGRATION_STOP, soon()),
			-EPROTO);
		script_close(s);
	}
}

/* --- dirty pages that lie --- */

static void honest_report(struct message *m, size_t *len)
{
	struct wire_feature_head head;

	memcpy(&head, m->payload, sizeof(head));
	memset(m->payload + 32, 0xff, head.argsz - 32);
	*len = head.argsz;
}

static void s098_bits_beyond_the_last_page_are_nothing(void **state)
{
	struct script *s = script_open("{}", honest_report);
	uint64_t words[2] = { 0 };

	assert_int_equal(
		rig_client_dirty_report(s->client, GUEST, 67 * PAGE, PAGE, words, 2, soon()), 0);
	assert_int_equal(words[0], UINT64_MAX);
	assert_int_equal(words[1], 7);
	assert_int_equal(
		rig_client_dirty_report(s->client, GUEST, 128 * PAGE, PAGE, words, 2, soon()), 0);
	assert_int_equal(words[1], UINT64_MAX);
	script_close(s);
}

static void check_messages(const char *json, uint64_t pages, unsigned int messages, uint32_t argsz)
{
	struct script *s = script_open(json, honest_report);
	size_t n_words = (size_t)((pages + 63) / 64);
	uint64_t *words = calloc(n_words, sizeof(*words));

	assert_int_equal(rig_client_dirty_report(s->client, GUEST, pages * PAGE, PAGE, words,
						 n_words, soon()),
			 0);
	assert_int_equal(s->requests, messages);
	assert_int_equal(s->argsz, argsz);
	for (size_t i = 0; i + 1 < n_words; i++)
		assert_int_equal(words[i], UINT64_MAX);
	free(words);
	script_close(s);
}

static void s100_a_report_fits_the_servers_messages(void **state)
{
	const char *json = "{\"capabilities\":{\"max_data_xfer_size\":4096}}";

	check_messages(json, 32512, 1, 4096);
	check_messages(json, 32513, 2, 32 + 8);
	/* Less than any report takes: then the shortest */
	check_messages("{\"capabilities\":{\"max_data_xfer_size\":16}}", 192, 3, 32 + 8);
	check_messages("{\"capabilities\":{\"max_data_xfer_size\":39}}", 65, 2, 32 + 8);
}

static void report_a_word_less(struct message *m, size_t *len)
{
	honest_report(m, len);
	*len -= 8;
}

static void report_a_byte_less(struct message *m, size_t *len)
{
	honest_report(m, len);
	*len -= 1;
}

static void report_a_byte_more(struct message *m, size_t *len)
{
	honest_report(m, len);
	*len += 1;
}

static void report_of_elsewhere(struct message *m, size_t *len)
{
	honest_report(m, len);
	put_u64(m, FIXED, 0);
}

static void report_of_other_pages(struct message *m, size_t *len)
{
	honest_report(m, len);
	put_u64(m, FIXED + 16, 2 * PAGE);
}

/* libvfio-user, if the range is in two maps. */
static void report_without_bitmap(struct message *m, size_t *len)
{
	*len = 0;
}

static void s100_a_report_of_another_size_is_refused(void **state)
{
	static lie_function *const lies[] = { report_a_word_less,    report_a_byte_less,
					      report_a_byte_more,    report_of_elsewhere,
					      report_of_other_pages, report_without_bitmap,
					      other_feature };
	uint64_t words[3] = { [2] = 77 };

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(rig_client_dirty_report(s->client, GUEST, 100 * PAGE, PAGE, words,
							 2, soon()),
				 -EPROTO);
		assert_int_equal(words[2], 77);
		script_close(s);
	}
}

static void s100_reports_that_make_no_sense_are_not_sent(void **state)
{
	struct script *s = script_open("{}", NULL);
	uint64_t words[2];

	assert_int_equal(rig_client_dirty_report(s->client, GUEST, 0, PAGE, words, 0, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_dirty_report(s->client, GUEST, PAGE, 0, words, 1, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_dirty_report(s->client, GUEST, PAGE, 3000, words, 1, soon()),
			 -EINVAL);
	assert_int_equal(
		rig_client_dirty_report(s->client, GUEST, 65 * PAGE, PAGE, words, 1, soon()),
		-EINVAL);
	assert_int_equal(
		rig_client_dirty_report(s->client, GUEST, 64 * PAGE, PAGE, words, 2, soon()),
		-EINVAL);
	assert_int_equal(rig_client_dirty_report(s->client, UINT64_MAX - PAGE + 1, PAGE + 1, PAGE,
						 words, 1, soon()),
			 -EINVAL);
	assert_int_equal(s->requests, 0);
	script_close(s);
}

static void s098_a_report_up_to_the_last_address_does_not_wrap(void **state)
{
	struct script *s = script_open("{}", honest_report);
	uint64_t word = 0;

	assert_int_equal(rig_client_dirty_report(s->client, UINT64_MAX - PAGE + 1, PAGE, PAGE,
						 &word, 1, soon()),
			 0);
	assert_int_equal(word, 1);
	assert_int_equal(rig_client_dirty_report(s->client, 0, UINT64_MAX, UINT64_C(1) << 63, &word,
						 1, soon()),
			 0);
	assert_int_equal(word, 3);
	script_close(s);
}

static void start_of_no_page(struct message *m, size_t *len)
{
	put_u64(m, FIXED, 0);
}

static void start_of_odd_pages(struct message *m, size_t *len)
{
	put_u64(m, FIXED, 3000);
}

static void start_of_other_ranges(struct message *m, size_t *len)
{
	put_u32(m, FIXED + 8, 0);
}

static void start_cut_short(struct message *m, size_t *len)
{
	*len -= 1;
}

static void s098_a_start_says_its_page_size_and_ranges(void **state)
{
	static lie_function *const lies[] = { start_of_no_page, start_of_odd_pages,
					      start_of_other_ranges, start_cut_short };
	const struct rig_dirty_range range = { GUEST, PAGE };
	uint64_t chosen = 77;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct script *s = script_open("{}", lies[i]);

		assert_int_equal(
			rig_client_dirty_start(s->client, PAGE, &range, 1, &chosen, soon()),
			-EPROTO);
		assert_int_equal(chosen, 77);
		s->lie = NULL;
		assert_int_equal(rig_client_dirty_start(s->client, PAGE, &range, 1, NULL, soon()),
				 0);
		script_close(s);
	}
}

/* Its limit is for the data of reads and writes; messages of 16 KiB everybody has to accept. */
static void s098_ranges_may_be_more_than_the_servers_max_data_xfer_size(void **state)
{
	struct script *s = script_open("{\"capabilities\":{\"max_data_xfer_size\":100}}", NULL);
	struct rig_dirty_range ranges[10];

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct rig_dirty_range) { i * PAGE, PAGE };
	assert_int_equal(
		rig_client_dirty_start(s->client, PAGE, ranges, ARRAY_SIZE(ranges), NULL, soon()),
		0);
	script_close(s);
}

static void s100_starts_that_make_no_sense_are_not_sent(void **state)
{
	const struct rig_dirty_range empty = { GUEST, 0 }, wraps = { UINT64_MAX, 2 };
	const size_t too_many_ranges = 1048576 / 16;
	struct rig_dirty_range *many = calloc(too_many_ranges, sizeof(*many));
	struct script *s = script_open("{}", NULL);

	for (size_t i = 0; i < too_many_ranges; i++)
		many[i] = (struct rig_dirty_range) { i * PAGE, PAGE };
	assert_int_equal(rig_client_dirty_start(s->client, 0, NULL, 0, NULL, soon()), -EINVAL);
	assert_int_equal(rig_client_dirty_start(s->client, 3000, NULL, 0, NULL, soon()), -EINVAL);
	assert_int_equal(rig_client_dirty_start(s->client, PAGE, &empty, 1, NULL, soon()), -EINVAL);
	assert_int_equal(rig_client_dirty_start(s->client, PAGE, &wraps, 1, NULL, soon()), -EINVAL);
	assert_int_equal(
		rig_client_dirty_start(s->client, PAGE, many, too_many_ranges, NULL, soon()),
		-EINVAL);
	assert_int_equal(
		rig_client_dirty_start(s->client, PAGE, many, SIZE_MAX / 16 + 2, NULL, soon()),
		-EINVAL);
	free(many);
	assert_int_equal(s->requests, 0);
	script_close(s);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(s093_what_was_saved_is_loaded_in_other_pieces),
		TEST(s093_what_can_be_saved_before_the_stop_is),
		TEST(s093_short_writes_lose_nothing),
		TEST(a_stopped_device_is_saved_without_running),
		TEST(a_save_whose_end_the_device_refuses_is_none),
		TEST(a_save_that_somebody_began_is_started_over),
		TEST(a_save_that_cannot_be_written_leaves_the_device_stopped),
		TEST(a_load_that_cannot_be_read_says_why),
		TEST(s096_a_bad_stream_is_refused_and_a_reset_helps),
		TEST(s097_only_a_reset_leaves_error),
		TEST(a_state_set_without_waiting_completes_when_it_is_reached),
		TEST(a_deferred_state_delays_nothing_else),
		TEST(a_device_that_cannot_be_moved_says_so),
		TEST(s094_reads_end_with_0_again_and_again),
		TEST(s095_data_in_the_wrong_state_is_refused),
		TEST(s095_writes_keep_the_servers_limit),
		TEST(s098_a_report_of_much_memory_is_asked_for_in_parts),
		TEST(s099_a_last_page_that_is_not_whole_is_one),
		TEST(s100_reports_without_a_log_are_refused),
		TEST(s128_the_size_field_says_how_much_came),
		TEST(s128_a_short_message_is_as_good),
		TEST(s128_a_size_that_cannot_be_is_refused),
		TEST(a_feature_comes_as_it_is),
		TEST(a_feature_that_is_more_than_there_is_room_for_is_too_big),
		TEST(no_more_room_is_offered_than_a_message_has),
		TEST(a_feature_larger_than_a_message_is_not_sent),
		TEST(s089_flags_that_cannot_be_are_refused),
		TEST(s090_a_state_that_does_not_exist_is_refused),
		TEST(s090_a_reply_to_another_set_is_refused),
		TEST(s098_bits_beyond_the_last_page_are_nothing),
		TEST(s098_a_report_up_to_the_last_address_does_not_wrap),
		TEST(s098_a_start_says_its_page_size_and_ranges),
		TEST(s098_ranges_may_be_more_than_the_servers_max_data_xfer_size),
		TEST(s100_a_report_fits_the_servers_messages),
		TEST(s100_a_report_of_another_size_is_refused),
		TEST(s100_reports_that_make_no_sense_are_not_sent),
		TEST(s100_starts_that_make_no_sense_are_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
