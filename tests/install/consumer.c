/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consumer.c - a client and a server in one process, built as a user of the library builds
 *
 *	main thread: client, blocking calls  <--socketpair-->  another: server in a poll() loop
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <outrigger/client.h>
#include <outrigger/server.h>

static uint8_t memory[64];

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	(void)opaque;
	(void)region;
	memcpy(buf, memory + offset, count);
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	(void)opaque;
	(void)region;
	memcpy(memory + offset, buf, count);
	return 0;
}

static void need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "consumer: %s\n", what);
		exit(1);
	}
}

static void *serve(void *opaque)
{
	static const struct rig_region region = {
		.size = sizeof(memory),
		.flags = RIG_REGION_READ | RIG_REGION_WRITE,
	};
	static const struct rig_device_ops ops = {
		.region_read = region_read,
		.region_write = region_write,
	};
	static const struct rig_device device = {
		.struct_size = sizeof(device),
		.regions = &region,
		.n_regions = 1,
		.ops = &ops,
	};
	struct rig_server *server;
	struct rig_conn *conn;
	struct pollfd fd = { .revents = 0 };

	need(rig_server_new(&device, &server) == 0, "rig_server_new");
	need(rig_server_connect(server, *(int *)opaque, &conn) == 0, "rig_server_connect");
	while (rig_conn_dispatch(conn, fd.revents) == 0) {
		fd.fd = rig_conn_fd(conn);
		fd.events = rig_conn_events(conn);
		need(poll(&fd, 1, 10000) == 1, "the client is silent");
	}
	rig_conn_free(conn);
	rig_server_free(server);
	return NULL;
}

int main(void)
{
	const struct rig_client_config config = { .struct_size = sizeof(config) };
	struct rig_device_info info;
	struct rig_client *client;
	char text[6] = { 0 };
	pthread_t server;
	int ends[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	need(pthread_create(&server, NULL, serve, &ends[0]) == 0, "pthread_create");
	need(rig_client_new(ends[1], &config, rig_after_ms(10000), &client, NULL) == 0, "connect");
	need(rig_client_device_info(client, &info, rig_after_ms(10000)) == 0, "device info");
	need(info.num_regions == 1, "one region");
	need(rig_client_region_write(client, 0, 8, "hello", 5, rig_after_ms(10000)) == 0, "write");
	need(rig_client_region_read(client, 0, 8, text, 5, rig_after_ms(10000)) == 0, "read");
	rig_client_free(client);
	pthread_join(server, NULL);
	puts(text);
	return 0;
}
