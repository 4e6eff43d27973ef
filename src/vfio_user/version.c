/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * version.c - what "VFIO_USER_VERSION" negotiates
 *
 * The text comes from a stranger: its length is bounded before it is parsed, its depth by
 * json-c's default (32). It is written with snprintf() because it must be short (QEMU reads the
 * reply into the buffer of its request) and has nothing in it to escape.
 */
#include "vfio_user/version.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include <outrigger/vfio_user.h>

static const struct version_caps defaults = {
	.max_msg_fds = RIG_DEFAULT_MAX_MSG_FDS,
	.max_data_xfer_size = RIG_DEFAULT_MAX_DATA_XFER_SIZE,
	.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS,
	.pgsizes = RIG_DEFAULT_PGSIZES,
};

/* Read the member if it is there. A float or a number in a string is no number here. */
static int parse_number(struct json_object *caps, const char *key, uint64_t max, uint32_t cap,
			struct version_caps *ret, uint64_t *ret_number)
{
	struct json_object *member;
	uint64_t number;

	if (!json_object_object_get_ex(caps, key, &member))
		return 0;
	if (!json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
		return -EINVAL;
	number = json_object_get_uint64(member);
	if (number > max)
		return -EINVAL;
	ret->stated |= cap;
	*ret_number = number;
	return 0;
}

static int parse_u32(struct json_object *caps, const char *key, uint32_t cap,
		     struct version_caps *ret, uint32_t *ret_number)
{
	uint64_t number = *ret_number;
	int r = parse_number(caps, key, UINT32_MAX, cap, ret, &number);

	*ret_number = (uint32_t)number;
	return r;
}

static int parse_bool(struct json_object *caps, const char *key, uint32_t cap,
		      struct version_caps *ret, bool *ret_bool)
{
	struct json_object *member;

	if (!json_object_object_get_ex(caps, key, &member))
		return 0;
	if (!json_object_is_type(member, json_type_boolean))
		return -EINVAL;
	ret->stated |= cap;
	*ret_bool = json_object_get_boolean(member);
	return 0;
}

/* {"supported": true}, and in replies an fd_index, which is of no use without that. */
static int parse_twin_socket(struct json_object *caps, struct version_caps *ret)
{
	struct json_object *member;
	int r;

	if (!json_object_object_get_ex(caps, "twin_socket", &member))
		return 0;
	if (!json_object_is_type(member, json_type_object))
		return -EINVAL;
	ret->stated |= VERSION_CAP_TWIN_SOCKET;
	r = parse_bool(member, "supported", VERSION_CAP_TWIN_SOCKET, ret, &ret->twin_socket);
	if (r < 0)
		return r;
	ret->has_twin_fd_index = json_object_object_get_ex(member, "fd_index", NULL);
	return parse_u32(member, "fd_index", VERSION_CAP_TWIN_SOCKET, ret, &ret->twin_fd_index);
}

static int parse_caps(struct json_object *caps, struct version_caps *ret)
{
	int r;

	if (!json_object_is_type(caps, json_type_object))
		return -EINVAL;
	r = parse_u32(caps, "max_msg_fds", VERSION_CAP_MAX_MSG_FDS, ret, &ret->max_msg_fds);
	if (r < 0)
		return r;
	r = parse_u32(caps, "max_data_xfer_size", VERSION_CAP_MAX_DATA_XFER_SIZE, ret,
		      &ret->max_data_xfer_size);
	if (r < 0)
		return r;
	r = parse_u32(caps, "max_dma_maps", VERSION_CAP_MAX_DMA_MAPS, ret, &ret->max_dma_maps);
	if (r < 0)
		return r;
	r = parse_number(caps, "pgsizes", INT64_MAX, VERSION_CAP_PGSIZES, ret, &ret->pgsizes);
	if (r < 0)
		return r;
	r = parse_bool(caps, "write_multiple", VERSION_CAP_WRITE_MULTIPLE, ret,
		       &ret->write_multiple);
	if (r < 0)
		return r;
	r = parse_bool(caps, "sparse_mmap_fds", VERSION_CAP_SPARSE_MMAP_FDS, ret,
		       &ret->sparse_mmap_fds);
	if (r < 0)
		return r;
	return parse_twin_socket(caps, ret);
}

static int parse_top(struct json_object *top, struct version_caps *ret)
{
	struct json_object *caps;

	if (!json_object_is_type(top, json_type_object))
		return -EINVAL;
	if (!json_object_object_get_ex(top, "capabilities", &caps))
		return 0;
	return parse_caps(caps, ret);
}

/* json-c's strict mode still takes 'single' quotes around the keys of an object. */
static bool has_single_quotes(const char *json)
{
	bool in_string = false;

	for (const char *c = json; *c; c++) {
		if (*c == '"')
			in_string = !in_string;
		else if (*c == '\\' && c[1])
			c++;
		else if (*c == '\'' && !in_string)
			return true;
	}
	return false;
}

int version_parse(const char *json, struct version_caps *ret)
{
	struct version_caps caps = defaults;
	struct json_tokener *tokener;
	struct json_object *top;
	size_t len;
	int r;

	if (!json) {
		*ret = caps;
		return 0;
	}
	len = strnlen(json, VERSION_MAX_JSON);
	if (len == VERSION_MAX_JSON || has_single_quotes(json))
		return -EINVAL;
	tokener = json_tokener_new();
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, which tells json-c that no more text follows. */
	top = json_tokener_parse_ex(tokener, json, (int)len + 1);
	r = json_tokener_get_error(tokener) == json_tokener_success ? parse_top(top, &caps)
								    : -EINVAL;
	json_object_put(top);
	json_tokener_free(tokener);
	if (r == 0)
		*ret = caps;
	return r;
}

static uint32_t stated_if(uint32_t cap, bool state)
{
	return state ? cap : 0;
}

void version_answer(const struct version_caps *proposed, const struct version_caps *ours,
		    struct version_caps *ret)
{
	struct version_caps answer = *ours;

	answer.pgsizes = proposed->pgsizes & ours->pgsizes;
	answer.write_multiple = proposed->write_multiple && ours->write_multiple;
	answer.sparse_mmap_fds = proposed->sparse_mmap_fds && ours->sparse_mmap_fds;
	answer.twin_socket = proposed->twin_socket && ours->twin_socket;
	answer.has_twin_fd_index = answer.twin_socket;
	answer.twin_fd_index = 0;

	answer.stated = VERSION_CAP_MAX_MSG_FDS | VERSION_CAP_MAX_DATA_XFER_SIZE;
	answer.stated |= stated_if(VERSION_CAP_MAX_DMA_MAPS,
				   (proposed->stated & VERSION_CAP_MAX_DMA_MAPS) ||
					   ours->max_dma_maps != RIG_DEFAULT_MAX_DMA_MAPS);
	/* No page size in common: then nothing is said, and each map is judged by itself. */
	answer.stated |= stated_if(VERSION_CAP_PGSIZES,
				   (proposed->stated & VERSION_CAP_PGSIZES) && answer.pgsizes != 0);
	answer.stated |= stated_if(VERSION_CAP_WRITE_MULTIPLE, answer.write_multiple);
	answer.stated |= stated_if(VERSION_CAP_SPARSE_MMAP_FDS, answer.sparse_mmap_fds);
	answer.stated |= stated_if(VERSION_CAP_TWIN_SOCKET, answer.twin_socket);
	*ret = answer;
}

struct text {
	char *buf;
	size_t size;
	size_t len; /* that it would have with enough room */
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
							   ...)
{
	size_t used = text->len < text->size ? text->len : text->size;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->buf + used, text->size - used, format, args);
	va_end(args);
	text->len += n > 0 ? (size_t)n : 0;
}

size_t version_format(const struct version_caps *caps, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };

	text_add(&text, "{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u",
		 caps->max_msg_fds, caps->max_data_xfer_size);
	if (caps->stated & VERSION_CAP_MAX_DMA_MAPS)
		text_add(&text, ",\"max_dma_maps\":%u", caps->max_dma_maps);
	if (caps->stated & VERSION_CAP_PGSIZES)
		text_add(&text, ",\"pgsizes\":%llu", (unsigned long long)caps->pgsizes);
	if (caps->stated & VERSION_CAP_TWIN_SOCKET) {
		text_add(&text, ",\"twin_socket\":{\"supported\":%s",
			 caps->twin_socket ? "true" : "false");
		if (caps->has_twin_fd_index)
			text_add(&text, ",\"fd_index\":%u", caps->twin_fd_index);
		text_add(&text, "}");
	}
	if (caps->stated & VERSION_CAP_WRITE_MULTIPLE)
		text_add(&text, ",\"write_multiple\":%s", caps->write_multiple ? "true" : "false");
	if (caps->stated & VERSION_CAP_SPARSE_MMAP_FDS)
		text_add(&text, ",\"sparse_mmap_fds\":%s",
			 caps->sparse_mmap_fds ? "true" : "false");
	text_add(&text, "}}");
	return text.len;
}
