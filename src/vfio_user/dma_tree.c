/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_tree.c - the ranges of a map, in order of address
 *
 * Keys are exact: an inner node's key is the lowest address below that child. So the last range that
 * starts at or below an address is found without ever stepping back.
 *
 * Memory follows the number of ranges, whatever addresses a client picks: neighbours under one
 * parent that fit into three quarters of a node are merged. Full nodes that grow at their end leave
 * a full node behind, so that ascending addresses fill every leaf.
 *
 * What readers see is written with release and read with acquire, one field at a time. A reader
 * that sees anything of a change also sees that the counter is odd, or has moved on: the store that
 * made it odd comes before each store of the change. Partner: try_floor().
 */
#include "vfio_user/dma_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "vfio_user/dma.h"

#define FANOUT	  31u	     /* a node is 8 cache lines; 4 n + 3: see node_upto() */
#define NO_KEY	  UINT64_MAX /* no address of a range, and above every page */
#define TRIES	  16u	     /* of a reader, before it makes the writer wait */
#define MERGED	  (FANOUT - FANOUT / 4)
#define MAX_DEPTH 16u /* two neighbours have more than MERGED, so 12 ^ 16 ranges fit */

struct dma_node {
	_Atomic(uint64_t) keys[FANOUT]; /* those behind the last one are NO_KEY */
	uint32_t n;			/* the writer's */
	bool leaf;			/* for good */
	_Atomic(void *) below[FANOUT];	/* a leaf's: ranges; else: nodes */
	struct dma_node *next_free;	/* the writer's */
};

static_assert(sizeof(struct dma_node) == 512, "a node is 8 cache lines");

/* The way down to a leaf. */
struct path {
	struct {
		struct dma_node *node;
		size_t i; /* of the child taken; in the leaf: of the range */
	} at[MAX_DEPTH];
	size_t depth; /* the leaf's */
};

static inline uint64_t node_key(const struct dma_node *node, size_t i)
{
	return atomic_load_explicit(&node->keys[i], memory_order_acquire);
}

static inline void *node_below(const struct dma_node *node, size_t i)
{
	return atomic_load_explicit(&node->below[i], memory_order_acquire);
}

static struct dma_node *child_of(const struct dma_node *node, size_t i)
{
	return node_below(node, i);
}

static void node_set_key(struct dma_node *node, size_t i, uint64_t key)
{
	atomic_store_explicit(&node->keys[i], key, memory_order_release);
}

/* In this order: who sees the key sees something below it. */
static void node_set(struct dma_node *node, size_t i, uint64_t key, void *below)
{
	atomic_store_explicit(&node->below[i], below, memory_order_release);
	node_set_key(node, i, key);
}

static void node_set_n(struct dma_node *node, size_t n)
{
	for (size_t i = n; i < node->n; i++)
		node_set_key(node, i, NO_KEY);
	node->n = (uint32_t)n;
}

static void node_copy(struct dma_node *to, size_t i, const struct dma_node *from, size_t j)
{
	node_set(to, i, node_key(from, j), node_below(from, j));
}

/*
 * How many keys are at or below a page. Every fourth key first, then the three before the one that
 * is not: few steps that wait for each other, and no branch, which would be a coin toss.
 */
static inline size_t node_upto(const struct dma_node *node, uint64_t page)
{
	size_t upto = 0, group;

	for (size_t i = 3; i < FANOUT; i += 4)
		upto += node_key(node, i) <= page;
	group = upto *= 4;
	for (size_t i = 0; i < 3; i++)
		upto += node_key(node, group + i) <= page;
	return upto;
}

/* Ranges start at pages: this finds the same, and is never as high as NO_KEY. */
static inline uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(DMA_PAGE - 1);
}

static void node_insert(struct dma_node *node, size_t i, uint64_t key, void *below)
{
	size_t n = node->n;

	for (size_t j = n; j > i; j--)
		node_copy(node, j, node, j - 1);
	node_set(node, i, key, below);
	node_set_n(node, n + 1);
}

static void node_remove(struct dma_node *node, size_t i)
{
	size_t n = node->n;

	for (size_t j = i; j + 1 < n; j++)
		node_copy(node, j, node, j + 1);
	node_set_n(node, n - 1);
}

/* Everything from the i-th on goes to the end of another node. */
static void node_move(struct dma_node *from, size_t i, struct dma_node *to)
{
	size_t n = from->n, at = to->n;

	for (size_t j = i; j < n; j++)
		node_copy(to, at++, from, j);
	node_set_n(to, at);
	node_set_n(from, i);
}

static struct dma_node *root_of(const struct dma_tree *tree)
{
	return atomic_load_explicit(&tree->root, memory_order_acquire);
}

static void set_root(struct dma_tree *tree, struct dma_node *root)
{
	atomic_store_explicit(&tree->root, root, memory_order_release);
}

void dma_tree_init(struct dma_tree *tree)
{
	*tree = (struct dma_tree) { .height = 0 };
	pthread_mutex_init(&tree->lock, NULL);
	dma_pool_init(&tree->pool, sizeof(struct dma_node));
}

void dma_tree_destroy(struct dma_tree *tree)
{
	dma_pool_destroy(&tree->pool);
	pthread_mutex_destroy(&tree->lock);
}

static uint64_t seq_of(const struct dma_tree *tree)
{
	return atomic_load_explicit(&tree->seq, memory_order_acquire);
}

static void change_begin(struct dma_tree *tree)
{
	pthread_mutex_lock(&tree->lock);
	atomic_store_explicit(&tree->seq, seq_of(tree) + 1, memory_order_relaxed);
}

static void change_end(struct dma_tree *tree)
{
	atomic_store_explicit(&tree->seq, seq_of(tree) + 1, memory_order_release);
	pthread_mutex_unlock(&tree->lock);
}

static void node_put(struct dma_tree *tree, struct dma_node *node)
{
	node->next_free = tree->free_nodes[node->leaf];
	tree->free_nodes[node->leaf] = node;
}

/* Reserved before. */
static struct dma_node *node_get(struct dma_tree *tree, bool leaf)
{
	struct dma_node *node = tree->free_nodes[leaf];

	assert(node);
	tree->free_nodes[leaf] = node->next_free;
	node_set_n(node, 0);
	return node;
}

static int reserve(struct dma_tree *tree, bool leaf, size_t n)
{
	size_t have = 0;

	for (const struct dma_node *node = tree->free_nodes[leaf]; node && have < n; have++)
		node = node->next_free;
	for (; have < n; have++) {
		struct dma_node *node = dma_pool_get(&tree->pool);

		if (!node)
			return -ENOMEM;
		node->leaf = leaf;
		for (size_t i = 0; i < FANOUT; i++)
			node_set_key(node, i, NO_KEY);
		node_put(tree, node);
	}
	return 0;
}

/* At worst every node on the way splits, and the root gets a parent. */
int dma_tree_reserve(struct dma_tree *tree)
{
	const struct dma_node *root = root_of(tree);

	if (root && root->n == FANOUT && tree->height == MAX_DEPTH)
		return -ENOMEM;
	if (reserve(tree, true, 1) < 0)
		return -ENOMEM;
	return reserve(tree, false, tree->height);
}

/* To the last range that starts at or below address, which is not below all of them. */
static void path_to(const struct dma_tree *tree, uint64_t address, struct path *path)
{
	struct dma_node *node = root_of(tree);

	for (path->depth = 0;; path->depth++) {
		size_t i = node_upto(node, address) - 1;

		path->at[path->depth].node = node;
		path->at[path->depth].i = i;
		if (node->leaf)
			return;
		node = node_below(node, i);
	}
}

/* The lowest key of the node at that depth changed: its parents' keys follow. */
static void path_fix_keys(struct path *path, size_t depth)
{
	for (; depth > 0; depth--) {
		size_t i = path->at[depth - 1].i;

		node_set_key(path->at[depth - 1].node, i, node_key(path->at[depth].node, 0));
		if (i > 0)
			return;
	}
}

/* Inserts into a full node, where i says. Return: the new node, behind it */
static struct dma_node *split(struct dma_tree *tree, struct dma_node *node, size_t i, uint64_t key,
			      void *below)
{
	struct dma_node *right = node_get(tree, node->leaf);
	size_t left_n = i == FANOUT ? FANOUT : FANOUT / 2;

	node_move(node, left_n, right);
	if (i > left_n || left_n == FANOUT)
		node_insert(right, i - left_n, key, below);
	else
		node_insert(node, i, key, below);
	return right;
}

static void grow(struct dma_tree *tree, struct dma_node *left, struct dma_node *right)
{
	struct dma_node *root = node_get(tree, false);

	node_insert(root, 0, node_key(left, 0), left);
	node_insert(root, 1, node_key(right, 0), right);
	set_root(tree, root);
	tree->height++;
}

/* Behind the path's range, or before it if it is the first of all and starts above address. */
static void insert_at(struct dma_tree *tree, struct path *path, uint64_t address, void *below)
{
	uint64_t key = address;
	size_t depth = path->depth;

	for (;; depth--) {
		struct dma_node *node = path->at[depth].node, *right;
		size_t i = path->at[depth].i + 1;

		if (node_key(node, 0) > key)
			i = 0;
		if (node->n < FANOUT) {
			node_insert(node, i, key, below);
			path_fix_keys(path, depth);
			return;
		}
		right = split(tree, node, i, key, below);
		path_fix_keys(path, depth);
		if (depth == 0) {
			grow(tree, node, right);
			return;
		}
		key = node_key(right, 0);
		below = right;
	}
}

void dma_tree_insert(struct dma_tree *tree, uint64_t address, struct range *range)
{
	struct dma_node *root = root_of(tree);
	struct path path;

	change_begin(tree);
	if (!root) {
		root = node_get(tree, true);
		node_insert(root, 0, address, range);
		set_root(tree, root);
		tree->height = 1;
	} else {
		uint64_t lowest = node_key(root, 0);

		path_to(tree, address < lowest ? lowest : address, &path);
		insert_at(tree, &path, address, range);
	}
	change_end(tree);
}

/* The parent's i-th child takes in the one behind it. */
static void merge(struct dma_tree *tree, struct dma_node *parent, size_t i)
{
	struct dma_node *left = node_below(parent, i), *right = node_below(parent, i + 1);

	node_move(right, 0, left);
	node_set_key(parent, i, node_key(left, 0));
	node_remove(parent, i + 1);
	node_put(tree, right);
}

static bool fit_together(const struct dma_node *parent, size_t i)
{
	return i + 1 < parent->n && child_of(parent, i)->n + child_of(parent, i + 1)->n <= MERGED;
}

/* The parent's i-th child lost something. Return: did the parent, too? */
static bool shrink(struct dma_tree *tree, struct dma_node *parent, size_t i)
{
	struct dma_node *node = node_below(parent, i);

	if (node->n == 0) {
		node_remove(parent, i);
		node_put(tree, node);
	} else if (i > 0 && fit_together(parent, i - 1)) {
		merge(tree, parent, i - 1);
	} else if (fit_together(parent, i)) {
		merge(tree, parent, i);
	} else {
		return false;
	}
	return true;
}

static void shrink_root(struct dma_tree *tree)
{
	struct dma_node *root = root_of(tree);

	while (root && (root->n == 0 || (!root->leaf && root->n == 1))) {
		struct dma_node *child = root->n ? node_below(root, 0) : NULL;

		set_root(tree, child);
		node_put(tree, root);
		tree->height--;
		root = child;
	}
	if (!root)
		tree->height = 0;
}

void dma_tree_erase(struct dma_tree *tree, uint64_t address)
{
	struct path path;

	path_to(tree, address, &path);
	change_begin(tree);
	node_remove(path.at[path.depth].node, path.at[path.depth].i);
	for (size_t depth = path.depth; depth > 0; depth--) {
		if (path.at[depth].node->n > 0 && path.at[depth].i == 0)
			path_fix_keys(&path, depth);
		if (!shrink(tree, path.at[depth - 1].node, path.at[depth - 1].i))
			break;
	}
	shrink_root(tree);
	change_end(tree);
}

/* All of its lines at once: a search would ask for one after the other. */
static inline const struct dma_node *fetched(const struct dma_node *node)
{
	for (size_t i = 0; i < sizeof(*node); i += DMA_CACHE_LINE)
		__builtin_prefetch((const char *)node + i);
	return node;
}

static inline struct range *floor_below(const struct dma_node *node, uint64_t page)
{
	for (size_t depth = 0; node && depth < MAX_DEPTH; depth++) {
		size_t n = node_upto(node, page);

		if (n == 0)
			return NULL;
		if (node->leaf) {
			__builtin_prefetch(node_below(node, n - 1));
			return node_below(node, n - 1);
		}
		node = fetched(node_below(node, n - 1));
	}
	return NULL;
}

struct range *dma_tree_floor(const struct dma_tree *tree, uint64_t address)
{
	return floor_below(root_of(tree), page_of(address));
}

struct range *dma_tree_above(const struct dma_tree *tree, uint64_t address)
{
	const struct dma_node *node = root_of(tree), *next = NULL;

	while (node) {
		size_t n = node_upto(node, page_of(address));

		if (node->leaf && n < node->n)
			return node_below(node, n);
		/* All of what comes after the child on the way is above. */
		if (!node->leaf && n < node->n)
			next = node_below(node, n);
		if (node->leaf || n == 0)
			break;
		node = node_below(node, n - 1);
	}
	for (node = next; node && !node->leaf;)
		node = node_below(node, 0);
	return node ? node_below(node, 0) : NULL;
}

/* Return: false if the tree changed meanwhile */
static bool try_floor(const struct dma_tree *tree, uint64_t page, struct range **ret)
{
	uint64_t seq = seq_of(tree);
	struct range *range;

	if (seq % 2)
		return false;
	range = floor_below(root_of(tree), page);
	if (atomic_load_explicit(&tree->seq, memory_order_relaxed) != seq)
		return false;
	*ret = range;
	return true;
}

struct range *dma_tree_find(struct dma_tree *tree, uint64_t address)
{
	struct range *range = NULL;

	for (unsigned int i = 0; i < TRIES; i++) {
		if (try_floor(tree, page_of(address), &range))
			return range;
	}
	pthread_mutex_lock(&tree->lock);
	range = dma_tree_floor(tree, address);
	pthread_mutex_unlock(&tree->lock);
	return range;
}
