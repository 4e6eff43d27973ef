/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * version.h - what "VFIO_USER_VERSION" negotiates
 *
 * Both sides use it: a capability text says what its sender accepts, in a request and in a reply
 * alike. Pure functions.
 */
#ifndef VFIO_USER_VERSION_H
#define VFIO_USER_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERSION_MAJOR		       0u
#define VERSION_MINOR		       2u

/* What a client may propose that is text; QEMU's takes 198 bytes. */
#define VERSION_MAX_JSON	       16384u

/* Enough for any reply of ours; QEMU has room for as many bytes as it sent. */
#define VERSION_REPLY_JSON	       256u

/* Bits of version_caps.stated. */
#define VERSION_CAP_MAX_MSG_FDS	       (1u << 0)
#define VERSION_CAP_MAX_DATA_XFER_SIZE (1u << 1)
#define VERSION_CAP_MAX_DMA_MAPS       (1u << 2)
#define VERSION_CAP_PGSIZES	       (1u << 3)
#define VERSION_CAP_TWIN_SOCKET	       (1u << 4)
#define VERSION_CAP_WRITE_MULTIPLE     (1u << 5)
#define VERSION_CAP_SPARSE_MMAP_FDS    (1u << 6)

/** struct version_caps - one side's capabilities; what it did not state has the default */
struct version_caps {
	uint32_t stated; /* VERSION_CAP_... that the text named */
	uint32_t max_msg_fds;
	uint32_t max_data_xfer_size;
	uint32_t max_dma_maps;
	uint64_t pgsizes;
	bool twin_socket;
	bool has_twin_fd_index; /* replies only: which of their fds it is */
	uint32_t twin_fd_index;
	bool write_multiple;
	bool sparse_mmap_fds;
};

/**
 * version_parse() - read a capability text
 * @json: NULL: none came
 *
 * Unknown members are ignored at any level. Strict about the rest: JSON and UTF-8 must be valid,
 * the top level and "capabilities" objects, known members of their type, numbers neither negative
 * nor beyond the member's width.
 *
 * Return: 0, -EINVAL, -ENOMEM
 */
int version_parse(const char *json, struct version_caps *ret);

/**
 * version_answer() - a server's part: what is agreed with a client that proposed this
 * @ours: what this server accepts
 * @ret:  what the reply says. The two limits that QEMU must be told are always stated, the
 *        others only if the client named them too, or if ours is not the default. A twin socket is
 *        the first fd of the reply
 */
void version_answer(const struct version_caps *proposed, const struct version_caps *ours,
		    struct version_caps *ret);

/**
 * version_format() - the text for these capabilities
 *
 * States max_msg_fds and max_data_xfer_size always, the others as in caps->stated.
 *
 * Return: its length without the NUL that is always there; >= size if it did not fit
 */
size_t version_format(const struct version_caps *caps, char *buf, size_t size);

#endif
