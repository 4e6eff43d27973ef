/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs_found.c - what Open vSwitch has when a network starts: its bridges, and what is left of ours
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/ovs.h"
#include "net/kernel/ovs_vsctl.h"
#include "sys/explain.h"
#include "sys/log.h"

/* In a list, a line each. */
static bool lists(const char *output, const char *name)
{
	size_t name_len = strlen(name);

	while (*output) {
		size_t len = strcspn(output, "\n");

		if (len == name_len && strncmp(output, name, len) == 0)
			return true;
		output += len + (output[len] == '\n');
	}
	return false;
}

int ovs_find_bridge(uv_loop_t *loop, const char *name, char **ret_error)
{
	static const char *const words[] = { "list-br", NULL };
	char *output = NULL;
	int r = ovs_vsctl_wait(loop, words, &output);

	if (r >= 0)
		r = output && lists(output, name);
	else if (output)
		explain(ret_error, r, "%.*s", (int)strcspn(output, "\n"), output);
	free(output);
	return r;
}

void ovs_remove_leftovers(uv_loop_t *loop)
{
	const char *const words[] = { "--bare",	   "--columns=name", "find",
				      "Interface", OVS_MARK,	     NULL };
	char *output = NULL, *rest = NULL;

	if (ovs_vsctl_wait(loop, words, &output) == 0 && output) {
		for (char *name = strtok_r(output, "\n", &rest); name;
		     name = strtok_r(NULL, "\n", &rest)) {
			const char *const remove[] = { "--if-exists", "del-port", name, NULL };
			char *said = NULL;

			if (if_nametoindex(name))
				continue;
			if (ovs_vsctl_wait(loop, remove, &said) < 0)
				log_warning("%s stays in Open vSwitch's database: %s", name,
					    said ? said : "no memory");
			free(said);
		}
	}
	free(output);
}
