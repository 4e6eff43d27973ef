/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain.h - an errno with a sentence
 */
#ifndef SYS_EXPLAIN_H
#define SYS_EXPLAIN_H

/**
 * explain() - say why, and hand the error on: return explain(ret_error, -EINVAL, "...", ...);
 * @ret_error: gets the sentence, which its reader frees; NULL if there is no memory for it
 * Return: @error
 */
int explain(char **ret_error, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * explain_about() - put what it is about before the sentence that is there: "--mtu 5: " and the rest
 * @error: what explain() left; untouched if that is NULL
 */
void explain_about(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
