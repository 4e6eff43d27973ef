/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answer.h - a request's text in, the answer's text out
 */
#ifndef NET_CONTROL_ANSWER_H
#define NET_CONTROL_ANSWER_H

#include "net/control/control.h"
#include "net/control/request_lines.h"
#include "sys/json_build.h"

#define ANSWER_MAX 8388608u /* bytes */

/**
 * control_answer() - do what a request says
 * @client: who asked; NULL: nobody who could be told of anything later
 * @line: its fd is taken or closed
 * @ret: a line with its newline; the caller frees
 * Return: 0, -ENOMEM not even an error could be said
 */
int control_answer(const struct control_host *host, struct control_client *client,
		   struct request_line *line, char **ret);

/** control_refusal() - the answer to what is no request. @error: negative errno. As above */
int control_refusal(int error, const char *message, char **ret);

/** control_event() - @event is freed. As above */
int control_event(struct json_object *event, char **ret);

/** control_greeting() - the first line. As above */
int control_greeting(const struct control_host *host, char **ret);

#endif
