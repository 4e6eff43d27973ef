/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * description.c - reading by the table of keys.c, and the rules that need several keys
 */
#include "vmnet/keys/description.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "sys/explain.h"
#include "vmnet/keys/keys.h"
#include "vmnet/log.h"

static bool is_of_type(xpc_object_t value, enum key_type type)
{
	switch (type) {
	case KEY_UINT64:
		return xpc_get_type(value) == XPC_TYPE_UINT64;
	case KEY_BOOL:
		return xpc_get_type(value) == XPC_TYPE_BOOL;
	case KEY_STRING:
		return xpc_get_type(value) == XPC_TYPE_STRING;
	case KEY_UUID:
		return xpc_get_type(value) == XPC_TYPE_UUID;
	}
	return false;
}

static const char *type_name(enum key_type type)
{
	static const char *const names[] = { "uint64", "bool", "string", "uuid" };

	return names[type];
}

static unsigned int mode_bit(operating_modes_t mode)
{
	switch (mode) {
	case VMNET_HOST_MODE:
		return KEY_HOST;
	case VMNET_SHARED_MODE:
		return KEY_SHARED;
	case VMNET_BRIDGED_MODE:
		return KEY_BRIDGED;
	}
	return 0;
}

static const char *mode_name(operating_modes_t mode)
{
	return mode == VMNET_HOST_MODE ? "host" : mode == VMNET_SHARED_MODE ? "shared" : "bridged";
}

static int read_row(struct description *description, const struct key_row *row, xpc_object_t value,
		    char **ret_error)
{
	operating_modes_t mode = description->request.mode;
	int r;

	if (!is_of_type(value, row->type))
		r = explain(ret_error, -EINVAL, "is of type %s, not %s",
			    xpc_type_get_name(xpc_get_type(value)), type_name(row->type));
	else if (mode != 0 && !(row->modes & mode_bit(mode)))
		r = explain(ret_error, -EINVAL, "means nothing in %s mode", mode_name(mode));
	else
		r = row->read(description, value, ret_error);
	if (r < 0)
		explain_about(ret_error, "%s: ", *row->key);
	return r;
}

/* Is it one of RFC 1918's, which vmnet wants? Host byte order. */
static bool is_private(uint32_t address)
{
	return address >> 24 == 10 || address >> 20 == (172 << 4 | 1) ||
	       address >> 16 == (192 << 8 | 168);
}

/* Ones, then zeros; room for a host, a guest and the two that are nobody's. */
static bool is_mask(uint32_t mask)
{
	return mask != 0 && (~mask & (~mask + 1)) == 0 && ~mask >= 3;
}

static int check_range(const struct description *description, char **ret_error)
{
	uint32_t start = ntohl(description->request.start_address.s_addr);
	uint32_t end = ntohl(description->request.end_address.s_addr);
	uint32_t mask = ntohl(description->request.subnet_mask.s_addr);

	if (!is_mask(mask))
		return explain(ret_error, -EINVAL,
			       "%s: not ones followed by zeros with room for guests",
			       vmnet_subnet_mask_key);
	if (!is_private(start) || !is_private(end))
		return explain(ret_error, -EINVAL, "%s: not private by RFC 1918",
			       is_private(start) ? vmnet_end_address_key : vmnet_start_address_key);
	if ((start & mask) != (end & mask))
		return explain(ret_error, -EINVAL, "%s: not in the subnet of %s",
			       vmnet_end_address_key, vmnet_start_address_key);
	if (end <= start)
		return explain(ret_error, -EINVAL, "%s: not behind %s", vmnet_end_address_key,
			       vmnet_start_address_key);
	if ((start & ~mask) == 0)
		return explain(ret_error, -EINVAL, "%s: the subnet's own address",
			       vmnet_start_address_key);
	if ((end | mask) == UINT32_MAX)
		return explain(ret_error, -EINVAL, "%s: the subnet's broadcast address",
			       vmnet_end_address_key);
	return 0;
}

static int check_host_address(const struct description *description, char **ret_error)
{
	const struct backend_request *request = &description->request;
	uint32_t address = ntohl(request->host_address.s_addr);
	uint32_t mask = ntohl(request->host_mask.s_addr);

	if (request->host_address_given != description->host_mask_given)
		return explain(ret_error, -EINVAL, "%s and %s: one without the other",
			       vmnet_host_ip_address_key, vmnet_host_subnet_mask_key);
	if (!request->identifier_given &&
	    (request->host_address_given || request->host_address6_given))
		return explain(ret_error, -EINVAL, "%s: only with %s",
			       request->host_address_given ? vmnet_host_ip_address_key
							   : vmnet_host_ipv6_address_key,
			       vmnet_network_identifier_key);
	if (!request->host_address_given)
		return 0;
	if (!is_mask(mask))
		return explain(ret_error, -EINVAL, "%s: not ones followed by zeros",
			       vmnet_host_subnet_mask_key);
	if ((address & ~mask) == 0 || (address | mask) == UINT32_MAX || IN_MULTICAST(address) ||
	    address >> 24 == 0 || address >> 24 == IN_LOOPBACKNET)
		return explain(ret_error, -EINVAL, "%s: no station's address",
			       vmnet_host_ip_address_key);
	return 0;
}

static int check_network(struct description *description, char **ret_error)
{
	struct backend_request *request = &description->request;
	int given = description->start_given + description->end_given + description->mask_given;
	int r;

	if (request->mode == 0)
		return explain(ret_error, -EINVAL, "%s: missing", vmnet_operation_mode_key);
	if (request->mode == VMNET_BRIDGED_MODE && request->ifname[0] == '\0')
		return explain(ret_error, -EINVAL, "%s: missing, bridged mode needs it",
			       vmnet_shared_interface_name_key);
	if (given != 0 && given != 3)
		return explain(ret_error, -EINVAL, "%s, %s, %s: all three or none",
			       vmnet_start_address_key, vmnet_end_address_key,
			       vmnet_subnet_mask_key);
	if (given == 3) {
		r = check_range(description, ret_error);
		if (r < 0)
			return r;
		request->range_given = true;
	}
	return check_host_address(description, ret_error);
}

static int read_rows(xpc_object_t dictionary, bool on_network, struct description *description,
		     char **ret_error)
{
	const struct key_row *rows;
	xpc_object_t value;
	size_t n;
	int r;

	rows = key_rows(&n);
	for (size_t i = 0; i < n; i++) {
		value = xpc_dictionary_get_value(dictionary, *rows[i].key);
		if (!value)
			continue;
		if (on_network && (rows[i].of_network || *rows[i].key == vmnet_interface_id_key)) {
			vmnet_log("%s: ignored, the network has it already", *rows[i].key);
			continue;
		}
		r = read_row(description, &rows[i], value, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

static vmnet_return_t read_all(xpc_object_t dictionary, operating_modes_t mode,
			       struct description *ret)
{
	struct description description = { .request.mode = mode };
	bool on_network = mode != 0;
	char *error = NULL;
	int r;

	r = read_rows(dictionary, on_network, &description, &error);
	if (r == 0 && !on_network)
		r = check_network(&description, &error);
	if (r == 0 && description.virtio_header && description.checksum_offload)
		r = explain(&error, -EINVAL, "%s and %s: one or the other",
			    vmnet_enable_virtio_header_key, vmnet_enable_checksum_offload_key);
	if (r < 0) {
		vmnet_log("%s", error ? error : "no memory");
		free(error);
		return VMNET_INVALID_ARGUMENT;
	}
	/* Who wants nobody else around in host mode gets a network where nobody may join. */
	description.request.exclusive =
		description.isolated && description.request.mode == VMNET_HOST_MODE;
	*ret = description;
	return VMNET_SUCCESS;
}

vmnet_return_t description_read(xpc_object_t dictionary, struct description *ret)
{
	return read_all(dictionary, 0, ret);
}

vmnet_return_t description_read_on_network(xpc_object_t dictionary, operating_modes_t mode,
					   struct description *ret)
{
	return read_all(dictionary, mode, ret);
}
