/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interfaces.c - the table of a process's interfaces
 *
 * A handle is a place in the table and a number that counts up, with the lowest bit set, so that it
 * is never the address of anything. With 64 bits it never comes again, with 32 after two million.
 */
#include <stdlib.h>

#include "vmnet/interfaces/interface.h"

#define PLACE_SHIFT  1
#define PLACE_BITS   10
#define NUMBER_SHIFT (PLACE_SHIFT + PLACE_BITS)
_Static_assert(INTERFACES_MAX == 1u << PLACE_BITS, "a handle has room for each place");

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct interface *) table[INTERFACES_MAX]; /* what is there once stays */
static uintptr_t last_number;				  /* under table_lock */

static struct interface *make(size_t place)
{
	struct interface *interface = calloc(1, sizeof(*interface));

	if (!interface)
		return NULL;
	if (pthread_mutex_init(&interface->lock, NULL) != 0 ||
	    pthread_mutex_init(&interface->tx, NULL) != 0) {
		free(interface);
		return NULL;
	}
	atomic_store(&table[place], interface);
	return interface;
}

/* Of table_lock. NULL: all places are taken, or no memory for another one */
static struct interface *free_place(size_t *ret_place)
{
	struct interface *interface;

	for (size_t place = 0; place < INTERFACES_MAX; place++) {
		interface = atomic_load(&table[place]);
		if (interface && atomic_load(&interface->ref) != 0)
			continue;
		*ret_place = place;
		return interface ? interface : make(place);
	}
	return NULL;
}

struct interface *interface_new(void)
{
	struct interface *interface;
	size_t place;

	pthread_mutex_lock(&table_lock);
	interface = free_place(&place);
	if (interface) {
		atomic_store(&interface->state, INTERFACE_STARTING);
		atomic_store(&interface->ref,
			     ++last_number << NUMBER_SHIFT | place << PLACE_SHIFT | 1);
	}
	pthread_mutex_unlock(&table_lock);
	return interface;
}

void interface_free(struct interface *interface)
{
	dispatch_release(interface->control);
	dispatch_release(interface->callers);
	interface->control = NULL;
	interface->callers = NULL;
	pthread_mutex_lock(&interface->tx);
	pthread_mutex_lock(&interface->lock);
	atomic_store(&interface->ref, 0);
	pthread_mutex_unlock(&interface->lock);
	pthread_mutex_unlock(&interface->tx);
}

static struct interface *find(interface_ref ref)
{
	size_t place = (uintptr_t)ref >> PLACE_SHIFT & (INTERFACES_MAX - 1);

	return (uintptr_t)ref & 1 ? atomic_load(&table[place]) : NULL;
}

/* It may have become another one until we have the lock. */
static struct interface *lock_if_still(interface_ref ref, struct interface *interface,
				       pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	if (atomic_load(&interface->ref) == (uintptr_t)ref)
		return interface;
	pthread_mutex_unlock(lock);
	return NULL;
}

struct interface *interface_lock(interface_ref ref)
{
	struct interface *interface = find(ref);

	return interface ? lock_if_still(ref, interface, &interface->lock) : NULL;
}

void interface_unlock(struct interface *interface)
{
	pthread_mutex_unlock(&interface->lock);
}

struct interface *interface_lock_tx(interface_ref ref)
{
	struct interface *interface = find(ref);

	return interface ? lock_if_still(ref, interface, &interface->tx) : NULL;
}

void interface_unlock_tx(struct interface *interface)
{
	pthread_mutex_unlock(&interface->tx);
}

void interface_each(void (*each)(struct interface *interface))
{
	for (size_t place = 0; place < INTERFACES_MAX; place++) {
		struct interface *interface = atomic_load(&table[place]);

		if (!interface)
			continue;
		pthread_mutex_lock(&interface->lock);
		if (atomic_load(&interface->ref) != 0)
			each(interface);
		pthread_mutex_unlock(&interface->lock);
	}
}

interface_ref interface_handle(const struct interface *interface)
{
	return (interface_ref)atomic_load(&interface->ref);
}

vmnet_return_t interface_refuses(const struct interface *interface)
{
	switch (atomic_load(&interface->state)) {
	case INTERFACE_RUNNING:
		return VMNET_SUCCESS;
	case INTERFACE_STARTING:
		return VMNET_SETUP_INCOMPLETE;
	case INTERFACE_STOPPING:
		break;
	}
	return VMNET_INVALID_ARGUMENT;
}
