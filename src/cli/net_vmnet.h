/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_vmnet.h - `outrigger net --network vmnet`: what libvmnet is told by its environment
 */
#ifndef CLI_NET_VMNET_H
#define CLI_NET_VMNET_H

/**
 * net_vmnet_environment() - the networks that libvmnet starts are of this very program, and its
 * reasons go where our messages go; unless the environment says otherwise. No other thread runs yet
 */
void net_vmnet_environment(void);

#endif
