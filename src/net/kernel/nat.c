/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nat.c - the table, in the kernel through libnftables
 *
 * The library's context holds the netlink socket that owns the table, so it lives as long as the
 * network. Each change is one transaction.
 */
#include "net/kernel/nat.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "sys/explain.h"

struct nat {
	const struct network_config *config;
	struct nft_ctx *context;
	const char *bridge;
};

/* The first line of what the library says. */
static int explain_failure(const struct nat *nat, char **ret_error)
{
	const char *message = nft_ctx_get_error_buffer(nat->context);
	size_t len = strcspn(message, "\n");

	return explain(ret_error, -EOPNOTSUPP,
		       "nftables refused the rules of the network: %.*s; the kernel needs "
		       "nf_tables with nat, masq, fib and conntrack, 5.12 or newer",
		       (int)len, message);
}

/* @rules: a stream that is closed here, into @text */
static int run(struct nat *nat, FILE *rules, char **text, char **ret_error)
{
	int r = fclose(rules) == 0 ? 0 : -ENOMEM;

	if (r >= 0 && nft_run_cmd_from_buffer(nat->context, *text) != 0)
		r = explain_failure(nat, ret_error);
	free(*text);
	return r;
}

static int make_table(struct nat *nat, char **ret_error)
{
	char *text = NULL;
	size_t size;
	FILE *rules = open_memstream(&text, &size);

	if (!rules)
		return -ENOMEM;
	nat_rules_table(rules, nat->config, nat->bridge);
	return run(nat, rules, &text, ret_error);
}

int nat_new(const struct network_config *config, const char *bridge, struct nat **ret,
	    char **ret_error)
{
	struct nat *nat = calloc(1, sizeof(*nat));
	int r;

	if (!nat)
		return -ENOMEM;
	nat->config = config;
	nat->bridge = bridge;
	nat->context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nat->context || nft_ctx_buffer_error(nat->context) != 0 ||
	    nft_ctx_buffer_output(nat->context) != 0)
		r = -ENOMEM;
	else
		r = make_table(nat, ret_error);
	if (r < 0) {
		nat_free(nat);
		return r;
	}
	*ret = nat;
	return 0;
}

void nat_free(struct nat *nat)
{
	if (!nat)
		return;
	if (nat->context)
		nft_ctx_free(nat->context); /* its socket's end is the table's */
	free(nat);
}

int nat_set_forwards(struct nat *nat, const struct network_forward *forwards, size_t n,
		     char **ret_error)
{
	char *text = NULL;
	size_t size;
	FILE *rules = open_memstream(&text, &size);

	if (!rules)
		return -ENOMEM;
	nat_rules_forwards(rules, nat->bridge, forwards, n);
	return run(nat, rules, &text, ret_error);
}

int nat_set_opened(struct nat *nat, const struct nat_opened *opened, size_t n)
{
	char *text = NULL, *error = NULL;
	size_t size;
	FILE *rules = open_memstream(&text, &size);
	int r;

	if (!rules)
		return -ENOMEM;
	nat_rules_opened(rules, nat->bridge, opened, n);
	r = run(nat, rules, &text, &error);
	free(error);
	return r;
}

/* Without counters and without the elements of sets, which may be many. */
char *nat_others(struct nat *nat)
{
	unsigned int flags = nft_ctx_output_get_flags(nat->context);
	int r;

	nft_ctx_output_set_flags(nat->context, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_TERSE);
	r = nft_run_cmd_from_buffer(nat->context, "list ruleset");
	nft_ctx_output_set_flags(nat->context, flags);
	return r ? NULL : nat_rules_dropping(nft_ctx_get_output_buffer(nat->context));
}
