/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry.h - the user's directory of living networks
 *
 *   DIR/lock             held while one looks for a network or starts one
 *   DIR/net-HEX/record   what it was started for (record.h)
 *   DIR/net-HEX/control  its control socket: while somebody listens there, it lives
 *   DIR/net-HEX/alive    locked by its process, until that has ended
 *   DIR/net-HEX/log      its messages
 *
 * DIR: $OUTRIGGER_VMNET_DIR, else outrigger-vmnet in $XDG_RUNTIME_DIR, for root in /run; else
 * /tmp/outrigger-vmnet-UID. It has to be the user's, and nobody else's to write to. A network that
 * ended leaves its directory, which the next one who looks removes. What is not of this form is left
 * alone.
 *
 * A registry: one thread. Several may have one each, also in one process.
 */
#ifndef VMNET_NETWORKS_REGISTRY_H
#define VMNET_NETWORKS_REGISTRY_H

#include "vmnet/networks/backend_rules.h"

#define REGISTRY_NAME	  "net-0123456789abcdef"
#define REGISTRY_NETS_MAX 256u

struct registry {
	int fd; /* of DIR */
	char *path;
	int lock;
};

/** struct registry_net - @ending: it serves nobody any more, but has not taken everything back yet */
struct registry_net {
	char name[sizeof(REGISTRY_NAME)];
	struct backend_living living;
	bool ending;
};

/** registry_open() - made if need be. Return: 0, -EPERM it is somebody else's, -ENAMETOOLONG, -errno */
int registry_open(struct registry *ret, char **ret_error);
void registry_close(struct registry *registry); /* unlocks, too; {-1, NULL, -1} is fine */

/** registry_lock() - waits for others, 30 s at most. Return: 0, -ETIMEDOUT, -errno */
int registry_lock(struct registry *registry, char **ret_error);
void registry_unlock(struct registry *registry);

/**
 * registry_list() - those that live; what is left of others is removed. While it is locked
 * @ret: for REGISTRY_NETS_MAX; more than these are not seen
 * Return: how many, -errno
 */
int registry_list(struct registry *registry, struct registry_net *ret);

/** registry_serves() - does somebody listen there? */
bool registry_serves(const struct registry *registry, const char *name);

/**
 * registry_add() - a directory for a new one, with its record
 * @ret_alive: an fd that is open as long as the network's process lives: for that to inherit, above
 *	       stderr, close-on-exec
 * Return: 0, -errno
 */
int registry_add(struct registry *registry, const struct backend_living *living,
		 char ret_name[sizeof(REGISTRY_NAME)], int *ret_alive, char **ret_error);

/** registry_remove() - what did not come to life, or has ended; its fd alive is closed already */
void registry_remove(struct registry *registry, const char *name);

/** registry_path() - of a file of a network; the caller frees. NULL: no memory */
char *registry_path(const struct registry *registry, const char *name, const char *file);

/** registry_is_name() - is it the form of a network's name? */
bool registry_is_name(const char *name);

#endif
