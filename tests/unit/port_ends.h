/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_ends.h - sockets of guests without a socket: ports of a whole user network, held by the test
 */
#ifndef TESTS_PORT_ENDS_H
#define TESTS_PORT_ENDS_H

#include "ports_net.h"

#include "net/port.h"

#define PORT_ENDS     3u
#define PORT_END_KEPT 16u

/* What an end has taken; of the latest frames the bytes, too. */
struct port_end {
	struct channel *channel;
	unsigned int n_ready, n_writable, n_link;
	bool link;
	bool stuck;	  /* takes nothing */
	size_t n_offered; /* many at once; it took none of them */
	size_t n_got;
	uint64_t bytes_got;
	uint8_t kept[PORT_END_KEPT][FRAME_MAX]; /* the frame number n in n % PORT_END_KEPT */
	size_t kept_len[PORT_END_KEPT];
};

struct port_ends {
	struct ports_net *net;
	struct port_end *ends[PORT_ENDS]; /* plugged in as "a", "b", "c" */
};

/* On ports_net_setup(). Ports are made of @config but for their names. */
struct port_ends *port_ends_new(struct ports_net *net, size_t n, const struct port_config *config);
void port_ends_free(struct port_ends *ends);

/* Return: was it taken? */
bool port_end_send(struct port_end *end, const void *bytes, size_t len);

/* Take what waits. */
void port_end_pull(struct port_end *end);

/* A capture of all ports. @ret_fd: where it can be read, for the caller to close. */
struct capture *port_ends_capture(struct port_ends *ends, int *ret_fd);

/* An ARP request for the address's last byte, from MAC 02:..:09:@from; the user network's gateway
 * is .1 in the host mode of ports_net_setup(). */
void arp_request(struct ports_net *net, uint8_t at[42], uint8_t from, uint8_t from_address,
		 uint8_t address);

#endif
