/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward_text.c - port forwards, from text and to text: PROTOCOL:HOST-GUEST:PORT
 *
 * A hyphen divides host from guest. Addresses have none; a socket's path may, and so may a guest's
 * name, so that the first one is the divider only if it is the only one. A path can stand in
 * brackets, then "]-" ends it. What could be read in two ways is refused, not guessed.
 */
#include "net/forwards.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "net/network_text.h"
#include "net/ports/nic_mac.h"
#include "sys/explain.h"

#define PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* The pieces of the text; each ends with a NUL. They point into one copy. */
struct pieces {
	char *protocol, *host, *guest, *port;
};

static int say_form(char **ret_error)
{
	return explain(ret_error, -EINVAL,
		       "no forward; give PROTOCOL:HOST-GUEST:PORT, like "
		       "tcp:127.0.0.1:8080-guest:80");
}

/* Where "-" divides host and guest. Return: NULL if it cannot be told, with the reason */
static char *find_divider(char *host, char **ret_error)
{
	char *divider = strchr(host, '-');

	if (*host == '[' && host[1] == '/') {
		divider = strstr(host, "]-");
		divider = divider ? divider + 1 : NULL;
	} else if (*host == '/' && divider && strchr(divider + 1, '-')) {
		explain(ret_error, -EINVAL,
			"which \"-\" ends the path cannot be told; put the path in brackets, like "
			"tcp:[/run/my-app.sock]-guest:80");
		return NULL;
	}
	if (!divider)
		say_form(ret_error);
	return divider;
}

/* Cuts the copy into its pieces. */
static int cut(char *copy, struct pieces *ret, char **ret_error)
{
	char *colon = strchr(copy, ':'), *divider, *last;

	if (!colon)
		return say_form(ret_error);
	*colon = '\0';
	ret->protocol = copy;
	ret->host = colon + 1;
	divider = find_divider(ret->host, ret_error);
	if (!divider)
		return -EINVAL;
	*divider = '\0';
	ret->guest = divider + 1;
	last = strrchr(ret->guest, ':');
	if (!last || last == ret->guest || strchr(last, ']'))
		return explain(
			ret_error, -EINVAL,
			"the guest's port is missing; give it behind the guest, like guest:80");
	*last = '\0';
	ret->port = last + 1;
	return 0;
}

static int parse_protocol(const char *text, uint8_t *ret, char **ret_error)
{
	if (strcmp(text, "tcp") == 0)
		*ret = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		*ret = IPPROTO_UDP;
	else
		return explain(ret_error, -EINVAL, "\"%s\" is no protocol; give tcp or udp", text);
	return 0;
}

static void set_in(struct sockaddr_storage *ret, struct in_addr address, uint16_t port)
{
	const struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = address,
	};

	*ret = (struct sockaddr_storage) { 0 };
	memcpy(ret, &in, sizeof(in));
}

static void set_in6(struct sockaddr_storage *ret, const struct in6_addr *address, uint16_t port)
{
	const struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = *address,
	};

	*ret = (struct sockaddr_storage) { 0 };
	memcpy(ret, &in6, sizeof(in6));
}

/* "name", "192.168.64.5", "[fd00::5]", "[02:00:00:00:00:05]" */
static int parse_guest(char *text, struct forward_config *forward, char **ret_error)
{
	size_t len = strlen(text);
	struct in6_addr address6;
	struct in_addr address;
	bool closed;

	if (inet_pton(AF_INET, text, &address) == 1) {
		forward->to = FORWARD_TO_ADDRESS;
		set_in(&forward->guest, address, forward->guest_port);
		return 0;
	}
	if (*text != '[') {
		forward->to = FORWARD_TO_NAME;
		return network_guest_name_parse(text, forward->guest_name, ret_error);
	}
	closed = text[len - 1] == ']';
	text[len - 1] = '\0';
	if (closed && nic_mac_parse(text + 1, forward->guest_mac) == 0) {
		forward->to = FORWARD_TO_MAC;
		return 0;
	}
	if (!closed || inet_pton(AF_INET6, text + 1, &address6) != 1)
		return explain(ret_error, -EINVAL,
			       "what is in brackets is neither an IPv6 nor a MAC address of the "
			       "guest");
	forward->to = FORWARD_TO_ADDRESS;
	set_in6(&forward->guest, &address6, forward->guest_port);
	return 0;
}

/* @text: "/run/a.sock", or the same in brackets */
static int parse_path(char *text, struct forward_config *forward, char **ret_error)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (*text == '[') {
		text++;
		text[strlen(text) - 1] = '\0';
	}
	if (forward->protocol != IPPROTO_TCP)
		return explain(ret_error, -EINVAL,
			       "a UNIX socket stands for TCP only; write tcp: before it");
	if (strlen(text) > PATH_LEN_MAX)
		return explain(ret_error, -EINVAL,
			       "the path has %zu bytes, that of a socket up to %zu; choose a "
			       "shorter one",
			       strlen(text), PATH_LEN_MAX);
	memcpy(un.sun_path, text, strlen(text));
	forward->host = (struct sockaddr_storage) { 0 };
	memcpy(&forward->host, &un, sizeof(un));
	return 0;
}

/* Every address of the family that the guest has: of its lease, IPv4. */
static int parse_bare_port(const char *text, struct forward_config *forward, char **ret_error)
{
	uint16_t port;
	int r = network_port_parse(text, &port, ret_error);

	if (r < 0)
		return r;
	if (forward->to == FORWARD_TO_ADDRESS && forward->guest.ss_family == AF_INET6)
		set_in6(&forward->host, &in6addr_any, port);
	else
		set_in(&forward->host, (struct in_addr) { htonl(INADDR_ANY) }, port);
	return 0;
}

static int check_families(const struct forward_config *forward, char **ret_error)
{
	sa_family_t guest = forward->to == FORWARD_TO_ADDRESS ? forward->guest.ss_family : AF_INET;

	if (forward->host.ss_family == guest)
		return 0;
	return explain(
		ret_error, -EINVAL,
		"the host's address is IPv%c and the guest's IPv%c; both must be of one kind",
		guest == AF_INET ? '6' : '4', guest == AF_INET ? '4' : '6');
}

/* "8080", "127.0.0.1:8080", "[::1]:8080" */
static int parse_host(char *text, struct forward_config *forward, char **ret_error)
{
	char *colon = strrchr(text, ':');
	struct in6_addr address6;
	struct in_addr address;
	uint16_t port;
	int r;

	if (!colon)
		return parse_bare_port(text, forward, ret_error);
	*colon = '\0';
	r = network_port_parse(colon + 1, &port, ret_error);
	if (r < 0)
		return r;
	if (inet_pton(AF_INET, text, &address) == 1) {
		set_in(&forward->host, address, port);
	} else if (*text == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		if (inet_pton(AF_INET6, text + 1, &address6) != 1)
			return explain(ret_error, -EINVAL,
				       "\"[%s]\" is no IPv6 address of the host", text + 1);
		set_in6(&forward->host, &address6, port);
	} else {
		return explain(ret_error, -EINVAL,
			       "\"%s\" is no address of the host; give IPv4, [IPv6], the absolute "
			       "path of a socket, or a port alone",
			       text);
	}
	return check_families(forward, ret_error);
}

static int parse_copy(char *copy, struct forward_config *forward, char **ret_error)
{
	struct pieces pieces = { 0 };
	int r = cut(copy, &pieces, ret_error);

	if (r < 0)
		return r;
	r = parse_protocol(pieces.protocol, &forward->protocol, ret_error);
	if (r < 0)
		return r;
	r = network_port_parse(pieces.port, &forward->guest_port, ret_error);
	if (r < 0)
		return r;
	r = parse_guest(pieces.guest, forward, ret_error);
	if (r < 0)
		return r;
	if (*pieces.host == '/' || (*pieces.host == '[' && pieces.host[1] == '/'))
		return parse_path(pieces.host, forward, ret_error);
	return parse_host(pieces.host, forward, ret_error);
}

int forward_parse(const char *text, struct forward_config *ret, char **ret_error)
{
	struct forward_config forward = { 0 };
	char *copy = strdup(text);
	int r;

	if (!copy)
		return -ENOMEM;
	r = parse_copy(copy, &forward, ret_error);
	free(copy);
	if (r < 0)
		return r;
	*ret = forward;
	return 0;
}

/* "192.168.64.5:80", "[fd00::5]:80", "[/run/a.sock]" */
static void print_address(const struct sockaddr_storage *address, char *ret, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(ret, size, "%s:%u", text, ntohs(in->sin_port));
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		snprintf(ret, size, "[%s]:%u", text, ntohs(in6->sin6_port));
	} else {
		snprintf(ret, size, "[%s]", ((const struct sockaddr_un *)address)->sun_path);
	}
}

static void print_guest(const struct forward_config *forward, char *ret, size_t size)
{
	char mac[NIC_MAC_TEXT];

	if (forward->to == FORWARD_TO_ADDRESS) {
		print_address(&forward->guest, ret, size);
	} else if (forward->to == FORWARD_TO_NAME) {
		snprintf(ret, size, "%s:%u", forward->guest_name, forward->guest_port);
	} else {
		nic_mac_print(forward->guest_mac, mac);
		snprintf(ret, size, "[%s]:%u", mac, forward->guest_port);
	}
}

void forward_print(const struct forward_config *config, char *ret)
{
	char host[PATH_LEN_MAX + 64], guest[NETWORK_NAME_MAX + 64];

	print_address(&config->host, host, sizeof(host));
	print_guest(config, guest, sizeof(guest));
	snprintf(ret, FORWARD_TEXT_MAX, "%s:%s-%s", config->protocol == IPPROTO_TCP ? "tcp" : "udp",
		 host, guest);
}
