/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_answer.c - wait for a handler of vmnet's, but not for ever
 */
#include "net/vmnet/vmn_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#define NS_PER_MS 1000000u

struct vmn_answer {
	uv_mutex_t lock; /* around the rest */
	uv_cond_t given_now;
	bool given, left; /* by who gives; by who waits */
	vmnet_return_t status;
	void *value;
};

struct vmn_answer *vmn_answer_new(void)
{
	struct vmn_answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		return NULL;
	uv_mutex_init(&answer->lock);
	uv_cond_init(&answer->given_now);
	return answer;
}

void vmn_answer_free(struct vmn_answer *answer)
{
	uv_cond_destroy(&answer->given_now);
	uv_mutex_destroy(&answer->lock);
	free(answer);
}

bool vmn_answer_give(struct vmn_answer *answer, vmnet_return_t status, void *value)
{
	bool left;

	uv_mutex_lock(&answer->lock);
	left = answer->left;
	answer->given = true;
	answer->status = status;
	answer->value = value;
	uv_cond_signal(&answer->given_now);
	uv_mutex_unlock(&answer->lock);
	if (left)
		vmn_answer_free(answer);
	return !left;
}

int vmn_answer_wait(struct vmn_answer *answer, uint64_t ms, vmnet_return_t *ret_status,
		    void **ret_value)
{
	uint64_t end_ns = uv_hrtime() + ms * NS_PER_MS, now_ns;
	bool given;

	uv_mutex_lock(&answer->lock);
	while (!answer->given && (now_ns = uv_hrtime()) < end_ns)
		(void)uv_cond_timedwait(&answer->given_now, &answer->lock, end_ns - now_ns);
	given = answer->given;
	answer->left = !given;
	uv_mutex_unlock(&answer->lock);
	if (!given)
		return -ETIMEDOUT;
	*ret_status = answer->status;
	if (ret_value)
		*ret_value = answer->value;
	vmn_answer_free(answer);
	return 0;
}
