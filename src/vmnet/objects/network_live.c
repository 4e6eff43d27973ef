/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_live.c - which network objects there are: few, so a list does
 */
#include "vmnet/objects/network.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct network_object *first;

void network_live_add(struct network_object *object, enum network_kind_of_object kind,
		      const struct darwin_class *cls)
{
	darwin_object_init(&object->object, cls);
	object->kind = kind;
	pthread_mutex_lock(&lock);
	object->next = first;
	first = object;
	pthread_mutex_unlock(&lock);
}

void network_live_remove(struct network_object *object)
{
	struct network_object **at = &first;

	pthread_mutex_lock(&lock);
	while (*at != object)
		at = &(*at)->next;
	*at = object->next;
	pthread_mutex_unlock(&lock);
}

bool network_is_live(const void *object, enum network_kind_of_object kind)
{
	const struct network_object *each;
	bool found;

	pthread_mutex_lock(&lock);
	for (each = first; each && each != object; each = each->next)
		;
	found = each && each->kind == kind;
	pthread_mutex_unlock(&lock);
	return found;
}
