/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_store.h - the file in --state-dir that leases live in while we do not
 *
 * DIR/leases, replaced as a whole (DIR/leases.tmp, renamed) some time after something changed: many
 * changes, one write. It is written on a thread of libuv's pool, so a slow disk delays no frame; the
 * last second of changes is lost with a process that is killed. DIR/leases.lock is held meanwhile.
 *
 * The loop's thread.
 */
#ifndef NET_USER_LEASE_STORE_H
#define NET_USER_LEASE_STORE_H

#include <uv.h>

#include "net/user/lease_file.h"

#define LEASE_STORE_DELAY_MS 1000u

struct lease_store;

/**
 * lease_store_open() - the directory is made if it is not there
 * @write: put everything onto this stream; called inside lease_store_close(), too
 * @ret_error: a sentence, which the caller frees
 * Return: 0; -EBUSY another process has it; -errno
 */
int lease_store_open(uv_loop_t *loop, const char *dir, void (*write)(void *opaque, FILE *to),
		     void *opaque, struct lease_store **ret, char **ret_error);

/**
 * lease_store_load() - what was there; nothing is an ordinary case
 *
 * A file that makes no sense is reported in the log with its line, what does make sense in it is
 * told of, and it is kept as DIR/leases.bad.
 */
void lease_store_load(struct lease_store *store, const struct lease_file_reader *reader,
		      void *opaque);

/** lease_store_changed() - write it soon */
void lease_store_changed(struct lease_store *store);

/**
 * lease_store_close() - writes what has changed; the loop must run until that is done. NULL is fine
 */
void lease_store_close(struct lease_store *store);

#endif
