/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_script.c - a server that lies as its test wants
 */
#include "client_script.h"

#include <poll.h>

#include "../send_fds.h"

#define DEFAULT_JSON                                                           \
	"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576," \
	"\"write_multiple\":true,\"sparse_mmap_fds\":true}}"

void set_payload(struct message *m, const void *payload, size_t len)
{
	if (len > 0)
		memcpy(m->payload, payload, len);
	m->header.size = (uint32_t)(sizeof(m->header) + len);
}

void add_payload(struct message *m, const void *bytes, size_t len)
{
	memcpy(m->payload + (m->header.size - sizeof(m->header)), bytes, len);
	m->header.size += (uint32_t)len;
}

void set_error(struct message *m, uint32_t error, size_t len)
{
	memset(m->payload, 0xee, len);
	m->header.size = (uint32_t)(sizeof(m->header) + len);
	m->header.flags = WIRE_TYPE_REPLY | WIRE_FLAG_ERROR;
	m->header.error = error;
}

/* Messages */

static bool receive_rest(int fd, void *buf, size_t len)
{
	return len == 0 || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static void take_fds(struct msghdr *msg, struct message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		m->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fds, CMSG_DATA(c), m->n_fds * sizeof(int));
	}
}

bool script_receive(int fd, struct message *m)
{
	union {
		char bytes[CMSG_SPACE(SCRIPT_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &m->header, sizeof(m->header) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	m->n_fds = 0;
	if (n <= 0)
		return false;
	take_fds(&msg, m);
	if (!receive_rest(fd, (char *)&m->header + n, sizeof(m->header) - (size_t)n))
		return false;
	return receive_rest(fd, m->payload, m->header.size - sizeof(m->header));
}

static bool send_bytes(int fd, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)bytes, len };
	ssize_t n;

	while (iov.iov_len > 0) {
		n = send_fds(fd, &iov, 1, fds, n_fds, 0);
		if (n <= 0)
			return false;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		n_fds = 0;
	}
	return true;
}

bool script_send(struct script *s, int fd, const struct message *m)
{
	const char *bytes = (const char *)&m->header;
	size_t head = sizeof(m->header);

	if (!s->one_byte_at_a_time) {
		/* Header and payload are next to each other in the struct. */
		return send_bytes(fd, bytes, m->header.size, m->fds, m->n_fds);
	}
	for (size_t i = 0; i < m->header.size; i++) {
		const void *byte = i < head ? (const void *)(bytes + i) : &m->payload[i - head];

		if (!send_bytes(fd, byte, 1, m->fds, i == 0 ? m->n_fds : 0))
			return false;
	}
	return true;
}
static_assert(offsetof(struct message, payload) == sizeof(struct wire_header), "sent as one");

struct message *dma_read_message(uint16_t id, uint64_t address, uint64_t count)
{
	const struct wire_dma_io io = { address, count };
	struct message *m = calloc(1, sizeof(*m));

	m->header = (struct wire_header) { .id = id, .command = WIRE_DMA_READ };
	set_payload(m, &io, sizeof(io));
	return m;
}

void script_ask(struct script *s, int fd, struct message *m)
{
	script_send(s, fd, m);
	if (!script_receive(fd, m))
		m->header = (struct wire_header) { 0 };
}

/* The honest device */

static void answer_version(struct script *s, struct message *reply)
{
	const struct wire_version version = { 0, 0 };

	set_payload(reply, &version, sizeof(version));
	if (s->json)
		add_payload(reply, s->json, strlen(s->json) + 1);
}

static void answer_region_info(const struct message *request, struct message *reply)
{
	struct wire_region_info info;

	memcpy(&info, request->payload, sizeof(info));
	info.argsz = sizeof(info);
	info.flags = RIG_REGION_READ | RIG_REGION_WRITE;
	info.size = info.index == 0 ? SCRIPT_REGION : 0;
	set_payload(reply, &info, sizeof(info));
}

static void answer_read(struct script *s, const struct message *request, struct message *reply)
{
	struct wire_region_io *io = (struct wire_region_io *)request->payload;

	set_payload(reply, io, sizeof(*io));
	if (wire_range_inside(io->offset, io->count, SCRIPT_REGION))
		add_payload(reply, s->region + io->offset, io->count);
	else
		set_error(reply, EINVAL, 0);
}

static void answer_write(struct script *s, const struct message *request, struct message *reply)
{
	struct wire_region_io *io = (struct wire_region_io *)request->payload;

	set_payload(reply, io, sizeof(*io));
	if (wire_range_inside(io->offset, io->count, SCRIPT_REGION))
		memcpy(s->region + io->offset, io->data, io->count);
	else
		set_error(reply, EINVAL, 0);
}

static void answer_write_multi(struct script *s, const struct message *request,
			       struct message *reply)
{
	struct wire_write_multi *multi = (struct wire_write_multi *)request->payload;

	for (uint64_t i = 0; i < multi->wr_cnt; i++)
		memcpy(s->region + multi->entries[i].offset, multi->entries[i].data,
		       multi->entries[i].count);
	set_payload(reply, multi, sizeof(*multi));
}

static void answer_irq_info(const struct message *request, struct message *reply)
{
	struct wire_irq_info info;

	memcpy(&info, request->payload, sizeof(info));
	info.flags = RIG_IRQ_EVENTFD;
	info.count = info.index == RIG_PCI_MSIX_IRQ ? 64 : 1;
	set_payload(reply, &info, sizeof(info));
}

static void answer_honestly(struct script *s, const struct message *request, struct message *reply)
{
	reply->header = request->header;
	reply->header.flags = WIRE_TYPE_REPLY;
	reply->header.size = sizeof(reply->header);
	reply->n_fds = 0;
	switch (request->header.command) {
	case WIRE_VERSION:
		answer_version(s, reply);
		break;
	case WIRE_DMA_UNMAP:
		set_payload(reply, request->payload, sizeof(struct wire_dma_unmap));
		break;
	case WIRE_DEVICE_GET_INFO:
		set_payload(reply, &(struct wire_device_info) { 16, RIG_DEVICE_PCI, 9, 5 }, 16);
		break;
	case WIRE_DEVICE_GET_REGION_INFO:
		answer_region_info(request, reply);
		break;
	case WIRE_DEVICE_GET_REGION_IO_FDS:
		set_payload(reply, &(struct wire_region_io_fds) { 16, 0, 0, 0 }, 16);
		break;
	case WIRE_DEVICE_GET_IRQ_INFO:
		answer_irq_info(request, reply);
		break;
	case WIRE_REGION_READ:
		answer_read(s, request, reply);
		break;
	case WIRE_REGION_WRITE:
		answer_write(s, request, reply);
		break;
	case WIRE_REGION_WRITE_MULTI:
		answer_write_multi(s, request, reply);
		break;
	}
}

static void log_request(struct script *s, const struct message *m)
{
	struct logged *entry;

	pthread_mutex_lock(&s->lock);
	if (s->n_log < SCRIPT_LOG) {
		entry = &s->log[s->n_log++];
		entry->command = m->header.command;
		entry->no_reply = m->header.flags & WIRE_FLAG_NO_REPLY;
		entry->len = m->header.size - sizeof(m->header);
		entry->n_fds = m->n_fds;
		memcpy(entry->payload, m->payload, sizeof(entry->payload));
	}
	pthread_mutex_unlock(&s->lock);
}

static bool serve_one(struct script *s)
{
	enum verdict verdict = SEND;
	bool ok = true;

	if (!script_receive(s->fd, &s->request))
		return false;
	log_request(s, &s->request);
	answer_honestly(s, &s->request, &s->reply);
	if (s->bend)
		verdict = s->bend(s, &s->request, &s->reply);
	s->requests++;
	for (size_t i = 0; i < s->request.n_fds; i++)
		close(s->request.fds[i]);
	if (verdict == SEND && !(s->request.header.flags & WIRE_FLAG_NO_REPLY))
		ok = script_send(s, s->fd, &s->reply);
	return ok && verdict != HANG_UP;
}

static void *serve(void *opaque)
{
	struct script *s = opaque;

	while (serve_one(s))
		;
	shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* Life */

int script_setup(void **state)
{
	struct script *s = calloc(1, sizeof(*s));

	s->open_before = fds_open();
	s->json = DEFAULT_JSON;
	s->fd = s->twin = -1;
	pthread_mutex_init(&s->lock, NULL);
	for (size_t i = 0; i < SCRIPT_REGION; i++)
		s->region[i] = (uint8_t)(i * 7 + i / 256);
	*state = s;
	return 0;
}

int script_teardown(void **state)
{
	struct script *s = *state;

	script_end(s);
	assert_int_equal(fds_open(), s->open_before);
	free(s);
	return 0;
}

int script_restart(struct script *s)
{
	int ends[2];

	script_end(s);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->fd = ends[1];
	s->running = true;
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return ends[0];
}

void script_end(struct script *s)
{
	if (!s->running)
		return;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	if (s->twin >= 0)
		close(s->twin);
	s->fd = s->twin = -1;
	s->running = false;
}

int script_connect(struct script *s, const struct rig_client_config *config,
		   struct rig_client **ret)
{
	char *error = NULL;
	int r = rig_client_new(script_restart(s), config, soon(), ret, &error);

	if (r < 0) {
		assert_true(error && *error);
		script_end(s);
	}
	free(error);
	return r;
}

struct rig_client *script_plug_with(struct script *s, const struct rig_client_ops *ops,
				    void *opaque, uint32_t flags)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config), .flags = flags, .ops = ops, .opaque = opaque
	};
	struct rig_client *client;

	assert_int_equal(script_connect(s, &config, &client), 0);
	return client;
}

struct rig_client *script_plug(struct script *s)
{
	return script_plug_with(s, NULL, NULL, 0);
}

void script_unplug(struct script *s, struct rig_client *client)
{
	rig_client_free(client);
	script_end(s);
}

/* What happened */

bool logged_of(struct script *s, enum wire_command command, size_t i, struct logged *ret)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (size_t at = 0; at < s->n_log && !found; at++) {
		if (s->log[at].command != command || i-- > 0)
			continue;
		*ret = s->log[at];
		found = true;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

size_t n_logged(struct script *s, enum wire_command command)
{
	struct logged entry;
	size_t n = 0;

	while (logged_of(s, command, n, &entry))
		n++;
	return n;
}

bool reason_has(struct rig_client *client, const char *text)
{
	char reason[512];

	rig_client_reason(client, reason, sizeof(reason));
	return strstr(reason, text) != NULL;
}

void waiter_run(void *opaque, int result)
{
	struct waiter *w = opaque;

	pthread_mutex_lock(&w->lock);
	w->runs++;
	w->result = result;
	pthread_cond_broadcast(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

struct rig_completion waiter_completion(struct waiter *w)
{
	return (struct rig_completion) { waiter_run, w };
}

unsigned int waiter_runs(struct waiter *w)
{
	unsigned int runs;

	pthread_mutex_lock(&w->lock);
	runs = w->runs;
	pthread_mutex_unlock(&w->lock);
	return runs;
}

int waiter_take(struct waiter *w, struct rig_client *client)
{
	struct pollfd p = { .fd = rig_client_fd(client) };
	rig_time end = soon();

	while (waiter_runs(w) == 0 && rig_now() < end) {
		p.events = rig_client_events(client);
		poll(&p, 1, 10);
		if (rig_client_dispatch(client) < 0 && waiter_runs(w) == 0)
			break;
	}
	assert_int_equal(waiter_runs(w), 1);
	w->runs = 0;
	return w->result;
}
