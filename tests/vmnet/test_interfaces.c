/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_interfaces.c - interfaces of one process on a real network: packets, offloads, ends
 *
 *	a --- libvmnet --- `outrigger net host` --- libvmnet --- b
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <vmnet/vmnet.h>

#include "../unit/offload_frames.h"

#define DEADLINE (30ll * 1000000000)
#define ROOM	 65600u
#define BATCH	 32

struct end {
	interface_ref interface;
	dispatch_queue_t queue;
	dispatch_semaphore_t available;
	size_t max;
	uint8_t mac[6];
	uint8_t buffer[ROOM];
};
static struct end a, b;
static struct made made;
static char dir[] = "/tmp/rig-vmnet-XXXXXX";

typedef void (^describer_t)(xpc_object_t description);

static void wait_for(dispatch_semaphore_t semaphore)
{
	assert_int_equal(
		dispatch_semaphore_wait(semaphore, dispatch_time(DISPATCH_TIME_NOW, DEADLINE)), 0);
}

static void start(struct end *end, describer_t describe)
{
	xpc_object_t description = xpc_dictionary_create_empty();
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	__block vmnet_return_t outcome;

	xpc_dictionary_set_uint64(description, vmnet_operation_mode_key, VMNET_HOST_MODE);
	if (describe)
		describe(description);
	end->queue = dispatch_queue_create("end", DISPATCH_QUEUE_SERIAL);
	end->available = dispatch_semaphore_create(0);
	end->interface = vmnet_start_interface(
		description, end->queue, ^(vmnet_return_t status, xpc_object_t params) {
		  outcome = status;
		  end->max = xpc_dictionary_get_uint64(params, vmnet_max_packet_size_key);
		  dispatch_semaphore_signal(done);
		});
	assert_non_null(end->interface);
	wait_for(done);
	assert_int_equal(outcome, VMNET_SUCCESS);
	assert_int_equal(vmnet_interface_set_event_callback(
				 end->interface, VMNET_INTERFACE_PACKETS_AVAILABLE, end->queue,
				 ^(interface_event_t events, xpc_object_t event) {
				   dispatch_semaphore_signal(end->available);
				 }),
			 VMNET_SUCCESS);
	dispatch_release(done);
	xpc_release(description);
}

static void stop(struct end *end)
{
	dispatch_semaphore_t done = dispatch_semaphore_create(0);

	assert_int_equal(vmnet_stop_interface(end->interface, end->queue,
					      ^(vmnet_return_t status) {
						dispatch_semaphore_signal(done);
					      }),
			 VMNET_SUCCESS);
	wait_for(done);
	dispatch_release(done);
	dispatch_release(end->queue);
	dispatch_release(end->available);
}

/* The next one of our EtherType or protocol, past what the network itself says. */
static size_t next(struct end *end, bool (^ours)(const uint8_t *packet, size_t len))
{
	for (;;) {
		struct iovec iov = { end->buffer, end->max };
		struct vmpktdesc packet = { end->max, &iov, 1, 0 };
		int n = 1;

		assert_int_equal(vmnet_read(end->interface, &packet, &n), VMNET_SUCCESS);
		if (n == 1 && ours(end->buffer, packet.vm_pkt_size))
			return packet.vm_pkt_size;
		if (n == 0)
			wait_for(end->available);
	}
}

static vmnet_return_t send_one(struct end *end, void *bytes, size_t len)
{
	struct iovec iov = { bytes, len };
	struct vmpktdesc packet = { len, &iov, 1, 0 };
	int n = 1;

	return vmnet_write(end->interface, &packet, &n);
}

static bool is_number(const uint8_t *packet, size_t len)
{
	return len >= 60 && packet[12] == 0x88 && packet[13] == 0xb5;
}

static void fill_number(uint8_t *packet, uint32_t number, size_t len)
{
	memset(packet, 0, len);
	memset(packet, 0xff, 6);
	packet[6] = 2;
	packet[12] = 0x88;
	packet[13] = 0xb5;
	memcpy(packet + 14, &number, sizeof(number));
}

/* Batches of a size that no queue on the way overflows with. */
static void packets_arrive_whole_and_in_order(void **state)
{
	static uint8_t bytes[BATCH][1514];
	struct vmpktdesc packets[BATCH];
	struct iovec iov[BATCH];
	uint32_t sent = 0, seen = 0;

	start(&a, NULL);
	start(&b, NULL);
	for (int round = 0; round < 300; round++) {
		struct end *from = round % 2 ? &a : &b, *to = round % 2 ? &b : &a;
		int n = BATCH;

		for (int i = 0; i < BATCH; i++) {
			size_t len = 60 + (size_t)(sent * 37 % 1455);

			fill_number(bytes[i], sent++, len);
			iov[i] = (struct iovec) { bytes[i], len };
			packets[i] = (struct vmpktdesc) { len, &iov[i], 1, 0 };
		}
		assert_int_equal(vmnet_write(from->interface, packets, &n), VMNET_SUCCESS);
		assert_int_equal(n, BATCH);
		for (int i = 0; i < BATCH; i++) {
			size_t len = next(to, ^(const uint8_t *packet, size_t length) {
			  return is_number(packet, length);
			});

			assert_int_equal(len, 60 + seen * 37 % 1455);
			assert_memory_equal(to->buffer + 14, &seen, sizeof(seen));
			seen++;
		}
	}
	stop(&a);
	stop(&b);
}

static void segments_of_64_KiB_arrive_with_good_checksums(void **state)
{
	__block size_t payload = 0;

	start(&a, ^(xpc_object_t description) {
	  xpc_dictionary_set_bool(description, vmnet_enable_tso_key, true);
	});
	start(&b, NULL);
	assert_int_equal(a.max, 65550);
	make_frame(&made, false, IPPROTO_TCP, false, 0, 65400);
	memset(made.bytes, 0xff, 6);
	assert_int_equal(send_one(&a, made.bytes, made.len), VMNET_SUCCESS);
	while (payload < 65400) {
		size_t len = next(&b, ^(const uint8_t *packet, size_t length) {
		  return (bool)(length > made.payload && packet[23] == IPPROTO_TCP);
		});

		assert_true(len <= 1514);
		assert_true(sums_are_right(&made, b.buffer, len));
		assert_memory_equal(b.buffer + made.payload, made.bytes + made.payload + payload,
				    len - made.payload);
		payload += len - made.payload;
	}
	assert_int_equal(payload, 65400);
	stop(&a);
	stop(&b);
}

static void checksums_are_finished_and_headers_come_off(void **state)
{
	static uint8_t with_header[2048];

	start(&a, ^(xpc_object_t description) {
	  xpc_dictionary_set_bool(description, vmnet_enable_checksum_offload_key, true);
	});
	start(&b, ^(xpc_object_t description) {
	  xpc_dictionary_set_bool(description, vmnet_enable_virtio_header_key, true);
	});
	make_frame(&made, true, IPPROTO_UDP, false, 0, 333);
	memset(made.bytes, 0xff, 6);
	assert_int_equal(send_one(&a, made.bytes, made.len), VMNET_SUCCESS);
	assert_int_equal(next(&b,
			      ^(const uint8_t *packet, size_t length) {
				return (bool)(length == made.len + 12);
			      }),
			 made.len + 12);
	assert_true(sums_are_right(&made, b.buffer + 12, made.len));

	memset(with_header, 0, 12);
	fill_number(with_header + 12, 7, 100);
	assert_int_equal(send_one(&b, with_header, 112), VMNET_SUCCESS);
	assert_int_equal(next(&a,
			      ^(const uint8_t *packet, size_t length) {
				return is_number(packet, length);
			      }),
			 100);
	stop(&a);
	stop(&b);
}

static void a_larger_mtu_carries_larger_packets(void **state)
{
	static uint8_t bytes[9015];
	describer_t describe = ^(xpc_object_t description) {
	  xpc_dictionary_set_uint64(description, vmnet_mtu_key, 9000);
	};

	start(&a, describe);
	start(&b, describe);
	assert_int_equal(a.max, 9014);
	fill_number(bytes, 1, sizeof(bytes));
	assert_int_equal(send_one(&a, bytes, 9015), VMNET_PACKET_TOO_BIG);
	assert_int_equal(send_one(&a, bytes, 9014), VMNET_SUCCESS);
	assert_int_equal(next(&b,
			      ^(const uint8_t *packet, size_t length) {
				return is_number(packet, length);
			      }),
			 9014);
	stop(&a);
	stop(&b);
}

static size_t open_files(void)
{
	DIR *fds = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(fds);
	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static void interfaces_come_and_go_without_a_trace(void **state)
{
	size_t before;

	start(&b, NULL); /* keeps the network */
	before = open_files();
	for (int i = 0; i < 30; i++) {
		start(&a, NULL);
		stop(&a);
	}
	assert_int_equal(open_files(), before);
	stop(&b);
}

static _Atomic(bool) ended;

static void *keep_writing(void *unused)
{
	uint8_t packet[60];

	fill_number(packet, 0, sizeof(packet));
	while (!ended)
		send_one(&a, packet, sizeof(packet));
	return unused;
}

static void *keep_reading(void *unused)
{
	struct iovec iov = { b.buffer, b.max };
	struct vmpktdesc packet;
	int n;

	while (!ended) {
		packet = (struct vmpktdesc) { b.max, &iov, 1, 0 };
		n = 1;
		vmnet_read(b.interface, &packet, &n);
	}
	return unused;
}

/* More than a network has guests on sockets of one port. */
static void seventy_interfaces_are_in_one_network(void **state)
{
	static struct end ends[70];
	uint8_t packet[60];

	for (size_t i = 0; i < 70; i++)
		start(&ends[i], NULL);
	fill_number(packet, 7, sizeof(packet));
	assert_int_equal(send_one(&ends[69], packet, sizeof(packet)), VMNET_SUCCESS);
	for (size_t i = 0; i < 69; i++)
		assert_int_equal(next(&ends[i],
				      ^(const uint8_t *got, size_t len) {
					return is_number(got, len);
				      }),
				 60);
	for (size_t i = 0; i < 70; i++)
		stop(&ends[i]);
}

static void stopping_under_load_is_safe(void **state)
{
	pthread_t reader, writer;

	for (int i = 0; i < 5; i++) {
		start(&a, NULL);
		start(&b, NULL);
		ended = false;
		assert_int_equal(pthread_create(&reader, NULL, keep_reading, NULL), 0);
		assert_int_equal(pthread_create(&writer, NULL, keep_writing, NULL), 0);
		wait_for(b.available); /* packets arrive */
		stop(&b);
		stop(&a);
		ended = true;
		pthread_join(reader, NULL);
		pthread_join(writer, NULL);
	}
}

static int make_dir(void **state)
{
	return mkdtemp(dir) && setenv("OUTRIGGER_VMNET_DIR", dir, 1) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_arrive_whole_and_in_order),
		cmocka_unit_test(segments_of_64_KiB_arrive_with_good_checksums),
		cmocka_unit_test(checksums_are_finished_and_headers_come_off),
		cmocka_unit_test(a_larger_mtu_carries_larger_packets),
		cmocka_unit_test(interfaces_come_and_go_without_a_trace),
		cmocka_unit_test(seventy_interfaces_are_in_one_network),
		cmocka_unit_test(stopping_under_load_is_safe),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
