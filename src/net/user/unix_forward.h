/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix_forward.h - port forwards that begin at a UNIX socket of the host
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_UNIX_FORWARD_H
#define NET_USER_UNIX_FORWARD_H

#include <libslirp.h>

#include "net/network.h"
#include "net/user/slirp_poll.h"

struct unix_forwards;

/** unix_forwards_new() - none yet; @slirp and @poll outlive it. Return: 0, -ENOMEM */
int unix_forwards_new(uv_loop_t *loop, Slirp *slirp, struct slirp_poll *poll,
		      struct unix_forwards **ret);

/** unix_forwards_free() - connections too; the loop must run once more. NULL is fine */
void unix_forwards_free(struct unix_forwards *forwards);

/**
 * unix_forwards_add() - make the socket, for its owner only, and listen
 * @forward:   its host's side is a path
 * @ret_error: a sentence that goes on after the forward's text; the caller frees
 * Return: 0, what sock_listen() returns, -errno
 */
int unix_forwards_add(struct unix_forwards *forwards, const struct network_forward *forward,
		      char **ret_error);

/** unix_forwards_remove() - the one at this path; connections that it took stay */
void unix_forwards_remove(struct unix_forwards *forwards, const struct network_forward *forward);

#endif
