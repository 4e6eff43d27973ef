/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_end.h - a network of kind vmnet on a loop, on the scripted double, and one port of it
 *
 * Interface 0 of the double is the network's anchor, interface 1 that of the first port.
 */
#ifndef TESTS_VMN_END_H
#define TESTS_VMN_END_H

#include "net/network.h"
#include "net/vmnet/vmn_iface.h"
#include "vmnet_double.h"

#define VMN_ANCHOR 0u
#define VMN_PORT   1u

struct vmn_end {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct vmn_times times;
	unsigned int ticks;
	bool timed_out;
	int objects_before, open_before;

	struct network *network; /* NULL: the test has freed it, or it was never made */
	struct channel *channel; /* of the port; NULL: closed */
	char *error;		 /* why there is no network */
	int result;

	bool stuck; /* the port takes nothing when it is told */
	unsigned int n_ready, n_writable, n_link, n_failed;
	bool link;
	char why[256];
	unsigned int n_got;
	uint32_t got[DOUBLE_PACKETS]; /* numbers of packets */
	size_t got_len[DOUBLE_PACKETS];
};

int vmn_setup(void **state);	/* the script is set afterwards, by the test */
int vmn_teardown(void **state); /* nothing may be left: handles, fds, queues, XPC objects */

/* A network of this mode that is otherwise as by default. @change: NULL, or changes it. */
void vmn_network_of(struct vmn_end *end, enum network_mode mode,
		    void (*change)(struct network_config *config));
void vmn_plug(struct vmn_end *end); /* a port; its link is set up */
void vmn_unplug(struct vmn_end *end);
void vmn_end_network(struct vmn_end *end); /* and run the loop until nothing is left in it */

/* A shared network with a port, whose interface has started. */
void vmn_ready(struct vmn_end *end);
void vmn_ready_as(struct vmn_end *end, void (*change)(struct network_config *config));

void vmn_turn(struct vmn_end *end); /* what there is to do now */
void vmn_until(struct vmn_end *end, bool (*is_so)(struct vmn_end *end)); /* fails if it never is */

/* Take what there is. Return: how many */
unsigned int vmn_pull(struct vmn_end *end);

/* @n frames of @len bytes, numbered from @first on. Return: how many were taken */
size_t vmn_offer(struct vmn_end *end, uint32_t first, size_t n, size_t len);
uint32_t vmn_sent_number(unsigned int i, unsigned int n);

uint64_t vmn_counter(struct vmn_end *end, const char *name);

#endif
