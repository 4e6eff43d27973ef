/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics.h - what a network counts, as OpenMetrics text (version 1.0.0)
 */
#ifndef NET_CONTROL_METRICS_H
#define NET_CONTROL_METRICS_H

#include "net/control/control.h"

/** metrics_print() - all of it, up to "# EOF". The caller frees. Return: 0, -ENOMEM */
int metrics_print(const struct control_host *host, char **ret);

#endif
