/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_tool.c - the backend by hand: a process for tests to open networks in, and to kill
 *
 *   stdin                                                      stdout
 *   open mode=shared range=10.1.0.1,10.1.0.99,255.255.255.0    ok START END MASK MTU, or CODE SENTENCE
 *        id=HEX host=ADDR,MASK mtu=N ifname=IF exclusive own
 *        forward=tcp,8080,192.168.64.5,80 reserve=MAC,ADDR
 *   adopt NAME                                                 likewise
 *   describe                                                   NAME
 *   plug MAC [isolated]                                        ok, or CODE SENTENCE
 *   forward tcp,8080,192.168.64.5,80, unforward ...            likewise
 *   unplug, close                                              ok
 *   lost, plugged                                              yes or no
 *   fds                                                        how many are open
 *   spin N                                                     ok: opened and closed N times
 *
 * One network and one port at a time.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmnet/networks/backend.h"

static struct vmnet_backend *backend;
static int port = -1;
static struct backend_forward forward;
static struct backend_reservation reservation;

static struct in_addr address_of(const char *text)
{
	struct in_addr address = { 0 };

	if (text && inet_pton(AF_INET, text, &address) != 1)
		abort();
	return address;
}

static void parse_mac(const char *text, uint8_t mac[6])
{
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		abort();
}

static void parse_forward(char *text)
{
	char *protocol = strsep(&text, ","), *external = strsep(&text, ","),
	     *address = strsep(&text, ",");

	forward = (struct backend_forward) {
		.protocol = strcmp(protocol, "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP,
		.family = AF_INET,
		.external_port = (uint16_t)atoi(external),
		.internal_port = (uint16_t)atoi(text),
		.internal = { .v4 = address_of(address) },
	};
}

static operating_modes_t mode_of(const char *text)
{
	if (strcmp(text, "host") == 0)
		return VMNET_HOST_MODE;
	return strcmp(text, "shared") == 0 ? VMNET_SHARED_MODE : VMNET_BRIDGED_MODE;
}

static void parse_identifier(struct backend_request *request, const char *text)
{
	request->identifier_given = true;
	for (size_t i = 0; i < 16; i++)
		if (sscanf(text + 2 * i, "%2hhx", &request->identifier[i]) != 1)
			abort();
}

static void set_addresses(struct backend_request *request, const char *key, char *value)
{
	if (strcmp(key, "range") == 0) {
		request->range_given = true;
		request->start_address = address_of(strsep(&value, ","));
		request->end_address = address_of(strsep(&value, ","));
		request->subnet_mask = address_of(value);
	} else {
		request->host_address_given = true;
		request->host_address = address_of(strsep(&value, ","));
		request->host_mask = address_of(value);
	}
}

static void set(struct backend_request *request, const char *key, char *value)
{
	if (strcmp(key, "mode") == 0) {
		request->mode = mode_of(value);
	} else if (strcmp(key, "range") == 0 || strcmp(key, "host") == 0) {
		set_addresses(request, key, value);
	} else if (strcmp(key, "id") == 0) {
		parse_identifier(request, value);
	} else if (strcmp(key, "mtu") == 0) {
		request->mtu = (uint16_t)atoi(value);
	} else if (strcmp(key, "ifname") == 0) {
		snprintf(request->ifname, sizeof(request->ifname), "%s", value);
	} else if (strcmp(key, "exclusive") == 0) {
		request->exclusive = true;
	} else if (strcmp(key, "own") == 0) {
		request->own = true;
	} else if (strcmp(key, "forward") == 0) {
		parse_forward(value);
		request->forwards = &forward;
		request->n_forwards = 1;
	} else if (strcmp(key, "reserve") == 0) {
		parse_mac(strsep(&value, ","), reservation.mac);
		reservation.address = address_of(value);
		request->reservations = &reservation;
		request->n_reservations = 1;
	} else {
		abort();
	}
}

static void say(vmnet_return_t status, char *error)
{
	if (status == VMNET_SUCCESS)
		printf("ok\n");
	else
		printf("%d %s\n", status, error ? error : "");
	free(error);
}

static void say_opened(vmnet_return_t status, char *error)
{
	char start[INET_ADDRSTRLEN], end[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
	struct backend_facts facts;

	if (status != VMNET_SUCCESS) {
		say(status, error);
		return;
	}
	backend_facts(backend, &facts);
	inet_ntop(AF_INET, &facts.start_address, start, sizeof(start));
	inet_ntop(AF_INET, &facts.end_address, end, sizeof(end));
	inet_ntop(AF_INET, &facts.subnet_mask, mask, sizeof(mask));
	printf("ok %s %s %s %u\n", start, end, mask, facts.mtu);
}

static void parse_request(struct backend_request *request, char *words)
{
	char *word;

	while ((word = strsep(&words, " "))) {
		char *key = strsep(&word, "=");

		set(request, key, word);
	}
}

static void do_open(char *words)
{
	struct backend_request request = { .mode = VMNET_SHARED_MODE };
	char *error = NULL;
	vmnet_return_t status;

	parse_request(&request, words);
	status = backend_open(&request, &backend, &error);
	say_opened(status, error);
}

static void do_close(void)
{
	backend_close(backend);
	backend = NULL;
}

static void do_plug(char *words)
{
	char *error = NULL, *mac_text = strsep(&words, " ");
	vmnet_return_t status;
	uint8_t mac[6];

	parse_mac(mac_text, mac);
	status = backend_plug(backend, mac, words != NULL, 0, &port, &error);
	say(status, error);
}

static void do_forward(char *words, bool add)
{
	char *error = NULL;
	vmnet_return_t status;

	parse_forward(words);
	status = add ? backend_forward_add(backend, &forward, &error)
		     : backend_forward_remove(backend, &forward, &error);
	say(status, error);
}

static void do_unplug(void)
{
	if (port >= 0)
		close(port);
	port = -1;
}

static bool is_plugged(void)
{
	struct pollfd poll_fd = { .fd = port, .events = POLLRDHUP };

	return port >= 0 && poll(&poll_fd, 1, 0) == 0;
}

static void do_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3; /* itself, "." and ".." */

	while (readdir(dir))
		n++;
	closedir(dir);
	printf("%d\n", n);
}

static void do_spin(const char *times)
{
	struct backend_request request = { .mode = VMNET_SHARED_MODE };
	vmnet_return_t status = VMNET_SUCCESS;
	char *error = NULL;

	for (int i = atoi(times); i > 0 && status == VMNET_SUCCESS; i--) {
		status = backend_open(&request, &backend, &error);
		if (status == VMNET_SUCCESS)
			do_close();
	}
	say(status, error);
}

static void do_describe(void)
{
	char *text = backend_describe(backend);

	printf("%s\n", text);
	free(text);
}

static void obey(char *words)
{
	char *verb = strsep(&words, " "), *error = NULL;

	if (strcmp(verb, "open") == 0) {
		do_open(words);
	} else if (strcmp(verb, "adopt") == 0) {
		vmnet_return_t status = backend_adopt(words, &backend, &error);

		say_opened(status, error);
	} else if (strcmp(verb, "describe") == 0) {
		do_describe();
	} else if (strcmp(verb, "plug") == 0) {
		do_plug(words);
	} else if (strcmp(verb, "forward") == 0 || strcmp(verb, "unforward") == 0) {
		do_forward(words, verb[0] == 'f');
	} else if (strcmp(verb, "lost") == 0) {
		printf("%s\n", backend_is_lost(backend) ? "yes" : "no");
	} else if (strcmp(verb, "plugged") == 0) {
		printf("%s\n", is_plugged() ? "yes" : "no");
	} else if (strcmp(verb, "fds") == 0) {
		do_fds();
	} else if (strcmp(verb, "spin") == 0) {
		do_spin(words);
	} else if (strcmp(verb, "unplug") == 0) {
		do_unplug();
		say(VMNET_SUCCESS, NULL);
	} else if (strcmp(verb, "close") == 0) {
		do_close();
		say(VMNET_SUCCESS, NULL);
	} else {
		abort();
	}
}

int main(void)
{
	char line[512];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
		fflush(stdout);
	}
	do_unplug();
	do_close();
	return 0;
}
