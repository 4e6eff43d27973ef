/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnsmasq_config.h - what dnsmasq is told, and what it tells of leases, as text; pure
 */
#ifndef NET_KERNEL_DNSMASQ_CONFIG_H
#define NET_KERNEL_DNSMASQ_CONFIG_H

#include <stdio.h>

#include "net/network.h"

/**
 * dnsmasq_config_print() - its configuration file
 * @dir: where its other files are; no control character in it
 */
void dnsmasq_config_print(FILE *out, const struct network_config *config, const char *bridge,
			  const char *dir);

/* Names of the other files. */
#define DNSMASQ_HOSTS  "hosts"
#define DNSMASQ_NAMES  "names"
#define DNSMASQ_LEASES "leases"

/** dnsmasq_takes_name() - in lower case; false: in that file it is a keyword or a time to it */
bool dnsmasq_takes_name(const char *name);

/** dnsmasq_hosts_print() - the file of reservations, for DHCP */
void dnsmasq_hosts_print(FILE *out, const struct network_reservation *reservations, size_t n);

/** dnsmasq_names_print() - their names, for DNS: known whether or not the guest has asked */
void dnsmasq_names_print(FILE *out, const struct network_reservation *reservations, size_t n);

/**
 * dnsmasq_lease_parse() - a line of its lease file: "1700000000 02:..:01 192.168.64.2 name id"
 * @len: of the line, without its end
 * Return: false for what is no IPv4 lease
 */
bool dnsmasq_lease_parse(const char *line, size_t len, struct network_lease *ret);

#endif
