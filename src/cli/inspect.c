/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect.c - `outrigger inspect`: show what a vfio-user device is
 *
 * Asks the questions that a virtual machine monitor asks at start and prints the answers. It
 * changes nothing in the device - but it is a client, and most servers serve one at a time.
 */
#include "cli/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a)	   (sizeof(a) / sizeof((a)[0]))
#define TIMEOUT_DEFAULT_MS 5000
#define TIMEOUT_MAX_S	   86400.0
#define CONFIG_MIN	   64u

static const char usage[] =
	"Usage: outrigger inspect [--json] [--timeout SECONDS] PATH\n"
	"\n"
	"Connects to the vfio-user server that listens on the UNIX socket PATH and shows what its\n"
	"device is: protocol version and capabilities, regions, interrupts, PCI configuration.\n"
	"\n"
	"  --json              print one JSON document\n"
	"  --timeout SECONDS   how long to wait for each answer (default: 5)\n"
	"  --help              print this text\n"
	"\n"
	"Exit status: 0, 1 something failed, 2 the command line is wrong.\n";

struct options {
	const char *path;
	bool json;
	bool help;
	int timeout_ms;
};

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

/* Gathering. A device that is no PCI device has regions and IRQs too, but no configuration. */

static int gather_regions(struct client *client, struct inspection *in)
{
	in->regions = calloc(in->device.num_regions + 1, sizeof(*in->regions));
	if (!in->regions)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->device.num_regions; i++) {
		int r = client_region_info(client, i, &in->regions[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int gather_irqs(struct client *client, struct inspection *in)
{
	in->irqs = calloc(in->device.num_irqs + 1, sizeof(*in->irqs));
	if (!in->irqs)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->device.num_irqs; i++) {
		int r = client_irq_info(client, i, &in->irqs[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int gather_config(struct client *client, struct inspection *in)
{
	uint8_t bytes[PCI_CONFIG_MAX];
	uint64_t bar_size[PCI_BARS], size;
	int r;

	if (!(in->device.flags & RIG_DEVICE_PCI) || in->device.num_regions <= RIG_PCI_CONFIG)
		return 0;
	size = in->regions[RIG_PCI_CONFIG].size;
	if (size < CONFIG_MIN)
		return 0;
	if (size > sizeof(bytes))
		size = sizeof(bytes);
	r = client_region_read(client, RIG_PCI_CONFIG, 0, bytes, (size_t)size);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < PCI_BARS; i++)
		bar_size[i] = in->regions[RIG_PCI_BAR0 + i].size;
	pci_config_decode(bytes, (size_t)size, bar_size, &in->config);
	in->has_config = true;
	return 0;
}

static int gather(struct client *client, struct inspection *in)
{
	int r = client_device_info(client, &in->device);

	if (r == 0)
		r = gather_regions(client, in);
	if (r == 0)
		r = gather_irqs(client, in);
	if (r == 0)
		r = gather_config(client, in);
	return r;
}

static void inspection_clear(struct inspection *in)
{
	for (uint32_t i = 0; in->regions && i < in->device.num_regions; i++)
		client_region_clear(&in->regions[i]);
	free(in->regions);
	free(in->irqs);
}

/* The command */

static int print(const struct inspection *in, bool json)
{
	int r = 0;

	if (json)
		r = inspect_print_json(in);
	else
		inspect_print_text(in);
	if (r == 0 && (fflush(stdout) == EOF || ferror(stdout)))
		r = -errno;
	if (r < 0)
		fprintf(stderr, "outrigger: inspect: cannot print: %s\n", strerror(-r));
	return r;
}

static int inspect(const struct options *options)
{
	struct inspection in = { .socket = options->path };
	struct client *client;
	char *error;
	int r = client_connect(options->path, options->timeout_ms, &client, &error);

	if (r < 0) {
		fprintf(stderr, "outrigger: inspect: %s\n", error ? error : strerror(-r));
		free(error);
		return EXIT_FAILURE;
	}
	in.version = client_version(client);
	r = gather(client, &in);
	if (r < 0)
		fprintf(stderr, "outrigger: inspect: %s: %s\n", options->path,
			*client_error(client) ? client_error(client) : strerror(-r));
	else
		r = print(&in, options->json);
	inspection_clear(&in);
	client_free(client);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage_error(const char *what, const char *argument)
{
	fprintf(stderr, "outrigger: inspect: %s%s; `outrigger inspect --help` says more\n", what,
		argument);
	return -EINVAL;
}

static int parse_timeout(const char *text, int *ret_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.001 && seconds <= TIMEOUT_MAX_S))
		return usage_error("--timeout takes seconds, 0.001 to 86400, not ", text);
	*ret_ms = (int)(seconds * 1000.0);
	return 0;
}

static int parse(int argc, char **argv, struct options *ret)
{
	enum { JSON, TIMEOUT, HELP };
	static const struct option known[] = {
		{ "json", no_argument, NULL, JSON },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "help", no_argument, NULL, HELP },
		{ 0 },
	};
	int option;

	*ret = (struct options) { .timeout_ms = TIMEOUT_DEFAULT_MS };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		switch (option) {
		case JSON:
			ret->json = true;
			break;
		case TIMEOUT:
			if (parse_timeout(optarg, &ret->timeout_ms) < 0)
				return -EINVAL;
			break;
		case HELP:
			ret->help = true;
			return 0;
		case ':':
			return usage_error("no value given for ", argv[optind - 1]);
		default:
			return usage_error("unknown option ", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return usage_error("no socket given", "");
	if (optind + 1 < argc)
		return usage_error("one socket at a time, not also ", argv[optind + 1]);
	ret->path = argv[optind];
	return 0;
}

int cmd_inspect(int argc, char **argv)
{
	struct options options;

	if (parse(argc, argv, &options) < 0)
		return CLI_EXIT_USAGE;
	if (options.help) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	return inspect(&options);
}
