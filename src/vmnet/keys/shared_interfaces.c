/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/keys/shared_interfaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/kernel/claim.h"
#include "net/kernel/host_scan.h"
#include "vmnet/log.h"
#include <vmnet/vmnet.h>

/* "" is hardware. What is not here carries no Ethernet frames, or is one guest's (TAP, macvtap). */
static const char *const kinds[] = { "",       "bridge", "openvswitch", "vlan", "vxlan",
				     "geneve", "bond",	 "team",	"veth", "dummy" };

static bool is_bridge(const struct host_link *link)
{
	return strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "openvswitch") == 0;
}

bool shared_interface_suits(const struct host_link *link)
{
	static const uint8_t none[FRAME_MAC];

	if (link->loopback || claim_marks(link) || memcmp(link->mac, none, FRAME_MAC) == 0)
		return false;
	if (link->master != 0 && !is_bridge(link))
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(link->kind, kinds[i]) == 0)
			return true;
	}
	return false;
}

/* Its value is of <linux/wireless.h>, which cannot stand beside <net/if.h>. */
#define SIOCGIWNAME 0x8b01

static bool is_wireless(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	r = ioctl(fd, SIOCGIWNAME, &request);
	close(fd);
	return r == 0;
}

/* The array, and behind it the names. */
static char **pick(const struct host_links *links)
{
	char **names = calloc(1, (links->n + 1) * (sizeof(char *) + IFNAMSIZ));
	char *text;
	size_t n = 0;

	if (!names)
		return NULL;
	text = (char *)(names + links->n + 1);
	for (size_t i = 0; i < links->n; i++) {
		const struct host_link *link = &links->items[i];

		if (!shared_interface_suits(link) || is_wireless(link->name))
			continue;
		names[n] = memcpy(text + n * IFNAMSIZ, link->name, IFNAMSIZ);
		n++;
	}
	return names;
}

char **shared_interface_names(void)
{
	struct netlink *netlink;
	struct host_links links;
	char **names = NULL;
	int r = netlink_new(&netlink);

	if (r == 0) {
		r = host_links_scan(netlink, &links);
		netlink_free(netlink);
	}
	if (r == 0) {
		names = pick(&links);
		host_links_free(&links);
	}
	if (!names)
		vmnet_log("cannot list the host's interfaces: %s",
			  r < 0 ? strerror(-r) : "no memory");
	return names;
}

bool shared_interface_usable(const char *name)
{
	char **names = shared_interface_names();
	bool found = false;

	for (size_t i = 0; names && names[i] && !found; i++)
		found = strcmp(names[i], name) == 0;
	free(names);
	return found;
}

char *shared_interface_text(void)
{
	char **names = shared_interface_names();
	char *text = NULL;
	size_t size;
	FILE *out = names ? open_memstream(&text, &size) : NULL;

	if (out) {
		fputs(names[0] ? "is " : "is none", out);
		for (size_t i = 0; names[i]; i++)
			fprintf(out, "%s%s", i > 0 ? ", " : "", names[i]);
		fclose(out);
	}
	free(names);
	return text;
}

xpc_object_t vmnet_copy_shared_interface_list(void)
{
	char **names = shared_interface_names();
	xpc_object_t array = NULL;
	xpc_object_t string;

	if (names && names[0])
		array = xpc_array_create_empty();
	for (size_t i = 0; array && names[i]; i++) {
		string = xpc_string_create(names[i]);
		xpc_array_append_value(array, string);
		xpc_release(string);
	}
	free(names);
	return array;
}
