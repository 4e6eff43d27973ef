/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_forward.c - port forwards, as rules that an interface adds to its network
 *
 * A rule is a port of all of the host's addresses. On macOS 10.15 there are rules for IPv4 only.
 */
#include "net/vmnet/vmn_forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "net/vmnet/vmn_answer.h"
#include "net/vmnet/vmn_newer.h"
#include "net/vmnet/vmn_status.h"
#include "sys/explain.h"

/* Ports in host byte order. */
struct rule {
	uint8_t protocol;
	uint8_t family;
	uint16_t external, internal;
	struct in_addr address4;
	struct in6_addr address6;
};

static uint16_t port_of(const struct sockaddr_storage *address)
{
	return ntohs(address->ss_family == AF_INET
			     ? ((const struct sockaddr_in *)address)->sin_port
			     : ((const struct sockaddr_in6 *)address)->sin6_port);
}

static bool is_any(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY;
	return address->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int read_rule(const struct network_forward *forward, struct rule *ret, char **ret_error)
{
	const struct sockaddr_storage *guest = &forward->guest;

	if (!is_any(&forward->host))
		return explain(
			ret_error, -EOPNOTSUPP,
			"vmnet forwards from all addresses of the host, and from no socket's "
			"path; give the port alone");
	*ret = (struct rule) { .protocol = forward->protocol,
			       .family = (uint8_t)guest->ss_family,
			       .external = port_of(&forward->host),
			       .internal = port_of(guest) };
	if (ret->family == AF_INET)
		ret->address4 = ((const struct sockaddr_in *)guest)->sin_addr;
	else
		ret->address6 = ((const struct sockaddr_in6 *)guest)->sin6_addr;
	if (ret->family == AF_INET || vmn_newer()->add_ip_rule)
		return 0;
	return explain(ret_error, -EOPNOTSUPP, "vmnet forwards to IPv6 from macOS 11 on");
}

static vmnet_return_t add(interface_ref interface, const struct rule *rule,
			  vmnet_interface_completion_handler_t handler)
{
	const struct vmn_newer *newer = vmn_newer();

	if (!newer->add_ip_rule)
		return vmnet_interface_add_port_forwarding_rule(interface, rule->protocol,
								rule->external, rule->address4,
								rule->internal, handler);
	return newer->add_ip_rule(interface, rule->protocol, rule->external, rule->family,
				  rule->family == AF_INET ? (const void *)&rule->address4
							  : (const void *)&rule->address6,
				  rule->internal, handler);
}

static vmnet_return_t take_back(interface_ref interface, const struct rule *rule,
				vmnet_interface_completion_handler_t handler)
{
	const struct vmn_newer *newer = vmn_newer();

	if (!newer->remove_ip_rule)
		return vmnet_interface_remove_port_forwarding_rule(interface, rule->protocol,
								   rule->external, handler);
	return newer->remove_ip_rule(interface, rule->protocol, rule->external, rule->family,
				     handler);
}

typedef vmnet_return_t (*change)(interface_ref interface, const struct rule *rule,
				 vmnet_interface_completion_handler_t handler);

static int change_in_time(change change, interface_ref interface,
			  const struct network_forward *forward, uint64_t answer_ms,
			  char **ret_error)
{
	struct vmn_answer *answer;
	vmnet_return_t status;
	struct rule rule;
	int r = read_rule(forward, &rule, ret_error);

	if (r < 0)
		return r;
	answer = vmn_answer_new();
	if (!answer)
		return -ENOMEM;
	status = change(interface, &rule, ^(vmnet_return_t given) {
	  (void)vmn_answer_give(answer, given, NULL);
	});
	if (status != VMNET_SUCCESS)
		vmn_answer_free(answer);
	else
		r = vmn_answer_wait(answer, answer_ms, &status, NULL);
	if (r < 0)
		return explain(ret_error, r,
			       "vmnet has not answered in %" PRIu64
			       " ms; whether it forwards the port is not known",
			       answer_ms);
	if (status == VMNET_SUCCESS)
		return 0;
	return explain(ret_error, vmn_status_errno(status), "vmnet would not: %s",
		       vmn_status_text(status));
}

int vmn_forward_add(interface_ref interface, const struct network_forward *forward,
		    uint64_t answer_ms, char **ret_error)
{
	return change_in_time(add, interface, forward, answer_ms, ret_error);
}

int vmn_forward_remove(interface_ref interface, const struct network_forward *forward,
		       uint64_t answer_ms, char **ret_error)
{
	return change_in_time(take_back, interface, forward, answer_ms, ret_error);
}
