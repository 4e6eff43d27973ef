/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_internal.h - what the files of the port share: port.c, port_capture.c
 */
#ifndef NET_PORT_INTERNAL_H
#define NET_PORT_INTERNAL_H

#include "net/port.h"
#include "net/user/mac_table.h"

struct port_tap; /* a capture and where it is attached; port_capture.c */

struct port_table {
	uv_loop_t *loop;
	struct network *network;
	struct port *first, **end;

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

	bool has_mac; /* given, or seen */
	uint8_t mac[FRAME_MAC];
	struct mac_holder sent_from; /* in table->senders */
};

/* Both only while the table has taps. What a port sends, and what it is about to take. */
void port_taps_sent(struct port *port, const struct frame *frames, size_t n);
void port_taps_received(struct port *port, const struct frame *frames, size_t n);

void port_taps_port_closed(struct port *port); /* those of this port end */
void port_taps_free(struct port_table *table);

/* The first n bytes, which the frame has. */
void port_frame_head(const struct frame *frame, uint8_t *ret, size_t n);

#endif
