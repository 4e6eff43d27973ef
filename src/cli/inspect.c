/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect.c - `outrigger inspect`: show what a vfio-user device is, and do things with it
 *
 * Asks the questions that a virtual machine monitor asks at start and prints the answers. That
 * changes nothing in the device - but it is a client, and most servers serve one at a time.
 *
 * Actions (inspect_action.h) come after the questions, as their answers tell what is possible, and
 * take the place of the report.
 */
#include "cli/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/inspect_options.h"
#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONFIG_MIN    64u
#define MAX_MSG_FDS   253u /* all that a message can carry: a region's come with one */

const char *inspect_region_name(uint32_t index)
{
	static const char *const names[] = { "BAR0", "BAR1", "BAR2",   "BAR3", "BAR4",
					     "BAR5", "ROM",  "config", "VGA" };

	return index < ARRAY_SIZE(names) ? names[index] : "";
}

const char *inspect_irq_name(uint32_t index)
{
	static const char *const names[] = { "INTx", "MSI", "MSI-X", "ERR", "REQ" };

	return index < ARRAY_SIZE(names) ? names[index] : "";
}

size_t inspect_areas(const struct rig_region_info *region)
{
	const bool listed = region->flags & RIG_REGION_CAPS;

	return !listed && region->n_areas == 1 && region->areas[0].size == region->size
		       ? 0
		       : region->n_areas;
}

/* Gathering. A device that is no PCI device has regions and IRQs too, but no configuration. */

struct question {
	struct rig_client *client;
	int timeout_ms;
	bool reports; /* what is found out will be printed */
};

/* Each answer may take that long. */
static rig_time deadline(const struct question *q)
{
	return rig_after_ms((unsigned int)q->timeout_ms);
}

static int gather_regions(const struct question *q, struct inspection *in)
{
	in->regions = calloc(in->device.num_regions + 1, sizeof(*in->regions));
	if (!in->regions)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->device.num_regions; i++) {
		int r = rig_client_region_info(q->client, i, &in->regions[i], deadline(q));

		if (r < 0)
			return r;
	}
	return 0;
}

static int gather_irqs(const struct question *q, struct inspection *in)
{
	in->irqs = calloc(in->device.num_irqs + 1, sizeof(*in->irqs));
	if (!in->irqs)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->device.num_irqs; i++) {
		int r = rig_client_irq_info(q->client, i, &in->irqs[i], deadline(q));

		if (r < 0)
			return r;
	}
	return 0;
}

size_t inspect_config_size(const struct inspection *in)
{
	uint64_t size;

	if (!(in->device.flags & RIG_DEVICE_PCI) || in->device.num_regions <= RIG_PCI_CONFIG)
		return 0;
	size = in->regions[RIG_PCI_CONFIG]->size;
	if (size < CONFIG_MIN)
		return 0;
	return size < PCI_CONFIG_MAX ? (size_t)size : PCI_CONFIG_MAX;
}

void inspect_decode_config(const struct inspection *in, const uint8_t *bytes, size_t size,
			   struct pci_config *ret)
{
	uint64_t bar_size[PCI_BARS];

	for (unsigned int i = 0; i < PCI_BARS; i++)
		bar_size[i] = in->regions[RIG_PCI_BAR0 + i]->size;
	pci_config_decode(bytes, size, bar_size, ret);
}

static int gather_config(const struct question *q, struct inspection *in)
{
	uint8_t bytes[PCI_CONFIG_MAX];
	const size_t size = inspect_config_size(in);
	int r;

	if (size == 0)
		return 0;
	r = rig_client_region_read(q->client, RIG_PCI_CONFIG, 0, bytes, size, deadline(q));
	if (r < 0)
		return r;
	inspect_decode_config(in, bytes, size, &in->config);
	in->has_config = true;
	return 0;
}

static int gather(const struct question *q, struct inspection *in)
{
	int r;

	rig_client_version(q->client, &in->version);
	r = version_parse(*in->version.json ? in->version.json : NULL, &in->caps);
	if (r == 0)
		r = rig_client_device_info(q->client, &in->device, deadline(q));
	if (r == 0)
		r = gather_regions(q, in);
	if (r == 0)
		r = gather_irqs(q, in);
	if (r == 0 && q->reports)
		r = gather_config(q, in);
	return r;
}

static void inspection_clear(struct inspection *in)
{
	free(in->regions);
	free(in->irqs);
}

/* The command */

/* Each read is one message, and nothing is agreed to that costs anybody something. */
static int open_client(const struct inspect_options *options, struct rig_client **ret)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.max_msg_fds = MAX_MSG_FDS,
	};
	char *error;
	int r = rig_client_connect(options->path, &config,
				   rig_after_ms((unsigned int)options->timeout_ms), ret, &error);

	if (r < 0) {
		fprintf(stderr, "outrigger: inspect: %s\n", error ? error : strerror(-r));
		free(error);
	}
	return r;
}

static int print(const struct inspection *in, const struct inspect_options *options, size_t n_done)
{
	int r = 0;

	if (options->json)
		r = inspect_print_json(in, options->actions, n_done);
	else
		inspect_print_text(in);
	if (r == 0 && (fflush(stdout) == EOF || ferror(stdout)))
		r = -errno;
	if (r < 0)
		fprintf(stderr, "outrigger: inspect: cannot print: %s\n", strerror(-r));
	return r;
}

static void print_reason(struct rig_client *client, const char *path, int error)
{
	char reason[1024];

	if (rig_client_reason(client, reason, sizeof(reason)) > 0)
		fprintf(stderr, "outrigger: inspect: %s\n", reason);
	else
		fprintf(stderr, "outrigger: inspect: %s: %s\n", path, strerror(-error));
}

/* Return: exit status. Of actions that failed there is a document too: it says which. */
static int act_and_print(struct rig_client *client, const struct inspection *in,
			 const struct inspect_options *options)
{
	const struct inspect_session session = {
		.client = client,
		.timeout_ms = options->timeout_ms,
		.quiet = options->json,
		.in = in,
	};
	size_t n_done = 0;
	int r = inspect_actions_check(&session, options->actions, options->n_actions);

	if (r < 0)
		return r == -EINVAL ? CLI_EXIT_USAGE : EXIT_FAILURE;
	r = inspect_actions_run(&session, options->actions, options->n_actions, &n_done);
	if (options->json || options->n_actions == 0)
		r = print(in, options, n_done) < 0 || r < 0 ? -EIO : 0;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int inspect(const struct inspect_options *options)
{
	struct inspection in = { .socket = options->path };
	struct question question = {
		.timeout_ms = options->timeout_ms,
		.reports = options->json || options->n_actions == 0,
	};
	int status = EXIT_FAILURE;
	int r = open_client(options, &question.client);

	if (r < 0)
		return EXIT_FAILURE;
	r = gather(&question, &in);
	if (r < 0)
		print_reason(question.client, options->path, r);
	else
		status = act_and_print(question.client, &in, options);
	inspection_clear(&in);
	rig_client_free(question.client);
	return status;
}

static int refuse(int error, char *why)
{
	fprintf(stderr, "outrigger: inspect: %s\n", why ? why : strerror(-error));
	free(why);
	return error == -EINVAL ? CLI_EXIT_USAGE : EXIT_FAILURE;
}

int cmd_inspect(int argc, char **argv)
{
	struct inspect_options options;
	char *why;
	int status = EXIT_SUCCESS;
	int r = inspect_options_parse(argc, argv, &options, &why);

	if (r < 0)
		status = refuse(r, why);
	else if (options.help)
		fputs(inspect_usage(), stdout);
	else
		status = inspect(&options);
	inspect_options_free(&options);
	return status;
}
