/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * description.h - a description dictionary, read and checked
 *
 * This is the door: what comes out is of the right type, in range, good in its mode, and complete.
 * Each refusal has a sentence in the library's log. Pure but for that; any thread.
 */
#ifndef VMNET_KEYS_DESCRIPTION_H
#define VMNET_KEYS_DESCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "vmnet/networks/backend.h"

struct description {
	struct backend_request request;
	bool isolated, tso, checksum_offload, virtio_header;
	bool no_mac; /* allocate_mac_address is false */
	bool id_given;
	uint8_t id[16];

	/* Of the checks that need several keys */
	bool start_given, end_given, mask_given, host_mask_given;
	bool prefix_length_given;
};

/**
 * description_read() - of vmnet_start_interface()
 * Return: VMNET_SUCCESS, VMNET_INVALID_ARGUMENT
 */
vmnet_return_t description_read(xpc_object_t dictionary, struct description *ret);

/**
 * description_read_on_network() - of vmnet_interface_start_with_network(), on a network of @mode
 * Keys about the network are ignored, and so is the interface's id, as by the framework.
 */
vmnet_return_t description_read_on_network(xpc_object_t dictionary, operating_modes_t mode,
					   struct description *ret);

#endif
