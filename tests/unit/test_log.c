/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_log.c - what reaches stderr, and the service manager
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/log.h"
#include "sys/notify.h"

/* stderr goes to a pipe until capture_end(). */
struct capture {
	int real_stderr, read_end;
	char text[8192];
};

static void capture_start(struct capture *c)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	c->real_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	c->read_end = fds[0];
}

static const char *capture_end(struct capture *c)
{
	ssize_t n = read(c->read_end, c->text, sizeof(c->text) - 1);

	c->text[n > 0 ? n : 0] = '\0';
	dup2(c->real_stderr, STDERR_FILENO);
	close(c->real_stderr);
	close(c->read_end);
	log_set_level(LOG_LEVEL_INFO);
	return c->text;
}

static void a_message_is_one_line_with_its_level(void **state)
{
	struct capture c;

	capture_start(&c);
	log_error("e %d", 1);
	log_warning("w");
	log_info("i");
	assert_string_equal(capture_end(&c),
			    "outrigger: error: e 1\noutrigger: warning: w\noutrigger: i\n");
}

static void messages_above_the_level_are_dropped(void **state)
{
	struct capture c;

	capture_start(&c);
	log_debug("hidden by default");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("hidden");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	assert_string_equal(capture_end(&c), "outrigger: debug: shown\n");
}

static void control_characters_cannot_fake_a_line(void **state)
{
	struct capture c;

	capture_start(&c);
	log_info("%s", "a\noutrigger: error: b\033[2J\177");
	assert_string_equal(capture_end(&c), "outrigger: a?outrigger: error: b?[2J?\n");
}

static void a_long_message_is_cut_and_stays_a_line(void **state)
{
	static char message[5000];
	struct capture c;
	const char *text;

	memset(message, 'x', sizeof(message) - 1);
	capture_start(&c);
	log_info("%s", message);
	text = capture_end(&c);
	assert_int_equal(strlen(text), 1024);
	assert_ptr_equal(strchr(text, '\n'), text + 1023);
}

static void what_peers_cause_is_limited(void **state)
{
	struct log_limit limit = { 0 };
	struct capture c;
	const char *text;
	unsigned int lines = 0;

	capture_start(&c);
	for (unsigned int i = 0; i < 100; i++)
		log_limited(&limit, LOG_LEVEL_WARNING, "again");
	text = capture_end(&c);
	for (const char *at = text; (at = strstr(at, "again\n")); at++)
		lines++;
	assert_int_equal(lines, LOG_LIMIT_BURST);
	assert_int_equal(limit.suppressed, 100 - LOG_LIMIT_BURST);
	limit.window_start_ms -= LOG_LIMIT_MS; /* time passes */
	capture_start(&c);
	log_limited(&limit, LOG_LEVEL_WARNING, "later");
	assert_string_equal(capture_end(&c),
			    "outrigger: warning: (95 messages like the next one were left out)\n"
			    "outrigger: warning: later\n");
}

static void levels_have_names(void **state)
{
	enum log_level level;

	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("Debug", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
}

/* A service manager: a datagram socket at @name, '@' for an abstract one. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	return fd;
}

static void told(const char *name)
{
	int fd = manager(name);
	char got[64] = "";

	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_service_manager("READY=1"), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_string_equal(got, "READY=1");
	close(fd);
}

static void the_service_manager_is_told_at_a_path_or_an_abstract_name(void **state)
{
	char path[64], abstract[64];

	snprintf(path, sizeof(path), "/tmp/test_log.%d", (int)getpid());
	snprintf(abstract, sizeof(abstract), "@test_log.%d", (int)getpid());
	told(path);
	unlink(path);
	told(abstract);
}

static void nobody_is_told_when_nobody_asked(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_service_manager("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_service_manager("READY=1"), 0);
}

static void addresses_that_are_none_are_refused(void **state)
{
	char longer[120] = "/";

	memset(longer + 1, 'x', sizeof(longer) - 2);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_service_manager("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "@", 1);
	assert_int_equal(notify_service_manager("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(notify_service_manager("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	assert_int_equal(notify_service_manager("READY=1"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_one_line_with_its_level),
		cmocka_unit_test(messages_above_the_level_are_dropped),
		cmocka_unit_test(control_characters_cannot_fake_a_line),
		cmocka_unit_test(a_long_message_is_cut_and_stays_a_line),
		cmocka_unit_test(what_peers_cause_is_limited),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(the_service_manager_is_told_at_a_path_or_an_abstract_name),
		cmocka_unit_test(nobody_is_told_when_nobody_asked),
		cmocka_unit_test(addresses_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
