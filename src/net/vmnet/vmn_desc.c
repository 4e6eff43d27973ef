/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_desc.c - a network's options as vmnet's keys
 *
 * Left to vmnet is what was left open: addresses, the prefix, the MTU. Segmentation and checksums are
 * asked for by --offloads only: no port of ours carries such frames, so they are cut here (vmn_cut.h),
 * and one interface without offloads switches them off for all of a bridge.
 */
#include "net/vmnet/vmn_desc.h"

#include <errno.h>
#include <string.h>

#include "net/network_text.h"
#include "net/vmnet/vmn_newer.h"
#include "sys/explain.h"

#define DEFAULT_MTU 1500u

static uint64_t mode_of(const struct network_config *config)
{
	static const uint64_t modes[] = {
		[NETWORK_SHARED] = VMNET_SHARED_MODE,
		[NETWORK_HOST] = VMNET_HOST_MODE,
		[NETWORK_BRIDGED] = VMNET_BRIDGED_MODE,
	};

	return modes[config->mode];
}

/* Keys */

/* One that this system may not have: then what it is for cannot be done. */
static int newer_key(const char *constant, const char *option, const char *since, const char **ret,
		     char **ret_error)
{
	*ret = vmn_key(constant);
	if (*ret)
		return 0;
	return explain(ret_error, -EOPNOTSUPP,
		       "%s: vmnet has it from macOS %s on; leave it out or upgrade", option, since);
}

static void set_address(xpc_object_t desc, const char *key, struct in_addr address)
{
	xpc_dictionary_set_string(desc, key, network_text(address).s);
}

static int set_host6(xpc_object_t desc, const struct network_config *config, char **ret_error)
{
	const char *key;
	int r = newer_key("vmnet_host_ipv6_address_key", "--host-ipv6", "11", &key, ret_error);

	if (r >= 0)
		xpc_dictionary_set_string(desc, key, network_text6(&config->host6).s);
	return r;
}

/* A named network has addresses only for the host. */
static int set_named(xpc_object_t desc, const struct network_config *config, char **ret_error)
{
	const char *identifier, *address, *mask;
	int r = newer_key("vmnet_network_identifier_key", "--net-uuid", "11", &identifier,
			  ret_error);

	if (r < 0)
		return r;
	xpc_dictionary_set_uuid(desc, identifier, config->uuid);
	if (!config->addresses_given)
		return 0;
	r = newer_key("vmnet_host_ip_address_key", "--start-address", "11", &address, ret_error);
	if (r >= 0)
		r = newer_key("vmnet_host_subnet_mask_key", "--subnet-mask", "11", &mask,
			      ret_error);
	if (r < 0)
		return r;
	set_address(desc, address, config->start_address);
	set_address(desc, mask, config->subnet_mask);
	return config->host6_given ? set_host6(desc, config, ret_error) : 0;
}

static int set_own(xpc_object_t desc, const struct network_config *config, char **ret_error)
{
	if (config->mtu != DEFAULT_MTU)
		xpc_dictionary_set_uint64(desc, vmnet_mtu_key, config->mtu);
	if (config->prefix_given)
		xpc_dictionary_set_string(desc, vmnet_nat66_prefix_key,
					  network_text6(&config->nat66_prefix).s);
	if (config->uuid_given)
		return set_named(desc, config, ret_error);
	if (config->addresses_given) {
		set_address(desc, vmnet_start_address_key, config->start_address);
		set_address(desc, vmnet_end_address_key, config->end_address);
		set_address(desc, vmnet_subnet_mask_key, config->subnet_mask);
	}
	return 0;
}

static int set_isolated(xpc_object_t desc, char **ret_error)
{
	const char *key;
	int r = newer_key("vmnet_enable_isolation_key", "--isolated", "11", &key, ret_error);

	if (r >= 0)
		xpc_dictionary_set_bool(desc, key, true);
	return r;
}

struct vmn_offloads vmn_desc_offloads(const struct network_config *config)
{
	struct vmn_offloads offloads = { .segments = config->offloads };

	if (!config->offloads)
		return offloads;
	/* vmnet takes one or the other; the header says of each packet what has been left to us. */
	offloads.header = vmn_key("vmnet_enable_virtio_header_key");
	offloads.checksums = !offloads.header && vmn_key("vmnet_enable_checksum_offload_key");
	return offloads;
}

static int set_offloads(xpc_object_t desc, const struct network_config *config, char **ret_error)
{
	struct vmn_offloads offloads = vmn_desc_offloads(config);
	const char *key;
	int r = newer_key("vmnet_enable_tso_key", "--offloads on", "11", &key, ret_error);

	if (r < 0)
		return r;
	xpc_dictionary_set_bool(desc, key, true);
	if (offloads.header)
		xpc_dictionary_set_bool(desc, vmn_key("vmnet_enable_virtio_header_key"), true);
	if (offloads.checksums)
		xpc_dictionary_set_bool(desc, vmn_key("vmnet_enable_checksum_offload_key"), true);
	return 0;
}

/* What a network object is made of is not said again for its interfaces. */
static int fill(xpc_object_t desc, const struct network_config *config, bool isolated,
		char **ret_error)
{
	int r = 0;

	xpc_dictionary_set_uint64(desc, vmnet_operation_mode_key, mode_of(config));
	if (config->mode == NETWORK_BRIDGED)
		xpc_dictionary_set_string(desc, vmnet_shared_interface_name_key, config->ifname);
	else if (!vmn_desc_needs_object(config))
		r = set_own(desc, config, ret_error);
	return r >= 0 && isolated ? set_isolated(desc, ret_error) : r;
}

static int make(const struct network_config *config, bool isolated, xpc_object_t *ret,
		char **ret_error)
{
	xpc_object_t desc = xpc_dictionary_create(NULL, NULL, 0);
	int r = desc ? fill(desc, config, isolated, ret_error) : -ENOMEM;

	if (r < 0 && desc)
		xpc_release(desc);
	if (r >= 0)
		*ret = desc;
	return r;
}

int vmn_desc_anchor(const struct network_config *config, xpc_object_t *ret, char **ret_error)
{
	int r = make(config, config->isolated, ret, ret_error);

	if (r >= 0)
		xpc_dictionary_set_bool(*ret, vmnet_allocate_mac_address_key, false);
	return r;
}

/* FNV-1a: spreads short strings well, and an id is no secret. */
static uint64_t hash(uint64_t state, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		state = (state ^ at[i]) * 0x100000001b3u;
	return state;
}

static uint64_t hash_port(uint64_t state, const struct network_config *config,
			  const struct network_port *port)
{
	uint8_t mode = (uint8_t)config->mode;

	state = hash(state, &mode, sizeof(mode));
	if (config->uuid_given)
		state = hash(state, config->uuid, sizeof(config->uuid));
	if (config->mode == NETWORK_BRIDGED)
		state = hash(state, config->ifname, strlen(config->ifname) + 1);
	if (config->addresses_given)
		state = hash(state, &config->start_address, sizeof(config->start_address));
	if (port->mac)
		state = hash(state, port->mac, FRAME_MAC);
	return hash(state, port->name, strlen(port->name) + 1);
}

/* RFC 9562, section 5.8: version 8, whose bits are the application's. */
void vmn_desc_interface_id(const struct network_config *config, const struct network_port *port,
			   uint8_t ret[16])
{
	uint64_t halves[2] = { 0xcbf29ce484222325u, 0x84222325cbf29ce4u };

	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			halves[i / 8] = hash_port(halves[i / 8], config, port);
		ret[i] = (uint8_t)(halves[i / 8] >> (8 * (i % 8)));
	}
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80);
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}

int vmn_desc_port(const struct network_config *config, const struct network_port *port,
		  xpc_object_t *ret, char **ret_error)
{
	xpc_object_t desc;
	uint8_t id[16];
	int r = make(config, port->isolated, &desc, ret_error);

	if (r < 0)
		return r;
	if (config->offloads)
		r = set_offloads(desc, config, ret_error);
	if (r < 0) {
		xpc_release(desc);
		return r;
	}
	vmn_desc_interface_id(config, port, id);
	xpc_dictionary_set_uuid(desc, vmnet_interface_id_key, id);
	*ret = desc;
	return 0;
}
