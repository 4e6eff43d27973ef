/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_reload.h - `outrigger net`: the configuration file, read again while it runs
 */
#ifndef CLI_NET_RELOAD_H
#define CLI_NET_RELOAD_H

#include "cli/net_options.h"
#include "net/service.h"

/** struct net_reload - @made_of: parsed from argc and argv; all outlive it */
struct net_reload {
	int argc;
	char **argv;
	const struct net_options *made_of;
	struct net_service *service;
	struct net_options applied; /* last; if there was a reload */
	bool any;
};

/**
 * net_reload() - read the file again, apply what has changed
 * @refused: called for each difference that is not applied; NULL: it is only logged
 * @ret_error: a sentence; the caller frees
 * Return: 0; -EOPNOTSUPP there is no file; -EINVAL the file is wrong: nothing has changed; -errno
 */
int net_reload(struct net_reload *reload, void (*refused)(void *opaque, const char *sentence),
	       void *opaque, char **ret_error);

void net_reload_clear(struct net_reload *reload);

#endif
