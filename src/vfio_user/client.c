/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.c - ask a vfio-user device what it is
 *
 * One request at a time: send it, poll until its completion ran. The completion always runs - with
 * the reply, at the deadline, or when the connection dies - so the wait always ends.
 */
#include "vfio_user/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/sock.h"
#include "vfio_user/link_sock.h"
#include "vfio_user/region_caps.h"
#include <outrigger/vfio_user.h>

/* Rounds of "argsz is too small": more than the region's description can need to settle. */
#define REGION_INFO_TRIES 3
#define REGION_INFO_MAX	  65536u

struct client {
	int fd;
	int timeout_ms;
	struct link *link;
	struct client_version version;
	char *json; /* what version.json points to, unless that is "" */
	char error[320];
};

/* What a completion leaves behind. */
struct answer {
	bool done;
	int error;
	uint8_t *payload; /* owned */
	size_t len;
	size_t n_fds;
};

__attribute__((format(printf, 3, 4))) static int fail(struct client *client, int error,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(client->error, sizeof(client->error), format, args);
	va_end(args);
	return error;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* The server wants to read or write our memory, of which we gave it none. */
static void on_request(void *opaque, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	struct client *client = opaque;

	link_reply_error(client->link, token, -EFAULT);
}

static const struct link_ops client_link_ops = { .request = on_request };

static void on_answer(void *opaque, const struct link_reply *reply)
{
	struct answer *answer = opaque;

	answer->done = true;
	answer->error = reply->error;
	if (reply->error != 0)
		return;
	answer->n_fds = reply->fds->n; /* not taken: the link closes them */
	answer->payload = malloc(reply->len ? reply->len : 1);
	if (!answer->payload) {
		answer->error = -ENOMEM;
		return;
	}
	memcpy(answer->payload, reply->payload, reply->len);
	answer->len = reply->len;
}

/* Until the completion ran; the link's deadline sees to that. */
static void wait_for(struct client *client, const struct answer *answer)
{
	link_sock_writable(client->link, client->fd);
	while (!answer->done) {
		struct pollfd p = { client->fd, link_sock_events(client->link), 0 };
		uint64_t now = now_us(), deadline = link_deadline_us(client->link);
		uint64_t wait_ms = deadline > now ? (deadline - now + 999) / 1000 : 0;
		int timeout =
			wait_ms > (uint64_t)client->timeout_ms ? client->timeout_ms : (int)wait_ms;

		if (poll(&p, 1, timeout) > 0) {
			if (p.revents & POLLOUT)
				link_sock_writable(client->link, client->fd);
			if (p.revents & ~POLLOUT)
				link_sock_readable(client->link, client->fd);
		}
		link_tick(client->link, now_us());
	}
}

static int explain_answer(struct client *client, enum wire_command command, int error)
{
	const char *name = wire_command_name(command);

	if (error == -ENOTCONN)
		return fail(client, error, "%s: the connection ended: %s", name,
			    link_reason(client->link));
	if (error == -ETIMEDOUT)
		return fail(client, error, "%s: no answer within %g s", name,
			    client->timeout_ms / 1000.0);
	if (error == -EPROTO)
		return fail(client, error, "%s: the reply does not fit the request", name);
	return fail(client, error, "%s: the server says: %s", name, strerror(-error));
}

/* On success answer->payload is the caller's to free, and at least reply_min bytes long. */
static int ask(struct client *client, enum wire_command command, const struct iovec *iov,
	       size_t n_iov, size_t reply_min, size_t reply_max, size_t reply_fds_max,
	       struct answer *answer)
{
	uint64_t deadline = now_us() + (uint64_t)client->timeout_ms * 1000u;
	int r;

	*answer = (struct answer) { 0 };
	link_tick(client->link, now_us());
	r = link_request(client->link, command, iov, n_iov, NULL, 0, reply_max, reply_fds_max,
			 deadline, on_answer, answer, NULL);
	if (r < 0)
		return explain_answer(client, command, r);
	wait_for(client, answer);
	if (answer->error < 0)
		return explain_answer(client, command, answer->error);
	if (answer->len < reply_min) {
		free(answer->payload);
		return fail(client, -EPROTO, "%s: a reply of %zu bytes, at least %zu are due",
			    wire_command_name(command), answer->len, reply_min);
	}
	return 0;
}

/* A request and a reply of one fixed size. */
static int ask_fixed(struct client *client, enum wire_command command, void *message, size_t len)
{
	const struct iovec iov = { message, len };
	struct answer answer;
	int r = ask(client, command, &iov, 1, len, len, 0, &answer);

	if (r < 0)
		return r;
	memcpy(message, answer.payload, len);
	free(answer.payload);
	return 0;
}

/* The handshake */

static int take_json(struct client *client, const char *json, size_t len)
{
	if (len == 0)
		return 0;
	if (json[len - 1] != '\0')
		return fail(client, -EPROTO, "VERSION: the capabilities do not end with a NUL");
	client->json = strdup(json);
	if (!client->json)
		return fail(client, -ENOMEM, "out of memory");
	client->version.json = client->json;
	return 0;
}

static int check_caps(struct client *client, const struct version_caps *caps)
{
	if (caps->twin_socket)
		return fail(client, -EPROTO, "VERSION: a twin socket that was not asked for");
	if (caps->max_data_xfer_size == 0)
		return fail(client, -EPROTO, "VERSION: max_data_xfer_size is 0");
	return 0;
}

static int check_version(struct client *client, const uint8_t *payload, size_t len)
{
	struct wire_version version;
	int r;

	memcpy(&version, payload, sizeof(version));
	if (version.major != VERSION_MAJOR || version.minor > VERSION_MINOR)
		return fail(client, -EPROTO, "VERSION: the server answers %u.%u to our %u.%u",
			    version.major, version.minor, VERSION_MAJOR, VERSION_MINOR);
	client->version.major = version.major;
	client->version.minor = version.minor;
	client->version.json = "";
	r = take_json(client, (const char *)payload + sizeof(version), len - sizeof(version));
	if (r < 0)
		return r;
	r = version_parse(client->json, &client->version.caps);
	if (r < 0)
		return fail(client, r == -EINVAL ? -EPROTO : r,
			    "VERSION: the capabilities make no sense: %s", client->json);
	return check_caps(client, &client->version.caps);
}

static int negotiate(struct client *client)
{
	/* Everything that can be known is asked for; nothing but the limits commits us. */
	const struct version_caps ours = {
		.stated = VERSION_CAP_MAX_DMA_MAPS | VERSION_CAP_PGSIZES |
			  VERSION_CAP_WRITE_MULTIPLE | VERSION_CAP_SPARSE_MMAP_FDS,
		.max_msg_fds = LINK_MAX_FDS,
		.max_data_xfer_size = RIG_DEFAULT_MAX_DATA_XFER_SIZE,
		.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS,
		.pgsizes = RIG_DEFAULT_PGSIZES,
		.write_multiple = true,
		.sparse_mmap_fds = true,
	};
	struct wire_version version = { VERSION_MAJOR, VERSION_MINOR };
	char json[256];
	struct iovec iov[] = { { &version, sizeof(version) }, { json, 0 } };
	struct answer answer;
	int r;

	iov[1].iov_len = version_format(&ours, json, sizeof(json)) + 1;
	r = ask(client, WIRE_VERSION, iov, 2, sizeof(version), sizeof(version) + VERSION_MAX_JSON,
		0, &answer);
	if (r < 0)
		return r;
	r = check_version(client, answer.payload, answer.len);
	free(answer.payload);
	return r;
}

/* Connecting */

/* Return: a connected fd, or -errno. */
static int open_socket(const char *path, char **ret_error)
{
	struct stat st;
	int fd;

	/* connect() says "refused" to a file that is no socket, which would mislead. */
	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return explain(ret_error, -ENOTSOCK, "%s is no socket", path);
	fd = sock_connect(path);
	switch (fd) {
	case -ENOENT:
		return explain(ret_error, fd, "no such socket: %s", path);
	case -ECONNREFUSED:
		return explain(ret_error, fd, "nobody listens on %s: is the server running?", path);
	case -EAGAIN:
		return explain(ret_error, fd,
			       "%s takes no more connections now: it serves another client", path);
	case -EPROTOTYPE:
		return explain(ret_error, fd, "%s is no stream socket, so not vfio-user", path);
	}
	if (fd < 0)
		return explain(ret_error, fd, "cannot connect to %s: %s", path, strerror(-fd));
	return fd;
}

static int explain_handshake(const struct client *client, const char *path, int error,
			     char **ret_error)
{
	switch (error) {
	case -EBUSY:
		return explain(ret_error, error, "%s serves another client", path);
	case -ETIMEDOUT:
		return explain(
			ret_error, error,
			"%s took the connection and said nothing for %g s: it serves another "
			"client, or does not speak vfio-user",
			path, client->timeout_ms / 1000.0);
	case -EPROTO:
	case -ENOTCONN:
		return explain(ret_error, error, "%s does not speak vfio-user: %s", path,
			       client->error);
	default:
		return explain(ret_error, error, "%s: %s", path, client->error);
	}
}

static int client_new(int fd, int timeout_ms, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));
	const struct link_config config = {
		.peer = WIRE_FROM_SERVER,
		.accepts = { RIG_DEFAULT_MAX_DATA_XFER_SIZE, LINK_MAX_FDS },
		.ops = &client_link_ops,
		.opaque = client,
	};
	int r;

	if (!client)
		return -ENOMEM;
	r = link_new(&config, &client->link);
	if (r < 0) {
		free(client);
		return r;
	}
	client->fd = fd;
	client->timeout_ms = timeout_ms;
	*ret = client;
	return 0;
}

int client_connect(const char *path, int timeout_ms, struct client **ret, char **ret_error)
{
	struct client *client;
	int fd, r;

	fd = open_socket(path, ret_error);
	if (fd < 0)
		return fd;
	r = client_new(fd, timeout_ms, &client);
	if (r < 0) {
		close(fd);
		return explain(ret_error, r, "%s", strerror(-r));
	}
	r = negotiate(client);
	if (r < 0) {
		explain_handshake(client, path, r, ret_error);
		client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	link_free(client->link);
	close(client->fd);
	free(client->json);
	free(client);
}

const struct client_version *client_version(const struct client *client)
{
	return &client->version;
}

const char *client_error(const struct client *client)
{
	return client->error;
}

/* Questions */

int client_device_info(struct client *client, struct wire_device_info *ret)
{
	struct wire_device_info info = { .argsz = sizeof(info) };
	int r = ask_fixed(client, WIRE_DEVICE_GET_INFO, &info, sizeof(info));

	if (r < 0)
		return r;
	if (info.num_regions > CLIENT_MAX_REGIONS || info.num_irqs > CLIENT_MAX_IRQS)
		return fail(client, -EPROTO, "DEVICE_GET_INFO: %u regions and %u irq indexes",
			    info.num_regions, info.num_irqs);
	*ret = info;
	return 0;
}

int client_irq_info(struct client *client, uint32_t index, struct wire_irq_info *ret)
{
	struct wire_irq_info info = { .argsz = sizeof(info), .index = index };
	int r = ask_fixed(client, WIRE_DEVICE_GET_IRQ_INFO, &info, sizeof(info));

	if (r < 0)
		return r;
	if (info.index != index)
		return fail(client, -EPROTO, "DEVICE_GET_IRQ_INFO: index %u instead of %u",
			    info.index, index);
	*ret = info;
	return 0;
}

/* One attempt. Sets *argsz to what is needed: if that is not more than it was, all of it came. */
static int ask_region_info(struct client *client, uint32_t index, uint32_t *argsz,
			   struct answer *answer)
{
	struct wire_region_info info = { .argsz = *argsz, .index = index };
	const struct iovec iov = { &info, sizeof(info) };
	int r = ask(client, WIRE_DEVICE_GET_REGION_INFO, &iov, 1, sizeof(info), *argsz,
		    LINK_MAX_FDS, answer);

	if (r < 0)
		return r;
	memcpy(&info, answer->payload, sizeof(info));
	if (info.index != index || info.argsz < sizeof(info) || info.argsz > REGION_INFO_MAX) {
		free(answer->payload);
		return fail(client, -EPROTO,
			    "DEVICE_GET_REGION_INFO: index %u instead of %u, or argsz %u",
			    info.index, index, info.argsz);
	}
	*argsz = info.argsz;
	return 0;
}

static int parse_region_info(struct client *client, const struct answer *answer,
			     struct client_region *ret)
{
	const char *why;
	int r = region_caps_parse(answer->payload, answer->len, answer->n_fds,
				  client->version.caps.sparse_mmap_fds, ret, &why);

	return r < 0 ? fail(client, r, "DEVICE_GET_REGION_INFO: %s", why) : 0;
}

int client_region_info(struct client *client, uint32_t index, struct client_region *ret)
{
	uint32_t argsz = sizeof(struct wire_region_info);

	for (int i = 0; i < REGION_INFO_TRIES; i++) {
		uint32_t offered = argsz;
		struct answer answer;
		int r = ask_region_info(client, index, &argsz, &answer);

		if (r < 0)
			return r;
		if (argsz <= offered)
			r = parse_region_info(client, &answer, ret);
		free(answer.payload);
		if (argsz <= offered)
			return r;
	}
	return fail(client, -EPROTO, "DEVICE_GET_REGION_INFO: always wants a larger argsz");
}

static int read_chunk(struct client *client, uint32_t region, uint64_t offset, void *buf,
		      uint32_t count)
{
	const struct wire_region_io io = { offset, region, count };
	const struct iovec iov = { (void *)&io, sizeof(io) };
	struct answer answer;
	size_t len = sizeof(io) + count;
	int r = ask(client, WIRE_REGION_READ, &iov, 1, len, len, 0, &answer);

	if (r < 0)
		return r;
	if (memcmp(answer.payload, &io, sizeof(io)) == 0)
		memcpy(buf, answer.payload + sizeof(io), count);
	else
		r = fail(client, -EPROTO, "REGION_READ: the reply is for another range");
	free(answer.payload);
	return r;
}

int client_region_read(struct client *client, uint32_t region, uint64_t offset, void *buf,
		       size_t count)
{
	/* A reply that large is what we said that we accept. */
	uint32_t limit = client->version.caps.max_data_xfer_size < RIG_DEFAULT_MAX_DATA_XFER_SIZE
				 ? client->version.caps.max_data_xfer_size
				 : RIG_DEFAULT_MAX_DATA_XFER_SIZE;

	for (size_t done = 0; done < count;) {
		size_t left = count - done;
		uint32_t part = left < limit ? (uint32_t)left : limit;
		int r = read_chunk(client, region, offset + done, (char *)buf + done, part);

		if (r < 0)
			return r;
		done += part;
	}
	return 0;
}
