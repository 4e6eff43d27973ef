/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sock.c - listening without stealing, removing only what is ours
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fds.h"
#include "sys/sock.h"

struct fixture {
	char dir[32];
	char path[64];
	int open_before;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_sock.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	f->open_before = fds_open();
	*state = f;
	return 0;
}

/* Whatever a test did: nothing is left in the directory, and no fd. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}

static void bind_plain(const char *path, int type, bool listening)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		assert_int_equal(listen(fd, 0), 0);
	close(fd);
}

static void a_client_gets_through_and_the_file_is_private(void **state)
{
	struct fixture *f = *state;
	struct sock_listener listener;
	struct stat st;
	int client, server;

	assert_int_equal(sock_listen(f->path, NULL, &listener), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(sock_accept(listener.fd), -EAGAIN);
	client = sock_connect(f->path);
	assert_true(client >= 0);
	server = sock_accept(listener.fd);
	assert_true(server >= 0);
	assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
	close(client);
	close(server);
	sock_listener_close(&listener);
	assert_int_equal(listener.fd, -1);
	sock_listener_close(&listener);
}

static void a_living_listener_is_not_robbed(void **state)
{
	struct fixture *f = *state;
	struct sock_listener first, second;

	assert_int_equal(sock_listen(f->path, NULL, &first), 0);
	assert_int_equal(sock_listen(f->path, NULL, &second), -EADDRINUSE);
	sock_listener_close(&first);
	assert_int_equal(sock_listen(f->path, NULL, &second), 0);
	sock_listener_close(&second);
}

static void a_listener_with_a_full_queue_is_alive(void **state)
{
	struct fixture *f = *state;
	struct sock_listener first, second;
	int waiting[3], n = 0;

	assert_int_equal(sock_listen(f->path, NULL, &first), 0);
	assert_int_equal(listen(first.fd, 0), 0);
	while (n < 3 && (waiting[n] = sock_connect(f->path)) >= 0)
		n++;
	assert_true(n < 3);
	assert_int_equal(waiting[n], -EAGAIN);
	assert_int_equal(sock_listen(f->path, NULL, &second), -EADDRINUSE);
	while (n > 0)
		close(waiting[--n]);
	sock_listener_close(&first);
}

static void the_file_of_a_dead_listener_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct sock_listener listener;

	bind_plain(f->path, SOCK_STREAM, true);
	assert_int_equal(sock_connect(f->path), -ECONNREFUSED);
	assert_int_equal(sock_listen(f->path, NULL, &listener), 0);
	sock_listener_close(&listener);
}

static void a_file_that_is_no_socket_stays_untouched(void **state)
{
	struct fixture *f = *state;
	struct sock_listener listener;
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	close(fd);
	assert_int_equal(sock_listen(f->path, NULL, &listener), -EEXIST);
	assert_int_equal(unlink(f->path), 0);
	/* Nor is a link followed: what it names is somebody else's. */
	assert_int_equal(symlink("elsewhere", f->path), 0);
	assert_int_equal(sock_listen(f->path, NULL, &listener), -EEXIST);
	assert_int_equal(unlink(f->path), 0);
}

static void only_our_own_file_is_removed(void **state)
{
	struct fixture *f = *state;
	struct sock_listener ours;

	assert_int_equal(sock_listen(f->path, NULL, &ours), 0);
	assert_int_equal(unlink(f->path), 0);
	bind_plain(f->path, SOCK_STREAM, false);
	sock_listener_close(&ours);
	assert_int_equal(unlink(f->path), 0); /* still there */
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void the_file_has_the_mode_that_was_asked_for_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 }, modes[] = { 0600, 0660, 0666, 0620 };
	struct fixture *f = *state;
	struct sock_listener listener;

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		for (size_t j = 0; j < sizeof(modes) / sizeof(modes[0]); j++) {
			struct sock_access access = { .mode = modes[j], .group = SOCK_GROUP_OWN };
			mode_t before = umask(masks[i]);

			assert_int_equal(sock_listen(f->path, &access, &listener), 0);
			assert_int_equal(mode_of(f->path), modes[j]);
			sock_listener_close(&listener);
			assert_int_equal(sock_bind_dgram(f->path, &access, &listener), 0);
			assert_int_equal(mode_of(f->path), modes[j]);
			sock_listener_close(&listener);
			umask(before);
		}
	}
}

/* A group that the process is in; with privileges any other. */
static gid_t some_other_group(void)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	for (int i = 0; i < n; i++) {
		if (groups[i] != getegid())
			return groups[i];
	}
	return geteuid() == 0 ? getegid() + 4711 : getegid();
}

static void the_file_has_the_group_that_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct sock_access access = { .mode = 0660, .group = some_other_group() };
	struct sock_listener listener;
	struct stat st;

	assert_int_equal(sock_listen(f->path, &access, &listener), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_gid, access.group);
	assert_int_equal(st.st_mode & 0777, 0660);
	sock_listener_close(&listener);
}

/* In a child, which gives up its privileges: it is in no other group then. */
static void a_group_that_the_process_is_not_in_is_refused_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct sock_access access = { .mode = 0660, .group = getegid() + 4712 };
	int status;

	assert_int_equal(chmod(f->dir, 0777), 0);
	if (fork() == 0) {
		struct sock_listener listener;

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		_exit(sock_listen(f->path, &access, &listener) == -EPERM ? 0 : 1);
	}
	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_datagram_socket_is_not_robbed_and_a_dead_one_taken_over(void **state)
{
	struct fixture *f = *state;
	struct sock_listener first, second;

	assert_int_equal(sock_bind_dgram(f->path, NULL, &first), 0);
	assert_int_equal(mode_of(f->path), 0600);
	assert_true(fcntl(first.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(sock_bind_dgram(f->path, NULL, &second), -EADDRINUSE);
	assert_int_equal(sock_listen(f->path, NULL, &second), -EADDRINUSE);
	sock_listener_close(&first);
	assert_int_equal(access(f->path, F_OK), -1);
	bind_plain(f->path, SOCK_DGRAM, false);
	assert_int_equal(sock_bind_dgram(f->path, NULL, &second), 0);
	/* Nor does a datagram socket rob a listener. */
	sock_listener_close(&second);
	assert_int_equal(sock_listen(f->path, NULL, &first), 0);
	assert_int_equal(sock_bind_dgram(f->path, NULL, &second), -EADDRINUSE);
	sock_listener_close(&first);
}

static void paths_that_no_address_holds_are_refused(void **state)
{
	struct sock_listener listener;
	char path[109];

	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	assert_int_equal(sock_listen(path, NULL, &listener), -ENAMETOOLONG);
	assert_int_equal(sock_connect(path), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(sock_connect(path), -ENOENT);
	/* Not the abstract name that the kernel would make of it. */
	assert_int_equal(sock_listen("", NULL, &listener), -ENOENT);
	assert_int_equal(sock_connect(""), -ENOENT);
	assert_int_equal(sock_listen("/nonexistent/s", NULL, &listener), -ENOENT);
}

/* Each child tries to take over the same dead file, and says by its status whether it could. */
static void of_many_that_start_at_once_one_wins(void **state)
{
	enum { N = 16 };
	struct fixture *f = *state;
	int start[2], done[2];
	int winners = 0;

	bind_plain(f->path, SOCK_STREAM, true);
	assert_int_equal(pipe(start), 0);
	assert_int_equal(pipe(done), 0);
	for (int i = 0; i < N; i++) {
		if (fork() == 0) {
			struct sock_listener listener;
			char c;
			int r;

			close(start[1]);
			close(done[1]);
			if (read(start[0], &c, 1) != 0)
				_exit(2);
			r = sock_listen(f->path, NULL, &listener);
			/* Hold on to it until all have tried. */
			if (r == 0 && read(done[0], &c, 1) == 0)
				_exit(0);
			_exit(r == -EADDRINUSE ? 1 : 2);
		}
	}
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < N; i++) {
		int status;

		/* All but the winner end by themselves. */
		if (i == N - 1)
			close(done[1]);
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status) == 0;
	}
	close(done[0]);
	assert_int_equal(winners, 1);
	assert_int_equal(unlink(f->path), 0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_client_gets_through_and_the_file_is_private),
		test(a_living_listener_is_not_robbed),
		test(a_listener_with_a_full_queue_is_alive),
		test(the_file_of_a_dead_listener_is_taken_over),
		test(a_file_that_is_no_socket_stays_untouched),
		test(only_our_own_file_is_removed),
		test(the_file_has_the_mode_that_was_asked_for_whatever_the_umask),
		test(the_file_has_the_group_that_was_asked_for),
		test(a_group_that_the_process_is_not_in_is_refused_and_leaves_nothing),
		test(a_datagram_socket_is_not_robbed_and_a_dead_one_taken_over),
		test(paths_that_no_address_holds_are_refused),
		test(of_many_that_start_at_once_one_wins),
	};

	return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
