/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_pci.c - what PCI configuration space says
 *
 * The bytes are a stranger's. Both capability lists may point anywhere: a list is followed only to
 * places where a header fits, and to each place once. Decoders read through get8(), get16() and
 * get32(), which give 0 behind the end.
 *
 * Layouts: PCI Local Bus 3.0 chapter 6, PCI Express Base chapter 7, virtio 1.2 section 4.1.4.
 */
#include "cli/inspect_pci.h"

#include <string.h>

#define ARRAY_SIZE(a)	  (sizeof(a) / sizeof((a)[0]))

#define HEADER_SIZE	  0x40u
#define CONVENTIONAL_SIZE 0x100u
#define STATUS_CAP_LIST	  (1u << 4)
#define CAP_VENDOR	  0x09
#define VENDOR_VIRTIO	  0x1af4

/* Configuration space and how much of it there is. */
struct space {
	const uint8_t *bytes;
	size_t size;
	uint16_t vendor;
};

static uint8_t get8(const struct space *s, size_t at)
{
	return at < s->size ? s->bytes[at] : 0;
}

static uint16_t get16(const struct space *s, size_t at)
{
	return (uint16_t)(get8(s, at) | get8(s, at + 1) << 8);
}

static uint32_t get32(const struct space *s, size_t at)
{
	return get16(s, at) | (uint32_t)get16(s, at + 2) << 16;
}

/* Fields */

static struct pci_field *add(struct pci_cap *cap, const char *key, enum pci_field_kind kind)
{
	struct pci_field *field =
		&cap->fields[cap->n_fields < PCI_MAX_FIELDS - 1 ? cap->n_fields++
								: PCI_MAX_FIELDS - 1];

	*field = (struct pci_field) { .key = key, .kind = kind };
	return field;
}

static void add_number(struct pci_cap *cap, const char *key, uint64_t number)
{
	add(cap, key, PCI_FIELD_NUMBER)->number = number;
}

static void add_hex(struct pci_cap *cap, const char *key, uint64_t number)
{
	add(cap, key, PCI_FIELD_HEX)->number = number;
}

static void add_bool(struct pci_cap *cap, const char *key, bool value)
{
	add(cap, key, PCI_FIELD_BOOL)->number = value;
}

static void add_text(struct pci_cap *cap, const char *key, const char *text)
{
	add(cap, key, PCI_FIELD_TEXT)->text = text;
}

static const char *name_in(const char *const *names, size_t n, unsigned int i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

/* Decoders of single capabilities */

static void decode_power(const struct space *s, struct pci_cap *cap)
{
	static const char *const states[] = { "D0", "D1", "D2", "D3hot" };
	uint16_t pmc = get16(s, cap->offset + 2u), pmcsr = get16(s, cap->offset + 4u);

	add_number(cap, "version", pmc & 7);
	add_bool(cap, "d1", pmc >> 9 & 1);
	add_bool(cap, "d2", pmc >> 10 & 1);
	add_text(cap, "state", states[pmcsr & 3]);
	add_bool(cap, "no_soft_reset", pmcsr >> 3 & 1);
	add_hex(cap, "pme_support", pmc >> 11);
}

static void decode_msi(const struct space *s, struct pci_cap *cap)
{
	uint16_t control = get16(s, cap->offset + 2u);

	add_bool(cap, "enabled", control & 1);
	add_number(cap, "vectors", 1u << (control >> 1 & 7));
	add_number(cap, "vectors_enabled", 1u << (control >> 4 & 7));
	add_bool(cap, "address_64", control >> 7 & 1);
	add_bool(cap, "maskable", control >> 8 & 1);
}

static void decode_msix(const struct space *s, struct pci_cap *cap)
{
	uint16_t control = get16(s, cap->offset + 2u);
	uint32_t table = get32(s, cap->offset + 4u), pba = get32(s, cap->offset + 8u);

	add_bool(cap, "enabled", control >> 15);
	add_bool(cap, "masked", control >> 14 & 1);
	add_number(cap, "vectors", (control & 0x7ffu) + 1);
	add_number(cap, "table_bar", table & 7);
	add_hex(cap, "table_offset", table & ~7u);
	add_number(cap, "pba_bar", pba & 7);
	add_hex(cap, "pba_offset", pba & ~7u);
}

static void decode_express(const struct space *s, struct pci_cap *cap)
{
	static const char *const types[] = {
		"endpoint",
		"legacy endpoint",
		NULL,
		NULL,
		"root port",
		"upstream port",
		"downstream port",
		"PCIe-to-PCI bridge",
		"PCI-to-PCIe bridge",
		"root complex integrated endpoint",
		"root complex event collector",
	};
	uint16_t flags = get16(s, cap->offset + 2u);
	uint32_t device = get32(s, cap->offset + 4u), link = get32(s, cap->offset + 0xcu);
	uint16_t link_status = get16(s, cap->offset + 0x12u);

	add_number(cap, "version", flags & 0xf);
	add_text(cap, "type", name_in(types, ARRAY_SIZE(types), flags >> 4 & 0xf));
	add_number(cap, "max_payload", 128u << (device & 7));
	add_bool(cap, "function_level_reset", device >> 28 & 1);
	add_number(cap, "link_speed_max", link & 0xf);
	add_number(cap, "link_width_max", link >> 4 & 0x3f);
	add_number(cap, "link_speed", link_status & 0xf);
	add_number(cap, "link_width", link_status >> 4 & 0x3f);
}

/* virtio puts its structures behind vendor-specific capabilities. */
static void decode_virtio(const struct space *s, struct pci_cap *cap)
{
	enum { COMMON = 1, NOTIFY = 2, SHARED_MEMORY = 8 };
	static const char *const structures[] = {
		[COMMON] = "common configuration",
		[NOTIFY] = "notifications",
		[3] = "ISR status",
		[4] = "device configuration",
		[5] = "PCI configuration access",
		[SHARED_MEMORY] = "shared memory",
		[9] = "vendor data",
	};
	unsigned int structure = get8(s, cap->offset + 3u);
	uint64_t offset = get32(s, cap->offset + 8u), length = get32(s, cap->offset + 12u);

	cap->name = "virtio";
	add_text(cap, "structure", name_in(structures, ARRAY_SIZE(structures), structure));
	if (structure == SHARED_MEMORY) {
		offset |= (uint64_t)get32(s, cap->offset + 16u) << 32;
		length |= (uint64_t)get32(s, cap->offset + 20u) << 32;
		add_number(cap, "shm_id", get8(s, cap->offset + 5u));
	}
	add_number(cap, "bar", get8(s, cap->offset + 4u));
	add_hex(cap, "offset", offset);
	add_hex(cap, "length", length);
	if (structure == NOTIFY)
		add_number(cap, "multiplier", get32(s, cap->offset + 16u));
}

static void decode_vendor(const struct space *s, struct pci_cap *cap)
{
	if (s->vendor == VENDOR_VIRTIO)
		decode_virtio(s, cap);
	else
		add_number(cap, "length", get8(s, cap->offset + 2u));
}

static void decode_subsystem(const struct space *s, struct pci_cap *cap)
{
	add_hex(cap, "vendor", get16(s, cap->offset + 4u));
	add_hex(cap, "id", get16(s, cap->offset + 6u));
}

static void decode_advanced_features(const struct space *s, struct pci_cap *cap)
{
	add_bool(cap, "transactions_pending", get8(s, cap->offset + 3u) & 1);
	add_bool(cap, "function_level_reset", get8(s, cap->offset + 3u) >> 1 & 1);
}

static void decode_errors(const struct space *s, struct pci_cap *cap)
{
	add_hex(cap, "uncorrectable", get32(s, cap->offset + 4u));
	add_hex(cap, "correctable", get32(s, cap->offset + 0x10u));
}

static void decode_serial(const struct space *s, struct pci_cap *cap)
{
	add_hex(cap, "serial",
		get32(s, cap->offset + 4u) | (uint64_t)get32(s, cap->offset + 8u) << 32);
}

static void decode_vendor_extended(const struct space *s, struct pci_cap *cap)
{
	uint32_t header = get32(s, cap->offset + 4u);

	add_hex(cap, "vendor_id", header & 0xffff);
	add_number(cap, "revision", header >> 16 & 0xf);
	add_number(cap, "length", header >> 20);
}

static void decode_sriov(const struct space *s, struct pci_cap *cap)
{
	add_bool(cap, "enabled", get16(s, cap->offset + 8u) & 1);
	add_number(cap, "total_vfs", get16(s, cap->offset + 0xeu));
	add_number(cap, "num_vfs", get16(s, cap->offset + 0x10u));
	add_hex(cap, "vf_device", get16(s, cap->offset + 0x1au));
}

struct cap_kind {
	uint16_t id;
	const char *name;
	void (*decode)(const struct space *s, struct pci_cap *cap); /* NULL: the name is all */
};

static const struct cap_kind conventional[] = {
	{ 0x01, "power management", decode_power },
	{ 0x02, "AGP", NULL },
	{ 0x03, "vital product data", NULL },
	{ 0x04, "slot identification", NULL },
	{ 0x05, "MSI", decode_msi },
	{ 0x07, "PCI-X", NULL },
	{ CAP_VENDOR, "vendor specific", decode_vendor },
	{ 0x0d, "bridge subsystem", decode_subsystem },
	{ 0x10, "PCI Express", decode_express },
	{ 0x11, "MSI-X", decode_msix },
	{ 0x12, "SATA", NULL },
	{ 0x13, "advanced features", decode_advanced_features },
	{ 0x14, "enhanced allocation", NULL },
};

static const struct cap_kind extended[] = {
	{ 0x0001, "advanced error reporting", decode_errors },
	{ 0x0002, "virtual channel", NULL },
	{ 0x0003, "device serial number", decode_serial },
	{ 0x0004, "power budgeting", NULL },
	{ 0x000b, "vendor specific", decode_vendor_extended },
	{ 0x000d, "access control services", NULL },
	{ 0x000e, "alternative routing-id", NULL },
	{ 0x000f, "address translation", NULL },
	{ 0x0010, "SR-IOV", decode_sriov },
	{ 0x0013, "page request", NULL },
	{ 0x0015, "resizable BAR", NULL },
	{ 0x0017, "TPH requester", NULL },
	{ 0x0018, "latency tolerance", NULL },
	{ 0x0019, "secondary PCI Express", NULL },
	{ 0x001b, "PASID", NULL },
	{ 0x001e, "L1 PM substates", NULL },
	{ 0x001f, "precision time", NULL },
	{ 0x0023, "designated vendor specific", NULL },
	{ 0x0025, "data link feature", NULL },
	{ 0x002e, "data object exchange", NULL },
};

static void add_cap(const struct space *s, const struct cap_kind *kinds, size_t n,
		    struct pci_cap cap, struct pci_config *ret)
{
	struct pci_cap *added = &ret->caps[ret->n_caps++];

	cap.name = "unknown";
	*added = cap;
	for (size_t i = 0; i < n; i++) {
		if (kinds[i].id != cap.id)
			continue;
		added->name = kinds[i].name;
		if (kinds[i].decode)
			kinds[i].decode(s, added);
	}
}

/* The lists. An entry is 4-byte aligned, so a list without a loop has at most size / 4. */

static void walk_conventional(const struct space *s, struct pci_config *ret)
{
	size_t size = s->size < CONVENTIONAL_SIZE ? s->size : CONVENTIONAL_SIZE;
	bool seen[CONVENTIONAL_SIZE / 4] = { false };
	size_t at = get8(s, 0x34) & ~3u;

	if (!(ret->status & STATUS_CAP_LIST))
		return;
	while (at != 0) {
		if (at < HEADER_SIZE || at + 2 > size || seen[at / 4]) {
			ret->caps_broken = "the capability list loops or leaves its place";
			return;
		}
		seen[at / 4] = true;
		add_cap(s, conventional, ARRAY_SIZE(conventional),
			(struct pci_cap) { .offset = (uint16_t)at, .id = get8(s, at) }, ret);
		at = get8(s, at + 1) & ~3u;
	}
}

static void walk_extended(const struct space *s, struct pci_config *ret)
{
	bool seen[PCI_CONFIG_MAX / 4] = { false };
	size_t at = CONVENTIONAL_SIZE;

	while (at != 0) {
		uint32_t header;

		if (at < CONVENTIONAL_SIZE || at + 4 > s->size || seen[at / 4] ||
		    ret->n_caps == PCI_MAX_CAPS) {
			ret->caps_broken = "the extended capability list loops or leaves its place";
			return;
		}
		seen[at / 4] = true;
		header = get32(s, at);
		if (header == 0 || header == UINT32_MAX)
			return; /* how a device says that there is none */
		add_cap(s, extended, ARRAY_SIZE(extended),
			(struct pci_cap) { .offset = (uint16_t)at,
					   .id = (uint16_t)header,
					   .version = header >> 16 & 0xf,
					   .extended = true },
			ret);
		at = header >> 20 & ~3u;
	}
}

static void decode_bars(const struct space *s, const uint64_t bar_size[PCI_BARS],
			struct pci_config *ret)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		uint32_t low = get32(s, 0x10 + 4 * i);
		struct pci_bar *bar = &ret->bars[i];

		/* Type bits alone make no BAR: libvfio-user sets them in all six. */
		if ((low & ~0xfu) == 0 && bar_size[i] == 0)
			continue;
		if (low & 1) {
			*bar = (struct pci_bar) { PCI_BAR_IO, false, low & ~3u };
			continue;
		}
		*bar = (struct pci_bar) { PCI_BAR_MEM32, low >> 3 & 1, low & ~0xfu };
		if ((low >> 1 & 3) == 2 && i + 1 < PCI_BARS) {
			bar->kind = PCI_BAR_MEM64;
			i++; /* the next register is its upper half */
			bar->address |= (uint64_t)get32(s, 0x10 + 4 * i) << 32;
		}
	}
}

void pci_config_decode(const uint8_t *bytes, size_t size, const uint64_t bar_size[PCI_BARS],
		       struct pci_config *ret)
{
	const struct space s = { bytes, size, (uint16_t)(bytes[0] | bytes[1] << 8) };

	*ret = (struct pci_config) {
		.vendor = s.vendor,
		.device = get16(&s, 2),
		.command = get16(&s, 4),
		.status = get16(&s, 6),
		.revision = get8(&s, 8),
		.class_code = get32(&s, 8) >> 8,
		.header_type = get8(&s, 0xe),
		.subsystem_vendor = get16(&s, 0x2c),
		.subsystem = get16(&s, 0x2e),
		.interrupt_line = get8(&s, 0x3c),
		.interrupt_pin = get8(&s, 0x3d),
	};
	decode_bars(&s, bar_size, ret);
	walk_conventional(&s, ret);
	if (size > CONVENTIONAL_SIZE)
		walk_extended(&s, ret);
}

/* Names */

const char *pci_class_name(uint32_t class_code)
{
	static const struct {
		uint16_t class;
		const char *name;
	} subclasses[] = {
		{ 0x0100, "SCSI controller" },
		{ 0x0101, "IDE controller" },
		{ 0x0106, "SATA controller" },
		{ 0x0107, "SAS controller" },
		{ 0x0108, "NVMe controller" },
		{ 0x0200, "Ethernet controller" },
		{ 0x0300, "VGA controller" },
		{ 0x0380, "display controller" },
		{ 0x0403, "audio device" },
		{ 0x0500, "RAM memory" },
		{ 0x0600, "host bridge" },
		{ 0x0601, "ISA bridge" },
		{ 0x0604, "PCI bridge" },
		{ 0x0700, "serial controller" },
		{ 0x0780, "communication controller" },
		{ 0x0880, "system peripheral" },
		{ 0x0c03, "USB controller" },
		{ 0x0c05, "SMBus" },
	};
	static const char *const bases[] = {
		"device from before classes",
		"storage controller",
		"network controller",
		"display controller",
		"multimedia controller",
		"memory controller",
		"bridge",
		"communication controller",
		"system peripheral",
		"input device",
		"docking station",
		"processor",
		"serial bus controller",
		"wireless controller",
		"intelligent controller",
		"satellite controller",
		"encryption controller",
		"signal processing controller",
		"processing accelerator",
		"instrumentation",
	};

	for (size_t i = 0; i < ARRAY_SIZE(subclasses); i++)
		if (subclasses[i].class == class_code >> 8)
			return subclasses[i].name;
	return name_in(bases, ARRAY_SIZE(bases), class_code >> 16);
}

const char *pci_command_bit(unsigned int bit)
{
	static const char *const names[] = {
		"io",
		"memory",
		"bus_master",
		"special_cycles",
		"write_invalidate",
		"palette_snoop",
		"parity_response",
		NULL,
		"serr",
		"fast_back_to_back",
		"intx_disable",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

const char *pci_status_bit(unsigned int bit)
{
	static const char *const names[] = {
		[3] = "intx",	       [4] = "capabilities",
		[5] = "66mhz",	       [7] = "fast_back_to_back",
		[8] = "parity_error",  [11] = "target_abort_sent",
		[12] = "target_abort", [13] = "master_abort",
		[14] = "system_error", [15] = "parity_error_detected",
	};

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}
