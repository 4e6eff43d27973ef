/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bridged_list.c - the names that bridged mode takes, one a line
 */
#include <stdio.h>

#include <vmnet/vmnet.h>

int main(void)
{
	xpc_object_t names = vmnet_copy_shared_interface_list();

	if (!names)
		return 0;
	for (size_t i = 0; i < xpc_array_get_count(names); i++)
		printf("%s\n", xpc_array_get_string(names, i));
	xpc_release(names);
	return 0;
}
