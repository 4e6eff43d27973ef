/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * json_net.h - addresses as JSON
 */
#ifndef NET_CONTROL_JSON_NET_H
#define NET_CONTROL_JSON_NET_H

#include <netinet/in.h>

#include "sys/json_build.h"
#include "virtio/frame.h"

void json_put_address(struct json_object *parent, const char *key, const struct in_addr *address);
void json_put_address6(struct json_object *parent, const char *key, const struct in6_addr *address);
void json_put_mac(struct json_object *parent, const char *key, const uint8_t mac[FRAME_MAC]);

/** json_put_bytes() - text of any bytes, paths for instance: what is no UTF-8 becomes "?" */
void json_put_bytes(struct json_object *parent, const char *key, const char *text);

/** json_put_null() - there is no such thing here */
void json_put_null(struct json_object *parent, const char *key);

#endif
