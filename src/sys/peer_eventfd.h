/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer_eventfd.h - eventfds that came from somebody we do not trust
 *
 * Whether such an fd blocks is not ours to decide: O_NONBLOCK belongs to the description that is
 * shared with its sender, who may rely on either and change it at any time.
 */
#ifndef SYS_PEER_EVENTFD_H
#define SYS_PEER_EVENTFD_H

#include <stdbool.h>

/** peer_eventfd_check() - is it one? Writing to anything else could block or raise SIGPIPE */
bool peer_eventfd_check(int fd);

/**
 * peer_eventfd_signal() - add 1, if that can be done at once
 *
 * A full counter is left alone: its reader has not seen the last signal yet either.
 */
void peer_eventfd_signal(int fd);

/** peer_eventfd_consume() - was it signalled since the last look? Never waits */
bool peer_eventfd_consume(int fd);

#endif
