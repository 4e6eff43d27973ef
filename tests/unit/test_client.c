/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client.c - a client's handshake and life, against servers that lie
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "client_script.h"
#include "sys/sock.h"
#include "vfio_user/version.h"

/* The handshake */

static void s106_version_comes_first_with_a_nul_terminated_text(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct logged first;

	assert_true(logged_of(s, WIRE_VERSION, 0, &first));
	assert_int_equal(s->log[0].command, WIRE_VERSION);
	assert_true(first.len > 4);
	assert_int_equal(s->request.payload[first.len - 1], '\0');
	assert_memory_equal(s->request.payload + 4, "{\"capabilities\":", 16);
	script_unplug(s, client);
}

static void s106_s109_replies_that_say_little_mean_defaults(void **state)
{
	static const char *const texts[] = {
		NULL,
		"{}",
		"{\"capabilities\":{}}",
		" { \"capabilities\" : { } , \"other\" : [ 1 , 2 ] } ",
		"{\"capabilities\":{\"unknown\":{\"deep\":[1]},\"another\":null}}",
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct rig_client_version version;
		struct rig_client *client;

		s->json = texts[i];
		client = script_plug(s);
		rig_client_version(client, &version);
		assert_int_equal(version.max_msg_fds, 1);
		assert_int_equal(version.max_data_xfer_size, 1048576);
		assert_int_equal(version.max_dma_maps, 65535);
		assert_int_equal(version.pgsizes, 4096);
		assert_false(version.write_multiple);
		assert_false(version.twin_socket);
		assert_string_equal(version.json, texts[i] ? texts[i] : "");
		script_unplug(s, client);
	}
}

struct bent_version {
	uint16_t major, minor;
	const char *json;
	int cut;	/* bytes less at the end */
	uint32_t error; /* +1: an error reply */
};

static const struct bent_version refused[] = {
	{ .major = 1, .json = "{}" },
	{ .minor = VERSION_MINOR + 1, .json = "{}" },
	{ .minor = UINT16_MAX, .json = "{}" },
	{ .json = "{]" },
	{ .json = "{\"capabilities\":{" },
	{ .json = "{\"capabilities\":7}" },
	{ .json = "[]" },
	{ .json = "{\"capabilities\":{\"max_msg_fds\":\"8\"}}" },
	{ .json = "{\"capabilities\":{\"max_data_xfer_size\":1.5}}" },
	{ .json = "{\"capabilities\":{\"max_data_xfer_size\":-1}}" },
	{ .json = "{\"capabilities\":{\"max_data_xfer_size\":0}}" },
	{ .json = "{\"capabilities\":{\"pgsizes\":0}}" },
	{ .json = "{\"capabilities\":{\"max_dma_maps\":99999999999999999999}}" },
	{ .json = "{\"capabilities\":{\"write_multiple\":1}}" },
	{ .json = "{\"capabilities\":{\"twin_socket\":true}}" },
	{ .json = "{}", .cut = 1 },
	{ .json = NULL, .cut = 1 },
	{ .json = NULL, .cut = 4 },
	{ .json = NULL, .error = 1 + 0 },
	{ .json = NULL, .error = 1 + EINVAL },
	{ .json = NULL, .error = 1 + UINT32_MAX - 1 },
};

static enum verdict bend_version(struct script *s, const struct message *request,
				 struct message *reply)
{
	const struct bent_version *bent = s->opaque;
	const struct wire_version version = { bent->major, bent->minor };

	set_payload(reply, &version, sizeof(version));
	if (bent->json)
		add_payload(reply, bent->json, strlen(bent->json) + 1);
	reply->header.size -= (uint32_t)bent->cut;
	if (bent->error)
		set_error(reply, bent->error - 1, 0);
	return SEND;
}

static void s107_a_bad_version_reply_fails_cleanly(void **state)
{
	struct script *s = *state;

	s->bend = bend_version;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct rig_client *client = NULL;

		s->opaque = (void *)&refused[i];
		assert_true(script_connect(s, NULL, &client) < 0);
		assert_null(client);
		script_end(s);
		assert_int_equal(fds_open(), s->open_before);
	}
}

static enum verdict oversize(struct script *s, const struct message *request, struct message *reply)
{
	memset(reply->payload + 4, ' ', VERSION_MAX_JSON + 1);
	reply->header.size = 16 + 4 + VERSION_MAX_JSON + 1;
	return SEND;
}

static enum verdict error_with_payload(struct script *s, const struct message *request,
				       struct message *reply)
{
	set_error(reply, EBUSY, 1000);
	return SEND;
}

static enum verdict hang_up(struct script *s, const struct message *request, struct message *reply)
{
	return HANG_UP;
}

static enum verdict silence(struct script *s, const struct message *request, struct message *reply)
{
	return SAY_NOTHING;
}

static void s107_an_oversize_text_errors_and_silence_fail_cleanly(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	char *error = NULL;

	s->bend = oversize;
	assert_int_equal(script_connect(s, NULL, &client), -EPROTO);
	s->bend = error_with_payload;
	assert_int_equal(script_connect(s, NULL, &client), -EBUSY);
	s->bend = hang_up;
	assert_int_equal(script_connect(s, NULL, &client), -ENOTCONN);
	s->bend = silence;
	assert_int_equal(
		rig_client_new(script_restart(s), NULL, rig_after_ms(SHORT_MS), &client, &error),
		-ETIMEDOUT);
	assert_non_null(error);
	free(error);
	assert_int_equal(
		rig_client_new(script_restart(s), NULL, rig_after_ms(SHORT_MS), &client, NULL),
		-ETIMEDOUT);
}

static void s107_the_servers_text_is_shown_without_what_terminals_obey(void **state)
{
	static const struct bent_version bent = { .json = "{\"\033[31mx\n" };
	struct script *s = *state;
	struct rig_client *client;
	char *error;

	s->bend = bend_version;
	s->opaque = (void *)&bent;
	assert_int_equal(rig_client_new(script_restart(s), NULL, soon(), &client, &error), -EPROTO);
	assert_non_null(strstr(error, "{\"?[31mx?"));
	free(error);
}

/* Twin sockets. opaque: what to do instead of the right thing */

struct twin {
	const char *json;
	int kind; /* of the fd */
	size_t n; /* of fds */
};

enum { TWIN_STREAM, TWIN_DGRAM, TWIN_FILE, TWIN_DIRECTORY, TWIN_PIPE };

static int twin_fd(struct script *s, int kind)
{
	int ends[2] = { -1, -1 };

	switch (kind) {
	case TWIN_STREAM:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		s->twin = ends[1];
		return ends[0];
	case TWIN_DGRAM:
		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
		break;
	case TWIN_FILE:
		return test_memfd(4096);
	case TWIN_DIRECTORY:
		return open("/tmp", O_RDONLY | O_DIRECTORY);
	case TWIN_PIPE:
		assert_int_equal(pipe(ends), 0);
		break;
	}
	close(ends[1]);
	return ends[0];
}

static enum verdict offer_twin(struct script *s, const struct message *request,
			       struct message *reply)
{
	const struct twin *twin = s->opaque;
	const struct wire_version version = { 0, 0 };
	bool ok;

	if (request->header.command != WIRE_VERSION)
		return SEND;
	set_payload(reply, &version, sizeof(version));
	add_payload(reply, twin->json, strlen(twin->json) + 1);
	reply->n_fds = twin->n;
	for (size_t i = 0; i < twin->n; i++)
		reply->fds[i] = twin_fd(s, i == 0 ? twin->kind : TWIN_FILE);
	ok = script_send(s, s->fd, reply);
	for (size_t i = 0; i < twin->n; i++)
		close(reply->fds[i]);
	return ok ? SAY_NOTHING : HANG_UP;
}

#define TWIN_JSON(index) \
	"{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":" index "}}}"

static int connect_with_twin(struct script *s, struct twin *twin, struct rig_client **ret)
{
	const struct rig_client_config config = { .struct_size = sizeof(config),
						  .flags = RIG_CLIENT_TWIN_SOCKET };

	s->bend = offer_twin;
	s->opaque = twin;
	return script_connect(s, &config, ret);
}

static void s108_a_twin_socket_that_is_none_ends_it(void **state)
{
	static const struct twin twins[] = {
		{ TWIN_JSON("0"), TWIN_STREAM, 0 },
		{ TWIN_JSON("1"), TWIN_STREAM, 1 },
		{ TWIN_JSON("4294967295"), TWIN_STREAM, 1 },
		{ "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}", TWIN_STREAM, 1 },
		{ TWIN_JSON("0"), TWIN_DGRAM, 1 },
		{ TWIN_JSON("0"), TWIN_FILE, 1 },
		{ TWIN_JSON("0"), TWIN_DIRECTORY, 1 },
		{ TWIN_JSON("0"), TWIN_PIPE, 1 },
		{ "{}", TWIN_STREAM, 1 },
		{ TWIN_JSON("-1"), TWIN_STREAM, 1 },
		{ TWIN_JSON("0"), TWIN_STREAM, 17 }, /* more than we take */
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(twins); i++) {
		struct rig_client *client;

		assert_true(connect_with_twin(s, (struct twin *)&twins[i], &client) < 0);
		script_end(s);
		assert_int_equal(fds_open(), s->open_before);
	}
}

static void s108_a_twin_socket_that_nobody_asked_for_ends_it(void **state)
{
	struct twin twin = { TWIN_JSON("0"), TWIN_STREAM, 1 };
	struct script *s = *state;
	struct rig_client *client;

	s->bend = offer_twin;
	s->opaque = &twin;
	assert_int_equal(script_connect(s, NULL, &client), -EPROTO);
}

static void s108_twin_socket_declined_goes_on_without(void **state)
{
	struct twin twin = { "{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}",
			     TWIN_STREAM, 0 };
	struct script *s = *state;
	struct rig_client_version version;
	struct rig_client *client;

	assert_int_equal(connect_with_twin(s, &twin, &client), 0);
	rig_client_version(client, &version);
	assert_false(version.twin_socket);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	script_unplug(s, client);
}

static void s121_twin_socket_carries_the_servers_commands_and_their_replies(void **state)
{
	/* One fd more than there should be: closed. */
	struct twin twin = { TWIN_JSON("0"), TWIN_STREAM, 2 };
	struct script *s = *state;
	struct message *m = dma_read_message(7, 0x1000, 16);
	struct rig_client_version version;
	struct rig_client *client;

	assert_int_equal(connect_with_twin(s, &twin, &client), 0);
	rig_client_version(client, &version);
	assert_true(version.twin_socket);
	assert_true(script_send(s, s->twin, m));
	/* Nobody mapped anything: refused, by the same way. */
	for (struct pollfd p = { s->twin, POLLIN, 0 }; poll(&p, 1, 0) == 0;)
		assert_int_equal(rig_client_dispatch(client), 0);
	assert_true(script_receive(s->twin, m));
	assert_int_equal(m->header.id, 7);
	assert_int_equal(m->header.size, 16);
	assert_int_equal(m->header.flags, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR);
	assert_int_equal(m->header.error, EFAULT);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	free(m);
	script_unplug(s, client);
}

static void a_server_that_sends_one_byte_at_a_time_is_understood(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	struct rig_device_info info;
	uint8_t bytes[32];

	s->one_byte_at_a_time = true;
	client = script_plug(s);
	assert_int_equal(rig_client_device_info(client, &info, soon()), 0);
	assert_int_equal(info.num_regions, 9);
	assert_int_equal(rig_client_region_read(client, 0, 5, bytes, sizeof(bytes), soon()), 0);
	assert_memory_equal(bytes, s->region + 5, sizeof(bytes));
	script_unplug(s, client);
}

static void configs_that_contradict_themselves_are_refused(void **state)
{
	static const struct rig_client_config bad[] = {
		{ .struct_size = sizeof(bad[0]) - 1 },
		{ .struct_size = sizeof(bad[0]), .flags = 1u << 31 },
		{ .struct_size = sizeof(bad[0]), .max_msg_fds = 254 },
		{ .struct_size = sizeof(bad[0]), .max_data_xfer_size = 4095 },
		{ .struct_size = sizeof(bad[0]), .max_data_xfer_size = (64u << 20) + 1 },
		{ .struct_size = sizeof(bad[0]), .max_requests = 65537 },
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig_client *client;

		assert_int_equal(script_connect(s, &bad[i], &client), -EINVAL);
	}
}

static void nobody_and_no_socket_are_told_apart(void **state)
{
	char dir[] = "/tmp/test_client.XXXXXX", path[64];
	struct sock_listener listener;
	struct rig_client *client;
	char *error;

	assert_int_equal(rig_client_connect("/nonexistent/s", NULL, soon(), &client, &error),
			 -ENOENT);
	free(error);
	assert_int_equal(rig_client_connect("/etc/passwd", NULL, soon(), &client, &error),
			 -ENOTSOCK);
	free(error);
	assert_int_equal(rig_client_connect("/etc/passwd", NULL, soon(), &client, NULL), -ENOTSOCK);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(sock_listen(path, NULL, &listener), 0);
	close(listener.fd);
	listener.fd = -1;
	assert_int_equal(rig_client_connect(path, NULL, soon(), &client, &error), -ECONNREFUSED);
	assert_non_null(strstr(error, "is the server running?"));
	free(error);
	sock_listener_close(&listener);
	assert_int_equal(rmdir(dir), 0);
}

/* Death */

struct deaths {
	pthread_mutex_t lock;
	unsigned int n;
	int error;
	char reason[200];
};
#define DEATHS                                      \
	{                                           \
		PTHREAD_MUTEX_INITIALIZER, 0, 0, "" \
	}

static void on_disconnected(void *opaque, int error, const char *reason)
{
	struct deaths *deaths = opaque;

	pthread_mutex_lock(&deaths->lock);
	deaths->n++;
	deaths->error = error;
	snprintf(deaths->reason, sizeof(deaths->reason), "%s", reason);
	pthread_mutex_unlock(&deaths->lock);
}

static enum verdict die_at_reset(struct script *s, const struct message *request,
				 struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_RESET)
		return HANG_UP;
	return request->header.command == WIRE_VERSION ? SEND : SAY_NOTHING;
}

struct reader {
	struct rig_client *client;
	int result;
};

static void *read_one(void *opaque)
{
	struct reader *reader = opaque;
	uint8_t byte;

	reader->result = rig_client_region_read(reader->client, 0, 0, &byte, 1, RIG_FOREVER);
	return NULL;
}

static void s126_server_death_fails_every_waiter(void **state)
{
	const struct rig_client_ops ops = { .disconnected = on_disconnected };
	struct deaths deaths = DEATHS;
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct reader readers[4];
	struct rig_client *client;
	pthread_t threads[4];

	s->bend = die_at_reset;
	client = script_plug_with(s, &ops, &deaths, 0);
	for (int i = 0; i < 4; i++) {
		readers[i].client = client;
		assert_int_equal(pthread_create(&threads[i], NULL, read_one, &readers[i]), 0);
	}
	while (n_logged(s, WIRE_REGION_READ) < 4)
		usleep(100);
	assert_int_equal(
		rig_client_reset_async(client, RIG_FOREVER, waiter_completion(&waiter), NULL), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].result, -ENOTCONN);
	}
	waiter_take(&waiter, client);
	assert_int_equal(waiter.result, -ENOTCONN);
	assert_true(rig_client_error(client) < 0);
	while (rig_client_dispatch(client) == 0)
		;
	assert_int_equal(deaths.n, 1);
	assert_true(strlen(deaths.reason) > 0);
	/* For good. */
	assert_int_equal(rig_client_reset(client, soon()), -ENOTCONN);
	assert_int_equal(rig_client_region_post(client, 0, 0, "x", 1, soon()), -ENOTCONN);
	assert_true(reason_has(client, "connection"));
	script_unplug(s, client);
	assert_int_equal(deaths.n, 1);
}

static void disconnect_ends_every_call_and_is_told_once(void **state)
{
	const struct rig_client_ops ops = { .disconnected = on_disconnected };
	struct deaths deaths = DEATHS;
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;

	s->bend = die_at_reset;
	client = script_plug_with(s, &ops, &deaths, 0);
	assert_int_equal(rig_client_region_write_async(client, 0, 0, "x", 1, RIG_FOREVER,
						       waiter_completion(&waiter), NULL),
			 0);
	rig_client_disconnect(client);
	assert_int_equal(waiter_take(&waiter, client), -ENOTCONN);
	script_unplug(s, client);
	assert_int_equal(deaths.n, 1);
}

static void freeing_completes_what_is_in_flight(void **state)
{
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;

	s->bend = die_at_reset;
	for (uint32_t flags = 0; flags <= RIG_CLIENT_DISPATCH_ONLY;
	     flags += RIG_CLIENT_DISPATCH_ONLY) {
		client = script_plug_with(s, NULL, NULL, flags);
		assert_int_equal(rig_client_region_write_async(client, 0, 0, "x", 1, RIG_FOREVER,
							       waiter_completion(&waiter), NULL),
				 0);
		script_unplug(s, client);
		assert_int_equal(waiter.runs, 1);
		assert_int_equal(waiter.result, -ENOTCONN);
		waiter.runs = 0;
	}
	rig_client_free(NULL);
}

/* Fork */

static int in_child(struct rig_client *client)
{
	struct rig_device_info info;
	char reason[100];
	uint8_t byte;

	if (rig_client_error(client) != -ENOTCONN ||
	    rig_client_device_info(client, &info, soon()) != -ENOTCONN ||
	    rig_client_region_read(client, 0, 0, &byte, 1, soon()) != -ENOTCONN ||
	    rig_client_reset(client, soon()) != -ENOTCONN ||
	    rig_client_dma_unmap_all(client, soon()) != -ENOTCONN ||
	    rig_client_dispatch(client) != -ENOTCONN)
		return 1;
	if (rig_client_reason(client, reason, sizeof(reason)) == 0)
		return 2;
	rig_client_free(client);
	return 0;
}

static void a_forked_child_has_no_connection_and_does_no_harm(void **state)
{
	const struct rig_dma_region region = {
		.address = 0x1000, .size = 0x1000, .flags = RIG_DMA_READ, .fd = -1
	};
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct waiter waiter = WAITER;
	int status;
	pid_t pid;

	assert_int_equal(rig_client_dma_map(client, &region, soon()), 0);
	assert_int_equal(rig_client_reset_async(client, soon(), waiter_completion(&waiter), NULL),
			 0);
	pid = fork();
	if (pid == 0)
		_exit(in_child(client));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* The parent's connection lives, and no completion ran in the child. */
	assert_int_equal(waiter_take(&waiter, client), 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	script_unplug(s, client);
}

/* The log */

struct lines {
	pthread_mutex_t lock;
	unsigned int n;
	char last[1024];
};

static void on_log(void *opaque, enum rig_log_level level, const char *message)
{
	struct lines *lines = opaque;

	pthread_mutex_lock(&lines->lock);
	lines->n++;
	snprintf(lines->last, sizeof(lines->last), "%s", message);
	pthread_mutex_unlock(&lines->lock);
}

static enum verdict refuse_reset(struct script *s, const struct message *request,
				 struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_RESET)
		set_error(reply, EPERM, 0);
	return SEND;
}

static void the_log_names_device_command_error_and_the_connections_fate(void **state)
{
	const struct rig_client_ops ops = { .log = on_log };
	struct lines lines = { PTHREAD_MUTEX_INITIALIZER, 0, "" };
	struct script *s = *state;
	struct rig_client *client;
	char reason[8];

	s->bend = refuse_reset;
	client = script_plug_with(s, &ops, &lines, 0);
	assert_int_equal(rig_client_reason(client, reason, sizeof(reason)), 0);
	assert_int_equal(rig_client_reset(client, soon()), -EPERM);
	assert_non_null(strstr(lines.last, "vfio-user device: DEVICE_RESET: the server says"));
	assert_non_null(strstr(lines.last, "lives on"));
	assert_true(reason_has(client, "DEVICE_RESET: the server says"));
	assert_true(rig_client_reason(client, reason, sizeof(reason)) > sizeof(reason));
	assert_int_equal(strlen(reason), sizeof(reason) - 1);
	script_unplug(s, client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(s106_version_comes_first_with_a_nul_terminated_text),
		script_test(s106_s109_replies_that_say_little_mean_defaults),
		script_test(s107_a_bad_version_reply_fails_cleanly),
		script_test(s107_an_oversize_text_errors_and_silence_fail_cleanly),
		script_test(s107_the_servers_text_is_shown_without_what_terminals_obey),
		script_test(s108_a_twin_socket_that_is_none_ends_it),
		script_test(s108_a_twin_socket_that_nobody_asked_for_ends_it),
		script_test(s108_twin_socket_declined_goes_on_without),
		script_test(s121_twin_socket_carries_the_servers_commands_and_their_replies),
		script_test(a_server_that_sends_one_byte_at_a_time_is_understood),
		script_test(configs_that_contradict_themselves_are_refused),
		script_test(nobody_and_no_socket_are_told_apart),
		script_test(s126_server_death_fails_every_waiter),
		script_test(disconnect_ends_every_call_and_is_told_once),
		script_test(freeing_completes_what_is_in_flight),
		script_test(a_forked_child_has_no_connection_and_does_no_harm),
		script_test(the_log_names_device_command_error_and_the_connections_fate),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
