/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.c - values that are made of parts
 */
#include "net/settings/spec.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/un.h>

#include "sys/explain.h"
#include "virtio/frame.h"

#define PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define PARTS_MAX    16u

/* Ends the part at its comma and makes one of each two. Return: the next part, NULL: none */
static char *cut_part(char *part)
{
	char *to = part, *from = part;

	for (; *from && (*from != ',' || from[1] == ','); from++) {
		*to++ = *from;
		if (*from == ',')
			from++;
	}
	from = *from ? from + 1 : NULL;
	*to = '\0';
	return from;
}

/* Letters and hyphens before "=" are a key; "/tmp/a=b" has none. Return: its length, 0: none */
static size_t key_len(const char *part)
{
	size_t len = strspn(part, "abcdefghijklmnopqrstuvwxyz-");

	return part[len] == '=' ? len : 0;
}

static bool is_one_of(const char *key, const char *const *keys, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

int spec_parse(char *text,
	       int (*set)(void *opaque, const char *key, const char *value, char **ret_error),
	       void *opaque, char **ret_error)
{
	const char *keys[PARTS_MAX];
	char *next = text;

	for (unsigned int n = 0; next; n++) {
		char *part = next, *value = part;
		size_t len = key_len(part);
		int r;

		next = cut_part(part);
		if (n == PARTS_MAX)
			return explain(ret_error, -EINVAL, "more than %u parts", PARTS_MAX);
		if (n > 0 && !len)
			return explain(
				ret_error, -EINVAL,
				"\"%s\" behind a comma is no KEY=VALUE; a comma in a path is "
				"written twice",
				part);
		keys[n] = len ? part : "path";
		if (len) {
			part[len] = '\0';
			value = part + len + 1;
		}
		if (is_one_of(keys[n], keys, n))
			return explain(ret_error, -EINVAL, "%s= is given twice; give it once",
				       keys[n]);
		r = set(opaque, keys[n], value, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

int spec_on_off(const char *value, bool *ret, char **ret_error)
{
	if (strcmp(value, "on") == 0)
		*ret = true;
	else if (strcmp(value, "off") == 0)
		*ret = false;
	else
		return explain(ret_error, -EINVAL, "neither on nor off; give one of these");
	return 0;
}

/* Digits, nothing else: no sign, no space, no 0x. Return: false if it is not from min to max */
static bool number_parse(const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t number = 0;

	if (!*value)
		return false;
	for (const char *c = value; *c; c++) {
		uint64_t digit = (uint64_t)(*c - '0');

		if (*c < '0' || *c > '9' || digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret = number;
	return number >= min;
}

int spec_number(const char *value, uint64_t min, uint64_t max, uint64_t *ret, char **ret_error)
{
	uint64_t number;

	if (!number_parse(value, min, max, &number))
		return explain(ret_error, -EINVAL, "not a number from %llu to %llu",
			       (unsigned long long)min, (unsigned long long)max);
	*ret = number;
	return 0;
}

int spec_mtu(const char *value, uint16_t *ret, char **ret_error)
{
	uint64_t mtu;

	if (!number_parse(value, FRAME_MTU_MIN, FRAME_MTU_MAX, &mtu))
		return explain(ret_error, -EINVAL, "not a number of bytes from %u to %u",
			       FRAME_MTU_MIN, FRAME_MTU_MAX);
	*ret = (uint16_t)mtu;
	return 0;
}

int spec_path(const char *value, const char **ret, char **ret_error)
{
	size_t len = strlen(value);

	if (!len)
		return explain(ret_error, -EINVAL,
			       "the path is empty; give the path of a socket to make");
	if (len > PATH_LEN_MAX)
		return explain(ret_error, -EINVAL,
			       "%zu bytes are too long for a socket, which takes up to %zu; choose "
			       "a shorter path",
			       len, PATH_LEN_MAX);
	*ret = value;
	return 0;
}

int spec_mode(const char *value, mode_t *ret, char **ret_error)
{
	unsigned int mode = 0;
	size_t len = strspn(value, "01234567");

	if (len == 0 || value[len] || len > 4)
		len = 0;
	for (size_t i = 0; i < len; i++)
		mode = mode << 3 | (unsigned int)(value[i] - '0');
	if (!len || mode > 0777)
		return explain(ret_error, -EINVAL,
			       "no mode of a file; give three octal digits, like 0660");
	*ret = mode;
	return 0;
}

int spec_group(const char *value, gid_t *ret, char **ret_error)
{
	const struct group *group;
	uint64_t id = 0;

	if (*value && !value[strspn(value, "0123456789")]) {
		int r = spec_number(value, 0, (gid_t)-2, &id, ret_error);

		if (r >= 0)
			*ret = (gid_t)id;
		return r;
	}
	group = getgrnam(value);
	if (!group)
		return explain(ret_error, -EINVAL,
			       "no such group here; give one of /etc/group, or a number");
	*ret = group->gr_gid;
	return 0;
}
