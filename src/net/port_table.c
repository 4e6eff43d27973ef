/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_table.c - the ports of one network, by name, in the order in which they were opened
 */
#include "net/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int port_table_new(uv_loop_t *loop, struct network *network, struct port_table **ret)
{
	struct port_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->loop = loop;
	table->network = network;
	table->end = &table->first;
	r = port_guards_new(table);
	if (r < 0) {
		free(table);
		return r;
	}
	*ret = table;
	return 0;
}

void port_table_free(struct port_table *table)
{
	if (!table)
		return;
	port_taps_free(table);
	source_guard_table_free(table->guards);
	free(table);
}

void port_table_add(struct port_table *table, struct port *port)
{
	*table->end = port;
	table->end = &port->next;
}

void port_table_remove(struct port_table *table, struct port *port)
{
	struct port **at = &table->first;

	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	if (table->end == &port->next)
		table->end = at;
}

struct port *port_find(struct port_table *table, const char *name)
{
	struct port *port = table->first;

	while (port && strcmp(port->name, name) != 0)
		port = port->next;
	return port;
}

struct port *port_first(struct port_table *table)
{
	return table->first;
}

struct port *port_next(struct port *port)
{
	return port->next;
}

unsigned int port_table_n_up(const struct port_table *table)
{
	return table->n_up;
}

struct network *port_table_network(struct port_table *table)
{
	return table->network;
}
