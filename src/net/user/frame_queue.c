/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame_queue.c - frames that wait for a reader
 *
 * A list of chunks, each filled from its start with records and emptied from its start; a record is
 * a frame's header, its one iovec and its bytes. A chunk goes away when its last record is popped.
 *
 *   head -> [ .. read | record | record ] -> [ record | record | used .. free ] <- tail
 *
 * A chunk holds CHUNK_BYTES, or one record that is larger than that. It is below malloc()'s
 * threshold for a mapping of its own, so filling and draining costs no system calls.
 */
#include "net/user/frame_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES  ((size_t)64 * 1024)
#define RECORD_ALIGN 16u

struct frame_chunk {
	struct frame_chunk *next;
	size_t size; /* of data */
	size_t read; /* first record that waits */
	size_t used; /* end of the last one */
	_Alignas(RECORD_ALIGN) uint8_t data[];
};

struct record {
	struct frame_header header;
	struct iovec iov; /* data below; a peeked frame points here */
	uint8_t data[];
};

static size_t record_size(size_t len)
{
	return (sizeof(struct record) + len + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static struct record *record_at(struct frame_chunk *chunk, size_t offset)
{
	return (struct record *)(void *)(chunk->data + offset);
}

static struct frame_chunk *chunk_new(struct frame_chunk_cache *cache, size_t record)
{
	size_t size = record > CHUNK_BYTES ? record : CHUNK_BYTES;
	struct frame_chunk *chunk;

	if (size == CHUNK_BYTES && cache->spare) {
		chunk = cache->spare;
		cache->spare = NULL;
	} else {
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
	}
	*chunk = (struct frame_chunk) { .size = size };
	return chunk;
}

static void chunk_free(struct frame_chunk_cache *cache, struct frame_chunk *chunk)
{
	if (chunk->size == CHUNK_BYTES && !cache->spare)
		cache->spare = chunk;
	else
		free(chunk);
}

void frame_chunk_cache_clear(struct frame_chunk_cache *cache)
{
	free(cache->spare);
	cache->spare = NULL;
}

/* The tail if the record fits in it, else a new one. */
static struct frame_chunk *chunk_for(struct frame_queue *queue, size_t record)
{
	struct frame_chunk *chunk = queue->tail;

	if (chunk && record <= chunk->size - chunk->used)
		return chunk;
	chunk = chunk_new(queue->cache, record);
	if (!chunk)
		return NULL;
	if (queue->tail)
		queue->tail->next = chunk;
	else
		queue->head = chunk;
	queue->tail = chunk;
	return chunk;
}

static void record_fill(struct record *record, const struct frame *frame)
{
	uint8_t *to = record->data;

	record->header = frame->header;
	record->iov = (struct iovec) { .iov_base = record->data, .iov_len = frame->len };
	for (size_t i = 0; i < frame->n_iov; i++) {
		if (!frame->iov[i].iov_len)
			continue; /* its iov_base may be NULL */
		memcpy(to, frame->iov[i].iov_base, frame->iov[i].iov_len);
		to += frame->iov[i].iov_len;
	}
}

bool frame_queue_push(struct frame_queue *queue, const struct frame *frame)
{
	size_t size = record_size(frame->len);
	struct frame_chunk *chunk;

	if (size > queue->max_bytes - queue->bytes)
		return false;
	chunk = chunk_for(queue, size);
	if (!chunk)
		return false;
	record_fill(record_at(chunk, chunk->used), frame);
	chunk->used += size;
	queue->bytes += size;
	return true;
}

size_t frame_queue_peek(const struct frame_queue *queue, struct frame *frames, size_t n)
{
	struct frame_chunk *chunk = queue->head;
	size_t offset = chunk ? chunk->read : 0;
	size_t shown = 0;

	while (chunk && shown < n) {
		struct record *record = record_at(chunk, offset);

		frames[shown++] = (struct frame) {
			.header = record->header,
			.iov = &record->iov,
			.n_iov = 1,
			.len = record->iov.iov_len,
		};
		offset += record_size(record->iov.iov_len);
		if (offset == chunk->used) {
			chunk = chunk->next;
			offset = chunk ? chunk->read : 0;
		}
	}
	return shown;
}

static size_t pop_one(struct frame_queue *queue)
{
	struct frame_chunk *chunk = queue->head;
	size_t len;

	assert(chunk);
	len = record_at(chunk, chunk->read)->iov.iov_len;
	chunk->read += record_size(len);
	queue->bytes -= record_size(len);
	if (chunk->read == chunk->used) {
		queue->head = chunk->next;
		if (!queue->head)
			queue->tail = NULL;
		chunk_free(queue->cache, chunk);
	}
	return len;
}

size_t frame_queue_pop(struct frame_queue *queue, size_t n)
{
	size_t bytes = 0;

	while (n--)
		bytes += pop_one(queue);
	return bytes;
}

size_t frame_queue_clear(struct frame_queue *queue)
{
	size_t n = 0;

	for (; queue->head; n++)
		pop_one(queue);
	return n;
}
