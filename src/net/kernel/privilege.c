/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * privilege.c - which capabilities, when
 *
 *	at the start		CAP_NET_ADMIN; _BIND_SERVICE and _RAW for dnsmasq
 *	while it runs		these; as root what it takes to be dnsmasq's user, and to make
 *				sockets where and for whom it is asked to
 *	dnsmasq			these three
 *	ovs-vsctl		CAP_DAC_OVERRIDE
 *
 * privilege_become() makes the system calls itself: between fork and exec nothing else may be
 * called.
 */
#include "net/kernel/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/network_config.h"
#include "sys/capabilities.h"
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

static int explain_missing(int error, const char *missing, const char *instead, char **ret_error)
{
	return explain(
		ret_error, error,
		"--network kernel: the capability %s is missing; run as root, or grant it "
		"(setcap cap_net_admin,cap_net_bind_service,cap_net_raw+ep on the program, or systemd's "
		"AmbientCapabilities=)%s",
		missing, instead);
}

int privilege_explain(int error, char **ret_error)
{
	return explain_missing(error, "CAP_NET_ADMIN", "", ret_error);
}

int privilege_check(const struct network_config *config, char **ret_error)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	bool dnsmasq = config->mode != NETWORK_BRIDGED && !config->uuid_given;
	const char *instead = config->mode == NETWORK_BRIDGED
				      ? "" /* there is no other */
				      : ", or use --network user, which needs none";
	uint32_t have = 0;

	if (get(data) == 0)
		have = data[0].effective;
	if (!(have & privilege_bit(CAP_NET_ADMIN)))
		return explain_missing(-EPERM, "CAP_NET_ADMIN", instead, ret_error);
	if (dnsmasq && !(have & privilege_bit(CAP_NET_BIND_SERVICE)))
		return explain_missing(-EPERM, "CAP_NET_BIND_SERVICE (for DHCP and DNS)", instead,
				       ret_error);
	if (dnsmasq && !(have & privilege_bit(CAP_NET_RAW)))
		return explain_missing(-EPERM, "CAP_NET_RAW (for DHCP)", instead, ret_error);
	return 0;
}

int privilege_limit(const struct network_config *config)
{
	static const int keep[] = {
		CAP_NET_ADMIN,	      /* ports and forwards come and go */
		CAP_NET_BIND_SERVICE, /* dnsmasq's; forwarded ports */
		CAP_NET_RAW,	      /* dnsmasq's */
		CAP_SETUID,
		CAP_SETGID,	  /* dnsmasq is started again, as its user */
		CAP_KILL,	  /* and ended */
		CAP_CHOWN,	  /* sockets for a group */
		CAP_DAC_OVERRIDE, /* sockets in directories of others; Open vSwitch's socket */
		CAP_MKNOD,	  /* bridged, in a container: the device of a macvtap */
	};
	size_t n = sizeof(keep) / sizeof(keep[0]);

	return capabilities_keep(keep, config->mode == NETWORK_BRIDGED ? n : n - 1);
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
