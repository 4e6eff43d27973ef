/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_build.c - the public PCI function: what is checked while it is built
 *
 * config.c and capabilities.c assert what is a mistake of ours; here it is a caller's, who is told.
 * Two capabilities act when they are written, through a handler each for one byte: power management
 * and function level reset.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pci/capabilities.h"
#include "pci/pci_internal.h"

#define BAR_FLAGS  (RIG_PCI_BAR_IO | RIG_PCI_BAR_64 | RIG_PCI_BAR_PREFETCHABLE)
#define BAR_MAX	   (UINT64_C(1) << 63)
#define BAR_MAX_32 (UINT64_C(1) << 31)
#define ROM_MIN	   2048u
#define ROM_MAX	   (1u << 24)
#define VENDOR_MAX (UINT8_MAX - 3) /* its length byte counts the header and itself */

static bool power_of_two(uint64_t value)
{
	return value && (value & (value - 1)) == 0;
}

/*
 * Header
 */

static bool bar_makes_sense(const struct rig_pci_bar *bar)
{
	uint64_t min = bar->flags & RIG_PCI_BAR_IO ? 4 : 16;
	uint64_t max = bar->flags & RIG_PCI_BAR_64 ? BAR_MAX : BAR_MAX_32;

	if (bar->flags & ~BAR_FLAGS)
		return false;
	if ((bar->flags & RIG_PCI_BAR_IO) && bar->flags != RIG_PCI_BAR_IO)
		return false;
	return power_of_two(bar->size) && bar->size >= min && bar->size <= max;
}

static enum pci_bar_kind bar_kind(uint32_t flags)
{
	if (flags & RIG_PCI_BAR_IO)
		return PCI_BAR_IO;
	if (flags & RIG_PCI_BAR_64)
		return flags & RIG_PCI_BAR_PREFETCHABLE ? PCI_BAR_MEM64_PREFETCHABLE
							: PCI_BAR_MEM64;
	return flags & RIG_PCI_BAR_PREFETCHABLE ? PCI_BAR_MEM32_PREFETCHABLE : PCI_BAR_MEM32;
}

/* Is this BAR there, or the upper half of the one below it? */
static bool bar_taken(const struct rig_pci *pci, unsigned int bar)
{
	return pci->bars[bar].size ||
	       (bar && pci->bars[bar - 1].size && (pci->bars[bar - 1].flags & RIG_PCI_BAR_64));
}

int rig_pci_set_bar(struct rig_pci *pci, unsigned int bar, const struct rig_pci_bar *description)
{
	bool wide = description->flags & RIG_PCI_BAR_64;

	if (bar + wide >= RIG_PCI_BARS || !bar_makes_sense(description))
		return -EINVAL;
	if (bar_taken(pci, bar) || bar_taken(pci, bar + wide))
		return -EEXIST;
	pci_config_add_bar(&pci->config, bar, bar_kind(description->flags), description->size);
	pci->bars[bar] = *description;
	rig_pci_seal(pci);
	return 0;
}

static bool header_makes_sense(const struct rig_pci_device *device)
{
	return device->struct_size >= sizeof(*device) && device->class_code < 1u << 24 &&
	       device->interrupt_pin <= 4 &&
	       (device->size == 0 || device->size == RIG_PCI_SIZE ||
		device->size == RIG_PCI_SIZE_CONVENTIONAL) &&
	       (device->rom_size == 0 ||
		(power_of_two(device->rom_size) && device->rom_size >= ROM_MIN &&
		 device->rom_size <= ROM_MAX));
}

static int fill_header(struct rig_pci *pci, const struct rig_pci_device *device)
{
	struct pci_ids ids = {
		.vendor = device->vendor,
		.device = device->device,
		.subsystem_vendor = device->subsystem_vendor,
		.subsystem = device->subsystem,
		.revision = device->revision,
		.class_code = device->class_code,
	};

	pci->size = device->size ? device->size : RIG_PCI_SIZE;
	pci_config_init(&pci->config, &ids, device->interrupt_pin);
	for (unsigned int i = 0; i < RIG_PCI_BARS; i++) {
		/* A bar that clashes makes no less sense than one of a strange size. */
		if (device->bars[i].size && rig_pci_set_bar(pci, i, &device->bars[i]) < 0)
			return -EINVAL;
	}
	pci->rom_size = device->rom_size;
	if (device->rom_size)
		pci_config_add_rom(&pci->config, device->rom_size);
	rig_pci_seal(pci);
	return 0;
}

int rig_pci_new(const struct rig_pci_device *device, struct rig_pci **ret)
{
	struct rig_pci *pci;
	int r;

	if (!header_makes_sense(device))
		return -EINVAL;
	pci = calloc(1, sizeof(*pci));
	if (!pci)
		return -ENOMEM;
	r = fill_header(pci, device);
	if (r < 0) {
		rig_pci_free(pci);
		return r;
	}
	*ret = pci;
	return 0;
}

/*
 * Masks and handlers
 */

int rig_pci_set_masks(struct rig_pci *pci, uint16_t offset, size_t len, const void *writable,
		      const void *write1_clear)
{
	static const uint8_t none[PCI_CONFIG_SPACE];

	if (!pci_in_space(pci, offset, len))
		return -EINVAL;
	pci_config_set_writable(&pci->config, offset, writable ? writable : none, len);
	pci_config_set_write1_clear(&pci->config, offset, write1_clear ? write1_clear : none, len);
	return 0;
}

int rig_pci_set_handler(struct rig_pci *pci, uint16_t offset, size_t len,
			const struct rig_pci_handler *handler)
{
	if (len == 0 || !pci_in_space(pci, offset, len))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (pci->handler_at[offset + i])
			return -EEXIST;
	}
	if (pci->n_handlers == PCI_HANDLERS_MAX)
		return -ENOSPC;
	pci->handlers[pci->n_handlers++] = *handler;
	memset(&pci->handler_at[offset], (int)pci->n_handlers, len);
	pci_config_reserve(&pci->config, offset, len);
	return 0;
}

/* Of a byte in a capability that was just added: no capability is put where a handler is. */
static void handle_byte(struct rig_pci *pci, unsigned int offset,
			int (*write)(void *opaque, uint64_t offset, const void *buf, size_t count))
{
	struct rig_pci_handler handler = { .write = write, .opaque = pci };
	int r = rig_pci_set_handler(pci, (uint16_t)offset, 1, &handler);

	assert(r == 0);
	(void)r;
}

/*
 * Capabilities
 */

/* May a capability come that there is one of, and that needs so many handlers? Return: 0, -errno */
static int may_add(const struct rig_pci *pci, uint8_t id, unsigned int handlers)
{
	if (rig_pci_find_cap(pci, false, id, 0))
		return -EEXIST;
	return pci->n_handlers + handlers > PCI_HANDLERS_MAX ? -ENOSPC : 0;
}

/* The end of every rig_pci_add_...(): at is an offset or an error. */
static int added(struct rig_pci *pci, int at)
{
	if (at >= 0)
		rig_pci_seal(pci);
	return at;
}

int rig_pci_add_cap(struct rig_pci *pci, const struct rig_pci_cap *cap)
{
	size_t header = cap->extended ? 4 : 2;
	int at, r;

	if (cap->extended && (pci->size == RIG_PCI_SIZE_CONVENTIONAL || cap->version > 15))
		return -EINVAL;
	if (!cap->extended && (cap->id > UINT8_MAX || cap->version))
		return -EINVAL;
	if (cap->extended)
		at = pci_config_add_ext_cap(&pci->config, cap->offset, cap->id,
					    cap->version ? cap->version : 1, cap->body, cap->len);
	else
		at = pci_config_add_cap(&pci->config, cap->offset, (uint8_t)cap->id, cap->body,
					cap->len);
	if (at < 0)
		return at;
	r = rig_pci_set_masks(pci, (uint16_t)((size_t)at + header), cap->len, cap->writable,
			      cap->write1_clear);
	return r < 0 ? r : added(pci, at);
}

/* The byte with the D-state. D1 and D2 are not offered: "the data is discarded". */
static int write_power(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct rig_pci *pci = opaque;
	uint8_t byte = *(const uint8_t *)buf;
	unsigned int now = pci->config.value[offset] & PCI_PM_CONTROL_STATE;
	unsigned int wanted = byte & PCI_PM_CONTROL_STATE;
	int r = 0;

	if (wanted == 1 || wanted == 2)
		return 0;
	if (wanted != now && pci->power_changed)
		r = pci->power_changed(pci->power_opaque, wanted);
	if (r >= 0)
		pci_config_write(&pci->config, offset, &byte, count);
	return r;
}

int rig_pci_add_pm(struct rig_pci *pci, int (*changed)(void *opaque, unsigned int d_state),
		   void *opaque)
{
	int at, r = may_add(pci, PCI_CAP_ID_PM, 1);

	if (r < 0)
		return r;
	at = pci_add_pm(&pci->config);
	if (at < 0)
		return at;
	pci->power_changed = changed;
	pci->power_opaque = opaque;
	handle_byte(pci, (unsigned int)at + PCI_PM_CONTROL, write_power);
	return added(pci, at);
}

int rig_pci_add_msi(struct rig_pci *pci, unsigned int vectors, uint32_t flags)
{
	int at, r = may_add(pci, PCI_CAP_ID_MSI, 0);

	if (!power_of_two(vectors) || vectors > 32 ||
	    (flags & ~(RIG_PCI_MSI_64 | RIG_PCI_MSI_MASK)))
		return -EINVAL;
	if (r < 0)
		return r;
	at = pci_add_msi(&pci->config, vectors, flags & RIG_PCI_MSI_64, flags & RIG_PCI_MSI_MASK);
	if (at >= 0)
		pci->msi_vectors = vectors;
	return added(pci, at);
}

static bool window_fits(const struct rig_pci *pci, const struct pci_window *window)
{
	uint64_t size = window->bar < RIG_PCI_BARS ? pci->bars[window->bar].size : 0;

	return window->offset % 8 == 0 && window->len <= size &&
	       window->offset <= size - window->len;
}

int rig_pci_add_msix(struct rig_pci *pci, unsigned int vectors, unsigned int table_bar,
		     uint32_t table_offset, unsigned int pba_bar, uint32_t pba_offset)
{
	struct pci_window table = { table_bar, table_offset, (uint64_t)vectors * MSIX_ENTRY_SIZE };
	struct pci_window pba = { pba_bar, pba_offset, ((uint64_t)vectors + 63) / 64 * 8 };
	uint8_t *memory;
	int at, r = may_add(pci, PCI_CAP_ID_MSIX, 0);

	if (r < 0)
		return r;
	if (vectors < 1 || vectors > MSIX_VECTORS_MAX || !window_fits(pci, &table) ||
	    !window_fits(pci, &pba))
		return -EINVAL;
	if (table.bar == pba.bar && table.offset < pba.offset + pba.len &&
	    pba.offset < table.offset + table.len)
		return -EINVAL;
	memory = malloc((size_t)table.len);
	if (!memory)
		return -ENOMEM;
	at = pci_add_msix(&pci->config, (uint16_t)vectors, (uint8_t)table_bar, table_offset,
			  (uint8_t)pba_bar, pba_offset);
	if (at < 0) {
		free(memory);
		return at;
	}
	msix_init(&pci->msix, memory, (uint16_t)vectors);
	pci->table = table;
	pci->pba = pba;
	return added(pci, at);
}

/*
 * The upper byte of device control. "Function-Level Reset (FLR)": Max_Payload_Size, in the byte
 * below, is among the few things that stay, whatever the callback does.
 */
static int write_control(void *opaque, uint64_t offset, const void *buf, size_t count)
{
	struct rig_pci *pci = opaque;
	uint8_t *low = &pci->config.value[offset - 1];
	uint8_t payload = *low & PCI_PCIE_CONTROL_PAYLOAD;
	int r;

	pci_config_write(&pci->config, offset, buf, count);
	if (!(*(const uint8_t *)buf & PCI_PCIE_CONTROL_FLR >> 8))
		return 0;
	rig_pci_reset(pci);
	r = pci->reset(pci->reset_opaque, RIG_RESET_FUNCTION);
	*low = (uint8_t)((*low & ~PCI_PCIE_CONTROL_PAYLOAD) | payload);
	return r;
}

int rig_pci_add_pcie(struct rig_pci *pci, int (*reset)(void *opaque, enum rig_reset why),
		     void *opaque)
{
	int at, r = may_add(pci, PCI_CAP_ID_PCIE, reset ? 1 : 0);

	if (r < 0)
		return r;
	at = pci_add_pcie(&pci->config, reset != NULL);
	if (at < 0)
		return at;
	pci->reset = reset;
	pci->reset_opaque = opaque;
	if (reset)
		handle_byte(pci, (unsigned int)at + PCI_PCIE_CONTROL + 1, write_control);
	return added(pci, at);
}

int rig_pci_add_vendor(struct rig_pci *pci, const void *data, size_t len, const void *writable)
{
	uint8_t body[1 + VENDOR_MAX] = { 0 }, mask[1 + VENDOR_MAX] = { 0 };
	struct rig_pci_cap cap = { .id = PCI_CAP_ID_VENDOR, .body = body, .writable = mask };

	if (len > VENDOR_MAX)
		return -ENOSPC;
	cap.len = 1 + len;
	body[0] = (uint8_t)(2 + cap.len);
	if (len)
		memcpy(body + 1, data, len);
	if (len && writable)
		memcpy(mask + 1, writable, len);
	return rig_pci_add_cap(pci, &cap);
}

int rig_pci_add_serial(struct rig_pci *pci, uint64_t serial)
{
	if (pci->size == RIG_PCI_SIZE_CONVENTIONAL)
		return -EINVAL;
	return added(pci, pci_add_serial(&pci->config, serial));
}

/*
 * Walking the lists. The device may have written into them: at most as many steps as there are
 * places for a capability.
 */

static uint16_t next_cap(const struct rig_pci *pci, bool extended, uint16_t at)
{
	uint16_t next;

	if (extended)
		next = pci_config_get16(&pci->config, at + 2) >> 4;
	else
		next = pci->config.value[at + 1];
	next &= (uint16_t)~3u;
	return next < pci->size ? next : 0;
}

static uint16_t first_cap(const struct rig_pci *pci, bool extended)
{
	if (!extended)
		return pci->config.value[PCI_REG_CAPABILITIES] & (uint8_t)~3u;
	return pci->size > RIG_PCI_SIZE_CONVENTIONAL &&
			       pci_config_get32(&pci->config, RIG_PCI_SIZE_CONVENTIONAL)
		       ? RIG_PCI_SIZE_CONVENTIONAL
		       : 0;
}

uint16_t rig_pci_find_cap(const struct rig_pci *pci, bool extended, uint16_t id, uint16_t after)
{
	uint16_t at = first_cap(pci, extended);
	bool passed = after == 0;

	for (unsigned int steps = 0; at && steps < PCI_CONFIG_SPACE / 4; steps++) {
		uint16_t here =
			extended ? pci_config_get16(&pci->config, at) : pci->config.value[at];

		if (passed && here == id)
			return at;
		if (at == after)
			passed = true;
		at = next_cap(pci, extended, at);
	}
	return 0;
}
