/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_options.c - the command line of `outrigger net`
 *
 * One row of the table and one small function per option. They only read; what needs several
 * options to decide (all three addresses or none, no two NICs alike, a subnet that holds its range)
 * is checked once all are known. Names and rules are those of QEMU's vmnet-shared and vmnet-host
 * netdevs, where these have the option.
 *
 * --mac belongs to the --nic before it.
 */
#include "cli/net_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "cli/nic_mac.h"
#include "sys/explain.h"

#define MACHINE_ID_FILE "/etc/machine-id"
#define PATH_LEN_MAX	(sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const char usage[] =
	"Usage: outrigger net shared|host --nic PATH [--mac MAC] [--nic PATH [--mac MAC]]... [OPTIONS]\n"
	"\n"
	"Serves one network with a virtio-net card on each PATH, a vfio-user socket that QEMU 10.1 or\n"
	"newer (-device vfio-user-pci) connects to. Runs until SIGINT or SIGTERM, says\n"
	"\"outrigger: ready: ...\" on stdout when guests may come.\n"
	"\n"
	"  shared   guests reach each other, the host and, by NAT, the outside\n"
	"  host     guests reach each other and the host, nothing else\n"
	"\n"
	"NICs:\n"
	"  --nic PATH             serve a card on this socket; up to 16 times\n"
	"  --mac MAC              address of the card given before; default: made from machine and PATH,\n"
	"                         the same on each start\n"
	"\n"
	"The network (the three addresses together or none of them):\n"
	"  --start-address ADDR   the gateway, first of the range; default 192.168.64.1 (shared),\n"
	"                         192.168.128.1 (host)\n"
	"  --end-address ADDR     the last address that DHCP gives; default .254\n"
	"  --subnet-mask MASK     default 255.255.255.0\n"
	"  --nat66-prefix PREFIX  64 bits inside fd00::/8 for IPv6 (shared only); default: random\n"
	"  --isolated             guests do not reach each other\n"
	"  --mtu BYTES            68 to 65521, default 1500; IPv6 from 1280 on\n"
	"\n"
	"  --log-level LEVEL      error, warning, info (default) or debug, to stderr\n"
	"  --help                 this text\n"
	"\n"
	"Exit status: 0 ended by a signal, 1 something failed, 2 the command line is wrong.\n";

const char *net_options_usage(void)
{
	return usage;
}

/* What is known while reading. */
struct parser {
	struct net_options *options;
	bool start_given, end_given, mask_given, prefix_given;
	char **ret_error;
};

/* Each option */

static int parse_nic(struct parser *parser, const char *value)
{
	struct net_options *options = parser->options;
	struct net_nic *nics;

	if (!*value)
		return explain(parser->ret_error, -EINVAL,
			       "--nic: the path is empty; give the path of a socket to make");
	if (strlen(value) > PATH_LEN_MAX)
		return explain(
			parser->ret_error, -EINVAL,
			"--nic %s: %zu bytes are too long for a socket, which takes up to %zu; choose a "
			"shorter path",
			value, strlen(value), PATH_LEN_MAX);
	nics = realloc(options->nics, (options->n_nics + 1) * sizeof(*nics));
	if (!nics)
		return -ENOMEM;
	options->nics = nics;
	nics[options->n_nics++] = (struct net_nic) { .path = value };
	return 0;
}

static int parse_mac(struct parser *parser, const char *value)
{
	struct net_options *options = parser->options;
	struct net_nic *nic;
	int r;

	if (!options->n_nics)
		return explain(
			parser->ret_error, -EINVAL,
			"--mac %s: no --nic before it; put it after the --nic that it is for",
			value);
	nic = &options->nics[options->n_nics - 1];
	if (nic->mac_given)
		return explain(parser->ret_error, -EINVAL,
			       "--mac %s: --nic %s has one already; give one for each --nic", value,
			       nic->path);
	r = nic_mac_parse(value, nic->mac);
	if (r == -EADDRNOTAVAIL)
		return explain(
			parser->ret_error, -EINVAL,
			"--mac %s: no address of a single card; its first byte must be even, like in "
			"02:00:00:12:34:56",
			value);
	if (r < 0)
		return explain(parser->ret_error, -EINVAL,
			       "--mac %s: no MAC address; give six bytes like 02:00:00:12:34:56",
			       value);
	nic->mac_given = true;
	return 0;
}

static int parse_ipv4(struct parser *parser, const char *option, const char *value,
		      struct in_addr *ret, bool *given)
{
	struct in_addr address;

	if (inet_pton(AF_INET, value, &address) != 1)
		return explain(parser->ret_error, -EINVAL,
			       "%s %s: no IPv4 address; give four numbers like 192.168.64.1",
			       option, value);
	*ret = address;
	*given = true;
	return 0;
}

static int parse_start(struct parser *parser, const char *value)
{
	return parse_ipv4(parser, "--start-address", value, &parser->options->network.start_address,
			  &parser->start_given);
}

static int parse_end(struct parser *parser, const char *value)
{
	return parse_ipv4(parser, "--end-address", value, &parser->options->network.end_address,
			  &parser->end_given);
}

static int parse_mask(struct parser *parser, const char *value)
{
	return parse_ipv4(parser, "--subnet-mask", value, &parser->options->network.subnet_mask,
			  &parser->mask_given);
}

/* "fd12:3456:789a::", as vmnet takes it; "/64" may follow. */
static int parse_prefix6(struct parser *parser, const char *value)
{
	struct network_config *network = &parser->options->network;
	const char *slash = strchr(value, '/');
	size_t len = slash ? (size_t)(slash - value) : strlen(value);
	char address[INET6_ADDRSTRLEN];

	if (network->mode != NETWORK_SHARED)
		return explain(
			parser->ret_error, -EINVAL,
			"--nat66-prefix %s: a %s network has no NAT; leave it out or serve a shared "
			"network",
			value, network_mode_name(network->mode));
	if (slash && strcmp(slash, "/64") != 0)
		return explain(parser->ret_error, -EINVAL,
			       "--nat66-prefix %s: the prefix has 64 bits; leave out \"%s\"", value,
			       slash);
	snprintf(address, sizeof(address), "%.*s", (int)len, value);
	if (len >= sizeof(address) || inet_pton(AF_INET6, address, &network->nat66_prefix) != 1)
		return explain(parser->ret_error, -EINVAL,
			       "--nat66-prefix %s: no IPv6 prefix; give one inside fd00::/8, like "
			       "fd12:3456:789a::",
			       value);
	parser->prefix_given = true;
	return 0;
}

static int parse_isolated(struct parser *parser, const char *value)
{
	parser->options->network.isolated = true;
	return 0;
}

static int parse_mtu(struct parser *parser, const char *value)
{
	char *end;
	unsigned long mtu;

	errno = 0;
	mtu = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || mtu < FRAME_MTU_MIN ||
	    mtu > FRAME_MTU_MAX)
		return explain(parser->ret_error, -EINVAL,
			       "--mtu %s: not a number of bytes from %u to %u", value,
			       FRAME_MTU_MIN, FRAME_MTU_MAX);
	parser->options->network.mtu = (uint16_t)mtu;
	return 0;
}

static int parse_log_level(struct parser *parser, const char *value)
{
	if (log_level_parse(value, &parser->options->log_level) < 0)
		return explain(parser->ret_error, -EINVAL,
			       "--log-level %s: no level; give error, warning, info or debug",
			       value);
	return 0;
}

static int parse_help(struct parser *parser, const char *value)
{
	parser->options->help = true;
	return 0;
}

static const struct option_rule {
	const char *name;
	bool takes_value;
	int (*parse)(struct parser *parser, const char *value);
} rules[] = {
	{ "--nic", true, parse_nic },
	{ "--mac", true, parse_mac },
	{ "--start-address", true, parse_start },
	{ "--end-address", true, parse_end },
	{ "--subnet-mask", true, parse_mask },
	{ "--nat66-prefix", true, parse_prefix6 },
	{ "--isolated", false, parse_isolated },
	{ "--mtu", true, parse_mtu },
	{ "--log-level", true, parse_log_level },
	{ "--help", false, parse_help },
};

/* The arguments */

static const struct option_rule *rule_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (strlen(rules[i].name) == len && memcmp(rules[i].name, name, len) == 0)
			return &rules[i];
	}
	return NULL;
}

/* "--name value" or "--name=value". @next: the argument after, taken if the value is in it */
static int parse_option(struct parser *parser, const char *argument, const char *next,
			int *ret_taken)
{
	const char *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	const struct option_rule *rule = rule_find(argument, len);
	const char *value = equals ? equals + 1 : next;

	if (!rule)
		return explain(parser->ret_error, -EINVAL,
			       "%.*s: unknown option; see outrigger net --help", (int)len,
			       argument);
	if (!rule->takes_value && equals)
		return explain(parser->ret_error, -EINVAL, "%s: takes no value; leave out \"%s\"",
			       rule->name, equals);
	if (rule->takes_value && !value)
		return explain(parser->ret_error, -EINVAL,
			       "%s: its value is missing; see outrigger net --help", rule->name);
	*ret_taken = rule->takes_value && !equals ? 2 : 1;
	return rule->parse(parser, value);
}

static int parse_options(struct parser *parser, int argc, char **argv)
{
	int taken = 1;

	for (int i = 0; i < argc && !parser->options->help; i += taken) {
		int r;

		if (argv[i][0] != '-')
			return explain(
				parser->ret_error, -EINVAL,
				"%s: unexpected argument; options start with --, see outrigger "
				"net --help",
				argv[i]);
		r = parse_option(parser, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &taken);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_mode(struct parser *parser, const char *name, enum network_mode *ret)
{
	if (!name)
		return explain(parser->ret_error, -EINVAL,
			       "the mode is missing: outrigger net shared|host --nic PATH, see "
			       "outrigger net --help");
	if (strcmp(name, network_mode_name(NETWORK_SHARED)) == 0) {
		*ret = NETWORK_SHARED;
		return 0;
	}
	if (strcmp(name, network_mode_name(NETWORK_HOST)) == 0) {
		*ret = NETWORK_HOST;
		return 0;
	}
	return explain(parser->ret_error, -EINVAL,
		       "%s: unknown mode of a network; give shared or host", name);
}

/* Once all is known */

static int check_addresses_given(struct parser *parser)
{
	bool all = parser->start_given && parser->end_given && parser->mask_given;
	bool none = !parser->start_given && !parser->end_given && !parser->mask_given;

	if (all || none)
		return 0;
	return explain(parser->ret_error, -EINVAL,
		       "%s%s%snot given; --start-address, --end-address and --subnet-mask go "
		       "together, give all three or none",
		       parser->start_given ? "" : "--start-address ",
		       parser->end_given ? "" : "--end-address ",
		       parser->mask_given ? "" : "--subnet-mask ");
}

/*
 * The directory as the kernel knows it, and the name in it. One that does not exist is reported
 * when the socket is made.
 */
static int absolute_path(const char *path, char **ret)
{
	char dir_copy[PATH_LEN_MAX + 1], name_copy[PATH_LEN_MAX + 1];
	char dir[PATH_MAX];

	snprintf(dir_copy, sizeof(dir_copy), "%s", path);
	snprintf(name_copy, sizeof(name_copy), "%s", path);
	if (!realpath(dirname(dir_copy), dir))
		*ret = strdup(path);
	else if (asprintf(ret, "%s/%s", strcmp(dir, "/") ? dir : "", basename(name_copy)) < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

static int resolve_paths(struct parser *parser)
{
	struct net_options *options = parser->options;

	for (unsigned int i = 0; i < options->n_nics; i++) {
		struct net_nic *nic = &options->nics[i];
		int r = absolute_path(nic->path, &nic->absolute);

		if (r < 0)
			return r;
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(nic->absolute, options->nics[j].absolute) == 0)
				return explain(
					parser->ret_error, -EINVAL,
					"--nic %s: the same socket as --nic %s; give each NIC its own path",
					nic->path, options->nics[j].path);
		}
	}
	return 0;
}

/* Among the first n, those without an address yet left out. Return: NULL if nobody has it */
static const struct net_nic *nic_with_mac(const struct net_options *options, unsigned int n,
					  const uint8_t mac[FRAME_MAC], const struct net_nic * not )
{
	for (unsigned int i = 0; i < options->n_nics; i++) {
		const struct net_nic *nic = &options->nics[i];

		if (nic != not &&(nic->mac_given || i < n) && memcmp(nic->mac, mac, FRAME_MAC) == 0)
			return nic;
	}
	return NULL;
}

/* Empty without the file: the address then depends on the path alone. */
static void read_machine_id(char *id, size_t size)
{
	FILE *file = fopen(MACHINE_ID_FILE, "re");

	if (!file || !fgets(id, (int)size, file))
		id[0] = '\0';
	if (file)
		fclose(file);
	id[strcspn(id, "\n")] = '\0';
}

static int assign_macs(struct parser *parser)
{
	struct net_options *options = parser->options;
	char machine_id[64];

	read_machine_id(machine_id, sizeof(machine_id));
	for (unsigned int i = 0; i < options->n_nics; i++) {
		struct net_nic *nic = &options->nics[i];
		const struct net_nic *other = nic_with_mac(options, i, nic->mac, nic);

		if (nic->mac_given && other)
			return explain(
				parser->ret_error, -EINVAL,
				"--mac of --nic %s: --nic %s has the same; give each NIC its own",
				nic->path, other->path);
		for (unsigned int attempt = 0; !nic->mac_given && (attempt == 0 || other);
		     attempt++) {
			nic_mac_derive(nic->absolute, machine_id, attempt, nic->mac);
			other = nic_with_mac(options, i, nic->mac, nic);
		}
	}
	return 0;
}

static int check_all(struct parser *parser)
{
	struct net_options *options = parser->options;
	int r;

	if (!options->n_nics)
		return explain(parser->ret_error, -EINVAL,
			       "--nic: none given; give at least one, like --nic /tmp/nic.sock");
	r = check_addresses_given(parser);
	if (r < 0)
		return r;
	r = network_config_check(&options->network, options->n_nics, parser->ret_error);
	if (r < 0)
		return r;
	r = resolve_paths(parser);
	if (r < 0)
		return r;
	return assign_macs(parser);
}

int net_options_parse(int argc, char **argv, struct net_options *ret, char **ret_error)
{
	struct parser parser = { .options = ret, .ret_error = ret_error };
	enum network_mode mode = NETWORK_SHARED;
	int r;

	*ret = (struct net_options) { .log_level = LOG_LEVEL_INFO };
	*ret_error = NULL;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		ret->help = true;
		return 0;
	}
	r = parse_mode(&parser, argc > 1 ? argv[1] : NULL, &mode);
	if (r < 0)
		return r;
	r = network_config_default(mode, &ret->network);
	if (r < 0)
		return r;
	r = parse_options(&parser, argc - 2, argv + 2);
	if (r < 0 || ret->help)
		return r;
	return check_all(&parser);
}

void net_options_free(struct net_options *options)
{
	for (unsigned int i = 0; i < options->n_nics; i++)
		free(options->nics[i].absolute);
	free(options->nics);
	options->nics = NULL;
	options->n_nics = 0;
}
