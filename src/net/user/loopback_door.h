/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loopback_door.h - a listening TCP socket on loopback that only this process gets into
 *
 * Any thread.
 */
#ifndef NET_USER_LOOPBACK_DOOR_H
#define NET_USER_LOOPBACK_DOOR_H

#include <sys/socket.h>

/**
 * loopback_door_shut() - from now on nobody can connect, and who has and was not accepted yet, is out
 * @listening: a TCP socket
 * Return: 0, -errno: the kernel has no socket filters; who connects is not kept out
 */
int loopback_door_shut(int listening);

/**
 * loopback_door_enter() - connect, past the shut door
 * @address: of the listening socket, on loopback
 * Return: a connected, non-blocking, close-on-exec fd, -errno
 */
int loopback_door_enter(int listening, const struct sockaddr_storage *address);

#endif
