/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dispatch/base.h - what the other headers of this folder tree are written with
 *
 * Blocks are clang's (-fblocks). Where the compiler has none, a block is a void pointer: it can be
 * handed on, not written.
 */
#ifndef OUTRIGGER_DISPATCH_BASE_H
#define OUTRIGGER_DISPATCH_BASE_H

#define DISPATCH_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define DISPATCH_BEGIN_DECLS extern "C" {
#define DISPATCH_END_DECLS   }
#else
#define DISPATCH_BEGIN_DECLS
#define DISPATCH_END_DECLS
#endif

#endif
