/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_handshake.c - "VFIO_USER_VERSION"
 *
 * The reply's text is a stranger's: version_parse() is strict about what is known in it and blind to
 * the rest; limits that nothing could be done with are refused. A server may agree to less than was
 * proposed, not to more. Whatever is wrong ends the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/sock.h"
#include "vfio_user/client_internal.h"

int client_open(const char *path, char **ret_error)
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

/* The reply, kept until it can be looked at without the front's lock. */
struct version_reply {
	uint16_t major, minor;
	char *text; /* text_len bytes and a NUL of ours */
	size_t text_len;
	size_t n_fds;
	int fds[LINK_MAX_FDS];
};

static void reply_clear(struct version_reply *reply)
{
	free(reply->text);
	for (size_t i = 0; i < reply->n_fds; i++)
		if (reply->fds[i] >= 0)
			close(reply->fds[i]);
}

static int keep_reply(struct op *op, void *opaque, const void *payload, size_t len,
		      struct link_fds *fds)
{
	struct version_reply *reply = opaque;
	const struct wire_version *version = payload;

	reply->major = version->major;
	reply->minor = version->minor;
	reply->text_len = len - sizeof(*version);
	reply->text = calloc(1, reply->text_len + 1);
	if (!reply->text)
		return op_no_memory(op);
	memcpy(reply->text, version->json, reply->text_len);
	for (; reply->n_fds < fds->n; reply->n_fds++) {
		reply->fds[reply->n_fds] = fds->fd[reply->n_fds];
		fds->fd[reply->n_fds] = -1;
	}
	return 0;
}

static int ask_version(struct session *session, rig_time deadline, struct version_reply *reply)
{
	const struct rig_client_config *config = &session->client->config;
	/* Everything that can be known is asked for; nothing but the limits commits us. */
	const struct version_caps ours = {
		.stated = VERSION_CAP_MAX_DMA_MAPS | VERSION_CAP_PGSIZES |
			  VERSION_CAP_WRITE_MULTIPLE | VERSION_CAP_SPARSE_MMAP_FDS |
			  (client_wants_twin(session->client) ? VERSION_CAP_TWIN_SOCKET : 0),
		.max_msg_fds = config->max_msg_fds,
		.max_data_xfer_size = config->max_data_xfer_size,
		.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS,
		.pgsizes = RIG_DEFAULT_PGSIZES,
		.write_multiple = !(config->flags & RIG_CLIENT_NO_WRITE_MULTI),
		.sparse_mmap_fds = true,
		.twin_socket = true,
	};
	struct wire_version version = { VERSION_MAJOR, VERSION_MINOR };
	char json[512];
	const struct iovec iov[] = {
		{ &version, sizeof(version) },
		{ json, version_format(&ours, json, sizeof(json)) + 1 },
	};
	const struct client_ask ask = {
		.command = WIRE_VERSION,
		.iov = iov,
		.n_iov = 2,
		.reply_min = sizeof(version),
		.reply_max = sizeof(version) + VERSION_MAX_JSON,
		.reply_fds_max = client_wants_twin(session->client) ? config->max_msg_fds : 0,
		.accept = keep_reply,
		.opaque = reply,
	};

	return client_ask_in(session, &ask, deadline);
}

static int wrong(struct session *session, const char *what)
{
	return client_fail(session->client, RIG_LOG_WARNING, -EPROTO, "VERSION: %s", what);
}

static int check_numbers(struct session *session, const struct version_reply *reply)
{
	if (reply->major == VERSION_MAJOR && reply->minor <= VERSION_MINOR)
		return 0;
	return client_fail(session->client, RIG_LOG_WARNING, -EPROTO,
			   "VERSION: the server answers %u.%u to our %u.%u", reply->major,
			   reply->minor, VERSION_MAJOR, VERSION_MINOR);
}

/* For people: a stranger's text may hold anything that a terminal obeys. */
static const char *printable(char *text)
{
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

static int check_text(struct session *session, const struct version_reply *reply,
		      struct version_caps *ret)
{
	char *text = reply->text_len > 0 ? reply->text : NULL;
	int r;

	if (text && text[reply->text_len - 1] != '\0')
		return wrong(session, "the capabilities do not end with a NUL");
	r = version_parse(text, ret);
	if (r == -EINVAL)
		return client_fail(session->client, RIG_LOG_WARNING, -EPROTO,
				   "VERSION: the capabilities make no sense: %s",
				   text ? printable(text) : "");
	return r;
}

static int check_caps(struct session *session, const struct version_caps *caps)
{
	const struct rig_client *client = session->client;

	if (caps->max_data_xfer_size == 0)
		return wrong(session, "max_data_xfer_size is 0");
	if (caps->pgsizes == 0)
		return wrong(session, "pgsizes is 0");
	if (caps->twin_socket && !client_wants_twin(client))
		return wrong(session, "a twin socket that was not asked for");
	if (caps->write_multiple && (client->config.flags & RIG_CLIENT_NO_WRITE_MULTI))
		return wrong(session, "write_multiple, which was not proposed");
	return 0;
}

static bool is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return false;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return false;
	return domain == AF_UNIX && type == SOCK_STREAM;
}

static int take_twin(struct session *session, struct version_reply *reply,
		     const struct version_caps *caps)
{
	int r;

	if (!caps->twin_socket)
		return reply->n_fds == 0 ? 0 : wrong(session, "fds without a twin socket");
	if (!caps->has_twin_fd_index || caps->twin_fd_index >= reply->n_fds)
		return wrong(session, "twin_socket: fd_index names no fd that came");
	if (!is_unix_stream(reply->fds[caps->twin_fd_index]))
		return wrong(session, "twin_socket: the fd is no UNIX stream socket");
	r = front_add_twin(session->front, reply->fds[caps->twin_fd_index]);
	if (r == 0)
		reply->fds[caps->twin_fd_index] = -1; /* the front's now */
	return r;
}

int client_negotiate(struct session *session, rig_time deadline, struct agreement *ret)
{
	struct version_reply reply = { 0 };
	struct version_caps caps = { 0 };
	int r = ask_version(session, deadline, &reply);

	if (r == 0)
		r = check_numbers(session, &reply);
	if (r == 0)
		r = check_text(session, &reply, &caps);
	if (r == 0)
		r = check_caps(session, &caps);
	if (r == 0)
		r = take_twin(session, &reply, &caps);
	if (r == 0) {
		*ret = (struct agreement) {
			.major = reply.major,
			.minor = reply.minor,
			.caps = caps,
			.json = reply.text_len > 0 ? reply.text : NULL,
		};
		if (ret->json)
			reply.text = NULL; /* the caller's now */
	}
	reply_clear(&reply);
	return r;
}
