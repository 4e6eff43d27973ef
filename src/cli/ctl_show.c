/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_show.c - commands that look: status, ports, leases, addresses, forwards, counters
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ctl.h"
#include "cli/ctl_table.h"

int ctl_show_list(struct ctl *ctl, const char *method, const struct ctl_column *columns)
{
	struct json_object *result = NULL;
	int status = ctl_ask(ctl, method, NULL, -1, &result);

	if (status != EXIT_SUCCESS)
		return status;
	status = ctl->json ? ctl_print_json(result)
			   : ctl_table_print(ctl_member(result, method), columns);
	json_object_put(result);
	return status;
}

static uint64_t number(struct json_object *row, const char *name)
{
	return json_object_get_uint64(ctl_member(row, name));
}

static const char *yes_no(struct json_object *row, const char *name, const char *yes,
			  const char *no)
{
	return json_object_get_boolean(ctl_member(row, name)) ? yes : no;
}

/* 12345678, 12.3 M: three digits that count */
static const char *scaled(uint64_t value, const char *unit, char *buf)
{
	static const char prefixes[] = { 'k', 'M', 'G', 'T', 'P', 'E' };
	double shown = (double)value;
	size_t i = 0;

	if (value < 1000) {
		snprintf(buf, CTL_CELL_MAX, "%u%s", (unsigned int)value, unit);
		return buf;
	}
	for (shown /= 1000; shown >= 999.5 && i + 1 < sizeof(prefixes); i++)
		shown /= 1000;
	snprintf(buf, CTL_CELL_MAX, "%.*f%c%s",
		 shown < 9.995	 ? 2
		 : shown < 99.95 ? 1
				 : 0,
		 shown, prefixes[i], unit);
	return buf;
}

/* Status */

static void print_line(const char *what, const char *value)
{
	printf("%-12s%s\n", what, value);
}

static void print_uptime(uint64_t seconds)
{
	printf("%-12s", "up");
	if (seconds >= 86400)
		printf("%llu d ", (unsigned long long)seconds / 86400);
	printf("%02u:%02u:%02u\n", (unsigned int)(seconds / 3600 % 24),
	       (unsigned int)(seconds / 60 % 60), (unsigned int)(seconds % 60));
}

static void print_leases(struct json_object *status)
{
	uint64_t exhausted = number(status, "dhcp_exhausted_total");

	printf("%-12s%s", "leases", ctl_text(status, "leases"));
	if (ctl_member(status, "dhcp_addresses"))
		printf(", %s of %s addresses in use", ctl_text(status, "dhcp_leased"),
		       ctl_text(status, "dhcp_addresses"));
	printf("\n");
	if (exhausted)
		printf("%-12s%llu times there was no address left for a guest\n", "",
		       (unsigned long long)exhausted);
}

static int print_status(struct json_object *status)
{
	print_line("network", ctl_text(status, "mode"));
	print_line("kind", ctl_text(status, "network"));
	if (ctl_member(status, "ifname"))
		print_line("interface", ctl_text(status, "ifname"));
	if (ctl_member(status, "uuid"))
		print_line("UUID", ctl_text(status, "uuid"));
	if (ctl_member(status, "gateway"))
		printf("%-12s%s to %s, mask %s\n", "addresses", ctl_text(status, "gateway"),
		       ctl_text(status, "end_address"), ctl_text(status, "subnet_mask"));
	if (ctl_member(status, "nat66_prefix"))
		print_line("IPv6 prefix", ctl_text(status, "nat66_prefix"));
	print_line("mtu", ctl_text(status, "mtu"));
	print_line("isolated", yes_no(status, "isolated", "yes", "no"));
	printf("%-12s%s, %s of them connected\n", "ports", ctl_text(status, "ports"),
	       ctl_text(status, "ports_up"));
	print_leases(status);
	print_line("addresses", ctl_text(status, "addresses"));
	print_line("forwards", ctl_text(status, "forwards"));
	print_uptime(number(status, "uptime_s"));
	print_line("version", ctl_text(status, "version"));
	return EXIT_SUCCESS;
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result = NULL;
	int status = ctl_ask(ctl, "status", NULL, -1, &result);

	if (status != EXIT_SUCCESS)
		return status;
	status = ctl->json ? ctl_print_json(result) : print_status(result);
	json_object_put(result);
	return status;
}

/* Ports */

static const char *name_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "name");
}

static const char *kind_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "kind");
}

static const char *mac_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "mac");
}

static const char *connected_text(struct json_object *row, char *buf)
{
	return yes_no(row, "connected", "yes", "no");
}

static const char *link_text(struct json_object *row, char *buf)
{
	return yes_no(row, "link", "up", "down");
}

static const char *traffic(struct json_object *row, const char *frames, const char *bytes,
			   char *buf)
{
	char bytes_text[CTL_CELL_MAX];

	snprintf(buf, CTL_CELL_MAX, "%.20s (%.20s)", ctl_text(row, frames),
		 scaled(number(row, bytes), "B", bytes_text));
	return buf;
}

static const char *from_text(struct json_object *row, char *buf)
{
	return traffic(row, "counters.from_guest_frames", "counters.from_guest_bytes", buf);
}

static const char *to_text(struct json_object *row, char *buf)
{
	return traffic(row, "counters.to_guest_frames", "counters.to_guest_bytes", buf);
}

static const char *dropped_text(struct json_object *row, char *buf)
{
	static const char *const reasons[] = { "from_guest_dropped", "to_guest_dropped",
					       "guard_dropped", "link_dropped" };
	struct json_object *counters = ctl_member(row, "counters");
	uint64_t dropped = 0;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		dropped += number(counters, reasons[i]);
	snprintf(buf, CTL_CELL_MAX, "%llu", (unsigned long long)dropped);
	return buf;
}

static const char *limits_text(struct json_object *row, char *buf)
{
	uint64_t to = number(row, "limits.rate_to_guest");
	uint64_t from = number(row, "limits.rate_from_guest");
	char to_text[CTL_CELL_MAX], from_text[CTL_CELL_MAX];

	if (!to && !from)
		return "-";
	snprintf(buf, CTL_CELL_MAX, "%.12s from, %.12s to",
		 from ? scaled(from, "bit", from_text) : "any",
		 to ? scaled(to, "bit", to_text) : "any");
	return buf;
}

static const struct ctl_column port_columns[] = {
	{ "PORT", name_text },	   { "KIND", kind_text },
	{ "MAC", mac_text },	   { "GUEST", connected_text },
	{ "LINK", link_text },	   { "FROM GUEST", from_text },
	{ "TO GUEST", to_text },   { "DROPPED", dropped_text },
	{ "LIMITS", limits_text }, { 0 },
};

int ctl_ports(struct ctl *ctl, int argc, char **argv)
{
	return ctl_show_list(ctl, "ports", port_columns);
}

/* Leases */

static const char *address_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "address");
}

static const char *expires_text(struct json_object *row, char *buf)
{
	struct json_object *expires = ctl_member(row, "expires_s");
	time_t when = (time_t)json_object_get_int64(expires);
	struct tm local;

	if (!expires || !localtime_r(&when, &local) ||
	    !strftime(buf, CTL_CELL_MAX, "%Y-%m-%d %H:%M:%S", &local))
		return "-";
	return buf;
}

static const char *reserved_text(struct json_object *row, char *buf)
{
	return yes_no(row, "reserved", "yes", "no");
}

int ctl_leases(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_column columns[] = {
		{ "ADDRESS", address_text }, { "MAC", mac_text },	    { "NAME", name_text },
		{ "EXPIRES", expires_text }, { "RESERVED", reserved_text }, { 0 },
	};

	return ctl_show_list(ctl, "leases", columns);
}

/* The switch's table */

static const char *behind_text(struct json_object *row, char *buf)
{
	return ctl_member(row, "port") ? ctl_text(row, "port") : "uplink";
}

static const char *age_text(struct json_object *row, char *buf)
{
	snprintf(buf, CTL_CELL_MAX, "%.20s s", ctl_text(row, "age_s"));
	return buf;
}

int ctl_addresses(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_column columns[] = {
		{ "MAC", mac_text },
		{ "PORT", behind_text },
		{ "AGE", age_text },
		{ 0 },
	};

	return ctl_show_list(ctl, "addresses", columns);
}

/* Forwards */

static const char *forward_text(struct json_object *row, char *buf)
{
	return ctl_text(row, "forward");
}

static const char *target_text(struct json_object *row, char *buf)
{
	return ctl_member(row, "guest_address") ? ctl_text(row, "guest_address")
						: "waits for its guest";
}

int ctl_forwards(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_column columns[] = {
		{ "FORWARD", forward_text },
		{ "GUEST", target_text },
		{ 0 },
	};

	return ctl_show_list(ctl, "forwards", columns);
}

/* Counters: "network.name value" */

static void print_counters(const char *of, struct json_object *counters)
{
	if (!json_object_is_type(counters, json_type_object))
		return;
	json_object_object_foreach (counters, name, value) {
		printf("%s.%s %s\n", of, name, json_object_get_string(value));
	}
}

static int print_all_counters(struct json_object *result)
{
	struct json_object *sockets = ctl_member(result, "sockets");

	print_counters("network", ctl_member(result, "network"));
	if (json_object_is_type(sockets, json_type_object)) {
		json_object_object_foreach (sockets, name, value) {
			print_counters(name, value);
		}
	}
	return EXIT_SUCCESS;
}

int ctl_counters(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result = NULL;
	int status = ctl_ask(ctl, "counters", NULL, -1, &result);

	if (status != EXIT_SUCCESS)
		return status;
	status = ctl->json ? ctl_print_json(result) : print_all_counters(result);
	json_object_put(result);
	return status;
}

/* The text as it is, for whoever collects it. */
int ctl_metrics(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *result = NULL;
	int status = ctl_ask(ctl, "metrics", NULL, -1, &result);

	if (status != EXIT_SUCCESS)
		return status;
	if (ctl->json)
		status = ctl_print_json(result);
	else
		fputs(ctl_text(result, "text"), stdout);
	json_object_put(result);
	return status;
}
