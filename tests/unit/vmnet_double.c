/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_double.c - interfaces of the scripted double: start, events, read, write, stop
 */
#include "vmnet_double.h"

#include <Block.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet_double_internal.h"

struct packet {
	size_t len;
	uint8_t bytes[DOUBLE_PACKET];
};

struct unread {
	size_t len;
	uint8_t *bytes;
};

struct vmnet_interface {
	xpc_object_t description;
	dispatch_queue_t queue; /* of the last callback, or of start */
	vmnet_interface_event_callback_t callback, last_callback;
	void (^held_start)(void);
	void (^held_stop)(void);
	bool start_released, stop_released;
	bool started, stopping, gone, firing;
	struct unread *unread;
	struct packet *sent;
	unsigned int first, end, n_sent;
};

struct double_script double_script;
static struct vmnet_interface ifaces[DOUBLE_IFACES];
static unsigned int n_ifaces;
static struct double_counts counts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* around all of the above */

void double_lock(void)
{
	pthread_mutex_lock(&lock);
}

void double_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

struct double_counts *double_counting(void)
{
	return &counts;
}

static vmnet_return_t or_success(vmnet_return_t status)
{
	return status ? status : VMNET_SUCCESS;
}

static vmnet_return_t start_status(unsigned int number)
{
	if (double_script.start_fail_from && number + 1 >= double_script.start_fail_from)
		return double_script.start_status;
	return VMNET_SUCCESS;
}

static xpc_object_t parameters(void)
{
	const struct double_script *script = &double_script;
	xpc_object_t dictionary;

	if (script->no_parameters)
		return NULL;
	dictionary = xpc_dictionary_create(NULL, NULL, 0);
	xpc_dictionary_set_string(dictionary, vmnet_mac_address_key, "02:00:00:00:00:01");
	xpc_dictionary_set_uint64(dictionary, vmnet_mtu_key, script->mtu ? script->mtu : 1500);
	xpc_dictionary_set_uint64(dictionary, vmnet_max_packet_size_key,
				  script->max_packet ? script->max_packet : 1514);
	if (script->read_max)
		xpc_dictionary_set_uint64(dictionary, vmnet_read_max_packets_key, script->read_max);
	if (script->write_max)
		xpc_dictionary_set_uint64(dictionary, vmnet_write_max_packets_key,
					  script->write_max);
	xpc_dictionary_set_string(dictionary, vmnet_start_address_key, "192.168.65.1");
	xpc_dictionary_set_string(dictionary, vmnet_end_address_key, "192.168.65.254");
	xpc_dictionary_set_string(dictionary, vmnet_subnet_mask_key, "255.255.255.0");
	return dictionary;
}

static void run_start(struct vmnet_interface *iface, unsigned int number,
		      vmnet_start_interface_completion_handler_t handler)
{
	vmnet_return_t status = start_status(number);
	xpc_object_t told = status == VMNET_SUCCESS ? parameters() : NULL;

	double_lock();
	iface->started = status == VMNET_SUCCESS;
	double_unlock();
	handler(status, told);
	if (told)
		xpc_release(told);
}

interface_ref vmnet_start_interface(xpc_object_t description, dispatch_queue_t queue,
				    vmnet_start_interface_completion_handler_t handler)
{
	struct vmnet_interface *iface;
	unsigned int number;
	void (^work)(void);

	double_lock();
	counts.starts++;
	number = n_ifaces++;
	iface = &ifaces[number];
	*iface = (struct vmnet_interface) { .description = xpc_retain(description),
					    .queue = queue,
					    .unread = calloc(DOUBLE_PACKETS, sizeof(struct unread)),
					    .sent = calloc(DOUBLE_PACKETS, sizeof(struct packet)) };
	double_unlock();
	dispatch_retain(queue);
	work = ^{
	  run_start(iface, number, handler);
	};
	if (double_script.start_held) {
		double_lock();
		iface->held_start = Block_copy(work);
		double_unlock();
	} else if (!double_script.start_null) {
		dispatch_async(queue, work);
	}
	return double_script.start_null || double_script.start_null_and_handler ? NULL : iface;
}

/* Kept until double_reset(), so that nobody frees what another thread still runs. */
static void release_held(void (^held)(void), bool *released, dispatch_queue_t queue)
{
	if (!held || *released)
		return;
	*released = true;
	dispatch_async(queue, held);
}

void double_release_start(void)
{
	for (unsigned int i = 0; i < n_ifaces; i++)
		release_held(ifaces[i].held_start, &ifaces[i].start_released, ifaces[i].queue);
}

void double_release_stop(void)
{
	for (unsigned int i = 0; i < n_ifaces; i++)
		release_held(ifaces[i].held_stop, &ifaces[i].stop_released, ifaces[i].queue);
}

vmnet_return_t vmnet_stop_interface(interface_ref iface, dispatch_queue_t queue,
				    vmnet_interface_completion_handler_t handler)
{
	void (^work)(void);
	bool again;

	double_lock();
	counts.stops++;
	again = iface->stopping || !iface->started;
	iface->stopping = true;
	double_unlock();
	if (double_script.stop_return)
		return double_script.stop_return;
	if (again)
		return VMNET_INVALID_ARGUMENT;
	work = ^{
	  double_lock();
	  counts.stopped++;
	  iface->gone = true;
	  double_unlock();
	  handler(VMNET_SUCCESS);
	};
	if (!double_script.stop_held) {
		dispatch_async(queue, work);
		return VMNET_SUCCESS;
	}
	double_lock();
	iface->held_stop = Block_copy(work);
	double_unlock();
	return VMNET_SUCCESS;
}

/* Events: level-triggered, without pause. */

static void fire(struct vmnet_interface *iface);

static void run_event(struct vmnet_interface *iface, vmnet_interface_event_callback_t callback)
{
	xpc_object_t event = xpc_dictionary_create(NULL, NULL, 0);
	bool again;

	double_lock();
	counts.events++;
	counts.handlers_after_stop += iface->gone;
	iface->firing = false;
	again = iface->callback && !iface->stopping && iface->first < iface->end &&
		!double_script.no_level;
	double_unlock();
	callback(VMNET_INTERFACE_PACKETS_AVAILABLE, event);
	xpc_release(event);
	if (again)
		fire(iface);
}

/* Queued under the lock: what comes after the stop is queued behind its handler by nobody. */
static void fire(struct vmnet_interface *iface)
{
	vmnet_interface_event_callback_t callback;

	double_lock();
	if (iface->callback && !iface->firing && !iface->stopping) {
		iface->firing = true;
		callback = Block_copy(iface->callback);
		dispatch_async(iface->queue, ^{
		  run_event(iface, callback);
		});
		Block_release(callback);
	}
	double_unlock();
}

void double_fire(unsigned int i)
{
	vmnet_interface_event_callback_t callback = ifaces[i].last_callback;

	dispatch_async(ifaces[i].queue, ^{
	  callback(VMNET_INTERFACE_PACKETS_AVAILABLE, NULL);
	});
}

vmnet_return_t vmnet_interface_set_event_callback(interface_ref iface, interface_event_t mask,
						  dispatch_queue_t queue,
						  vmnet_interface_event_callback_t callback)
{
	vmnet_interface_event_callback_t old, old_last = NULL;
	bool waiting;

	if (!queue != !callback)
		return VMNET_INVALID_ARGUMENT;
	if (callback && double_script.watch_status)
		return double_script.watch_status;
	double_lock();
	counts.watch_on += callback != NULL;
	counts.watch_off += callback == NULL;
	old = iface->callback;
	iface->callback = callback ? Block_copy(callback) : NULL;
	if (callback) {
		old_last = iface->last_callback;
		iface->last_callback = Block_copy(callback);
	}
	waiting = iface->first < iface->end;
	double_unlock();
	if (old)
		Block_release(old);
	if (old_last)
		Block_release(old_last);
	if (waiting)
		fire(iface);
	return VMNET_SUCCESS;
}

void double_arrive(unsigned int i, uint32_t number, size_t len)
{
	uint8_t bytes[2048];

	if (len < sizeof(number) || len > sizeof(bytes))
		abort();
	memset(bytes, 0x5a, len);
	memcpy(bytes + len - sizeof(number), &number, sizeof(number));
	double_arrive_as(i, bytes, len);
}

void double_arrive_as(unsigned int i, const void *bytes, size_t len)
{
	struct vmnet_interface *iface = &ifaces[i];
	struct unread *packet;

	double_lock();
	packet = &iface->unread[iface->end++ % DOUBLE_PACKETS];
	free(packet->bytes); /* nobody has read it: it is lost */
	packet->len = len;
	packet->bytes = memcpy(malloc(len), bytes, len);
	double_unlock();
	fire(iface);
}

unsigned int double_unread(unsigned int i)
{
	unsigned int n;

	double_lock();
	n = ifaces[i].end - ifaces[i].first;
	double_unlock();
	return n;
}

/* Packets */

static bool well_described(const struct vmpktdesc *packet)
{
	return packet->vm_pkt_iovcnt == 1 && packet->vm_flags == 0 &&
	       packet->vm_pkt_iov->iov_len == packet->vm_pkt_size;
}

static void fill(struct vmpktdesc *to, struct unread *from)
{
	memcpy(to->vm_pkt_iov->iov_base, from->bytes, from->len);
	free(from->bytes);
	from->bytes = NULL;
	to->vm_pkt_size = double_script.read_size ? double_script.read_size : from->len;
}

vmnet_return_t vmnet_read(interface_ref iface, struct vmpktdesc *packets, int *n)
{
	const struct double_script *script = &double_script;
	int room = *n, got = 0;

	double_lock();
	counts.reads++;
	counts.reads_after_stop += iface->stopping;
	if ((unsigned int)room > counts.largest_read)
		counts.largest_read = (unsigned int)room;
	if (script->read_short && (unsigned int)room > script->read_short)
		room = (int)script->read_short;
	for (int i = 0; i < *n && !script->read_status; i++) {
		if (!well_described(&packets[i]) || packets[i].vm_pkt_size < 1514)
			abort(); /* every slot is reset, and large enough */
	}
	while (!script->read_status && got < room && iface->first < iface->end)
		fill(&packets[got++], &iface->unread[iface->first++ % DOUBLE_PACKETS]);
	double_unlock();
	*n = got + script->read_lie;
	return or_success(script->read_status);
}

static void keep(struct vmnet_interface *iface, const struct vmpktdesc *packet)
{
	struct packet *to = &iface->sent[iface->n_sent % DOUBLE_PACKETS];

	to->len = packet->vm_pkt_size < DOUBLE_PACKET ? packet->vm_pkt_size : DOUBLE_PACKET;
	memcpy(to->bytes, packet->vm_pkt_iov->iov_base, to->len);
	iface->n_sent++;
}

/* All or nothing, as documented. */
static vmnet_return_t judge(const struct vmpktdesc *packets, int n)
{
	struct double_script *script = &double_script;

	if (script->write_status && script->write_status_calls != UINT32_MAX) {
		if (script->write_status_calls && --script->write_status_calls == 0)
			script->write_status_calls = UINT32_MAX;
		return script->write_status;
	}
	if (script->write_most && (unsigned int)n > script->write_most)
		return VMNET_TOO_MANY_PACKETS;
	for (int i = 0; i < n; i++) {
		if (!well_described(&packets[i]) || packets[i].vm_pkt_size < 14 ||
		    packets[i].vm_pkt_size == script->write_refuses)
			return VMNET_INVALID_ARGUMENT;
	}
	return VMNET_SUCCESS;
}

vmnet_return_t vmnet_write(interface_ref iface, struct vmpktdesc *packets, int *n)
{
	vmnet_return_t status;
	bool full = false;
	int done = *n;

	double_lock();
	counts.writes++;
	counts.writes_after_stop += iface->stopping;
	if ((unsigned int)done > counts.largest_write)
		counts.largest_write = (unsigned int)done;
	status = judge(packets, done);
	if (double_script.write_short && (unsigned int)done > double_script.write_short)
		done = (int)double_script.write_short;
	if (double_script.write_full_part && (unsigned int)done > double_script.write_full_part) {
		done = (int)double_script.write_full_part;
		double_script.write_full_part = 0;
		full = true;
	}
	for (int i = 0; i < done && status == VMNET_SUCCESS; i++)
		keep(iface, &packets[i]);
	double_unlock();
	*n = (status == VMNET_SUCCESS ? done : 0) + double_script.write_lie;
	return full ? VMNET_BUFFER_EXHAUSTED : status;
}

unsigned int double_sent(unsigned int i)
{
	return ifaces[i].n_sent;
}

const uint8_t *double_sent_packet(unsigned int i, unsigned int n, size_t *ret_len)
{
	*ret_len = ifaces[i].sent[n].len;
	return ifaces[i].sent[n].bytes;
}

/* Around it all */

struct double_counts double_counts(void)
{
	struct double_counts copy;

	double_lock();
	copy = counts;
	double_unlock();
	return copy;
}

xpc_object_t double_description(unsigned int i)
{
	return ifaces[i].description;
}

/* Twice: an event that fires again queues itself once more. */
void double_idle(void)
{
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n_ifaces; i++)
			dispatch_sync(ifaces[i].queue, ^ {
				      });
	}
}

void double_reset(void)
{
	double_idle();
	for (unsigned int i = 0; i < n_ifaces; i++) {
		struct vmnet_interface *iface = &ifaces[i];

		if (iface->callback)
			Block_release(iface->callback);
		if (iface->last_callback)
			Block_release(iface->last_callback);
		if (iface->held_start)
			Block_release(iface->held_start);
		if (iface->held_stop)
			Block_release(iface->held_stop);
		for (unsigned int packet = 0; iface->unread && packet < DOUBLE_PACKETS; packet++)
			free(iface->unread[packet].bytes);
		free(iface->unread);
		free(iface->sent);
		xpc_release(iface->description);
		dispatch_release(iface->queue);
	}
	n_ifaces = 0;
	counts = (struct double_counts) { 0 };
	double_script = (struct double_script) { 0 };
}
