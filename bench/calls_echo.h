/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * calls_echo.h - the server that all contestants of bench_calls talk to, and its messages
 *
 * The least that a server can do: a loop of recv() and send() that answers REGION_READ with its own
 * offset as value. Requests that arrived together are answered together. Before the first of them it
 * answers what a client asks to get to know a device.
 */
#ifndef BENCH_CALLS_ECHO_H
#define BENCH_CALLS_ECHO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "read_messages.h"

#define ECHO_POLLS_US 200

void make_read_request(struct read_request *request, uint16_t id, uint64_t offset);

/** echo_poll() - recv() again and again. Return: as recv(); EAGAIN: nothing came until then */
ssize_t echo_poll(int fd, void *buf, size_t len, uint64_t end_ns);

/**
 * echo_server_start() - a child process that ends with our end of the socket
 * @cpu: where it runs; -1: anywhere
 * @polls: it sleeps only when nothing came for ECHO_POLLS_US
 *
 * Return: that end, blocking
 */
int echo_server_start(int cpu, bool polls);

#endif
