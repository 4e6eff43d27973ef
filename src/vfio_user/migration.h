/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * migration.h - where a device is on its way from one host to another
 *
 * The states of the specification and how one gets from one to another
 * ("VFIO_USER_DEVICE_FEATURE_MIG_DEVICE_STATE"):
 *
 *	RESUMING <---> STOP <---> STOP_COPYING
 *			 ^		^
 *			 |		|
 *			 v		|
 *		      RUNNING <---> PRE_COPYING
 *
 * A client names where it wants to be; the device is asked for one arc after the other, by the
 * shortest path that stops neither in PRE_COPYING nor in STOP_COPYING on its way (what a device saves
 * there would be lost). Nothing leads from STOP_COPYING to PRE_COPYING. Without pre-copy
 * PRE_COPYING does not exist. The states for p2p (5 and 7) never do.
 *
 * What else a state permits: the data of the state is read in PRE_COPYING and STOP_COPYING and
 * written in RESUMING. Everything else goes on in every state, as in the kernel's VFIO, which keeps
 * a stopped device's configuration space and interrupts usable (libvfio-user refuses most commands
 * then). A VMM needs it: it saves registers, unmaps memory and resets devices that are stopped.
 *
 * An arc that fails leaves the device where it was, so a longer path may end between its ends. ERROR
 * is for a device that is in no state any more: its transition() says so with -ENOTRECOVERABLE.
 * Only a reset leaves ERROR, and it leads from every state to RUNNING ("VFIO_USER_DEVICE_RESET"; a
 * function level reset by the guest is between it and the device, and changes nothing here).
 *
 * No I/O and no callbacks: this says what is next, server_features.c does it. Owner: the server's
 * thread.
 */
#ifndef VFIO_USER_MIGRATION_H
#define VFIO_USER_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include <outrigger/vfio_user.h>

/**
 * struct migration - of one device
 * @state:  where it is
 * @target: where it is to go; equal to state when nobody wants it elsewhere
 */
struct migration {
	enum rig_migration_state state;
	enum rig_migration_state target;
	bool pre_copy;
};

/** migration_init() - RUNNING. @flags: RIG_MIGRATION_... of the device */
void migration_init(struct migration *migration, uint64_t flags);

/**
 * migration_go() - a client wants it there
 * @target: as it came from the wire
 *
 * Not while it is moving. Return: 0, -EINVAL there is no such state or no path: nothing changed
 */
int migration_go(struct migration *migration, uint32_t target);

/** migration_moving() - is there an arc to be done, or being done? */
static inline bool migration_moving(const struct migration *migration)
{
	return migration->state != migration->target;
}

/** migration_next() - the end of the arc that is next. Only while it is moving */
enum rig_migration_state migration_next(const struct migration *migration);

/**
 * migration_arrived() - that arc is over
 * @error: of the device's transition(): 0; -ENOTRECOVERABLE leads to ERROR; any other to nowhere.
 *	An error ends the path
 */
void migration_arrived(struct migration *migration, int error);

/** migration_stay() - nobody wants it elsewhere any more. Not while an arc is being done */
void migration_stay(struct migration *migration);

/** migration_reset() - the device was reset: RUNNING, whatever was before */
void migration_reset(struct migration *migration);

/** migration_readable(), migration_writable() - may MIG_DATA_READ, MIG_DATA_WRITE come now? */
bool migration_readable(const struct migration *migration);
bool migration_writable(const struct migration *migration);

/** migration_state_name() - the specification's, for messages to people */
const char *migration_state_name(enum rig_migration_state state);

#endif
