/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest_name.c - what a guest may be called
 */
#include "net/user/guest_name.h"

#include <string.h>

static const char *const refused[] = { GUEST_NAME_GATEWAY, GUEST_NAME_HOST, "localhost", "wpad",
				       "isatap" };

/* Not isalnum(): the locale has no say. Return: 0 if it has no place in a name */
static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ? c : '\0';
}

bool guest_name_from(const char *text, size_t len, char ret[NETWORK_NAME_MAX + 1])
{
	char name[NETWORK_NAME_MAX + 1];
	size_t n = 0;

	while (n < len && text[n] && text[n] != '.') {
		if (n == NETWORK_NAME_MAX || !lower(text[n]))
			return false;
		name[n] = lower(text[n]);
		n++;
	}
	if (n == 0 || name[0] == '-' || name[n - 1] == '-')
		return false;
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strcmp(name, refused[i]) == 0)
			return false;
	}
	memcpy(ret, name, n + 1);
	return true;
}
