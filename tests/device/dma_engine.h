/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_engine.h - guest memory, by every way that the library has to it
 */
#ifndef TEST_DEVICE_DMA_ENGINE_H
#define TEST_DEVICE_DMA_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#define DMA_IN_FLIGHT_MAX 64u
#define DMA_HELD_MAX	  64u

struct test_device;

struct dma_engine {
	struct rig_server *server; /* set once there is one */
	uint32_t in_flight;
	uint32_t generation; /* grows with each reset: what began before it counts no more */

	pthread_mutex_t lock; /* for the rest: late.c unpins, too */
	struct rig_dma_seg held[DMA_HELD_MAX];
	uint32_t n_held;
};

void dma_init(struct dma_engine *dma);
void dma_free(struct dma_engine *dma);

/** dma_command() - somebody wrote DMA_COMMAND */
void dma_command(struct test_device *d, uint32_t command);

/** dma_unpin() - everything that is held. Any thread */
void dma_unpin(struct dma_engine *dma);

/** dma_held() - pieces held. Any thread */
uint32_t dma_held(struct dma_engine *dma);

/** dma_holds() - is a held piece in this range? Any thread */
bool dma_holds(struct dma_engine *dma, uint64_t address, uint64_t size);

/** dma_reset() - nothing is held, and transfers in flight do not count when they end */
void dma_reset(struct dma_engine *dma);

#endif
