/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * background.h - `outrigger net --background`: whoever starts it waits until guests may come
 *
 * One process.
 */
#ifndef CLI_BACKGROUND_H
#define CLI_BACKGROUND_H

/**
 * background_start() - go on in a child, in a session of its own
 * @ret_ready: in the child: for background_ready()
 * @ret_status: in the parent, when the child is ready or has failed: what to exit with
 * Return: 0 in the child; 1 in the parent; -errno
 */
int background_start(int *ret_ready, int *ret_status);

/** background_ready() - let the parent end; from now on stdin and stdout lead nowhere */
void background_ready(int ready);

#endif
