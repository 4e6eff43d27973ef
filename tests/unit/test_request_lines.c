/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_request_lines.c - requests out of a stream of bytes, however it is cut, and whose an fd is
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "fds.h"
#include "net/control/request_lines.h"

static int setup(void **state)
{
	struct request_lines *lines = calloc(1, sizeof(*lines));

	assert_non_null(lines);
	assert_int_equal(request_lines_init(lines), 0);
	*state = lines;
	return 0;
}

static int teardown(void **state)
{
	request_lines_clear(*state);
	free(*state);
	return 0;
}

static void feed_fds(struct request_lines *lines, const char *text, const struct sock_fds *fds)
{
	size_t len = strlen(text), room;
	char *to = request_lines_room(lines, &room);

	assert_true(len <= room);
	memcpy(to, text, len);
	request_lines_feed(lines, len, fds);
}

static void feed(struct request_lines *lines, const char *text)
{
	static const struct sock_fds none;

	feed_fds(lines, text, &none);
}

static void feed_fd(struct request_lines *lines, const char *text, int fd)
{
	struct sock_fds fds = { .n = 1 };

	fds.fd[0] = fd;
	feed_fds(lines, text, &fds);
}

static int new_fd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void expect(struct request_lines *lines, const char *text, int fd)
{
	struct request_line line;

	assert_int_equal(request_lines_next(lines, &line), 1);
	assert_string_equal(line.text, text);
	assert_int_equal(line.len, strlen(text));
	assert_int_equal(line.fd, fd);
	assert_false(line.fd_excess);
}

static void expect_none(struct request_lines *lines)
{
	struct request_line line;

	assert_int_equal(request_lines_next(lines, &line), 0);
}

static void before_the_first_byte_there_is_no_line(void **state)
{
	struct request_line line;

	assert_int_equal(request_lines_next(*state, &line), 0);
	assert_false(request_lines_cut(*state));
}

static void lines_come_out_however_they_are_cut(void **state)
{
	static const char text[] = "one\n\nthree\n";

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		char first[sizeof(text)] = "";

		memcpy(first, text, cut);
		if (cut)
			feed(*state, first);
		if (cut >= 4)
			expect(*state, "one", -1);
		feed(*state, text + cut);
		if (cut < 4)
			expect(*state, "one", -1);
		expect(*state, "", -1);
		expect(*state, "three", -1);
		expect_none(*state);
		assert_false(request_lines_cut(*state));
	}
}

static void beginning_of_a_line_is_told_and_dropped(void **state)
{
	feed(*state, "whole\nhalf");
	expect(*state, "whole", -1);
	expect_none(*state);
	assert_true(request_lines_cut(*state));
	assert_false(request_lines_cut(*state));
}

static void fill(struct request_lines *lines, size_t n)
{
	static const struct sock_fds none;

	while (n > 0) {
		size_t room;
		char *to = request_lines_room(lines, &room);

		assert_true(room > 0);
		room = room > n ? n : room;
		memset(to, 'x', room);
		request_lines_feed(lines, room, &none);
		n -= room;
		if (n > 0) {
			struct request_line line;
			int r = request_lines_next(lines, &line);

			assert_true(r == 0 || r == -EMSGSIZE);
		}
	}
}

static void longest_line_passes(void **state)
{
	struct request_line line;

	fill(*state, REQUEST_MAX);
	expect_none(*state);
	feed(*state, "\n");
	assert_int_equal(request_lines_next(*state, &line), 1);
	assert_int_equal(line.len, REQUEST_MAX);
}

static void longer_line_is_told_once_and_skipped(void **state)
{
	struct request_line line;

	fill(*state, REQUEST_MAX + 1);
	assert_int_equal(request_lines_next(*state, &line), -EMSGSIZE);
	expect_none(*state);
	fill(*state, 3 * REQUEST_MAX);
	expect_none(*state);
	assert_false(request_lines_cut(*state));
	feed(*state, "xx\nnext\n");
	expect(*state, "next", -1);
}

static void fd_is_of_the_line_it_came_with(void **state)
{
	int before = fds_open(), fd = new_fd();

	feed_fd(*state, "a\n", fd);
	expect(*state, "a", fd);
	feed_fd(*state, "b", close(fd) ? -1 : (fd = new_fd()));
	feed(*state, "c\nd\n");
	expect(*state, "bc", fd);
	expect(*state, "d", -1);
	close(fd);
	assert_int_equal(fds_open(), before);
}

static void fd_is_of_the_last_line_of_its_read(void **state)
{
	int before = fds_open(), fd = new_fd();

	feed(*state, "a");
	feed_fd(*state, "\nb\nc", fd);
	expect(*state, "a", -1);
	expect(*state, "b", -1);
	expect_none(*state);
	feed(*state, "\n");
	expect(*state, "c", fd);
	close(fd);
	assert_int_equal(fds_open(), before);
}

static void more_than_one_fd_is_told(void **state)
{
	struct sock_fds two = { .n = 2 };
	struct request_line line;
	int before = fds_open();

	two.fd[0] = new_fd();
	two.fd[1] = new_fd();
	feed_fds(*state, "a\n", &two);
	assert_int_equal(request_lines_next(*state, &line), 1);
	assert_true(line.fd_excess);
	close(line.fd);
	feed_fd(*state, "b", new_fd());
	feed_fd(*state, "b\n", new_fd());
	assert_int_equal(request_lines_next(*state, &line), 1);
	assert_true(line.fd_excess);
	close(line.fd);
	assert_int_equal(fds_open(), before);
}

static void fd_of_a_skipped_line_is_closed(void **state)
{
	struct request_line line;
	int before = fds_open();

	feed_fd(*state, "x", new_fd());
	fill(*state, REQUEST_MAX);
	assert_int_equal(request_lines_next(*state, &line), -EMSGSIZE);
	assert_int_equal(fds_open(), before);
	feed_fd(*state, "xx", new_fd());
	expect_none(*state);
	assert_int_equal(fds_open(), before);
	feed(*state, "\n");
	feed_fd(*state, "half", new_fd());
	assert_int_equal(request_lines_next(*state, &line), 0);
	assert_true(request_lines_cut(*state));
	request_lines_clear(*state);
	assert_int_equal(fds_open(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_the_first_byte_there_is_no_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lines_come_out_however_they_are_cut, setup,
						teardown),
		cmocka_unit_test_setup_teardown(beginning_of_a_line_is_told_and_dropped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(longest_line_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(longer_line_is_told_once_and_skipped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(fd_is_of_the_line_it_came_with, setup, teardown),
		cmocka_unit_test_setup_teardown(fd_is_of_the_last_line_of_its_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_than_one_fd_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(fd_of_a_skipped_line_is_closed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
