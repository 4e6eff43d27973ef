/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * router_advert.h - libslirp's router advertisements, corrected
 */
#ifndef NET_USER_ROUTER_ADVERT_H
#define NET_USER_ROUTER_ADVERT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** router_advert_is() - of a frame that comes from libslirp */
bool router_advert_is(const uint8_t *frame, size_t len);

/**
 * router_advert_set_server() - the name server that it announces, if it announces one, in place
 * @frame: router_advert_is()
 */
void router_advert_set_server(uint8_t *frame, size_t len, const struct in6_addr *server);

/** router_advert_end_server() - the same: that there is none (a lifetime of 0; RFC 8106, 5.1) */
void router_advert_end_server(uint8_t *frame, size_t len);

#endif
