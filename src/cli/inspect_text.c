/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_text.c - `outrigger inspect` for people
 *
 * Sections with an aligned column of names. What comes from the server is printed as numbers or as
 * names from our tables, never as its own text: that may hold anything a terminal obeys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"
#include <outrigger/vfio_user.h>

#define IRQ_COUNT_WIDTH 4 /* MSI-X has up to 2048 */
#define DUMP_WIDTH	16

struct flag_name {
	uint32_t flag;
	const char *name;
};

/* " a b c", and the rest as a number. */
static void print_flags(uint32_t flags, const struct flag_name *names)
{
	for (; names->name; names++) {
		if (flags & names->flag)
			printf(" %s", names->name);
		flags &= ~names->flag;
	}
	if (flags)
		printf(" 0x%" PRIx32, flags);
}

static void print_size(uint64_t size)
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	size_t unit = 0;

	while (unit < 4 && size >= 1024 && size % 1024 == 0) {
		size /= 1024;
		unit++;
	}
	printf("%" PRIu64 "%s", size, units[unit]);
}

static void print_limit(const struct version_caps *caps, uint32_t cap, const char *name,
			uint64_t value)
{
	printf("  %-20s %" PRIu64 "%s\n", name, value, caps->stated & cap ? "" : " (default)");
}

static void print_switch(const struct version_caps *caps, uint32_t cap, const char *name, bool on)
{
	printf("  %-20s %s%s\n", name, on ? "yes" : "no", caps->stated & cap ? "" : " (default)");
}

static void print_protocol(const struct inspection *in)
{
	const struct version_caps *caps = &in->caps;

	printf("vfio-user %u.%u\n", in->version.major, in->version.minor);
	print_limit(caps, VERSION_CAP_MAX_MSG_FDS, "max_msg_fds", caps->max_msg_fds);
	print_limit(caps, VERSION_CAP_MAX_DATA_XFER_SIZE, "max_data_xfer_size",
		    caps->max_data_xfer_size);
	print_limit(caps, VERSION_CAP_MAX_DMA_MAPS, "max_dma_maps", caps->max_dma_maps);
	print_limit(caps, VERSION_CAP_PGSIZES, "pgsizes", caps->pgsizes);
	print_switch(caps, VERSION_CAP_WRITE_MULTIPLE, "write_multiple", caps->write_multiple);
	print_switch(caps, VERSION_CAP_SPARSE_MMAP_FDS, "sparse_mmap_fds", caps->sparse_mmap_fds);
}

static void print_device(const struct inspection *in)
{
	static const struct flag_name names[] = { { RIG_DEVICE_PCI, "PCI" },
						  { RIG_DEVICE_RESET, "reset" },
						  { 0, NULL } };

	printf("\nDevice:");
	print_flags(in->device.flags, names);
	printf("\n");
}

static void print_area(const struct rig_region_area *area)
{
	printf("  %-8s   mappable at 0x%" PRIx64 ", size ", "", area->offset);
	print_size(area->size);
	printf("\n");
}

static void print_region(uint32_t index, const struct rig_region_info *region)
{
	static const struct flag_name names[] = { { RIG_REGION_READ, "read" },
						  { RIG_REGION_WRITE, "write" },
						  { RIG_REGION_MMAP, "mmap" },
						  { RIG_REGION_CAPS, "capabilities" },
						  { 0, NULL } };
	char number[20];

	snprintf(number, sizeof(number), "region%" PRIu32, index);
	printf("  %-8s ", *inspect_region_name(index) ? inspect_region_name(index) : number);
	print_size(region->size);
	print_flags(region->flags, names);
	if (region->has_type)
		printf(" type 0x%" PRIx32 ":0x%" PRIx32, region->type, region->subtype);
	if ((region->flags & RIG_REGION_MMAP) && region->n_fds == 0)
		printf(" (but no fd came)");
	printf("\n");
	for (size_t i = 0; i < inspect_areas(region); i++)
		print_area(&region->areas[i]);
}

static void print_regions(const struct inspection *in)
{
	printf("\nRegions:\n");
	for (uint32_t i = 0; i < in->device.num_regions; i++)
		if (in->regions[i]->size > 0)
			print_region(i, in->regions[i]);
}

static void print_irqs(const struct inspection *in)
{
	static const struct flag_name names[] = { { RIG_IRQ_EVENTFD, "eventfd" },
						  { RIG_IRQ_MASKABLE, "maskable" },
						  { RIG_IRQ_AUTOMASKED, "automasked" },
						  { RIG_IRQ_NORESIZE, "noresize" },
						  { 0, NULL } };

	printf("\nInterrupts:\n");
	for (uint32_t i = 0; i < in->device.num_irqs; i++) {
		char number[20];

		snprintf(number, sizeof(number), "irq%" PRIu32, i);
		printf("  %-8s %*" PRIu32, *inspect_irq_name(i) ? inspect_irq_name(i) : number,
		       IRQ_COUNT_WIDTH, in->irqs[i].count);
		print_flags(in->irqs[i].flags, names);
		printf("\n");
	}
}

static void print_bits(const char *title, uint16_t value, const char *(*name)(unsigned int bit))
{
	printf("  %-12s 0x%04x", title, value);
	for (unsigned int bit = 0; bit < 16; bit++)
		if ((value >> bit & 1) && name(bit))
			printf(" %s", name(bit));
	printf("\n");
}

static void print_bar(unsigned int i, const struct pci_bar *bar)
{
	static const char *const kinds[] = {
		[PCI_BAR_NONE] = "",
		[PCI_BAR_IO] = "I/O ports",
		[PCI_BAR_MEM32] = "memory, 32-bit",
		[PCI_BAR_MEM64] = "memory, 64-bit",
	};

	if (bar->kind == PCI_BAR_NONE)
		return;
	printf("  BAR%-9u %s%s, at 0x%" PRIx64 "\n", i, kinds[bar->kind],
	       bar->prefetchable ? ", prefetchable" : "", bar->address);
}

static void print_field(const struct pci_field *field)
{
	char key[32];

	snprintf(key, sizeof(key), "%s", field->key);
	for (char *c = key; *c; c++)
		if (*c == '_')
			*c = ' ';
	switch (field->kind) {
	case PCI_FIELD_NUMBER:
		printf(", %s %" PRIu64, key, field->number);
		break;
	case PCI_FIELD_HEX:
		printf(", %s 0x%" PRIx64, key, field->number);
		break;
	case PCI_FIELD_BOOL:
		printf(", %s%c", key, field->number ? '+' : '-'); /* as lspci does */
		break;
	case PCI_FIELD_TEXT:
		printf(", %s", field->text);
		break;
	}
}

static void print_cap(const struct pci_cap *cap)
{
	printf(cap->extended ? "    [%03x] %s" : "    [%02x]  %s", cap->offset, cap->name);
	if (strcmp(cap->name, "unknown") == 0)
		printf(" (id 0x%x)", cap->id);
	if (cap->extended)
		printf(" v%u", cap->version);
	for (size_t i = 0; i < cap->n_fields; i++)
		print_field(&cap->fields[i]);
	printf("\n");
}

void inspect_print_config(const struct pci_config *c)
{
	printf("\nPCI configuration:\n");
	printf("  %-12s %04x:%04x revision %02x\n", "device", c->vendor, c->device, c->revision);
	printf("  %-12s %04x:%04x\n", "subsystem", c->subsystem_vendor, c->subsystem);
	printf("  %-12s %06" PRIx32 " %s\n", "class", c->class_code, pci_class_name(c->class_code));
	printf("  %-12s 0x%02x\n", "header type", c->header_type);
	print_bits("command", c->command, pci_command_bit);
	print_bits("status", c->status, pci_status_bit);
	if (c->interrupt_pin >= 1 && c->interrupt_pin <= 4)
		printf("  %-12s pin %c, line %u\n", "interrupt", 'A' + c->interrupt_pin - 1,
		       c->interrupt_line);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		print_bar(i, &c->bars[i]);
	printf("  capabilities%s\n", c->n_caps ? "" : " none");
	for (size_t i = 0; i < c->n_caps; i++)
		print_cap(&c->caps[i]);
	if (c->caps_broken)
		printf("    %s\n", c->caps_broken);
}

void inspect_print_text(const struct inspection *in)
{
	print_protocol(in);
	print_device(in);
	print_regions(in);
	print_irqs(in);
	if (in->has_config)
		inspect_print_config(&in->config);
}

static char printable(uint8_t byte)
{
	return byte >= ' ' && byte <= '~' ? (char)byte : '.';
}

static void print_row(const uint8_t *bytes, size_t n, uint64_t offset)
{
	char characters[DUMP_WIDTH + 1] = "";

	printf("%08" PRIx64 " ", offset);
	for (size_t i = 0; i < DUMP_WIDTH; i++) {
		printf(i == DUMP_WIDTH / 2 ? "  " : " ");
		if (i < n)
			printf("%02x", bytes[i]);
		else
			printf("  ");
	}
	for (size_t i = 0; i < n; i++)
		characters[i] = printable(bytes[i]);
	printf("  |%s|\n", characters);
}

/* As hexdump -C does: rows like the one before are a star. The last one is shown, for where it ends. */
void inspect_print_hexdump(const uint8_t *bytes, size_t len, uint64_t offset)
{
	bool starred = false;

	for (size_t at = 0; at < len; at += DUMP_WIDTH) {
		const size_t left = len - at;

		if (at > 0 && left > DUMP_WIDTH &&
		    memcmp(bytes + at, bytes + at - DUMP_WIDTH, DUMP_WIDTH) == 0) {
			if (!starred)
				puts("*");
			starred = true;
			continue;
		}
		starred = false;
		print_row(bytes + at, left < DUMP_WIDTH ? left : DUMP_WIDTH, offset + at);
	}
}
