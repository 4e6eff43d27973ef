/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * service_settings.c - options: control socket, log, the end
 */
#include <errno.h>
#include <string.h>

#include "net/settings/spec.h"
#include "net/settings/table.h"
#include "sys/explain.h"

#define CONTROL_MODE 0600u
#define IDLE_S_MAX   86400u

static int set_control_part(void *opaque, const char *key, const char *value, char **ret_error)
{
	struct net_settings *settings = opaque;
	int r;

	if (strcmp(key, "path") == 0)
		return spec_path(value, &settings->control_path, ret_error);
	if (strcmp(key, "mode") == 0)
		r = spec_mode(value, &settings->control_mode, ret_error);
	else if (strcmp(key, "group") == 0)
		r = spec_group(value, &settings->control_group, ret_error);
	else
		return explain(ret_error, -EINVAL,
			       "%s=: unknown; the control socket has path, mode and group", key);
	if (r < 0)
		explain_about(ret_error, "%s=%s: ", key, value);
	return r;
}

static int set_control(struct net_settings *settings, char *value, char **ret_error)
{
	int r;

	settings->control_path = NULL;
	settings->control_mode = CONTROL_MODE;
	settings->control_group = (gid_t)-1;
	r = spec_parse(value, set_control_part, settings, ret_error);
	if (r >= 0 && !settings->control_path)
		return explain(ret_error, -EINVAL, "no path=; give the path of the socket to make");
	return r < 0 ? r : settings_call(settings, settings->control_path);
}

static int set_idle(struct net_settings *settings, char *value, char **ret_error)
{
	uint64_t seconds;
	int r = spec_number(value, 0, IDLE_S_MAX, &seconds, ret_error);

	if (r < 0) {
		explain_about(ret_error, "seconds: ");
		return r;
	}
	settings->end_when_idle = true;
	settings->idle_s = (uint32_t)seconds;
	return 0;
}

static int set_log_level(struct net_settings *settings, char *value, char **ret_error)
{
	if (log_level_parse(value, &settings->log_level) < 0)
		return explain(ret_error, -EINVAL, "no level; give error, warning, info or debug");
	return 0;
}

const struct setting service_settings[] = {
	{ "control", SETTING_VALUE, "SPEC",
	  "PATH[,mode=0600][,group=NAME]: a socket for `outrigger ctl`", set_control },
	{ "exit-when-idle", SETTING_VALUE, "SECONDS",
	  "end when for so long (0 to 86400) nobody has been plugged in nor\n"
	  "connected to the control socket",
	  set_idle },
	{ "log-level", SETTING_VALUE, "LEVEL", "error, warning, info (default) or debug, to stderr",
	  set_log_level },
	{ 0 },
};
