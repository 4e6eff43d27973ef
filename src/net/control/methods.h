/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * methods.h - what can be asked for on the control socket, a row each
 *
 * docs/control.md is this table for users. A method's parameters are checked against its row before it
 * runs: it finds only those that it has, of the right kind, and the required ones always.
 */
#ifndef NET_CONTROL_METHODS_H
#define NET_CONTROL_METHODS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/control/control.h"
#include "sys/json_build.h"

enum control_kind {
	CONTROL_TEXT,	/* a string */
	CONTROL_BOOL,	/* true or false */
	CONTROL_NUMBER, /* from 0 to 2^63 - 1 */
	CONTROL_VALUE,	/* a value of an option: a string; a number; true and false as on and off */
};

/** struct control_param - of a method; ends with one without a name */
struct control_param {
	const char *name;
	enum control_kind kind;
	bool required;
};

/**
 * struct control_call - one request while it is answered
 * @fd: that came with it, -1: none; who takes it sets that
 * @result: an object, for the method to fill
 * @error: a sentence, when it fails
 */
struct control_call {
	const struct control_host *host;
	struct control_client *client;
	struct json_object *params; /* NULL: none */
	int fd;
	struct json_object *result;
	char *error;
};

/** struct control_method - @run: Return: 0, or -errno with a sentence if there is memory for it */
struct control_method {
	const char *name;
	const struct control_param *params; /* NULL: none */
	bool takes_fd;
	int (*run)(struct control_call *call);
};

/** control_methods() - ends with one without a name */
const struct control_method *control_methods(void);

/** control_is_text() - a string without a NUL inside */
bool control_is_text(struct json_object *value);

/** control_params_check() - against the method's row; @params: NULL: none. Return: 0, -EINVAL */
int control_params_check(const struct control_method *method, struct json_object *params,
			 char **ret_error);

/* A parameter's value, NULL, false or 0 if it was not given. Texts live as long as the call. */
const char *control_text(const struct control_call *call, const char *name);
bool control_bool(const struct control_call *call, const char *name);
uint64_t control_number(const struct control_call *call, const char *name);

#define CONTROL_VALUE_MAX 32u /* of a number as text */

/** control_value() - of CONTROL_VALUE, as text; @buf has room for a number; NULL: not given */
const char *control_value(const struct control_call *call, const char *name,
			  char buf[CONTROL_VALUE_MAX]);

/* The methods */
int control_status(struct control_call *call);
int control_counters(struct control_call *call);
int control_reload(struct control_call *call);
int control_metrics(struct control_call *call);
int control_ports(struct control_call *call);
int control_add_port(struct control_call *call);
int control_remove_port(struct control_call *call);
int control_set_link(struct control_call *call);
int control_set_limits(struct control_call *call);
int control_captures(struct control_call *call);
int control_capture_start(struct control_call *call);
int control_capture_stop(struct control_call *call);
int control_leases(struct control_call *call);
int control_addresses(struct control_call *call);
int control_add_reservation(struct control_call *call);
int control_remove_reservation(struct control_call *call);
int control_forwards(struct control_call *call);
int control_add_forward(struct control_call *call);
int control_remove_forward(struct control_call *call);

extern const struct control_param control_params_add_port[];
extern const struct control_param control_params_set_limits[];
extern const struct control_param control_params_capture_start[];

#endif
