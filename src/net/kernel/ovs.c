/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovs.c - what is to be in an Open vSwitch bridge, made so by one ovs-vsctl after the other
 *
 * Its database outlives us and our TAPs, so what we add is marked (external_ids), and found again
 * after a kill (ovs_found.c). ovs-vsctl returns when ovs-vswitchd has done what the database says,
 * which takes as long as that likes.
 *
 *	TO_ADD ----> IN ----> TO_REMOVE ----> gone
 *	 ^  | fails: after a pause
 *	 +--+
 */
#include "net/kernel/ovs.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/kernel/ovs_vsctl.h"
#include "sys/log.h"

#define PAUSE_MS 5000u

enum ovs_port_state { TO_ADD, IN, TO_REMOVE };

struct ovs_port {
	struct ovs_port *next;
	char name[IFNAMSIZ];
	enum ovs_port_state state;
	bool isolated;
	bool tried; /* the database may know it */
};

struct ovs {
	uv_loop_t *loop;
	char bridge[IFNAMSIZ];
	void (*plugged)(void *opaque, const char *port, bool ok);
	void *opaque;
	struct ovs_port *ports;	  /* in the order of what is to be done */
	struct ovs_port *current; /* the child is about it */
	bool removing;		  /* and is to remove it */
	struct child *child;
	uv_timer_t timer; /* what is next begins; or the child has been waited for long enough */
	char said[256];
	struct log_limit failed;
};

static struct ovs_port **find(struct ovs_port *const *ports, const char *name)
{
	struct ovs_port **at = (struct ovs_port **)ports;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void forget(struct ovs *ovs, struct ovs_port *port)
{
	*find(&ovs->ports, port->name) = port->next;
	free(port);
}

/* The others are not to wait for one that fails. */
static void to_the_end(struct ovs *ovs, struct ovs_port *port)
{
	struct ovs_port **at = find(&ovs->ports, port->name);

	*at = port->next;
	while (*at)
		at = &(*at)->next;
	*at = port;
	port->next = NULL;
}

/* Running */

static void on_timer(uv_timer_t *timer);

static void go_on(struct ovs *ovs, unsigned int after_ms)
{
	if (!ovs->child)
		uv_timer_start(&ovs->timer, on_timer, after_ms, 0);
}

static void take_result(struct ovs *ovs, bool ok)
{
	struct ovs_port *port = ovs->current;
	bool failed = !ok && port->state == TO_ADD;

	ovs->current = NULL;
	if (ovs->removing) {
		if (!ok)
			log_warning("%s stays in Open vSwitch's database: %s", port->name,
				    ovs->said);
		forget(ovs, port);
	} else if (port->state == TO_ADD) {
		if (ok)
			port->state = IN;
		else
			log_limited(&ovs->failed, LOG_LEVEL_ERROR,
				    "cannot plug %s into %s: %s; is Open vSwitch running? It is "
				    "tried again every %u s",
				    port->name, ovs->bridge, ovs->said, PAUSE_MS / 1000);
		if (failed)
			to_the_end(ovs, port);
		ovs->plugged(ovs->opaque, port->name, ok);
	}
	go_on(ovs, failed ? PAUSE_MS : 0);
}

static void on_line(void *opaque, const char *line)
{
	struct ovs *ovs = opaque;

	snprintf(ovs->said, sizeof(ovs->said), "%s", line);
}

static void on_ended(void *opaque, bool ok, const char *how)
{
	struct ovs *ovs = opaque;

	child_free(ovs->child);
	ovs->child = NULL;
	if (!ovs->said[0])
		snprintf(ovs->said, sizeof(ovs->said), "ovs-vsctl: %s", how);
	take_result(ovs, ok);
}

static const struct child_events child_events = { .line = on_line, .ended = on_ended };

static int start_adding(struct ovs *ovs, const struct ovs_port *port)
{
	const char *const words[] = {
		"--may-exist",
		"add-port",
		ovs->bridge,
		port->name,
		"--",
		"set",
		"Interface",
		port->name,
		OVS_MARK,
		"--",
		"set",
		"Port",
		port->name,
		port->isolated ? "other_config:protected=true" : "other_config:protected=false",
		NULL
	};

	return ovs_vsctl_start(ovs->loop, words, &child_events, ovs, &ovs->child);
}

static int start_removing(struct ovs *ovs, const struct ovs_port *port)
{
	const char *const words[] = { "--if-exists", "del-port", port->name, NULL };

	return ovs_vsctl_start(ovs->loop, words, &child_events, ovs, &ovs->child);
}

static void start_next(struct ovs *ovs)
{
	struct ovs_port *port = ovs->ports;
	int r;

	while (port && port->state == IN)
		port = port->next;
	if (!port)
		return;
	ovs->current = port;
	ovs->removing = port->state == TO_REMOVE;
	ovs->said[0] = '\0';
	port->tried = true;
	r = ovs->removing ? start_removing(ovs, port) : start_adding(ovs, port);
	if (r >= 0) {
		uv_timer_start(&ovs->timer, on_timer, OVS_VSCTL_WAIT_MS, 0);
		return;
	}
	snprintf(ovs->said, sizeof(ovs->said), "ovs-vsctl: %s", strerror(-r));
	take_result(ovs, false);
}

static void on_timer(uv_timer_t *timer)
{
	struct ovs *ovs = timer->data;

	if (!ovs->child) {
		start_next(ovs);
		return;
	}
	snprintf(ovs->said, sizeof(ovs->said), "ovs-vsctl does not answer within %u s",
		 OVS_VSCTL_WAIT_MS / 1000);
	(void)child_signal(ovs->child, SIGKILL); /* its end comes by itself */
}

/* Ports */

int ovs_add_port(struct ovs *ovs, const char *name, bool isolated)
{
	struct ovs_port *port = calloc(1, sizeof(*port)), **at = &ovs->ports;

	if (!port)
		return -ENOMEM;
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->isolated = isolated;
	while (*at)
		at = &(*at)->next;
	*at = port;
	go_on(ovs, 0);
	return 0;
}

void ovs_remove_port(struct ovs *ovs, const char *name)
{
	struct ovs_port *port = *find(&ovs->ports, name);

	if (!port)
		return;
	if (!port->tried) {
		forget(ovs, port);
		return;
	}
	port->state = TO_REMOVE;
	go_on(ovs, 0);
}

bool ovs_has_port(const struct ovs *ovs, const char *port)
{
	return *find(&ovs->ports, port);
}

/* The whole */

int ovs_new(uv_loop_t *loop, const char *bridge,
	    void (*plugged)(void *opaque, const char *port, bool ok), void *opaque,
	    struct ovs **ret)
{
	struct ovs *ovs = calloc(1, sizeof(*ovs));

	if (!ovs)
		return -ENOMEM;
	ovs->loop = loop;
	ovs->plugged = plugged;
	ovs->opaque = opaque;
	snprintf(ovs->bridge, sizeof(ovs->bridge), "%s", bridge);
	uv_timer_init(loop, &ovs->timer);
	ovs->timer.data = ovs;
	*ret = ovs;
	return 0;
}

/* All at once. */
static void remove_all(struct ovs *ovs)
{
	const char **words;
	char *output = NULL;
	size_t n = 0, at = 0;

	for (const struct ovs_port *port = ovs->ports; port; port = port->next)
		n += port->tried;
	words = n ? calloc(4 * n, sizeof(*words)) : NULL;
	if (!words)
		return;
	for (const struct ovs_port *port = ovs->ports; port; port = port->next) {
		if (!port->tried)
			continue;
		if (at)
			words[at++] = "--";
		words[at++] = "--if-exists";
		words[at++] = "del-port";
		words[at++] = port->name;
	}
	if (ovs_vsctl_wait(ovs->loop, words, &output) < 0)
		log_warning("%zu ports stay in Open vSwitch's database: %s", n,
			    output ? output : "no memory");
	free(output);
	free(words);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void ovs_free(struct ovs *ovs)
{
	if (!ovs)
		return;
	child_free(ovs->child);
	remove_all(ovs);
	while (ovs->ports)
		forget(ovs, ovs->ports);
	uv_close((uv_handle_t *)&ovs->timer, on_closed);
}
