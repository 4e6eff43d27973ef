/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - why libvmnet said no: its API has room for a code only
 *
 * With OUTRIGGER_VMNET_LOG=stderr, or =FILE to append to, each reason is a line there. Without it,
 * or in a program with more privileges than its user, nothing is written. Any thread.
 */
#ifndef VMNET_LOG_H
#define VMNET_LOG_H

/** vmnet_log() - one line; a newline and who speaks are added */
void vmnet_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
