/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_reload.c - `outrigger net`: the configuration file, read again while it runs
 *
 * The command line counts as it did at the start: file first, then what was given there.
 */
#include "cli/net_reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/service_reload.h"
#include "sys/explain.h"
#include "sys/log.h"
#include "sys/notify.h"

struct told {
	void (*refused)(void *opaque, const char *sentence);
	void *opaque;
	unsigned int n;
};

static void on_refused(void *opaque, const char *sentence)
{
	struct told *told = opaque;

	told->n++;
	log_warning("reload: %s", sentence);
	if (told->refused)
		told->refused(told->opaque, sentence);
}

/* sd_notify(3): the time tells this reload from those before. */
static void tell_reloading(void)
{
	struct timespec now;
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	(void)notify_service_manager(state); /* READY=1 had the warning */
}

static int read_again(const struct net_reload *reload, struct net_options *ret, char **ret_error)
{
	const struct net_options *before = reload->any ? &reload->applied : reload->made_of;
	int r = net_options_parse_again(reload->argc, reload->argv, &before->settings, ret,
					ret_error);

	if (r < 0) {
		net_options_free(ret);
		log_error("reload: %s", *ret_error ? *ret_error : strerror(-r));
		log_error("reload: nothing has changed");
	}
	return r;
}

static void apply(struct net_reload *reload, const struct net_options *wanted, struct told *told)
{
	const struct service_reload change = {
		.made_of = &reload->made_of->settings,
		.before = reload->any ? &reload->applied.settings : &reload->made_of->settings,
		.wanted = &wanted->settings,
		.refused = on_refused,
		.opaque = told,
	};

	net_service_reload(reload->service, &change);
	net_reload_clear(reload);
	reload->applied = *wanted;
	reload->any = true;
	if (told->n)
		log_info("reloaded, but for what is said above");
	else
		log_info("reloaded");
}

int net_reload(struct net_reload *reload, void (*refused)(void *opaque, const char *sentence),
	       void *opaque, char **ret_error)
{
	struct told told = { .refused = refused, .opaque = opaque };
	struct net_options wanted;
	int r;

	*ret_error = NULL;
	if (!reload->made_of->config)
		return explain(ret_error, -EOPNOTSUPP,
			       "there is no file to read again; start the network with --config");
	tell_reloading();
	r = read_again(reload, &wanted, ret_error);
	if (r >= 0)
		apply(reload, &wanted, &told);
	(void)notify_service_manager("READY=1");
	return r;
}

void net_reload_clear(struct net_reload *reload)
{
	if (reload->any)
		net_options_free(&reload->applied);
	reload->any = false;
}
