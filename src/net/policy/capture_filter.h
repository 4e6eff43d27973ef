/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture_filter.h - a filter in libpcap's language (pcap-filter(7)), without names of hosts
 *
 * libpcap looks names up while it compiles, and the loop, with all guests behind it, would wait for the
 * answer: so they are refused, and so is what is longer than 1,024 bytes, which takes it too long.
 */
#ifndef NET_POLICY_CAPTURE_FILTER_H
#define NET_POLICY_CAPTURE_FILTER_H

#include <pcap/pcap.h>

/**
 * capture_filter_compile() - for Ethernet frames
 * @ret: for pcap_freecode()
 * @ret_error: a sentence; the caller frees
 * Return: 0; -EINVAL: not in this language, too long, or there may be a name in it; -ENOMEM
 */
int capture_filter_compile(const char *text, struct bpf_program *ret, char **ret_error);

#endif
