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

#endif
