/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture_filter.c - a filter in libpcap's language (pcap-filter(7)), without names of hosts
 *
 * What is a name is for libpcap to say, whose versions know different keywords: in "ifname WORD" it
 * finds a syntax error if WORD is a keyword, a number or an address, and otherwise objects to ifname,
 * which is not for Ethernet. It looks nothing up for that.
 *
 * What libpcap takes to make a long one fast grows with more than the square of its length, and the
 * loop waits for that as well: 1,000 bytes take some 30 ms, 7,000 bytes seconds.
 *
 * Names that follow one of the words below are those of ports, protocols and the like, which files of
 * this machine know. All others may be a host's.
 */
#include "net/policy/capture_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sys/explain.h"

#define SNAP_LEN 262144u /* what libpcap takes for "all" */
#define TEXT_MAX 1024u
/* A name has 255 bytes at most; what is longer is none, and refused. */
#define WORD_MAX 255u

static const char *const before_local_names[] = { "port", "portrange", "proto",	  "protochain",
						  "llc",  "type",      "subtype", "dir" };

/* Return: 0; -EINVAL: @ret_message is libpcap's; -ENOMEM */
static int compile(const char *text, struct bpf_program *ret, char message[PCAP_ERRBUF_SIZE])
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, SNAP_LEN);
	int r = 0;

	if (!dead)
		return -ENOMEM;
	if (pcap_compile(dead, ret, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(message, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(dead));
		r = -EINVAL;
	}
	pcap_close(dead);
	return r;
}

/* The characters that names are made of, and ':', which addresses are made of, too. */
static bool is_part_of_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._-:\\", c));
}

static int is_name(const char *word, bool *ret)
{
	char text[sizeof("ifname ") + WORD_MAX], message[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program program = { 0 };
	int r;

	snprintf(text, sizeof(text), "ifname %s", word);
	r = compile(text, &program, message);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		pcap_freecode(&program);
	*ret = r == 0 || !strstr(message, "syntax error");
	return 0;
}

static bool may_precede_name(const char *word)
{
	for (size_t i = 0; i < sizeof(before_local_names) / sizeof(before_local_names[0]); i++) {
		if (strcmp(before_local_names[i], word) == 0)
			return true;
	}
	return false;
}

/* @word may be one of IPv6, of Ethernet, or several words that colons divide. */
static bool is_address(const char *word)
{
	unsigned int bytes[6];
	struct in6_addr six;
	char end;

	return inet_pton(AF_INET6, word, &six) == 1 ||
	       sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		      &bytes[4], &bytes[5], &end) == 6;
}

static int check_word(const char *word, const char *before, char **ret_error)
{
	bool name = false;
	int r = is_name(word, &name);

	if (r < 0 || !name || may_precede_name(before))
		return r;
	return explain(ret_error, -EINVAL,
		       "filter: \"%s\" is no word of pcap-filter(7), and names of hosts are not "
		       "looked up; give an address, or for a service \"port %s\"",
		       word, word);
}

/* The next word from *at on, and what follows it. Return: its length, 0: there is none */
static size_t next_word(const char **at, bool colons, char ret[WORD_MAX + 1])
{
	size_t len = 0;

	while (**at && (!is_part_of_word(**at) || (!colons && **at == ':')))
		(*at)++;
	while (is_part_of_word((*at)[len]) && (colons || (*at)[len] != ':'))
		len++;
	snprintf(ret, WORD_MAX + 1, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), *at);
	*at += len;
	return len;
}

static int check_parts(const char *word, const char *before, char **ret_error)
{
	char part[WORD_MAX + 1];
	int r = 0;

	if (is_address(word))
		return 0;
	while (r == 0 && next_word(&word, false, part))
		r = check_word(part, before, ret_error);
	return r;
}

static int check_names(const char *text, char **ret_error)
{
	char word[WORD_MAX + 1], before[WORD_MAX + 1] = "";
	size_t len;
	int r = 0;

	while (r == 0 && (len = next_word(&text, true, word)) > 0) {
		if (len > WORD_MAX)
			return explain(ret_error, -EINVAL, "filter: a word is longer than %u bytes",
				       WORD_MAX);
		r = check_parts(word, before, ret_error);
		memcpy(before, word, sizeof(before));
	}
	return r;
}

int capture_filter_compile(const char *text, struct bpf_program *ret, char **ret_error)
{
	char message[PCAP_ERRBUF_SIZE] = "";
	int r;

	if (strlen(text) > TEXT_MAX)
		return explain(ret_error, -EINVAL,
			       "filter: it is longer than %u bytes, which all guests would wait "
			       "for; capture more, and filter where it is read",
			       TEXT_MAX);
	r = check_names(text, ret_error);
	if (r == 0)
		r = compile(text, ret, message);
	if (r == -EINVAL && *message)
		return explain(ret_error, r, "filter \"%s\": %s", text, message);
	return r;
}
