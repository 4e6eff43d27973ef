/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci.c - the public PCI function: accesses to what config.c and msix.c hold
 *
 * An access to configuration space is cut where the handler of its bytes changes; each piece goes
 * to its handler, or to the masks. The MSI-X table and its pending bits are windows into BARs: of
 * an access only what overlaps them is ours.
 */
#include <outrigger/pci.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pci/pci_internal.h"

bool pci_in_space(const struct rig_pci *pci, uint64_t offset, size_t count)
{
	return count <= pci->size && offset <= pci->size - count;
}

void rig_pci_free(struct rig_pci *pci)
{
	if (!pci)
		return;
	free(pci->msix.table);
	free(pci);
}

uint8_t *rig_pci_bytes(struct rig_pci *pci)
{
	return pci->config.value;
}

void rig_pci_seal(struct rig_pci *pci)
{
	pci_config_seal(&pci->config);
}

void rig_pci_reset(struct rig_pci *pci)
{
	pci_config_reset(&pci->config);
	if (pci->table.len)
		msix_reset(&pci->msix);
}

/*
 * Configuration space
 */

/* How many of count bytes from offset have the same handler as the first. */
static size_t piece(const struct rig_pci *pci, uint64_t offset, size_t count)
{
	size_t n = 1;

	while (n < count && pci->handler_at[offset + n] == pci->handler_at[offset])
		n++;
	return n;
}

static const struct rig_pci_handler *handler_at(const struct rig_pci *pci, uint64_t offset)
{
	uint8_t index = pci->handler_at[offset];

	return index ? &pci->handlers[index - 1] : NULL;
}

static int read_piece(struct rig_pci *pci, uint64_t offset, uint8_t *to, size_t count)
{
	const struct rig_pci_handler *h = handler_at(pci, offset);

	pci_config_read(&pci->config, offset, to, count);
	return h && h->read ? h->read(h->opaque, offset, to, count) : 0;
}

static int write_piece(struct rig_pci *pci, uint64_t offset, const uint8_t *from, size_t count)
{
	const struct rig_pci_handler *h = handler_at(pci, offset);

	if (h && h->write)
		return h->write(h->opaque, offset, from, count);
	pci_config_write(&pci->config, offset, from, count);
	return 0;
}

/* Piece by piece: a read if there is @to, else a write of what is at @from. */
static int access_config(struct rig_pci *pci, uint64_t offset, uint8_t *to, const uint8_t *from,
			 size_t count)
{
	if (!pci_in_space(pci, offset, count))
		return -EINVAL;
	for (size_t at = 0, n; at < count; at += n) {
		int r;

		n = piece(pci, offset + at, count - at);
		r = to ? read_piece(pci, offset + at, to + at, n)
		       : write_piece(pci, offset + at, from + at, n);
		if (r != 0)
			return r;
	}
	return 0;
}

int rig_pci_store(struct rig_pci *pci, uint64_t offset, const void *buf, size_t count)
{
	if (!pci_in_space(pci, offset, count))
		return -EINVAL;
	pci_config_write(&pci->config, offset, buf, count);
	return 0;
}

/*
 * MSI-X in a BAR
 */

/* The part of an access that is in a window: n bytes, skip bytes into the access. */
struct overlap {
	uint64_t offset; /* in the window */
	size_t skip, n;
};

static struct overlap overlap(const struct pci_window *window, uint32_t region, uint64_t offset,
			      size_t count)
{
	struct overlap none = { 0 }, o = { 0 };

	if (window->len == 0 || window->bar != region)
		return none;
	if (offset < window->offset) {
		if (window->offset - offset >= count)
			return none;
		o.skip = (size_t)(window->offset - offset);
	} else {
		o.offset = offset - window->offset;
	}
	if (o.offset >= window->len)
		return none;
	o.n = count - o.skip;
	if (o.n > window->len - o.offset)
		o.n = (size_t)(window->len - o.offset);
	return o;
}

static void read_bar(const struct rig_pci *pci, uint32_t region, uint64_t offset, uint8_t *to,
		     size_t count)
{
	struct overlap table = overlap(&pci->table, region, offset, count);
	struct overlap pba = overlap(&pci->pba, region, offset, count);

	if (table.n)
		msix_read(&pci->msix, table.offset, to + table.skip, table.n);
	if (pba.n)
		memset(to + pba.skip, 0, pba.n);
}

static void write_bar(struct rig_pci *pci, uint32_t region, uint64_t offset, const uint8_t *from,
		      size_t count)
{
	struct overlap table = overlap(&pci->table, region, offset, count);

	if (table.n)
		msix_write(&pci->msix, table.offset, from + table.skip, table.n);
}

int rig_pci_read(struct rig_pci *pci, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	if (region == RIG_PCI_CONFIG)
		return access_config(pci, offset, buf, NULL, count);
	read_bar(pci, region, offset, buf, count);
	return 0;
}

int rig_pci_write(struct rig_pci *pci, uint32_t region, uint64_t offset, const void *buf,
		  size_t count)
{
	if (region == RIG_PCI_CONFIG)
		return access_config(pci, offset, NULL, buf, count);
	write_bar(pci, region, offset, buf, count);
	return 0;
}

/*
 * What a server is told
 */

void rig_pci_describe(const struct rig_pci *pci, struct rig_region *regions, struct rig_irq *irqs)
{
	static const uint32_t read_write = RIG_REGION_READ | RIG_REGION_WRITE;

	for (uint32_t i = 0; i < RIG_PCI_REGIONS; i++)
		regions[i] = (struct rig_region) { .mmap_fd = -1 };
	for (uint32_t i = 0; i < RIG_PCI_BARS; i++) {
		regions[RIG_PCI_BAR0 + i].size = pci->bars[i].size;
		regions[RIG_PCI_BAR0 + i].flags = pci->bars[i].size ? read_write : 0;
	}
	regions[RIG_PCI_ROM].size = pci->rom_size;
	regions[RIG_PCI_ROM].flags = pci->rom_size ? RIG_REGION_READ : 0;
	regions[RIG_PCI_CONFIG].size = pci->size;
	regions[RIG_PCI_CONFIG].flags = read_write;

	memset(irqs, 0, RIG_PCI_IRQS * sizeof(*irqs));
	if (pci->config.value[PCI_REG_INTERRUPT_PIN])
		irqs[RIG_PCI_INTX_IRQ] = (struct rig_irq) { 1, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE |
								       RIG_IRQ_AUTOMASKED };
	if (pci->msi_vectors)
		irqs[RIG_PCI_MSI_IRQ] = (struct rig_irq) { pci->msi_vectors, RIG_IRQ_EVENTFD };
	if (pci->table.len)
		irqs[RIG_PCI_MSIX_IRQ] = (struct rig_irq) { pci->msix.vectors, RIG_IRQ_EVENTFD };
}
