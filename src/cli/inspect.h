/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect.h - what `outrigger inspect` found out, and the two ways to print it
 *
 * The JSON document, whose keys stay (more may come). Numbers are JSON numbers, addresses and
 * flags included:
 *
 *	socket			PATH as given
 *	protocol		major, minor, capabilities_text (the server's own), and what holds:
 *				max_msg_fds, max_data_xfer_size, max_dma_maps, pgsizes,
 *				write_multiple, sparse_mmap_fds; stated: names of those that the
 *				server named, the others have the specification's default
 *	device			flags, reset, pci, num_regions, num_irqs
 *	regions[]		of size > 0: index, name, size, flags, read, write, mmap;
 *				if it has memory to map: fd_offset, areas[] {offset, size};
 *				if it is device-specific: type, subtype
 *	irqs[]			index, name, count, flags, eventfd, maskable, automasked, noresize
 *	config			only of PCI devices: vendor, device, subsystem_vendor, subsystem,
 *				class, class_name, revision, header_type, command, status,
 *				interrupt_pin (0: none, 1: A), interrupt_line,
 *				bars[] {index, kind (io, mem32, mem64), prefetchable, address},
 *				capabilities[] {offset, id, name, extended, version (if extended),
 *				fields {...} by kind},
 *				capabilities_broken (only if a list ends wrongly): a sentence
 *	actions[]		only if some were asked for, those that were begun: action, the
 *				option's name (read, save_state, ...);
 *				read, write: region, offset, length; data (hexadecimal);
 *				dump_config: length; data, config as above;
 *				watch_irqs: interrupts[] {index, name, vector, count} that came;
 *				save_state, load_state: file, bytes, device_state;
 *				with an --output file instead of data;
 *				error (only of the last one, if it failed): a sentence
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/inspect_pci.h"
#include "vfio_user/version.h"
#include <outrigger/client.h>

struct inspection {
	const char *socket;
	struct rig_client_version version;
	struct version_caps caps; /* what version.json says */
	struct rig_device_info device;
	const struct rig_region_info **regions; /* device.num_regions; the client's */
	struct rig_irq_info *irqs;		/* device.num_irqs */
	bool has_config;
	struct pci_config config;
};

/** inspect_region_name(), inspect_irq_name() - "BAR0", "MSI-X"; "" for device-specific ones */
const char *inspect_region_name(uint32_t index);
const char *inspect_irq_name(uint32_t index);

/** inspect_areas() - how many mappable areas there are to tell of: not one that is all of it */
size_t inspect_areas(const struct rig_region_info *region);

/** inspect_config_size() - how much PCI configuration space there is to look at; 0: none */
size_t inspect_config_size(const struct inspection *in);

/** inspect_decode_config() - @bytes: inspect_config_size() of them */
void inspect_decode_config(const struct inspection *in, const uint8_t *bytes, size_t size,
			   struct pci_config *ret);

void inspect_print_text(const struct inspection *in);
void inspect_print_config(const struct pci_config *config);

/** inspect_print_hexdump() - @offset: of the first byte */
void inspect_print_hexdump(const uint8_t *bytes, size_t len, uint64_t offset);

struct inspect_action;

/** inspect_print_json() - with what the first n actions did. Return: 0, -ENOMEM */
int inspect_print_json(const struct inspection *in, const struct inspect_action *actions, size_t n);

#endif
