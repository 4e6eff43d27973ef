/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_end.h - a scripted client against a tiny device
 *
 *	scripted client          rig_server
 *	c->fd  <--socketpair-->  rig_conn  -- ops -->  struct device (registers, counters)
 *
 * One thread unless a test makes more: the client writes bytes, pump() lets the server do all it can,
 * the client reads what came back. Nothing waits, so nothing needs a timeout.
 *
 * The device keeps a trace of its callbacks, a letter each: q quiesce, m dma_mapped, u
 * dma_unmapping, r reset, l reset because the client is lost, c connected, d disconnected,
 * i irqs_changed.
 */
#ifndef TESTS_SERVER_END_H
#define TESTS_SERVER_END_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fds.h"
#include "vfio_user/wire.h"
#include <outrigger/server.h>

#define PAGE	 UINT64_C(4096)
#define COMMAND	 WIRE_TYPE_COMMAND
#define NO_REPLY (WIRE_TYPE_COMMAND | WIRE_FLAG_NO_REPLY)

extern const char qemu_json[200];

/* Its max_data_xfer_size is two pages; it takes 16 fds. */
extern const char small_json[80];

enum {
	REGISTERS = RIG_PCI_BAR0, /* read and write */
	STATUS = RIG_PCI_BAR1,	  /* read only */
	DOORBELL = RIG_PCI_BAR2,  /* write only */
	MEMORY = RIG_PCI_BAR3,	  /* may be mapped in two parts */
	WHOLE = RIG_PCI_BAR4,	  /* may be mapped */
	BROKEN = RIG_PCI_ROM,	  /* fails with EIO */
	ABSENT = RIG_PCI_VGA,
	FILES = RIG_PCI_REGIONS, /* of a type of its own; its parts are in two files */
	REGIONS,
};

#define FILES_TYPE    0x80001af4u
#define FILES_SUBTYPE 7u

struct device {
	struct rig_server *server;
	uint8_t registers[PAGE];
	int resets;
	int mapped, unmapped; /* so often */
	int connected, disconnected;
	int error; /* of the last disconnected() */
	char reason[128];
	int logged;
	char last_line[256];
	char trace[256];
	/* what it does not answer at once, and what it has not answered yet, oldest first */
	bool defers_access, defers_reset, defers_quiesce, defers_irqs, forgets_to_defer;
	struct rig_request *deferred[300];
	size_t n_deferred;
	int quiesce_error, irqs_error;
	/* the last irqs_changed() */
	uint32_t irq_index, irq_start, irq_count, irq_flags;
	/* run by a write to DOORBELL, in its callback */
	int (*on_doorbell)(struct device *d);
	void *opaque;
};

/** device_answer() - the oldest deferred request */
void device_answer(struct device *d, int error);

struct client {
	int fd;
	int twin; /* -1: none */
	struct rig_conn *conn;
	int result; /* of the last rig_conn_dispatch(); the connection is freed once it fails */
};

struct fixture {
	struct device device;
	struct rig_device_ops ops;
	struct rig_region regions[REGIONS];
	struct rig_irq irqs[RIG_PCI_IRQS];
	struct rig_mmap_area areas[2], file_areas[3];
	struct rig_device description;
	struct rig_server *server;
	struct client client;
	int memory; /* fd of MEMORY and WHOLE */
	int files[2];
	int open_before;
};

/* The last message that a client received. */
struct answer {
	struct wire_header header;
	uint8_t payload[16384];
	size_t len; /* of the payload */
	int fds[32];
	size_t n_fds;
};

/* A message in the client's hands, to be sent or bent. */
struct message {
	struct wire_header header;
	uint8_t payload[16384];
} __attribute__((packed));

/* struct wire_region_io and its data */
struct region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[4096];
} __attribute__((packed));

#define IO_HEAD sizeof(struct wire_region_io)

/** describe() - the device as it is if a test changes nothing */
void describe(struct fixture *f);

/** remake() - another server, by the description as it is now; its client's handshake is done */
void remake(struct fixture *f, const char *json);

/** pump() - let the server do what it can without waiting, as a loop would that asks it for all it wants */
void pump(struct client *c);

void client_open(struct fixture *f, struct client *c);
void client_hang_up(struct client *c);

void send_bytes(struct client *c, const void *bytes, size_t len, const int *fds, size_t n_fds);
struct message message(uint16_t command, uint32_t flags, const void *payload, size_t len);
void send_command(struct client *c, uint16_t command, uint32_t flags, const void *payload,
		  size_t len, const int *fds, size_t n_fds);

/** send_numbered() - without pump() */
void send_numbered(struct client *c, uint16_t id, uint16_t command, const void *payload,
		   size_t len);

void receive_answer(struct client *c, struct answer *a);

/** receive_on() - a message that is there, from this of the client's sockets */
void receive_on(int fd, struct answer *a);

bool nothing_came(struct client *c);
bool nothing_on(int fd);
bool server_closed(struct client *c);

/** ask() - send, and return the reply's errno, 0 for success */
int ask(struct client *c, uint16_t command, const void *payload, size_t len, struct answer *a);
int ask_fds(struct client *c, uint16_t command, const void *payload, size_t len, const int *fds,
	    size_t n_fds, struct answer *a);
int ask_version(struct client *c, uint16_t major, uint16_t minor, const char *json,
		struct answer *a);

int map(struct client *c, uint64_t address, uint64_t size, uint32_t flags, int fd);
int unmap(struct client *c, uint64_t address, uint64_t size, uint32_t flags);
int write_register(struct client *c, uint64_t offset, uint32_t value);
int access_region(struct client *c, uint16_t command, uint32_t region, uint64_t offset,
		  uint32_t count, struct answer *a);

/** send_read(), send_unmap() - with an id, without waiting for the answer */
void send_read(struct client *c, uint16_t id, uint64_t offset, uint32_t count);
void send_unmap(struct client *c, uint16_t id, uint64_t address, uint64_t size, uint32_t flags);

/** assert_usable() - whatever happened before: the connection still answers */
void assert_usable(struct client *c);

int setup_unconnected(void **state);
int setup(void **state);
int teardown(void **state);

#define test(name)	  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define unconnected(name) cmocka_unit_test_setup_teardown(name, setup_unconnected, teardown)

#endif
