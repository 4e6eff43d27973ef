/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_control.c - a client of the control socket that says anything
 *
 * Input: what it sends, fed in pieces. Held: each line gets one answer, a JSON object in one line with either
 * a result or an error that has a code and a message; a request for what only looks changes nothing. The
 * network is a real one, without a socket: paths lead nowhere.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "net/control/answer.h"
#include "net/control/captures.h"
#include "net/settings/config_file.h"
#include "sys/log.h"

static uv_loop_t loop;
static struct net_settings settings;
static struct control_host host;

static void tell(struct control_client *client, struct json_object *event)
{
	json_object_put(event);
}

static void begin(void)
{
	static const char config[] = "mode host\nnetwork user\ncontrol /nowhere/c\n";
	char *error = NULL;

	log_set_level(LOG_LEVEL_ERROR);
	MUST(uv_loop_init(&loop) == 0);
	MUST(config_file_parse(&settings, "F", config, sizeof(config) - 1, &error) == 0);
	MUST(net_settings_complete(&settings, &error) == 0);
	MUST(net_service_new(&loop, &settings, &host.service, &error) == 0);
	MUST(captures_new(net_service_ports(host.service), tell, &host.captures) == 0);
	host.version = "0";
}

static void end(void)
{
	captures_free(host.captures);
	net_service_free(host.service);
	uv_run(&loop, UV_RUN_DEFAULT);
	MUST(uv_loop_close(&loop) == 0);
	net_settings_free(&settings);
}

static void check_error(struct json_object *error)
{
	struct json_object *code, *message;

	MUST(json_object_object_get_ex(error, "code", &code));
	MUST(json_object_object_get_ex(error, "message", &message));
	MUST(*json_object_get_string(code) && *json_object_get_string(message));
}

static void check_answer(const char *text)
{
	struct json_object *answer, *part;
	const char *newline = strchr(text, '\n');

	MUST(newline && !newline[1]);
	answer = json_tokener_parse(text);
	MUST(json_object_is_type(answer, json_type_object));
	MUST(json_object_object_get_ex(answer, "id", NULL));
	MUST(json_object_object_length(answer) == 2);
	if (json_object_object_get_ex(answer, "error", &part))
		check_error(part);
	else
		MUST(json_object_object_get_ex(answer, "result", &part) &&
		     json_object_is_type(part, json_type_object));
	json_object_put(answer);
}

/* Return: was there one? */
static bool answer_next(struct request_lines *lines)
{
	struct request_line line;
	char *text;
	int r = request_lines_next(lines, &line);

	if (r == 0)
		return false;
	if (r < 0)
		MUST(control_refusal(r, "long", &text) == 0);
	else
		MUST(control_answer(&host, NULL, &line, &text) == 0);
	check_answer(text);
	free(text);
	return true;
}

/* Sizes of the pieces, and which of them bring an fd, are the first byte's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_lines lines;
	size_t at = 1, step = size ? data[0] % 64 + 1u : 1;

	begin();
	MUST(request_lines_init(&lines) == 0);
	while (at < size) {
		struct sock_fds fds = { 0 };
		size_t n;
		char *to = request_lines_room(&lines, &n);

		MUST(n > 0);
		n = n > step ? step : n;
		n = n > size - at ? size - at : n;
		memcpy(to, data + at, n);
		if (data[0] & 0x80 && at % 3 == 0) {
			fds.n = 1;
			fds.fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			MUST(fds.fd[0] >= 0);
		}
		request_lines_feed(&lines, n, &fds);
		while (answer_next(&lines))
			continue;
		at += n;
	}
	request_lines_clear(&lines);
	end();
	return 0;
}

static const char *const seeds[] = {
	"\x3f{\"id\":1,\"method\":\"status\"}\n{\"method\":\"ports\"}\n{\"method\":\"metrics\"}\n",
	"\x05{\"id\":\"a\",\"method\":\"leases\",\"params\":{}}\n{\"method\":\"addresses\"}\n"
	"{\"method\":\"counters\"}\n{\"method\":\"captures\"}\n{\"method\":\"reload\"}\n",
	"\x9f{\"method\":\"add-port\",\"params\":{\"kind\":\"stream\",\"name\":\"a\",\"mtu\":1400,"
	"\"isolated\":true,\"rate\":\"8mbit\"}}\n"
	"{\"method\":\"add-port\",\"params\":{\"kind\":\"nic\",\"path\":\"/nowhere/nor/there/a\",\"mac\":"
	"\"02:00:00:00:00:01\",\"mode\":\"0660\",\"group\":0}}\n",
	"\x07{\"method\":\"add-forward\",\"params\":{\"forward\":\"tcp:127.0.0.1:1-web:80\"}}\n"
	"{\"method\":\"forwards\"}\n"
	"{\"method\":\"remove-forward\",\"params\":{\"forward\":\"tcp:127.0.0.1:1-web:80\"}}\n",
	"\x21{\"method\":\"add-reservation\",\"params\":{\"mac\":\"02:00:00:00:00:01\",\"address\":"
	"\"192.168.64.9\",\"name\":\"web\"}}\n{\"method\":\"remove-reservation\",\"params\":{"
	"\"mac\":\"02:00:00:00:00:01\"}}\n",
	"\x8b{\"method\":\"set-link\",\"params\":{\"port\":\"a\",\"up\":false}}\n"
	"{\"method\":\"set-limits\",\"params\":{\"port\":\"a\",\"rate-to-guest\":8000}}\n"
	"{\"method\":\"remove-port\",\"params\":{\"port\":\"a\"}}\n",
	"\x9b{\"method\":\"capture-start\",\"params\":{\"filter\":\"arp\",\"limit\":1,\"snap-len\":9}}\n"
	"{\"method\":\"capture-stop\",\"params\":{\"capture\":1}}\n",
};

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	return fuzz_seed_text(seeds, sizeof(seeds) / sizeof(seeds[0]), i, buf, max);
}
