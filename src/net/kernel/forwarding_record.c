/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwarding_record.c - lines of text:
 *
 *	17 outrigger: shared network, process 4711
 *	ipv4 eth0
 *	ipv6 eth0
 */
#include "net/kernel/forwarding_record.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/runtime_dir.h"
#include "net/kernel/state_file.h"
#include "net/kernel/sysctl.h"
#include "sys/log.h"

#define NAME	  "opened"
#define BYTES_MAX 65536u

const char *forwarding_setting(int family)
{
	if (family == AF_INET)
		return "forwarding";
	return sysctl_get("ipv6", "all", "force_forwarding") >= 0 ? "force_forwarding" : NULL;
}

int forwarding_record_write(const char *dir, const struct host_link *bridge,
			    const struct nat_opened *opened, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -ENOMEM;
	fprintf(out, "%u %s\n", bridge->ifindex, bridge->alias);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %s\n", opened[i].family == AF_INET ? "ipv4" : "ipv6",
			opened[i].name);
	r = fclose(out) < 0 ? -ENOMEM : state_file_write(dir, NAME, text);
	free(text);
	return r;
}

/* Where the host has become a router as a whole since, all of them are to forward. */
static void close_one(const char *line, size_t len)
{
	char text[64], family[5], name[IFNAMSIZ];
	const char *setting;

	snprintf(text, sizeof(text), "%.*s", (int)len, line);
	if (sscanf(text, "%4s %15s", family, name) != 2 || strchr(name, '/') ||
	    (strcmp(family, "ipv4") != 0 && strcmp(family, "ipv6") != 0))
		return;
	setting = forwarding_setting(strcmp(family, "ipv4") == 0 ? AF_INET : AF_INET6);
	if (!setting || sysctl_get(family, "all", "forwarding") != 0 ||
	    sysctl_get(family, name, setting) != 1)
		return;
	if (sysctl_set(family, name, setting, 0) < 0)
		log_warning("%s still forwards (%s), as a process that ended has left it", name,
			    family);
	else
		log_info("%s does not forward any more (%s); a process that ended had left it so",
			 name, family);
}

static void undo(const struct host_link *bridge, const char *text)
{
	char owner[HOST_ALIAS_MAX + 16];
	size_t len = strcspn(text, "\n");

	snprintf(owner, sizeof(owner), "%u %s", bridge->ifindex, bridge->alias);
	if (strlen(owner) != len || strncmp(owner, text, len) != 0)
		return;
	for (text += len; *text; text += len) {
		text++; /* the end of the line before */
		len = strcspn(text, "\n");
		close_one(text, len);
	}
}

void forwarding_record_undo(const struct host_link *bridge)
{
	char dir[PATH_MAX], *text;
	long n;

	if (runtime_dir_find(bridge->name, dir) < 0)
		return;
	text = malloc(BYTES_MAX);
	if (!text)
		return;
	n = state_file_read(dir, NAME, text, BYTES_MAX);
	if (n > 0)
		undo(bridge, text);
	free(text);
}
