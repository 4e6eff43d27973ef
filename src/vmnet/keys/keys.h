/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keys.h - what a description of an interface may hold, a row for each key
 *
 * A row says what the key's value must be, in which modes it is good and how it is read. What needs
 * several keys to decide is in description.c. Pure; any thread.
 */
#ifndef VMNET_KEYS_KEYS_H
#define VMNET_KEYS_KEYS_H

#include "vmnet/keys/description.h"

enum key_type {
	KEY_UINT64,
	KEY_BOOL,
	KEY_STRING,
	KEY_UUID,
};

/* Modes that a key is good in, as bits */
#define KEY_HOST    1u
#define KEY_SHARED  2u
#define KEY_BRIDGED 4u
#define KEY_ANY	    (KEY_HOST | KEY_SHARED | KEY_BRIDGED)

/**
 * struct key_row
 * @of_network: says something about the network; meaningless on a network object, which has it
 * @read:       @value is of the row's type. Return: 0, -EINVAL; @ret_error: the rest of a sentence
 *              that begins with the key
 */
struct key_row {
	const char *const *key;
	enum key_type type;
	unsigned int modes;
	bool of_network;
	int (*read)(struct description *description, xpc_object_t value, char **ret_error);
};

/** key_rows() - all of a description's; @ret_n: how many */
const struct key_row *key_rows(size_t *ret_n);

#endif
