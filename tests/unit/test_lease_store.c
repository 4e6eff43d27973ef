/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_lease_store.c - leases in a file: written, read again, broken
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/user/lease_store.h"

#define HEAD  "outrigger-leases 1\nprefix6 fd12:3456:789a::\n"
#define LEASE "lease 52:54:00:12:34:56 192.168.64.2 1790000000 web\n"

struct fixture {
	uv_loop_t loop;
	char top[64], dir[80];
	struct lease_store *store;
	unsigned int n_written;
	unsigned int n_prefixes, n_leases;
	struct in6_addr prefix;
	struct network_lease last;
};

static void on_prefix(void *opaque, const struct in6_addr *prefix)
{
	struct fixture *f = opaque;

	f->prefix = *prefix;
	f->n_prefixes++;
}

static void on_lease(void *opaque, const struct network_lease *lease)
{
	struct fixture *f = opaque;

	f->last = *lease;
	f->n_leases++;
}

static const struct lease_file_reader reader = { on_prefix, on_lease };

static void write_all(void *opaque, FILE *to)
{
	struct fixture *f = opaque;
	struct lease lease = { .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
			       .name = "web",
			       .until_s = 1790000000 };
	struct in6_addr prefix;

	f->n_written++;
	inet_pton(AF_INET, "192.168.64.2", &lease.address);
	inet_pton(AF_INET6, "fd12:3456:789a::", &prefix);
	lease_file_write_head(to, &prefix);
	lease_file_write_lease(to, &lease);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->top, "/tmp/outrigger-leases-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->dir, sizeof(f->dir), "%s/state", f->top);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	*state = f;
	return 0;
}

static char *path(const struct fixture *f, const char *name)
{
	static char result[128];

	snprintf(result, sizeof(result), "%s/%s", f->dir, name);
	return result;
}

static int teardown(void **state)
{
	static const char *const names[] = { "leases", "leases.bad", "leases.lock", "leases.tmp" };
	struct fixture *f = *state;

	lease_store_close(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path(f, names[i]));
	rmdir(f->dir);
	assert_int_equal(rmdir(f->top), 0); /* nothing else was left there */
	free(f);
	return 0;
}

static void open_store(struct fixture *f)
{
	char *error = NULL;

	assert_int_equal(lease_store_open(&f->loop, f->dir, write_all, f, &f->store, &error), 0);
}

static void close_store(struct fixture *f)
{
	lease_store_close(f->store);
	f->store = NULL;
	uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void put_file(struct fixture *f, const char *text, size_t len)
{
	FILE *file;

	mkdir(f->dir, 0700);
	file = fopen(path(f, "leases"), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void expect_file(struct fixture *f, const char *expected)
{
	char text[512] = "";
	FILE *file = fopen(path(f, "leases"), "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

static void what_was_written_is_read_by_the_next(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	open_store(f);
	lease_store_load(f->store, &reader, f);
	assert_int_equal(f->n_leases + f->n_prefixes, 0);
	lease_store_changed(f->store);
	close_store(f);
	expect_file(f, HEAD LEASE);
	assert_int_equal(stat(path(f, "leases"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_not_equal(access(path(f, "leases.tmp"), F_OK), 0);
	open_store(f);
	lease_store_load(f->store, &reader, f);
	assert_int_equal(f->n_prefixes, 1);
	assert_int_equal(f->prefix.s6_addr[5], 0x9a);
	assert_int_equal(f->n_leases, 1);
	assert_string_equal(f->last.name, "web");
	assert_string_equal(inet_ntoa(f->last.address), "192.168.64.2");
	assert_int_equal(f->last.mac[5], 0x56);
	assert_int_equal(f->last.expires_s, 1790000000);
}

static void many_changes_are_one_write(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	for (unsigned int i = 0; i < 1000; i++)
		lease_store_changed(f->store);
	assert_int_equal(f->n_written, 0);
	while (f->n_written == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->n_written, 1);
	lease_store_changed(f->store); /* maybe while that is being written */
	close_store(f);
	assert_int_equal(f->n_written, 2);
	expect_file(f, HEAD LEASE);
}

static void what_did_not_change_is_not_written(void **state)
{
	struct fixture *f = *state;

	open_store(f);
	close_store(f);
	assert_int_equal(f->n_written, 0);
	assert_int_not_equal(access(path(f, "leases"), F_OK), 0);
}

static void a_directory_has_one_owner(void **state)
{
	struct fixture *f = *state;
	struct lease_store *second;
	char *error = NULL;

	open_store(f);
	assert_int_equal(lease_store_open(&f->loop, f->dir, write_all, f, &second, &error), -EBUSY);
	assert_non_null(strstr(error, f->dir));
	assert_non_null(strstr(error, "another network"));
	free(error);
	close_store(f);
	open_store(f);
}

static void a_directory_that_cannot_be_is_said_so(void **state)
{
	struct fixture *f = *state;
	char *error = NULL;

	put_file(f, "", 0);
	assert_int_equal(
		lease_store_open(&f->loop, path(f, "leases"), write_all, f, &f->store, &error),
		-ENOTDIR);
	assert_non_null(strstr(error, "--state-dir"));
	free(error);
	error = NULL;
	assert_int_equal(
		lease_store_open(&f->loop, "/nowhere/at/all", write_all, f, &f->store, &error),
		-ENOENT);
	free(error);
}

static void a_broken_file_is_kept_aside_and_its_good_lines_are_used(void **state)
{
	struct fixture *f = *state;

	put_file(f, HEAD "lease nonsense\n" LEASE, strlen(HEAD "lease nonsense\n" LEASE));
	open_store(f);
	lease_store_load(f->store, &reader, f);
	assert_int_equal(f->n_prefixes, 1);
	assert_int_equal(f->n_leases, 1);
	assert_int_equal(access(path(f, "leases.bad"), F_OK), 0);
	assert_int_not_equal(access(path(f, "leases"), F_OK), 0);
}

static void a_file_without_end_is_not_read(void **state)
{
	struct fixture *f = *state;

	put_file(f, HEAD, strlen(HEAD));
	assert_int_equal(truncate(path(f, "leases"), (off_t)LEASE_FILE_MAX + 1), 0);
	open_store(f);
	lease_store_load(f->store, &reader, f);
	assert_int_equal(f->n_prefixes, 0);
	assert_int_equal(access(path(f, "leases.bad"), F_OK), 0);
}

static void a_link_in_place_of_the_file_is_not_followed(void **state)
{
	struct fixture *f = *state;

	mkdir(f->dir, 0700);
	assert_int_equal(symlink("/etc/hostname", path(f, "leases")), 0);
	open_store(f);
	lease_store_load(f->store, &reader, f);
	assert_int_equal(f->n_leases, 0);
}

/* Lines: what is wrong, and where */

static void bad_line(const char *text, unsigned int expected_line, const char *expected)
{
	struct fixture f = { 0 };
	const char *what = NULL;
	unsigned int line = 0;
	char *copy = malloc(strlen(text) + 1);

	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	assert_int_equal(lease_file_read(copy, strlen(text), &reader, &f, &line, &what), -EBADMSG);
	free(copy);
	assert_int_equal(line, expected_line);
	if (!strstr(what, expected))
		fail_msg("\"%s\" does not say %s", what, expected);
}

static void each_line_that_makes_no_sense_is_named(void **state)
{
	static const char *const leases[][2] = {
		{ "lease", "not a MAC" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 5", "not a MAC" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 5 web x", "not a MAC" },
		{ "lease 52:54:00:12:34 192.168.64.2 5 web", "no MAC" },
		{ "lease 52:54:00:12:34:5g 192.168.64.2 5 web", "no MAC" },
		{ "lease 52-54-00-12-34-56 192.168.64.2 5 web", "no MAC" },
		{ "lease 53:54:00:12:34:56 192.168.64.2 5 web", "no MAC" },
		{ "lease 52:54:00:12:34:56 192.168.64 5 web", "no IPv4" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 -5 web", "no time" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 5x web", "no time" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 99999999999999999999 web", "no time" },
		{ "lease 52:54:00:12:34:56 192.168.64.2 5 we_b", "no host name" },
		{ "prefix6 2001:db8::", "no unique" },
		{ "prefix6 fd12::1", "no unique" },
		{ "prefix6", "no unique" },
		{ "lesae 1", "neither" },
	};

	bad_line("", 1, "cut off");
	bad_line("outrigger-leases 1", 1, "cut off");
	bad_line("outrigger-leases 2\n", 1, "not \"outrigger-leases 1\"");
	bad_line(HEAD "lease 52:54:00:12:34:56 192.168.64.2 5 web", 3, "cut off");
	for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), HEAD LEASE "%s\n" LEASE, leases[i][0]);
		bad_line(text, 4, leases[i][1]);
	}
}

static void bytes_of_any_kind_are_only_wrong(void **state)
{
	struct fixture f = { 0 };
	const char *what;
	unsigned int line;
	char long_line[400];

	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, HEAD, strlen(HEAD));
	long_line[sizeof(long_line) - 1] = '\n';
	assert_int_equal(lease_file_read(long_line, sizeof(long_line), &reader, &f, &line, &what),
			 -EBADMSG);
	assert_string_equal(what, "too long");
	assert_int_equal(lease_file_read(HEAD "\0\n", strlen(HEAD) + 2, &reader, &f, &line, &what),
			 -EBADMSG);
	assert_string_equal(what, "a zero byte");
	assert_int_equal(line, 3);
}

#define RULE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(what_was_written_is_read_by_the_next),
		RULE(many_changes_are_one_write),
		RULE(what_did_not_change_is_not_written),
		RULE(a_directory_has_one_owner),
		RULE(a_directory_that_cannot_be_is_said_so),
		RULE(a_broken_file_is_kept_aside_and_its_good_lines_are_used),
		RULE(a_file_without_end_is_not_read),
		RULE(a_link_in_place_of_the_file_is_not_followed),
		cmocka_unit_test(each_line_that_makes_no_sense_is_named),
		cmocka_unit_test(bytes_of_any_kind_are_only_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
