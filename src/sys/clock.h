/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - the clock of deadlines, for those who need not know exactly
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <outrigger/common.h>

/** clock_coarse() - rig_now(), or up to a tick of the kernel's (10 ms) before it; cheaper */
rig_time clock_coarse(void);

#endif
