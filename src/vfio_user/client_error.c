/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_error.c - what went wrong, for people
 *
 * The same sentence is kept for rig_client_reason() and given to ops->log: which device, which
 * command, what. The log, which is read later, is told the connection's fate too.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vfio_user/client_internal.h"

static void client_note(struct rig_client *client, enum rig_log_level level, const char *text,
			const char *fate)
{
	char line[PATH_MAX + sizeof(client->error.text) + 64];

	pthread_mutex_lock(&client->error.lock);
	snprintf(client->error.text, sizeof(client->error.text), "%s", text);
	pthread_mutex_unlock(&client->error.lock);
	if (!client->ops.log)
		return;
	snprintf(line, sizeof(line), "%s: %s%s", client_name(client), text, fate);
	client->ops.log(client->config.opaque, level, line);
}

int client_fail(struct rig_client *client, enum rig_log_level level, int error, const char *format,
		...)
{
	char text[sizeof(client->error.text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	client_note(client, level, text, "");
	return error;
}

static void describe(const struct op *op, int error, char *buf, size_t size)
{
	const char *name = wire_command_name(op->kind->command);
	char reason[160];

	if (op->why[0] != '\0') {
		snprintf(buf, size, "%s: %s", name, op->why);
	} else if (error == -ENOTCONN) {
		front_reason(op->session->front, reason, sizeof(reason));
		snprintf(buf, size, "%s: the connection ended: %s", name, reason);
	} else if (error == -ETIMEDOUT) {
		snprintf(buf, size, "%s: no answer within %.3g s", name,
			 (double)(op->deadline - op->started) / 1e6);
	} else if (error == -EPROTO) {
		snprintf(buf, size, "%s: the reply does not fit the request", name);
	} else if (error == -ECANCELED) {
		snprintf(buf, size, "%s: cancelled", name);
	} else {
		snprintf(buf, size, "%s: %s: %s", name,
			 op->sent ? "the server says" : "cannot be sent", strerror(-error));
	}
}

/* Nobody hears of a failure without a completion otherwise; errnos of the server are for callers. */
static enum rig_log_level level_of(const struct op *op, int error)
{
	if (error == -EPROTO || error == -ETIMEDOUT || (op->id != 0 && !op->done.run))
		return RIG_LOG_WARNING;
	return RIG_LOG_DEBUG;
}

int client_explain(struct op *op, int error)
{
	struct rig_client *client = op->client;
	bool over = front_error(op->session->front) != 0;
	char text[sizeof(client->error.text)];

	describe(op, error, text, sizeof(text));
	client_note(client, level_of(op, error), text,
		    over ? " (the connection is over)" : " (the connection lives on)");
	return error;
}

size_t rig_client_reason(struct rig_client *client, char *buf, size_t size)
{
	size_t len;

	if (client_forked(client))
		return (size_t)snprintf(buf, size, "%s: the connection is the parent process's",
					client_name(client));
	pthread_mutex_lock(&client->error.lock);
	if (client->error.text[0] == '\0')
		len = (size_t)snprintf(buf, size, "%s", "");
	else
		len = (size_t)snprintf(buf, size, "%s: %s", client_name(client),
				       client->error.text);
	pthread_mutex_unlock(&client->error.lock);
	return len;
}
