/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h - the messages of vfio-user, as facts the compiler checks
 *
 * Every message is a packed struct whose size is asserted; every command has
 * one row in a table (who sends it, how large it is, how many fds it carries);
 * wire_decode_request() turns bytes into a checked, typed message or an errno.
 * Nothing past it looks at raw bytes. Pure functions: no I/O, no allocation.
 *
 * Integers are in the host's byte order (specification, "Protocol Specification").
 */
#ifndef VFIO_USER_WIRE_H
#define VFIO_USER_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_command {
	WIRE_VERSION = 1,
	WIRE_DMA_MAP = 2,
	WIRE_DMA_UNMAP = 3,
	WIRE_DEVICE_GET_INFO = 4,
	WIRE_DEVICE_GET_REGION_INFO = 5,
	WIRE_DEVICE_GET_REGION_IO_FDS = 6,
	WIRE_DEVICE_GET_IRQ_INFO = 7,
	WIRE_DEVICE_SET_IRQS = 8,
	WIRE_REGION_READ = 9,
	WIRE_REGION_WRITE = 10,
	WIRE_DMA_READ = 11,
	WIRE_DMA_WRITE = 12,
	WIRE_DEVICE_RESET = 13,
	WIRE_REGION_WRITE_MULTI = 15,
	WIRE_DEVICE_FEATURE = 16,
	WIRE_MIG_DATA_READ = 17,
	WIRE_MIG_DATA_WRITE = 18,
	WIRE_COMMANDS, /* one past the last */
};

/* Header flags. The type takes four bits; the others are single. */
#define WIRE_FLAG_TYPE_MASK 0xfu
#define WIRE_TYPE_COMMAND   0u
#define WIRE_TYPE_REPLY	    1u
#define WIRE_FLAG_NO_REPLY  (1u << 4)
#define WIRE_FLAG_ERROR	    (1u << 5)

#define WIRE_PACKED	    __attribute__((packed))

struct wire_header {
	uint16_t id; /* the command's sender chose it; echoed by the reply */
	uint16_t command;
	uint32_t size; /* of header and payload */
	uint32_t flags;
	uint32_t error; /* errno of an error reply, else reserved */
} WIRE_PACKED;
static_assert(sizeof(struct wire_header) == 16, "spec: header");

struct wire_version {
	uint16_t major;
	uint16_t minor;
	char json[]; /* NUL-terminated, or absent */
} WIRE_PACKED;
static_assert(sizeof(struct wire_version) == 4, "spec: VERSION");

struct wire_dma_map {
	uint32_t argsz; /* of the request */
	uint32_t flags;
	uint64_t offset; /* in the file that came along */
	uint64_t address;
	uint64_t size;
} WIRE_PACKED;
static_assert(sizeof(struct wire_dma_map) == 32, "spec: DMA_MAP");

struct wire_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
} WIRE_PACKED;
static_assert(sizeof(struct wire_dma_unmap) == 24, "spec: DMA_UNMAP");

struct wire_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
} WIRE_PACKED;
static_assert(sizeof(struct wire_device_info) == 16, "spec: DEVICE_GET_INFO");

struct wire_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset; /* from the start of this struct; 0: no capability */
	uint64_t size;
	uint64_t offset; /* of the region in the fd that came along */
} WIRE_PACKED;
static_assert(sizeof(struct wire_region_info) == 32, "spec: DEVICE_GET_REGION_INFO");

struct wire_cap_header {
	uint16_t id;
	uint16_t version;
	uint32_t next; /* from the start of wire_region_info; 0 ends the chain */
} WIRE_PACKED;
static_assert(sizeof(struct wire_cap_header) == 8, "spec: capability header");

struct wire_sparse_area {
	uint64_t offset;
	uint64_t size;
} WIRE_PACKED;
static_assert(sizeof(struct wire_sparse_area) == 16, "spec: sparse mmap area");

struct wire_cap_sparse_mmap {
	struct wire_cap_header header;
	uint32_t nr_areas;
	uint32_t reserved;
	struct wire_sparse_area areas[];
} WIRE_PACKED;
static_assert(sizeof(struct wire_cap_sparse_mmap) == 16, "spec: sparse mmap");

struct wire_cap_type {
	struct wire_cap_header header;
	uint32_t type;
	uint32_t subtype;
} WIRE_PACKED;
static_assert(sizeof(struct wire_cap_type) == 16, "spec: region type");

struct wire_sparse_fd_area {
	uint64_t offset; /* in the region */
	uint64_t fd_offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t pad;
} WIRE_PACKED;
static_assert(sizeof(struct wire_sparse_fd_area) == 32, "spec: sparse mmap fds area");

struct wire_region_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
} WIRE_PACKED;
static_assert(sizeof(struct wire_region_io_fds) == 16, "spec: REGION_IO_FDS");

/* fd_index: this sub-region has no fd (libvfio-user's). */
#define WIRE_REGION_IO_FD_NONE UINT32_MAX

/* One of count entries behind wire_region_io_fds. */
struct wire_region_io_fd {
	uint64_t offset; /* in the region */
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t pad;
	uint64_t data; /* ioeventfd: datamatch; ioregionfd: user_data */
} WIRE_PACKED;
static_assert(sizeof(struct wire_region_io_fd) == 40, "spec: sub-region with an fd");

/* libvfio-user's, which knows shadow ioeventfds. */
struct wire_region_io_fd_shadow {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t shadow_fd_index;
	uint64_t shadow_offset;
	uint64_t datamatch;
} WIRE_PACKED;
static_assert(sizeof(struct wire_region_io_fd_shadow) == 48, "libvfio-user: sub-region with an fd");

struct wire_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
} WIRE_PACKED;
static_assert(sizeof(struct wire_irq_info) == 16, "spec: DEVICE_GET_IRQ_INFO");

struct wire_irq_set {
	uint32_t argsz; /* of the request */
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
	uint8_t data[]; /* BOOL: count bytes */
} WIRE_PACKED;
static_assert(sizeof(struct wire_irq_set) == 20, "spec: DEVICE_SET_IRQS");

struct wire_region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[]; /* count bytes: READ's reply, WRITE's request */
} WIRE_PACKED;
static_assert(sizeof(struct wire_region_io) == 16, "spec: REGION_READ, REGION_WRITE");

/* count has 8 bytes here, 4 in the region messages. */
struct wire_dma_io {
	uint64_t address;
	uint64_t count;
	uint8_t data[]; /* count bytes: READ's reply, WRITE's request */
} WIRE_PACKED;
static_assert(sizeof(struct wire_dma_io) == 16, "spec: DMA_READ, DMA_WRITE");
static_assert(offsetof(struct wire_dma_io, count) == 8, "spec: count at 8");

#define WIRE_WRITE_MULTI_DATA 8u

struct wire_write_multi_entry {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /* <= WIRE_WRITE_MULTI_DATA */
	uint8_t data[WIRE_WRITE_MULTI_DATA];
} WIRE_PACKED;
static_assert(sizeof(struct wire_write_multi_entry) == 24, "spec: REGION_WRITE_MULTI entry");

struct wire_write_multi {
	uint64_t wr_cnt;
	struct wire_write_multi_entry entries[];
} WIRE_PACKED;
static_assert(sizeof(struct wire_write_multi) == 8, "spec: REGION_WRITE_MULTI");

struct wire_feature {
	uint32_t argsz;
	uint32_t flags; /* bits 0-15 index, then GET, SET, PROBE */
	uint8_t data[];
} WIRE_PACKED;
static_assert(sizeof(struct wire_feature) == 8, "spec: DEVICE_FEATURE");
#define WIRE_FEATURE_INDEX_MASK 0xffffu
#define WIRE_FEATURE_GET	(1u << 16)
#define WIRE_FEATURE_SET	(1u << 17)
#define WIRE_FEATURE_PROBE	(1u << 18)

struct wire_mig_data {
	uint32_t argsz;
	uint32_t size;
	uint8_t data[]; /* size bytes: READ's reply, WRITE's request */
} WIRE_PACKED;
static_assert(sizeof(struct wire_mig_data) == 8, "spec: MIG_DATA_READ, MIG_DATA_WRITE");

/* No command's fixed part is longer. */
#define WIRE_FIXED_MAX	  64u

/*
 * What a message may carry besides its fixed part even if max_data_xfer_size is smaller: that
 * limits the data of reads and writes, not the text of a VERSION, a capability chain, the bytes
 * of a SET_IRQS (2048 vectors) or the entries of a REGION_WRITE_MULTI (QEMU: 200).
 */
#define WIRE_VARIABLE_MIN 16384u

/** enum wire_side - who a message comes from */
enum wire_side {
	WIRE_FROM_CLIENT,
	WIRE_FROM_SERVER,
};

/**
 * struct wire_request - a command that passed its rule
 * @command:  which member of the union is set
 * @id:       to be echoed
 * @no_reply: nothing may be sent back
 * @...:      pointers go into the bytes that were decoded: packed structs of
 *            the size asserted above, followed by as many bytes as named here.
 *            DEVICE_RESET has none
 */
struct wire_request {
	enum wire_command command;
	uint16_t id;
	bool no_reply;
	union {
		struct {
			uint16_t major, minor;
			const char *json; /* NUL-terminated; NULL: none came */
		} version;
		const struct wire_dma_map *dma_map;
		const struct wire_dma_unmap *dma_unmap;
		const struct wire_device_info *device_info;
		const struct wire_region_info *region_info;
		const struct wire_region_io_fds *region_io_fds;
		const struct wire_irq_info *irq_info;
		struct {
			const struct wire_irq_set *set;
			const uint8_t *bools; /* set->count of them, or NULL */
		} irqs;
		const struct wire_region_io *region_io;	    /* WRITE: data has count bytes */
		const struct wire_dma_io *dma_io;	    /* WRITE: data has count bytes */
		const struct wire_write_multi *write_multi; /* every entry's count checked */
		struct {
			const struct wire_feature *feature;
			size_t data_len;
		} feature;
		const struct wire_mig_data *mig_data; /* WRITE: data has size bytes */
		const void *fixed; /* whichever of the plain pointers above it is */
	};
};

/** struct wire_limits - what a receiver accepts */
struct wire_limits {
	uint32_t max_data_xfer_size; /* bytes of data in one message */
	uint32_t max_msg_fds;
};

/**
 * wire_max_size() - the largest message a receiver with these limits accepts
 *
 * Header, the largest fixed part and max_data_xfer_size bytes (at least WIRE_VARIABLE_MIN).
 */
uint32_t wire_max_size(const struct wire_limits *limits);

/**
 * wire_check_header() - may this header start a message here?
 * @max_size: from wire_max_size()
 *
 * Return: 0; -EPROTO for a type that is neither command nor reply or a size
 * below the header's; -EMSGSIZE for a size beyond max_size. Either ends the
 * connection, because where the next message starts is not known or not worth reading.
 */
int wire_check_header(const struct wire_header *header, uint32_t max_size);

/**
 * wire_may_carry_fds() - can this message have been sent with fds?
 *
 * Needed to tell which message of several in one read the fds belong to.
 */
bool wire_may_carry_fds(const struct wire_header *header);

/**
 * wire_decode_request() - check a whole command against its rule
 * @header: a header that passed wire_check_header()
 * @payload: header->size - 16 bytes
 * @n_fds: fds that came with it
 * @from: which side sent it: the other side's commands are refused
 * @limits: the receiver's
 *
 * Checked is what needs no knowledge of the device: lengths, counts that must agree with
 * lengths or fds, argsz, flags that must or must not come together, sums that would wrap.
 * Indexes, ranges, permissions and the flags of DMA_MAP and DMA_UNMAP are the handler's.
 * Trailing bytes are accepted (QEMU pads requests to their argsz) except where a count says how
 * many bytes there must be.
 *
 * Return: 0 with *ret filled; otherwise the errno of the reply, negative:
 *   -ENOSYS  no such command, or not one that this side may send
 *   -EINVAL  shorter than its fixed part, lengths that contradict each other, wrong number of
 *            fds, flags that exclude each other
 *   -E2BIG   more data asked for or sent than the limits allow
 */
int wire_decode_request(const struct wire_header *header, const void *payload, size_t n_fds,
			enum wire_side from, const struct wire_limits *limits,
			struct wire_request *ret);

/** wire_command_name() - for messages to people; "unknown" for a number that names no command */
const char *wire_command_name(uint16_t command);

/* Is [offset, offset + count) inside size? Never adds, so it cannot wrap. */
static inline bool wire_range_inside(uint64_t offset, uint64_t count, uint64_t size)
{
	return count <= size && offset <= size - count;
}

#endif
