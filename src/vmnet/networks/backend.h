/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backend.h - what vmnet interfaces are plugged into: networks of `outrigger net`, found or started
 *
 * A network is a process of its own (`outrigger net MODE --control ...`), which programs of one user
 * share: who asks for the same network gets the same process, who asks for one that contradicts a
 * living one is told so. It ends by itself a moment after the last holder has left, also if
 * that one was killed.
 *
 * Networks are registered in a directory of the user's ($XDG_RUNTIME_DIR/outrigger-vmnet, for root
 * /run/outrigger-vmnet), under a lock that is held while one is looked for or started.
 *
 * Any thread; a backend is used by one at a time. Calls block, each with a deadline of its own.
 */
#ifndef VMNET_NETWORKS_BACKEND_H
#define VMNET_NETWORKS_BACKEND_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmnet/vmnet.h>

struct vmnet_backend;

/** struct backend_reservation, struct backend_forward - of a network object */
struct backend_reservation {
	uint8_t mac[6];
	struct in_addr address;
};

struct backend_forward {
	uint8_t protocol;   /* IPPROTO_TCP, IPPROTO_UDP */
	sa_family_t family; /* AF_INET, AF_INET6 */
	uint16_t external_port, internal_port;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} internal;
};

/**
 * struct backend_request - which network; every key is checked already, by itself and against the
 * mode
 * @exclusive: of host mode with isolation: nobody else may join its subnet (or its identifier)
 * @own:       of a network object: nobody joins it but by backend_adopt()
 */
struct backend_request {
	operating_modes_t mode;
	bool exclusive, own;

	bool range_given;
	struct in_addr start_address, end_address, subnet_mask;
	bool prefix_given;
	struct in6_addr nat66_prefix;
	uint16_t mtu; /* 0: not given */

	bool identifier_given;
	uint8_t identifier[16];
	bool host_address_given, host_address6_given;
	struct in_addr host_address, host_mask;
	struct in6_addr host_address6;

	char ifname[IF_NAMESIZE];   /* bridged */
	char external[IF_NAMESIZE]; /* shared: the way out; "": by the routing table */
	bool no_nat44, no_nat66, no_dhcp, no_dns_proxy, no_router_advertisement;

	const struct backend_reservation *reservations;
	size_t n_reservations;
	const struct backend_forward *forwards;
	size_t n_forwards;
};

/** struct backend_facts - what was settled; an address that there is not is 0 */
struct backend_facts {
	struct in_addr start_address, end_address, subnet_mask;
	struct in6_addr nat66_prefix;
	uint16_t mtu;
};

/**
 * backend_open() - find the network or start it, and hold it
 * @ret_error: a sentence for the log; the caller frees; may be NULL
 * Return: VMNET_SUCCESS; VMNET_SHARING_SERVICE_BUSY it contradicts a living network;
 * VMNET_INVALID_ARGUMENT the network would not have it; VMNET_NOT_AUTHORIZED the privilege is
 * missing (or FAILURE, as the reference has it for the case); VMNET_MEM_FAILURE; VMNET_FAILURE
 */
vmnet_return_t backend_open(const struct backend_request *request, struct vmnet_backend **ret,
			    char **ret_error);

/** backend_close() - what it plugged in is gone already or goes now. NULL is fine */
void backend_close(struct vmnet_backend *backend);

void backend_facts(const struct vmnet_backend *backend, struct backend_facts *ret);

/**
 * backend_describe(), backend_adopt() - hand a network to another process
 * @text: what another process of the same user finds it by, while it lives; the caller frees
 */
char *backend_describe(const struct vmnet_backend *backend);
vmnet_return_t backend_adopt(const char *text, struct vmnet_backend **ret, char **ret_error);

/**
 * backend_plug() - a port with a NIC
 * @mac: of the NIC; unique in the network or VMNET_SHARING_SERVICE_BUSY
 * @ret_fd: a connected vfio-user socket; the port goes when that does
 */
vmnet_return_t backend_plug(struct vmnet_backend *backend, const uint8_t mac[6], bool isolated,
			    uint16_t mtu, int *ret_fd, char **ret_error);

/** backend_forward_add(), backend_forward_remove() - on all of the host's addresses */
vmnet_return_t backend_forward_add(struct vmnet_backend *backend,
				   const struct backend_forward *forward, char **ret_error);
vmnet_return_t backend_forward_remove(struct vmnet_backend *backend,
				      const struct backend_forward *forward, char **ret_error);

/** backend_is_lost() - the other side's process ended: true from then on. Any thread */
bool backend_is_lost(const struct vmnet_backend *backend);

#endif
