/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_region.c - --read, --write, --dump-config: bytes of a region
 *
 * As few messages as the protocol allows: up to 32 KiB are one access, which is what the registers
 * of a device mind.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect_action.h"
#include "cli/inspect_file.h"
#include "cli/inspect_stop.h"
#include "sys/explain.h"
#include <outrigger/vfio_user.h>

#define MESSAGE_MAX (1u << 20) /* the client's own limit: what is longer goes in several anyway */

/* "BAR0", "region 9" */
static const char *region_name(uint32_t index, char buf[24])
{
	const char *name = inspect_region_name(index);

	if (*name)
		return name;
	snprintf(buf, 24, "region %" PRIu32, index);
	return buf;
}

static int check_range(const struct rig_region_info *region, struct inspect_action *action,
		       const char *name)
{
	if (region->size == 0)
		return explain(&action->error, -EINVAL, "the device has no %s: its size is 0",
			       name);
	if (action->len <= region->size && action->offset <= region->size - action->len)
		return 0;
	return explain(&action->error, -EINVAL,
		       "leaves %s, which has %" PRIu64 " bytes, 0x0 to 0x%" PRIx64, name,
		       region->size, region->size - 1);
}

int inspect_check_region(const struct inspect_session *s, struct inspect_action *action)
{
	const bool reads = action->kind == INSPECT_READ;
	const uint32_t n = s->in->device.num_regions;
	char buf[24];
	const char *name = region_name(action->region, buf);
	int r;

	if (action->region >= n)
		return explain(&action->error, -EINVAL,
			       "the device has no %s: it has %" PRIu32 " regions, counted from 0",
			       name, n);
	r = check_range(s->in->regions[action->region], action, name);
	if (r < 0)
		return r;
	if (!(s->in->regions[action->region]->flags & (reads ? RIG_REGION_READ : RIG_REGION_WRITE)))
		return explain(&action->error, -EINVAL, "the device says that %s cannot be %s",
			       name, reads ? "read" : "written");
	return action->file ? out_file_check(action->file, &action->error) : 0;
}

int inspect_check_config(const struct inspect_session *s, struct inspect_action *action)
{
	action->region = RIG_PCI_CONFIG;
	action->len = inspect_config_size(s->in);
	if (action->len == 0)
		return explain(&action->error, -ENODEV,
			       "the device has no PCI configuration space");
	return action->file ? out_file_check(action->file, &action->error) : 0;
}

/* Each message has its own time. */
static int read_region(const struct inspect_session *s, struct inspect_action *action)
{
	action->bytes = malloc(action->len);
	if (!action->bytes)
		return explain(&action->error, -ENOMEM, "no memory for %zu bytes", action->len);
	for (size_t at = 0; at < action->len;) {
		size_t n = action->len - at < MESSAGE_MAX ? action->len - at : MESSAGE_MAX;
		int r = rig_client_region_read(s->client, action->region, action->offset + at,
					       action->bytes + at, n, inspect_deadline(s));

		if (r < 0)
			return inspect_device_failed(s, action, r);
		at += n;
	}
	return 0;
}

static int write_file(struct inspect_action *action)
{
	struct out_file file;
	int r = out_file_open(&file, action->file, &action->error);

	if (r < 0)
		return r;
	r = out_file_write(&file, action->bytes, action->len, &action->error);
	if (r == 0)
		return out_file_commit(&file, &action->error);
	out_file_abandon(&file);
	return r;
}

static int to_file(struct inspect_action *action)
{
	int r = stop_begin(NULL);

	if (r < 0)
		return r;
	r = inspect_late_stop(action, write_file(action));
	stop_end();
	return r;
}

/* Return: 1 the bytes are where they are wanted; 0 they are to be shown; -errno */
static int deliver(const struct inspect_session *s, struct inspect_action *action)
{
	int r = 1;

	if (action->file)
		r = to_file(action);
	else if (action->raw)
		fwrite(action->bytes, 1, action->len, stdout);
	else
		return s->quiet;
	return r < 0 ? r : 1;
}

int inspect_run_read(const struct inspect_session *s, struct inspect_action *action)
{
	int r = read_region(s, action);

	if (r == 0)
		r = deliver(s, action);
	if (r == 0)
		inspect_print_hexdump(action->bytes, action->len, action->offset);
	return r < 0 ? r : 0;
}

int inspect_run_dump_config(const struct inspect_session *s, struct inspect_action *action)
{
	int r = read_region(s, action);

	if (r < 0)
		return r;
	action->config = malloc(sizeof(*action->config));
	if (!action->config)
		return -ENOMEM;
	inspect_decode_config(s->in, action->bytes, action->len, action->config);
	r = deliver(s, action);
	if (r == 0) {
		inspect_print_hexdump(action->bytes, action->len, 0);
		inspect_print_config(action->config);
	}
	return r < 0 ? r : 0;
}

int inspect_run_write(const struct inspect_session *s, struct inspect_action *action)
{
	int r = rig_client_region_write(s->client, action->region, action->offset, action->bytes,
					action->len, inspect_deadline(s));
	char *why;

	if (r == 0)
		return 0;
	inspect_device_failed(s, action, r);
	why = action->error;
	if (r == -ETIMEDOUT || r == -ENOTCONN)
		explain(&action->error, r, "%s; whether it was written is not known",
			why ? why : strerror(-r));
	if (action->error != why)
		free(why);
	return r;
}
