/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_pci.h - what PCI configuration space says
 *
 * Decoded once, into lists of named fields, for whoever prints them. Pure functions.
 */
#ifndef CLI_INSPECT_PCI_H
#define CLI_INSPECT_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_CONFIG_MAX 4096u
#define PCI_BARS       6u
#define PCI_MAX_FIELDS 12u
#define PCI_MAX_CAPS   160u /* more than there is room for in configuration space */

enum pci_field_kind {
	PCI_FIELD_NUMBER,
	PCI_FIELD_HEX,
	PCI_FIELD_BOOL,
	PCI_FIELD_TEXT,
};

/** struct pci_field - key: lower case and underscores; stable, since --json prints it */
struct pci_field {
	const char *key;
	enum pci_field_kind kind;
	uint64_t number;
	const char *text; /* PCI_FIELD_TEXT; static */
};

struct pci_cap {
	uint16_t offset;
	uint16_t id;
	uint8_t version; /* extended ones */
	bool extended;
	const char *name; /* static; "unknown" */
	size_t n_fields;
	struct pci_field fields[PCI_MAX_FIELDS];
};

enum pci_bar_kind {
	PCI_BAR_NONE, /* also: the upper half of a 64-bit one */
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64,
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t address;
};

struct pci_config {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class_code; /* base, sub, interface */
	uint8_t revision;
	uint8_t header_type;
	uint16_t command, status;
	uint8_t interrupt_pin; /* 0: none, 1: A */
	uint8_t interrupt_line;
	struct pci_bar bars[PCI_BARS];
	size_t n_caps;
	struct pci_cap caps[PCI_MAX_CAPS];
	const char *caps_broken; /* where a list ends otherwise than it should; NULL: nowhere */
};

/**
 * pci_config_decode() - @bytes: size of them, at least 64
 * @bar_size: what the device says of its BARs; a register that holds no address tells nothing
 */
void pci_config_decode(const uint8_t *bytes, size_t size, const uint64_t bar_size[PCI_BARS],
		       struct pci_config *ret);

/** pci_class_name() - of base and sub class; "unknown" */
const char *pci_class_name(uint32_t class_code);

/** pci_command_bit() / pci_status_bit() - names of single bits; NULL: none */
const char *pci_command_bit(unsigned int bit);
const char *pci_status_bit(unsigned int bit);

#endif
