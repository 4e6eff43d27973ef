/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_internal.h - what the files of the port share: port.c, port_table.c, port_guard.c,
 * port_capture.c, port_limits.c
 */
#ifndef NET_PORT_INTERNAL_H
#define NET_PORT_INTERNAL_H

#include "net/policy/source_guard.h"
#include "net/port.h"
#include "net/user/mac_table.h"

struct port_tap; /* a capture and where it is attached; port_capture.c */

struct port_limiter; /* port_limits.c */

struct port_table {
	uv_loop_t *loop;
	struct network *network;
	struct port *first, **end;
	unsigned int n_up;
	struct source_guard_table *guards;

	struct port_tap *taps;
	unsigned int n_taps;
	struct mac_table *senders; /* while the whole network is captured */
};

struct port {
	struct channel channel; /* first: what the socket holds */
	struct port_table *table;
	struct port *next;
	struct port_config config;
	char *name;
	struct channel *network; /* the network's */
	bool socket_up, admin_up, network_up;
	uint64_t link_dropped;
	struct port_limiter *limiter; /* NULL: there never was a limit */

	bool guarded;
	struct source_guard guard; /* which knows the port's MAC, guarded or not */
	uint64_t guard_dropped[SOURCE_GUARD_VERDICTS];

	struct mac_holder sent_from; /* in table->senders */
};

/* What belongs to the network and what its guests have leased. Return: 0, -ENOMEM */
int port_guards_new(struct port_table *table);
void port_guard_open(struct port *port);
void port_guard_see(struct port *port, const struct frame *frame); /* of one that is not judged */
/* How many of the first frames pass; @ret_why: why the one behind them does not */
size_t port_guard_judge(struct port *port, const struct frame *frames, size_t n,
			enum source_guard_verdict *ret_why);

void port_table_add(struct port_table *table, struct port *port); /* as the last one */
void port_table_remove(struct port_table *table, struct port *port);

/* Both only while the table has taps. What a port sends, and what it is about to take. */
void port_taps_sent(struct port *port, const struct frame *frames, size_t n);
void port_taps_received(struct port *port, const struct frame *frames, size_t n);

void port_taps_port_closed(struct port *port); /* those of this port end */
void port_taps_free(struct port_table *table);

/* All but _close() and _dropped() only with a limiter. How many the guest may send now; those of
 * them that the network did not take; how many it may be shown now; those that it took. */
size_t port_limits_send(struct port *port, const struct frame *frames, size_t n);
void port_limits_not_sent(struct port *port, const struct frame *frames, size_t n);
size_t port_limits_show(struct port *port, const struct frame *frames, size_t n);
void port_limits_took(struct port *port, const struct frame *frames, size_t n);
uint64_t port_limits_dropped(const struct port *port);
void port_limits_close(struct port *port);

/* The first n bytes, which the frame has. */
void port_frame_head(const struct frame *frame, uint8_t *ret, size_t n);

#endif
