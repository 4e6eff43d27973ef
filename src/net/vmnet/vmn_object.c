/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_object.c - network objects of macOS 26: what a description of an interface cannot say
 */
#include "net/vmnet/vmn_object.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "net/network_text.h"
#include "net/vmnet/vmn_answer.h"
#include "net/vmnet/vmn_newer.h"
#include "net/vmnet/vmn_status.h"
#include "sys/explain.h"

#define DEFAULT_MTU	1500u
#define ULA_PREFIX_BITS 64u

static int say(char **ret_error, const char *what, vmnet_return_t status)
{
	return explain(ret_error, vmn_status_errno(status), "%s: %s", what,
		       vmn_status_text(status));
}

/* Its first address, not the subnet's own: that one is accepted, and start fails later. */
static int set_addresses(void *configuration, const struct network_config *config, char **ret_error)
{
	const struct vmn_newer *newer = vmn_newer();
	vmnet_return_t status = VMNET_SUCCESS;

	if (config->addresses_given)
		status = newer->set_ipv4_subnet(configuration, &config->start_address,
						&config->subnet_mask);
	if (status != VMNET_SUCCESS)
		return say(ret_error, "--start-address, --subnet-mask: vmnet would not have them",
			   status);
	if (config->prefix_given)
		status = newer->set_ipv6_prefix(configuration, &config->nat66_prefix,
						ULA_PREFIX_BITS);
	if (status != VMNET_SUCCESS)
		return say(ret_error, "--nat66-prefix: vmnet would not have it", status);
	if (config->mtu != DEFAULT_MTU)
		status = newer->set_mtu(configuration, config->mtu);
	if (status != VMNET_SUCCESS)
		return say(ret_error, "--mtu: vmnet would not have it", status);
	return 0;
}

static int set_services(void *configuration, const struct network_config *config, char **ret_error)
{
	const struct vmn_newer *newer = vmn_newer();
	vmnet_return_t status = VMNET_SUCCESS;

	if (config->no_nat44)
		newer->disable_nat44(configuration);
	if (config->no_nat66)
		newer->disable_nat66(configuration);
	if (config->dhcp.off)
		newer->disable_dhcp(configuration);
	if (config->no_dns)
		newer->disable_dns_proxy(configuration);
	if (config->no_ra)
		newer->disable_router_advertisement(configuration);
	if (config->uplink)
		status = newer->set_external_interface(configuration, config->uplink);
	return status == VMNET_SUCCESS
		       ? 0
		       : say(ret_error, "--uplink: vmnet would not have it", status);
}

static int reserve(void *configuration, const struct network_config *config, char **ret_error)
{
	const struct vmn_newer *newer = vmn_newer();

	for (size_t i = 0; i < config->n_reservations; i++) {
		const struct network_reservation *each = &config->reservations[i];
		vmnet_return_t status =
			newer->add_dhcp_reservation(configuration, each->mac, &each->address);

		if (status != VMNET_SUCCESS)
			return explain(ret_error, vmn_status_errno(status),
				       "--reserve for %s: vmnet would not have it: %s",
				       network_text(each->address).s, vmn_status_text(status));
	}
	return 0;
}

static void create(void *configuration, struct vmn_answer *answer)
{
	const struct vmn_newer *newer = vmn_newer();
	vmnet_return_t status = VMNET_FAILURE;
	void *object = newer->network_create(configuration, &status);

	newer->release(configuration);
	if (!object && status == VMNET_SUCCESS)
		status = VMNET_FAILURE;
	if (!vmn_answer_give(answer, status, object) && object)
		newer->release(object);
}

/* By another thread, as it may hang. The configuration is that thread's from now on. */
static int create_in_time(void *configuration, uint64_t answer_ms, void **ret, char **ret_error)
{
	struct vmn_answer *answer = vmn_answer_new();
	dispatch_queue_t queue = dispatch_queue_create("outrigger.vmnet", DISPATCH_QUEUE_SERIAL);
	vmnet_return_t status;
	void *object;
	int r = -ENOMEM;

	if (!answer || !queue) {
		if (answer)
			vmn_answer_free(answer);
		if (queue)
			dispatch_release(queue);
		vmn_newer()->release(configuration);
		return r;
	}
	dispatch_async(queue, ^{
	  create(configuration, answer);
	});
	dispatch_release(queue);
	r = vmn_answer_wait(answer, answer_ms, &status, &object);
	if (r < 0)
		return explain(ret_error, r, "vmnet has not made a network in %" PRIu64 " ms",
			       answer_ms);
	if (status != VMNET_SUCCESS)
		return say(ret_error, "vmnet cannot make a network", status);
	*ret = object;
	return 0;
}

int vmn_object_new(const struct network_config *config, uint64_t answer_ms, void **ret,
		   char **ret_error)
{
	const struct vmn_newer *newer = vmn_newer();
	unsigned int mode = config->mode == NETWORK_SHARED ? VMNET_SHARED_MODE : VMNET_HOST_MODE;
	vmnet_return_t status = VMNET_FAILURE;
	void *configuration = newer->configuration_create(mode, &status);
	int r;

	if (!configuration)
		return say(ret_error, "vmnet cannot make a network", status);
	r = set_addresses(configuration, config, ret_error);
	if (r >= 0)
		r = set_services(configuration, config, ret_error);
	if (r >= 0)
		r = reserve(configuration, config, ret_error);
	if (r < 0) {
		newer->release(configuration);
		return r;
	}
	return create_in_time(configuration, answer_ms, ret, ret_error);
}

void vmn_object_free(void *object)
{
	if (object)
		vmn_newer()->release(object);
}
