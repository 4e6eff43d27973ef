/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.h - the callback of an interface
 *
 * A sink is one registration: a block, its queue, and whether it still counts. An event that waits
 * on the queue keeps its sink, not its interface: once the sink is ended it runs into nothing.
 * At most one event of a sink is queued or runs.
 *
 * Packets that are left unread by a callback make the next event, as the event means that there
 * are some and not that some came. Where nothing at all was read since the last one, the next waits
 * for EVENT_PACE_MS, so that who cannot take packets does not burn a processor.
 */
#ifndef VMNET_INTERFACES_EVENT_H
#define VMNET_INTERFACES_EVENT_H

#include "vmnet/interfaces/interface.h"

#define EVENT_PACE_MS 1

/**
 * event_sink_end() - no further calls of the callback. Nothing is locked
 * @sink:   the caller's reference goes; NULL is fine
 * @caller: the thread that wants it; @handler: run (with VMNET_SUCCESS) when the callback is not
 *          running, or runs in that thread. NULL: nobody waits
 */
void event_sink_end(struct event_sink *sink, pthread_t caller, struct handler *handler);

/** event_noticed() - the driver's descriptor was readable. Locked */
void event_noticed(struct interface *interface);

/** event_again() - a paced one's moment has come. Locked */
void event_again(struct interface *interface);

/** event_drained() - all packets were read. Locked */
void event_drained(struct interface *interface);

#endif
