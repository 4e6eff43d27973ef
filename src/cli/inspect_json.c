/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_json.c - `outrigger inspect --json`; inspect.h lists the keys
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli/inspect_json.h"
#include "sys/json_build.h"
#include <outrigger/vfio_user.h>

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
			json_append(array, json_object_new_string(names[i].name));
	return array;
}

static struct json_object *protocol(const struct inspection *in)
{
	const struct rig_client_version *version = &in->version;
	const struct version_caps *caps = &in->caps;
	struct json_object *o = json_object_new_object();

	json_put_number(o, "major", version->major);
	json_put_number(o, "minor", version->minor);
	json_put_text(o, "capabilities_text", version->json);
	json_put(o, "stated", stated(caps));
	json_put_number(o, "max_msg_fds", caps->max_msg_fds);
	json_put_number(o, "max_data_xfer_size", caps->max_data_xfer_size);
	json_put_number(o, "max_dma_maps", caps->max_dma_maps);
	json_put_number(o, "pgsizes", caps->pgsizes);
	json_put_bool(o, "write_multiple", caps->write_multiple);
	json_put_bool(o, "sparse_mmap_fds", caps->sparse_mmap_fds);
	return o;
}

static struct json_object *device(const struct rig_device_info *info)
{
	struct json_object *o = json_object_new_object();

	json_put_number(o, "flags", info->flags);
	json_put_bool(o, "reset", info->flags & RIG_DEVICE_RESET);
	json_put_bool(o, "pci", info->flags & RIG_DEVICE_PCI);
	json_put_number(o, "num_regions", info->num_regions);
	json_put_number(o, "num_irqs", info->num_irqs);
	return o;
}

static struct json_object *areas(const struct rig_region_info *region)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < inspect_areas(region); i++) {
		struct json_object *o = json_object_new_object();

		json_put_number(o, "offset", region->areas[i].offset);
		json_put_number(o, "size", region->areas[i].size);
		json_append(array, o);
	}
	return array;
}

/* Of the region's first byte, as told by a part of it. */
static uint64_t fd_offset(const struct rig_region_info *region)
{
	return region->n_areas > 0 ? region->areas[0].fd_offset - region->areas[0].offset : 0;
}

static struct json_object *one_region(uint32_t index, const struct rig_region_info *region)
{
	struct json_object *o = json_object_new_object();

	json_put_number(o, "index", index);
	json_put_text(o, "name", inspect_region_name(index));
	json_put_number(o, "size", region->size);
	json_put_number(o, "flags", region->flags);
	json_put_bool(o, "read", region->flags & RIG_REGION_READ);
	json_put_bool(o, "write", region->flags & RIG_REGION_WRITE);
	json_put_bool(o, "mmap", region->flags & RIG_REGION_MMAP);
	if (region->n_fds > 0) {
		json_put_number(o, "fd_offset", fd_offset(region));
		json_put(o, "areas", areas(region));
	}
	if (region->has_type) {
		json_put_number(o, "type", region->type);
		json_put_number(o, "subtype", region->subtype);
	}
	return o;
}

static struct json_object *regions(const struct inspection *in)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < in->device.num_regions; i++)
		if (in->regions[i]->size > 0)
			json_append(array, one_region(i, in->regions[i]));
	return array;
}

static struct json_object *irqs(const struct inspection *in)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < in->device.num_irqs; i++) {
		struct json_object *o = json_object_new_object();
		uint32_t flags = in->irqs[i].flags;

		json_put_number(o, "index", i);
		json_put_text(o, "name", inspect_irq_name(i));
		json_put_number(o, "count", in->irqs[i].count);
		json_put_number(o, "flags", flags);
		json_put_bool(o, "eventfd", flags & RIG_IRQ_EVENTFD);
		json_put_bool(o, "maskable", flags & RIG_IRQ_MASKABLE);
		json_put_bool(o, "automasked", flags & RIG_IRQ_AUTOMASKED);
		json_put_bool(o, "noresize", flags & RIG_IRQ_NORESIZE);
		json_append(array, o);
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
		json_put_number(o, "index", i);
		json_put_text(o, "kind", kinds[bar->kind]);
		json_put_bool(o, "prefetchable", bar->prefetchable);
		json_put_number(o, "address", bar->address);
		json_append(array, o);
	}
	return array;
}

static void put_field(struct json_object *o, const struct pci_field *field)
{
	switch (field->kind) {
	case PCI_FIELD_NUMBER:
	case PCI_FIELD_HEX:
		json_put_number(o, field->key, field->number);
		break;
	case PCI_FIELD_BOOL:
		json_put_bool(o, field->key, field->number);
		break;
	case PCI_FIELD_TEXT:
		json_put_text(o, field->key, field->text);
		break;
	}
}

static struct json_object *capability(const struct pci_cap *cap)
{
	struct json_object *o = json_object_new_object();
	struct json_object *fields = json_object_new_object();

	json_put_number(o, "offset", cap->offset);
	json_put_number(o, "id", cap->id);
	json_put_text(o, "name", cap->name);
	json_put_bool(o, "extended", cap->extended);
	if (cap->extended)
		json_put_number(o, "version", cap->version);
	for (size_t i = 0; i < cap->n_fields; i++)
		put_field(fields, &cap->fields[i]);
	json_put(o, "fields", fields);
	return o;
}

struct json_object *inspect_json_config(const struct pci_config *config)
{
	struct json_object *o = json_object_new_object();
	struct json_object *capabilities = json_object_new_array();

	json_put_number(o, "vendor", config->vendor);
	json_put_number(o, "device", config->device);
	json_put_number(o, "subsystem_vendor", config->subsystem_vendor);
	json_put_number(o, "subsystem", config->subsystem);
	json_put_number(o, "class", config->class_code);
	json_put_text(o, "class_name", pci_class_name(config->class_code));
	json_put_number(o, "revision", config->revision);
	json_put_number(o, "header_type", config->header_type);
	json_put_number(o, "command", config->command);
	json_put_number(o, "status", config->status);
	json_put_number(o, "interrupt_pin", config->interrupt_pin);
	json_put_number(o, "interrupt_line", config->interrupt_line);
	json_put(o, "bars", bars(config));
	for (size_t i = 0; i < config->n_caps; i++)
		json_append(capabilities, capability(&config->caps[i]));
	json_put(o, "capabilities", capabilities);
	if (config->caps_broken)
		json_put_text(o, "capabilities_broken", config->caps_broken);
	return o;
}

int inspect_print_json(const struct inspection *in, const struct inspect_action *actions, size_t n)
{
	struct json_object *o = json_object_new_object();
	const char *text;

	json_put_text(o, "socket", in->socket);
	json_put(o, "protocol", protocol(in));
	json_put(o, "device", device(&in->device));
	json_put(o, "regions", regions(in));
	json_put(o, "irqs", irqs(in));
	if (in->has_config)
		json_put(o, "config", inspect_json_config(&in->config));
	if (n > 0)
		json_put(o, "actions", inspect_json_actions(actions, n));

	text = json_incomplete()
		       ? NULL
		       : json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(o);
	return text ? 0 : -ENOMEM;
}
