/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.c - by libcap-ng
 *
 * root has to lose them from the bounding set, too: it would get them back with each program that
 * it runs. Others cannot change that set, and need not.
 */
#include "sys/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define KEEP_MAX 64u

int capabilities_keep(const int *keep, size_t n)
{
	bool bounded, had[KEEP_MAX] = { false };

	if (n > KEEP_MAX)
		return -EINVAL;
	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (size_t i = 0; i < n; i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, (unsigned int)keep[i]);
	bounded = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < n; i++) {
		if (had[i] &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				 (unsigned int)keep[i]) < 0)
			return -EINVAL;
	}
	if (capng_apply(bounded ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
