/* SPDX-License-Identifier: BSD-3-Clause */
/* io_thread_client.c - a vfio-user client built the other way: see io_thread_client.h */
#include "io_thread_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "calls_echo.h"

#define SLOTS 64

/* A request in flight; its index is the id. */
struct slot {
	bool used, done;
	uint32_t value;
	pthread_cond_t cond;
};

struct io_thread_client {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock; /* covers the slots, and keeps messages apart while they are sent */
	pthread_cond_t slot_free;
	struct slot slots[SLOTS];
};

static void deliver(struct io_thread_client *client, const struct read_reply *reply)
{
	struct slot *slot = &client->slots[reply->echoed.header.id];

	pthread_mutex_lock(&client->lock);
	slot->value = reply->data;
	slot->done = true;
	pthread_cond_signal(&slot->cond);
	pthread_mutex_unlock(&client->lock);
}

static void *io_thread(void *opaque)
{
	struct io_thread_client *client = opaque;
	struct read_reply replies[SLOTS];
	size_t have = 0;
	ssize_t n;

	while ((n = recv(client->fd, (char *)replies + have, sizeof(replies) - have, 0)) > 0) {
		size_t whole;

		have += (size_t)n;
		whole = have / sizeof(replies[0]);
		for (size_t i = 0; i < whole; i++)
			deliver(client, &replies[i]);
		have -= whole * sizeof(replies[0]);
		memmove(replies, replies + whole, have);
	}
	return NULL;
}

struct io_thread_client *io_thread_client_new(int fd)
{
	struct io_thread_client *client = calloc(1, sizeof(*client));

	if (!client)
		die("out of memory");
	client->fd = fd;
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->slot_free, NULL);
	for (size_t i = 0; i < SLOTS; i++)
		pthread_cond_init(&client->slots[i].cond, NULL);
	if (pthread_create(&client->thread, NULL, io_thread, client))
		die("cannot start a thread");
	return client;
}

void io_thread_client_free(struct io_thread_client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	pthread_join(client->thread, NULL);
	close(client->fd);
	free(client);
}

/* Locked. */
static uint16_t take_slot(struct io_thread_client *client)
{
	for (;;) {
		for (uint16_t id = 0; id < SLOTS; id++) {
			if (!client->slots[id].used) {
				client->slots[id].used = true;
				client->slots[id].done = false;
				return id;
			}
		}
		pthread_cond_wait(&client->slot_free, &client->lock);
	}
}

uint32_t io_thread_client_read(struct io_thread_client *client, uint64_t offset)
{
	struct read_request request;
	struct slot *slot;
	uint32_t value;
	uint16_t id;

	pthread_mutex_lock(&client->lock);
	id = take_slot(client);
	slot = &client->slots[id];
	make_read_request(&request, id, offset);
	if (send(client->fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		die("send: %s", strerror(errno));
	while (!slot->done)
		pthread_cond_wait(&slot->cond, &client->lock);
	value = slot->value;
	slot->used = false;
	pthread_cond_signal(&client->slot_free);
	pthread_mutex_unlock(&client->lock);
	return value;
}
