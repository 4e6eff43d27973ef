/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch_words.h - the command line of `outrigger net` for a request
 *
 * No I/O. Any thread.
 */
#ifndef VMNET_NETWORKS_LAUNCH_WORDS_H
#define VMNET_NETWORKS_LAUNCH_WORDS_H

#include "vmnet/networks/backend_rules.h"

/** struct words - an argv that grows; @failed: no memory, nothing is added any more */
struct words {
	char **argv; /* ends with NULL */
	size_t n;
	bool failed;
};

void words_free(struct words *words);

/** launch_words() - @control: path of its socket. Return: 0, -ENOMEM */
int launch_words(const char *program, const char *kind, const char *control,
		 const struct backend_request *request, const struct backend_range *range,
		 struct words *ret);

/** launch_forward_text() - as --forward and add-forward take it, on all of the host's addresses */
#define LAUNCH_FORWARD_TEXT 80u
void launch_forward_text(const struct backend_forward *forward, char ret[LAUNCH_FORWARD_TEXT]);

#endif
