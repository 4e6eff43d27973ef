/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork_guard.h - did this process fork since?
 *
 * What locks, sockets and other threads' stacks were in use when a process forked is not the child's
 * to touch. An object keeps the generation it was made in and compares.
 */
#ifndef SYS_FORK_GUARD_H
#define SYS_FORK_GUARD_H

#include <stdbool.h>

/** fork_guard_init() - before the first object is made; any thread, any number of times */
void fork_guard_init(void);

/** fork_guard_generation() - changes in each child. Any thread; costs a load */
unsigned int fork_guard_generation(void);

#endif
