/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network_checks.h - good(config), bad(config): what network_config_check() says of a network
 *
 * After <cmocka.h>.
 */
#ifndef TESTS_NETWORK_CHECKS_H
#define TESTS_NETWORK_CHECKS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/network.h"

static void good(const struct network_config *config)
{
	char *error = NULL;
	int r = network_config_check(config, &error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	assert_null(error);
}

/* Refused, and the sentence holds both: what it is about and what is wrong or would be right. */
static void bad(const struct network_config *config, const char *about, const char *what)
{
	char *error = NULL;

	assert_int_equal(network_config_check(config, &error), -EINVAL);
	assert_non_null(error);
	if (strncmp(error, about, strlen(about)) != 0 || !strstr(error, what))
		fail_msg("\"%s\" says neither %s nor %s", error, about, what);
	free(error);
}

#endif
