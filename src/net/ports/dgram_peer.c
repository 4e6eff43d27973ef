/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_peer.c - whom a datagram socket talks to: addresses, who is alive, what a datagram is
 */
#include "net/ports/dgram_peer.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define HELLO	"VFKT"
#define NAME_AT offsetof(struct sockaddr_un, sun_path)

enum dgram_content dgram_content(const uint8_t *bytes, size_t len, bool cut)
{
	if (cut || len > DGRAM_FRAME_MAX)
		return DGRAM_LONG;
	if (len >= DGRAM_FRAME_MIN)
		return DGRAM_FRAME;
	if (len == 0)
		return DGRAM_EMPTY;
	return len == strlen(HELLO) && memcmp(bytes, HELLO, len) == 0 ? DGRAM_HELLO : DGRAM_RUNT;
}

bool dgram_address_is_named(const struct dgram_address *address)
{
	return address->len > NAME_AT && address->len <= sizeof(address->sun) &&
	       address->sun.sun_family == AF_UNIX;
}

bool dgram_address_is_same(const struct dgram_address *a, const struct dgram_address *b)
{
	return a->len == b->len && memcmp(&a->sun, &b->sun, a->len) == 0;
}

/* Return: characters */
static size_t print_byte(unsigned char byte, char *at)
{
	static const char digits[] = "0123456789abcdef";

	if (byte > ' ' && byte < 0x7f && byte != '\\') {
		*at = (char)byte;
		return 1;
	}
	memcpy(at, (const char[]) { '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
	return 4;
}

void dgram_address_print(const struct dgram_address *address, char buf[DGRAM_ADDRESS_TEXT])
{
	size_t len = dgram_address_is_named(address) ? address->len - NAME_AT : 0;
	const char *name = address->sun.sun_path;

	if (len > 0 && !name[0]) {
		*buf++ = '@';
		name++;
		len--;
	} else {
		len = strnlen(name, len);
	}
	for (size_t i = 0; i < len; i++)
		buf += print_byte((unsigned char)name[i], buf);
	*buf = '\0';
}

int dgram_address_check(int fd, const struct dgram_address *address)
{
	int r;

	do
		r = connect(fd, (const struct sockaddr *)&address->sun, address->len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}
