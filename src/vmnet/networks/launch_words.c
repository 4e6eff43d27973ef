/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch_words.c - the command line of `outrigger net` for a request
 */
#include "vmnet/networks/launch_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_free(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->argv[i]);
	free(words->argv);
	*words = (struct words) { 0 };
}

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
	char **grown = words->failed ? NULL : realloc(words->argv, (words->n + 2) * sizeof(*grown));
	va_list values;
	char *word;
	int len;

	words->failed |= !grown;
	if (!grown)
		return;
	words->argv = grown;
	words->argv[words->n] = NULL;
	va_start(values, format);
	len = vasprintf(&word, format, values);
	va_end(values);
	if (len < 0) {
		words->failed = true;
		return;
	}
	words->argv[words->n++] = word;
	words->argv[words->n] = NULL;
}

static void add_address(struct words *words, const char *option, struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	add(words, "%s", option);
	add(words, "%s", text);
}

static void add_address6(struct words *words, const char *option, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, address, text, sizeof(text));
	add(words, "%s", option);
	add(words, "%s", text);
}

static void add_uuid(struct words *words, const uint8_t id[16])
{
	add(words, "--net-uuid");
	add(words, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0],
	    id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12],
	    id[13], id[14], id[15]);
}

void launch_forward_text(const struct backend_forward *forward, char ret[LAUNCH_FORWARD_TEXT])
{
	bool v6 = forward->family == AF_INET6;
	char guest[INET6_ADDRSTRLEN];

	inet_ntop(forward->family, &forward->internal, guest, sizeof(guest));
	snprintf(ret, LAUNCH_FORWARD_TEXT, "%s:%u-%s%s%s:%u",
		 forward->protocol == IPPROTO_TCP ? "tcp" : "udp", forward->external_port,
		 v6 ? "[" : "", guest, v6 ? "]" : "", forward->internal_port);
}

static void add_addresses(struct words *words, const struct backend_request *request,
			  const struct backend_range *range)
{
	if (range->mask.s_addr) {
		add_address(words, "--start-address", range->start);
		add_address(words, "--end-address", range->end);
		add_address(words, "--subnet-mask", range->mask);
	}
	if (request->prefix_given)
		add_address6(words, "--nat66-prefix", &request->nat66_prefix);
	if (request->identifier_given)
		add_uuid(words, request->identifier);
	if (request->host_address6_given)
		add_address6(words, "--host-ipv6", &request->host_address6);
}

static void add_switches(struct words *words, const struct backend_request *request)
{
	const struct {
		bool off;
		const char *option;
	} switches[] = {
		{ request->no_nat44, "--nat44=off" },
		{ request->no_nat66, "--nat66=off" },
		{ request->no_dhcp, "--dhcp=off" },
		{ request->no_dns_proxy, "--dns-proxy=off" },
		{ request->no_router_advertisement, "--router-advertisement=off" },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (switches[i].off)
			add(words, "%s", switches[i].option);
	}
}

static void add_guests(struct words *words, const struct backend_request *request)
{
	for (size_t i = 0; i < request->n_reservations; i++) {
		const struct backend_reservation *each = &request->reservations[i];
		const uint8_t *mac = each->mac;
		char address[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &each->address, address, sizeof(address));
		add(words, "--reserve");
		add(words, "%02x:%02x:%02x:%02x:%02x:%02x=%s", mac[0], mac[1], mac[2], mac[3],
		    mac[4], mac[5], address);
	}
	for (size_t i = 0; i < request->n_forwards; i++) {
		char text[LAUNCH_FORWARD_TEXT];

		launch_forward_text(&request->forwards[i], text);
		add(words, "--forward");
		add(words, "%s", text);
	}
}

static const char *mode_name(operating_modes_t mode)
{
	switch (mode) {
	case VMNET_HOST_MODE:
		return "host";
	case VMNET_BRIDGED_MODE:
		return "bridged";
	default:
		return "shared";
	}
}

/* A control socket's path is one part of a value: a comma in it is doubled. */
static void add_control(struct words *words, const char *path)
{
	char *doubled = malloc(2 * strlen(path) + 1), *to = doubled;

	words->failed |= !doubled;
	for (; doubled && *path; path++) {
		*to++ = *path;
		if (*path == ',')
			*to++ = ',';
	}
	if (!doubled)
		return;
	*to = '\0';
	add(words, "--control");
	add(words, "path=%s", doubled);
	free(doubled);
}

int launch_words(const char *program, const char *kind, const char *control,
		 const struct backend_request *request, const struct backend_range *range,
		 struct words *ret)
{
	struct words words = { 0 };

	add(&words, "%s", program);
	add(&words, "net");
	add(&words, "%s", mode_name(request->mode));
	add(&words, "--network=%s", kind);
	add(&words, "--background");
	add(&words, "--exit-when-idle=0");
	add_control(&words, control);
	if (*request->ifname)
		add(&words, "--ifname=%s", request->ifname);
	if (*request->external)
		add(&words, "--uplink=%s", request->external);
	if (request->mtu)
		add(&words, "--mtu=%u", request->mtu);
	add_addresses(&words, request, range);
	add_switches(&words, request);
	add_guests(&words, request);
	if (words.failed) {
		words_free(&words);
		return -ENOMEM;
	}
	*ret = words;
	return 0;
}
