/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * privilege.c - capabilities, by the system calls themselves: between fork and exec nothing else
 * may be called
 */
#include "net/kernel/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/explain.h"

static int get(struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int set(const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int privilege_explain(int error, char **ret_error)
{
	return explain(
		ret_error, error,
		"--network kernel: the capability CAP_NET_ADMIN is missing; run as root, or grant it "
		"(setcap cap_net_admin,cap_net_bind_service,cap_net_raw+ep on the program, or systemd's "
		"AmbientCapabilities=), or use --network user, which needs none");
}

int privilege_check(char **ret_error)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (get(data) == 0 && data[0].effective & privilege_bit(CAP_NET_ADMIN))
		return 0;
	return privilege_explain(-EPERM, ret_error);
}

/* Keeps the permitted capabilities over the change of user. */
static int change_user(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setresgid(gid, gid, gid) < 0)
		return errno == EINVAL ? 0 : -errno;
	/* Refused in the user namespace of somebody without privileges; then we have no others. */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno;
	return setresuid(uid, uid, uid) < 0 && errno != EINVAL ? -errno : 0;
}

int privilege_become(uid_t uid, gid_t gid, uint32_t capabilities)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	int r = change_user(uid, gid);

	if (r < 0)
		return r;
	r = get(data);
	if (r < 0)
		return r;
	data[0].permitted &= capabilities;
	data[0].effective = data[0].inheritable = data[0].permitted;
	data[1] = (struct __user_cap_data_struct) { 0 };
	r = set(data);
	if (r < 0)
		return r;
	for (unsigned long i = 0; i < 32; i++) {
		if (data[0].permitted & privilege_bit(i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	}
	return 0;
}
