/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame_queue.h - frames that wait for a reader, copied, bounded by bytes
 *
 * A queue takes memory in chunks while frames wait and gives it back when they are gone: an idle
 * port costs nothing but the struct. Frames do not move while they wait.
 */
#ifndef NET_USER_FRAME_QUEUE_H
#define NET_USER_FRAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "virtio/frame.h"

struct frame_chunk;

/**
 * struct frame_chunk_cache - a chunk kept for the next queue that needs one
 *
 * So that a queue which fills and drains all the time does not ask malloc() each time. Shared by
 * queues of one thread.
 */
struct frame_chunk_cache {
	struct frame_chunk *spare;
};

void frame_chunk_cache_clear(struct frame_chunk_cache *cache);

/** struct frame_queue - zeroed but for @cache and @max_bytes: empty */
struct frame_queue {
	struct frame_chunk_cache *cache;
	size_t max_bytes; /* of frames and of what it costs to keep them */
	size_t bytes;
	struct frame_chunk *head, *tail;
};

/** frame_queue_push() - copy a frame to the end. Return: false when it has no room (or memory) */
bool frame_queue_push(struct frame_queue *queue, const struct frame *frame);

/**
 * frame_queue_peek() - show up to n frames, oldest first; good until they are popped. Return: how
 * many
 */
size_t frame_queue_peek(const struct frame_queue *queue, struct frame *frames, size_t n);

/** frame_queue_pop() - drop the n oldest, which must be there. Return: bytes of frames dropped */
size_t frame_queue_pop(struct frame_queue *queue, size_t n);

/** frame_queue_clear() - drop all. Return: how many */
size_t frame_queue_clear(struct frame_queue *queue);

#endif
