/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_json.c - `outrigger inspect --json`; inspect.h lists the keys
 *
 * json-c tells of missing memory at each step. A whole document or none is wanted, so a failed
 * step is remembered in one place and asked for once, at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli/inspect.h"
#include <outrigger/vfio_user.h>

static bool out_of_memory;

/* value is the parent's from here on. */
static void put(struct json_object *parent, const char *key, struct json_object *value)
{
	if (!parent || !value || json_object_object_add(parent, key, value) < 0) {
		out_of_memory = true;
		json_object_put(value);
	}
}

static void append(struct json_object *array, struct json_object *value)
{
	if (!array || !value || json_object_array_add(array, value) < 0) {
		out_of_memory = true;
		json_object_put(value);
	}
}

static void put_number(struct json_object *parent, const char *key, uint64_t number)
{
	put(parent, key, json_object_new_uint64(number));
}

static void put_bool(struct json_object *parent, const char *key, bool value)
{
	put(parent, key, json_object_new_boolean(value));
}

static void put_text(struct json_object *parent, const char *key, const char *text)
{
	put(parent, key, json_object_new_string(text));
}

static struct json_object *stated(const struct version_caps *caps)
{
	static const struct {
		uint32_t cap;
		const char *name;
	} names[] = {
		{ VERSION_CAP_MAX_MSG_FDS, "max_msg_fds" },
		{ VERSION_CAP_MAX_DATA_XFER_SIZE, "max_data_xfer_size" },
		{ VERSION_CAP_MAX_DMA_MAPS, "max_dma_maps" },
		{ VERSION_CAP_PGSIZES, "pgsizes" },
		{ VERSION_CAP_TWIN_SOCKET, "twin_socket" },
		{ VERSION_CAP_WRITE_MULTIPLE, "write_multiple" },
		{ VERSION_CAP_SPARSE_MMAP_FDS, "sparse_mmap_fds" },
	};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (caps->stated & names[i].cap)
			append(array, json_object_new_string(names[i].name));
	return array;
}

static struct json_object *protocol(const struct client_version *version)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "major", version->major);
	put_number(o, "minor", version->minor);
	put_text(o, "capabilities_text", version->json);
	put(o, "stated", stated(&version->caps));
	put_number(o, "max_msg_fds", version->caps.max_msg_fds);
	put_number(o, "max_data_xfer_size", version->caps.max_data_xfer_size);
	put_number(o, "max_dma_maps", version->caps.max_dma_maps);
	put_number(o, "pgsizes", version->caps.pgsizes);
	put_bool(o, "write_multiple", version->caps.write_multiple);
	put_bool(o, "sparse_mmap_fds", version->caps.sparse_mmap_fds);
	return o;
}

static struct json_object *device(const struct wire_device_info *info)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "flags", info->flags);
	put_bool(o, "reset", info->flags & RIG_DEVICE_RESET);
	put_bool(o, "pci", info->flags & RIG_DEVICE_PCI);
	put_number(o, "num_regions", info->num_regions);
	put_number(o, "num_irqs", info->num_irqs);
	return o;
}

static struct json_object *areas(const struct client_region *region)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < region->n_areas; i++) {
		struct json_object *o = json_object_new_object();

		put_number(o, "offset", region->areas[i].offset);
		put_number(o, "size", region->areas[i].size);
		append(array, o);
	}
	return array;
}

static struct json_object *one_region(uint32_t index, const struct client_region *region)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "index", index);
	put_text(o, "name", inspect_region_name(index));
	put_number(o, "size", region->size);
	put_number(o, "flags", region->flags);
	put_bool(o, "read", region->flags & RIG_REGION_READ);
	put_bool(o, "write", region->flags & RIG_REGION_WRITE);
	put_bool(o, "mmap", region->flags & RIG_REGION_MMAP);
	if (region->has_fd) {
		put_number(o, "fd_offset", region->offset);
		put(o, "areas", areas(region));
	}
	if (region->has_type) {
		put_number(o, "type", region->type);
		put_number(o, "subtype", region->subtype);
	}
	return o;
}

static struct json_object *regions(const struct inspection *in)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < in->device.num_regions; i++)
		if (in->regions[i].size > 0)
			append(array, one_region(i, &in->regions[i]));
	return array;
}

static struct json_object *irqs(const struct inspection *in)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < in->device.num_irqs; i++) {
		struct json_object *o = json_object_new_object();
		uint32_t flags = in->irqs[i].flags;

		put_number(o, "index", i);
		put_text(o, "name", inspect_irq_name(i));
		put_number(o, "count", in->irqs[i].count);
		put_number(o, "flags", flags);
		put_bool(o, "eventfd", flags & RIG_IRQ_EVENTFD);
		put_bool(o, "maskable", flags & RIG_IRQ_MASKABLE);
		put_bool(o, "automasked", flags & RIG_IRQ_AUTOMASKED);
		put_bool(o, "noresize", flags & RIG_IRQ_NORESIZE);
		append(array, o);
	}
	return array;
}

static struct json_object *bars(const struct pci_config *config)
{
	static const char *const kinds[] = { "", "io", "mem32", "mem64" };
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &config->bars[i];
		struct json_object *o;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		o = json_object_new_object();
		put_number(o, "index", i);
		put_text(o, "kind", kinds[bar->kind]);
		put_bool(o, "prefetchable", bar->prefetchable);
		put_number(o, "address", bar->address);
		append(array, o);
	}
	return array;
}

static void put_field(struct json_object *o, const struct pci_field *field)
{
	switch (field->kind) {
	case PCI_FIELD_NUMBER:
	case PCI_FIELD_HEX:
		put_number(o, field->key, field->number);
		break;
	case PCI_FIELD_BOOL:
		put_bool(o, field->key, field->number);
		break;
	case PCI_FIELD_TEXT:
		put_text(o, field->key, field->text);
		break;
	}
}

static struct json_object *capability(const struct pci_cap *cap)
{
	struct json_object *o = json_object_new_object();
	struct json_object *fields = json_object_new_object();

	put_number(o, "offset", cap->offset);
	put_number(o, "id", cap->id);
	put_text(o, "name", cap->name);
	put_bool(o, "extended", cap->extended);
	if (cap->extended)
		put_number(o, "version", cap->version);
	for (size_t i = 0; i < cap->n_fields; i++)
		put_field(fields, &cap->fields[i]);
	put(o, "fields", fields);
	return o;
}

static struct json_object *config_space(const struct pci_config *config)
{
	struct json_object *o = json_object_new_object();
	struct json_object *capabilities = json_object_new_array();

	put_number(o, "vendor", config->vendor);
	put_number(o, "device", config->device);
	put_number(o, "subsystem_vendor", config->subsystem_vendor);
	put_number(o, "subsystem", config->subsystem);
	put_number(o, "class", config->class_code);
	put_text(o, "class_name", pci_class_name(config->class_code));
	put_number(o, "revision", config->revision);
	put_number(o, "header_type", config->header_type);
	put_number(o, "command", config->command);
	put_number(o, "status", config->status);
	put_number(o, "interrupt_pin", config->interrupt_pin);
	put_number(o, "interrupt_line", config->interrupt_line);
	put(o, "bars", bars(config));
	for (size_t i = 0; i < config->n_caps; i++)
		append(capabilities, capability(&config->caps[i]));
	put(o, "capabilities", capabilities);
	if (config->caps_broken)
		put_text(o, "capabilities_broken", config->caps_broken);
	return o;
}

int inspect_print_json(const struct inspection *in)
{
	struct json_object *o = json_object_new_object();
	const char *text;

	put_text(o, "socket", in->socket);
	put(o, "protocol", protocol(in->version));
	put(o, "device", device(&in->device));
	put(o, "regions", regions(in));
	put(o, "irqs", irqs(in));
	if (in->has_config)
		put(o, "config", config_space(&in->config));

	text = out_of_memory ? NULL
			     : json_object_to_json_string_ext(
				       o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(o);
	return text ? 0 : -ENOMEM;
}
