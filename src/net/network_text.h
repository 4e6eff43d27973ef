/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_text.h - parts of a network's configuration as text: reservations, allowed destinations
 *
 * As on the command line, in the configuration file and on the control socket. What is printed
 * parses to the same.
 *
 * @ret_error, everywhere: the rest of a sentence that begins with the text: what is wrong and what
 * would be right; the caller frees.
 */
#ifndef NET_NETWORK_TEXT_H
#define NET_NETWORK_TEXT_H

#include "net/network_config.h"

/* An address as text, for as long as the full expression around it. */
struct network_text {
	char s[INET6_ADDRSTRLEN];
};

struct network_text network_text(struct in_addr address);
struct network_text network_text6(const struct in6_addr *address);

/** network_name_parse() - one label of a host name, into lower case. Return: 0, -EINVAL */
int network_name_parse(const char *text, char ret[NETWORK_NAME_MAX + 1], char **ret_error);

/**
 * network_name_is_nobodys() - may no guest be called this? @name: in lower case
 *
 * Others would take the guest for something else: the gateway's own names (NETWORK_NAME_GATEWAY,
 * NETWORK_NAME_HOST), localhost, and wpad and isatap, which operating systems look up by themselves
 * and trust.
 */
#define NETWORK_NAME_GATEWAY "gateway"
#define NETWORK_NAME_HOST    "host"
bool network_name_is_nobodys(const char *name);
extern const char *const network_names_of_nobody[]; /* all of them, then NULL */

/** network_guest_name_parse() - the same, and nobody's is refused. Return: 0, -EINVAL */
int network_guest_name_parse(const char *text, char ret[NETWORK_NAME_MAX + 1], char **ret_error);

/** network_port_parse() - a TCP or UDP port, 1 to 65535. Return: 0, -EINVAL */
int network_port_parse(const char *text, uint16_t *ret, char **ret_error);

/** network_reservation_parse() - MAC=ADDR[,name=NAME]. Return: 0, -EINVAL */
int network_reservation_parse(const char *text, struct network_reservation *ret, char **ret_error);

#define NETWORK_RESERVATION_TEXT 128u
void network_reservation_print(const struct network_reservation *reservation,
			       char ret[NETWORK_RESERVATION_TEXT]);

/**
 * network_allow_parse() - ADDR[/LEN][:PORT], ADDR being IPv4; IPv6; or, as before a port it must
 * be, IPv6 in brackets: [ADDR][/LEN][:PORT]. Bits behind LEN must be zero. Return: 0, -EINVAL
 */
int network_allow_parse(const char *text, struct network_allow *ret, char **ret_error);

#define NETWORK_ALLOW_TEXT 64u
void network_allow_print(const struct network_allow *allow, char ret[NETWORK_ALLOW_TEXT]);

#endif
