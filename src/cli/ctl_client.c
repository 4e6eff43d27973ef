/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_client.c - the asking side of a control socket
 */
#include "cli/ctl_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control/answer.h"
#include "sys/explain.h"
#include "sys/json_build.h"
#include "sys/sock.h"

#define WAIT_MS	  10000
#define READ_STEP 65536u

struct ctl_client {
	char *path;
	int fd;
	char *bytes; /* a line, and what may follow it */
	size_t len, room;
	size_t line_len;	   /* of the line that was given out, with its newline */
	struct json_object *event; /* that came before an answer; NULL: none */
};

static int say_no_connection(const char *path, int error, char **ret_error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return explain(ret_error, error,
			       "%s: there is no such socket; is the network running, with "
			       "--control %s?",
			       path, path);
	case -ECONNREFUSED:
		return explain(ret_error, error,
			       "%s: nobody listens; the network that made it has ended: start "
			       "`outrigger net` again",
			       path);
	case -EACCES:
		return explain(ret_error, error,
			       "%s: you may not write to it; become its owner, or have it made "
			       "with --control %s,mode=0660,group=...",
			       path, path);
	case -ENAMETOOLONG:
		return explain(ret_error, error, "%s: longer than the path of a socket can be",
			       path);
	default:
		return explain(ret_error, error, "%s: %s", path, strerror(-error));
	}
}

/* Return: 0, -ETIMEDOUT */
static int wait_for(const struct ctl_client *client, short events, char **ret_error)
{
	struct pollfd poll_fd = { .fd = client->fd, .events = events };
	int n;

	do
		n = poll(&poll_fd, 1, WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	return explain(ret_error, -ETIMEDOUT,
		       "%s: no answer within %d seconds; is it the control socket of a network?",
		       client->path, WAIT_MS / 1000);
}

static int make_room(struct ctl_client *client)
{
	char *grown;

	if (client->len < client->room)
		return 0;
	if (client->room > ANSWER_MAX)
		return -EMSGSIZE;
	grown = realloc(client->bytes, client->room + READ_STEP);
	if (!grown)
		return -ENOMEM;
	client->bytes = grown;
	client->room += READ_STEP;
	return 0;
}

static int read_some(struct ctl_client *client, char **ret_error)
{
	ssize_t n;
	int r = make_room(client);

	if (r >= 0)
		r = wait_for(client, POLLIN, ret_error);
	if (r < 0)
		return r;
	n = read(client->fd, client->bytes + client->len, client->room - client->len);
	if (n == 0)
		return explain(ret_error, -ECONNRESET, "%s: the network has ended", client->path);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return explain(ret_error, -errno, "%s: %s", client->path, strerror(errno));
	client->len += n > 0 ? (size_t)n : 0;
	return 0;
}

/* Return: 0 with a string that lives until the next call */
static int read_line(struct ctl_client *client, char **ret, char **ret_error)
{
	char *newline;

	client->len -= client->line_len;
	if (client->line_len)
		memmove(client->bytes, client->bytes + client->line_len, client->len);
	client->line_len = 0;
	while (!(newline = client->len ? memchr(client->bytes, '\n', client->len) : NULL)) {
		int r = read_some(client, ret_error);

		if (r < 0)
			return r;
	}
	*newline = '\0';
	client->line_len = (size_t)(newline - client->bytes) + 1;
	*ret = client->bytes;
	return 0;
}

static int read_object(struct ctl_client *client, struct json_object **ret, char **ret_error)
{
	char *line = NULL;
	int r = read_line(client, &line, ret_error);

	if (r < 0)
		return r;
	*ret = json_tokener_parse(line);
	if (json_object_is_type(*ret, json_type_object))
		return 0;
	json_object_put(*ret);
	*ret = NULL;
	return explain(ret_error, -EPROTO, "%s: this is no control socket", client->path);
}

/* Return: 0, -EINVAL, -EREMOTEIO */
static int error_of(struct json_object *answer, char **ret_error)
{
	struct json_object *error, *code = NULL, *message = NULL;

	if (!json_object_object_get_ex(answer, "error", &error))
		return 0;
	json_object_object_get_ex(error, "code", &code);
	json_object_object_get_ex(error, "message", &message);
	explain(ret_error, 0, "%s", message ? json_object_get_string(message) : "no message");
	return code && strcmp(json_object_get_string(code), "invalid") == 0 ? -EINVAL : -EREMOTEIO;
}

static int read_greeting(struct ctl_client *client, char **ret_error)
{
	struct json_object *greeting = NULL, *protocol;
	int r = read_object(client, &greeting, ret_error);

	if (r >= 0)
		r = error_of(greeting, ret_error);
	if (r >= 0 && !json_object_object_get_ex(greeting, "protocol", &protocol))
		r = explain(ret_error, -EPROTO, "%s: this is no control socket", client->path);
	else if (r >= 0 && json_object_get_int(protocol) != CONTROL_PROTOCOL)
		r = explain(ret_error, -EPROTO,
			    "%s: it speaks protocol %d and this program %d; use the outrigger "
			    "that serves the network",
			    client->path, json_object_get_int(protocol), CONTROL_PROTOCOL);
	json_object_put(greeting);
	return r;
}

int ctl_connect(const char *path, struct ctl_client **ret, char **ret_error)
{
	struct ctl_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->fd = -1;
	client->path = strdup(path);
	if (!client->path) {
		ctl_disconnect(client);
		return -ENOMEM;
	}
	client->fd = sock_connect(path);
	if (client->fd < 0)
		r = say_no_connection(path, client->fd, ret_error);
	else
		r = read_greeting(client, ret_error);
	if (r < 0) {
		ctl_disconnect(client);
		return r;
	}
	*ret = client;
	return 0;
}

void ctl_disconnect(struct ctl_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	free(client->path);
	free(client->bytes);
	json_object_put(client->event);
	free(client);
}

int ctl_fd(const struct ctl_client *client)
{
	return client->fd;
}

/* The fd goes with the first byte. */
static int send_text(struct ctl_client *client, const char *text, int fd, char **ret_error)
{
	size_t len = strlen(text), sent = 0;

	while (sent < len) {
		struct iovec rest = { .iov_base = (char *)text + sent, .iov_len = len - sent };
		ssize_t n = sock_msg_send(client->fd, &rest, 1, &fd, fd >= 0 && sent == 0);
		int r = n == -EAGAIN ? wait_for(client, POLLOUT, ret_error) : 0;

		if (n < 0 && n != -EAGAIN)
			return explain(ret_error, (int)n, "%s: %s", client->path,
				       strerror((int)-n));
		if (r < 0)
			return r;
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int send_request(struct ctl_client *client, const char *method, struct json_object *params,
			int fd, char **ret_error)
{
	struct json_object *top = json_object_new_object();
	char *text = NULL;
	int r = 0;

	json_put_text(top, "method", method);
	if (params)
		json_put(top, "params", json_object_get(params));
	if (json_incomplete() ||
	    asprintf(&text, "%s\n",
		     json_object_to_json_string_ext(
			     top, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		r = -ENOMEM;
	json_object_put(top);
	if (r >= 0)
		r = send_text(client, text, fd, ret_error);
	free(text);
	return r;
}

/* Past events, of which the last is kept. */
static int read_answer(struct ctl_client *client, struct json_object **ret, char **ret_error)
{
	for (;;) {
		int r = read_object(client, ret, ret_error);

		if (r < 0 || !json_object_object_get_ex(*ret, "event", NULL))
			return r;
		json_object_put(client->event);
		client->event = *ret;
	}
}

int ctl_event(struct ctl_client *client, struct json_object **ret, char **ret_error)
{
	if (!client->event)
		return read_object(client, ret, ret_error);
	*ret = client->event;
	client->event = NULL;
	return 0;
}

int ctl_call(struct ctl_client *client, const char *method, struct json_object *params, int fd,
	     struct json_object **ret, char **ret_error)
{
	struct json_object *answer = NULL, *result;
	int r = send_request(client, method, params, fd, ret_error);

	if (r >= 0)
		r = read_answer(client, &answer, ret_error);
	if (r < 0)
		return r;
	r = error_of(answer, ret_error);
	if (r >= 0 && !json_object_object_get_ex(answer, "result", &result))
		r = explain(ret_error, -EPROTO, "%s: an answer that is none", client->path);
	if (r >= 0)
		*ret = json_object_get(result);
	json_object_put(answer);
	return r;
}
