/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwards.h - port forwards: from an address of the host to a guest named in one of three ways
 *
 * The list holds what was asked for; a network is told of a forward as soon as, and as long as, the
 * guest's address is known: at once if it was given as an address, else by its lease. One thread.
 */
#ifndef NET_FORWARDS_H
#define NET_FORWARDS_H

#include "net/network.h"

enum forward_guest {
	FORWARD_TO_ADDRESS,
	FORWARD_TO_NAME, /* of its lease or reservation */
	FORWARD_TO_MAC,
};

/** struct forward_config - as asked for */
struct forward_config {
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	struct sockaddr_storage host;
	enum forward_guest to;
	struct sockaddr_storage guest; /* FORWARD_TO_ADDRESS; its port is guest_port */
	char guest_name[NETWORK_NAME_MAX + 1];
	uint8_t guest_mac[FRAME_MAC];
	uint16_t guest_port;
};

/**
 * forward_parse() - "tcp:127.0.0.1:8080-guest:80"
 *
 * PROTOCOL:HOST-GUEST:PORT. PROTOCOL: tcp, udp. HOST: PORT (every address, IPv6 ones if the guest's
 * is), ADDRESS:PORT, [ADDRESS6]:PORT, or the absolute path of a socket to make (tcp only), in
 * brackets if there is more than one hyphen. GUEST: name, IPv4 address, [IPv6 address], or MAC in
 * brackets. Ports are 1 to 65535. Addresses are of one family; that of a name's or MAC's lease is
 * IPv4.
 *
 * @ret_error: a sentence without the option's name: what is wrong and what would be right
 * Return: 0, -EINVAL, -ENOMEM
 */
int forward_parse(const char *text, struct forward_config *ret, char **ret_error);

#define FORWARD_TEXT_MAX 512u

/** forward_print() - the text that parses to the same; @ret holds FORWARD_TEXT_MAX bytes */
void forward_print(const struct forward_config *config, char *ret);

struct forwards;

int forwards_new(struct network *network, struct forwards **ret);
void forwards_free(struct forwards *forwards); /* NULL is fine; takes every forward back */

/**
 * forwards_add() - Return: 0 active, or waiting for its guest; -EEXIST another one has the host's
 * side; what network_forward_add() returns, @ret_error with it
 */
int forwards_add(struct forwards *forwards, const struct forward_config *config, char **ret_error);

/** forwards_remove() - the one with this protocol and host's side. Return: 0, -ENOENT */
int forwards_remove(struct forwards *forwards, const struct forward_config *config);

/** forwards_lease() - a guest has (not) this address any more: from network_events.lease */
void forwards_lease(struct forwards *forwards, const struct network_lease *lease, bool gone);

/** forwards_each() - @target: AF_UNSPEC while the guest's address is unknown */
void forwards_each(const struct forwards *forwards,
		   void (*each)(void *opaque, const struct forward_config *config,
				const struct sockaddr_storage *target),
		   void *opaque);

#endif
