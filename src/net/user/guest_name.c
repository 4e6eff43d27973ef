/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest_name.c - what a guest may be called
 */
#include "net/user/guest_name.h"

#include <string.h>

#include "net/network_text.h"

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
	if (network_name_is_nobodys(name))
		return false;
	memcpy(ret, name, n + 1);
	return true;
}
