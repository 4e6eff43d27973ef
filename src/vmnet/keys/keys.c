/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keys.c - the names of keys, which are the framework's, and the table
 */
#include "vmnet/keys/keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "sys/explain.h"
#include "virtio/frame.h"
#include "vmnet/keys/shared_interfaces.h"

const char *const vmnet_operation_mode_key = "vmnet_operation_mode";
const char *const vmnet_mac_address_key = "vmnet_mac_address";
const char *const vmnet_mtu_key = "vmnet_mtu";
const char *const vmnet_max_packet_size_key = "vmnet_max_packet_size";
const char *const vmnet_interface_id_key = "vmnet_interface_id";
const char *const vmnet_estimated_packets_available_key = "vmnet_estimated_packets_available";
const char *const vmnet_shared_interface_name_key = "vmnet_shared_interface_name";
const char *const vmnet_allocate_mac_address_key = "vmnet_allocate_mac_address";
const char *const vmnet_start_address_key = "vmnet_start_address";
const char *const vmnet_end_address_key = "vmnet_end_address";
const char *const vmnet_subnet_mask_key = "vmnet_subnet_mask";
const char *const vmnet_nat66_prefix_key = "vmnet_nat66_prefix";
const char *const vmnet_nat66_prefix_length_key = "vmnet_nat66_prefix_length";
const char *const vmnet_network_identifier_key = "vmnet_network_identifier";
const char *const vmnet_host_ip_address_key = "vmnet_host_ip_address";
const char *const vmnet_host_subnet_mask_key = "vmnet_host_subnet_mask";
const char *const vmnet_host_ipv6_address_key = "vmnet_host_ipv6_address";
const char *const vmnet_enable_tso_key = "vmnet_enable_tso";
const char *const vmnet_enable_isolation_key = "vmnet_enable_isolation";
const char *const vmnet_enable_checksum_offload_key = "vmnet_enable_checksum_offload";
const char *const vmnet_read_max_packets_key = "vmnet_read_max_packets";
const char *const vmnet_write_max_packets_key = "vmnet_write_max_packets";
const char *const vmnet_enable_virtio_header_key = "vmnet_enable_virtio_header";

static int read_mode(struct description *description, xpc_object_t value, char **ret_error)
{
	uint64_t mode = xpc_uint64_get_value(value);

	if (mode < VMNET_HOST_MODE || mode > VMNET_BRIDGED_MODE)
		return explain(ret_error, -EINVAL,
			       "%llu is none of 1000 (host), 1001 (shared), "
			       "1002 (bridged)",
			       (unsigned long long)mode);
	description->request.mode = (operating_modes_t)mode;
	return 0;
}

static int read_mtu(struct description *description, xpc_object_t value, char **ret_error)
{
	uint64_t mtu = xpc_uint64_get_value(value);

	if (mtu < FRAME_MTU_MIN || mtu > FRAME_MTU_MAX)
		return explain(ret_error, -EINVAL, "%llu is out of range; give %u to %u",
			       (unsigned long long)mtu, FRAME_MTU_MIN, FRAME_MTU_MAX);
	description->request.mtu = (uint16_t)mtu;
	return 0;
}

static int read_name(struct description *description, xpc_object_t value, char **ret_error)
{
	const char *name = xpc_string_get_string_ptr(value);
	size_t len = strlen(name);
	char *list;
	int r;

	if (len < IF_NAMESIZE && shared_interface_usable(name)) {
		memcpy(description->request.ifname, name, len + 1);
		return 0;
	}
	list = shared_interface_text();
	r = explain(ret_error, -EINVAL, "no interface \"%s\" can be bridged to; there %s", name,
		    list ? list : "are others");
	free(list);
	return r;
}

static int read_ip4(xpc_object_t value, struct in_addr *ret, char **ret_error)
{
	const char *text = xpc_string_get_string_ptr(value);

	if (inet_pton(AF_INET, text, ret) != 1)
		return explain(ret_error, -EINVAL, "\"%s\" is no IPv4 address", text);
	return 0;
}

static int read_ip6(xpc_object_t value, struct in6_addr *ret, char **ret_error)
{
	const char *text = xpc_string_get_string_ptr(value);

	if (inet_pton(AF_INET6, text, ret) != 1)
		return explain(ret_error, -EINVAL, "\"%s\" is no IPv6 address", text);
	return 0;
}

static int read_start(struct description *description, xpc_object_t value, char **ret_error)
{
	description->start_given = true;
	return read_ip4(value, &description->request.start_address, ret_error);
}

static int read_end(struct description *description, xpc_object_t value, char **ret_error)
{
	description->end_given = true;
	return read_ip4(value, &description->request.end_address, ret_error);
}

static int read_mask(struct description *description, xpc_object_t value, char **ret_error)
{
	description->mask_given = true;
	return read_ip4(value, &description->request.subnet_mask, ret_error);
}

static int read_prefix(struct description *description, xpc_object_t value, char **ret_error)
{
	struct in6_addr *prefix = &description->request.nat66_prefix;
	static const uint8_t zero[8];
	int r = read_ip6(value, prefix, ret_error);

	if (r < 0)
		return r;
	if (prefix->s6_addr[0] != 0xfd || memcmp(prefix->s6_addr + 8, zero, 8) != 0)
		return explain(ret_error, -EINVAL, "\"%s\" is no /64 inside fd00::/8",
			       xpc_string_get_string_ptr(value));
	description->request.prefix_given = true;
	return 0;
}

static int read_prefix_length(struct description *description, xpc_object_t value, char **ret_error)
{
	description->prefix_length_given = true;
	if (xpc_uint64_get_value(value) != 64)
		return explain(ret_error, -EINVAL, "a prefix has 64 bits");
	return 0;
}

static int read_identifier(struct description *description, xpc_object_t value, char **ret_error)
{
	memcpy(description->request.identifier, xpc_uuid_get_bytes(value), 16);
	description->request.identifier_given = true;
	return 0;
}

static int read_host_ip(struct description *description, xpc_object_t value, char **ret_error)
{
	description->request.host_address_given = true;
	return read_ip4(value, &description->request.host_address, ret_error);
}

static int read_host_mask(struct description *description, xpc_object_t value, char **ret_error)
{
	description->host_mask_given = true;
	return read_ip4(value, &description->request.host_mask, ret_error);
}

static int read_host_ip6(struct description *description, xpc_object_t value, char **ret_error)
{
	struct in6_addr *address = &description->request.host_address6;
	int r = read_ip6(value, address, ret_error);

	if (r < 0)
		return r;
	if (IN6_IS_ADDR_MULTICAST(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
	    IN6_IS_ADDR_LOOPBACK(address))
		return explain(ret_error, -EINVAL, "\"%s\" is no station's address",
			       xpc_string_get_string_ptr(value));
	description->request.host_address6_given = true;
	return 0;
}

static int read_id(struct description *description, xpc_object_t value, char **ret_error)
{
	memcpy(description->id, xpc_uuid_get_bytes(value), sizeof(description->id));
	description->id_given = true;
	return 0;
}

static int read_allocate(struct description *description, xpc_object_t value, char **ret_error)
{
	description->no_mac = !xpc_bool_get_value(value);
	return 0;
}

static int read_tso(struct description *description, xpc_object_t value, char **ret_error)
{
	description->tso = xpc_bool_get_value(value);
	return 0;
}

static int read_isolation(struct description *description, xpc_object_t value, char **ret_error)
{
	description->isolated = xpc_bool_get_value(value);
	return 0;
}

static int read_checksum(struct description *description, xpc_object_t value, char **ret_error)
{
	description->checksum_offload = xpc_bool_get_value(value);
	return 0;
}

static int read_header(struct description *description, xpc_object_t value, char **ret_error)
{
	description->virtio_header = xpc_bool_get_value(value);
	return 0;
}

#define KEY_LOCAL (KEY_HOST | KEY_SHARED)

/* The mode is the first: which others are good depends on it. */
static const struct key_row rows[] = {
	{ &vmnet_operation_mode_key, KEY_UINT64, KEY_ANY, true, read_mode },
	{ &vmnet_shared_interface_name_key, KEY_STRING, KEY_BRIDGED, true, read_name },
	{ &vmnet_interface_id_key, KEY_UUID, KEY_ANY, false, read_id },
	{ &vmnet_allocate_mac_address_key, KEY_BOOL, KEY_ANY, false, read_allocate },
	{ &vmnet_mtu_key, KEY_UINT64, KEY_LOCAL, true, read_mtu },
	{ &vmnet_start_address_key, KEY_STRING, KEY_LOCAL, true, read_start },
	{ &vmnet_end_address_key, KEY_STRING, KEY_LOCAL, true, read_end },
	{ &vmnet_subnet_mask_key, KEY_STRING, KEY_LOCAL, true, read_mask },
	{ &vmnet_nat66_prefix_key, KEY_STRING, KEY_SHARED, true, read_prefix },
	{ &vmnet_nat66_prefix_length_key, KEY_UINT64, KEY_SHARED, true, read_prefix_length },
	{ &vmnet_network_identifier_key, KEY_UUID, KEY_HOST, true, read_identifier },
	{ &vmnet_host_ip_address_key, KEY_STRING, KEY_HOST, true, read_host_ip },
	{ &vmnet_host_subnet_mask_key, KEY_STRING, KEY_HOST, true, read_host_mask },
	{ &vmnet_host_ipv6_address_key, KEY_STRING, KEY_HOST, true, read_host_ip6 },
	{ &vmnet_enable_isolation_key, KEY_BOOL, KEY_ANY, false, read_isolation },
	{ &vmnet_enable_tso_key, KEY_BOOL, KEY_ANY, false, read_tso },
	{ &vmnet_enable_checksum_offload_key, KEY_BOOL, KEY_ANY, false, read_checksum },
	{ &vmnet_enable_virtio_header_key, KEY_BOOL, KEY_ANY, false, read_header },
};

const struct key_row *key_rows(size_t *ret_n)
{
	*ret_n = sizeof(rows) / sizeof(rows[0]);
	return rows;
}
