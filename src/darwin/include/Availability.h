/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Availability.h - which release of macOS these headers speak for
 *
 * Programs written for vmnet ask this before they use what came late. What vmnet/vmnet.h declares is
 * what macOS 26 has, unless the compiler's command line says otherwise
 * (-D__MAC_OS_X_VERSION_MAX_ALLOWED=101500). __builtin_available(macOS N, *) is true here for
 * each N: clang takes the * of the list.
 *
 * That these macros are defined does not make this macOS: __APPLE__ tells.
 */
#ifndef OUTRIGGER_DARWIN_AVAILABILITY_H
#define OUTRIGGER_DARWIN_AVAILABILITY_H

#define __MAC_10_10	       101000
#define __MAC_10_11	       101100
#define __MAC_10_15	       101500
#define __MAC_11_0	       110000
#define __MAC_12_0	       120000
#define __MAC_13_0	       130000
#define __MAC_14_0	       140000
#define __MAC_15_0	       150000
#define __MAC_15_4	       150400
#define __MAC_26_0	       260000

#define MAC_OS_X_VERSION_10_10 __MAC_10_10
#define MAC_OS_X_VERSION_10_11 __MAC_10_11
#define MAC_OS_X_VERSION_10_15 __MAC_10_15
#define MAC_OS_VERSION_11_0    __MAC_11_0
#define MAC_OS_VERSION_12_0    __MAC_12_0
#define MAC_OS_VERSION_13_0    __MAC_13_0
#define MAC_OS_VERSION_14_0    __MAC_14_0
#define MAC_OS_VERSION_15_0    __MAC_15_0
#define MAC_OS_VERSION_15_4    __MAC_15_4
#define MAC_OS_VERSION_26_0    __MAC_26_0

#ifndef __MAC_OS_X_VERSION_MAX_ALLOWED
#define __MAC_OS_X_VERSION_MAX_ALLOWED __MAC_26_0
#endif
#ifndef __MAC_OS_X_VERSION_MIN_REQUIRED
#define __MAC_OS_X_VERSION_MIN_REQUIRED __MAC_OS_X_VERSION_MAX_ALLOWED
#endif
#ifndef MAC_OS_X_VERSION_MAX_ALLOWED
#define MAC_OS_X_VERSION_MAX_ALLOWED __MAC_OS_X_VERSION_MAX_ALLOWED
#endif
#ifndef MAC_OS_X_VERSION_MIN_REQUIRED
#define MAC_OS_X_VERSION_MIN_REQUIRED __MAC_OS_X_VERSION_MIN_REQUIRED
#endif

#endif
