/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notify.h - tell the service manager how we are (the sd_notify protocol)
 */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

/**
 * notify_service_manager() - send a state to $NOTIFY_SOCKET
 * @state: "READY=1", "STOPPING=1", ...
 *
 * Waits for nobody.
 *
 * Return: 0, also if nobody asked (the variable is not set); -EINVAL the variable is no address
 * that sd_notify knows (an absolute path, or '@' and an abstract name); or the errno of what failed
 */
int notify_service_manager(const char *state);

#endif
