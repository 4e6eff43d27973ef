/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_status.c - what vmnet answers, in words
 */
#include "net/vmnet/vmn_status.h"

#include <errno.h>
#include <stddef.h>

static const struct {
	unsigned int status;
	int error;
	const char *text;
} statuses[] = {
	{ 1000, 0, "VMNET_SUCCESS" },
	{ 1001, -EPERM,
	  "VMNET_FAILURE: a general failure, also what who is neither root nor entitled gets" },
	{ 1002, -ENOMEM, "VMNET_MEM_FAILURE: no memory, or an entitlement is missing" },
	{ 1003, -EINVAL, "VMNET_INVALID_ARGUMENT: an option or a packet is not as it must be" },
	{ 1004, -EAGAIN, "VMNET_SETUP_INCOMPLETE: the interface is not started" },
	{ 1005, -EACCES, "VMNET_INVALID_ACCESS: permission denied" },
	{ 1006, -EMSGSIZE, "VMNET_PACKET_TOO_BIG: a packet is too large" },
	{ 1007, -ENOBUFS, "VMNET_BUFFER_EXHAUSTED: its buffers are full" },
	{ 1008, -E2BIG, "VMNET_TOO_MANY_PACKETS: too many packets in one call" },
	{ 1009, -EBUSY,
	  "VMNET_SHARING_SERVICE_BUSY: another network has this subnet, or this identifier" },
	{ 1010, -EACCES, "VMNET_NOT_AUTHORIZED: an authorization is missing" },
};

const char *vmn_status_text(vmnet_return_t status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == (unsigned int)status)
			return statuses[i].text;
	}
	return "a status that is not documented";
}

int vmn_status_errno(vmnet_return_t status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == (unsigned int)status)
			return statuses[i].error;
	}
	return -EIO;
}
