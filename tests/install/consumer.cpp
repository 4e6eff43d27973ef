/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consumer.cpp - as consumer.c, in C++
 *
 *	main thread: client, blocking calls  <--socketpair-->  another: server in a poll() loop
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <thread>

#include <outrigger/client.h>
#include <outrigger/server.h>

static uint8_t memory[64];

static int region_read(void *, uint32_t, uint64_t offset, void *buf, size_t count)
{
	memcpy(buf, memory + offset, count);
	return 0;
}

static int region_write(void *, uint32_t, uint64_t offset, const void *buf, size_t count)
{
	memcpy(memory + offset, buf, count);
	return 0;
}

static void need(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "consumer: %s\n", what);
		exit(1);
	}
}

static void serve(int fd)
{
	rig_region region {};
	rig_device_ops ops {};
	rig_device device {};
	rig_server *server;
	rig_conn *conn;
	pollfd poll_fd {};

	region.size = sizeof(memory);
	region.flags = RIG_REGION_READ | RIG_REGION_WRITE;
	ops.region_read = region_read;
	ops.region_write = region_write;
	device.struct_size = sizeof(device);
	device.regions = &region;
	device.n_regions = 1;
	device.ops = &ops;
	need(rig_server_new(&device, &server) == 0, "rig_server_new");
	need(rig_server_connect(server, fd, &conn) == 0, "rig_server_connect");
	while (rig_conn_dispatch(conn, poll_fd.revents) == 0) {
		poll_fd.fd = rig_conn_fd(conn);
		poll_fd.events = rig_conn_events(conn);
		need(poll(&poll_fd, 1, 10000) == 1, "the client is silent");
	}
	rig_conn_free(conn);
	rig_server_free(server);
}

int main()
{
	rig_client_config config {};
	rig_device_info info;
	rig_client *client;
	char text[6] = "";
	int ends[2];

	config.struct_size = sizeof(config);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	std::thread server(serve, ends[0]);
	need(rig_client_new(ends[1], &config, rig_after_ms(10000), &client, nullptr) == 0,
	     "connect");
	need(rig_client_device_info(client, &info, rig_after_ms(10000)) == 0, "device info");
	need(info.num_regions == 1, "one region");
	need(rig_client_region_write(client, 0, 8, "hello", 5, rig_after_ms(10000)) == 0, "write");
	need(rig_client_region_read(client, 0, 8, text, 5, rig_after_ms(10000)) == 0, "read");
	rig_client_free(client);
	server.join();
	puts(text);
	return 0;
}
