/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_regions.c - which access goes where
 *
 * BAR 4 holds the virtio structures, a page or more each; BAR 0 MSI-X; the rest is configuration
 * space, with the window through which firmware that cannot reach a BAR accesses one.
 *
 * What hits no register reads as zero and writes nothing.
 */
#include "virtio/pci_internal.h"

#include <errno.h>
#include <string.h>

#include "vfio_user/wire.h"
#include "virtio/spec.h"

/* A reader or a writer per structure. buf is zeroed before a read. */

static bool read_isr(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	if (offset != 0 || count != 1)
		return false;
	buf[0] = vpci->isr;
	vpci->isr = 0;
	return true;
}

/* Memory without side effects: any access will do, and what is not there is zero. */
static bool read_device(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	if (offset >= vpci->config_size)
		return true;
	if (count > vpci->config_size - offset)
		count = vpci->config_size - offset;
	vpci->ops->config_read(vpci->opaque, offset, buf, count);
	return true;
}

/*
 * A driver kicks when it has filled a ring. If we never saw anything there, then most likely the
 * guest writes to private copies of the pages that we were given: a memfd without share=on.
 */
static void doubt_memory(struct vpci *vpci, uint16_t queue)
{
	struct vpci_queue *q = &vpci->queues[queue];

	if (q->doubted || q->vq.filled || vq_has_work(&q->vq) || vq_suspended(&q->vq))
		return;
	q->doubted = true;
	vpci_log(
		vpci, RIG_LOG_WARNING,
		"queue %u was kicked but is empty; if that guest hangs, guest memory is not shared: "
		"give QEMU memory-backend-memfd,share=on",
		queue);
}

static bool write_notify(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	uint64_t queue = offset / VPCI_PAGE;

	if (offset % VPCI_PAGE != 0 || count != 2 || vpci_register_value(buf, count) != queue ||
	    queue >= vpci->n_queues || !vpci->queues[queue].enabled || !vpci_running(vpci))
		return false;
	doubt_memory(vpci, (uint16_t)queue);
	vpci->ops->kicked(vpci->opaque, (uint16_t)queue);
	return true;
}

static void bar_read(struct vpci *vpci, uint64_t offset, uint8_t *buf, size_t count)
{
	bool known = false;

	memset(buf, 0, count);
	if (offset < VPCI_ISR)
		known = vpci_common_read(vpci, offset, buf, count);
	else if (offset < VPCI_DEVICE)
		known = read_isr(vpci, offset - VPCI_ISR, buf, count);
	else if (offset < VPCI_NOTIFY)
		known = read_device(vpci, offset - VPCI_DEVICE, buf, count);
	if (!known)
		vpci_log(vpci, RIG_LOG_DEBUG, "read of %zu bytes at 0x%llx: no register", count,
			 (unsigned long long)offset);
}

static void bar_write(struct vpci *vpci, uint64_t offset, const uint8_t *buf, size_t count)
{
	bool known = false;

	if (offset < VPCI_ISR)
		known = vpci_common_write(vpci, offset, buf, count);
	else if (offset >= VPCI_NOTIFY)
		known = write_notify(vpci, offset - VPCI_NOTIFY, buf, count);
	if (!known)
		vpci_log(vpci, RIG_LOG_DEBUG, "write of %zu bytes at 0x%llx: ignored", count,
			 (unsigned long long)offset);
}

static bool touches(uint64_t offset, size_t count, uint64_t start, size_t len)
{
	return offset < start + len && start < offset + count;
}

/*
 * "4.1.4.9": an access to the window's data is one to where its bar, offset and length point. Only
 * the BARs can be there, so that this ends here.
 */
static bool window_target(const struct vpci *vpci, uint32_t *bar, uint32_t *offset, uint32_t *len)
{
	*bar = vpci->config.value[vpci->window_cap + CAP_BAR];
	*offset = pci_config_get32(&vpci->config, vpci->window_cap + CAP_OFFSET);
	*len = pci_config_get32(&vpci->config, vpci->window_cap + CAP_LENGTH);
	return (*bar == VPCI_BAR || *bar == VPCI_MSIX_BAR) &&
	       (*len == 1 || *len == 2 || *len == 4) && *offset % *len == 0 &&
	       wire_range_inside(*offset, *len, vpci->regions[*bar].size);
}

static void window_read(struct vpci *vpci)
{
	uint32_t bar, offset, len;

	/* With bar, offset or length unusable the data is what was last written or read. */
	if (window_target(vpci, &bar, &offset, &len))
		vpci_region_read(vpci, bar, offset,
				 &vpci->config.value[vpci->window_cap + CAP_EXTRA], len);
}

static void window_write(struct vpci *vpci)
{
	uint32_t bar, offset, len;

	if (window_target(vpci, &bar, &offset, &len))
		vpci_region_write(vpci, bar, offset,
				  &vpci->config.value[vpci->window_cap + CAP_EXTRA], len);
}

int vpci_region_read(struct vpci *vpci, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	switch (region) {
	case RIG_PCI_CONFIG:
		if (touches(offset, count, vpci->window_cap + CAP_EXTRA, 4))
			window_read(vpci);
		pci_config_read(&vpci->config, offset, buf, count);
		return 0;
	case VPCI_MSIX_BAR:
		msix_read(&vpci->msix, offset - VPCI_MSIX_TABLE, buf, count);
		return 0;
	case VPCI_BAR:
		bar_read(vpci, offset, buf, count);
		return 0;
	default:
		return -EINVAL;
	}
}

int vpci_region_write(struct vpci *vpci, uint32_t region, uint64_t offset, const void *buf,
		      size_t count)
{
	switch (region) {
	case RIG_PCI_CONFIG:
		pci_config_write(&vpci->config, offset, buf, count);
		if (touches(offset, count, vpci->window_cap + CAP_EXTRA, 4))
			window_write(vpci);
		return 0;
	case VPCI_MSIX_BAR:
		msix_write(&vpci->msix, offset - VPCI_MSIX_TABLE, buf, count);
		return 0;
	case VPCI_BAR:
		bar_write(vpci, offset, buf, count);
		return 0;
	default:
		return -EINVAL;
	}
}
