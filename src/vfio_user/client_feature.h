/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_feature.h - what the client's operations that are a DEVICE_FEATURE share
 */
#ifndef VFIO_USER_CLIENT_FEATURE_H
#define VFIO_USER_CLIENT_FEATURE_H

#include "vfio_user/client_internal.h"
#include "vfio_user/wire_feature.h"

/**
 * client_feature_check() - for accept(): is this a reply to what was asked?
 * @payload: at least a struct wire_feature
 *
 * Return: 0, or op_wrong()
 */
int client_feature_check(struct op *op, const struct wire_feature *asked, const void *payload);

/** client_feature_max() - bytes behind the fixed part of a request that this server takes */
size_t client_feature_max(struct rig_client *client);

#endif
