/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record.c - what the registry keeps of a living network, as JSON
 *
 *   {"version":1,"mode":1001,"exclusive":false,"own":false,"range_given":false,
 *    "range":["192.168.64.1","192.168.64.254","255.255.255.0"],"prefix":"fd00::","mtu":1500,
 *    "identifier":"00112233445566778899aabbccddeeff","host_address6":"fd00::1","ifname":"eth0"}
 *
 * The last five only if they were asked for, the range only if there is one.
 */
#include "vmnet/networks/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/json_build.h"

#define VERSION 1

static void put_address(struct json_object *array, struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	json_append(array, json_object_new_string(text));
}

static void put_address6(struct json_object *o, const char *key, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, address, text, sizeof(text));
	json_put_text(o, key, text);
}

static void put_range(struct json_object *o, const struct backend_range *range)
{
	struct json_object *array = json_object_new_array();

	put_address(array, range->start);
	put_address(array, range->end);
	put_address(array, range->mask);
	json_put(o, "range", array);
}

static void put_identifier(struct json_object *o, const uint8_t identifier[16])
{
	char text[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", identifier[i]);
	json_put_text(o, "identifier", text);
}

char *record_print(const struct backend_living *living)
{
	const struct backend_request *asked = &living->asked;
	struct json_object *o = json_object_new_object();
	char *text = NULL;

	json_put_number(o, "version", VERSION);
	json_put_number(o, "mode", asked->mode);
	json_put_bool(o, "exclusive", asked->exclusive);
	json_put_bool(o, "own", asked->own);
	json_put_bool(o, "range_given", asked->range_given);
	if (living->range.mask.s_addr)
		put_range(o, &living->range);
	if (asked->prefix_given)
		put_address6(o, "prefix", &asked->nat66_prefix);
	if (asked->mtu)
		json_put_number(o, "mtu", asked->mtu);
	if (asked->identifier_given)
		put_identifier(o, asked->identifier);
	if (asked->host_address6_given)
		put_address6(o, "host_address6", &asked->host_address6);
	if (*asked->ifname)
		json_put_text(o, "ifname", asked->ifname);
	if (!json_incomplete())
		text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

/* Reading: each returns false if the member is there and is not of its form. */

static const char *text_of(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static bool get_bool(struct json_object *o, const char *key, bool *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_boolean))
		return false;
	*ret = json_object_get_boolean(value);
	return true;
}

static bool get_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		return true;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
	    json_object_get_uint64(value) > max)
		return false;
	*ret = json_object_get_uint64(value);
	return true;
}

static bool get_address6(struct json_object *o, const char *key, bool *ret_given,
			 struct in6_addr *ret)
{
	struct json_object *value;
	const char *text;

	*ret_given = json_object_object_get_ex(o, key, &value);
	text = *ret_given ? text_of(value) : NULL;
	return !*ret_given || (text && inet_pton(AF_INET6, text, ret) == 1);
}

static bool is_mask(struct in_addr mask)
{
	uint32_t host_bits = ~ntohl(mask.s_addr);

	return mask.s_addr && (host_bits & (host_bits + 1)) == 0;
}

static bool get_range(struct json_object *o, struct backend_range *ret)
{
	struct in_addr *const parts[] = { &ret->start, &ret->end, &ret->mask };
	struct json_object *array;

	if (!json_object_object_get_ex(o, "range", &array))
		return true;
	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		const char *text = text_of(json_object_array_get_idx(array, i));

		if (!text || inet_pton(AF_INET, text, parts[i]) != 1)
			return false;
	}
	return is_mask(ret->mask);
}

static bool get_identifier(struct json_object *o, struct backend_request *ret)
{
	struct json_object *value;
	const char *text;

	ret->identifier_given = json_object_object_get_ex(o, "identifier", &value);
	if (!ret->identifier_given)
		return true;
	text = text_of(value);
	if (!text || strlen(text) != 32 || text[strspn(text, "0123456789abcdef")])
		return false;
	for (size_t i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		ret->identifier[i] = (uint8_t)byte;
	}
	return true;
}

static bool get_ifname(struct json_object *o, struct backend_request *ret)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(o, "ifname", &value))
		return true;
	text = text_of(value);
	if (!text || strlen(text) >= sizeof(ret->ifname))
		return false;
	strcpy(ret->ifname, text);
	return true;
}

static bool parse(struct json_object *o, struct backend_living *ret)
{
	struct backend_request *asked = &ret->asked;
	uint64_t version = 0, mode = 0, mtu = 0;

	if (!json_object_is_type(o, json_type_object) || !get_number(o, "version", 1, &version) ||
	    version != VERSION || !get_number(o, "mode", VMNET_BRIDGED_MODE, &mode) ||
	    mode < VMNET_HOST_MODE || !get_number(o, "mtu", UINT16_MAX, &mtu))
		return false;
	asked->mode = (operating_modes_t)mode;
	asked->mtu = (uint16_t)mtu;
	return get_bool(o, "exclusive", &asked->exclusive) && get_bool(o, "own", &asked->own) &&
	       get_bool(o, "range_given", &asked->range_given) && get_range(o, &ret->range) &&
	       get_address6(o, "prefix", &asked->prefix_given, &asked->nat66_prefix) &&
	       get_identifier(o, asked) &&
	       get_address6(o, "host_address6", &asked->host_address6_given,
			    &asked->host_address6) &&
	       get_ifname(o, asked);
}

int record_parse(const char *text, struct backend_living *ret)
{
	struct json_object *o = json_tokener_parse(text);
	struct backend_living living = { 0 };
	bool good = parse(o, &living);

	json_object_put(o);
	if (!good)
		return -EPROTO;
	*ret = living;
	return 0;
}
