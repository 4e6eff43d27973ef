/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guarded_map.h - shared memory whose owner may truncate it without killing us
 *
 * Touching a page behind the end of a truncated file raises SIGBUS. For mappings made here a
 * handler puts zeroed private memory in the whole mapping's place and marks it as lost; what
 * touched it goes on, and its owner finds out with guarded_map_lost() and drops the peer. A SIGBUS
 * elsewhere keeps the effect it had. System calls that touch such a page fail with EFAULT instead,
 * without marking anything.
 *
 * Any thread may call and any thread may fault; a mapping must not be freed while it is used.
 */
#ifndef SYS_GUARDED_MAP_H
#define SYS_GUARDED_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guarded_map;

/**
 * guarded_map_new() - mmap(MAP_SHARED) len bytes of fd from offset (any alignment)
 * @prot: PROT_READ, PROT_WRITE
 *
 * The first call installs the SIGBUS handler, for good. A handler that the application installs
 * later has to call the one that it replaced.
 *
 * Return: 0, -EINVAL the file is no memory (a regular file, memfd, tmpfs or hugetlbfs is) or ends
 * before offset + len, -ENOMEM, or mmap's errno
 */
int guarded_map_new(int fd, uint64_t offset, size_t len, int prot, struct guarded_map **ret);

/** guarded_map_free() - NULL is fine */
void guarded_map_free(struct guarded_map *map);

/** guarded_map_addr() - where offset is */
void *guarded_map_addr(const struct guarded_map *map);

/** guarded_map_lost() - has it been replaced since? */
bool guarded_map_lost(const struct guarded_map *map);

/** guarded_map_losses() - how many in the process ever were: while it stays, none is new */
unsigned int guarded_map_losses(void);

#endif
