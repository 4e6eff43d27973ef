/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record.h - what the registry keeps of a living network, as JSON
 *
 * Of a file that another process has written, perhaps another version: what is not complete and of
 * its form is no record. No I/O. Any thread.
 */
#ifndef VMNET_NETWORKS_RECORD_H
#define VMNET_NETWORKS_RECORD_H

#include "vmnet/networks/backend_rules.h"

/** record_print() - the caller frees. Return: NULL: no memory */
char *record_print(const struct backend_living *living);

/** record_parse() - @ret: without reservations and forwards, which nobody asks for. Return: 0, -EPROTO */
int record_parse(const char *text, struct backend_living *ret);

#endif
