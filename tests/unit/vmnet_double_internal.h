/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_double_internal.h - what the files of the double share
 */
#ifndef TESTS_VMNET_DOUBLE_INTERNAL_H
#define TESTS_VMNET_DOUBLE_INTERNAL_H

#include "vmnet_double.h"

void double_lock(void);
void double_unlock(void);
struct double_counts *double_counting(void); /* with the lock held */

#endif
