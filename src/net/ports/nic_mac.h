/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_mac.h - MAC addresses of NICs: as text, and made from a NIC's path
 */
#ifndef NET_PORTS_NIC_MAC_H
#define NET_PORTS_NIC_MAC_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/frame.h"

/**
 * nic_mac_parse() - "02:00:00:12:34:56". Return: 0, -EINVAL no MAC address, -EADDRNOTAVAIL a
 * group's or all zero
 */
int nic_mac_parse(const char *text, uint8_t ret[FRAME_MAC]);

#define NIC_MAC_TEXT 18u

/** nic_mac_print() - the text that parses to the same, in lower case */
void nic_mac_print(const uint8_t mac[FRAME_MAC], char ret[NIC_MAC_TEXT]);

/**
 * nic_mac_explain() - the rest of a sentence about an address that nic_mac_parse() refused with
 * @error. Return: -EINVAL
 */
int nic_mac_explain(int error, char **ret_error);

/**
 * nic_mac_derive() - the address of the NIC at this path when none was given
 * @machine_id: of this machine, "" if it has none
 * @attempt:    0; 1 and more when the address before is taken
 *
 * The same each time for the same machine and path, so that a guest keeps its lease. Locally
 * administered.
 */
void nic_mac_derive(const char *absolute_path, const char *machine_id, unsigned int attempt,
		    uint8_t ret[FRAME_MAC]);

#endif
