/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - the clock of deadlines: see outrigger/common.h and clock.h */
#include "sys/clock.h"

#include <time.h>

static rig_time read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (rig_time)ts.tv_sec * 1000000u + (rig_time)ts.tv_nsec / 1000u;
}

rig_time rig_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

rig_time clock_coarse(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
	return read_clock(CLOCK_MONOTONIC_COARSE);
#else
	return rig_now();
#endif
}

rig_time rig_after_ms(unsigned int ms)
{
	return rig_now() + (rig_time)ms * 1000u;
}
