/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settings.c - what the user of `outrigger net` wants: the memory of it
 */
#include "net/settings/settings.h"

#include <stdlib.h>

void net_settings_free(struct net_settings *settings)
{
	free(settings->sockets);
	free(settings->forwards);
	*settings = (struct net_settings) { 0 };
}
