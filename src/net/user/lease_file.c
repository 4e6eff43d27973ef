/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_file.c - leases as text
 */
#include "net/user/lease_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/guest_name.h"

#define HEAD	   "outrigger-leases 1"
#define LINE_BYTES 256u
#define WORDS	   5u

/* Into words, in place. Return: how many there are, at most WORDS + 1 */
static size_t split(char *line, char *words[WORDS + 1])
{
	char *rest = line, *word;
	size_t n = 0;

	while (n <= WORDS && (word = strsep(&rest, " "))) {
		if (*word)
			words[n++] = word;
	}
	return n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_mac(const char *word, uint8_t ret[FRAME_MAC])
{
	if (strlen(word) != 3 * FRAME_MAC - 1)
		return false;
	for (size_t i = 0; i < FRAME_MAC; i++) {
		int high = hex_digit(word[3 * i]), low = hex_digit(word[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < FRAME_MAC && word[3 * i + 2] != ':'))
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return !(ret[0] & 1);
}

static bool read_time(const char *word, int64_t *ret)
{
	char *end;

	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*ret = strtoll(word, &end, 10);
	return !errno && !*end;
}

/* Return: NULL, or what is wrong */
static const char *read_lease(char *words[], size_t n, const struct lease_file_reader *reader,
			      void *opaque)
{
	struct network_lease lease = { 0 };

	if (n != WORDS)
		return "not a MAC, an address, a time and a name";
	if (!read_mac(words[1], lease.mac))
		return "no MAC of a guest";
	if (inet_pton(AF_INET, words[2], &lease.address) != 1)
		return "no IPv4 address";
	if (!read_time(words[3], &lease.expires_s))
		return "no time";
	if (strcmp(words[4], "-") != 0 && !guest_name_from(words[4], strlen(words[4]), lease.name))
		return "no host name";
	reader->lease(opaque, &lease);
	return NULL;
}

static const char *read_prefix6(char *words[], size_t n, const struct lease_file_reader *reader,
				void *opaque)
{
	static const uint8_t zero[8];
	struct in6_addr prefix;

	if (n != 2 || inet_pton(AF_INET6, words[1], &prefix) != 1 || prefix.s6_addr[0] != 0xfd ||
	    memcmp(prefix.s6_addr + 8, zero, sizeof(zero)) != 0)
		return "no unique local prefix of 64 bits";
	reader->prefix6(opaque, &prefix);
	return NULL;
}

static const char *read_line(char *line, bool first, const struct lease_file_reader *reader,
			     void *opaque)
{
	char *words[WORDS + 1];
	size_t n;

	if (first)
		return strcmp(line, HEAD) == 0 ? NULL : "not \"" HEAD "\"";
	n = split(line, words);
	if (n == 0)
		return NULL;
	if (strcmp(words[0], "lease") == 0)
		return read_lease(words, n, reader, opaque);
	if (strcmp(words[0], "prefix6") == 0)
		return read_prefix6(words, n, reader, opaque);
	return "neither a lease nor a prefix6";
}

/* A copy that may be cut into words; a zero byte would end it early. */
static const char *check_line(const char *from, size_t len, bool first,
			      const struct lease_file_reader *reader, void *opaque)
{
	char line[LINE_BYTES];

	if (len >= sizeof(line))
		return "too long";
	if (memchr(from, 0, len))
		return "a zero byte";
	memcpy(line, from, len);
	line[len] = '\0';
	return read_line(line, first, reader, opaque);
}

int lease_file_read(const char *text, size_t len, const struct lease_file_reader *reader,
		    void *opaque, unsigned int *ret_line, const char **ret_what)
{
	unsigned int number = 0, bad = 0;
	const char *bad_what = NULL, *at = text, *end = text + len;

	do {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *what = newline ? check_line(at, (size_t)(newline - at), number == 0,
							reader, opaque)
					   : "cut off: it does not end";

		number++;
		if (what && !bad) {
			bad = number;
			bad_what = what;
		}
		at = newline ? newline + 1 : end;
	} while (at < end);
	if (!bad)
		return 0;
	*ret_line = bad;
	*ret_what = bad_what;
	return -EBADMSG;
}

void lease_file_write_head(FILE *to, const struct in6_addr *prefix6)
{
	char text[INET6_ADDRSTRLEN];

	fprintf(to, HEAD "\nprefix6 %s\n", inet_ntop(AF_INET6, prefix6, text, sizeof(text)));
}

void lease_file_write_lease(FILE *to, const struct lease *lease)
{
	const uint8_t *mac = lease->mac;
	char text[INET_ADDRSTRLEN];

	fprintf(to, "lease %02x:%02x:%02x:%02x:%02x:%02x %s %" PRId64 " %s\n", mac[0], mac[1],
		mac[2], mac[3], mac[4], mac[5],
		inet_ntop(AF_INET, &lease->address, text, sizeof(text)),
		lease->until_s == INT64_MAX ? 0 : lease->until_s, *lease->name ? lease->name : "-");
}
