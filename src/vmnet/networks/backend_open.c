/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend_open.c - the network that is asked for: found, or started
 *
 * A network that is found may be about to end, as its last holder has just left. Then it hangs up
 * before it greets, and one looks again. One that stands in the way may be, too: before it is
 * called busy it gets a moment, and while its process ends what that takes.
 */
#include "vmnet/networks/backend.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/explain.h"
#include "vmnet/networks/backend_internal.h"
#include "vmnet/networks/launch.h"

#define ATTEMPTS_MAX   16u
#define STEP_MS	       20u
#define BUSY_WAIT_MS   400u
#define ENDING_WAIT_MS 10000u

/* One look at the registry */
struct search {
	const struct backend_request *request;
	struct registry registry;
	struct registry_net *nets; /* REGISTRY_NETS_MAX */
	int n_nets;
	struct ifaddrs *interfaces; /* of the host; NULL: not asked for */
};

/* What to do after it */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_AGAIN,	/* what was found is gone */
	OUTCOME_ENDING, /* what was found, or is in the way, is about to be */
	OUTCOME_BUSY,
	OUTCOME_FAILED,
};

/* Starting one */

static bool host_has(const struct search *search, const struct backend_range *range)
{
	for (const struct ifaddrs *each = search->interfaces; each; each = each->ifa_next) {
		struct backend_range of_host;

		if (!each->ifa_addr || each->ifa_addr->sa_family != AF_INET || !each->ifa_netmask)
			continue;
		of_host = (struct backend_range) {
			.start = ((const struct sockaddr_in *)(const void *)each->ifa_addr)
					 ->sin_addr,
			.mask = ((const struct sockaddr_in *)(const void *)each->ifa_netmask)
					->sin_addr,
		};
		if (backend_overlap(range, &of_host))
			return true;
	}
	return false;
}

static bool is_taken(void *opaque, const struct backend_range *range)
{
	const struct search *search = opaque;

	for (int i = 0; i < search->n_nets; i++) {
		if (backend_overlap(range, &search->nets[i].living.range))
			return true;
	}
	return host_has(search, range);
}

static int choose_range(struct search *search, struct backend_range *ret, char **ret_error)
{
	int r = 0;

	*ret = backend_range_of(search->request);
	if (ret->mask.s_addr || !backend_has_range(search->request))
		return 0;
	if (getifaddrs(&search->interfaces) < 0)
		search->interfaces = NULL; /* then only networks of ours are avoided */
	if (!backend_pick_range(search->request->mode, is_taken, search, ret))
		r = explain(ret_error, -EBUSY,
			    "each /24 of 192.168.0.0/16 is in use; give a range of addresses");
	freeifaddrs(search->interfaces);
	search->interfaces = NULL;
	return r;
}

static enum outcome failed(int error, vmnet_return_t *ret_status)
{
	*ret_status = backend_status_of(error);
	return OUTCOME_FAILED;
}

static enum outcome start(struct search *search, struct vmnet_backend **ret,
			  vmnet_return_t *ret_status, char **ret_error)
{
	struct backend_living living = { .asked = *search->request };
	char name[sizeof(REGISTRY_NAME)];
	int alive, r = choose_range(search, &living.range, ret_error);

	if (r >= 0)
		r = registry_add(&search->registry, &living, name, &alive, ret_error);
	if (r < 0)
		return failed(r, ret_status);
	r = launch_network(&search->registry, name, alive, search->request, &living.range,
			   ret_error);
	close(alive);
	if (r >= 0)
		r = backend_hold(&search->registry, name, ret, ret_error);
	if (r < 0) {
		registry_remove(&search->registry, name);
		return failed(r == -EPERM || r == -ENOENT ? -EIO : r, ret_status);
	}
	return OUTCOME_DONE;
}

/* Looking */

static enum outcome join(struct search *search, const struct registry_net *net,
			 struct vmnet_backend **ret, vmnet_return_t *ret_status, char **ret_error)
{
	int r = backend_hold(&search->registry, net->name, ret, ret_error);

	if (r >= 0)
		return OUTCOME_DONE;
	if (r == -ENOTCONN)
		return OUTCOME_AGAIN;
	return failed(r, ret_status);
}

static enum outcome look(struct search *search, struct vmnet_backend **ret,
			 vmnet_return_t *ret_status, char **ret_error)
{
	const struct registry_net *same = NULL;
	const char *why;

	for (int i = 0; i < search->n_nets; i++) {
		const struct registry_net *net = &search->nets[i];
		enum backend_relation relation =
			backend_relate(search->request, &net->living, &why);

		if (relation != BACKEND_APART && net->ending)
			return OUTCOME_ENDING;
		if (relation == BACKEND_BUSY) {
			explain(ret_error, 0, "%s (%s/%s)", why, search->registry.path, net->name);
			return OUTCOME_BUSY;
		}
		if (relation == BACKEND_SAME)
			same = net;
	}
	return same ? join(search, same, ret, ret_status, ret_error)
		    : start(search, ret, ret_status, ret_error);
}

/* Locked: what is looked for by two at once is started by one of them. */
static enum outcome attempt(struct search *search, struct vmnet_backend **ret,
			    vmnet_return_t *ret_status, char **ret_error)
{
	enum outcome outcome;
	int r = registry_lock(&search->registry, ret_error);

	if (r < 0)
		return failed(r, ret_status);
	r = registry_list(&search->registry, search->nets);
	if (r < 0) {
		registry_unlock(&search->registry);
		explain(ret_error, r, "%s: %s", search->registry.path, strerror(-r));
		return failed(r, ret_status);
	}
	search->n_nets = r;
	outcome = look(search, ret, ret_status, ret_error);
	registry_unlock(&search->registry);
	return outcome;
}

static vmnet_return_t find_or_start(struct search *search, struct vmnet_backend **ret,
				    char **ret_error)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000 };
	unsigned int again = 0, waited_ms = 0, ending_ms = 0;
	vmnet_return_t status = VMNET_FAILURE;

	for (;;) {
		switch (attempt(search, ret, &status, ret_error)) {
		case OUTCOME_DONE:
			return VMNET_SUCCESS;
		case OUTCOME_FAILED:
			return status;
		case OUTCOME_BUSY:
			if (waited_ms >= BUSY_WAIT_MS)
				return VMNET_SHARING_SERVICE_BUSY;
			waited_ms += STEP_MS;
			break;
		case OUTCOME_ENDING:
			if (ending_ms >= ENDING_WAIT_MS) {
				explain(ret_error, 0,
					"a network that ends is in the way, and takes too long");
				return VMNET_SHARING_SERVICE_BUSY;
			}
			ending_ms += STEP_MS;
			break;
		case OUTCOME_AGAIN:
			if (++again == ATTEMPTS_MAX)
				return VMNET_FAILURE;
			break;
		}
		free(*ret_error);
		*ret_error = NULL;
		nanosleep(&step, NULL);
	}
}

vmnet_return_t backend_open(const struct backend_request *request, struct vmnet_backend **ret,
			    char **ret_error)
{
	struct search search = { .request = request };
	char *error = NULL;
	vmnet_return_t status;
	int r = registry_open(&search.registry, &error);

	if (r >= 0) {
		search.nets = calloc(REGISTRY_NETS_MAX, sizeof(*search.nets));
		status = search.nets ? find_or_start(&search, ret, &error) : VMNET_MEM_FAILURE;
		free(search.nets);
		registry_close(&search.registry);
	} else {
		status = backend_status_of(r);
	}
	backend_hand_over(error, status, ret_error);
	return status;
}
