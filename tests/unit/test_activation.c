/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_activation.c - sockets that a service manager made for us
 *
 * Each test runs in a child whose fds from 3 on are what a service manager would have passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/activation.h"

struct fixture {
	char dir[40];
	char stream[64], dgram[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_activation.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->stream, sizeof(f->stream), "%s/s", f->dir);
	snprintf(f->dgram, sizeof(f->dgram), "%s/d", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->stream);
	unlink(f->dgram);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* As fd @at. */
static void make(int at, int type, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1) < 0) || dup2(fd, at) < 0)
		_exit(100);
	if (fd != at)
		close(fd);
}

static void environment(const char *n, const char *names)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", n, 1);
	unsetenv("LISTEN_FDNAMES");
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
}

/* What the child finds wrong is its exit status: a line's number. */
#define must(condition)                            \
	do {                                       \
		if (!(condition))                  \
			_exit(__LINE__ % 199 + 1); \
	} while (0)

static void in_child(struct fixture *f, void (*test)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close_range(3, ~0u, 0);
		make(3, SOCK_STREAM, f->stream);
		make(4, SOCK_DGRAM, f->dgram);
		test(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool same(int a, int b)
{
	struct stat st_a, st_b;

	return fstat(a, &st_a) == 0 && fstat(b, &st_b) == 0 && st_a.st_ino == st_b.st_ino;
}

static void by_name(struct fixture *f)
{
	environment("2", "nic:lan");
	must(activation_start(NULL) == 0);
	must(fcntl(3, F_GETFD) & FD_CLOEXEC && fcntl(4, F_GETFD) & FD_CLOEXEC);
	must(activation_number("lan") == 4 && activation_number("nic") == 3);
	must(activation_number("la") == -ENOENT && activation_number("") == -ENOENT);
	must(activation_number("nic:lan") == -ENOENT);
	must(activation_has(3) && activation_has(4) && !activation_has(2) && !activation_has(5));
}

static void a_socket_is_found_by_its_name(void **state)
{
	in_child(*state, by_name);
}

static void by_name_twice(struct fixture *f)
{
	environment("2", "lan:lan");
	must(activation_number("lan") == -EEXIST);
	environment("1", "lan:lan"); /* the second name is nobody's */
	must(activation_number("lan") == 3);
	environment("2", "lan"); /* and here the second has none */
	must(activation_number("lan") == 3);
	environment("2", NULL);
	must(activation_number("lan") == -ENOENT);
}

static void a_name_is_one_sockets(void **state)
{
	in_child(*state, by_name_twice);
}

static void by_path(struct fixture *f)
{
	char spelled[80];
	int fd;

	environment("2", NULL);
	fd = activation_fd_by_path(f->stream, SOCK_STREAM);
	must(fd > 4 && same(fd, 3) && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	must(same(activation_fd_by_path(f->stream, SOCK_STREAM), 3)); /* again */
	must(same(activation_fd_by_path(f->dgram, SOCK_DGRAM), 4));
	snprintf(spelled, sizeof(spelled), "%s/../%s/./s", f->dir, strrchr(f->dir, '/') + 1);
	must(same(activation_fd_by_path(spelled, SOCK_STREAM), 3));
	must(activation_fd_by_path(f->dir, SOCK_STREAM) == -ENOENT);
	must(activation_fd_by_path("/nonexistent", SOCK_STREAM) == -ENOENT);
	environment("1", NULL);
	must(activation_fd_by_path(f->dgram, SOCK_DGRAM) == -ENOENT);
}

static void a_socket_is_found_by_its_path_however_it_is_spelled(void **state)
{
	in_child(*state, by_path);
}

static void by_path_of_another_kind(struct fixture *f)
{
	int plain = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	environment("2", NULL);
	must(activation_fd_by_path(f->stream, SOCK_DGRAM) == -EPROTOTYPE);
	must(activation_fd_by_path(f->dgram, SOCK_STREAM) == -EPROTOTYPE);
	/* One that is bound but does not listen will not accept anybody. */
	unlink(f->stream);
	strcpy(address.sun_path, f->stream);
	must(bind(plain, (struct sockaddr *)&address, sizeof(address)) == 0 && dup2(plain, 3) == 3);
	must(activation_fd_by_path(f->stream, SOCK_STREAM) == -EPROTOTYPE);
}

static void a_socket_of_another_kind_at_the_path_is_refused(void **state)
{
	in_child(*state, by_path_of_another_kind);
}

static void for_others(struct fixture *f)
{
	environment("2", "nic:lan");
	setenv("LISTEN_PID", "1", 1);
	must(activation_start(NULL) == 0);
	must(!(fcntl(3, F_GETFD) & FD_CLOEXEC));
	must(activation_number("nic") == -ENOENT && !activation_has(3));
	must(activation_fd_by_path(f->stream, SOCK_STREAM) == -ENOENT);
	unsetenv("LISTEN_PID");
	must(activation_number("nic") == -ENOENT && activation_start(NULL) == 0);
}

static void sockets_that_were_passed_to_another_process_are_not_ours(void **state)
{
	in_child(*state, for_others);
}

static void nonsense(struct fixture *f)
{
	static const char *const numbers[] = {
		"", "x", "-1", "2x", " 2", "4097", "99999999999999999999"
	};
	char *error = NULL;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		environment(numbers[i], "nic:lan");
		must(activation_start(&error) == -EINVAL && strstr(error, "LISTEN_FDS"));
		free(error);
		must(activation_number("nic") == -EINVAL);
		must(activation_fd_by_path(f->stream, SOCK_STREAM) == -EINVAL);
	}
	environment("2", NULL);
	setenv("LISTEN_PID", "me", 1);
	must(activation_start(&error) == -EINVAL);
	free(error);
	environment("3", NULL); /* one more than there are */
	must(activation_start(&error) == -EBADF && strstr(error, "fd 5 is not open"));
	free(error);
}

static void an_environment_that_makes_no_sense_is_an_error(void **state)
{
	in_child(*state, nonsense);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_socket_is_found_by_its_name),
		test(a_name_is_one_sockets),
		test(a_socket_is_found_by_its_path_however_it_is_spelled),
		test(a_socket_of_another_kind_at_the_path_is_refused),
		test(sockets_that_were_passed_to_another_process_are_not_ours),
		test(an_environment_that_makes_no_sense_is_an_error),
	};

	return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
