/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * macvtap.c - an interface of kind macvtap, and the character device to it
 *
 * The device is /dev/tapN, N the interface's index, made by devtmpfs. In a container there is none:
 * a node of our own is made then, and gone again once it is open. Networks in other namespaces may
 * do so with the same names in the same /dev at the same moment, so nobody removes another's node.
 */
#include "net/kernel/macvtap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net/kernel/host_scan.h"
#include "net/kernel/tap_device.h"
#include "sys/explain.h"

#define NODES_MAX 16u /* left behind by kills, or somebody's for a moment */

static bool put_info(struct nl_msg *message, bool isolated)
{
	struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO), *data;
	bool ok = info && nla_put_string(message, IFLA_INFO_KIND, "macvtap") == 0;

	data = ok ? nla_nest_start(message, IFLA_INFO_DATA) : NULL;
	if (!data || nla_put_u32(message, IFLA_MACVLAN_MODE,
				 isolated ? MACVLAN_MODE_PRIVATE : MACVLAN_MODE_BRIDGE) < 0)
		return false;
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return true;
}

/* With an address at random: see is_ours(). */
static int add(struct netlink *netlink, const char *name, unsigned int lower, bool isolated)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg info = { 0 };

	if (!message)
		return -ENOMEM;
	if (nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(message, IFLA_IFNAME, name) < 0 ||
	    nla_put_u32(message, IFLA_LINK, lower) < 0 || !put_info(message, isolated)) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return netlink_request(netlink, message);
}

int macvtap_set_mac(struct netlink *netlink, unsigned int ifindex, const uint8_t mac[FRAME_MAC])
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct ifinfomsg info = { .ifi_index = (int)ifindex };

	if (message && (nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
			nla_put(message, IFLA_ADDRESS, FRAME_MAC, mac) < 0)) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return netlink_request(netlink, message);
}

/* "macvtap" among the character devices. Return: its major number, 0: none */
static unsigned int major_number(void)
{
	FILE *file = fopen("/proc/devices", "re");
	unsigned int number = 0;
	char line[80], name[40];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %39s", &number, name) == 2 && strcmp(name, "macvtap") == 0)
			break;
		number = 0;
	}
	if (file)
		fclose(file);
	return number;
}

/* The minor number is told by sysfs only, which may show another network namespace: then ENOENT. */
static int minor_number(const char *name, unsigned int ifindex, unsigned int *ret)
{
	char path[128], text[32];
	unsigned int number;
	FILE *file;
	int r = -EINVAL;

	snprintf(path, sizeof(path), "/sys/class/net/%s/macvtap/tap%u/dev", name, ifindex);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fgets(text, sizeof(text), file) && sscanf(text, "%*u:%u", &number) == 1) {
		*ret = number;
		r = 0;
	}
	fclose(file);
	return r;
}

/* With a name that nobody has. Return: 0 or -errno */
static int make_node(const char *name, unsigned int minor_n, char *ret_path, size_t size)
{
	dev_t device = makedev(major_number(), minor_n);

	for (unsigned int i = 0; i < NODES_MAX; i++) {
		snprintf(ret_path, size, "/dev/.outrigger-%s.%u", name, i);
		if (mknod(ret_path, S_IFCHR | 0600, device) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int open_own_node(const char *name, unsigned int ifindex)
{
	char path[64];
	unsigned int minor_n = 0;
	int r = minor_number(name, ifindex, &minor_n), fd;

	if (r >= 0)
		r = make_node(name, minor_n, path, sizeof(path));
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	r = fd < 0 ? -errno : fd;
	unlink(path);
	return r;
}

/*
 * /dev/tapN of another namespace's interface has the same name, and that interface may have the
 * same index and name as ours. But not the same MAC: the kernel has just picked it at random.
 */
static bool is_ours(struct netlink *netlink, unsigned int ifindex, int fd)
{
	const struct host_link *link;
	struct host_links links;
	struct ifreq request = { 0 };
	bool ours = false;

	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0 || host_links_scan(netlink, &links) < 0)
		return false;
	link = host_links_by_index(&links, ifindex);
	if (link)
		ours = memcmp(link->mac, request.ifr_hwaddr.sa_data, FRAME_MAC) == 0;
	host_links_free(&links);
	return ours;
}

/* Not opened if it is known to be another's: it would take frames from it. */
static int open_tap(const char *path, const char *name, unsigned int ifindex)
{
	unsigned int minor_n;
	struct stat st;
	int fd;

	if (minor_number(name, ifindex, &minor_n) == 0 && stat(path, &st) == 0 &&
	    minor(st.st_rdev) != minor_n)
		return -ENXIO;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_node(struct netlink *netlink, const char *name, unsigned int ifindex)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/tap%u", ifindex);
	fd = open_tap(path, name, ifindex);
	if (fd >= 0 && is_ours(netlink, ifindex, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	fd = open_own_node(name, ifindex);
	if (fd < 0 || is_ours(netlink, ifindex, fd))
		return fd;
	close(fd);
	return -ENXIO;
}

int macvtap_open(struct netlink *netlink, const char *name, unsigned int lower, const uint8_t *mac,
		 bool isolated, unsigned int *ret_ifindex, int *ret_fd, char **ret_error)
{
	unsigned int ifindex;
	int fd, r = add(netlink, name, lower, isolated);

	if (r < 0)
		return r;
	ifindex = if_nametoindex(name);
	/* It passes only groups that it was told of, and guests tell nobody: no neighbour discovery. */
	r = host_link_take_multicast(netlink, ifindex);
	if (r < 0) {
		(void)host_link_remove(netlink, ifindex);
		return r;
	}
	fd = open_node(netlink, name, ifindex);
	r = fd < 0 ? explain(ret_error, fd,
			     "cannot open /dev/tap%u, the device of a macvtap interface: %s; let this "
			     "user read and write it, or run with CAP_MKNOD",
			     ifindex, strerror(-fd))
		   : tap_device_set_up(fd, "");
	if (r >= 0 && mac)
		r = macvtap_set_mac(netlink, ifindex, mac);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		(void)host_link_remove(netlink, ifindex);
		return r;
	}
	*ret_ifindex = ifindex;
	*ret_fd = fd;
	return 0;
}
