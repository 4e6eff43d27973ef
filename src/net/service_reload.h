/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_reload.h - settings that have changed, applied to a running network
 *
 * What the settings say is there afterwards, also what was removed on the control socket; what they
 * said before and do not say any more is gone. What was added on the control socket stays.
 */
#ifndef NET_SERVICE_RELOAD_H
#define NET_SERVICE_RELOAD_H

#include "net/service.h"

/**
 * struct service_reload
 * @made_of: what the service was made of
 * @before:  what was applied last: that, or what was wanted the time before
 * @wanted:  complete; only ports, forwards, reservations and the log's level count
 * @refused: called for each difference that is not applied, with a sentence that begins with its option
 */
struct service_reload {
	const struct net_settings *made_of, *before, *wanted;
	void (*refused)(void *opaque, const char *sentence);
	void *opaque;
};

/** net_service_reload() - as far as it goes */
void net_service_reload(struct net_service *service, const struct service_reload *reload);

#endif
