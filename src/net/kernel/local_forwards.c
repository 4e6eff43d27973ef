/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * local_forwards.c - a listening socket and a relay for each
 *
 *	client --- UNIX socket or [::1] --- relay --- the host's stack --- bridge --- guest
 */
#include "net/kernel/local_forwards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/kernel/host_port.h"
#include "net/ports/bind.h"
#include "net/relay/stream_relay.h"
#include "net/relay/udp_relay.h"
#include "sys/explain.h"
#include "sys/sock.h"

#define FORWARDS_MAX 1024u
#define BACKLOG	     128

struct local_forward {
	struct local_forward *next;
	struct network_forward config;
	struct sock_listener listener; /* of a UNIX socket with its file, else just the fd */
	struct stream_relay *stream;
	struct udp_relay *udp;
};

struct local_forwards {
	uv_loop_t *loop;
	struct stream_relays *streams;
	struct local_forward *list;
	unsigned int n;
};

enum local_part local_forwards_part(const struct network_forward *forward)
{
	const struct sockaddr_in6 *in6 = (const void *)&forward->host;

	if (forward->host.ss_family == AF_UNIX)
		return LOCAL_WHOLE;
	if (forward->host.ss_family != AF_INET6)
		return LOCAL_NONE;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)	  ? LOCAL_WHOLE
	       : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ? LOCAL_LOOPBACK
							  : LOCAL_NONE;
}

static int dial(void *opaque)
{
	const struct network_forward *config = opaque;
	bool v4 = config->guest.ss_family == AF_INET;
	int fd = socket(config->guest.ss_family,
			(config->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) |
				SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&config->guest,
		    v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* What the host's side is the same of. */
static bool same(const struct network_forward *a, const struct network_forward *b)
{
	const struct sockaddr_un *a_un = (const void *)&a->host, *b_un = (const void *)&b->host;

	if (a->protocol != b->protocol || a->host.ss_family != b->host.ss_family)
		return false;
	if (a->host.ss_family == AF_UNIX)
		return strcmp(a_un->sun_path, b_un->sun_path) == 0;
	return host_port_same(&a->host, &b->host);
}

static struct local_forward **find(struct local_forwards *forwards,
				   const struct network_forward *config)
{
	struct local_forward **at = &forwards->list;

	while (*at && !same(&(*at)->config, config))
		at = &(*at)->next;
	return at;
}

static int start_listening(int fd, char **ret_error)
{
	if (listen(fd, BACKLOG) == 0)
		return 0;
	return errno == EADDRINUSE ? explain(ret_error, -EADDRINUSE,
					     "another program on the host uses this port; choose "
					     "another one")
				   : -errno;
}

/* @fd: that has the port already; -1: none has */
static int open_socket(struct local_forward *forward, int fd, char **ret_error)
{
	const struct network_forward *config = &forward->config;
	bool stream = config->protocol == IPPROTO_TCP;
	int r = 0;

	if (config->host.ss_family == AF_UNIX) {
		r = sock_listen(((const struct sockaddr_un *)&config->host)->sun_path, NULL,
				&forward->listener);
		return r < 0 ? explain(ret_error, r, "%s", port_bind_why_no_path(r)) : 0;
	}
	if (fd < 0)
		r = host_port_bind(config, stream, &forward->listener.fd, ret_error);
	else
		forward->listener.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (r == -EACCES)
		return explain(ret_error, r,
			       "only root may take this port (sysctl "
			       "net.ipv4.ip_unprivileged_port_start); choose a higher one");
	if (r >= 0 && forward->listener.fd < 0)
		r = -errno;
	return r >= 0 && stream ? start_listening(forward->listener.fd, ret_error) : r;
}

/* For log lines. */
static void print_name(const struct network_forward *config, char *ret, size_t size)
{
	if (config->host.ss_family == AF_UNIX)
		snprintf(ret, size, "tcp:[%s]",
			 ((const struct sockaddr_un *)&config->host)->sun_path);
	else
		snprintf(ret, size, "tcp:[::1]:%u",
			 ntohs(((const struct sockaddr_in6 *)&config->host)->sin6_port));
}

static int start(struct local_forwards *forwards, struct local_forward *forward, int fd,
		 char **ret_error)
{
	struct network_forward *config = &forward->config;
	char name[sizeof(struct sockaddr_un) + 16];
	int r = open_socket(forward, fd, ret_error);

	if (r < 0)
		return r;
	print_name(config, name, sizeof(name));
	if (config->protocol == IPPROTO_UDP)
		return udp_relay_new(forwards->loop, forward->listener.fd, dial, config,
				     &forward->udp);
	return stream_relay_new(forwards->streams, forward->listener.fd, name, dial, config,
				&forward->stream);
}

static void free_one(struct local_forward *forward)
{
	stream_relay_free(forward->stream);
	udp_relay_free(forward->udp);
	sock_listener_close(&forward->listener);
	free(forward);
}

int local_forwards_add(struct local_forwards *forwards, const struct network_forward *config,
		       int fd, char **ret_error)
{
	struct local_forward *forward;
	int r;

	if (*find(forwards, config))
		return explain(ret_error, -EEXIST, "this port of the host is forwarded already");
	if (forwards->n == FORWARDS_MAX)
		return explain(ret_error, -ENOSPC, "there are %u such forwards already",
			       FORWARDS_MAX);
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return -ENOMEM;
	forward->config = *config;
	forward->listener.fd = -1;
	r = start(forwards, forward, fd, ret_error);
	if (r < 0) {
		free_one(forward);
		return r;
	}
	forward->next = forwards->list;
	forwards->list = forward;
	forwards->n++;
	return 0;
}

void local_forwards_remove(struct local_forwards *forwards, const struct network_forward *config)
{
	struct local_forward **at = find(forwards, config), *forward = *at;

	if (!forward)
		return;
	*at = forward->next;
	forwards->n--;
	free_one(forward);
}

int local_forwards_new(uv_loop_t *loop, struct local_forwards **ret)
{
	struct local_forwards *forwards = calloc(1, sizeof(*forwards));
	int r;

	if (!forwards)
		return -ENOMEM;
	forwards->loop = loop;
	r = stream_relays_new(loop, &forwards->streams);
	if (r < 0) {
		free(forwards);
		return r;
	}
	*ret = forwards;
	return 0;
}

void local_forwards_free(struct local_forwards *forwards)
{
	if (!forwards)
		return;
	while (forwards->list)
		local_forwards_remove(forwards, &forwards->list->config);
	stream_relays_free(forwards->streams);
	free(forwards);
}
