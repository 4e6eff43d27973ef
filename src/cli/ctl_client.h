/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_client.h - the asking side of a control socket (docs/control.md)
 *
 * Waits. One request at a time.
 */
#ifndef CLI_CTL_CLIENT_H
#define CLI_CTL_CLIENT_H

#include <json-c/json.h>

struct ctl_client;

/**
 * ctl_connect() - and read the greeting
 * @ret_error, everywhere: a sentence; the caller frees
 * Return: 0, -errno
 */
int ctl_connect(const char *path, struct ctl_client **ret, char **ret_error);
void ctl_disconnect(struct ctl_client *client); /* NULL is fine */

/** ctl_fd() - readable when something comes that was not asked for, or the end */
int ctl_fd(const struct ctl_client *client);

/**
 * ctl_call() - ask, and wait for the answer
 * @params: NULL: none; stays the caller's
 * @fd:     goes with the request, -1: none; stays the caller's
 * @ret:    the result; json_object_put() frees it
 * Return: 0; -EINVAL the arguments were wrong; -EREMOTEIO another answer that is an error; -errno
 */
int ctl_call(struct ctl_client *client, const char *method, struct json_object *params, int fd,
	     struct json_object **ret, char **ret_error);

/**
 * ctl_event() - what comes without being asked for: waits for it
 * @ret: json_object_put() frees it
 * Return: 0, -errno
 */
int ctl_event(struct ctl_client *client, struct json_object **ret, char **ret_error);

#endif
