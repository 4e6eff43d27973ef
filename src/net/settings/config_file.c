/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config_file.c - settings from a file
 *
 * A line is first made sure to be text, then cut into name and value; what these mean is for the
 * table of options.
 */
#include "net/settings/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/settings/table.h"
#include "net/settings/utf8.h"
#include "sys/explain.h"

#define READ_STEP 65536u

/** struct line - one of a file, and how far it is read */
struct line {
	const char *file;
	unsigned int number;
	const char *text; /* no NUL at its end */
	size_t len;	  /* without the end of the line */
	size_t at;
};

static unsigned int column_of(const struct line *line, size_t at)
{
	unsigned int column = 1;

	for (size_t i = 0; i < at; column++) {
		size_t len = utf8_len(line->text + i, line->len - i);

		i += len ? len : 1;
	}
	return column;
}

/* Return: -EINVAL, with the place before the sentence that was said */
static int refuse(const struct line *line, size_t at, char **ret_error)
{
	explain_about(ret_error, "%s:%u:%u: ", line->file, line->number, column_of(line, at));
	return -EINVAL;
}

/* Characters of text, tabs among them; nothing that a terminal or a C string trips over. */
static int check_text(const struct line *line, char **ret_error)
{
	if (line->len > CONFIG_LINE_MAX) {
		explain(ret_error, -EINVAL, "the line is longer than %u bytes", CONFIG_LINE_MAX);
		return refuse(line, CONFIG_LINE_MAX, ret_error);
	}
	for (size_t i = 0; i < line->len;) {
		unsigned char c = (unsigned char)line->text[i];
		size_t len = utf8_len(line->text + i, line->len - i);

		if (len && c >= ' ' && c != 0x7f) {
			i += len;
			continue;
		}
		if (c == '\t') {
			i++;
			continue;
		}
		if (len)
			explain(ret_error, -EINVAL, "a control character (0x%02x); remove it", c);
		else
			explain(ret_error, -EINVAL, "byte 0x%02x is not UTF-8", c);
		return refuse(line, i, ret_error);
	}
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* To the next word. Return: false if there is none, or a comment begins */
static bool next_word(struct line *line)
{
	while (line->at < line->len && is_blank(line->text[line->at]))
		line->at++;
	return line->at < line->len && line->text[line->at] != '#';
}

/* @to has room for the whole line and a NUL. */
static void take_word(struct line *line, char *to)
{
	while (line->at < line->len && !is_blank(line->text[line->at]))
		*to++ = line->text[line->at++];
	*to = '\0';
}

static int take_quoted(struct line *line, char *to, char **ret_error)
{
	size_t begin = line->at++;

	for (;;) {
		char c = line->at < line->len ? line->text[line->at] : '\0';

		if (c == '"')
			break;
		if (c == '\\') {
			c = line->at + 1 < line->len ? line->text[++line->at] : '\0';
			if (c && c != '"' && c != '\\') {
				explain(ret_error, -EINVAL,
					"a backslash in quotes stands before \" or \\ only; write it "
					"twice");
				return refuse(line, line->at - 1, ret_error);
			}
		}
		if (!c) {
			explain(ret_error, -EINVAL, "the quote that begins here has no end");
			return refuse(line, begin, ret_error);
		}
		*to++ = c;
		line->at++;
	}
	line->at++;
	*to = '\0';
	return 0;
}

static int check_name(const struct line *line, size_t at, const char *name, char **ret_error)
{
	if (strncmp(name, "--", 2) == 0)
		explain(ret_error, -EINVAL,
			"%s: no hyphens stand before an option in a file; write %s", name,
			name + 2);
	else if (strchr(name, '='))
		explain(ret_error, -EINVAL,
			"%s: a blank stands between an option and its value; write it instead of "
			"\"=\"",
			name);
	else
		return 0;
	return refuse(line, at, ret_error);
}

/* @ret_given: there is a value; @value has room for the whole line and a NUL */
static int take_value(struct line *line, char *value, bool *ret_given, char **ret_error)
{
	*ret_given = next_word(line);
	if (!*ret_given)
		return 0;
	if (line->text[line->at] == '"') {
		int r = take_quoted(line, value, ret_error);

		if (r < 0)
			return r;
	} else {
		take_word(line, value);
	}
	if (line->at < line->len && !is_blank(line->text[line->at])) {
		explain(ret_error, -EINVAL, "a blank is missing behind the quote");
		return refuse(line, line->at, ret_error);
	}
	if (next_word(line)) {
		explain(ret_error, -EINVAL,
			"more than one value; put a value with blanks in double quotes");
		return refuse(line, line->at, ret_error);
	}
	return 0;
}

static int parse_line(struct net_settings *settings, struct line *line, char **ret_error)
{
	char name[CONFIG_LINE_MAX + 1], value[CONFIG_LINE_MAX + 1];
	struct settings_origin origin = { .file = line->file, .line = line->number };
	bool given;
	int r = check_text(line, ret_error);

	if (r < 0 || !next_word(line))
		return r;
	origin.column = column_of(line, line->at);
	take_word(line, name);
	r = check_name(line, line->at - strlen(name), name, ret_error);
	if (r < 0)
		return r;
	next_word(line);
	origin.value_column = column_of(line, line->at);
	r = take_value(line, value, &given, ret_error);
	if (r < 0)
		return r;
	return net_settings_set(settings, &origin, name, given ? value : NULL, ret_error);
}

int config_file_parse(struct net_settings *settings, const char *name, const char *text, size_t len,
		      char **ret_error)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	size_t at = 0;

	*ret_error = NULL;
	if (len >= 3 && memcmp(text, byte_order_mark, 3) == 0)
		at = 3;
	for (unsigned int number = 1; at < len; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line_len = end ? (size_t)(end - text) - at : len - at;
		struct line line = { name, number, text + at, line_len, 0 };
		int r;

		if (line.len && line.text[line.len - 1] == '\r')
			line.len--;
		r = parse_line(settings, &line, ret_error);
		if (r < 0)
			return r;
		at += line_len + 1;
	}
	return 0;
}

static int say(char **ret_error, int error, const char *path, const char *what)
{
	return explain(ret_error, error, "--config %s: %s", path, what);
}

/* Return: 0, -errno, -EFBIG */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
	size_t len = 0, room = 0;
	char *text = NULL;
	ssize_t n;

	do {
		if (len == room) {
			char *grown = realloc(text, room + READ_STEP);

			if (!grown) {
				free(text);
				return -ENOMEM;
			}
			text = grown;
			room += READ_STEP;
		}
		n = read(fd, text + len, room - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 || (n < 0 && errno == EINTR)) && len <= CONFIG_FILE_MAX);
	if (n < 0 || len > CONFIG_FILE_MAX) {
		int r = n < 0 ? -errno : -EFBIG;

		free(text);
		return r;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static int load(const char *path, char **ret_text, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, ret_text, ret_len);
	close(fd);
	return r;
}

int config_file_read(struct net_settings *settings, const char *path, char **ret_error)
{
	const char *name = settings_keep(settings, path);
	size_t len = 0;
	char *text = NULL;
	int r = name ? load(path, &text, &len) : -ENOMEM;

	*ret_error = NULL;
	if (r == -ENOMEM)
		return say(ret_error, r, path, strerror(ENOMEM));
	if (r == -EISDIR)
		return say(ret_error, -EINVAL, path, "is a directory; give a file");
	if (r == -EFBIG)
		return say(ret_error, -EINVAL, path, "longer than 4 MiB; that is no configuration");
	if (r < 0)
		return explain(ret_error, -EINVAL, "--config %s: cannot be read: %s", path,
			       strerror(-r));
	r = config_file_parse(settings, name, text, len, ret_error);
	free(text);
	return r;
}
