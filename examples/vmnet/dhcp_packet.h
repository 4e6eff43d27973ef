/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dhcp_packet.h - a DHCPDISCOVER, and the address in the offer that answers it (RFC 2131)
 */
#ifndef DHCP_PACKET_H
#define DHCP_PACKET_H

#include <netinet/in.h>

#include "vmnet_example.h"

/** dhcp_ask() - for the station @mac. Return: did an offer come in time? */
bool dhcp_ask(struct example *example, const uint8_t mac[MAC_LEN], unsigned int timeout_ms,
	      struct in_addr *ret);

#endif
