/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answer.c - a request's text in, the answer's text out
 *
 * The door: a request is text, then JSON, then an object with the members that there are, then a
 * method with the parameters that it has; each step says what is wrong and where. Behind it methods
 * find what their row of the table promises.
 */
#include "net/control/answer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control/methods.h"
#include "sys/explain.h"

/** struct request - what it says; points into its JSON */
struct request {
	struct json_object *id; /* NULL: none */
	const char *method;
	struct json_object *params; /* NULL: none */
};

/* What went wrong, for programs. */
static const char *code_of(int error)
{
	static const struct {
		int error;
		const char *code;
	} codes[] = {
		{ -EBADMSG, "malformed" },
		{ -EMSGSIZE, "too-large" },
		{ -ENOSYS, "unknown-method" },
		{ -EINVAL, "invalid" },
		{ -ENOENT, "not-found" },
		{ -EEXIST, "exists" },
		{ -EADDRINUSE, "in-use" },
		{ -EOPNOTSUPP, "unsupported" },
		{ -EACCES, "permission" },
		{ -EPERM, "permission" },
		{ -EBUSY, "busy" },
		{ -ENOSPC, "full" },
		{ -ENOMEM, "no-memory" },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].error == error)
			return codes[i].code;
	}
	return "failed";
}

/* Parsing */

static int parse_text(const char *text, size_t len, struct json_object **ret, char **ret_error)
{
	struct json_tokener *tokener;
	int r = 0;

	if (strlen(text) < len)
		return explain(ret_error, -EBADMSG, "byte %zu: a zero byte; requests are text",
			       strlen(text) + 1);
	tokener = json_tokener_new();
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, which tells json-c that no more text follows. */
	*ret = json_tokener_parse_ex(tokener, text, (int)len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		r = explain(ret_error, -EBADMSG, "byte %zu: no JSON: %s",
			    json_tokener_get_parse_end(tokener) + 1,
			    json_tokener_error_desc(json_tokener_get_error(tokener)));
		json_object_put(*ret);
		*ret = NULL;
	}
	json_tokener_free(tokener);
	return r;
}

static int set_member(struct request *request, const char *name, struct json_object *value,
		      char **ret_error)
{
	if (strcmp(name, "id") == 0) {
		if (value && !json_object_is_type(value, json_type_int) &&
		    !json_object_is_type(value, json_type_string))
			return explain(ret_error, -EBADMSG,
				       "id: neither an integer nor a string nor null");
		request->id = value;
	} else if (strcmp(name, "method") == 0) {
		if (!control_is_text(value))
			return explain(ret_error, -EBADMSG, "method: not the name of a method");
		request->method = json_object_get_string(value);
	} else if (strcmp(name, "params") == 0) {
		if (!json_object_is_type(value, json_type_object))
			return explain(ret_error, -EBADMSG, "params: not an object");
		request->params = value;
	} else {
		return explain(ret_error, -EBADMSG,
			       "unknown member \"%s\"; a request has id, method and params", name);
	}
	return 0;
}

/* The id comes first: whatever is wrong, the answer has it. */
static int parse_members(struct json_object *top, struct request *ret, char **ret_error)
{
	struct json_object *id;
	int r = 0;

	if (!json_object_is_type(top, json_type_object))
		return explain(ret_error, -EBADMSG, "a request is an object: {\"method\": ...}");
	if (json_object_object_get_ex(top, "id", &id))
		r = set_member(ret, "id", id, ret_error);
	if (r < 0)
		return r;
	json_object_object_foreach (top, name, value) {
		r = set_member(ret, name, value, ret_error);
		if (r < 0)
			return r;
	}
	if (!ret->method)
		return explain(ret_error, -EBADMSG, "member \"method\" is missing");
	return 0;
}

/* Methods */

static const struct control_method *find_method(const char *name)
{
	const struct control_method *method = control_methods();

	while (method->name && strcmp(method->name, name) != 0)
		method++;
	return method->name ? method : NULL;
}

static int check_fd(const struct control_method *method, const struct request_line *line,
		    char **ret_error)
{
	if (line->fd >= 0 && !method->takes_fd)
		return explain(ret_error, -EINVAL, "%s: takes no fd, and one came with it",
			       method->name);
	if (line->fd_excess)
		return explain(ret_error, -EINVAL, "%s: more than one fd came with it",
			       method->name);
	return 0;
}

/* Answers */

/* @top is freed. */
static int print(struct json_object *top, char **ret)
{
	const char *text =
		json_incomplete()
			? NULL
			: json_object_to_json_string_ext(
				  top, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = text ? 0 : -ENOMEM;

	if (text && strlen(text) >= ANSWER_MAX)
		r = -EMSGSIZE;
	else if (text && asprintf(ret, "%s\n", text) < 0)
		r = -ENOMEM;
	json_object_put(top);
	return r;
}

static int print_error(struct json_object *id, int error, const char *message, char **ret)
{
	struct json_object *top = json_object_new_object();
	struct json_object *object = json_object_new_object();

	json_put_text(object, "code", code_of(error));
	json_put_text(object, "message", message ? message : strerror(-error));
	if (top)
		json_object_object_add(top, "id", json_object_get(id));
	json_put(top, "error", object);
	return print(top, ret);
}

static int print_result(struct json_object *id, struct json_object *result, char **ret)
{
	struct json_object *top = json_object_new_object();

	if (top)
		json_object_object_add(top, "id", json_object_get(id));
	json_put(top, "result", result);
	return print(top, ret);
}

int control_refusal(int error, const char *message, char **ret)
{
	return print_error(NULL, error, message, ret);
}

int control_greeting(const struct control_host *host, char **ret)
{
	struct json_object *top = json_object_new_object();

	json_put_text(top, "outrigger", host->version);
	json_put_number(top, "protocol", CONTROL_PROTOCOL);
	return print(top, ret);
}

int control_event(struct json_object *event, char **ret)
{
	return print(event, ret);
}

static int perform(struct control_call *call, const struct request *request,
		   const struct request_line *line)
{
	const struct control_method *method;
	int r;

	assert(request->method);
	method = find_method(request->method);
	if (!method)
		return explain(&call->error, -ENOSYS, "no method \"%s\"; see docs/control.md",
			       request->method);
	r = control_params_check(method, request->params, &call->error);
	if (r >= 0)
		r = check_fd(method, line, &call->error);
	if (r < 0)
		return r;
	call->params = request->params;
	call->result = json_object_new_object();
	r = call->result ? method->run(call) : -ENOMEM;
	if (r >= 0)
		return 0;
	json_object_put(call->result);
	(void)json_incomplete();
	return r;
}

int control_answer(const struct control_host *host, struct control_client *client,
		   struct request_line *line, char **ret)
{
	struct control_call call = { .host = host, .client = client, .fd = line->fd };
	struct request request = { 0 };
	struct json_object *top = NULL;
	int r = parse_text(line->text, line->len, &top, &call.error);

	if (r >= 0)
		r = parse_members(top, &request, &call.error);
	if (r >= 0)
		r = perform(&call, &request, line);
	if (r >= 0) {
		r = print_result(request.id, call.result, ret);
		if (r == -EMSGSIZE)
			r = print_error(request.id, r, "the answer is longer than 8 MiB", ret);
	} else {
		r = print_error(request.id, r, call.error, ret);
	}
	if (call.fd >= 0)
		close(call.fd);
	free(call.error);
	json_object_put(top);
	return r;
}
