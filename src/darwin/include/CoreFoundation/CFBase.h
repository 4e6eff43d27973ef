/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CoreFoundation/CFBase.h - references to objects of these libraries, by CoreFoundation's names
 *
 * vmnet's network objects are kept by CFRetain() and let go by CFRelease(). What dispatch/dispatch.h
 * and xpc/xpc.h create may be given to these, too. Nothing else of CoreFoundation is here.
 *
 * Any thread.
 */
#ifndef OUTRIGGER_DARWIN_CFBASE_H
#define OUTRIGGER_DARWIN_CFBASE_H

#include <dispatch/base.h>

DISPATCH_BEGIN_DECLS

typedef const void *CFTypeRef;

/** CFRetain() - one more reference; returns the object. NULL is returned as it is. */
DISPATCH_API CFTypeRef CFRetain(CFTypeRef object);

/** CFRelease() - one reference less; the last one frees. NULL is ignored. */
DISPATCH_API void CFRelease(CFTypeRef object);

DISPATCH_END_DECLS

#endif
