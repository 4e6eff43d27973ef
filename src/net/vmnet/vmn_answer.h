/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_answer.h - wait for a handler of vmnet's, but not for ever
 *
 * For what the loop has to know before it goes on, and what vmnet does in no time: rules of forwards,
 * network objects. One waits, one gives; who comes second frees.
 */
#ifndef NET_VMNET_VMN_ANSWER_H
#define NET_VMNET_VMN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <vmnet/vmnet.h>

struct vmn_answer;

struct vmn_answer *vmn_answer_new(void); /* NULL: no memory */

/** vmn_answer_give() - any thread, once. Return: false: nobody waits any more, @value stays yours */
bool vmn_answer_give(struct vmn_answer *answer, vmnet_return_t status, void *value);

/**
 * vmn_answer_wait() - and let go of it
 * @ret_value: may be NULL
 * Return: 0, -ETIMEDOUT
 */
int vmn_answer_wait(struct vmn_answer *answer, uint64_t ms, vmnet_return_t *ret_status,
		    void **ret_value);

/** vmn_answer_free() - nobody will give */
void vmn_answer_free(struct vmn_answer *answer);

#endif
