/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet.h - the API of Apple's vmnet framework, on Linux: names, types and values are the framework's
 *
 * A program starts interfaces and reads and writes Ethernet frames. What is the same, what differs
 * and which key is good for what: docs/vmnet.md.
 *
 * Each declaration says by VMNET_SINCE() which macOS it came with. With
 * -D__MAC_OS_X_VERSION_MAX_ALLOWED=101500 (10.15), 110000 (11.0), 150400 (15.4) and so on this is the
 * header as of that release; by default all of it.
 *
 * Handlers are blocks, which need clang -fblocks; to other compilers they are opaque pointers.
 *
 * Every function may be called from any thread. A handle that is none, or no longer one, is
 * answered with VMNET_INVALID_ARGUMENT.
 */
#ifndef VMNET_VMNET_H
#define VMNET_VMNET_H

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <Availability.h>
#include <CoreFoundation/CFBase.h>
#include <dispatch/dispatch.h>
#include <xpc/xpc.h>

#ifndef VMNET_API
#define VMNET_API __MAC_OS_X_VERSION_MAX_ALLOWED
#endif
#define VMNET_SINCE(major, minor) (VMNET_API >= (major)*10000 + (minor)*100)

#ifdef __BLOCKS__
#define VMNET_BLOCK_POINTER	 ^
#define VMNET_HANDLER(name, ...) typedef void(VMNET_BLOCK_POINTER name)(__VA_ARGS__)
#else
#define VMNET_HANDLER(name, ...) typedef void *name
#endif

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** operating_modes_t - what an interface reaches */
typedef enum {
	VMNET_HOST_MODE = 1000,	  /* the host and other interfaces of this mode */
	VMNET_SHARED_MODE = 1001, /* these, and the outside through NAT */
#if VMNET_SINCE(10, 15)
	VMNET_BRIDGED_MODE = 1002, /* the segment of one of the host's interfaces */
#endif
} operating_modes_t;

/** interface_event_t - bits */
typedef enum {
	/* fires again and again while packets are unread */
	VMNET_INTERFACE_PACKETS_AVAILABLE = 1 << 0,
} interface_event_t;

typedef enum {
	VMNET_SUCCESS = 1000,
	VMNET_FAILURE = 1001,	       /* none of the others; the library's log says what */
	VMNET_MEM_FAILURE = 1002,      /* out of memory */
	VMNET_INVALID_ARGUMENT = 1003, /* a key, a handle, or how a packet is described */
	VMNET_SETUP_INCOMPLETE = 1004, /* used before the start handler ran */
	VMNET_INVALID_ACCESS = 1005,   /* permission denied */
	VMNET_PACKET_TOO_BIG = 1006,   /* longer than the interface's maximum */
	VMNET_BUFFER_EXHAUSTED = 1007, /* the network takes no more now */
	VMNET_TOO_MANY_PACKETS = 1008, /* more in one call than its limit */
#if VMNET_SINCE(11, 0)
	VMNET_SHARING_SERVICE_BUSY = 1009, /* contradicts a network that is there already */
#endif
#if VMNET_SINCE(26, 0)
	VMNET_NOT_AUTHORIZED = 1010, /* lacks a privilege */
#endif
} vmnet_return_t;

/**
 * struct vmpktdesc - one packet, an Ethernet frame without FCS
 * @vm_pkt_size:   bytes; on reading: in, room, out, what came
 * @vm_pkt_iov:    its bytes, in one piece
 * @vm_pkt_iovcnt: 1
 * @vm_flags:      0
 */
struct vmpktdesc {
	size_t vm_pkt_size;
	struct iovec *vm_pkt_iov;
	uint32_t vm_pkt_iovcnt;
	uint32_t vm_flags;
};

/** interface_ref - a started, or starting, interface. Good until the stop handler runs */
typedef struct vmnet_interface *interface_ref;

/*
 * Keys of dictionaries: of the description that an interface is started with (D), of the parameters
 * that the start handler gets (P), of events (E). Table with modes and rules: src/vmnet/keys.c
 */
extern const char *const vmnet_operation_mode_key;		/* D: uint64, operating_modes_t */
extern const char *const vmnet_mac_address_key;			/* P: string */
extern const char *const vmnet_mtu_key;				/* D, P: uint64 */
extern const char *const vmnet_max_packet_size_key;		/* P: uint64 */
extern const char *const vmnet_interface_id_key;		/* D, P: uuid */
extern const char *const vmnet_estimated_packets_available_key; /* E: uint64 */
#if VMNET_SINCE(10, 15)
extern const char *const vmnet_shared_interface_name_key; /* D: string */
extern const char *const vmnet_allocate_mac_address_key;  /* D: bool */
extern const char *const vmnet_start_address_key;	  /* D, P: string, IPv4 */
extern const char *const vmnet_end_address_key;		  /* D, P: string, IPv4 */
extern const char *const vmnet_subnet_mask_key;		  /* D, P: string, IPv4 */
extern const char *const vmnet_nat66_prefix_key;	  /* D, P: string, IPv6 */
extern const char *const vmnet_nat66_prefix_length_key;	  /* D: uint64, 64; deprecated in 11.0 */
#endif
#if VMNET_SINCE(11, 0)
extern const char *const vmnet_network_identifier_key; /* D: uuid */
extern const char *const vmnet_host_ip_address_key;    /* D: string, IPv4 */
extern const char *const vmnet_host_subnet_mask_key;   /* D: string, IPv4 */
extern const char *const vmnet_host_ipv6_address_key;  /* D: string, IPv6 */
extern const char *const vmnet_enable_tso_key;	       /* D: bool */
extern const char *const vmnet_enable_isolation_key;   /* D: bool */
#endif
#if VMNET_SINCE(12, 0)
extern const char *const vmnet_enable_checksum_offload_key; /* D: bool */
#endif
#if VMNET_SINCE(15, 0)
extern const char *const vmnet_read_max_packets_key;  /* P: uint64 */
extern const char *const vmnet_write_max_packets_key; /* P: uint64 */
#endif
#if VMNET_SINCE(15, 4)
extern const char *const vmnet_enable_virtio_header_key; /* D: bool */
#endif

/* Interfaces */

VMNET_HANDLER(vmnet_start_interface_completion_handler_t, vmnet_return_t status,
	      xpc_object_t interface_param);
VMNET_HANDLER(vmnet_interface_completion_handler_t, vmnet_return_t status);
VMNET_HANDLER(vmnet_interface_event_callback_t, interface_event_t event_mask, xpc_object_t event);

/**
 * vmnet_start_interface() - plug into a network, which is started if nobody has it yet
 * @interface_desc: a dictionary; may be changed or released after the call
 * @queue, @handler: told once how it went; with VMNET_SUCCESS the interface can be used, and
 *                   @interface_param, valid during the call, says what came of it
 * Return: NULL rejected at once, the handler will not run
 */
interface_ref vmnet_start_interface(xpc_object_t interface_desc, dispatch_queue_t queue,
				    vmnet_start_interface_completion_handler_t handler);

/**
 * vmnet_stop_interface() - from this call on reads and writes fail
 * @handler: told once when nothing of the interface is left. What callbacks use may be freed then,
 *           not earlier
 * Return: VMNET_SUCCESS the handler will run
 */
vmnet_return_t vmnet_stop_interface(interface_ref interface, dispatch_queue_t queue,
				    vmnet_interface_completion_handler_t handler);

/**
 * vmnet_interface_set_event_callback() - be told of events, instead of the callback there was
 * @queue, @callback: both, or both NULL: no more events. A callback that runs in that very moment
 *                    runs on
 */
vmnet_return_t vmnet_interface_set_event_callback(interface_ref interface,
						  interface_event_t event_mask,
						  dispatch_queue_t queue,
						  vmnet_interface_event_callback_t callback);

/**
 * vmnet_read() - fetch packets, never waits
 * @packets: each with room for vmnet_max_packet_size_key; vm_pkt_size and iov_len are those of what
 *           came. Reset vm_pkt_size before the next call
 * @pktcnt:  in: how many at most, out: how many came, may be 0
 */
vmnet_return_t vmnet_read(interface_ref interface, struct vmpktdesc *packets, int *pktcnt);

/**
 * vmnet_write() - send packets, all or none
 * @pktcnt: in: how many, out: how many were sent
 */
vmnet_return_t vmnet_write(interface_ref interface, struct vmpktdesc *packets, int *pktcnt);

#if VMNET_SINCE(10, 15)
/** vmnet_copy_shared_interface_list() - array of names for bridged mode; release it. NULL: none */
xpc_object_t vmnet_copy_shared_interface_list(void);

/*
 * Port forwarding of an interface's network. Ports are in host byte order, protocols IPPROTO_TCP
 * and IPPROTO_UDP. The return value says whether the handler will run. A handler may be NULL, but
 * for those that get rules: an array of dictionaries, or NULL for none, valid during the call.
 */
VMNET_HANDLER(vmnet_interface_get_port_forwarding_rules_handler_t, xpc_object_t rules);

vmnet_return_t vmnet_interface_add_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port,
	struct in_addr internal_address, uint16_t internal_port,
	vmnet_interface_completion_handler_t handler);
vmnet_return_t vmnet_interface_remove_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port,
	vmnet_interface_completion_handler_t handler);
vmnet_return_t vmnet_interface_get_port_forwarding_rules(
	interface_ref interface, vmnet_interface_get_port_forwarding_rules_handler_t handler);
vmnet_return_t vmnet_port_forwarding_rule_get_details(xpc_object_t rule, uint8_t *protocol,
						      uint16_t *external_port,
						      struct in_addr *internal_address,
						      uint16_t *internal_port);
#endif

#if VMNET_SINCE(11, 0)
/* The same for IPv4 and IPv6: an address is a struct in_addr or a struct in6_addr */
VMNET_HANDLER(vmnet_interface_get_ip_port_forwarding_rules_handler_t, xpc_object_t rules);

vmnet_return_t vmnet_interface_add_ip_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port, uint8_t address_family,
	const void *internal_address, uint16_t internal_port,
	vmnet_interface_completion_handler_t handler);
vmnet_return_t vmnet_interface_remove_ip_port_forwarding_rule(
	interface_ref interface, uint8_t protocol, uint16_t external_port, uint8_t address_family,
	vmnet_interface_completion_handler_t handler);
vmnet_return_t vmnet_interface_get_ip_port_forwarding_rules(
	interface_ref interface, uint8_t address_family,
	vmnet_interface_get_ip_port_forwarding_rules_handler_t handler);
vmnet_return_t vmnet_ip_port_forwarding_rule_get_details(xpc_object_t rule, uint8_t *protocol,
							 uint16_t *external_port,
							 uint8_t address_family,
							 void *internal_address,
							 uint16_t *internal_port);
#endif

#if VMNET_SINCE(26, 0)
/*
 * Network objects, which interfaces can be started on. Configurations and networks are objects of
 * <CoreFoundation/CFBase.h>: CFRetain(), CFRelease(). @status, where there is one, may be NULL; it
 * says why NULL was returned.
 */
typedef operating_modes_t vmnet_mode_t;
typedef struct vmnet_network_configuration *vmnet_network_configuration_ref;
typedef struct vmnet_network *vmnet_network_ref;
typedef struct ether_addr ether_addr_t;

/** vmnet_network_configuration_create() - host or shared mode */
vmnet_network_configuration_ref vmnet_network_configuration_create(vmnet_mode_t mode,
								   vmnet_return_t *status);

/** ..._set_external_interface() - shared mode: the way out, else it is by the routing table */
vmnet_return_t vmnet_network_configuration_set_external_interface(
	vmnet_network_configuration_ref config, const char *interface_name);

/** ..._set_ipv4_subnet() - its first and last address are nobody's, the second the host's */
vmnet_return_t vmnet_network_configuration_set_ipv4_subnet(vmnet_network_configuration_ref config,
							   const struct in_addr *subnet_addr,
							   const struct in_addr *subnet_mask);

/** ..._set_ipv6_prefix() - ULA, 64 bits */
vmnet_return_t vmnet_network_configuration_set_ipv6_prefix(vmnet_network_configuration_ref config,
							   const struct in6_addr *prefix,
							   uint8_t prefix_len);

vmnet_return_t vmnet_network_configuration_set_mtu(vmnet_network_configuration_ref config,
						   uint32_t mtu);

/** ..._add_dhcp_reservation() - @client always gets @reservation */
vmnet_return_t vmnet_network_configuration_add_dhcp_reservation(
	vmnet_network_configuration_ref config, const ether_addr_t *client,
	const struct in_addr *reservation);

/** ..._add_port_forwarding_rule() - note the order of the ports */
vmnet_return_t vmnet_network_configuration_add_port_forwarding_rule(
	vmnet_network_configuration_ref config, uint8_t protocol, sa_family_t address_family,
	uint16_t internal_port, uint16_t external_port, const void *internal_address);

void vmnet_network_configuration_disable_nat44(vmnet_network_configuration_ref config);
void vmnet_network_configuration_disable_nat66(vmnet_network_configuration_ref config);
void vmnet_network_configuration_disable_dhcp(vmnet_network_configuration_ref config);
void vmnet_network_configuration_disable_dns_proxy(vmnet_network_configuration_ref config);
void vmnet_network_configuration_disable_router_advertisement(
	vmnet_network_configuration_ref config);

/** vmnet_network_create() - the network lives as long as its references and its interfaces */
vmnet_network_ref vmnet_network_create(vmnet_network_configuration_ref config,
				       vmnet_return_t *status);

/** vmnet_network_copy_serialization() - what another process gets the same network by */
xpc_object_t vmnet_network_copy_serialization(vmnet_network_ref network, vmnet_return_t *status);
vmnet_network_ref vmnet_network_create_with_serialization(xpc_object_t serialization,
							  vmnet_return_t *status);

void vmnet_network_get_ipv4_subnet(vmnet_network_ref network, struct in_addr *subnet,
				   struct in_addr *mask);
void vmnet_network_get_ipv6_prefix(vmnet_network_ref network, struct in6_addr *prefix,
				   uint8_t *prefix_len);

/** vmnet_interface_start_with_network() - as vmnet_start_interface(), on a network at hand */
interface_ref vmnet_interface_start_with_network(
	vmnet_network_ref network, xpc_object_t interface_desc, dispatch_queue_t queue,
	vmnet_start_interface_completion_handler_t handler);
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
