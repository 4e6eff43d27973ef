/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device.c - a whole PCI device: it adds up bytes of guest memory
 *
 *	example-device /tmp/adder.sock
 *	qemu-system-x86_64 -machine q35,memory-backend=ram \
 *		-object memory-backend-memfd,id=ram,size=1G,share=on \
 *		-device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"/tmp/adder.sock"}}' ...
 *
 * The guest's driver writes address and length into BAR0, then 1 to start. The device adds up these
 * bytes, puts the sum next to them, and triggers MSI-X vector 0.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <outrigger/pci.h>
#include <outrigger/server.h>

#define BAR0_SIZE  4096
#define MSIX_TABLE 0x800
#define MSIX_PBA   0xc00

static struct rig_pci *pci;
static struct rig_server *server;
static union {
	struct { /* little-endian, like the machines this runs on */
		uint64_t address;
		uint32_t length;
		uint32_t start;
		uint64_t sum; /* all ones: the memory could not be read */
	} regs;
	uint8_t bytes[BAR0_SIZE];
} bar0;

/* An access is inside its region. Configuration space and MSI-X table are rig_pci_...()'s. */
static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	if (region == RIG_PCI_BAR0)
		memcpy(buf, bar0.bytes + offset, count);
	return rig_pci_read(pci, region, offset, buf, count);
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	if (region == RIG_PCI_BAR0)
		memcpy(bar0.bytes + offset, buf, count);
	return rig_pci_write(pci, region, offset, buf, count);
}

static int reset(void *opaque, enum rig_reset why)
{
	memset(&bar0, 0, sizeof(bar0));
	rig_pci_reset(pci);
	return 0;
}

static void add_up(void)
{
	uint64_t address = bar0.regs.address, length = bar0.regs.length, sum = 0;
	uint8_t buf[4096];
	size_t n;

	for (; length; address += n, length -= n) {
		n = length < sizeof(buf) ? length : sizeof(buf);
		if (rig_dma_read(server, address, buf, n, rig_after_ms(1000)) < 0) {
			sum = UINT64_MAX;
			break;
		}
		for (size_t i = 0; i < n; i++)
			sum += buf[i];
	}
	bar0.regs.sum = sum;
	bar0.regs.start = 0;
	rig_irq_trigger(server, RIG_PCI_MSIX_IRQ, 0);
}

static int build(void)
{
	static const struct rig_pci_device header = {
		.struct_size = sizeof(header),
		.vendor = 0x1234,
		.device = 0xadd0,
		.class_code = 0xff0000,
		.bars = { { .size = BAR0_SIZE } },
	};
	static const struct rig_device_ops ops = {
		.region_read = region_read,
		.region_write = region_write,
		.reset = reset,
	};
	static struct rig_region regions[RIG_PCI_REGIONS];
	static struct rig_irq irqs[RIG_PCI_IRQS];
	static const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | RIG_DEVICE_RESET | RIG_DEVICE_ONE_THREAD,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &ops,
	};
	int r = rig_pci_new(&header, &pci);

	if (r < 0)
		return r;
	r = rig_pci_add_msix(pci, 1, 0, MSIX_TABLE, 0, MSIX_PBA);
	if (r < 0)
		return r;
	rig_pci_describe(pci, regions, irqs);
	return rig_server_new(&device, &server);
}

/* Until this client is gone. What it asked for is answered before the work begins. */
static void serve(int fd)
{
	struct rig_conn *conn;

	if (rig_server_connect(server, fd, &conn) < 0)
		return;
	for (;;) {
		struct pollfd p = { .fd = rig_conn_fd(conn), .events = rig_conn_events(conn) };

		/* For good: what has a rig_conn_deadline(), asynchronous DMA, is not used here. */
		if (poll(&p, 1, -1) < 0 || rig_conn_dispatch(conn, p.revents) < 0)
			break;
		if (bar0.regs.start)
			add_up();
	}
	rig_conn_free(conn);
}

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (argc != 2 || build() < 0) {
		fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
		return 2;
	}
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	unlink(at.sun_path);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0) {
		perror(argv[1]);
		return 1;
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve(fd);
	return 0;
}
