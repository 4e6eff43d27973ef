/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_config_file.c - a configuration file that says anything
 *
 * Input: the file. Held: what is refused is so with one line of text that says where; what is
 * accepted keeps the promises of struct net_settings; what is printed of it parses to the same.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/network_text.h"
#include "net/settings/config_file.h"

#define NAME "F"

static void check_sentence(const char *error)
{
	MUST(error && *error);
	for (; *error; error++)
		MUST((unsigned char)*error >= ' ' && *error != 0x7f);
}

static void check_sockets(const struct net_settings *settings)
{
	for (size_t i = 0; i < settings->n_sockets; i++) {
		const struct port_socket_config *a = &settings->sockets[i];

		MUST(*a->name && !strchr(a->name, '/'));
		MUST(!a->path == (a->fd >= 0));
		MUST(a->kind != PORT_SOCKET_NIC || a->mac_given);
		MUST(!a->mac_given || !(a->mac[0] & 1));
		for (size_t j = 0; j < i; j++)
			MUST(strcmp(a->name, settings->sockets[j].name) != 0);
	}
}

static void check_text(const struct net_settings *settings)
{
	char *error = NULL;

	for (size_t i = 0; i < settings->n_forwards; i++) {
		struct forward_config again;
		char text[FORWARD_TEXT_MAX];

		forward_print(&settings->forwards[i], text);
		MUST(forward_parse(text, &again, &error) == 0);
		MUST(memcmp(&again, &settings->forwards[i], sizeof(again)) == 0);
	}
	for (size_t i = 0; i < settings->network.n_reservations; i++) {
		struct network_reservation again;
		char text[NETWORK_RESERVATION_TEXT];

		network_reservation_print(&settings->network.reservations[i], text);
		MUST(network_reservation_parse(text, &again, &error) == 0);
		MUST(memcmp(&again, &settings->network.reservations[i], sizeof(again)) == 0);
	}
	for (size_t i = 0; i < settings->network.n_allows; i++) {
		struct network_allow again;
		char text[NETWORK_ALLOW_TEXT];

		network_allow_print(&settings->network.allows[i], text);
		MUST(network_allow_parse(text, &again, &error) == 0);
		MUST(again.port == settings->network.allows[i].port);
		MUST(again.prefix_len == settings->network.allows[i].prefix_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_settings settings = { 0 };
	char *error = NULL;
	int r = config_file_parse(&settings, NAME, (const char *)data, size, &error);

	if (r < 0) {
		check_sentence(error);
		MUST(strncmp(error, NAME ":", 2) == 0);
	} else {
		MUST(!error);
		r = net_settings_complete(&settings, &error);
		if (r < 0)
			check_sentence(error);
		else
			check_sockets(&settings);
		check_text(&settings);
	}
	MUST(r == 0 || r == -EINVAL);
	free(error);
	net_settings_free(&settings);
	return 0;
}

static const char *const seeds[] = {
	"mode shared\nnic /tmp/a.sock\nnic \"path=/tmp/b c,,d.sock,mac=02:00:00:00:00:01\" # x\n"
	"mac 02:00:00:00:00:02\nstream fd=7,rate=10mbit,name=c,isolated=off\n",
	"mode host\r\nnetwork kernel\nstart-address 10.0.0.1\nend-address 10.0.0.99\n"
	"subnet-mask 255.255.255.0\nnic /tmp/a\nisolated\nsource-guard off\nmtu 9000\n",
	"mode shared\nnat66-prefix fd12::/64\nreserve 02:00:00:00:00:01=192.168.64.9,name=web\n"
	"dns 9.9.9.9\ndomain a.example\nboot-file pxe\nboot-server 192.168.64.8\nlease-time 600\n"
	"control /tmp/c.sock,mode=0660,group=0\n",
	"mode shared\ncontrol /tmp/c\nforward tcp:127.0.0.1:80-web:80\nforward udp:53-[fd00::5]:53\n"
	"forward tcp:[/run/a-b]-web:1\nforward tcp:[::1]:5-[fd00::1]:5\n"
	"forward tcp:1-[02:00:00:00:00:01]:1\nallow 10.0.0.0/8:80\nallow [::1]:5\nallow fd00::/8\n",
	"mode bridged\nifname br0\ndgram /tmp/a\nlog-level debug\n",
	"mode host\nnet-uuid 2f6a7b1c-0d3e-4f58-9a6b-7c8d9e0f1a2b\nnic \"/tmp/\\\"\\\\\xc3\xa9\"\n",
};

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	return fuzz_seed_text(seeds, sizeof(seeds) / sizeof(seeds[0]), i, buf, max);
}
