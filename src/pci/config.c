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
#include <string.h>

/* The standard header ends here, capabilities live up to where extended space begins. */
#define CAPS_START	 0x40u
#define CAPS_END	 0x100u

#define BAR_IO		 1u
#define BAR_MEM64	 (2u << 1)
#define BAR_PREFETCHABLE (1u << 3)

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
	config->next_free = CAPS_START;

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
	if (kind == PCI_BAR_MEM64_PREFETCHABLE)
		value[0] |= BAR_PREFETCHABLE;
	config->writable[PCI_REG_COMMAND] |= io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

uint8_t pci_config_add_cap(struct pci_config *config, uint8_t id, const void *body, size_t len)
{
	uint8_t at = (uint8_t)config->next_free;

	assert(config->next_free + 2 + len <= CAPS_END);
	config->value[at] = id;
	memcpy(&config->value[at + 2], body, len);

	if (config->last_cap)
		config->value[config->last_cap + 1] = at;
	else
		config->value[PCI_REG_CAPABILITIES] = at;
	config->value[PCI_REG_STATUS] |= PCI_STATUS_CAP_LIST;
	config->last_cap = at;
	/* "the bottom two bits of all pointers are reserved": each starts on a dword. */
	config->next_free = (uint16_t)((at + 2 + len + 3) & ~(size_t)3);
	return at;
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
