/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_registry.c - the lock of the user's directory of networks, in the processes of one program
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmnet/networks/registry.h"

static char dir[] = "/tmp/rig-registry-XXXXXX";

static void opened(struct registry *registry)
{
	char *error = NULL;

	assert_int_equal(registry_open(registry, &error), 0);
	assert_null(error);
}

/* Of a program that forks in one thread while another one starts an interface. */
static void a_child_that_was_forked_meanwhile_does_not_keep_the_lock(void **state)
{
	struct registry one, other;
	char *error = NULL;
	pid_t child;
	int r;

	opened(&one);
	opened(&other);
	assert_int_equal(registry_lock(&one, &error), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	registry_unlock(&one);
	r = registry_lock(&other, &error);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(r, 0);
	registry_close(&other);
	registry_close(&one);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) && setenv("OUTRIGGER_VMNET_DIR", dir, 1) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	char lock[sizeof(dir) + sizeof("/lock")];

	snprintf(lock, sizeof(lock), "%s/lock", dir);
	return unlink(lock) < 0 || rmdir(dir) < 0 ? -1 : 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_was_forked_meanwhile_does_not_keep_the_lock),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
