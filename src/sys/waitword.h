/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waitword.h - one thread sleeps until another gives it a number
 *
 * Lives on the sleeper's stack: waitword_set() touches it for the last time when it stores
 * the value, so the sleeper may return from then on.
 */
#ifndef SYS_WAITWORD_H
#define SYS_WAITWORD_H

#include <stdatomic.h>
#include <stdint.h>

#include <outrigger/common.h>

#ifndef __linux__
#include <pthread.h>
#endif

struct waitword {
	_Atomic(uint32_t) value;
#ifndef __linux__
	pthread_mutex_t lock;
	pthread_cond_t cond;
#endif
};

/** waitword_init() - nothing was given yet */
void waitword_init(struct waitword *word);

/** waitword_end() - no more use of it */
void waitword_end(struct waitword *word);

/**
 * waitword_wait() - sleep until there is a value, and take it
 * @deadline: RIG_FOREVER: none
 *
 * What the setter did before is seen. Return: the value; 0: the deadline passed
 */
uint32_t waitword_wait(struct waitword *word, rig_time deadline);

/** waitword_take() - without sleeping. Return: the value, 0: there is none */
uint32_t waitword_take(struct waitword *word);

/** waitword_set() - give it a value, not 0. Only when it has none */
void waitword_set(struct waitword *word, uint32_t value);

#endif
