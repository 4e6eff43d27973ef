/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.c - configuration space as four arrays of bytes
 *
 * What a bit does when the guest writes it is data, not code: `writable` takes the new value,
 * `write1_clear` lets a 1 clear the bit, all else ignores the write. That makes an access of any
 * width at any alignment the same thing as its bytes, one after the other, and a BAR sizes itself:
 * the address bits below its size are simply not writable.
 *
 * A register with an effect beyond its own bits (a window into a BAR, say) is its device's
 * business, which looks at the range before or after it calls here.
 */
#include "pci/config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The standard header ends here, capabilities live up to where extended space begins. */
#define CAPS_START	 0x40u
#define CAPS_END	 0x100u

#define CAP_HEADER	 2u
#define EXT_CAP_HEADER	 4u

#define BAR_IO		 1u
#define BAR_MEM64	 (2u << 1)
#define BAR_PREFETCHABLE (1u << 3)

#define ROM_ENABLE	 1u
#define ROM_ADDRESS	 0xfffff800u

void pci_put16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

void pci_put32(uint8_t *to, uint32_t value)
{
	pci_put16(to, (uint16_t)value);
	pci_put16(to + 2, (uint16_t)(value >> 16));
}

uint16_t pci_config_get16(const struct pci_config *config, uint16_t offset)
{
	return (uint16_t)(config->value[offset] | config->value[offset + 1] << 8);
}

uint32_t pci_config_get32(const struct pci_config *config, uint16_t offset)
{
	return pci_config_get16(config, offset) |
	       (uint32_t)pci_config_get16(config, (uint16_t)(offset + 2)) << 16;
}

void pci_config_init(struct pci_config *config, const struct pci_ids *ids, uint8_t interrupt_pin)
{
	assert(interrupt_pin <= 4);
	memset(config, 0, sizeof(*config));
	memset(config->used, true, CAPS_START / 4);

	pci_put16(&config->value[PCI_REG_VENDOR], ids->vendor);
	pci_put16(&config->value[PCI_REG_DEVICE], ids->device);
	config->value[PCI_REG_REVISION] = ids->revision;
	config->value[PCI_REG_CLASS] = (uint8_t)ids->class_code;
	pci_put16(&config->value[PCI_REG_CLASS + 1], (uint16_t)(ids->class_code >> 8));
	pci_put16(&config->value[PCI_REG_SUBSYSTEM_VENDOR], ids->subsystem_vendor);
	pci_put16(&config->value[PCI_REG_SUBSYSTEM], ids->subsystem);
	config->value[PCI_REG_INTERRUPT_PIN] = interrupt_pin;

	/* The I/O and memory bits become writable with the first BAR of that kind. */
	pci_put16(&config->writable[PCI_REG_COMMAND], PCI_COMMAND_BUS_MASTER | PCI_COMMAND_PARITY |
							      PCI_COMMAND_SERR |
							      PCI_COMMAND_INTX_DISABLE);
	pci_put16(&config->write1_clear[PCI_REG_STATUS], PCI_STATUS_ERRORS);
	/* Means nothing in PCI Express, but "must be implemented as a read-write field". */
	config->writable[PCI_REG_CACHE_LINE] = 0xff;
	config->writable[PCI_REG_INTERRUPT_LINE] = 0xff;
}

void pci_config_add_bar(struct pci_config *config, unsigned int bar, enum pci_bar_kind kind,
			uint64_t size)
{
	bool io = kind == PCI_BAR_IO;
	bool wide = kind == PCI_BAR_MEM64 || kind == PCI_BAR_MEM64_PREFETCHABLE;
	uint8_t *value = &config->value[PCI_REG_BAR0 + 4 * bar];
	uint8_t *writable = &config->writable[PCI_REG_BAR0 + 4 * bar];
	uint64_t mask = ~(size - 1);

	assert(bar + wide < PCI_BARS);
	assert(size >= (io ? 4 : 16) && (size & (size - 1)) == 0);
	assert(wide || size <= 1ull << 31);

	pci_put32(writable, (uint32_t)mask);
	if (io)
		value[0] = BAR_IO;
	if (wide) {
		value[0] = BAR_MEM64;
		pci_put32(writable + 4, (uint32_t)(mask >> 32));
	}
	if (kind == PCI_BAR_MEM32_PREFETCHABLE || kind == PCI_BAR_MEM64_PREFETCHABLE)
		value[0] |= BAR_PREFETCHABLE;
	config->writable[PCI_REG_COMMAND] |= io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

void pci_config_add_rom(struct pci_config *config, uint32_t size)
{
	assert(size >= 2048 && (size & (size - 1)) == 0);
	pci_put32(&config->writable[PCI_REG_ROM], (~(size - 1) & ROM_ADDRESS) | ROM_ENABLE);
	config->writable[PCI_REG_COMMAND] |= PCI_COMMAND_MEMORY;
}

void pci_config_reserve(struct pci_config *config, uint16_t offset, size_t len)
{
	assert(len <= PCI_CONFIG_SPACE && offset <= PCI_CONFIG_SPACE - len);
	for (size_t i = offset / 4; i < (offset + len + 3) / 4; i++)
		config->used[i] = true;
}

static bool is_free(const struct pci_config *config, size_t at, size_t len)
{
	for (size_t i = at / 4; i < (at + len + 3) / 4; i++) {
		if (config->used[i])
			return false;
	}
	return true;
}

/*
 * Take len bytes between start and end: at this place, or at the first with room. "The bottom two
 * bits of all pointers are reserved": each capability starts on a dword.
 */
static int take_room(struct pci_config *config, size_t at, size_t len, size_t start, size_t end)
{
	bool anywhere = at == 0;

	if (!anywhere && (at % 4 != 0 || at < start || at >= end))
		return -EINVAL;
	if (anywhere)
		at = start;
	if (len > end - at)
		return anywhere ? -ENOSPC : -EINVAL;
	while (anywhere && at + 4 <= end - len && !is_free(config, at, len))
		at += 4;
	if (!is_free(config, at, len))
		return anywhere ? -ENOSPC : -EEXIST;
	pci_config_reserve(config, (uint16_t)at, len);
	return (int)at;
}

int pci_config_add_cap(struct pci_config *config, uint16_t at, uint8_t id, const void *body,
		       size_t len)
{
	int r = len > CAPS_END ? -ENOSPC
			       : take_room(config, at, CAP_HEADER + len, CAPS_START, CAPS_END);

	if (r < 0)
		return r;
	config->value[r] = id;
	if (len)
		memcpy(&config->value[r + CAP_HEADER], body, len);

	if (config->last_cap)
		config->value[config->last_cap + 1] = (uint8_t)r;
	else
		config->value[PCI_REG_CAPABILITIES] = (uint8_t)r;
	config->value[PCI_REG_STATUS] |= PCI_STATUS_CAP_LIST;
	config->last_cap = (uint16_t)r;
	return r;
}

/* "Extended Capabilities ... always begin at offset 100h": there is no pointer to the first. */
int pci_config_add_ext_cap(struct pci_config *config, uint16_t at, uint16_t id, uint8_t version,
			   const void *body, size_t len)
{
	bool first = config->last_ext_cap == 0;
	int r;

	if (first && at != 0 && at != CAPS_END)
		return -EINVAL;
	if (len > PCI_CONFIG_SPACE)
		return -ENOSPC;
	r = take_room(config, at, EXT_CAP_HEADER + len, CAPS_END, PCI_CONFIG_SPACE);
	if (r < 0)
		return r;
	pci_put16(&config->value[r], id);
	config->value[r + 2] = version & 0xf;
	if (len)
		memcpy(&config->value[r + EXT_CAP_HEADER], body, len);

	/* The pointer is the upper 12 bits of a header. */
	if (!first) {
		config->value[config->last_ext_cap + 2] |= (uint8_t)((unsigned int)r << 4);
		config->value[config->last_ext_cap + 3] = (uint8_t)(r >> 4);
	}
	config->last_ext_cap = (uint16_t)r;
	return r;
}

void pci_config_set_writable(struct pci_config *config, uint16_t offset, const void *mask,
			     size_t len)
{
	assert(len <= PCI_CONFIG_SPACE && offset <= PCI_CONFIG_SPACE - len);
	memcpy(&config->writable[offset], mask, len);
}

void pci_config_set_write1_clear(struct pci_config *config, uint16_t offset, const void *mask,
				 size_t len)
{
	assert(len <= PCI_CONFIG_SPACE && offset <= PCI_CONFIG_SPACE - len);
	memcpy(&config->write1_clear[offset], mask, len);
}

void pci_config_seal(struct pci_config *config)
{
	memcpy(config->initial, config->value, sizeof(config->initial));
}

void pci_config_read(const struct pci_config *config, uint64_t offset, void *buf, size_t count)
{
	assert(count <= PCI_CONFIG_SPACE && offset <= PCI_CONFIG_SPACE - count);
	memcpy(buf, &config->value[offset], count);
}

void pci_config_write(struct pci_config *config, uint64_t offset, const void *buf, size_t count)
{
	const uint8_t *from = buf;

	assert(count <= PCI_CONFIG_SPACE && offset <= PCI_CONFIG_SPACE - count);
	for (size_t i = 0; i < count; i++) {
		size_t at = offset + i;
		uint8_t old = config->value[at], writable = config->writable[at];

		config->value[at] = (uint8_t)(((old & ~writable) | (from[i] & writable)) &
					      ~(from[i] & config->write1_clear[at]));
	}
}

void pci_config_reset(struct pci_config *config)
{
	memcpy(config->value, config->initial, sizeof(config->value));
}
