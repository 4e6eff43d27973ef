/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net.c - `outrigger net`: serve one network and its NICs until a signal, or until nobody is there
 *
 * Everything lives on one libuv loop: network, NICs, signals. The end is in order, whatever began
 * it: NICs (guests are disconnected, sockets removed), network, signals; then the loop runs until
 * the last handle is closed.
 *
 * The first SIGINT or SIGTERM ends it that way, the second at once: signals have their default
 * effect again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <uv.h>

#include "cli/background.h"
#include "cli/cli.h"
#include "cli/net_options.h"
#include "cli/net_reload.h"
#include "cli/net_vmnet.h"
#include "config.h"
#include "net/control/control.h"
#include "net/idle.h"
#include "net/kernel/privilege.h"
#include "net/service.h"
#include "sys/activation.h"
#include "sys/fd_limit.h"
#include "sys/log.h"
#include "sys/notify.h"

static const int end_signals[] = { SIGINT, SIGTERM };
#define N_END_SIGNALS (sizeof(end_signals) / sizeof(end_signals[0]))

struct net_command {
	const struct net_settings *settings;
	uv_loop_t loop;
	uv_signal_t signals[N_END_SIGNALS];
	uv_signal_t hangup; /* if there is a file to read again */
	struct net_reload reload;
	struct net_service *service;
	struct control_host host;
	struct control *control;
	struct idle *idle; /* NULL: it does not end by itself */
	int background;	   /* for background_ready(); -1: it is not in the background */
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct net_command *command = handle->data;

	log_debug("ending on %s", strsignal(number));
	for (size_t i = 0; i < N_END_SIGNALS; i++)
		uv_signal_stop(&command->signals[i]);
	uv_stop(&command->loop);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct net_command *command = handle->data;
	char *error = NULL;

	(void)net_reload(&command->reload, NULL, NULL, &error); /* which is logged */
	free(error);
}

static int on_reload(void *opaque, void (*refused)(void *opaque, const char *sentence),
		     void *refused_opaque, char **ret_error)
{
	struct net_command *command = opaque;

	return net_reload(&command->reload, refused, refused_opaque, ret_error);
}

/* Without a file a SIGHUP is a terminal that is gone, and ends the process. */
static int hangup_start(struct net_command *command)
{
	int r;

	if (!command->reload.made_of->config)
		return 0;
	r = uv_signal_init(&command->loop, &command->hangup);
	if (r < 0)
		return r;
	command->hangup.data = command;
	return uv_signal_start(&command->hangup, on_hangup, SIGHUP);
}

static int signals_start(struct net_command *command)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_END_SIGNALS; i++) {
		int r = uv_signal_init(&command->loop, &command->signals[i]);

		if (r < 0)
			return r;
		command->signals[i].data = command;
		r = uv_signal_start(&command->signals[i], on_signal, end_signals[i]);
		if (r < 0)
			return r;
	}
	return hangup_start(command);
}

static void signals_end(struct net_command *command)
{
	for (size_t i = 0; i < N_END_SIGNALS; i++) {
		if (command->signals[i].data)
			uv_close((uv_handle_t *)&command->signals[i], NULL);
	}
	if (command->hangup.data)
		uv_close((uv_handle_t *)&command->hangup, NULL);
}

static int control_start(struct net_command *command, char **ret_error)
{
	if (!command->settings->control_path)
		return 0;
	command->host = (struct control_host) { .service = command->service,
						.version = OUTRIGGER_VERSION,
						.reload = on_reload,
						.opaque = command };
	return control_new(&command->loop, command->settings, &command->host, &command->control,
			   ret_error);
}

static int service_start(struct net_command *command)
{
	char *error = NULL;
	int r = activation_start(&error);

	if (r >= 0)
		r = net_service_new(&command->loop, command->settings, &command->service, &error);
	command->reload.service = command->service;
	if (r >= 0)
		r = control_start(command, &error);
	if (r >= 0 && command->settings->end_when_idle)
		r = idle_new(&command->loop, command->service, command->control,
			     command->settings->idle_s, &command->idle);
	if (r < 0)
		log_error("%s", error ? error : strerror(-r));
	free(error);
	return r;
}

/* "2 NICs, 1 stream socket": kinds of which there are none are left out. */
static void say_sockets(const struct net_settings *settings)
{
	static const char *const names[] = {
		[PORT_SOCKET_NIC] = "NIC",
		[PORT_SOCKET_STREAM] = "stream socket",
		[PORT_SOCKET_DGRAM] = "dgram socket",
	};

	for (size_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++) {
		size_t n = 0;

		for (size_t i = 0; i < settings->n_sockets; i++)
			n += settings->sockets[i].kind == kind;
		if (n)
			printf(", %zu %s%s", n, names[kind], n == 1 ? "" : "s");
	}
}

/* The interface it is on, the host's address in it, or its UUID. */
static void say_network(const struct network_config *network)
{
	char gateway[INET_ADDRSTRLEN], uuid[NETWORK_UUID_TEXT];

	printf("%s network ", network_mode_name(network->mode));
	if (network->mode == NETWORK_BRIDGED) {
		printf("on %s", network->ifname);
	} else if (network_config_has_gateway(network)) {
		inet_ntop(AF_INET, &network->start_address, gateway, sizeof(gateway));
		printf("%s/%d", gateway, __builtin_popcount(network->subnet_mask.s_addr));
	} else {
		network_uuid_print(network->uuid, uuid);
		printf("%s without the host", uuid);
	}
}

static void say_ready(const struct net_command *command)
{
	int r;

	printf("outrigger: ready: ");
	say_network(network_config_of(net_service_network(command->service)));
	say_sockets(command->settings);
	printf("\n");
	fflush(stdout);
	r = notify_service_manager("READY=1");
	if (r < 0)
		log_warning("NOTIFY_SOCKET: the service manager was not told: %s", strerror(-r));
	if (command->background >= 0)
		background_ready(command->background);
}

static void limit_privileges(const struct net_command *command)
{
	int r = privilege_limit(&command->settings->network);

	if (r < 0)
		log_warning("privileges that are not needed any more are kept: %s", strerror(-r));
}

static int serve(struct net_command *command)
{
	int r = signals_start(command);

	if (r < 0) {
		log_error("cannot wait for signals: %s", strerror(-r));
		return r;
	}
	r = fd_limit_raise();
	if (r < 0)
		log_warning("the limit of open files stays as it is: %s", strerror(-r));
	if (command->settings->network.kind == NETWORK_VMNET)
		net_vmnet_environment();
	r = service_start(command);
	if (r < 0)
		return r;
	if (command->settings->network.kind == NETWORK_KERNEL)
		limit_privileges(command);
	say_ready(command);
	uv_run(&command->loop, UV_RUN_DEFAULT);
	(void)notify_service_manager("STOPPING=1"); /* READY=1 had the warning */
	return net_service_failed(command->service) ? -EIO : 0;
}

/* Return: exit status */
static int run(int argc, char **argv, const struct net_options *options, int background)
{
	struct net_command command = {
		.settings = &options->settings,
		.background = background,
		.reload = { .argc = argc, .argv = argv, .made_of = options },
	};
	int r = uv_loop_init(&command.loop);

	if (r < 0) {
		log_error("cannot make an event loop: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	r = serve(&command);
	idle_free(command.idle);
	control_free(command.control);
	net_service_free(command.service);
	signals_end(&command);
	uv_run(&command.loop, UV_RUN_DEFAULT);
	uv_loop_close(&command.loop);
	net_reload_clear(&command.reload);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Return: exit status, in both processes */
static int run_in_background(int argc, char **argv, const struct net_options *options)
{
	int ready = -1, status = EXIT_FAILURE;
	int r = background_start(&ready, &status);

	if (r < 0)
		log_error("--background: cannot start a process: %s", strerror(-r));
	return r == 0 ? run(argc, argv, options, ready) : status;
}

/* Not by log_error(): it cuts long lines, and what is wrong stands behind a value of any length. */
static int refuse(int error, char *message)
{
	fprintf(stderr, "outrigger: error: net: %s\n", message ? message : strerror(-error));
	free(message);
	return error == -EINVAL ? CLI_EXIT_USAGE : EXIT_FAILURE;
}

int cmd_net(int argc, char **argv)
{
	struct net_options options;
	char *error;
	int status;
	int r = net_options_parse(argc, argv, &options, &error);

	if (r < 0) {
		status = refuse(r, error);
	} else if (options.help) {
		net_options_usage(stdout);
		status = EXIT_SUCCESS;
	} else if (options.check) {
		printf("%s: ok\n", options.config ? options.config : "command line");
		status = EXIT_SUCCESS;
	} else {
		log_set_level(options.settings.log_level);
		status = options.background ? run_in_background(argc, argv, &options)
					    : run(argc, argv, &options, -1);
	}
	net_options_free(&options);
	return status;
}
