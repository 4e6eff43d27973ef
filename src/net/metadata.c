/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metadata.c - where clouds tell their machines who they are
 */
#include "net/metadata.h"

#define IPV4(a, b, c, d)                                     \
	{                                                    \
		.s6_addr = { [10] = 0xff, 0xff, a, b, c, d } \
	}

static const struct metadata_range ranges[] = {
	{ IPV4(100, 100, 100, 200), 128 },			  /* Alibaba */
	{ IPV4(168, 63, 129, 16), 128 },			  /* Azure's wire server */
	{ IPV4(192, 0, 0, 192), 128 },				  /* Oracle, earlier */
	{ { .s6_addr = { 0xfd, 0, 0x0e, 0xc2 } }, 32 },		  /* Amazon */
	{ { .s6_addr = { 0xfd, 0x20, 0, 0xce, [15] = 0 } }, 64 }, /* Google */
	{ { .s6_addr = { 0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe } }, 128 }, /* Oracle */
	{ { .s6_addr = { 0xfd, 0, 0, 0x42, [15] = 0x42 } }, 128 },		     /* Scaleway */
};

const struct metadata_range *metadata_range(size_t i)
{
	return i < sizeof(ranges) / sizeof(ranges[0]) ? &ranges[i] : NULL;
}
