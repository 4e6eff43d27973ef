/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pci_config.c - configuration space, capabilities and the MSI-X table, bit by bit
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"
#include "pci/capabilities.h"
#include "pci/config.h"
#include "pci/msix.h"

#define CAP_PTR 0x34u

static const struct pci_ids ids = {
	.vendor = 0x1af4,
	.device = 0x1041,
	.subsystem_vendor = 0x1234,
	.subsystem = 0x5678,
	.revision = 9,
	.class_code = 0x020304,
};

static int set_up(void **state)
{
	struct pci_config *config = malloc(sizeof(*config));

	pci_config_init(config, &ids, 0);
	*state = config;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static uint64_t get(const struct pci_config *config, uint16_t offset, size_t count)
{
	uint64_t value = 0;

	pci_config_read(config, offset, &value, count);
	return value;
}

static void set(struct pci_config *config, uint16_t offset, size_t count, uint64_t value)
{
	pci_config_write(config, offset, &value, count);
}

static void the_header_names_the_device(void **state)
{
	struct pci_config *config = *state;

	assert_int_equal(get(config, 0x00, 2), 0x1af4);
	assert_int_equal(get(config, 0x02, 2), 0x1041);
	assert_int_equal(get(config, 0x08, 4), 0x02030409);
	assert_int_equal(get(config, 0x0e, 1), 0); /* type 0, one function */
	assert_int_equal(get(config, 0x2c, 2), 0x1234);
	assert_int_equal(get(config, 0x2e, 2), 0x5678);
	assert_int_equal(get(config, 0x3d, 1), 0);
	assert_int_equal(get(config, 0x100, 4), 0); /* no extended capability */
}

static void read_only_registers_ignore_writes(void **state)
{
	static const uint16_t read_only[] = {
		0x00, 0x02, 0x08, 0x0e, 0x28, 0x2c, 0x34, 0x3d, 0xffc
	};
	struct pci_config *config = *state;

	for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
		uint64_t before = get(config, read_only[i], 2);

		set(config, read_only[i], 2, ~before);
		assert_int_equal(get(config, read_only[i], 2), before);
	}
}

static void command_bits_without_a_function_stay_zero(void **state)
{
	struct pci_config *config = *state;

	set(config, 0x04, 2, 0xffff);
	assert_int_equal(get(config, 0x04, 2), 0x0544); /* no BAR yet: no I/O, no memory */
	pci_config_add_bar(config, 0, PCI_BAR_MEM32, 4096);
	set(config, 0x04, 2, 0xffff);
	assert_int_equal(get(config, 0x04, 2), 0x0546);
	pci_config_add_bar(config, 1, PCI_BAR_IO, 4);
	set(config, 0x04, 2, 0xffff);
	assert_int_equal(get(config, 0x04, 2), 0x0547);
}

static void interrupt_line_and_cache_line_are_scratch(void **state)
{
	struct pci_config *config = *state;

	set(config, 0x3c, 1, 0xa5);
	set(config, 0x0c, 1, 0x5a);
	assert_int_equal(get(config, 0x3c, 1), 0xa5);
	assert_int_equal(get(config, 0x0c, 1), 0x5a);
}

static void writing_one_clears_an_error_and_zero_does_not(void **state)
{
	struct pci_config *config = *state;

	config->value[0x07] = 0xf9;
	set(config, 0x06, 2, 0);
	assert_int_equal(get(config, 0x06, 2), 0xf900);
	set(config, 0x06, 2, 0x4000);
	assert_int_equal(get(config, 0x06, 2), 0xb900);
	set(config, 0x06, 2, 0xffff);
	assert_int_equal(get(config, 0x06, 2), 0);
}

static void a_32_bit_bar_sizes_itself(void **state)
{
	struct pci_config *config = *state;

	pci_config_add_bar(config, 2, PCI_BAR_MEM32, 0x2000);
	set(config, 0x18, 4, 0xffffffff);
	assert_int_equal(get(config, 0x18, 4), 0xffffe000);
	set(config, 0x18, 4, 0xfebf1234);
	assert_int_equal(get(config, 0x18, 4), 0xfebf0000);
}

static void an_io_bar_sizes_itself(void **state)
{
	struct pci_config *config = *state;

	pci_config_add_bar(config, 0, PCI_BAR_IO, 32);
	set(config, 0x10, 4, 0xffffffff);
	assert_int_equal(get(config, 0x10, 4), 0xffffffe1);
}

static void a_64_bit_bar_sizes_itself_in_both_halves(void **state)
{
	struct pci_config *config = *state;

	pci_config_add_bar(config, 0, PCI_BAR_MEM64, 0x8000);
	pci_config_add_bar(config, 2, PCI_BAR_MEM64_PREFETCHABLE, UINT64_C(1) << 36);
	set(config, 0x10, 8, UINT64_MAX);
	assert_true(get(config, 0x10, 8) == UINT64_C(0xffffffffffff8004));
	set(config, 0x18, 8, UINT64_MAX);
	assert_true(get(config, 0x18, 8) == UINT64_C(0xfffffff00000000c));
	set(config, 0x14, 4, 0x12);
	assert_int_equal(get(config, 0x14, 4), 0x12);
}

static void a_bar_that_does_not_exist_reads_zero(void **state)
{
	struct pci_config *config = *state;

	set(config, 0x10, 4, 0xffffffff);
	assert_int_equal(get(config, 0x10, 4), 0);
}

/* Follow the list as an operating system does, and count. */
static size_t count_caps(const struct pci_config *config, const uint8_t *want, size_t n)
{
	uint8_t at = (uint8_t)get(config, CAP_PTR, 1);
	size_t found = 0;

	while (at && found < n) {
		assert_int_equal(at % 4, 0);
		assert_true(at >= 0x40);
		assert_int_equal(get(config, at, 1), want[found]);
		at = (uint8_t)get(config, at + 1u, 1);
		found++;
	}
	assert_int_equal(at, 0);
	return found;
}

static void capabilities_are_chained_in_order(void **state)
{
	static const uint8_t want[] = { PCI_CAP_ID_PCIE, PCI_CAP_ID_MSIX, PCI_CAP_ID_VENDOR };
	static const uint8_t body[] = { 5, 0xab, 0xcd };
	struct pci_config *config = *state;
	int at;

	assert_int_equal(get(config, 0x06, 2) & 0x10, 0);
	pci_add_pcie(config, false);
	pci_add_msix(config, 4, 0, 0, 0, 0x1000);
	at = pci_config_add_cap(config, 0, PCI_CAP_ID_VENDOR, body, sizeof(body));
	assert_int_equal(get(config, 0x06, 2) & 0x10, 0x10);
	assert_int_equal(count_caps(config, want, 3), 3);
	assert_int_equal(get(config, at + 2u, 3), 0xcdab05);
}

static void pcie_is_a_version_2_endpoint_whose_control_is_partly_writable(void **state)
{
	struct pci_config *config = *state;
	int at = pci_add_pcie(config, false);

	assert_int_equal(get(config, at + 2u, 2), 0x0002);
	assert_int_equal(get(config, at + 4u, 4), 0x8000);
	assert_int_equal(get(config, at + 8u, 2), 0x2810);
	set(config, at + 8u, 2, 0xffff);
	assert_int_equal(get(config, at + 8u, 2), 0x78ff);
	assert_int_equal(get(config, at + 0x12u, 2), 0x11);
	config->value[at + 10] = 0x0f;
	set(config, at + 10u, 2, 0x5);
	assert_int_equal(get(config, at + 10u, 2), 0x0a);
}

static void msix_says_where_and_lets_two_bits_be_written(void **state)
{
	struct pci_config *config = *state;
	int at = pci_add_msix(config, 4, 1, 0x800, 2, 0x1000);

	assert_int_equal(get(config, at + 2u, 2), 3);
	assert_int_equal(get(config, at + 4u, 4), 0x801);
	assert_int_equal(get(config, at + 8u, 4), 0x1002);
	set(config, at + 2u, 2, 0xffff);
	assert_int_equal(get(config, at + 2u, 2), 0xc003);
	set(config, at + 4u, 4, 0xffffffff);
	assert_int_equal(get(config, at + 4u, 4), 0x801);
}

static void a_reset_brings_back_what_was_sealed(void **state)
{
	struct pci_config *config = *state;
	uint8_t before[PCI_CONFIG_SPACE], ones[PCI_CONFIG_SPACE];

	pci_config_add_bar(config, 0, PCI_BAR_MEM64, 0x8000);
	pci_add_pcie(config, false);
	pci_config_seal(config);
	pci_config_read(config, 0, before, sizeof(before));
	memset(ones, 0xff, sizeof(ones));
	pci_config_write(config, 0, ones, sizeof(ones));
	assert_memory_not_equal(config->value, before, sizeof(before));
	pci_config_reset(config);
	assert_memory_equal(config->value, before, sizeof(before));
}

/* Any mixture of widths does what its bytes, written one by one, do. */
static void an_access_is_its_bytes_one_after_the_other(void **state)
{
	struct pci_config *a = *state, *b = malloc(sizeof(*b));
	uint64_t seed = 3;

	pci_config_add_bar(a, 0, PCI_BAR_MEM64, 0x8000);
	pci_add_pcie(a, false);
	pci_add_msix(a, 4, 0, 0, 0, 0x1000);
	*b = *a;
	for (unsigned int step = 0; step < 20000; step++) {
		uint8_t bytes[16];
		size_t count = 1 + test_random(&seed) % sizeof(bytes);
		uint16_t at = (uint16_t)(test_random(&seed) % 0x100);

		for (size_t i = 0; i < count; i++) {
			bytes[i] = (uint8_t)test_random(&seed);
			pci_config_write(b, at + i, &bytes[i], 1);
		}
		pci_config_write(a, at, bytes, count);
		assert_memory_equal(a->value, b->value, PCI_CONFIG_SPACE);
	}
	free(b);
}

/*
 * MSI-X
 */

static void vectors_start_masked_and_return_to_that(void **state)
{
	uint8_t table[3 * MSIX_ENTRY_SIZE], entry[16], zero[16] = { 0 }, masked[16] = { [12] = 1 };
	struct msix msix;

	msix_init(&msix, table, 3);
	for (unsigned int i = 0; i < 3; i++) {
		msix_read(&msix, i * 16, entry, 16);
		assert_memory_equal(entry, masked, 16);
		msix_write(&msix, i * 16, zero, 16);
		msix_read(&msix, i * 16, entry, 16);
		assert_memory_equal(entry, zero, 16);
	}
	msix_reset(&msix);
	msix_read(&msix, 32, entry, 16);
	assert_memory_equal(entry, masked, 16);
	(void)state;
}

static void reserved_bits_of_an_entry_stay_zero(void **state)
{
	static const uint8_t want[16] = { 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0x01, 0,    0,    0 };
	uint8_t table[2 * MSIX_ENTRY_SIZE], ones[16], entry[16];
	struct msix msix;

	msix_init(&msix, table, 2);
	memset(ones, 0xff, sizeof(ones));
	msix_write(&msix, 16, ones, 16);
	msix_read(&msix, 16, entry, 16);
	assert_memory_equal(entry, want, 16);
	(void)state;
}

static void behind_the_last_vector_there_is_nothing(void **state)
{
	uint8_t table[2 * MSIX_ENTRY_SIZE], all[128], zero[128] = { 0 };
	struct msix msix;

	msix_init(&msix, table, 2);
	memset(all, 0xff, sizeof(all));
	msix_write(&msix, 32, all, sizeof(all));
	msix_write(&msix, UINT64_MAX, all, sizeof(all));
	msix_write(&msix, 24, zero, sizeof(zero));
	msix_read(&msix, 8, all, sizeof(all));
	assert_int_equal(all[4], 1);  /* the first vector's mask */
	assert_int_equal(all[20], 0); /* the last vector's: written */
	assert_memory_equal(all + 24, zero, sizeof(all) - 24);
	memset(all, 0xff, sizeof(all));
	msix_read(&msix, UINT64_MAX, all, sizeof(all));
	assert_memory_equal(all, zero, sizeof(all));
	(void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_header_names_the_device),
		TEST(read_only_registers_ignore_writes),
		TEST(command_bits_without_a_function_stay_zero),
		TEST(interrupt_line_and_cache_line_are_scratch),
		TEST(writing_one_clears_an_error_and_zero_does_not),
		TEST(a_32_bit_bar_sizes_itself),
		TEST(an_io_bar_sizes_itself),
		TEST(a_64_bit_bar_sizes_itself_in_both_halves),
		TEST(a_bar_that_does_not_exist_reads_zero),
		TEST(capabilities_are_chained_in_order),
		TEST(pcie_is_a_version_2_endpoint_whose_control_is_partly_writable),
		TEST(msix_says_where_and_lets_two_bits_be_written),
		TEST(a_reset_brings_back_what_was_sealed),
		TEST(an_access_is_its_bytes_one_after_the_other),
		cmocka_unit_test(vectors_start_masked_and_return_to_that),
		cmocka_unit_test(reserved_bits_of_an_entry_stay_zero),
		cmocka_unit_test(behind_the_last_vector_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
