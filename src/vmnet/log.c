/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmnet/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int fd = -1;

static void open_log(void)
{
	const char *where = secure_getenv("OUTRIGGER_VMNET_LOG");

	if (!where || *where == '\0')
		return;
	if (strcmp(where, "stderr") == 0)
		fd = STDERR_FILENO;
	else
		fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

void vmnet_log(const char *format, ...)
{
	char line[LINE_MAX_LEN];
	va_list args;
	int begin, len;

	pthread_once(&once, open_log);
	if (fd < 0)
		return;
	begin = snprintf(line, sizeof(line), "vmnet[%d]: ", (int)getpid());
	va_start(args, format);
	len = vsnprintf(line + begin, sizeof(line) - (size_t)begin, format, args);
	va_end(args);
	if (len < 0)
		return;
	len += begin;
	if (len > LINE_MAX_LEN - 1)
		len = LINE_MAX_LEN - 1;
	line[len++] = '\n';
	/* One write, so that lines of several threads and processes do not mix. */
	if (write(fd, line, (size_t)len) < 0)
		return;
}
