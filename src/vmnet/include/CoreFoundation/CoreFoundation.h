/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CoreFoundation.h - what programs written for vmnet use of it: references to network objects
 *
 * In libvmnet, for configurations and networks of <vmnet/vmnet.h> and nothing else. Any thread.
 */
#ifndef COREFOUNDATION_COREFOUNDATION_H
#define COREFOUNDATION_COREFOUNDATION_H

#ifdef __cplusplus
extern "C" {
#endif

typedef const void *CFTypeRef;

/** CFRetain() - one more reference. Return: @object */
CFTypeRef CFRetain(CFTypeRef object);

/** CFRelease() - one less; with the last one the object goes. NULL and an interface_ref: nothing */
void CFRelease(CFTypeRef object);

#ifdef __cplusplus
}
#endif
#endif
