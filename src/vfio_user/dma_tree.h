/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_tree.h - the ranges of a map, in order of address
 *
 * A B+tree. One thread at a time changes it; any thread may look into it meanwhile, without a lock.
 * It knows nothing of a range but where it is and the address it starts at.
 *
 * A reader may see a change half done. It still follows good pointers only: nodes are never given
 * back before dma_tree_destroy(), and a leaf never becomes an inner node. What it found counts if
 * the sequence counter, odd during a change, is the same before and after.
 */
#ifndef VFIO_USER_DMA_TREE_H
#define VFIO_USER_DMA_TREE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/dma_pool.h"

struct range;
struct dma_node;

struct dma_tree {
	_Atomic(uint64_t) seq; /* odd: changing */
	_Atomic(struct dma_node *) root;
	pthread_mutex_t lock;		/* held during a change; readers out of luck take it, too */
	struct dma_node *free_nodes[2]; /* inner ones, leaves; the writer's */
	struct dma_pool pool;
	unsigned int height; /* the writer's */
};

void dma_tree_init(struct dma_tree *tree);
void dma_tree_destroy(struct dma_tree *tree);

/** dma_tree_reserve() - what the next insertion may need. Return: 0, -ENOMEM */
int dma_tree_reserve(struct dma_tree *tree);

/** dma_tree_insert() - after a dma_tree_reserve(); no range starts at this address yet */
void dma_tree_insert(struct dma_tree *tree, uint64_t address, struct range *range);

/** dma_tree_erase() - the range that starts there */
void dma_tree_erase(struct dma_tree *tree, uint64_t address);

/** dma_tree_floor() - the last range that starts at or below address, or NULL. The writer's */
struct range *dma_tree_floor(const struct dma_tree *tree, uint64_t address);

/** dma_tree_above() - the first range that starts above address, or NULL. The writer's */
struct range *dma_tree_above(const struct dma_tree *tree, uint64_t address);

/** dma_tree_find() - dma_tree_floor() for any thread: what it was at some moment of the call */
struct range *dma_tree_find(struct dma_tree *tree, uint64_t address);

#endif
