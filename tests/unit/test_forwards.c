/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_forwards.c - forwards follow their guests, against a network that writes down what it is told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/forwards.h"
#include "sys/explain.h"

static const uint8_t mac_a[FRAME_MAC] = { 2, 0, 0, 0, 0, 0xa };

struct fixture {
	struct network network;
	struct forwards *forwards;
	struct network_lease lease; /* the one that there is */
	bool leased;
	int refusal; /* of the next forward_add */
	unsigned int n_active;
	char target[INET_ADDRSTRLEN]; /* of the last that was added */
};

static struct fixture *fixture_of(const struct network *network)
{
	return (struct fixture *)(uintptr_t)network;
}

static int fake_add(struct network *network, const struct network_forward *forward,
		    char **ret_error)
{
	struct fixture *f = fixture_of(network);
	const struct sockaddr_in *guest = (const void *)&forward->guest;

	if (f->refusal)
		return explain(ret_error, f->refusal, "in use");
	inet_ntop(AF_INET, &guest->sin_addr, f->target, sizeof(f->target));
	f->n_active++;
	return 0;
}

static void fake_remove(struct network *network, const struct network_forward *forward)
{
	assert_int_equal(forward->guest.ss_family, AF_INET);
	assert_true(fixture_of(network)->n_active-- > 0);
}

static void fake_each_lease(const struct network *network,
			    bool (*each)(void *opaque, const struct network_lease *lease),
			    void *opaque)
{
	const struct fixture *f = fixture_of(network);

	if (f->leased)
		each(opaque, &f->lease);
}

static const struct network_ops ops = {
	.name = "fake",
	.forward_add = fake_add,
	.forward_remove = fake_remove,
	.each_lease = fake_each_lease,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->network.ops = &ops;
	memcpy(f->lease.mac, mac_a, FRAME_MAC);
	strcpy(f->lease.name, "guest-a");
	inet_pton(AF_INET, "192.168.64.2", &f->lease.address);
	assert_int_equal(forwards_new(&f->network, &f->forwards), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	forwards_free(f->forwards);
	assert_int_equal(f->n_active, 0);
	free(f);
	return 0;
}

static struct forward_config parsed(const char *text)
{
	struct forward_config config;
	char *error = NULL;

	assert_int_equal(forward_parse(text, &config, &error), 0);
	return config;
}

static void add(struct fixture *f, const char *text)
{
	struct forward_config config = parsed(text);
	char *error = NULL;

	assert_int_equal(forwards_add(f->forwards, &config, &error), 0);
	assert_null(error);
}

static void lease(struct fixture *f, const char *address, bool gone)
{
	if (address)
		inet_pton(AF_INET, address, &f->lease.address);
	f->leased = !gone;
	forwards_lease(f->forwards, &f->lease, gone);
}

static void a_guest_given_by_address_is_forwarded_to_at_once(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-192.168.64.9:80");
	assert_int_equal(f->n_active, 1);
	assert_string_equal(f->target, "192.168.64.9");
}

static void a_guest_that_goes_by_another_name_is_no_longer_the_one_before(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	add(f, "tcp:127.0.0.1:8081-[02:00:00:00:00:0a]:80");
	add(f, "tcp:127.0.0.1:8082-192.168.64.2:80");
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 3);
	strcpy(f->lease.name, "guest-b");
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 2); /* its MAC and its address are what they were */
	add(f, "tcp:127.0.0.1:8083-guest-b:80");
	strcpy(f->lease.name, "guest-a");
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 3);
	lease(f, NULL, true);
	assert_int_equal(f->n_active, 1);
}

static void a_guest_given_by_name_or_mac_is_forwarded_to_once_it_has_a_lease(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-Guest-A:80");
	add(f, "udp:127.0.0.1:8080-[02:00:00:00:00:0a]:80");
	add(f, "tcp:127.0.0.1:8081-other:80");
	assert_int_equal(f->n_active, 0);
	lease(f, "192.168.64.2", false);
	assert_int_equal(f->n_active, 2);
	assert_string_equal(f->target, "192.168.64.2");
	lease(f, NULL, false); /* renewed */
	assert_int_equal(f->n_active, 2);
}

static void a_guest_that_has_its_lease_already_is_forwarded_to_at_once(void **state)
{
	struct fixture *f = *state;

	f->leased = true;
	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	assert_int_equal(f->n_active, 1);
}

static void a_forward_follows_its_guest_to_another_address(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	lease(f, "192.168.64.2", false);
	lease(f, "192.168.64.7", false);
	assert_int_equal(f->n_active, 1);
	assert_string_equal(f->target, "192.168.64.7");
	inet_pton(AF_INET, "192.168.64.2", &f->lease.address);
	forwards_lease(f->forwards, &f->lease, true); /* the old one's end is none of its concern */
	assert_int_equal(f->n_active, 1);
}

static void a_forward_waits_again_when_the_lease_ends(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	lease(f, NULL, false);
	lease(f, NULL, true);
	assert_int_equal(f->n_active, 0);
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 1);
}

static void a_host_side_that_is_taken_is_refused_naming_its_owner(void **state)
{
	struct fixture *f = *state;
	struct forward_config config = parsed("tcp:127.0.0.1:8080-192.168.64.3:81");
	char *error = NULL;

	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	add(f, "udp:127.0.0.1:8080-guest-a:80");
	assert_int_equal(forwards_add(f->forwards, &config, &error), -EEXIST);
	assert_non_null(strstr(error, "tcp:127.0.0.1:8080-guest-a:80"));
	free(error);
}

static void what_the_network_refuses_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct forward_config config = parsed("tcp:127.0.0.1:8080-192.168.64.3:81");
	char *error = NULL;

	f->refusal = -EADDRINUSE;
	assert_int_equal(forwards_add(f->forwards, &config, &error), -EADDRINUSE);
	assert_string_equal(error, "in use");
	free(error);
	assert_int_equal(forwards_remove(f->forwards, &config), -ENOENT);
	f->refusal = 0;
	add(f, "tcp:127.0.0.1:8080-192.168.64.3:81");
}

static void a_waiting_forward_that_is_refused_later_is_tried_at_the_next_lease(void **state)
{
	struct fixture *f = *state;

	add(f, "tcp:127.0.0.1:8080-guest-a:80");
	f->refusal = -EADDRINUSE;
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 0);
	f->refusal = 0;
	lease(f, NULL, false);
	assert_int_equal(f->n_active, 1);
}

static void a_removed_forward_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct forward_config config = parsed("tcp:127.0.0.1:8080-192.168.64.3:81");

	add(f, "tcp:127.0.0.1:8080-192.168.64.3:81");
	assert_int_equal(forwards_remove(f->forwards, &config), 0);
	assert_int_equal(f->n_active, 0);
	assert_int_equal(forwards_remove(f->forwards, &config), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_guest_given_by_address_is_forwarded_to_at_once),
		TEST(a_guest_that_goes_by_another_name_is_no_longer_the_one_before),
		TEST(a_guest_given_by_name_or_mac_is_forwarded_to_once_it_has_a_lease),
		TEST(a_guest_that_has_its_lease_already_is_forwarded_to_at_once),
		TEST(a_forward_follows_its_guest_to_another_address),
		TEST(a_forward_waits_again_when_the_lease_ends),
		TEST(a_host_side_that_is_taken_is_refused_naming_its_owner),
		TEST(what_the_network_refuses_is_not_kept),
		TEST(a_waiting_forward_that_is_refused_later_is_tried_at_the_next_lease),
		TEST(a_removed_forward_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
