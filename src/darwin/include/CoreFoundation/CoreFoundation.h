/* SPDX-License-Identifier: BSD-3-Clause */
/* CoreFoundation/CoreFoundation.h - all that there is of it: CFBase.h */
#include <CoreFoundation/CFBase.h>
