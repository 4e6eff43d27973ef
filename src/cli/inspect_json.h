/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_json.h - parts of the document of `outrigger inspect --json`; inspect.h lists the keys
 */
#ifndef CLI_INSPECT_JSON_H
#define CLI_INSPECT_JSON_H

#include "cli/inspect_action.h"

struct json_object;

struct json_object *inspect_json_config(const struct pci_config *config);
struct json_object *inspect_json_actions(const struct inspect_action *actions, size_t n);

#endif
