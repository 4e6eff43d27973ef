/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io_thread_client.h - a vfio-user client built the other way, to compare with
 *
 * One thread owns the reading half of the socket. A caller sends its request itself, then waits
 * on a condition variable of its own until the thread has read the reply and signalled it. So built
 * are the clients of QEMU and others. Region reads only; whatever goes wrong ends the program.
 */
#ifndef BENCH_IO_THREAD_CLIENT_H
#define BENCH_IO_THREAD_CLIENT_H

#include <stdint.h>

struct io_thread_client;

/** io_thread_client_new() - the socket is the client's */
struct io_thread_client *io_thread_client_new(int fd);

/** io_thread_client_free() - nobody may be inside */
void io_thread_client_free(struct io_thread_client *client);

/** io_thread_client_read() - 4 bytes of region 0. Any thread */
uint32_t io_thread_client_read(struct io_thread_client *client, uint64_t offset);

#endif
