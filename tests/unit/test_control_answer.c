/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_control_answer.c - requests answered for a user network on a loop, without a control socket
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "net/control/answer.h"
#include "net/control/captures.h"
#include "net/settings/config_file.h"

struct fixture {
	uv_loop_t loop;
	struct net_settings settings;
	struct control_host host;
	struct json_object *answer;
	unsigned int n_events;
	int open_before;
};

static struct fixture *told; /* whom tell() is for */

static void tell(struct control_client *client, struct json_object *event)
{
	json_object_put(event);
	told->n_events++;
}

static int setup(void **state)
{
	static const char config[] = "mode host\nstart-address 10.1.0.1\nend-address 10.1.0.9\n"
				     "subnet-mask 255.255.255.0\ncontrol /nowhere/c\n";
	struct fixture *f = calloc(1, sizeof(*f));
	char *error = NULL;

	assert_non_null(f);
	/* The first loop of a process opens what all share, for good. */
	assert_int_equal(uv_loop_init(&f->loop), 0);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	f->open_before = fds_open();
	assert_int_equal(uv_loop_init(&f->loop), 0);
	assert_int_equal(config_file_parse(&f->settings, "F", config, sizeof(config) - 1, &error),
			 0);
	assert_int_equal(net_settings_complete(&f->settings, &error), 0);
	assert_int_equal(net_service_new(&f->loop, &f->settings, &f->host.service, &error), 0);
	assert_int_equal(captures_new(net_service_ports(f->host.service), tell, &f->host.captures),
			 0);
	f->host.version = "1.2.3";
	*state = told = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	json_object_put(f->answer);
	captures_free(f->host.captures);
	net_service_free(f->host.service);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	net_settings_free(&f->settings);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}

/* The whole answer, which lives until the next one. */
static struct json_object *ask_fd(struct fixture *f, const char *request, int fd)
{
	struct request_line line = { .text = strdup(request), .len = strlen(request), .fd = fd };
	char *text = NULL;

	assert_non_null(line.text);
	assert_int_equal(control_answer(&f->host, (struct control_client *)f, &line, &text), 0);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	json_object_put(f->answer);
	f->answer = json_tokener_parse(text);
	assert_non_null(f->answer);
	free(text);
	free(line.text);
	return f->answer;
}

static const char *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, name, &value));
	return json_object_get_string(value);
}

static struct json_object *result(struct fixture *f, const char *request)
{
	struct json_object *value = NULL;
	struct json_object *answer = ask_fd(f, request, -1);

	if (!json_object_object_get_ex(answer, "result", &value))
		fail_msg("%s: %s", request, json_object_to_json_string(answer));
	return value;
}

static void expect_result(struct fixture *f, const char *request, const char *expected)
{
	assert_string_equal(json_object_to_json_string_ext(result(f, request),
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE),
			    expected);
}

static void expect_error_fd(struct fixture *f, const char *request, int fd, const char *code)
{
	struct json_object *error = NULL;

	assert_true(json_object_object_get_ex(ask_fd(f, request, fd), "error", &error));
	assert_string_equal(member(error, "code"), code);
	assert_true(*member(error, "message"));
}

static void status_is_that_of_the_settings(void **state)
{
	struct json_object *status = result(*state, "{\"method\":\"status\"}");

	assert_string_equal(member(status, "version"), "1.2.3");
	assert_string_equal(member(status, "mode"), "host");
	assert_string_equal(member(status, "network"), "user");
	assert_string_equal(member(status, "gateway"), "10.1.0.1");
	assert_string_equal(member(status, "end_address"), "10.1.0.9");
	assert_string_equal(member(status, "mtu"), "1500");
}

static void port_by_fd_comes_has_its_limits_and_goes(void **state)
{
	int pair[2], open = fds_open();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_string_equal(
		json_object_to_json_string_ext(
			ask_fd(*state,
			       "{\"id\":1,\"method\":\"add-port\",\"params\":{\"kind\":\"stream\","
			       "\"name\":\"a\",\"mac\":\"02:00:00:00:00:01\",\"rate\":\"8mbit\"}}",
			       pair[1]),
			JSON_C_TO_STRING_PLAIN),
		"{\"id\":1,\"result\":{\"name\":\"a\",\"mac\":\"02:00:00:00:00:01\"}}");
	expect_result(*state,
		      "{\"method\":\"set-limits\",\"params\":{\"port\":\"a\","
		      "\"rate-to-guest\":16000}}",
		      "{}");
	assert_non_null(
		strstr(json_object_to_json_string_ext(result(*state, "{\"method\":\"ports\"}"),
						      JSON_C_TO_STRING_PLAIN),
		       "{\"rate_to_guest\":16000,\"rate_from_guest\":8000000}"));
	expect_result(*state, "{\"method\":\"remove-port\",\"params\":{\"port\":\"a\"}}", "{}");
	close(pair[0]);
	uv_run(&told->loop, UV_RUN_NOWAIT);
	assert_int_equal(fds_open(), open);
}

static void fd_that_makes_no_port_is_closed(void **state)
{
	static const char *const requests[] = {
		"{\"method\":\"add-port\",\"params\":{\"kind\":\"dgram\",\"name\":\"a\"}}",
		"{\"method\":\"add-port\",\"params\":{\"kind\":\"stream\"}}",
		"{\"method\":\"add-port\",\"params\":{\"kind\":\"x\",\"name\":\"a\"}}",
		"{\"method\":\"add-port\",\"params\":{\"kind\":\"stream\",\"path\":\"/x\"}}",
		"{\"method\":\"status\"}",
		"{\"method\":\"x\"}",
		"{",
	};
	static const char *const codes[] = { "failed",	"invalid",	  "invalid",  "invalid",
					     "invalid", "unknown-method", "malformed" };

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int pair[2], open = fds_open();

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		expect_error_fd(*state, requests[i], pair[1], codes[i]);
		close(pair[0]);
		assert_int_equal(fds_open(), open);
	}
}

static void forward_follows_a_reservation_of_its_guest(void **state)
{
	static const char forwards[] = "{\"method\":\"forwards\"}";

	expect_result(*state,
		      "{\"method\":\"add-forward\",\"params\":{\"forward\":"
		      "\"udp:127.0.0.1:40999-web:80\"}}",
		      "{}");
	expect_result(*state, forwards,
		      "{\"forwards\":[{\"forward\":\"udp:127.0.0.1:40999-web:80\",\"active\":false,"
		      "\"guest_address\":null}]}");
	expect_result(*state,
		      "{\"method\":\"add-reservation\",\"params\":{\"mac\":\"02:00:00:00:00:01\","
		      "\"address\":\"10.1.0.5\",\"name\":\"web\"}}",
		      "{}");
	expect_result(*state, forwards,
		      "{\"forwards\":[{\"forward\":\"udp:127.0.0.1:40999-web:80\",\"active\":true,"
		      "\"guest_address\":\"10.1.0.5\"}]}");
	expect_result(*state, "{\"method\":\"leases\"}",
		      "{\"leases\":[{\"mac\":\"02:00:00:00:00:01\",\"address\":\"10.1.0.5\","
		      "\"name\":\"web\",\"expires_s\":null,\"reserved\":true}]}");
	expect_result(*state,
		      "{\"method\":\"remove-reservation\",\"params\":{\"mac\":"
		      "\"02:00:00:00:00:01\"}}",
		      "{}");
	expect_result(*state, forwards,
		      "{\"forwards\":[{\"forward\":\"udp:127.0.0.1:40999-web:80\",\"active\":false,"
		      "\"guest_address\":null}]}");
}

static void capture_tells_its_end_to_who_asked(void **state)
{
	struct fixture *f = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(json_object_object_get_ex(ask_fd(f, "{\"method\":\"capture-start\"}", pair[1]),
					      "result", NULL));
	close(pair[0]);
	while (!f->n_events)
		uv_run(&f->loop, UV_RUN_ONCE);
	expect_result(f, "{\"method\":\"captures\"}", "{\"captures\":[]}");
	assert_int_equal(f->n_events, 1);
}

static void capture_of_a_client_that_is_gone_tells_nobody(void **state)
{
	struct fixture *f = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ask_fd(f, "{\"method\":\"capture-start\"}", pair[1]);
	captures_forget(f->host.captures, (struct control_client *)f);
	expect_result(f, "{\"method\":\"capture-stop\",\"params\":{\"capture\":1}}", "{}");
	expect_result(f, "{\"method\":\"capture-stop\",\"params\":{\"capture\":1}}", "{}");
	expect_error_fd(f, "{\"method\":\"capture-stop\",\"params\":{\"capture\":1}}", -1,
			"not-found");
	assert_int_equal(f->n_events, 0);
	close(pair[0]);
}

static void reload_without_a_file_is_unsupported(void **state)
{
	expect_error_fd(*state, "{\"method\":\"reload\"}", -1, "unsupported");
}

static void metrics_have_an_end(void **state)
{
	const char *text = member(result(*state, "{\"method\":\"metrics\"}"), "text");

	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	assert_non_null(strstr(text, "\noutrigger_info{version=\"1.2.3\",mode=\"host\","));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(status_is_that_of_the_settings),
		TEST(port_by_fd_comes_has_its_limits_and_goes),
		TEST(fd_that_makes_no_port_is_closed),
		TEST(forward_follows_a_reservation_of_its_guest),
		TEST(capture_tells_its_end_to_who_asked),
		TEST(capture_of_a_client_that_is_gone_tells_nobody),
		TEST(reload_without_a_file_is_unsupported),
		TEST(metrics_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
