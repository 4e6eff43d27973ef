/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_version.c - the capability texts of strangers, and ours
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vfio_user/version.h"
#include <outrigger/vfio_user.h>

/* What QEMU 10.1 sends. */
static const char qemu[] =
	"{\"capabilities\": {\"max_msg_fds\": 16, \"max_data_xfer_size\": 1048576, "
	"\"migration\": {\"pgsize\": 4096, \"max_bitmap_size\": 268435456}, \"pgsizes\": 4096, "
	"\"max_dma_maps\": 65535, \"write_multiple\": true}}";

static const struct version_caps server = {
	.max_msg_fds = 16,
	.max_data_xfer_size = 1048576,
	.max_dma_maps = RIG_DEFAULT_MAX_DMA_MAPS,
	.pgsizes = ~UINT64_C(4095),
};

static void assert_defaults(const struct version_caps *caps)
{
	assert_int_equal(caps->stated, 0);
	assert_int_equal(caps->max_msg_fds, 1);
	assert_int_equal(caps->max_data_xfer_size, 1048576);
	assert_int_equal(caps->max_dma_maps, 65535);
	assert_int_equal(caps->pgsizes, 4096);
	assert_false(caps->twin_socket || caps->write_multiple || caps->sparse_mmap_fds);
}

static void what_is_not_stated_has_its_default(void **state)
{
	static const char *const silent[] = {
		NULL,
		"{}",
		"{\"capabilities\":{}}",
		" { \"other\" : [ 1, null ] } ",
		"{\"it's\":\"\\\"'\"}",
		"{\"capabilities\":{\"max_speed\":7,\"migration\":{\"pgsize\":\"4k\"}}}",
	};

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		struct version_caps caps;

		assert_int_equal(version_parse(silent[i], &caps), 0);
		assert_defaults(&caps);
	}
}

static void every_known_member_is_read(void **state)
{
	struct version_caps caps;

	assert_int_equal(version_parse(qemu, &caps), 0);
	assert_int_equal(caps.max_msg_fds, 16);
	assert_true(caps.write_multiple);
	assert_int_equal(version_parse("{\"capabilities\":{\"max_msg_fds\":0,"
				       "\"max_data_xfer_size\":4294967295,\"max_dma_maps\":7,"
				       "\"pgsizes\":2101248,\"sparse_mmap_fds\":true,"
				       "\"write_multiple\":false,"
				       "\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}",
				       &caps),
			 0);
	assert_int_equal(caps.max_msg_fds, 0);
	assert_int_equal(caps.max_data_xfer_size, UINT32_MAX);
	assert_int_equal(caps.max_dma_maps, 7);
	assert_int_equal(caps.pgsizes, 2101248);
	assert_true(caps.sparse_mmap_fds && caps.twin_socket && !caps.write_multiple);
	assert_true(caps.has_twin_fd_index && caps.twin_fd_index == 0);
	assert_int_equal(caps.stated, 0x7f);
}

static void text_that_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"{\"capabilities\":{\"max_msg_fds\":1}",
		"nonsense",
		"{}x",
		"{}{}",
		"[]",
		"7",
		"null",
		"\"\"",
		"{\"a\":1,}",
		"{'a':1}",
		"{\"a\xff\":1}",
		"{\"a\":\"\xc3\"}",
		"{\"capabilities\":[]}",
		"{\"capabilities\":null}",
	};
	struct version_caps caps = { .stated = 99 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(version_parse(bad[i], &caps), -EINVAL);
	assert_int_equal(caps.stated, 99);
}

static void a_proposal_cut_anywhere_is_refused(void **state)
{
	char text[sizeof(qemu)];
	struct version_caps caps;

	for (size_t n = 0; n < sizeof(qemu) - 1; n++) {
		memcpy(text, qemu, n);
		text[n] = '\0';
		assert_int_equal(version_parse(text, &caps), -EINVAL);
	}
}

static void deep_and_long_texts_are_refused(void **state)
{
	const size_t len = 1 << 20;
	char *text = malloc(len + 1);
	struct version_caps caps;

	memset(text, '[', 64);
	text[64] = '\0';
	assert_int_equal(version_parse(text, &caps), -EINVAL);

	memset(text, ' ', len);
	memcpy(text, "{}", 2);
	text[len] = '\0';
	assert_int_equal(version_parse(text, &caps), -EINVAL);
	text[VERSION_MAX_JSON - 1] = '\0';
	assert_int_equal(version_parse(text, &caps), 0);
	free(text);
}

static void known_members_of_the_wrong_kind_are_refused(void **state)
{
	static const char *const numbers[] = { "max_msg_fds", "max_data_xfer_size", "max_dma_maps",
					       "pgsizes" };
	static const char *const no_numbers[] = { "-1",
						  "1.0",
						  "1e3",
						  "\"1\"",
						  "true",
						  "null",
						  "{}",
						  "9223372036854775808",
						  "18446744073709551616" };
	static const char *const bools[] = { "write_multiple", "sparse_mmap_fds" };
	static const char *const no_bools[] = { "1", "\"true\"", "null", "[]" };
	struct version_caps caps;
	char text[128];

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < sizeof(no_numbers) / sizeof(no_numbers[0]); j++) {
			snprintf(text, sizeof(text), "{\"capabilities\":{\"%s\":%s}}", numbers[i],
				 no_numbers[j]);
			assert_int_equal(version_parse(text, &caps), -EINVAL);
		}
	}
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < sizeof(no_bools) / sizeof(no_bools[0]); j++) {
			snprintf(text, sizeof(text), "{\"capabilities\":{\"%s\":%s}}", bools[i],
				 no_bools[j]);
			assert_int_equal(version_parse(text, &caps), -EINVAL);
		}
	}
	assert_int_equal(version_parse("{\"capabilities\":{\"max_msg_fds\":4294967296}}", &caps),
			 -EINVAL);
	assert_int_equal(version_parse("{\"capabilities\":{\"twin_socket\":true}}", &caps),
			 -EINVAL);
	assert_int_equal(
		version_parse("{\"capabilities\":{\"twin_socket\":{\"supported\":1}}}", &caps),
		-EINVAL);
}

/* QEMU 10.1 reads the reply into the buffer of its request. */
static void the_answer_to_qemu_fits_into_its_proposal(void **state)
{
	struct version_caps proposed, answer;
	char text[VERSION_REPLY_JSON];

	assert_int_equal(version_parse(qemu, &proposed), 0);
	version_answer(&proposed, &server, &answer);
	assert_true(version_format(&answer, text, sizeof(text)) < 190);
	assert_string_equal(text, "{\"capabilities\":{\"max_msg_fds\":16,"
				  "\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,"
				  "\"pgsizes\":4096}}");
}

static void nothing_is_agreed_that_was_not_proposed(void **state)
{
	const struct version_caps generous = { .max_msg_fds = 16,
					       .max_data_xfer_size = 1048576,
					       .max_dma_maps = 65535,
					       .pgsizes = 4096,
					       .twin_socket = true,
					       .write_multiple = true,
					       .sparse_mmap_fds = true };
	struct version_caps proposed, answer;
	char text[VERSION_REPLY_JSON];

	assert_int_equal(version_parse(NULL, &proposed), 0);
	version_answer(&proposed, &generous, &answer);
	version_format(&answer, text, sizeof(text));
	assert_string_equal(text, "{\"capabilities\":{\"max_msg_fds\":16,"
				  "\"max_data_xfer_size\":1048576}}");
}

static void a_smaller_limit_than_the_default_is_always_told(void **state)
{
	struct version_caps ours = server, proposed, answer;

	ours.max_dma_maps = 3;
	assert_int_equal(version_parse(NULL, &proposed), 0);
	version_answer(&proposed, &ours, &answer);
	assert_true(answer.stated & VERSION_CAP_MAX_DMA_MAPS);
	assert_int_equal(answer.max_dma_maps, 3);
}

static void the_longest_answer_fits_and_reads_back_the_same(void **state)
{
	const struct version_caps longest = {
		.stated = 0x7f,
		.max_msg_fds = UINT32_MAX,
		.max_data_xfer_size = UINT32_MAX,
		.max_dma_maps = UINT32_MAX,
		.pgsizes = INT64_MAX,
		.has_twin_fd_index = true,
		.twin_fd_index = UINT32_MAX,
	};
	struct version_caps back;
	char text[VERSION_REPLY_JSON], again[VERSION_REPLY_JSON], small[16];

	assert_true(version_format(&longest, text, sizeof(text)) < sizeof(text));
	assert_int_equal(version_parse(text, &back), 0);
	version_format(&back, again, sizeof(again));
	assert_string_equal(again, text);
	assert_int_equal(version_format(&longest, small, sizeof(small)), strlen(text));
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_stated_has_its_default),
		cmocka_unit_test(every_known_member_is_read),
		cmocka_unit_test(text_that_is_no_json_is_refused),
		cmocka_unit_test(a_proposal_cut_anywhere_is_refused),
		cmocka_unit_test(deep_and_long_texts_are_refused),
		cmocka_unit_test(known_members_of_the_wrong_kind_are_refused),
		cmocka_unit_test(the_answer_to_qemu_fits_into_its_proposal),
		cmocka_unit_test(nothing_is_agreed_that_was_not_proposed),
		cmocka_unit_test(a_smaller_limit_than_the_default_is_always_told),
		cmocka_unit_test(the_longest_answer_fits_and_reads_back_the_same),
	};

	return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
