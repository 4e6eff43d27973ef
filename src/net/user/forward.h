/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward.h - port forwards of a user network: sockets of the host that lead to guests
 *
 * libslirp listens, accepts, and is the guest's peer. One thread: the loop's.
 */
#ifndef NET_USER_FORWARD_H
#define NET_USER_FORWARD_H

#include <libslirp.h>

#include "net/network.h"
#include "net/user/slirp_poll.h"

/**
 * user_forward_add() - listen at the host's side
 * @forward:   of one family; a guest that does not answer for its address lets clients wait, and
 *	       libslirp gives them up after some time
 * @ret_error: a sentence that goes on after the forward's text; the caller frees
 *
 * Return: 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -errno
 */
int user_forward_add(Slirp *slirp, struct slirp_poll *poll, const struct network_forward *forward,
		     char **ret_error);

/** user_forward_remove() - one that was added; connections that it took stay */
void user_forward_remove(Slirp *slirp, struct slirp_poll *poll,
			 const struct network_forward *forward);

/** user_forward_socket() - the listening socket of an active forward of TCP. Return: fd, -ENOENT */
int user_forward_socket(Slirp *slirp, const struct network_forward *forward);

/**
 * user_forward_check() - can this be a guest's address?
 * Return: 0, -EINVAL with a sentence as above
 */
int user_forward_check(const struct network_addresses *addresses,
		       const struct network_forward *forward, char **ret_error);

#endif
