/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_virtio_pci.c - the virtio-pci transport's registers, for a type of device that only takes
 * notes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "guest.h"
#include "pci/capabilities.h"
#include "virtio/pci.h"
#include "virtio/spec.h"

#define QUEUES	  3u
#define BAR	  VPCI_BAR
#define CONFIG	  RIG_PCI_CONFIG
#define RING	  (GUEST_BASE + 0x10000)
#define DATA	  (GUEST_BASE + 0x100000)
#define FEATURE_A (1ull << 3)
#define FEATURE_B (1ull << 5) /* needs A */

struct device {
	struct guest guest;
	struct vpci pci;
	struct ring ring;
	unsigned int resets, kicks[QUEUES], vectors[QUEUES + 1], logs[RIG_LOG_DEBUG + 1];
};

static bool type_features_valid(void *opaque, uint64_t features)
{
	return !(features & FEATURE_B) || (features & FEATURE_A);
}

static void type_config_read(void *opaque, uint64_t offset, void *buf, size_t count)
{
	memcpy(buf, &"0123456789ab"[offset], count);
}

static void type_reset(void *opaque)
{
	((struct device *)opaque)->resets++;
}

static void type_kicked(void *opaque, uint16_t queue)
{
	((struct device *)opaque)->kicks[queue]++;
}

static void type_log(void *opaque, enum rig_log_level level, const char *message)
{
	((struct device *)opaque)->logs[level]++;
}

static int trigger(void *opaque, uint32_t index, uint32_t vector)
{
	assert_int_equal(index, RIG_PCI_MSIX_IRQ);
	assert_in_range(vector, 0, QUEUES);
	((struct device *)opaque)->vectors[vector]++;
	return 0;
}

static int set_up(void **state)
{
	static const struct vpci_ops ops = {
		.features_valid = type_features_valid,
		.config_read = type_config_read,
		.reset = type_reset,
		.kicked = type_kicked,
		.log = type_log,
	};
	static const uint16_t sizes[QUEUES] = { 256, 256, 64 };
	static const struct vpci_type type = {
		.virtio_id = 1,
		.class_code = 0x020000,
		.features = FEATURE_A | FEATURE_B,
		.config_size = 12,
		.queue_sizes = sizes,
		.n_queues = QUEUES,
		.ops = &ops,
	};
	struct device *d = calloc(1, sizeof(*d));
	struct vpci_bus bus = { { guest_translate, &d->guest }, trigger, d };

	guest_init(&d->guest);
	vpci_init(&d->pci, &type, &bus, d);
	d->resets = 0;
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct device *d = *state;

	guest_free(&d->guest);
	free(d);
	return 0;
}

static uint64_t get(struct device *d, uint32_t region, uint64_t offset, size_t count)
{
	uint64_t value = 0;

	assert_int_equal(vpci_region_read(&d->pci, region, offset, &value, count), 0);
	return value;
}

static void set(struct device *d, uint32_t region, uint64_t offset, size_t count, uint64_t value)
{
	assert_int_equal(vpci_region_write(&d->pci, region, offset, &value, count), 0);
}

static void accept_features(struct device *d, uint64_t features)
{
	set(d, BAR, 8, 4, 0);
	set(d, BAR, 12, 4, (uint32_t)features);
	set(d, BAR, 8, 4, 1);
	set(d, BAR, 12, 4, features >> 32);
}

static void negotiate(struct device *d, uint64_t features)
{
	set(d, BAR, 20, 1, 0);
	set(d, BAR, 20, 1, 1);
	set(d, BAR, 20, 1, 3);
	accept_features(d, features);
	set(d, BAR, 20, 1, 11);
}

static void set_queue(struct device *d, uint16_t queue, const struct ring *ring)
{
	set(d, BAR, 22, 2, queue);
	set(d, BAR, 24, 2, ring->size);
	set(d, BAR, 26, 2, queue + 1u);
	set(d, BAR, 32, 4, (uint32_t)ring->desc);
	set(d, BAR, 36, 4, ring->desc >> 32);
	set(d, BAR, 40, 4, (uint32_t)ring->avail);
	set(d, BAR, 44, 4, ring->avail >> 32);
	set(d, BAR, 48, 4, (uint32_t)ring->used);
	set(d, BAR, 52, 4, ring->used >> 32);
}

static void kick(struct device *d, uint16_t queue)
{
	set(d, BAR, 0x4000 + 0x1000u * queue, 2, queue);
}

/* Queue 1 works, with vector 2; the configuration has vector 0. */
static void run(struct device *d)
{
	negotiate(d, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET);
	set(d, BAR, 16, 2, 0);
	ring_init(&d->ring, &d->guest, RING, 16, false);
	set_queue(d, 1, &d->ring);
	set(d, BAR, 28, 2, 1);
	set(d, BAR, 20, 1, 15);
	assert_true(vpci_running(&d->pci));
	memset(d->kicks, 0, sizeof(d->kicks));
}

static void use_one(struct device *d)
{
	assert_int_equal(vq_fill(vpci_vq(&d->pci, 1), 0, 0, 0), 0);
	assert_int_equal(vq_publish(vpci_vq(&d->pci, 1), 1), 0);
}

/*
 * What the guest finds
 */

static void the_function_is_a_modern_virtio_device_without_intx(void **state)
{
	struct device *d = *state;

	assert_int_equal(get(d, CONFIG, 0, 4), 0x10411af4);
	assert_int_equal(get(d, CONFIG, 8, 4), 0x02000001);
	assert_true(get(d, CONFIG, 0x2e, 2) >= 0x40);
	assert_int_equal(get(d, CONFIG, 0x3d, 1), 0);
	assert_int_equal(d->pci.irqs[RIG_PCI_INTX_IRQ].count, 0);
	assert_int_equal(d->pci.irqs[RIG_PCI_ERR_IRQ].count, 0);
	assert_int_equal(d->pci.irqs[RIG_PCI_MSIX_IRQ].count, QUEUES + 1);
	assert_int_equal(d->pci.irqs[RIG_PCI_MSIX_IRQ].flags, RIG_IRQ_EVENTFD);
}

static void regions_agree_with_bars_and_none_can_be_mapped(void **state)
{
	struct device *d = *state;

	for (unsigned int i = 0; i < RIG_PCI_REGIONS; i++)
		assert_int_equal(d->pci.regions[i].flags & RIG_REGION_MMAP, 0);
	set(d, CONFIG, 0x10, 4, 0xffffffff);
	assert_int_equal(get(d, CONFIG, 0x10, 4), (uint32_t)-d->pci.regions[0].size);
	set(d, CONFIG, 0x20, 8, UINT64_MAX);
	assert_true(get(d, CONFIG, 0x20, 8) == (-d->pci.regions[4].size | 4));
}

/* Walks the list as a driver does. Return: where the capability of this type is, 0: nowhere. */
static uint16_t find_cap(struct device *d, uint8_t type)
{
	uint16_t at = (uint16_t)get(d, CONFIG, 0x34, 1);

	for (unsigned int i = 0; at && i < 48; i++, at = (uint16_t)get(d, CONFIG, at + 1u, 1)) {
		if (get(d, CONFIG, at, 1) == PCI_CAP_ID_VENDOR &&
		    get(d, CONFIG, at + 3u, 1) == type)
			return at;
	}
	return 0;
}

static void each_structure_has_a_capability_inside_its_bar(void **state)
{
	struct device *d = *state;
	uint64_t end = 0;

	for (uint8_t type = 1; type <= 4; type++) {
		uint16_t at = find_cap(d, type);
		uint64_t offset = get(d, CONFIG, at + 8u, 4), len = get(d, CONFIG, at + 12u, 4);

		assert_int_not_equal(at, 0);
		assert_int_equal(get(d, CONFIG, at + 2u, 1), type == 2 ? 20 : 16);
		assert_int_equal(get(d, CONFIG, at + 4u, 1), BAR);
		assert_int_equal(offset % 4096, 0);
		assert_true(offset + len <= d->pci.regions[BAR].size);
		if (offset + len > end)
			end = offset + len;
	}
	assert_int_equal(get(d, CONFIG, find_cap(d, 2) + 16u, 4), 4096);
	assert_int_equal(end, 0x4000 + QUEUES * 4096);
	assert_int_equal(get(d, CONFIG, find_cap(d, 1) + 12u, 4), 60); /* with queue_reset */
	assert_int_not_equal(find_cap(d, 5), 0);
}

/*
 * The common configuration
 */

static const struct {
	uint8_t offset, width;
} registers[] = {
	{ 0, 4 },  { 4, 4 },  { 8, 4 },	 { 12, 4 }, { 16, 2 }, { 18, 2 }, { 20, 1 },
	{ 21, 1 }, { 22, 2 }, { 24, 2 }, { 26, 2 }, { 28, 2 }, { 30, 2 }, { 32, 4 },
	{ 36, 4 }, { 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 4 }, { 58, 2 },
};

static bool is_register(uint64_t offset, size_t width)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (registers[i].offset == offset)
			return registers[i].width == width;
	}
	return false;
}

/* Everything in the first page that is not exactly a register, with a driver at work: the worst
 * time for it. */
static void an_access_that_is_no_register_reads_zero_and_writes_nothing(void **state)
{
	static const size_t widths[] = { 1, 2, 3, 4, 5, 8, 16 };
	struct device *d = *state;
	struct vpci before;
	uint8_t ones[16], zero[16] = { 0 }, buf[16];

	run(d);
	before = d->pci;
	memset(ones, 0xff, sizeof(ones));
	for (uint64_t offset = 0; offset < 0x1000; offset++) {
		for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
			if (is_register(offset, widths[i]))
				continue;
			vpci_region_read(&d->pci, BAR, offset, buf, widths[i]);
			assert_memory_equal(buf, zero, widths[i]);
			vpci_region_write(&d->pci, BAR, offset, ones, widths[i]);
			vpci_region_write(&d->pci, BAR, offset, zero, widths[i]);
		}
	}
	assert_memory_equal(&d->pci, &before, sizeof(before));
	assert_true(d->logs[RIG_LOG_DEBUG] > 0);
	assert_int_equal(d->logs[RIG_LOG_WARNING], 0);
}

static void read_only_registers_ignore_writes(void **state)
{
	static const uint8_t read_only[] = { 4, 18, 21, 30 };
	struct device *d = *state;

	for (size_t i = 0; i < sizeof(read_only); i++) {
		size_t width = read_only[i] == 4 ? 4 : read_only[i] == 21 ? 1 : 2;
		uint64_t before = get(d, BAR, read_only[i], width);

		set(d, BAR, read_only[i], width, ~before);
		assert_int_equal(get(d, BAR, read_only[i], width), before);
	}
	assert_int_equal(get(d, BAR, 18, 2), QUEUES);
}

static void features_are_read_in_halves_and_there_are_only_two(void **state)
{
	struct device *d = *state;

	set(d, BAR, 0, 4, 0);
	assert_int_equal(get(d, BAR, 4, 4), FEATURE_A | FEATURE_B | 3u << 28);
	set(d, BAR, 0, 4, 1);
	assert_int_equal(get(d, BAR, 4, 4), 1u << 0 | 1u << 1 | 1u << 8);
	set(d, BAR, 0, 4, 2);
	assert_int_equal(get(d, BAR, 4, 4), 0);
	set(d, BAR, 8, 4, 0x80000000);
	set(d, BAR, 12, 4, 0xffffffff);
	assert_int_equal(d->pci.driver_features, 0);
}

static void features_ok_is_refused_without_version_1(void **state)
{
	struct device *d = *state;

	negotiate(d, FEATURE_A);
	assert_int_equal(get(d, BAR, 20, 1), 3);
}

static void features_ok_is_refused_for_what_was_not_offered(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1 | 1ull << 7);
	assert_int_equal(get(d, BAR, 20, 1), 3);
	negotiate(d, VIRTIO_F_VERSION_1 | 1ull << 63);
	assert_int_equal(get(d, BAR, 20, 1), 3);
}

static void features_ok_is_refused_when_the_type_of_device_objects(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1 | FEATURE_B);
	assert_int_equal(get(d, BAR, 20, 1), 3);
	negotiate(d, VIRTIO_F_VERSION_1 | FEATURE_A | FEATURE_B);
	assert_int_equal(get(d, BAR, 20, 1), 11);
}

static void a_refused_driver_may_try_again(void **state)
{
	struct device *d = *state;

	negotiate(d, FEATURE_A);
	accept_features(d, VIRTIO_F_VERSION_1);
	set(d, BAR, 20, 1, 11);
	assert_int_equal(get(d, BAR, 20, 1), 11);
}

static void features_are_settled_by_features_ok(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1);
	accept_features(d, VIRTIO_F_VERSION_1 | FEATURE_A);
	assert_false(vpci_has_feature(&d->pci, FEATURE_A));
	assert_true(vpci_has_feature(&d->pci, VIRTIO_F_VERSION_1));
}

static void driver_ok_without_features_ok_is_ignored(void **state)
{
	struct device *d = *state;

	set(d, BAR, 20, 1, 7);
	assert_int_equal(get(d, BAR, 20, 1), 3);
	assert_false(vpci_running(&d->pci));
}

static void status_bits_only_come(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, BAR, 20, 1, 1);
	assert_int_equal(get(d, BAR, 20, 1), 15);
	set(d, BAR, 20, 1, 0x70); /* needs-reset is not the driver's; the others do not exist */
	assert_int_equal(get(d, BAR, 20, 1), 15);
	set(d, BAR, 20, 1, 0x80);
	assert_int_equal(get(d, BAR, 20, 1), 0x8f);
	assert_false(vpci_running(&d->pci));
}

static void vectors_that_do_not_exist_read_back_as_none(void **state)
{
	static const uint32_t wrong[] = { QUEUES + 1, 0x7fff, 0xfffe, 0xffff };
	struct device *d = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set(d, BAR, 16, 2, QUEUES);
		set(d, BAR, 26, 2, QUEUES);
		assert_int_equal(get(d, BAR, 16, 2), QUEUES);
		assert_int_equal(get(d, BAR, 26, 2), QUEUES);
		set(d, BAR, 16, 2, wrong[i]);
		set(d, BAR, 26, 2, wrong[i]);
		assert_int_equal(get(d, BAR, 16, 2), 0xffff);
		assert_int_equal(get(d, BAR, 26, 2), 0xffff);
	}
}

static void queue_sizes_that_cannot_be_are_ignored(void **state)
{
	static const uint32_t wrong[] = { 0, 3, 255, 512, 0xffff };
	struct device *d = *state;

	assert_int_equal(get(d, BAR, 24, 2), 256);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set(d, BAR, 24, 2, wrong[i]);
		assert_int_equal(get(d, BAR, 24, 2), 256);
	}
	set(d, BAR, 24, 2, 1);
	assert_int_equal(get(d, BAR, 24, 2), 1);
}

static void a_queue_that_does_not_exist_has_size_zero_and_takes_nothing(void **state)
{
	struct device *d = *state;
	struct vpci before;

	negotiate(d, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET);
	set(d, BAR, 22, 2, QUEUES);
	before = d->pci;
	ring_init(&d->ring, &d->guest, RING, 16, false);
	set_queue(d, QUEUES, &d->ring);
	set(d, BAR, 28, 2, 1);
	set(d, BAR, 58, 2, 1);
	assert_int_equal(get(d, BAR, 24, 2), 0);
	assert_int_equal(get(d, BAR, 26, 2), 0xffff);
	assert_int_equal(get(d, BAR, 28, 2), 0);
	assert_int_equal(get(d, BAR, 32, 4), 0);
	assert_memory_equal(&d->pci, &before, sizeof(before));
}

static void each_queue_has_its_own_registers(void **state)
{
	struct device *d = *state;

	for (uint16_t i = 0; i < QUEUES; i++) {
		set(d, BAR, 22, 2, i);
		set(d, BAR, 36, 4, 0x100u + i);
		set(d, BAR, 32, 4, 0x200u + i);
		set(d, BAR, 24, 2, 16u << i);
	}
	for (uint16_t i = 0; i < QUEUES; i++) {
		set(d, BAR, 22, 2, i);
		assert_int_equal(get(d, BAR, 36, 4), 0x100u + i);
		assert_int_equal(get(d, BAR, 32, 4), 0x200u + i);
		assert_int_equal(get(d, BAR, 24, 2), 16u << i);
		assert_int_equal(get(d, BAR, 30, 2), i);
		assert_true(d->pci.queues[i].address[0] == ((0x100ull + i) << 32 | (0x200u + i)));
	}
}

static void an_enabled_queue_does_not_move(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, BAR, 32, 4, 0);
	set(d, BAR, 24, 2, 8);
	set(d, BAR, 28, 2, 0);
	assert_int_equal(get(d, BAR, 32, 4), RING);
	assert_int_equal(get(d, BAR, 24, 2), 16);
	assert_int_equal(get(d, BAR, 28, 2), 1);
}

static void a_queue_is_not_enabled_before_features_ok_nor_by_another_value(void **state)
{
	struct device *d = *state;

	ring_init(&d->ring, &d->guest, RING, 16, false);
	set_queue(d, 0, &d->ring);
	set(d, BAR, 28, 2, 1);
	assert_int_equal(get(d, BAR, 28, 2), 0);
	negotiate(d, VIRTIO_F_VERSION_1);
	set_queue(d, 0, &d->ring);
	set(d, BAR, 28, 2, 2);
	assert_int_equal(get(d, BAR, 28, 2), 0);
	set(d, BAR, 28, 2, 1);
	assert_int_equal(get(d, BAR, 28, 2), 1);
}

static void a_queue_outside_memory_is_not_enabled_and_needs_a_reset(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, BAR, 22, 2, 0);
	set(d, BAR, 28, 2, 1); /* with addresses 0 */
	assert_int_equal(get(d, BAR, 28, 2), 0);
	assert_int_equal(get(d, BAR, 20, 1), 15 | 64);
	assert_int_equal(d->vectors[0], 1);
	assert_int_equal(d->logs[RIG_LOG_WARNING], 1);
	assert_false(vpci_running(&d->pci));
}

/* "2.1.2": who sets DRIVER_OK after NEEDS_RESET is told then, having had no ears before. */
static void a_queue_that_failed_before_driver_ok_is_told_of_with_it(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1);
	set(d, BAR, 16, 2, 0);
	set(d, BAR, 22, 2, 0);
	set(d, BAR, 28, 2, 1); /* with addresses 0 */
	assert_int_equal(get(d, BAR, 20, 1), 11 | 64);
	assert_int_equal(d->vectors[0], 0);
	set(d, BAR, 20, 1, 15);
	assert_int_equal(get(d, BAR, 20, 1), 15 | 64);
	assert_int_equal(d->vectors[0], 1);
	assert_int_equal(d->kicks[0], 0);
}

/*
 * Kicks and interrupts
 */

static void a_kick_reaches_its_queue(void **state)
{
	struct device *d = *state;

	run(d);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 1);
}

static void wrong_kicks_are_ignored(void **state)
{
	struct device *d = *state;

	run(d);
	kick(d, 0);		   /* not enabled */
	kick(d, QUEUES);	   /* does not exist, though its page does */
	set(d, BAR, 0x5000, 2, 2); /* the value of another */
	set(d, BAR, 0x5000, 4, 1); /* too wide */
	set(d, BAR, 0x5000, 1, 1); /* too narrow */
	set(d, BAR, 0x5002, 2, 1); /* beside it */
	set(d, BAR, d->pci.regions[BAR].size - 2, 2, 3);
	assert_int_equal(get(d, BAR, 0x5000, 2), 0);
	for (unsigned int i = 0; i < QUEUES; i++)
		assert_int_equal(d->kicks[i], 0);
}

/* QEMU with memory-backend-memfd,share=off: the guest fills its own copy of the ring. */
static void a_kick_for_a_ring_that_was_never_filled_is_told_once(void **state)
{
	struct device *d = *state;

	run(d);
	kick(d, 1);
	kick(d, 1);
	assert_int_equal(d->logs[RIG_LOG_WARNING], 1);
	assert_int_equal(d->kicks[1], 2);
}

static void a_late_kick_for_a_ring_that_was_emptied_is_not_told(void **state)
{
	struct device *d = *state;
	struct vq_chain chain;

	run(d);
	ring_offer_one(&d->ring, 0, DATA, 64, 0);
	kick(d, 1);
	assert_int_equal(vq_pop(vpci_vq(&d->pci, 1), &chain), 1);
	kick(d, 1);
	assert_int_equal(d->logs[RIG_LOG_WARNING], 0);
}

static void kicks_before_driver_ok_are_made_up_for(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1);
	ring_init(&d->ring, &d->guest, RING, 16, false);
	set_queue(d, 1, &d->ring);
	set(d, BAR, 28, 2, 1);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 0);
	set(d, BAR, 20, 1, 15);
	assert_int_equal(d->kicks[1], 1);
	assert_int_equal(d->kicks[0], 0);
}

static void a_queue_interrupts_by_its_vector(void **state)
{
	struct device *d = *state;

	run(d);
	use_one(d);
	assert_true(vpci_interrupt(&d->pci, 1));
	assert_int_equal(d->vectors[2], 1);
	assert_false(vpci_interrupt(&d->pci, 1)); /* nothing new */
	set(d, BAR, 22, 2, 1);
	set(d, BAR, 26, 2, 0xffff);
	use_one(d);
	assert_false(vpci_interrupt(&d->pci, 1));
	assert_int_equal(d->vectors[2], 1);
}

static void the_isr_collects_while_msix_is_off_and_reading_clears_it(void **state)
{
	struct device *d = *state;

	run(d);
	assert_int_equal(get(d, BAR, 0x1000, 1), 0);
	use_one(d);
	vpci_interrupt(&d->pci, 1);
	assert_int_equal(get(d, BAR, 0x1000, 4), 0); /* not its width: not read, not cleared */
	assert_int_equal(get(d, BAR, 0x1000, 1), 1);
	assert_int_equal(get(d, BAR, 0x1000, 1), 0);
	vpci_config_changed(&d->pci);
	use_one(d);
	vpci_interrupt(&d->pci, 1);
	assert_int_equal(get(d, BAR, 0x1000, 1), 3);
}

static void the_isr_stays_zero_while_msix_is_on(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, CONFIG, d->pci.msix_cap + 2u, 2, 0x8000);
	use_one(d);
	vpci_interrupt(&d->pci, 1);
	vpci_config_changed(&d->pci);
	assert_int_equal(get(d, BAR, 0x1000, 1), 0);
	assert_int_equal(d->vectors[0], 1);
	assert_int_equal(d->vectors[2], 1);
}

static void a_changed_configuration_has_a_new_generation(void **state)
{
	struct device *d = *state;
	uint64_t before = get(d, BAR, 21, 1);

	vpci_config_changed(&d->pci);
	assert_int_not_equal(get(d, BAR, 21, 1), before);
	assert_int_equal(d->vectors[0], 0); /* no driver: nobody to tell */
}

static void device_configuration_is_read_in_any_width(void **state)
{
	struct device *d = *state;
	uint8_t buf[32];

	vpci_region_read(&d->pci, BAR, 0x2000, buf, 12);
	assert_memory_equal(buf, "0123456789ab", 12);
	vpci_region_read(&d->pci, BAR, 0x2007, buf, 2);
	assert_memory_equal(buf, "78", 2);
	vpci_region_read(&d->pci, BAR, 0x200a, buf, 8);
	assert_memory_equal(buf, "ab\0\0\0\0\0", 8);
	assert_int_equal(get(d, BAR, 0x200c, 4), 0);
	assert_int_equal(get(d, BAR, 0x3ffc, 4), 0);
}

/*
 * Reset
 */

static void status_zero_resets_all_but_configuration_space(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, CONFIG, 0x3c, 1, 0x77);
	set(d, BAR, 20, 1, 0);
	assert_int_equal(d->resets, 2); /* negotiate() did one */
	assert_int_equal(get(d, BAR, 20, 1), 0);
	assert_int_equal(get(d, BAR, 16, 2), 0xffff);
	assert_int_equal(get(d, BAR, 22, 2), 0);
	set(d, BAR, 22, 2, 1);
	assert_int_equal(get(d, BAR, 24, 2), 256);
	assert_int_equal(get(d, BAR, 26, 2), 0xffff);
	assert_int_equal(get(d, BAR, 28, 2), 0);
	assert_int_equal(get(d, BAR, 32, 4), 0);
	assert_int_equal(get(d, CONFIG, 0x3c, 1), 0x77);
}

static void a_function_reset_is_like_power_on(void **state)
{
	struct device *d = *state;
	struct vpci before = d->pci;

	run(d);
	set(d, CONFIG, 0x3c, 1, 0x77);
	set(d, CONFIG, d->pci.msix_cap + 2u, 2, 0x8000);
	set(d, VPCI_MSIX_BAR, 0, 4, 0xfee00000);
	vpci_reset(&d->pci);
	assert_memory_equal(&d->pci, &before, sizeof(before));
}

static void a_queue_reset_alone_leaves_the_others(void **state)
{
	struct device *d = *state;
	struct ring other;

	run(d);
	ring_init(&other, &d->guest, RING + 0x10000, 32, false);
	set_queue(d, 0, &other);
	set(d, BAR, 28, 2, 1);
	assert_int_equal(d->kicks[0], 1); /* enabled while running: look at it */

	set(d, BAR, 22, 2, 1);
	set(d, BAR, 58, 2, 1);
	assert_int_equal(get(d, BAR, 58, 2), 0);
	assert_int_equal(get(d, BAR, 28, 2), 0);
	assert_int_equal(get(d, BAR, 24, 2), 256);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 0);
	kick(d, 0);
	assert_int_equal(d->kicks[0], 2);

	ring_init(&d->ring, &d->guest, RING, 8, false);
	set_queue(d, 1, &d->ring);
	set(d, BAR, 28, 2, 1);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 2);
}

static void a_queue_reset_that_was_not_negotiated_is_ignored(void **state)
{
	struct device *d = *state;

	negotiate(d, VIRTIO_F_VERSION_1);
	ring_init(&d->ring, &d->guest, RING, 16, false);
	set_queue(d, 1, &d->ring);
	set(d, BAR, 28, 2, 1);
	set(d, BAR, 58, 2, 1);
	assert_int_equal(get(d, BAR, 28, 2), 1);
}

static void a_broken_queue_asks_for_a_reset_and_says_so_once(void **state)
{
	struct device *d = *state;
	struct vq_chain chain;

	run(d);
	ring_offer(&d->ring, 16);
	assert_int_equal(vq_pop(vpci_vq(&d->pci, 1), &chain), -EPROTO);
	vpci_queue_failed(&d->pci, 1);
	assert_int_equal(get(d, BAR, 20, 1), 15 | 64);
	assert_int_equal(d->vectors[0], 1);
	assert_int_equal(d->logs[RIG_LOG_WARNING], 1);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 0);
	run(d);
	assert_int_equal(get(d, BAR, 20, 1), 15);
}

/* vfio-user: state outlives a client that disconnects, its memory does not. */
static void after_a_client_registers_stay_and_queues_are_dead(void **state)
{
	struct device *d = *state;

	run(d);
	set(d, CONFIG, 0x3c, 1, 0x77);
	d->guest.n_ranges = 0;
	vpci_client_gone(&d->pci);
	assert_int_equal(get(d, BAR, 20, 1), 15 | 64);
	assert_int_equal(get(d, BAR, 32, 4), RING);
	assert_int_equal(get(d, CONFIG, 0x3c, 1), 0x77);

	/* another guest, another thing at that address */
	guest_map(&d->guest, GUEST_BASE, GUEST_SIZE, GUEST_RW);
	vpci_memory_mapped(&d->pci);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 0);
	assert_false(vpci_running(&d->pci));
	run(d);
	kick(d, 1);
	assert_int_equal(d->kicks[1], 1);
}

static void after_a_client_without_a_driver_nothing_is_needed(void **state)
{
	struct device *d = *state;

	vpci_client_gone(&d->pci);
	assert_int_equal(get(d, BAR, 20, 1), 0);
}

static void memory_that_comes_back_wakes_a_suspended_queue(void **state)
{
	struct device *d = *state;

	run(d);
	vpci_memory_mapped(&d->pci);
	assert_int_equal(d->kicks[1], 0); /* it was not suspended */
	vpci_memory_unmapping(&d->pci);
	vpci_memory_mapped(&d->pci);
	assert_int_equal(d->kicks[1], 1);
}

/*
 * The window in configuration space ("4.1.4.9")
 */

static void aim(struct device *d, uint8_t bar, uint32_t offset, uint32_t len)
{
	uint16_t at = d->pci.window_cap;

	set(d, CONFIG, at + 4u, 1, bar);
	set(d, CONFIG, at + 8u, 4, offset);
	set(d, CONFIG, at + 12u, 4, len);
}

static void the_window_reads_and_writes_registers(void **state)
{
	struct device *d = *state;
	uint16_t data = d->pci.window_cap + 16u;

	aim(d, BAR, 18, 2);
	assert_int_equal(get(d, CONFIG, data, 2), QUEUES);
	aim(d, BAR, 20, 1);
	set(d, CONFIG, data, 1, 3);
	assert_int_equal(get(d, BAR, 20, 1), 3);
	assert_int_equal(get(d, CONFIG, data, 1), 3);
	aim(d, BAR, 0, 4);
	set(d, CONFIG, data, 4, 1);
	aim(d, BAR, 4, 4);
	assert_int_equal(get(d, CONFIG, data, 4), d->pci.offered >> 32);
	aim(d, VPCI_MSIX_BAR, 12, 4);
	assert_int_equal(get(d, CONFIG, data, 4), 1);
}

static void the_window_kicks(void **state)
{
	struct device *d = *state;

	run(d);
	aim(d, BAR, 0x5000, 2);
	set(d, CONFIG, d->pci.window_cap + 16u, 2, 1);
	assert_int_equal(d->kicks[1], 1);
}

static void a_window_aimed_at_nothing_does_nothing(void **state)
{
	static const struct {
		uint8_t bar;
		uint32_t offset, len;
	} wrong[] = {
		{ 1, 20, 1 },	  { 5, 20, 1 }, { 7, 20, 1 },	   { 0xff, 20, 1 },
		{ 4, 20, 0 },	  { 4, 18, 3 }, { 4, 0, 8 },	   { 4, 20, 0xffffffff },
		{ 4, 21, 2 },	  { 4, 2, 4 },	{ 4, 8000000, 4 }, { 4, 0xfffffffc, 4 },
		{ 0, 0x2000, 4 },
	};
	struct device *d = *state;
	struct vpci before;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint16_t data = d->pci.window_cap + 16u;

		set(d, CONFIG, data, 4, 0);
		aim(d, wrong[i].bar, wrong[i].offset, wrong[i].len);
		before = d->pci;
		get(d, CONFIG, data, 4);
		set(d, CONFIG, data, 4, 0xffffffff);
		assert_int_equal(get(d, CONFIG, data, 4), 0xffffffff);
		set(d, CONFIG, data, 4, 0);
		assert_memory_equal(&d->pci, &before, sizeof(before));
	}
}

/* QEMU's first act: it must not disturb anything. */
static void reading_all_of_configuration_space_changes_nothing(void **state)
{
	struct device *d = *state;
	struct vpci before = d->pci;
	uint8_t all[PCI_CONFIG_SPACE];

	vpci_region_read(&d->pci, CONFIG, 0, all, sizeof(all));
	assert_memory_equal(all, before.config.value, sizeof(all));
	assert_memory_equal(&d->pci, &before, sizeof(before));
}

static void regions_that_do_not_exist_are_refused(void **state)
{
	static const uint32_t wrong[] = { 1, 2, 3, 5, 6, 8, 9, UINT32_MAX };
	struct device *d = *state;
	uint32_t value = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(vpci_region_read(&d->pci, wrong[i], 0, &value, 4), -EINVAL);
		assert_int_equal(vpci_region_write(&d->pci, wrong[i], 0, &value, 4), -EINVAL);
	}
}

/* Any accesses at all: nothing to be asserted but what the sanitizers and the device's own
 * assertions see. */
static void random_accesses_do_no_harm(void **state)
{
	static const uint32_t regions[] = { VPCI_MSIX_BAR, BAR, BAR, BAR, CONFIG };
	struct device *d = *state;
	uint64_t seed = 11;

	for (unsigned int step = 0; step < 400000; step++) {
		uint32_t region = regions[test_random(&seed) % 5];
		size_t count = 1u << test_random(&seed) % 4;
		uint64_t size = d->pci.regions[region].size;
		uint64_t offset = test_random(&seed) % (size - count);
		uint64_t value = test_random(&seed);

		if (region == BAR && test_random(&seed) % 4)
			offset = test_random(&seed) % 64 & ~(uint64_t)(count - 1);
		if (test_random(&seed) % 2)
			value = test_random(&seed) % 16;
		if (test_random(&seed) % 3)
			set(d, region, offset, count, value);
		else
			get(d, region, offset, count);
	}
	run(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_function_is_a_modern_virtio_device_without_intx),
		TEST(regions_agree_with_bars_and_none_can_be_mapped),
		TEST(each_structure_has_a_capability_inside_its_bar),
		TEST(an_access_that_is_no_register_reads_zero_and_writes_nothing),
		TEST(read_only_registers_ignore_writes),
		TEST(features_are_read_in_halves_and_there_are_only_two),
		TEST(features_ok_is_refused_without_version_1),
		TEST(features_ok_is_refused_for_what_was_not_offered),
		TEST(features_ok_is_refused_when_the_type_of_device_objects),
		TEST(a_refused_driver_may_try_again),
		TEST(features_are_settled_by_features_ok),
		TEST(driver_ok_without_features_ok_is_ignored),
		TEST(status_bits_only_come),
		TEST(vectors_that_do_not_exist_read_back_as_none),
		TEST(queue_sizes_that_cannot_be_are_ignored),
		TEST(a_queue_that_does_not_exist_has_size_zero_and_takes_nothing),
		TEST(each_queue_has_its_own_registers),
		TEST(an_enabled_queue_does_not_move),
		TEST(a_queue_is_not_enabled_before_features_ok_nor_by_another_value),
		TEST(a_queue_outside_memory_is_not_enabled_and_needs_a_reset),
		TEST(a_queue_that_failed_before_driver_ok_is_told_of_with_it),
		TEST(a_kick_reaches_its_queue),
		TEST(wrong_kicks_are_ignored),
		TEST(a_kick_for_a_ring_that_was_never_filled_is_told_once),
		TEST(a_late_kick_for_a_ring_that_was_emptied_is_not_told),
		TEST(kicks_before_driver_ok_are_made_up_for),
		TEST(a_queue_interrupts_by_its_vector),
		TEST(the_isr_collects_while_msix_is_off_and_reading_clears_it),
		TEST(the_isr_stays_zero_while_msix_is_on),
		TEST(a_changed_configuration_has_a_new_generation),
		TEST(device_configuration_is_read_in_any_width),
		TEST(status_zero_resets_all_but_configuration_space),
		TEST(a_function_reset_is_like_power_on),
		TEST(a_queue_reset_alone_leaves_the_others),
		TEST(a_queue_reset_that_was_not_negotiated_is_ignored),
		TEST(a_broken_queue_asks_for_a_reset_and_says_so_once),
		TEST(after_a_client_registers_stay_and_queues_are_dead),
		TEST(after_a_client_without_a_driver_nothing_is_needed),
		TEST(memory_that_comes_back_wakes_a_suspended_queue),
		TEST(the_window_reads_and_writes_registers),
		TEST(the_window_kicks),
		TEST(a_window_aimed_at_nothing_does_nothing),
		TEST(reading_all_of_configuration_space_changes_nothing),
		TEST(regions_that_do_not_exist_are_refused),
		TEST(random_accesses_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
