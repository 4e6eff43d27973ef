/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq.c - a dnsmasq that is kept running
 *
 * It dies: it is started again, after a pause that doubles; it dies again and again without having
 * served for a while in between: the network has failed, and says what dnsmasq said last.
 */
#include "net/kernel/dnsmasq.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/kernel/child.h"
#include "net/kernel/dnsmasq_config.h"
#include "net/kernel/dnsmasq_leases.h"
#include "net/kernel/privilege.h"
#include "net/kernel/state_file.h"
#include "sys/explain.h"
#include "sys/log.h"

#define CONFIG_FILE	 "dnsmasq.conf"
#define STATE_LEASES	 "kernel-leases"
#define STARTED		 "started, version"
#define NOT_STARTED	 "FAILED to start up"
#define START_MS	 5000u
#define PAUSE_FIRST_MS	 200u
#define DEATHS_MAX	 6u	/* in a row: after 200, 400, ... 6400 ms */
#define SERVED_MS	 30000u /* having served for so long, it did not die in a row */
#define LEASES_BYTES_MAX (8u << 20)

#define CAPABILITIES                                                          \
	(privilege_bit(CAP_NET_ADMIN) | privilege_bit(CAP_NET_BIND_SERVICE) | \
	 privilege_bit(CAP_NET_RAW))

struct dnsmasq {
	uv_loop_t *loop;
	struct network *network;
	const struct network_config *config;
	const char *bridge, *dir;
	char *program;
	struct child *child; /* NULL while it is dead */
	struct dnsmasq_leases *leases;
	uv_timer_t again;
	uint64_t started_ms;
	unsigned int deaths;
	struct dnsmasq_counters counters;
	struct log_limit exhausted_limit;
	char last_line[256];
};

/* Its process */

static void on_line(void *opaque, const char *line)
{
	struct dnsmasq *dnsmasq = opaque;
	char text[sizeof(dnsmasq->last_line)];

	log_debug("%s: %s", dnsmasq->bridge, line);
	snprintf(text, sizeof(text), "%s", line);
	if (!strstr(text, NOT_STARTED)) /* why is in the line before */
		memcpy(dnsmasq->last_line, text, sizeof(text));
	if (!strstr(line, "no address available"))
		return;
	dnsmasq->counters.exhausted++;
	log_limited(&dnsmasq->exhausted_limit, LOG_LEVEL_WARNING,
		    "%s: no address left for a guest; make the range larger (--end-address) or "
		    "leases shorter (--lease-time)",
		    dnsmasq->bridge);
}

static int start(struct dnsmasq *dnsmasq);

static void on_again(uv_timer_t *timer)
{
	struct dnsmasq *dnsmasq = timer->data;
	char why[512];
	int r;

	dnsmasq->counters.restarts++;
	r = start(dnsmasq);
	if (r >= 0)
		return;
	snprintf(why, sizeof(why), "%s: dnsmasq cannot be started again: %s", dnsmasq->bridge,
		 strerror(-r));
	network_tell_failed(dnsmasq->network, why);
}

static void on_ended(void *opaque, bool ok, const char *how)
{
	struct dnsmasq *dnsmasq = opaque;
	uint64_t now_ms = uv_now(dnsmasq->loop);
	char why[512];

	child_free(dnsmasq->child);
	dnsmasq->child = NULL;
	dnsmasq->deaths = now_ms - dnsmasq->started_ms > SERVED_MS ? 1 : dnsmasq->deaths + 1;
	if (dnsmasq->deaths > DEATHS_MAX) {
		snprintf(why, sizeof(why), "%s: dnsmasq ended %u times in a row (%s): %s",
			 dnsmasq->bridge, dnsmasq->deaths, how, dnsmasq->last_line);
		network_tell_failed(dnsmasq->network, why);
		return;
	}
	log_warning("%s: dnsmasq ended (%s): %s; it is started again", dnsmasq->bridge, how,
		    dnsmasq->last_line);
	uv_timer_start(&dnsmasq->again, on_again, PAUSE_FIRST_MS << (dnsmasq->deaths - 1), 0);
}

static const struct child_events child_events = { .line = on_line, .ended = on_ended };

/* Debian's package makes a user for it. Without one it runs as nobody in particular. */
static const struct passwd *user(void)
{
	const struct passwd *found = getpwnam("dnsmasq");

	return found ? found : getpwnam("nobody");
}

static int start(struct dnsmasq *dnsmasq)
{
	const struct passwd *as = user();
	char config[PATH_MAX];
	char *argv[] = { dnsmasq->program, config, NULL };
	struct child_program program = { .path = dnsmasq->program,
					 .argv = argv,
					 .uid = as ? as->pw_uid : geteuid(),
					 .gid = as ? as->pw_gid : getegid(),
					 .capabilities = CAPABILITIES };

	snprintf(config, sizeof(config), "--conf-file=%s/" CONFIG_FILE, dnsmasq->dir);
	dnsmasq->started_ms = uv_now(dnsmasq->loop);
	return child_start(dnsmasq->loop, &program, &child_events, dnsmasq, &dnsmasq->child);
}

/* Its files */

static int open_file(const struct dnsmasq *dnsmasq, const char *name, FILE **ret)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dnsmasq->dir, name);
	*ret = fopen(path, "we");
	if (!*ret)
		return -errno;
	(void)fchmod(fileno(*ret), 0644); /* dnsmasq's user reads it, whatever our umask */
	return 0;
}

static int write_config(const struct dnsmasq *dnsmasq)
{
	FILE *file;
	int r = open_file(dnsmasq, CONFIG_FILE, &file);

	if (r < 0)
		return r;
	dnsmasq_config_print(file, dnsmasq->config, dnsmasq->bridge, dnsmasq->dir);
	return fclose(file) < 0 ? -errno : 0;
}

static int write_hosts(const struct dnsmasq *dnsmasq,
		       const struct network_reservation *reservations, size_t n)
{
	FILE *file;
	int r = open_file(dnsmasq, DNSMASQ_HOSTS, &file);

	if (r < 0)
		return r;
	dnsmasq_hosts_print(file, reservations, n);
	if (fclose(file) < 0)
		return -errno;
	r = open_file(dnsmasq, DNSMASQ_NAMES, &file);
	if (r < 0)
		return r;
	dnsmasq_names_print(file, reservations, n);
	return fclose(file) < 0 ? -errno : 0;
}

/* From the state directory, if there is something. dnsmasq writes it, so it is its. */
static int write_leases(const struct dnsmasq *dnsmasq)
{
	const struct passwd *as = user();
	char *text = malloc(LEASES_BYTES_MAX);
	FILE *file = NULL;
	long n;
	int r;

	if (!text)
		return -ENOMEM;
	n = state_file_read(dnsmasq->config->state_dir, STATE_LEASES, text, LEASES_BYTES_MAX);
	if (n < 0)
		log_warning("%s/" STATE_LEASES ": leases are forgotten: %s",
			    dnsmasq->config->state_dir, strerror((int)-n));
	r = open_file(dnsmasq, DNSMASQ_LEASES, &file);
	if (r >= 0 && n > 0 && fwrite(text, 1, (size_t)n, file) != (size_t)n)
		r = -EIO;
	if (r >= 0 && as && geteuid() == 0 && fchown(fileno(file), as->pw_uid, as->pw_gid) < 0 &&
	    errno != EINVAL) /* no such user in this user namespace: see privilege.c */
		r = -errno;
	if (file && fclose(file) < 0 && r >= 0)
		r = -errno;
	free(text);
	return r;
}

static int make_files(struct dnsmasq *dnsmasq)
{
	const struct network_config *config = dnsmasq->config;
	char path[PATH_MAX];
	int r = write_config(dnsmasq);

	if (r >= 0)
		r = write_hosts(dnsmasq, config->reservations, config->n_reservations);
	if (r >= 0)
		r = write_leases(dnsmasq);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/" DNSMASQ_LEASES, dnsmasq->dir);
	r = dnsmasq_leases_new(dnsmasq->loop, dnsmasq->network, path, config->state_dir,
			       STATE_LEASES, &dnsmasq->leases);
	if (r < 0)
		return r;
	return dnsmasq_leases_set_reservations(dnsmasq->leases, config->reservations,
					       config->n_reservations);
}

/* The whole */

static int fill(struct dnsmasq *dnsmasq, char **ret_error)
{
	int r;

	dnsmasq->program = child_find("dnsmasq");
	if (!dnsmasq->program)
		return explain(
			ret_error, -ENOENT,
			"dnsmasq is not installed, which serves DHCP and DNS on a kernel network; "
			"install it (Debian's package dnsmasq-base) or use --network user");
	r = make_files(dnsmasq);
	if (r < 0)
		return explain(ret_error, r, "cannot write dnsmasq's files in %s: %s", dnsmasq->dir,
			       strerror(-r));
	r = start(dnsmasq);
	if (r < 0)
		return explain(ret_error, r, "cannot start %s: %s", dnsmasq->program, strerror(-r));
	r = child_wait_line(dnsmasq->child, STARTED, START_MS);
	if (r == -EPIPE)
		return explain(ret_error, -EIO, "%s does not start on %s: %s", dnsmasq->program,
			       dnsmasq->bridge, dnsmasq->last_line);
	if (r < 0)
		log_warning("%s: dnsmasq is not ready after %u ms", dnsmasq->bridge, START_MS);
	return 0;
}

int dnsmasq_new(uv_loop_t *loop, struct network *network, const struct network_config *config,
		const char *bridge, const char *dir, struct dnsmasq **ret, char **ret_error)
{
	struct dnsmasq *dnsmasq = calloc(1, sizeof(*dnsmasq));
	int r;

	if (!dnsmasq)
		return -ENOMEM;
	dnsmasq->loop = loop;
	dnsmasq->network = network;
	dnsmasq->config = config;
	dnsmasq->bridge = bridge;
	dnsmasq->dir = dir;
	uv_timer_init(loop, &dnsmasq->again);
	dnsmasq->again.data = dnsmasq;
	r = fill(dnsmasq, ret_error);
	if (r < 0) {
		dnsmasq_free(dnsmasq);
		return r;
	}
	*ret = dnsmasq;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void dnsmasq_free(struct dnsmasq *dnsmasq)
{
	if (!dnsmasq)
		return;
	child_free(dnsmasq->child);
	dnsmasq_leases_free(dnsmasq->leases); /* after its last word */
	free(dnsmasq->program);
	uv_close((uv_handle_t *)&dnsmasq->again, on_closed);
}

int dnsmasq_set_reservations(struct dnsmasq *dnsmasq,
			     const struct network_reservation *reservations, size_t n)
{
	int r = write_hosts(dnsmasq, reservations, n);

	if (r >= 0)
		r = dnsmasq_leases_set_reservations(dnsmasq->leases, reservations, n);
	if (r >= 0 && dnsmasq->child)
		(void)child_signal(dnsmasq->child, SIGHUP); /* dead: it reads them when it starts */
	return r;
}

void dnsmasq_each_lease(const struct dnsmasq *dnsmasq,
			bool (*each)(void *opaque, const struct network_lease *lease), void *opaque)
{
	dnsmasq_leases_each(dnsmasq->leases, each, opaque);
}

const struct dnsmasq_counters *dnsmasq_counters(const struct dnsmasq *dnsmasq)
{
	return &dnsmasq->counters;
}
