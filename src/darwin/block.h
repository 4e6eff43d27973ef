/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block.h - calling blocks from plain C
 *
 * What a block is made of is fixed by clang's block ABI: its first members are these, and the
 * function takes the block itself as its first argument. So gcc builds what calls blocks, too.
 * Kept and let go by <Block.h> of libblocksruntime: _Block_copy(), _Block_release().
 *
 * A call casts the function to what the block's type says:
 *
 *	((void (*)(const void *, uint32_t))block_function(handler))(handler, status);
 */
#ifndef DARWIN_BLOCK_H
#define DARWIN_BLOCK_H

#include <Block.h>

struct block_head {
	void *isa;
	int flags;
	int reserved;
	void (*invoke)(void);
	/* a descriptor, and what the block captured */
};

/** block_function() - what runs when @block is called; to be cast. */
static inline void (*block_function(const void *block))(void)
{
	return ((const struct block_head *)block)->invoke;
}

/** block_call() - of one without arguments. */
static inline void block_call(const void *block)
{
	((void (*)(const void *))block_function(block))(block);
}

#endif
