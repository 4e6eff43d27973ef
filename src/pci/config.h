/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h - a PCI Express function's configuration space
 *
 * 4096 bytes with, for each bit, whether the guest may write it or clear it by writing 1; the rest
 * is read-only. BARs are sized the standard way (write all ones, read back the mask). Capabilities
 * are added while the device is built and chained in that order, wherever they are. One thread.
 */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_CONFIG_SPACE	 4096u
#define PCI_BARS		 6u

/* Registers of a type 0 header. */
#define PCI_REG_VENDOR		 0x00u
#define PCI_REG_DEVICE		 0x02u
#define PCI_REG_COMMAND		 0x04u
#define PCI_REG_STATUS		 0x06u
#define PCI_REG_REVISION	 0x08u
#define PCI_REG_CLASS		 0x09u
#define PCI_REG_CACHE_LINE	 0x0cu
#define PCI_REG_HEADER_TYPE	 0x0eu
#define PCI_REG_BAR0		 0x10u
#define PCI_REG_SUBSYSTEM_VENDOR 0x2cu
#define PCI_REG_SUBSYSTEM	 0x2eu
#define PCI_REG_ROM		 0x30u
#define PCI_REG_CAPABILITIES	 0x34u
#define PCI_REG_INTERRUPT_LINE	 0x3cu
#define PCI_REG_INTERRUPT_PIN	 0x3du

#define PCI_COMMAND_IO		 (1u << 0)
#define PCI_COMMAND_MEMORY	 (1u << 1)
#define PCI_COMMAND_BUS_MASTER	 (1u << 2)
#define PCI_COMMAND_PARITY	 (1u << 6)
#define PCI_COMMAND_SERR	 (1u << 8)
#define PCI_COMMAND_INTX_DISABLE (1u << 10)

#define PCI_STATUS_CAP_LIST	 (1u << 4)
/* Errors seen; a 1 written clears each. */
#define PCI_STATUS_ERRORS	 (1u << 8 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15)

struct pci_ids {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
};

struct pci_config {
	uint8_t value[PCI_CONFIG_SPACE];
	uint8_t writable[PCI_CONFIG_SPACE];
	uint8_t write1_clear[PCI_CONFIG_SPACE];
	uint8_t initial[PCI_CONFIG_SPACE]; /* what pci_config_reset() goes back to */
	bool used[PCI_CONFIG_SPACE / 4];   /* dwords that the header or a capability has */
	uint16_t last_cap, last_ext_cap;   /* where the next capability is chained; 0: none yet */
};

/** pci_config_init() - a type 0 header; interrupt pin 0 (no INTx) unless pin is 1..4 */
void pci_config_init(struct pci_config *config, const struct pci_ids *ids, uint8_t interrupt_pin);

enum pci_bar_kind {
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM32_PREFETCHABLE,
	PCI_BAR_MEM64,		    /* takes the next BAR too */
	PCI_BAR_MEM64_PREFETCHABLE, /* likewise */
};

/**
 * pci_config_add_bar() - size is a power of two, at least 16 (4 for I/O). Asserts: a device's own
 * mistake
 */
void pci_config_add_bar(struct pci_config *config, unsigned int bar, enum pci_bar_kind kind,
			uint64_t size);

/** pci_config_add_rom() - an expansion ROM: a power of two, at least 2048. Asserts likewise */
void pci_config_add_rom(struct pci_config *config, uint32_t size);

/**
 * pci_config_add_cap() - chain a capability behind those that are there
 * @at: where, a multiple of 4; 0: at the first place with room
 * @body: what follows its two header bytes
 *
 * Return: its offset, -EINVAL it cannot be @at, -EEXIST something else is, -ENOSPC
 */
int pci_config_add_cap(struct pci_config *config, uint16_t at, uint8_t id, const void *body,
		       size_t len);

/** pci_config_add_ext_cap() - likewise for an extended one, whose header has four bytes */
int pci_config_add_ext_cap(struct pci_config *config, uint16_t at, uint16_t id, uint8_t version,
			   const void *body, size_t len);

/** pci_config_reserve() - no capability that is added later may have any of these bytes */
void pci_config_reserve(struct pci_config *config, uint16_t offset, size_t len);

/** pci_config_set_writable() - the guest may write the bits set in mask (len bytes from offset) */
void pci_config_set_writable(struct pci_config *config, uint16_t offset, const void *mask,
			     size_t len);

/** pci_config_set_write1_clear() - likewise for bits that writing 1 clears */
void pci_config_set_write1_clear(struct pci_config *config, uint16_t offset, const void *mask,
				 size_t len);

/** pci_config_seal() - the device is built: its present values are those of a reset */
void pci_config_seal(struct pci_config *config);

/** pci_config_read(), pci_config_write() - the range is inside PCI_CONFIG_SPACE */
void pci_config_read(const struct pci_config *config, uint64_t offset, void *buf, size_t count);
void pci_config_write(struct pci_config *config, uint64_t offset, const void *buf, size_t count);

/**
 * pci_config_get16(), pci_config_get32() - a register by value; configuration space is
 * little-endian
 */
uint16_t pci_config_get16(const struct pci_config *config, uint16_t offset);
uint32_t pci_config_get32(const struct pci_config *config, uint16_t offset);

/** pci_put16(), pci_put32() - a value as configuration space stores it */
void pci_put16(uint8_t *to, uint16_t value);
void pci_put32(uint8_t *to, uint32_t value);

void pci_config_reset(struct pci_config *config);

#endif
