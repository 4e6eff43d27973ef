/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_dma.h - what the files that look at a client's maps share
 *
 *	client_dma.c	      maps come and go
 *	client_dma_use.c      the server reads and writes what is mapped
 *	client_dma_restore.c  a new server is told of them
 */
#ifndef VFIO_USER_CLIENT_DMA_H
#define VFIO_USER_CLIENT_DMA_H

#include "vfio_user/client_internal.h"

/**
 * enum dma_state - of a record
 * DMA_MAPPING:	  asked for. The server may use it before its reply is here
 * DMA_MAPPED:	  agreed. The only state that a reconnect puts back
 * DMA_UNMAPPING: the server was asked to let go, and may use it until it says so
 * DMA_DOUBT:	  it is not known what the server did: no reply in time, or one that made no sense.
 *		  Not served; unmapping it again clears it up, the connection's end too
 */
enum dma_state {
	DMA_MAPPING,
	DMA_MAPPED,
	DMA_UNMAPPING,
	DMA_DOUBT,
};

/**
 * struct dma_record - a map
 * @last:  address of its last byte
 * @users: pieces of it that are in use, see client_dma_use()
 */
struct dma_record {
	struct rig_dma_region region;
	uint64_t last;
	enum dma_state state;
	size_t users;
};

/* With dma->lock held: */

/** dma_find() - any record that has something in [first, last], or NULL */
struct dma_record *dma_find(struct client_dma *dma, uint64_t first, uint64_t last);

/** dma_remove() - forget and free a record. Gives the lock up while it is in use */
void dma_remove(struct client_dma *dma, struct dma_record *record);

/* Without: */

/** dma_check() - may this be mapped, on these terms? Return: 0, -EINVAL, -EOPNOTSUPP */
int dma_check(const struct rig_dma_region *region, const struct version_caps *caps);

/** dma_message() - what DMA_MAP says of it */
struct wire_dma_map dma_message(const struct rig_dma_region *region);

#endif
