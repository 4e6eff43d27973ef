/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ports_net.h - a whole user network on a loop, with sockets to plug into it, and guests made of a
 * few frames
 */
#ifndef TESTS_PORTS_NET_H
#define TESTS_PORTS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ports/port_socket.h"

#define TEST_TYPE 0x88b5u /* an EtherType for experiments: nobody else sends it */

struct ports_net {
	char dir[32];
	char path[64]; /* of a socket in it */
	uv_loop_t loop;
	struct network *network;
	struct port_table *table;
	struct port_socket *sockets[4];
	size_t n_sockets;
	uv_timer_t deadline;
	bool timed_out;
	int open_before;
};

int ports_net_setup(void **state);    /* cmocka's */
int ports_net_teardown(void **state); /* frees sockets; no handle, fd, file may be left */

/* A socket config for the path, with this name. */
struct port_socket_config ports_config(struct ports_net *p, enum port_socket_kind kind,
				       const char *name);
struct port_socket *ports_plug(struct ports_net *p, const struct port_socket_config *config);
void ports_unplug(struct ports_net *p); /* all sockets */

/* What @config is refused with, and that its sentence holds @sentence and nothing stays plugged in. */
void ports_refused(struct ports_net *p, const struct port_socket_config *config, int error,
		   const char *sentence);

/* Run the loop until it is so. Return: false if it did not come to that */
bool ports_until(struct ports_net *p, bool (*is_so)(void *opaque), void *opaque);
void ports_turn(struct ports_net *p); /* what there is to do now, several times over */
bool ports_until_port(struct ports_net *p, const char *name, bool there);

uint64_t ports_counter(struct port_socket *socket, const char *name);
struct port_counters ports_counters(struct ports_net *p, const char *name);

/*
 * A frame of @len bytes from one MAC to another (each by its last byte; 0xff: broadcast), the rest
 * filled with @fill
 */
void test_frame(uint8_t *at, uint8_t to, uint8_t from, uint8_t fill, size_t len);
bool is_test_frame(const uint8_t *frame, size_t len);

#endif
