/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_net.c - addresses as JSON
 */
#include "net/control/json_net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/settings/utf8.h"

void json_put_address(struct json_object *parent, const char *key, const struct in_addr *address)
{
	char text[INET_ADDRSTRLEN];

	json_put_text(parent, key, inet_ntop(AF_INET, address, text, sizeof(text)));
}

void json_put_address6(struct json_object *parent, const char *key, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	json_put_text(parent, key, inet_ntop(AF_INET6, address, text, sizeof(text)));
}

void json_put_mac(struct json_object *parent, const char *key, const uint8_t mac[FRAME_MAC])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	json_put_text(parent, key, text);
}

void json_put_bytes(struct json_object *parent, const char *key, const char *text)
{
	char *copy = strdup(text);
	size_t len = strlen(text);

	for (size_t i = 0; copy && i < len;) {
		size_t n = utf8_len(copy + i, len - i);

		if (!n)
			copy[i] = '?';
		i += n ? n : 1;
	}
	json_put(parent, key, copy ? json_object_new_string(copy) : NULL);
	free(copy);
}

void json_put_null(struct json_object *parent, const char *key)
{
	if (parent)
		json_object_object_add(parent, key, NULL);
}
