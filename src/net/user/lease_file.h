/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_file.h - leases as text, one a line, to outlive the process
 *
 *   outrigger-leases 1
 *   prefix6 fd12:3456:789a::
 *   lease 52:54:00:12:34:56 192.168.64.2 1790000000 web
 *
 * A lease has a MAC, an address, its end in seconds since 1970 (0: none; in the past: remembered
 * only) and a name, "-" for none. Older ones come first. Pure: no files here.
 */
#ifndef NET_USER_LEASE_FILE_H
#define NET_USER_LEASE_FILE_H

#include <stdio.h>

#include "net/network.h"
#include "net/user/leases.h"

#define LEASE_FILE_MAX ((size_t)2 << 20) /* bytes */

/** struct lease_file_reader - is told what is in the file; both must be there */
struct lease_file_reader {
	void (*prefix6)(void *opaque, const struct in6_addr *prefix);
	void (*lease)(void *opaque, const struct network_lease *lease);
};

/**
 * lease_file_read() - tell of each line that makes sense
 * @ret_line, @ret_what: the first one that makes none: number, from 1, and what is wrong there; a
 *                       constant
 * Return: 0, -EBADMSG some line makes no sense
 */
int lease_file_read(const char *text, size_t len, const struct lease_file_reader *reader,
		    void *opaque, unsigned int *ret_line, const char **ret_what);

/** lease_file_write_head(), _lease() - onto a stream, whose errors are the caller's to see */
void lease_file_write_head(FILE *to, const struct in6_addr *prefix6);
void lease_file_write_lease(FILE *to, const struct lease *lease);

#endif
