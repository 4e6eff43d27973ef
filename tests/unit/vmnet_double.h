/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_double.h - vmnet's API, made of a script: what the framework is known to do, on demand
 *
 * Linked instead of libvmnet, on real queues, blocks and dictionaries. Where nothing is scripted it
 * behaves as documented; the event is level-triggered without pause, as the framework's.
 *
 * The script is set before what it is for is called. Any thread.
 */
#ifndef TESTS_VMNET_DOUBLE_H
#define TESTS_VMNET_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmnet/vmnet.h>

#define DOUBLE_IFACES  8u
#define DOUBLE_PACKETS 1024u
#define DOUBLE_PACKET  1600u /* of those that were sent */

/** struct double_script - zero: all goes well. A status of 0 is VMNET_SUCCESS */
struct double_script {
	/* Start */
	bool start_null;	      /* and no handler */
	bool start_null_and_handler;  /* which the documentation rules out */
	bool start_held;	      /* the handler comes with double_release_start(), or never */
	bool no_parameters;	      /* with success, too */
	unsigned int start_fail_from; /* interfaces from this one on (1: all) fail ... */
	vmnet_return_t start_status;  /* ... with this */
	uint64_t max_packet, read_max, write_max; /* 0: 1514, not told */
	uint64_t mtu;				  /* 0: 1500 */

	/* Stop */
	bool stop_held; /* the handler comes with double_release_stop(), or never */
	vmnet_return_t stop_return;

	/* Events */
	vmnet_return_t watch_status; /* of switching on */
	bool no_level;		     /* fires when a packet comes, and not again */

	/* Reading */
	vmnet_return_t read_status;
	unsigned int read_short; /* packets of a call, at most; 0: as documented */
	int read_lie;		 /* what it says came, besides what did */
	size_t read_size;	 /* what it says of each packet's size; 0: the truth */

	/* Writing */
	vmnet_return_t write_status;
	unsigned int write_status_calls; /* so many calls have it, 0: all */
	unsigned int write_short;	 /* packets of a call that are taken, with success */
	unsigned int write_full_part; /* packets of the next call that go before buffers are full */
	size_t write_refuses;	      /* packets of this size make a batch invalid */
	unsigned int write_most;      /* more in a call are too many, whatever was told */
	int write_lie;		      /* what it says was sent, besides what was */

	/* The rest */
	vmnet_return_t rule_return, rule_status;
	bool rule_held; /* its handler comes with double_release_rule(), or never */
	bool object_held; /* vmnet_network_create() does not come back until double_release_object() */
	bool object_null;
	const char *names[64]; /* that can be bridged; the first NULL ends them */
};

extern struct double_script double_script;

/** struct double_counts - calls, and what was seen */
struct double_counts {
	unsigned int starts, stops, stopped, reads, writes, events, watch_on, watch_off;
	unsigned int reads_after_stop, writes_after_stop, handlers_after_stop;
	unsigned int largest_write, largest_read;
	unsigned int rules_added, rules_removed, objects, objects_live, reservations;
	bool dhcp_disabled;
};

/** double_reset() - nothing of a test before may still run: see double_idle() */
void double_reset(void);
struct double_counts double_counts(void);

/** double_objects() - queues and XPC objects that were made and not released */
int double_objects(void);

/** double_idle() - wait until all that was queued has run */
void double_idle(void);

/** double_description() - what interface number @i (from 0) was started with; do not release */
xpc_object_t double_description(unsigned int i);

/** double_arrive() - a packet of @len bytes, the @number in its last 4; its event fires */
void double_arrive(unsigned int i, uint32_t number, size_t len);

/** double_arrive_as() - this very packet; its event fires */
void double_arrive_as(unsigned int i, const void *packet, size_t len);

/** double_fire() - an event, whatever there is to read, also if nobody is registered any more */
void double_fire(unsigned int i);

/** double_unread() - packets that wait in interface @i */
unsigned int double_unread(unsigned int i);

void double_release_start(void);
void double_release_stop(void);
void double_release_rule(void);
void double_release_object(void);

/** double_sent() - what interface @i was given. Return: how many; the first DOUBLE_PACKETS are kept */
unsigned int double_sent(unsigned int i);
const uint8_t *double_sent_packet(unsigned int i, unsigned int n, size_t *ret_len);

#endif
