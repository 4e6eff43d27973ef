/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * methods.c - the table of methods
 */
#include "net/control/methods.h"

#include <stddef.h>

static const struct control_param port_only[] = { { "port", CONTROL_TEXT, true }, { 0 } };
static const struct control_param set_link[] = { { "port", CONTROL_TEXT, true },
						 { "up", CONTROL_BOOL, true },
						 { 0 } };
static const struct control_param forward_only[] = { { "forward", CONTROL_TEXT, true }, { 0 } };
static const struct control_param add_reservation[] = { { "mac", CONTROL_TEXT, true },
							{ "address", CONTROL_TEXT, true },
							{ "name", CONTROL_TEXT, false },
							{ 0 } };
static const struct control_param mac_only[] = { { "mac", CONTROL_TEXT, true }, { 0 } };

static const struct control_param capture_only[] = { { "capture", CONTROL_NUMBER, true }, { 0 } };

static const struct control_method methods[] = {
	{ "status", NULL, false, control_status },
	{ "counters", NULL, false, control_counters },
	{ "metrics", NULL, false, control_metrics },
	{ "ports", NULL, false, control_ports },
	{ "add-port", control_params_add_port, true, control_add_port },
	{ "remove-port", port_only, false, control_remove_port },
	{ "set-link", set_link, false, control_set_link },
	{ "set-limits", control_params_set_limits, false, control_set_limits },
	{ "leases", NULL, false, control_leases },
	{ "addresses", NULL, false, control_addresses },
	{ "add-reservation", add_reservation, false, control_add_reservation },
	{ "remove-reservation", mac_only, false, control_remove_reservation },
	{ "forwards", NULL, false, control_forwards },
	{ "add-forward", forward_only, false, control_add_forward },
	{ "remove-forward", forward_only, false, control_remove_forward },
	{ "reload", NULL, false, control_reload },
	{ "captures", NULL, false, control_captures },
	{ "capture-start", control_params_capture_start, true, control_capture_start },
	{ "capture-stop", capture_only, false, control_capture_stop },
	{ 0 },
};

const struct control_method *control_methods(void)
{
	return methods;
}
