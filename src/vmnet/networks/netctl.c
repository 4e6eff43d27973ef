/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netctl.c - a client of a network's control socket that waits for its answers
 *
 * One request at a time, so the next line with an "id" is its answer; lines without are events, which
 * are of no interest. After a failure of the connection what comes next on it is unknown: it is
 * dead from then on, and stays open only to be polled.
 */
#include "vmnet/networks/netctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/json_build.h"
#include "sys/sock.h"
#include "sys/sock_msg.h"

#define DEADLINE_MS  10000
#define LINE_MAX_LEN (8u << 20) /* as docs/control.md has it */
#define READ_SIZE    4096u

struct netctl {
	int fd;
	int error; /* not 0: dead */
	char *buf; /* what came behind the last line */
	size_t len, room;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(const struct netctl *ctl, short events, int64_t end_ms)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = ctl->fd, .events = events };
		int64_t left = end_ms - now_ms();
		int r = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_all(struct netctl *ctl, const char *text, size_t len, int fd, int64_t end_ms)
{
	size_t sent = 0;

	while (sent < len) {
		struct iovec rest = { .iov_base = (char *)(uintptr_t)text + sent,
				      .iov_len = len - sent };
		bool with_fd = fd >= 0 && sent == 0;
		ssize_t n = sock_msg_send(ctl->fd, &rest, 1, with_fd ? &fd : NULL, with_fd);
		int r;

		if (n > 0)
			sent += (size_t)n;
		if (n > 0 || n == -EINTR)
			continue;
		if (n != -EAGAIN)
			return n == -EPIPE || n == -ECONNRESET ? -ENOTCONN : (int)n;
		r = wait_for(ctl, POLLOUT, end_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

static int grow(struct netctl *ctl)
{
	size_t room = ctl->room ? 2 * ctl->room : READ_SIZE;
	char *grown = room <= LINE_MAX_LEN ? realloc(ctl->buf, room) : NULL;

	if (!grown)
		return room <= LINE_MAX_LEN ? -ENOMEM : -EPROTO;
	ctl->buf = grown;
	ctl->room = room;
	return 0;
}

static int read_more(struct netctl *ctl, int64_t end_ms)
{
	ssize_t n;
	int r = ctl->len == ctl->room ? grow(ctl) : 0;

	if (r >= 0)
		r = wait_for(ctl, POLLIN, end_ms);
	if (r < 0)
		return r;
	n = recv(ctl->fd, ctl->buf + ctl->len, ctl->room - ctl->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? -ENOTCONN : -errno;
	ctl->len += (size_t)n;
	return 0;
}

/* The next line as an object; anything else is not our protocol. */
static int read_line(struct netctl *ctl, int64_t end_ms, struct json_object **ret)
{
	struct json_object *line;
	char *newline;
	size_t taken;

	while (!ctl->len || !(newline = memchr(ctl->buf, '\n', ctl->len))) {
		int r = read_more(ctl, end_ms);

		if (r < 0)
			return r;
	}
	*newline = '\0';
	taken = (size_t)(newline - ctl->buf) + 1;
	line = json_tokener_parse(ctl->buf);
	ctl->len -= taken;
	memmove(ctl->buf, ctl->buf + taken, ctl->len);
	if (!json_object_is_type(line, json_type_object)) {
		json_object_put(line);
		return -EPROTO;
	}
	*ret = line;
	return 0;
}

static const struct {
	const char *code;
	int error;
} codes[] = {
	{ "invalid", -EINVAL },	  { "malformed", -EINVAL },	  { "not-found", -ENOENT },
	{ "exists", -EEXIST },	  { "in-use", -EADDRINUSE },	  { "full", -ENOSPC },
	{ "busy", -EBUSY },	  { "unsupported", -EOPNOTSUPP }, { "permission", -EPERM },
	{ "no-memory", -ENOMEM }, { "unknown-method", -ENOSYS },
};

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

/* What the network refused, in its own words. */
static int refusal(struct json_object *line, char **ret_error)
{
	struct json_object *error;
	int r = -EIO;

	if (!json_object_object_get_ex(line, "error", &error) ||
	    !json_object_is_type(error, json_type_object))
		return explain(ret_error, -EPROTO, "the network does not speak its protocol");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(text_of(error, "code"), codes[i].code) == 0)
			r = codes[i].error;
	}
	return explain(ret_error, r, "%s", text_of(error, "message"));
}

static int dead(struct netctl *ctl, int error, char **ret_error)
{
	ctl->error = error;
	return explain(ret_error, error, "the network's control socket: %s",
		       error == -ENOTCONN ? "the network has ended" : strerror(-error));
}

static int hear_greeting(struct netctl *ctl, char **ret_error)
{
	struct json_object *line = NULL, *protocol;
	int r = read_line(ctl, now_ms() + DEADLINE_MS, &line);

	if (r < 0)
		return dead(ctl, r, ret_error);
	if (json_object_object_get_ex(line, "error", NULL))
		r = refusal(line, ret_error);
	else if (!json_object_object_get_ex(line, "protocol", &protocol) ||
		 json_object_get_int(protocol) != 1)
		r = explain(ret_error, -EPROTO,
			    "the network speaks another protocol than this library; use the "
			    "outrigger that came with it");
	json_object_put(line);
	return r;
}

int netctl_open(const char *path, struct netctl **ret, char **ret_error)
{
	struct netctl *ctl;
	int fd = sock_connect(path), r;

	if (fd == -ECONNREFUSED || fd == -ENOENT)
		fd = -ENOTCONN;
	if (fd < 0)
		return explain(ret_error, fd, "%s: %s", path, strerror(-fd));
	ctl = calloc(1, sizeof(*ctl));
	if (!ctl) {
		close(fd);
		return -ENOMEM;
	}
	ctl->fd = fd;
	r = hear_greeting(ctl, ret_error);
	if (r < 0) {
		netctl_close(ctl);
		return r;
	}
	*ret = ctl;
	return 0;
}

void netctl_close(struct netctl *ctl)
{
	if (!ctl)
		return;
	close(ctl->fd);
	free(ctl->buf);
	free(ctl);
}

bool netctl_is_gone(const struct netctl *ctl)
{
	struct pollfd poll_fd = { .fd = ctl->fd, .events = POLLRDHUP };

	return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents;
}

/* @params: freed. Return: NULL: no memory */
static struct json_object *request_of(const char *method, struct json_object *params)
{
	struct json_object *request = json_object_new_object();

	json_put_number(request, "id", 1);
	json_put_text(request, "method", method);
	if (params)
		json_put(request, "params", params);
	if (!json_incomplete())
		return request;
	json_object_put(request);
	return NULL;
}

static int send_request(struct netctl *ctl, struct json_object *request, int fd, int64_t end_ms)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	int r = text ? send_all(ctl, text, strlen(text), fd, end_ms) : -ENOMEM;

	return r < 0 ? r : send_all(ctl, "\n", 1, -1, end_ms);
}

/* Events are passed over; a peer that sends nothing else is stopped by the deadline. */
static int read_answer(struct netctl *ctl, int64_t end_ms, struct json_object **ret)
{
	for (;;) {
		struct json_object *line;
		int r = read_line(ctl, end_ms, &line);

		if (r < 0)
			return r;
		if (json_object_object_get_ex(line, "id", NULL)) {
			*ret = line;
			return 0;
		}
		json_object_put(line);
		if (now_ms() >= end_ms)
			return -ETIMEDOUT;
	}
}

int netctl_call(struct netctl *ctl, const char *method, struct json_object *params, int fd,
		struct json_object **ret, char **ret_error)
{
	struct json_object *request = request_of(method, params), *line = NULL, *result;
	int64_t end_ms = now_ms() + DEADLINE_MS;
	int r = ctl->error;

	if (!request)
		return explain(ret_error, -ENOMEM, "no memory for a request");
	if (r >= 0)
		r = send_request(ctl, request, fd, end_ms);
	if (r >= 0)
		r = read_answer(ctl, end_ms, &line);
	json_object_put(request);
	if (r < 0)
		return dead(ctl, r, ret_error);
	if (!json_object_object_get_ex(line, "result", &result) ||
	    !json_object_is_type(result, json_type_object))
		r = refusal(line, ret_error);
	else if (ret)
		*ret = json_object_get(result);
	json_object_put(line);
	return r;
}
