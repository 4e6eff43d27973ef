/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_info.c - what a device says of itself, and what a server may not say
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "client_script.h"
#include "odd_fds.h"
#include "sigbus.h"

#define PAGE 4096u

/* Replies that every question's check must see through. opaque: which lie */

enum lie {
	ONE_BYTE_LESS,
	ONE_BYTE_MORE,
	MEGABYTE_MORE,
	NO_PAYLOAD,
	OTHER_COMMAND,
	OTHER_ID,
	OTHER_INDEX,
	AN_ERROR_OF_0,
	AN_ERROR_WITH_PAYLOAD,
	UNASKED_FDS,
	LIES,
};

static enum verdict lie(struct script *s, const struct message *request, struct message *reply)
{
	int fd;

	if (request->header.command == WIRE_VERSION)
		return SEND;
	switch (*(enum lie *)s->opaque) {
	case ONE_BYTE_LESS:
		reply->header.size--;
		break;
	case ONE_BYTE_MORE:
		reply->header.size++;
		break;
	case MEGABYTE_MORE:
		reply->header.size += 1u << 20;
		break;
	case NO_PAYLOAD:
		reply->header.size = sizeof(reply->header);
		break;
	case OTHER_COMMAND:
		reply->header.command ^= 1;
		break;
	case OTHER_ID:
		reply->header.id ^= 0x4000;
		break;
	case OTHER_INDEX:
		reply->payload[8] ^= 1;
		break;
	case AN_ERROR_OF_0:
		set_error(reply, 0, 0);
		break;
	case AN_ERROR_WITH_PAYLOAD:
		set_error(reply, ENXIO, 100000);
		break;
	case UNASKED_FDS:
		fd = test_memfd(PAGE);
		for (reply->n_fds = 0; reply->n_fds < 33; reply->n_fds++)
			reply->fds[reply->n_fds] = fd;
		script_send(s, s->fd, reply);
		close(fd);
		return SAY_NOTHING;
	case LIES:
		break;
	}
	return SEND;
}

/* One question of each kind that has a reply with content. */
static int ask(struct rig_client *client, int question)
{
	const struct rig_region_info *region;
	struct rig_device_info device;
	struct rig_io_fd *fds;
	struct rig_irq_info irq;
	uint8_t bytes[16];
	size_t n;

	switch (question) {
	case 0:
		return rig_client_device_info(client, &device, soon());
	case 1:
		return rig_client_region_info(client, 2, &region, soon());
	case 2:
		return rig_client_irq_info(client, 2, &irq, soon());
	case 3:
		return rig_client_region_read(client, 0, 0, bytes, sizeof(bytes), soon());
	case 4:
		return rig_client_region_write(client, 0, 0, bytes, sizeof(bytes), soon());
	case 5:
		return rig_client_region_io_fds(client, 0, &fds, &n, soon());
	default:
		return rig_client_reset(client, soon());
	}
}
#define QUESTIONS 7

static void assert_answer(enum lie which, int question, int r)
{
	switch (which) {
	case AN_ERROR_OF_0:
		assert_int_equal(r, -EIO);
		break;
	case AN_ERROR_WITH_PAYLOAD:
		assert_int_equal(r, -ENXIO);
		break;
	case OTHER_INDEX:
	case ONE_BYTE_LESS:
		assert_true(r == -EPROTO || r == -ENOTCONN);
		break;
	default:
		assert_true(r < 0);
	}
}

static void each_question_meets_each_lie(struct script *s, const enum lie *lies, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (int question = 0; question < QUESTIONS; question++) {
			enum lie which = lies[i];
			struct rig_client *client;
			bool empty = question == QUESTIONS - 1;

			if (empty &&
			    (which == ONE_BYTE_LESS || which == NO_PAYLOAD || which == OTHER_INDEX))
				continue;
			if (question == 0 && which == OTHER_INDEX)
				continue;
			s->bend = lie;
			s->opaque = &which;
			client = script_plug(s);
			assert_answer(which, question, ask(client, question));
			assert_true(reason_has(client, ": "));
			/* Either way it is defined what comes next. */
			assert_true(ask(client, question) < 0);
			script_unplug(s, client);
			assert_int_equal(fds_open(), s->open_before);
		}
	}
}

static void s114_replies_of_another_size_command_or_id_are_seen_through(void **state)
{
	static const enum lie lies[] = { ONE_BYTE_LESS, ONE_BYTE_MORE, MEGABYTE_MORE, NO_PAYLOAD,
					 OTHER_COMMAND, OTHER_ID,      OTHER_INDEX };

	each_question_meets_each_lie(*state, lies, ARRAY_SIZE(lies));
}

static void s113_error_replies_are_drained_and_0_is_an_error(void **state)
{
	static const enum lie lies[] = { AN_ERROR_OF_0, AN_ERROR_WITH_PAYLOAD };

	each_question_meets_each_lie(*state, lies, ARRAY_SIZE(lies));
}

static void s115_fds_that_nobody_asked_for_are_closed(void **state)
{
	static const enum lie lies[] = { UNASKED_FDS };

	each_question_meets_each_lie(*state, lies, ARRAY_SIZE(lies));
}

/* The device */

static enum verdict device_is(struct script *s, const struct message *request,
			      struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_GET_INFO)
		set_payload(reply, s->opaque, sizeof(struct wire_device_info));
	return SEND;
}

static void s119_absurd_counts_and_argsz_are_refused(void **state)
{
	static struct wire_device_info absurd[] = {
		{ 16, 3, UINT32_MAX, 5 }, { 16, 3, 9, UINT32_MAX }, { 16, 3, 1025, 5 },
		{ 16, 3, 9, 1025 },	  { 15, 3, 9, 5 },	    { 0, 3, 9, 5 },
	};
	struct script *s = *state;
	struct rig_device_info info;

	s->bend = device_is;
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		struct rig_client *client;

		s->opaque = &absurd[i];
		client = script_plug(s);
		assert_int_equal(rig_client_device_info(client, &info, soon()), -EPROTO);
		assert_true(reason_has(client, "DEVICE_GET_INFO"));
		/* Its framing was fine. */
		assert_int_equal(rig_client_reset(client, soon()), 0);
		script_unplug(s, client);
	}
}

static void s119_no_regions_and_no_irqs_are_fine(void **state)
{
	struct wire_device_info nothing = { 16, 0, 0, 0 };
	struct script *s = *state;
	const struct rig_region_info *region;
	struct rig_device_info info;
	struct rig_irq_info irq;
	struct rig_client *client;

	s->bend = device_is;
	s->opaque = &nothing;
	client = script_plug(s);
	assert_int_equal(rig_client_device_info(client, &info, soon()), 0);
	assert_int_equal(info.num_regions, 0);
	assert_int_equal(rig_client_region_info(client, 0, &region, soon()), -EINVAL);
	assert_int_equal(rig_client_irq_info(client, 0, &irq, soon()), -EINVAL);
	script_unplug(s, client);
}

static void what_was_asked_once_is_remembered_and_bounds_what_comes(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	const struct rig_region_info *region, *again;
	struct rig_device_info info;
	uint8_t byte;

	/* Not known yet: the server's business. */
	assert_int_equal(rig_client_region_read(client, 0, SCRIPT_REGION, &byte, 1, soon()),
			 -EINVAL);
	assert_int_equal(n_logged(s, WIRE_REGION_READ), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_client_device_info(client, &info, soon()), 0);
	assert_int_equal(rig_client_region_info(client, 0, &region, soon()), 0);
	assert_int_equal(rig_client_region_info(client, 0, &again, soon()), 0);
	assert_ptr_equal(region, again);
	assert_int_equal(region->size, SCRIPT_REGION);
	assert_int_equal(n_logged(s, WIRE_DEVICE_GET_INFO), 1);
	assert_int_equal(n_logged(s, WIRE_DEVICE_GET_REGION_INFO), 1);
	assert_int_equal(rig_client_region_read(client, 0, SCRIPT_REGION, &byte, 1, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_region_read(client, 9, 0, &byte, 1, soon()), -EINVAL);
	assert_int_equal(rig_client_region_read(client, 1, UINT64_MAX, &byte, 2, soon()), -EINVAL);
	assert_int_equal(n_logged(s, WIRE_REGION_READ), 1);
	script_unplug(s, client);
}

/* Regions. opaque: struct mappable: region 1 */

struct mappable {
	uint32_t flags;
	uint64_t size, offset;
	uint32_t argsz_first; /* of the first reply: 0: the truth */
	int fds[SCRIPT_FDS];
	size_t n_fds;
	uint8_t caps[256];
	size_t caps_len;
};

static enum verdict describe(struct script *s, const struct message *request, struct message *reply)
{
	const struct mappable *m = s->opaque;
	struct wire_region_info info;
	uint32_t need = (uint32_t)(sizeof(info) + m->caps_len);

	if (request->header.command != WIRE_DEVICE_GET_REGION_INFO)
		return SEND;
	memcpy(&info, request->payload, sizeof(info));
	if (info.argsz < need || m->argsz_first) {
		info.argsz = m->argsz_first ? m->argsz_first : need;
		info.flags = m->flags & ~RIG_REGION_CAPS;
		info.size = m->size;
		set_payload(reply, &info, sizeof(info));
		return SEND;
	}
	info = (struct wire_region_info) {
		.argsz = need,
		.flags = m->flags | (m->caps_len ? RIG_REGION_CAPS : 0),
		.index = info.index,
		.cap_offset = m->caps_len ? sizeof(info) : 0,
		.size = m->size,
		.offset = m->offset,
	};
	set_payload(reply, &info, sizeof(info));
	add_payload(reply, m->caps, m->caps_len);
	reply->n_fds = m->n_fds;
	memcpy(reply->fds, m->fds, sizeof(m->fds));
	return SEND;
}

#define ALL (RIG_REGION_READ | RIG_REGION_WRITE | RIG_REGION_MMAP)

static struct rig_client *plug_mappable(struct script *s, struct mappable *m)
{
	s->bend = describe;
	s->opaque = m;
	return script_plug(s);
}

static void add_area_fd(struct mappable *m, uint64_t offset, uint64_t fd_offset, uint32_t fd_index)
{
	const struct wire_sparse_fd_area area = { offset, fd_offset, PAGE, fd_index, 0 };
	const struct wire_cap_sparse_mmap list = { { RIG_REGION_CAP_SPARSE_MMAP_FDS, 1, 0 }, 0, 0 };
	uint32_t n;

	if (m->caps_len == 0) {
		memcpy(m->caps, &list, sizeof(list));
		m->caps_len = sizeof(list);
	}
	memcpy(m->caps + m->caps_len, &area, sizeof(area));
	m->caps_len += sizeof(area);
	n = (uint32_t)((m->caps_len - sizeof(list)) / sizeof(area));
	memcpy(m->caps + offsetof(struct wire_cap_sparse_mmap, nr_areas), &n, sizeof(n));
}

static void s116_region_info_is_asked_again_with_the_argsz_it_needs(void **state)
{
	struct mappable m = { .flags = ALL, .size = 4 * PAGE, .n_fds = 1 };
	struct script *s = *state;
	const struct rig_region_info *region;
	struct rig_client *client;
	void *at;

	m.fds[0] = test_memfd(8 * PAGE);
	assert_int_equal(pwrite(m.fds[0], "here", 4, 5 * PAGE + 100), 4);
	add_area_fd(&m, PAGE, 5 * PAGE, 0);
	client = plug_mappable(s, &m);
	assert_int_equal(rig_client_region_info(client, 1, &region, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_DEVICE_GET_REGION_INFO), 2);
	assert_int_equal(region->n_areas, 1);
	assert_int_equal(region->n_fds, 1);
	assert_int_equal(rig_client_region_map(client, 1, PAGE + 100, 4, PROT_READ, &at, soon()),
			 0);
	assert_memory_equal(at, "here", 4);
	rig_client_region_unmap(client, at);
	script_unplug(s, client);
	close(m.fds[0]);
}

static void s116_s119_argsz_that_never_settles_or_is_absurd_is_refused(void **state)
{
	static const uint32_t argsz[] = { 0, 31, 65537, 1u << 31, UINT32_MAX };
	struct mappable m = { .flags = ALL, .size = PAGE };
	struct script *s = *state;
	const struct rig_region_info *region;
	struct rig_client *client;

	for (size_t i = 0; i < ARRAY_SIZE(argsz); i++) {
		m.argsz_first = argsz[i];
		if (argsz[i] == 0)
			m.argsz_first = 1;
		client = plug_mappable(s, &m);
		assert_int_equal(rig_client_region_info(client, 1, &region, soon()), -EPROTO);
		assert_true(reason_has(client, "argsz"));
		assert_int_equal(rig_client_reset(client, soon()), 0);
		script_unplug(s, client);
	}
}

static enum verdict ever_more(struct script *s, const struct message *request,
			      struct message *reply)
{
	struct wire_region_info info;

	if (request->header.command != WIRE_DEVICE_GET_REGION_INFO)
		return SEND;
	memcpy(&info, request->payload, sizeof(info));
	info.argsz *= 2;
	set_payload(reply, &info, sizeof(info));
	return SEND;
}

static void s116_a_region_that_always_wants_more_argsz_is_given_up(void **state)
{
	struct script *s = *state;
	const struct rig_region_info *region;
	struct rig_client *client;

	s->bend = ever_more;
	client = script_plug(s);
	assert_int_equal(rig_client_region_info(client, 1, &region, soon()), -EPROTO);
	script_unplug(s, client);
}

static void s117_areas_that_name_no_fd_are_refused_and_the_fds_closed(void **state)
{
	struct mappable m = { .flags = ALL, .size = 4 * PAGE, .n_fds = 2 };
	struct script *s = *state;
	const struct rig_region_info *region;
	struct rig_client *client;

	m.fds[0] = test_memfd(PAGE);
	m.fds[1] = test_memfd(PAGE);
	add_area_fd(&m, 0, 0, 1);
	add_area_fd(&m, PAGE, 0, 2);
	client = plug_mappable(s, &m);
	assert_int_equal(rig_client_region_info(client, 1, &region, soon()), -EPROTO);
	assert_true(reason_has(client, "names an fd that did not come"));
	script_unplug(s, client);
	close(m.fds[0]);
	close(m.fds[1]);
}

static void a_region_mappable_whole_is_mapped_and_written(void **state)
{
	struct mappable m = { .flags = ALL, .size = 2 * PAGE, .offset = PAGE, .n_fds = 1 };
	struct script *s = *state;
	struct rig_client *client;
	void *at, *other;
	char bytes[6];

	m.fds[0] = test_memfd(3 * PAGE);
	client = plug_mappable(s, &m);
	assert_int_equal(
		rig_client_region_map(client, 1, 0, 2 * PAGE, PROT_READ | PROT_WRITE, &at, soon()),
		0);
	memcpy((char *)at + 7, "hello", 6);
	assert_int_equal(pread(m.fds[0], bytes, 6, PAGE + 7), 6);
	assert_string_equal(bytes, "hello");
	assert_int_equal(
		rig_client_region_map(client, 1, PAGE, PAGE + 1, PROT_READ, &other, soon()),
		-ENXIO);
	assert_int_equal(rig_client_region_map(client, 1, 0, 0, PROT_READ, &other, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_EXEC, &other, soon()),
			 -EINVAL);
	/* What is not unmapped goes with the client. */
	script_unplug(s, client);
	close(m.fds[0]);
}

static void flags_of_a_region_bound_its_maps(void **state)
{
	struct mappable m = { .flags = RIG_REGION_READ | RIG_REGION_MMAP,
			      .size = PAGE,
			      .n_fds = 1 };
	struct script *s = *state;
	struct rig_client *client;
	void *at;

	m.fds[0] = test_memfd(PAGE);
	client = plug_mappable(s, &m);
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_WRITE, &at, soon()),
			 -EINVAL);
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_READ, &at, soon()), 0);
	assert_false(rig_client_memory_lost(client));
	rig_client_region_unmap(client, at);
	rig_client_region_unmap(client, at);
	script_unplug(s, client);
	close(m.fds[0]);
}

static void fds_that_are_not_what_they_claim_are_not_mapped(void **state)
{
	struct mappable m = { .flags = ALL, .size = PAGE, .n_fds = 1 };
	struct script *s = *state;

	for (int kind = 0; kind < ODD_KINDS; kind++) {
		struct rig_client *client;
		void *at;

		m.fds[0] = odd_fd(kind, PAGE);
		assert_true(m.fds[0] >= 0);
		client = plug_mappable(s, &m);
		assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_READ, &at, soon()),
				 -EPROTO);
		assert_true(reason_has(client, "region 1"));
		script_unplug(s, client);
		close(m.fds[0]);
	}
}

static void a_file_that_cannot_be_written_is_not_mapped_for_writing(void **state)
{
	struct mappable m = { .flags = ALL, .size = PAGE, .n_fds = 1 };
	struct script *s = *state;
	struct rig_client *client;
	int memfd = test_memfd(PAGE);
	void *at;

	m.fds[0] = reopen_fd(memfd, O_RDONLY);
	client = plug_mappable(s, &m);
	assert_int_equal(
		rig_client_region_map(client, 1, 0, PAGE, PROT_READ | PROT_WRITE, &at, soon()),
		-EACCES);
	assert_true(reason_has(client, "region 1: its fd cannot be mapped for that: Permission"));
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_READ, &at, soon()), 0);
	script_unplug(s, client);
	close(m.fds[0]);
	close(memfd);
}

static void a_sealed_file_is_not_mapped_for_writing(void **state)
{
	struct mappable m = { .flags = ALL, .size = PAGE, .n_fds = 1 };
	struct script *s = *state;
	struct rig_client *client;
	void *at;

	m.fds[0] = sealed_memfd(PAGE, F_SEAL_FUTURE_WRITE);
	assert_true(m.fds[0] >= 0);
	client = plug_mappable(s, &m);
	assert_int_equal(
		rig_client_region_map(client, 1, 0, PAGE, PROT_READ | PROT_WRITE, &at, soon()),
		-EPERM);
	assert_true(reason_has(client, "region 1"));
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_READ, &at, soon()), 0);
	script_unplug(s, client);
	close(m.fds[0]);
}

static void memory_that_the_server_truncates_reads_as_zeros_and_is_told(void **state)
{
	struct mappable m = { .flags = ALL, .size = PAGE, .n_fds = 1 };
	struct script *s = *state;
	struct rig_client *client;
	volatile uint8_t *bytes;
	void *at;

	sigbus_give_back();
	m.fds[0] = test_memfd(PAGE);
	assert_int_equal(pwrite(m.fds[0], "x", 1, 0), 1);
	client = plug_mappable(s, &m);
	assert_int_equal(rig_client_region_map(client, 1, 0, PAGE, PROT_READ, &at, soon()), 0);
	bytes = at;
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(ftruncate(m.fds[0], 0), 0);
	assert_int_equal(bytes[0], 0);
	assert_true(rig_client_memory_lost(client));
	rig_client_region_unmap(client, at);
	assert_true(rig_client_memory_lost(client));
	script_unplug(s, client);
	close(m.fds[0]);
}

/* I/O fds. opaque: struct io_fds: of region 0 */

struct io_fds {
	uint32_t argsz, count, flags;
	uint8_t entries[4 * 48];
	size_t len;
	int fds[SCRIPT_FDS];
	size_t n_fds;
};

static enum verdict tell_io_fds(struct script *s, const struct message *request,
				struct message *reply)
{
	const struct io_fds *io = s->opaque;
	struct wire_region_io_fds head;

	if (request->header.command != WIRE_DEVICE_GET_REGION_IO_FDS)
		return SEND;
	memcpy(&head, request->payload, sizeof(head));
	head.argsz = io->argsz;
	head.count = io->count;
	set_payload(reply, &head, sizeof(head));
	add_payload(reply, io->entries, io->len);
	reply->n_fds = io->n_fds;
	memcpy(reply->fds, io->fds, sizeof(io->fds));
	return SEND;
}

struct entry {
	uint64_t offset, size;
	uint32_t fd_index, type, flags, shadow;
	uint64_t first, second;
};
static_assert(sizeof(struct entry) == 48, "both layouts fit");

static void add_entry(struct io_fds *io, const struct entry *entry, size_t stride)
{
	memcpy(io->entries + io->len, entry, stride);
	io->len += stride;
	io->count++;
	io->argsz = (uint32_t)(16 + io->len);
}

static struct rig_client *plug_io_fds(struct script *s, struct io_fds *io)
{
	s->bend = tell_io_fds;
	s->opaque = io;
	return script_plug(s);
}

static void s118_io_fds_of_40_bytes_are_read(void **state)
{
	struct io_fds io = { .n_fds = 2 };
	struct script *s = *state;
	struct rig_client *client;
	struct rig_io_fd *fds;
	size_t n;

	io.fds[0] = test_eventfd();
	io.fds[1] = test_memfd(PAGE);
	add_entry(&io, &(struct entry) { 16, 4, 0, RIG_IO_FD_IOEVENTFD, 1, 0, 0x1122, 0 }, 40);
	add_entry(&io, &(struct entry) { 32, 0, 0, RIG_IO_FD_IOEVENTFD, 0, 99, 0, 0 }, 40);
	add_entry(&io, &(struct entry) { 64, 8, 1, RIG_IO_FD_IOREGIONFD, 2, 0, 0x33, 0 }, 40);
	client = plug_io_fds(s, &io);
	assert_int_equal(rig_client_region_io_fds(client, 0, &fds, &n, soon()), 0);
	assert_int_equal(n, 3);
	assert_int_equal(fds[0].offset, 16);
	assert_int_equal(fds[0].datamatch, 0x1122);
	assert_int_equal(fds[0].flags, 1);
	assert_int_equal(fds[0].shadow_fd, -1);
	assert_int_equal(fds[1].size, 0);
	assert_int_not_equal(fds[0].fd, fds[1].fd); /* shared: each has its own */
	assert_int_equal(fds[2].user_data, 0x33);
	assert_int_equal(eventfd_write(fds[1].fd, 1), 0);
	assert_int_equal(eventfd_take(io.fds[0]), 1);
	rig_client_io_fds_free(fds, n);
	script_unplug(s, client);
	close(io.fds[0]);
	close(io.fds[1]);
}

static void s118_io_fds_of_48_bytes_and_no_fd_are_read(void **state)
{
	struct io_fds io = { .n_fds = 2 };
	struct script *s = *state;
	struct rig_client *client;
	struct rig_io_fd *fds;
	size_t n;

	io.fds[0] = test_eventfd();
	io.fds[1] = test_memfd(PAGE);
	add_entry(&io, &(struct entry) { 16, 4, 0, RIG_IO_FD_SHADOW, 1, 1, 128, 0x1122 }, 48);
	add_entry(&io, &(struct entry) { 32, 4, UINT32_MAX, 0, 0, UINT32_MAX, 0, 0 }, 48);
	client = plug_io_fds(s, &io);
	assert_int_equal(rig_client_region_io_fds(client, 0, &fds, &n, soon()), 0);
	assert_int_equal(n, 2);
	assert_int_equal(fds[0].datamatch, 0x1122);
	assert_int_equal(fds[0].shadow_offset, 128);
	assert_true(fds[0].shadow_fd >= 0);
	assert_int_equal(fds[1].fd, -1);
	rig_client_io_fds_free(fds, n);
	script_unplug(s, client);
	close(io.fds[0]);
	close(io.fds[1]);
}

static void s118_a_region_without_io_fds_has_none(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct rig_io_fd *fds;
	size_t n = 9;

	assert_int_equal(rig_client_region_io_fds(client, 0, &fds, &n, soon()), 0);
	assert_int_equal(n, 0);
	rig_client_io_fds_free(fds, n);
	script_unplug(s, client);
}

static void assert_io_fds_refused(struct script *s, struct io_fds *io)
{
	struct rig_client *client = plug_io_fds(s, io);
	struct rig_io_fd *fds;
	size_t n;

	assert_int_equal(rig_client_region_io_fds(client, 0, &fds, &n, soon()), -EPROTO);
	assert_true(reason_has(client, "DEVICE_GET_REGION_IO_FDS"));
	assert_int_equal(rig_client_reset(client, soon()), 0);
	script_unplug(s, client);
	assert_int_equal(fds_open(), s->open_before + (int)io->n_fds);
}

static void s118_io_fds_that_contradict_themselves_are_refused(void **state)
{
	static const struct entry bad[] = {
		{ 16, 4, 2, 0, 0, 0, 0, 0 },		/* no such fd */
		{ 16, 4, 1, 0, 0, 0, 0, 0 },		/* no eventfd */
		{ SCRIPT_REGION, 4, 0, 0, 0, 0, 0, 0 }, /* behind the region */
		{ SCRIPT_REGION, 0, 0, 0, 0, 0, 0, 0 },
		{ SCRIPT_REGION - 3, 4, 0, 0, 0, 0, 0, 0 },
		{ UINT64_MAX - 1, 4, 0, 0, 0, 0, 0, 0 },
		{ 16, 4, 0, 3, 0, 0, 0, 0 },		    /* no such type */
		{ 16, 4, 0, RIG_IO_FD_SHADOW, 0, 0, 0, 0 }, /* shadow is no memory */
		{ 16, 4, 0, RIG_IO_FD_SHADOW, 0, 7, 0, 0 }, /* no such shadow */
	};
	struct script *s = *state;
	struct io_fds io;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		io = (struct io_fds) { .n_fds = 2 };
		io.fds[0] = test_eventfd();
		io.fds[1] = test_memfd(PAGE);
		add_entry(&io, &(struct entry) { .size = 1 }, 48);
		add_entry(&io, &bad[i], 48);
		assert_io_fds_refused(s, &io);
		close(io.fds[0]);
		close(io.fds[1]);
	}
}

/* A doorbell is an eventfd, its shadow is memory. */
static void s118_io_fds_that_are_not_what_they_claim_are_refused(void **state)
{
	const struct entry doorbell = { 16, 4, 1, RIG_IO_FD_IOEVENTFD, 0, 0, 0, 0 };
	const struct entry shadow = { 16, 4, 0, RIG_IO_FD_SHADOW, 0, 1, 0, 0 };
	struct script *s = *state;

	/* A shadow that is short shows when it is mapped. */
	for (int kind = 0; kind <= ODD_EVENT; kind++) {
		const bool is_event = kind == ODD_EVENT;
		struct io_fds io = { .n_fds = 2 };

		io.fds[0] = test_eventfd();
		io.fds[1] = odd_fd(kind, PAGE);
		add_entry(&io, is_event ? &shadow : &doorbell, 48);
		assert_io_fds_refused(s, &io);
		close(io.fds[0]);
		close(io.fds[1]);
	}
}

static void s118_s119_io_fds_of_another_length_are_refused(void **state)
{
	static const struct {
		uint32_t argsz, count;
		size_t len;
	} bad[] = {
		{ 16, 1, 0 },	    { 16 + 39, 1, 39 },	  { 16 + 40, 2, 40 },
		{ 16 + 80, 2, 40 }, { 16 + 56, 1, 56 },	  { 16 + 40, UINT32_MAX, 40 },
		{ 15, 0, 0 },	    { UINT32_MAX, 1, 0 }, { 1u << 20, 20000, 0 },
		{ 16 + 40, 1, 39 }, { 0, 0, 0 },
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct io_fds io = { .argsz = bad[i].argsz,
				     .count = bad[i].count,
				     .len = bad[i].len };

		assert_io_fds_refused(s, &io);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(s114_replies_of_another_size_command_or_id_are_seen_through),
		script_test(s113_error_replies_are_drained_and_0_is_an_error),
		script_test(s115_fds_that_nobody_asked_for_are_closed),
		script_test(s119_absurd_counts_and_argsz_are_refused),
		script_test(s119_no_regions_and_no_irqs_are_fine),
		script_test(what_was_asked_once_is_remembered_and_bounds_what_comes),
		script_test(s116_region_info_is_asked_again_with_the_argsz_it_needs),
		script_test(s116_s119_argsz_that_never_settles_or_is_absurd_is_refused),
		script_test(s116_a_region_that_always_wants_more_argsz_is_given_up),
		script_test(s117_areas_that_name_no_fd_are_refused_and_the_fds_closed),
		script_test(a_region_mappable_whole_is_mapped_and_written),
		script_test(flags_of_a_region_bound_its_maps),
		script_test(fds_that_are_not_what_they_claim_are_not_mapped),
		script_test(a_file_that_cannot_be_written_is_not_mapped_for_writing),
		script_test(a_sealed_file_is_not_mapped_for_writing),
		script_test(memory_that_the_server_truncates_reads_as_zeros_and_is_told),
		script_test(s118_io_fds_of_40_bytes_are_read),
		script_test(s118_io_fds_of_48_bytes_and_no_fd_are_read),
		script_test(s118_a_region_without_io_fds_has_none),
		script_test(s118_io_fds_that_contradict_themselves_are_refused),
		script_test(s118_io_fds_that_are_not_what_they_claim_are_refused),
		script_test(s118_s119_io_fds_of_another_length_are_refused),
	};

	sigbus_remember();
	return cmocka_run_group_tests_name("client_info", tests, NULL, NULL);
}
