/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward.c - port forwarding rules, which are an interface's and go with it
 *
 * Changed and listed on the interface's queue, one after the other. Handlers run on the queue that
 * the interface was started with, as these functions are given none.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "vmnet/interfaces/interface.h"
#include "vmnet/log.h"
#include "vmnet/rule.h"

struct job {
	struct interface *interface;
	struct handler *handler;
	struct backend_forward rule;
};

/* Queue a job for an interface that runs. It comes before a stop does. */
static vmnet_return_t submit(interface_ref ref, const struct backend_forward *rule,
			     const void *block, dispatch_function_t function)
{
	struct interface *interface = interface_lock(ref);
	struct job *job = NULL;
	vmnet_return_t status;

	if (!interface)
		return VMNET_INVALID_ARGUMENT;
	status = interface_refuses(interface);
	if (status == VMNET_SUCCESS) {
		job = calloc(1, sizeof(*job));
		if (job)
			job->handler = handler_new(interface->callers, block);
		if (!job || !job->handler)
			status = VMNET_MEM_FAILURE;
	}
	if (status == VMNET_SUCCESS) {
		job->interface = interface;
		job->rule = *rule;
		dispatch_async_f(interface->control, job, function);
	} else {
		free(job);
	}
	interface_unlock(interface);
	return status;
}

static struct backend_forward *find(struct interface *interface, const struct backend_forward *rule)
{
	for (size_t i = 0; i < interface->n_rules; i++) {
		struct backend_forward *at = &interface->rules[i];

		if (at->protocol == rule->protocol && at->family == rule->family &&
		    at->external_port == rule->external_port)
			return at;
	}
	return NULL;
}

static vmnet_return_t add(struct interface *interface, const struct backend_forward *rule)
{
	struct backend_forward *grown;
	vmnet_return_t status;
	char *error = NULL;

	if (interface->description.request.mode == VMNET_BRIDGED_MODE || find(interface, rule) ||
	    interface->n_rules == INTERFACE_RULES_MAX) {
		vmnet_log("port %u cannot be forwarded: %s", rule->external_port,
			  find(interface, rule)	   ? "it is already"
			  : interface->n_rules > 0 ? "too many rules"
						   : "not by a bridged interface");
		return VMNET_INVALID_ARGUMENT;
	}
	grown = reallocarray(interface->rules, interface->n_rules + 1, sizeof(*grown));
	if (!grown)
		return VMNET_MEM_FAILURE;
	interface->rules = grown;
	status = backend_forward_add(interface->backend, rule, &error);
	if (status == VMNET_SUCCESS)
		interface->rules[interface->n_rules++] = *rule;
	else
		vmnet_log("port %u cannot be forwarded: %s", rule->external_port,
			  error ? error : "no reason given");
	free(error);
	return status;
}

static vmnet_return_t drop(struct interface *interface, struct backend_forward *rule)
{
	vmnet_return_t status;
	char *error = NULL;

	if (!rule)
		return VMNET_INVALID_ARGUMENT;
	status = backend_forward_remove(interface->backend, rule, &error);
	if (status == VMNET_SUCCESS)
		*rule = interface->rules[--interface->n_rules];
	else
		vmnet_log("port %u is still forwarded: %s", rule->external_port,
			  error ? error : "no reason given");
	free(error);
	return status;
}

void forwards_drop(struct interface *interface)
{
	char *error = NULL;

	for (size_t i = 0; i < interface->n_rules; i++) {
		backend_forward_remove(interface->backend, &interface->rules[i], &error);
		free(error);
		error = NULL;
	}
	free(interface->rules);
	interface->rules = NULL;
	interface->n_rules = 0;
}

static void run_add(void *context)
{
	struct job *job = context;

	handler_run_status(job->handler, add(job->interface, &job->rule));
	free(job);
}

static void run_remove(void *context)
{
	struct job *job = context;

	handler_run_status(job->handler, drop(job->interface, find(job->interface, &job->rule)));
	free(job);
}

/* Of one family. NULL: none */
static xpc_object_t list(const struct interface *interface, sa_family_t family)
{
	xpc_object_t array = NULL;
	xpc_object_t rule;

	for (size_t i = 0; i < interface->n_rules; i++) {
		if (interface->rules[i].family != family)
			continue;
		if (!array)
			array = xpc_array_create_empty();
		rule = rule_to_xpc(&interface->rules[i]);
		xpc_array_append_value(array, rule);
		xpc_release(rule);
	}
	return array;
}

static void run_list(void *context)
{
	struct job *job = context;

	handler_run_rules(job->handler, list(job->interface, job->rule.family));
	free(job);
}

vmnet_return_t vmnet_interface_add_ip_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port, uint8_t address_family,
	const void *internal_address, uint16_t internal_port,
	vmnet_interface_completion_handler_t handler)
{
	struct backend_forward rule = { .protocol = protocol,
					.family = address_family,
					.external_port = external_port,
					.internal_port = internal_port };

	if (!rule_is_valid(&rule) || internal_port == 0 || !internal_address)
		return VMNET_INVALID_ARGUMENT;
	memcpy(&rule.internal, internal_address,
	       address_family == AF_INET ? sizeof(rule.internal.v4) : sizeof(rule.internal.v6));
	return submit(interface, &rule, handler, run_add);
}

vmnet_return_t vmnet_interface_remove_ip_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port, uint8_t address_family,
	vmnet_interface_completion_handler_t handler)
{
	struct backend_forward rule = { .protocol = protocol,
					.family = address_family,
					.external_port = external_port };

	if (!rule_is_valid(&rule))
		return VMNET_INVALID_ARGUMENT;
	return submit(interface, &rule, handler, run_remove);
}

vmnet_return_t vmnet_interface_get_ip_port_forwarding_rules(
	interface_ref interface, uint8_t address_family,
	vmnet_interface_get_ip_port_forwarding_rules_handler_t handler)
{
	struct backend_forward rule = { .family = address_family };

	if (!handler || (address_family != AF_INET && address_family != AF_INET6))
		return VMNET_INVALID_ARGUMENT;
	return submit(interface, &rule, handler, run_list);
}

vmnet_return_t vmnet_interface_add_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port,
	struct in_addr internal_address, uint16_t internal_port,
	vmnet_interface_completion_handler_t handler)
{
	return vmnet_interface_add_ip_port_forwarding_rule(interface, protocol, external_port,
							   AF_INET, &internal_address,
							   internal_port, handler);
}

vmnet_return_t vmnet_interface_remove_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port,
	vmnet_interface_completion_handler_t handler)
{
	return vmnet_interface_remove_ip_port_forwarding_rule(interface, protocol, external_port,
							      AF_INET, handler);
}

vmnet_return_t vmnet_interface_get_port_forwarding_rules(
	interface_ref interface, vmnet_interface_get_port_forwarding_rules_handler_t handler)
{
	return vmnet_interface_get_ip_port_forwarding_rules(interface, AF_INET, handler);
}
