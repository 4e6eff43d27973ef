/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.c - one connection to the control socket
 *
 * Either something is to be sent, then nothing is read; or nothing is, then the next request is
 * answered. So a client that does not read is not read from, and what is kept for it is one answer. One request
 * a turn of the loop: the socket is writable at once, which is what brings the next turn.
 *
 * An event may join what is to be sent, of which there are as many as captures.
 *
 *   wants to read  --- a request --->  wants to write  --- all is sent --->  wants to read
 *
 * A client that hangs up its side only gets the answers to what it asked before.
 */
#include "net/control/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control/answer.h"

struct control_client {
	uv_poll_t poll;
	int fd;
	const struct control_host *host;
	const struct control_client_events *events;
	void *opaque;
	struct request_lines lines;
	char *out; /* what is to be sent, NULL: nothing */
	size_t out_len, out_sent;
	bool at_end; /* of what it sends */
	bool over;   /* gone() was called */
};

static void on_event(uv_poll_t *poll, int status, int events);

static void arm(struct control_client *client, int events)
{
	if (!client->over)
		uv_poll_start(&client->poll, events, on_event);
}

static void end(struct control_client *client)
{
	if (client->over)
		return;
	client->over = true;
	uv_poll_stop(&client->poll);
	client->events->gone(client->opaque, client);
}

/* The text is ours from here on. */
static void queue(struct control_client *client, char *text)
{
	client->out = text;
	client->out_len = strlen(text);
	client->out_sent = 0;
}

void control_client_tell(struct control_client *client, struct json_object *event)
{
	char *text;

	if (control_event(event, &text) < 0)
		return;
	if (client->out) {
		char *both = NULL;
		int n = asprintf(&both, "%s%s", client->out + client->out_sent, text);

		free(text);
		if (n < 0)
			return;
		free(client->out);
		text = both;
	}
	queue(client, text);
	arm(client, UV_WRITABLE);
}

/* Return: 0 all is sent, -EAGAIN, -errno */
static int flush(struct control_client *client)
{
	while (client->out) {
		struct iovec rest = { .iov_base = client->out + client->out_sent,
				      .iov_len = client->out_len - client->out_sent };
		ssize_t sent = sock_msg_send(client->fd, &rest, 1, NULL, 0);

		if (sent < 0)
			return (int)sent;
		client->out_sent += (size_t)sent;
		if (client->out_sent == client->out_len) {
			free(client->out);
			client->out = NULL;
		}
	}
	return 0;
}

/* Return: 0 there is an answer, 1 there was no request, -errno */
static int answer_next(struct control_client *client)
{
	struct request_line line;
	char *text = NULL;
	int r = request_lines_next(&client->lines, &line);

	if (r == 0 && client->at_end && request_lines_cut(&client->lines)) {
		r = control_refusal(-EBADMSG, "the request has no end; a newline ends it", &text);
	} else if (r == 0) {
		return 1;
	} else if (r < 0) {
		r = control_refusal(r, "a request is longer than 64 KiB", &text);
	} else {
		r = control_answer(client->host, client, &line, &text);
	}
	if (r >= 0)
		queue(client, text);
	return r;
}

/* Return: 0, -errno */
static int read_more(struct control_client *client)
{
	struct sock_fds fds;
	size_t room;
	char *to = request_lines_room(&client->lines, &room);
	ssize_t n = sock_msg_recv(client->fd, to, room, MSG_DONTWAIT, &fds);

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < 0)
		return (int)n;
	if (n == 0)
		client->at_end = true;
	else
		request_lines_feed(&client->lines, (size_t)n, &fds);
	return 0;
}

/* After the answer is sent, or bytes came. */
static int go_on(struct control_client *client)
{
	int r = client->out ? 0 : answer_next(client);

	if (r < 0)
		return r;
	if (r == 1) {
		if (client->at_end)
			return -ECONNRESET;
		arm(client, UV_READABLE);
		return 0;
	}
	r = flush(client);
	if (r < 0 && r != -EAGAIN)
		return r;
	arm(client, UV_WRITABLE);
	return 0;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct control_client *client = poll->data;
	int r = status;

	if (r >= 0 && (events & UV_WRITABLE))
		r = flush(client);
	if (r == -EAGAIN)
		return;
	if (r >= 0 && (events & UV_READABLE))
		r = read_more(client);
	if (r >= 0)
		r = go_on(client);
	if (r < 0)
		end(client);
}

static void on_closed(uv_handle_t *handle)
{
	struct control_client *client = handle->data;

	free(client);
}

void control_client_free(struct control_client *client)
{
	if (!client)
		return;
	client->over = true;
	uv_close((uv_handle_t *)&client->poll, on_closed);
	close(client->fd);
	request_lines_clear(&client->lines);
	free(client->out);
	client->out = NULL;
}

/* Its fd is closed by the caller. */
static int fill(struct control_client *client, uv_loop_t *loop)
{
	char *greeting;
	int r = request_lines_init(&client->lines);

	if (r >= 0)
		r = control_greeting(client->host, &greeting);
	if (r < 0)
		return r;
	queue(client, greeting);
	r = uv_poll_init(loop, &client->poll, client->fd);
	if (r < 0)
		return r;
	client->poll.data = client;
	arm(client, UV_WRITABLE);
	return 0;
}

int control_client_new(uv_loop_t *loop, int fd, const struct control_host *host,
		       const struct control_client_events *events, void *opaque,
		       struct control_client **ret)
{
	struct control_client *client = calloc(1, sizeof(*client));
	int r = -ENOMEM;

	if (client) {
		client->fd = fd;
		client->host = host;
		client->events = events;
		client->opaque = opaque;
		r = fill(client, loop);
	}
	if (r < 0) {
		if (client) {
			request_lines_clear(&client->lines);
			free(client->out);
		}
		free(client);
		close(fd);
		return r;
	}
	*ret = client;
	return 0;
}
