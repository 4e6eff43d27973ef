/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * access_settings.c - options: forwards to guests, and what of the host is open to guests
 */
#include <errno.h>

#include "net/network_text.h"
#include "net/settings/spec.h"
#include "net/settings/table.h"

#define FORWARDS_MAX 4096u
#define ALLOWS_MAX   256u

static int set_forward(struct net_settings *settings, char *value, char **ret_error)
{
	struct forward_config forward;
	char text[FORWARD_TEXT_MAX];
	int r = forward_parse(value, &forward, ret_error);

	if (r < 0)
		return r;
	r = settings_grow(&settings->forwards, &settings->n_forwards, sizeof(forward), FORWARDS_MAX,
			  ret_error);
	if (r < 0)
		return r;
	settings->forwards[settings->n_forwards - 1] = forward;
	forward_print(&forward, text);
	return settings_call(settings, text);
}

static int set_host_loopback(struct net_settings *settings, char *value, char **ret_error)
{
	return spec_on_off(value, &settings->network.host_loopback, ret_error);
}

static int set_allow(struct net_settings *settings, char *value, char **ret_error)
{
	struct network_config *network = &settings->network;
	struct network_allow allow;
	char text[NETWORK_ALLOW_TEXT];
	int r = network_allow_parse(value, &allow, ret_error);

	if (r < 0)
		return r;
	r = settings_grow(&network->allows, &network->n_allows, sizeof(allow), ALLOWS_MAX,
			  ret_error);
	if (r < 0)
		return r;
	network->allows[network->n_allows - 1] = allow;
	network_allow_print(&allow, text);
	return settings_call(settings, text);
}

const struct setting access_settings[] = {
	{ "forward", SETTING_LIST, "SPEC",
	  "PROTOCOL:HOST-GUEST:PORT, like tcp:127.0.0.1:8080-web:80. HOST: PORT,\n"
	  "ADDR:PORT or a socket's path; GUEST: name, address or [MAC];\n"
	  "may be repeated",
	  set_forward },
	{ "host-loopback", SETTING_SWITCH, NULL,
	  "guests reach what is bound to the host's loopback, too, at the gateway",
	  set_host_loopback },
	{ "allow", SETTING_LIST, "ADDR",
	  "ADDR[/LEN][:PORT]: this part of it, or of what else is closed;\n"
	  "may be repeated",
	  set_allow },
	{ 0 },
};
