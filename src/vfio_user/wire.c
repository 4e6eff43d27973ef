/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.c - what each message must look like
 *
 * wire_rules[] has one row per command. wire_decode_request() walks a message past its row:
 *
 *   1. is there such a command, and may this side send it?          else -ENOSYS
 *   2. is the fixed part there, with as many fds as may come?       else -EINVAL
 *   3. does argsz leave room for what must be answered?             else -EINVAL
 *   4. the row's check function, for the variable part: counts are compared with the bytes that
 *      came by subtraction and division, never by adding to them, so that nothing can wrap
 *
 * Where the specification is silent the choice is that of libvfio-user.
 */
#include "vfio_user/wire.h"

#include <errno.h>
#include <string.h>

#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* How many fds may come with a message, apart from the receiver's max_msg_fds. */
enum wire_fds {
	WIRE_FDS_NONE,
	WIRE_FDS_ONE,
	WIRE_FDS_MANY,
};

/* What check functions see of a message. */
struct wire_body {
	const void *payload;
	size_t len; /* >= the row's fixed part */
	size_t n_fds;
	const struct wire_limits *limits;
};

/**
 * struct wire_rule - one command
 * @name:      the specification's, without VFIO_USER_; NULL: no such command
 * @from:      who sends it
 * @fixed:     bytes that every request has after the header
 * @argsz_min: argsz, the first four bytes, is at least this; 0: it has none
 * @fds:       that may come with the request
 * @reply_fds: may some come with the reply?
 * @check:     the rest; fills ret where that takes more than ret->fixed. May be NULL
 */
struct wire_rule {
	const char *name;
	enum wire_side from;
	uint16_t fixed;
	uint16_t argsz_min;
	enum wire_fds fds;
	bool reply_fds;
	int (*check)(const struct wire_body *body, struct wire_request *ret);
};

static int check_version(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_version *version = body->payload;
	size_t text_len = body->len - sizeof(*version);

	/* The text ends with a NUL that counts; no text at all means defaults for everything. */
	if (text_len > 0 && version->json[text_len - 1] != '\0')
		return -EINVAL;

	ret->version.major = version->major;
	ret->version.minor = version->minor;
	ret->version.json = text_len > 0 ? version->json : NULL;
	return 0;
}

static int check_region_io_fds(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_region_io_fds *io_fds = body->payload;

	if (io_fds->flags != 0 || io_fds->count != 0)
		return -EINVAL;
	/* Nobody can mean that; libvfio-user refuses it too. */
	return io_fds->argsz > wire_max_size(body->limits) ? -EINVAL : 0;
}

static bool single_bit(uint32_t bits)
{
	return bits != 0 && (bits & (bits - 1)) == 0;
}

/* One kind of data and one action. A bit that we do not know asks for what we would not do. */
static int check_irq_flags(uint32_t flags)
{
	const uint32_t data =
		RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_DATA_EVENTFD;
	const uint32_t action = RIG_SET_IRQS_MASK | RIG_SET_IRQS_UNMASK | RIG_SET_IRQS_TRIGGER;

	if (!single_bit(flags & data) || !single_bit(flags & action))
		return -EINVAL;
	return (flags & ~(data | action)) != 0 ? -EINVAL : 0;
}

/* Vectors: a range that exists as numbers. An empty one only says "disable this index". */
static int check_irq_range(const struct wire_irq_set *set)
{
	if (set->count == 0) {
		if (set->start != 0 ||
		    set->flags != (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER))
			return -EINVAL;
		return 0;
	}
	return set->start > UINT32_MAX - set->count ? -EINVAL : 0;
}

static int check_set_irqs(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_irq_set *set = body->payload;
	int r;

	r = check_irq_flags(set->flags);
	if (r < 0)
		return r;
	r = check_irq_range(set);
	if (r < 0)
		return r;

	/* One fd for each vector attaches them, none detaches them; nothing between. */
	if (body->n_fds != 0 &&
	    (!(set->flags & RIG_SET_IRQS_DATA_EVENTFD) || body->n_fds != set->count))
		return -EINVAL;
	if ((set->flags & RIG_SET_IRQS_DATA_BOOL) && body->len - sizeof(*set) != set->count)
		return -EINVAL;

	ret->irqs.set = set;
	ret->irqs.bools = set->flags & RIG_SET_IRQS_DATA_BOOL ? set->data : NULL;
	return 0;
}

static int check_region_read(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_region_io *io = body->payload;

	return io->count > body->limits->max_data_xfer_size ? -E2BIG : 0;
}

static int check_region_write(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_region_io *io = body->payload;

	if (io->count > body->limits->max_data_xfer_size)
		return -E2BIG;
	return body->len - sizeof(*io) != io->count ? -EINVAL : 0;
}

static int check_dma_read(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_dma_io *io = body->payload;

	if (io->count > body->limits->max_data_xfer_size)
		return -E2BIG;
	/* It may end with the last byte there is. */
	return io->count > 0 && io->count - 1 > UINT64_MAX - io->address ? -EINVAL : 0;
}

static int check_dma_write(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_dma_io *io = body->payload;
	int r;

	r = check_dma_read(body, ret);
	if (r < 0)
		return r;
	return body->len - sizeof(*io) != io->count ? -EINVAL : 0;
}

static int check_write_multi(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_write_multi *multi = body->payload;
	size_t entries_len = body->len - sizeof(*multi);
	size_t n = entries_len / sizeof(multi->entries[0]);

	if (entries_len % sizeof(multi->entries[0]) != 0 || multi->wr_cnt != n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (multi->entries[i].count > WIRE_WRITE_MULTI_DATA)
			return -EINVAL;
	}
	return 0;
}

/* GET and SET exclude each other, except with PROBE; without any there is nothing to do. */
static int check_feature(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_feature *feature = body->payload;
	const uint32_t get_set = WIRE_FEATURE_GET | WIRE_FEATURE_SET;
	uint32_t ops = feature->flags & ~WIRE_FEATURE_INDEX_MASK;

	if (ops == 0 || ops == get_set || (ops & ~(get_set | WIRE_FEATURE_PROBE)) != 0)
		return -EINVAL;

	ret->feature.feature = feature;
	ret->feature.data_len = body->len - sizeof(*feature);
	return 0;
}

static int check_mig_data_read(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_mig_data *data = body->payload;

	if (data->size > body->limits->max_data_xfer_size)
		return -E2BIG;
	/* libvfio-user wants this in both directions. */
	return data->argsz - sizeof(*data) < data->size ? -EINVAL : 0;
}

static int check_mig_data_write(const struct wire_body *body, struct wire_request *ret)
{
	const struct wire_mig_data *data = body->payload;
	int r;

	r = check_mig_data_read(body, ret);
	if (r < 0)
		return r;
	return body->len - sizeof(*data) < data->size ? -EINVAL : 0;
}

static const struct wire_rule wire_rules[] = {
	[WIRE_VERSION] = {
		.name = "VERSION",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_version),
		.reply_fds = true, /* the twin socket */
		.check = check_version,
	},
	[WIRE_DMA_MAP] = {
		.name = "DMA_MAP",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_dma_map),
		.argsz_min = sizeof(struct wire_dma_map),
		.fds = WIRE_FDS_ONE,
	},
	[WIRE_DMA_UNMAP] = {
		.name = "DMA_UNMAP",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_dma_unmap),
		.argsz_min = sizeof(struct wire_dma_unmap),
	},
	[WIRE_DEVICE_GET_INFO] = {
		.name = "DEVICE_GET_INFO",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_device_info),
		.argsz_min = sizeof(struct wire_device_info),
	},
	[WIRE_DEVICE_GET_REGION_INFO] = {
		.name = "DEVICE_GET_REGION_INFO",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_region_info),
		.argsz_min = sizeof(struct wire_region_info),
		.reply_fds = true,
	},
	[WIRE_DEVICE_GET_REGION_IO_FDS] = {
		.name = "DEVICE_GET_REGION_IO_FDS",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_region_io_fds),
		.argsz_min = sizeof(struct wire_region_io_fds),
		.reply_fds = true,
		.check = check_region_io_fds,
	},
	[WIRE_DEVICE_GET_IRQ_INFO] = {
		.name = "DEVICE_GET_IRQ_INFO",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_irq_info),
		.argsz_min = sizeof(struct wire_irq_info),
	},
	[WIRE_DEVICE_SET_IRQS] = {
		.name = "DEVICE_SET_IRQS",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_irq_set),
		.argsz_min = sizeof(struct wire_irq_set),
		.fds = WIRE_FDS_MANY,
		.check = check_set_irqs,
	},
	[WIRE_REGION_READ] = {
		.name = "REGION_READ",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_region_io),
		.check = check_region_read,
	},
	[WIRE_REGION_WRITE] = {
		.name = "REGION_WRITE",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_region_io),
		.check = check_region_write,
	},
	[WIRE_DMA_READ] = {
		.name = "DMA_READ",
		.from = WIRE_FROM_SERVER,
		.fixed = sizeof(struct wire_dma_io),
		.check = check_dma_read,
	},
	[WIRE_DMA_WRITE] = {
		.name = "DMA_WRITE",
		.from = WIRE_FROM_SERVER,
		.fixed = sizeof(struct wire_dma_io),
		.check = check_dma_write,
	},
	[WIRE_DEVICE_RESET] = {
		.name = "DEVICE_RESET",
		.from = WIRE_FROM_CLIENT,
	},
	[WIRE_REGION_WRITE_MULTI] = {
		.name = "REGION_WRITE_MULTI",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_write_multi),
		.check = check_write_multi,
	},
	[WIRE_DEVICE_FEATURE] = {
		.name = "DEVICE_FEATURE",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_feature),
		.argsz_min = sizeof(struct wire_feature),
		.check = check_feature,
	},
	[WIRE_MIG_DATA_READ] = {
		.name = "MIG_DATA_READ",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_mig_data),
		.argsz_min = sizeof(struct wire_mig_data),
		.check = check_mig_data_read,
	},
	[WIRE_MIG_DATA_WRITE] = {
		.name = "MIG_DATA_WRITE",
		.from = WIRE_FROM_CLIENT,
		.fixed = sizeof(struct wire_mig_data),
		.argsz_min = sizeof(struct wire_mig_data),
		.check = check_mig_data_write,
	},
};
static_assert(ARRAY_SIZE(wire_rules) == WIRE_COMMANDS, "one rule per command");

/* 14 is retired, and has an empty row like 0. */
static const struct wire_rule *rule_of(uint16_t command)
{
	if (command >= ARRAY_SIZE(wire_rules) || wire_rules[command].name == NULL)
		return NULL;
	return &wire_rules[command];
}

const char *wire_command_name(uint16_t command)
{
	const struct wire_rule *rule = rule_of(command);

	return rule != NULL ? rule->name : "unknown";
}

uint32_t wire_max_size(const struct wire_limits *limits)
{
	const uint32_t rest = sizeof(struct wire_header) + WIRE_FIXED_MAX;
	uint32_t variable = limits->max_data_xfer_size;

	if (variable < WIRE_VARIABLE_MIN)
		variable = WIRE_VARIABLE_MIN;
	return variable > UINT32_MAX - rest ? UINT32_MAX : rest + variable;
}

int wire_check_header(const struct wire_header *header, uint32_t max_size)
{
	uint32_t type = header->flags & WIRE_FLAG_TYPE_MASK;

	if (type != WIRE_TYPE_COMMAND && type != WIRE_TYPE_REPLY)
		return -EPROTO;
	if (header->size < sizeof(*header))
		return -EPROTO;
	return header->size > max_size ? -EMSGSIZE : 0;
}

bool wire_may_carry_fds(const struct wire_header *header)
{
	const struct wire_rule *rule = rule_of(header->command);

	if (rule == NULL)
		return false;
	if ((header->flags & WIRE_FLAG_TYPE_MASK) == WIRE_TYPE_REPLY)
		return rule->reply_fds;
	return rule->fds != WIRE_FDS_NONE;
}

static bool fds_allowed(const struct wire_rule *rule, size_t n_fds,
			const struct wire_limits *limits)
{
	switch (rule->fds) {
	case WIRE_FDS_NONE:
		return n_fds == 0;
	case WIRE_FDS_ONE:
		return n_fds <= 1 && n_fds <= limits->max_msg_fds;
	case WIRE_FDS_MANY:
		return n_fds <= limits->max_msg_fds;
	}
	return false;
}

/* argsz is what the caller has room for, so it must not be less than the reply always takes. */
static bool argsz_suffices(const struct wire_rule *rule, const void *payload)
{
	uint32_t argsz;

	if (rule->argsz_min == 0)
		return true;
	memcpy(&argsz, payload, sizeof(argsz));
	return argsz >= rule->argsz_min;
}

int wire_decode_request(const struct wire_header *header, const void *payload, size_t n_fds,
			enum wire_side from, const struct wire_limits *limits,
			struct wire_request *ret)
{
	const struct wire_rule *rule = rule_of(header->command);
	struct wire_body body = {
		.payload = payload,
		.len = header->size - sizeof(*header),
		.n_fds = n_fds,
		.limits = limits,
	};
	struct wire_request request = {
		.command = (enum wire_command)header->command,
		.id = header->id,
		.no_reply = header->flags & WIRE_FLAG_NO_REPLY,
		.fixed = payload,
	};
	int r;

	if (rule == NULL || rule->from != from)
		return -ENOSYS;
	if (body.len < rule->fixed || !fds_allowed(rule, n_fds, limits) ||
	    !argsz_suffices(rule, payload))
		return -EINVAL;
	if (rule->check != NULL) {
		r = rule->check(&body, &request);
		if (r < 0)
			return r;
	}
	*ret = request;
	return 0;
}
