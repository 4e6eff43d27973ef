/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_text.c - reservations and allowed destinations, from text and to text
 */
#include "net/network_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/ports/nic_mac.h"
#include "sys/explain.h"

#define V4_MAPPED_BITS 96u

struct network_text network_text(struct in_addr address)
{
	struct network_text text;

	inet_ntop(AF_INET, &address, text.s, sizeof(text.s));
	return text;
}

struct network_text network_text6(const struct in6_addr *address)
{
	struct network_text text;

	inet_ntop(AF_INET6, address, text.s, sizeof(text.s));
	return text;
}

static bool name_is_label(const char *text, size_t len)
{
	if (len == 0 || len > NETWORK_NAME_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isascii(text[i]) || (!isalnum((unsigned char)text[i]) && text[i] != '-'))
			return false;
	}
	return true;
}

int network_name_parse(const char *text, char ret[NETWORK_NAME_MAX + 1], char **ret_error)
{
	size_t len = strlen(text);

	if (!name_is_label(text, len))
		return explain(
			ret_error, -EINVAL,
			"no name of a guest; give up to %u letters, digits and, in between, hyphens",
			NETWORK_NAME_MAX);
	for (size_t i = 0; i <= len; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	return 0;
}

const char *const network_names_of_nobody[] = {
	NETWORK_NAME_GATEWAY, NETWORK_NAME_HOST, "localhost", "wpad", "isatap", NULL
};

bool network_name_is_nobodys(const char *name)
{
	for (size_t i = 0; network_names_of_nobody[i]; i++) {
		if (strcmp(name, network_names_of_nobody[i]) == 0)
			return true;
	}
	return false;
}

int network_guest_name_parse(const char *text, char ret[NETWORK_NAME_MAX + 1], char **ret_error)
{
	char name[NETWORK_NAME_MAX + 1];
	int r = network_name_parse(text, name, ret_error);

	if (r < 0)
		return r;
	if (network_name_is_nobodys(name))
		return explain(ret_error, -EINVAL,
			       "no guest may be called %s, which means something else to others; "
			       "choose another name",
			       name);
	strcpy(ret, name);
	return 0;
}

/* Decimal digits only, nothing before or behind them. Return: false if it is not up to max */
static bool number_parse(const char *text, unsigned int max, unsigned int *ret)
{
	unsigned int value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned int)(*text - '0');
		if (value > max)
			return false;
	}
	*ret = value;
	return true;
}

int network_port_parse(const char *text, uint16_t *ret, char **ret_error)
{
	unsigned int port;

	if (!number_parse(text, UINT16_MAX, &port) || port == 0)
		return explain(ret_error, -EINVAL, "\"%s\" is no port; give 1 to 65535", text);
	*ret = (uint16_t)port;
	return 0;
}

/* Copies up to the delimiter, or all. Return: what is behind it, or NULL; *ret_fits: all was copied */
static const char *split(const char *text, const char *delimiters, char *to, size_t size,
			 bool *ret_fits)
{
	size_t len = strcspn(text, delimiters);

	*ret_fits = len < size;
	snprintf(to, size, "%.*s", (int)len, text);
	return text[len] ? text + len : NULL;
}

int network_reservation_parse(const char *text, struct network_reservation *ret, char **ret_error)
{
	struct network_reservation reservation = { 0 };
	char mac[NIC_MAC_TEXT], address[INET_ADDRSTRLEN];
	const char *rest;
	bool fits;
	int r;

	rest = split(text, "=", mac, sizeof(mac), &fits);
	r = fits ? nic_mac_parse(mac, reservation.mac) : -EINVAL;
	if (!rest)
		return explain(ret_error, -EINVAL,
			       "no reservation; give MAC=ADDR, like "
			       "02:00:00:12:34:56=192.168.64.10");
	if (r < 0)
		return nic_mac_explain(r, ret_error);
	rest = split(rest + 1, ",", address, sizeof(address), &fits);
	if (!fits || inet_pton(AF_INET, address, &reservation.address) != 1)
		return explain(ret_error, -EINVAL,
			       "no IPv4 address behind \"=\"; give four numbers like "
			       "192.168.64.10");
	if (rest && strncmp(rest, ",name=", 6) != 0)
		return explain(ret_error, -EINVAL,
			       "\"%s\" behind the address; only ,name=NAME may follow", rest);
	if (rest) {
		r = network_guest_name_parse(rest + 6, reservation.name, ret_error);
		if (r < 0)
			return r;
	}
	*ret = reservation;
	return 0;
}

void network_reservation_print(const struct network_reservation *reservation,
			       char ret[NETWORK_RESERVATION_TEXT])
{
	char mac[NIC_MAC_TEXT], address[INET_ADDRSTRLEN];

	nic_mac_print(reservation->mac, mac);
	inet_ntop(AF_INET, &reservation->address, address, sizeof(address));
	snprintf(ret, NETWORK_RESERVATION_TEXT, "%s=%s%s%s", mac, address,
		 *reservation->name ? ",name=" : "", reservation->name);
}

/* IPv4 goes behind ::ffff:0:0/96. Return: bits of the address, 0 if it is none */
static unsigned int address_parse(const char *text, bool must_be_6, struct in6_addr *ret)
{
	struct in_addr address;

	if (inet_pton(AF_INET6, text, ret) == 1)
		return 128;
	if (must_be_6 || inet_pton(AF_INET, text, &address) != 1)
		return 0;
	*ret = (struct in6_addr) { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(ret->s6_addr + 12, &address, sizeof(address));
	return 32;
}

static bool zero_behind(const struct in6_addr *address, unsigned int prefix_len)
{
	for (unsigned int bit = prefix_len; bit < 128; bit++) {
		if (address->s6_addr[bit / 8] & 0x80u >> bit % 8)
			return false;
	}
	return true;
}

/*
 * The address's part of the text. In brackets, or up to the first of "/" and ":"; an IPv6 address
 * without brackets has no port, or its last group would be one.
 */
static const char *allow_address(const char *text, char *to, size_t size, bool *ret_brackets,
				 bool *ret_fits)
{
	const char *colon = strchr(text, ':');
	const char *rest;

	*ret_brackets = *text == '[';
	if (*ret_brackets) {
		rest = split(text + 1, "]", to, size, ret_fits);
		*ret_fits = *ret_fits && rest;
		return rest && rest[1] ? rest + 1 : NULL;
	}
	if (colon && strchr(colon + 1, ':'))
		return split(text, "/", to, size, ret_fits);
	return split(text, "/:", to, size, ret_fits);
}

static int allow_prefix(const char **rest, unsigned int bits, struct network_allow *allow,
			char **ret_error)
{
	unsigned int len = bits;
	char text[8];
	bool fits;

	if (*rest && **rest == '/') {
		*rest = split(*rest + 1, ":", text, sizeof(text), &fits);
		if (!fits || !number_parse(text, bits, &len))
			return explain(ret_error, -EINVAL,
				       "no length of a prefix behind \"/\"; give 0 to %u", bits);
	}
	allow->prefix_len = (uint8_t)(128 - bits + len);
	if (!zero_behind(&allow->address, allow->prefix_len))
		return explain(ret_error, -EINVAL,
			       "the address has bits behind its prefix of %u; make them zero or "
			       "leave out the prefix",
			       len);
	return 0;
}

int network_allow_parse(const char *text, struct network_allow *ret, char **ret_error)
{
	struct network_allow allow = { .port = 0 };
	char address[INET6_ADDRSTRLEN];
	bool brackets, fits;
	const char *rest = allow_address(text, address, sizeof(address), &brackets, &fits);
	unsigned int bits = fits ? address_parse(address, brackets, &allow.address) : 0;
	int r;

	if (!bits)
		return explain(ret_error, -EINVAL,
			       "no destination; give ADDR[/LEN][:PORT], like 127.0.0.1:5432, "
			       "169.254.0.0/16 or [::1]:5432");
	r = allow_prefix(&rest, bits, &allow, ret_error);
	if (r < 0)
		return r;
	if (rest && *rest != ':')
		return explain(ret_error, -EINVAL, "\"%s\" behind the address; give /LEN or :PORT",
			       rest);
	if (rest) {
		r = network_port_parse(rest + 1, &allow.port, ret_error);
		if (r < 0)
			return r;
	}
	*ret = allow;
	return 0;
}

void network_allow_print(const struct network_allow *allow, char ret[NETWORK_ALLOW_TEXT])
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&allow->address) && allow->prefix_len >= V4_MAPPED_BITS;
	unsigned int bits = v4 ? 32 : 128, len = allow->prefix_len - (128 - bits);
	char address[INET6_ADDRSTRLEN], prefix[8] = "", port[8] = "";

	inet_ntop(v4 ? AF_INET : AF_INET6,
		  v4 ? allow->address.s6_addr + 12 : allow->address.s6_addr, address,
		  sizeof(address));
	if (len != bits)
		snprintf(prefix, sizeof(prefix), "/%u", len);
	if (allow->port)
		snprintf(port, sizeof(port), ":%u", allow->port);
	snprintf(ret, NETWORK_ALLOW_TEXT, v4 || !allow->port ? "%s%s%s" : "[%s]%s%s", address,
		 prefix, port);
}
