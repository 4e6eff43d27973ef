/* SPDX-License-Identifier: BSD-3-Clause */
/* no_blocks.c - instead of vmnet.c and vmnet_guests.c, where the compiler has no blocks */
#include "bench.h"

int main(void)
{
	skip(NAME, NAME, "built by a compiler without blocks; CC=clang make bench has them");
	return 0;
}
