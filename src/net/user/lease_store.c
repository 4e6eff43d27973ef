/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lease_store.c - the file in --state-dir that leases live in while we do not
 *
 *   changed --(delay)--> text of everything --> pool thread: write, sync, rename --> done
 *
 * One write at a time. What changes meanwhile starts the delay anew when it is done; closing then
 * writes once more, at once. The pool's thread has the job's text and directory and nothing else.
 */
#include "net/user/lease_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/explain.h"
#include "sys/log.h"

#define FILE_NAME "leases"
#define TEMP_NAME "leases.tmp"
#define BAD_NAME  "leases.bad"
#define LOCK_NAME "leases.lock"

struct lease_store {
	uv_timer_t timer;
	uv_work_t job; /* the pool's while busy, with text, text_len, result */
	char *dir_name;
	int dir, lock;
	void (*write)(void *opaque, FILE *to);
	void *opaque;
	char *text;
	size_t text_len;
	int result;
	bool busy, dirty, closing, timer_closed;
	char *last_text; /* of the close, while an older one is being written */
	size_t last_len;
	struct log_limit failures;
};

static void store_free(struct lease_store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->dir >= 0)
		close(store->dir);
	free(store->dir_name);
	free(store->text);
	free(store->last_text);
	free(store);
}

/* Writing, on the pool's thread */

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_file(int dir, const char *text, size_t len)
{
	int fd =
		openat(dir, TEMP_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, len);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && renameat(dir, TEMP_NAME, dir, FILE_NAME) < 0)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	return r;
}

static void work(uv_work_t *job)
{
	struct lease_store *store = job->data;

	store->result = write_file(store->dir, store->text, store->text_len);
}

/* Writing, on the loop */

static void start_job(struct lease_store *store, char *text, size_t len);

static void arm(struct lease_store *store);

static void job_done(uv_work_t *job, int status)
{
	struct lease_store *store = job->data;

	store->busy = false;
	free(store->text);
	store->text = NULL;
	if (store->result < 0) {
		log_limited(&store->failures, LOG_LEVEL_ERROR,
			    "--state-dir %s: cannot write " FILE_NAME
			    ": %s; leases are lost at exit",
			    store->dir_name, strerror(-store->result));
	}
	if (store->last_text) {
		char *text = store->last_text;

		store->last_text = NULL;
		start_job(store, text, store->last_len);
	} else if (store->closing && store->timer_closed) {
		store_free(store);
	} else if (store->dirty && !store->closing) {
		arm(store);
	}
}

static void start_job(struct lease_store *store, char *text, size_t len)
{
	store->text = text;
	store->text_len = len;
	store->job.data = store;
	store->busy = true;
	uv_queue_work(store->timer.loop, &store->job, work, job_done); /* fails without work only */
}

/* Return: NULL without memory */
static char *text_of_all(struct lease_store *store, size_t *ret_len)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, ret_len);
	bool failed;

	if (!to)
		return NULL;
	store->write(store->opaque, to);
	failed = ferror(to);
	if (fclose(to) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

static void save(struct lease_store *store)
{
	size_t len;
	char *text = text_of_all(store, &len);

	if (!text) {
		log_limited(&store->failures, LOG_LEVEL_ERROR,
			    "--state-dir %s: no memory to write " FILE_NAME, store->dir_name);
		return;
	}
	store->dirty = false;
	if (store->busy) {
		store->last_text = text;
		store->last_len = len;
	} else {
		start_job(store, text, len);
	}
}

static void on_timer(uv_timer_t *timer)
{
	save(timer->data);
}

static void arm(struct lease_store *store)
{
	if (!store->busy && !uv_is_active((uv_handle_t *)&store->timer))
		uv_timer_start(&store->timer, on_timer, LEASE_STORE_DELAY_MS, 0);
}

void lease_store_changed(struct lease_store *store)
{
	store->dirty = true;
	arm(store);
}

/* Reading */

/* Return: 0, -ENOENT, -EFBIG, -errno */
static int read_file(int dir, char **ret_text, size_t *ret_len)
{
	int fd = openat(dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(LEASE_FILE_MAX + 1);
	ssize_t n = -1;
	size_t len = 0;
	int error;

	if (fd < 0)
		return -errno;
	while (text && len <= LEASE_FILE_MAX) {
		n = read(fd, text + len, LEASE_FILE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	error = !text ? -ENOMEM : n < 0 ? -errno : len > LEASE_FILE_MAX ? -EFBIG : 0;

	close(fd);
	if (error < 0) {
		free(text);
		return error;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static void keep_bad(struct lease_store *store, unsigned int line, const char *what)
{
	bool kept = renameat(store->dir, FILE_NAME, store->dir, BAD_NAME) == 0;

	log_warning("--state-dir %s: " FILE_NAME ", line %u: %s; %s", store->dir_name, line, what,
		    kept ? "kept as " BAD_NAME ", the other lines are used"
			 : "the other lines are used");
}

void lease_store_load(struct lease_store *store, const struct lease_file_reader *reader,
		      void *opaque)
{
	const char *what;
	unsigned int line;
	size_t len = 0;
	char *text = NULL;
	int r = read_file(store->dir, &text, &len);

	if (r == -ENOENT)
		return;
	if (r < 0) {
		log_warning("--state-dir %s: cannot read " FILE_NAME
			    ": %s; starting without leases",
			    store->dir_name, strerror(-r));
		renameat(store->dir, FILE_NAME, store->dir, BAD_NAME);
		return;
	}
	if (lease_file_read(text, len, reader, opaque, &line, &what) < 0)
		keep_bad(store, line, what);
	free(text);
}

/* The store */

static int open_dir(struct lease_store *store, char **ret_error)
{
	const char *dir = store->dir_name;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return explain(ret_error, -errno, "--state-dir %s: cannot make it: %s", dir,
			       strerror(errno));
	store->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir < 0)
		return explain(ret_error, -errno, "--state-dir %s: %s", dir, strerror(errno));
	store->lock =
		openat(store->dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store->lock < 0)
		return explain(ret_error, -errno, "--state-dir %s: cannot write there: %s", dir,
			       strerror(errno));
	if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return explain(ret_error, -errno, "--state-dir %s: cannot lock it: %s", dir,
			       strerror(errno));
	return explain(ret_error, -EBUSY,
		       "--state-dir %s: another network uses it; give each its own", dir);
}

int lease_store_open(uv_loop_t *loop, const char *dir, void (*write)(void *opaque, FILE *to),
		     void *opaque, struct lease_store **ret, char **ret_error)
{
	struct lease_store *store = calloc(1, sizeof(*store));
	int r = -ENOMEM;

	if (!store)
		return explain(ret_error, -ENOMEM, "--state-dir %s: no memory", dir);
	*store = (struct lease_store) { .dir = -1, .lock = -1, .write = write, .opaque = opaque };
	store->dir_name = strdup(dir);
	r = store->dir_name ? open_dir(store, ret_error)
			    : explain(ret_error, -ENOMEM, "--state-dir %s: no memory", dir);
	if (r < 0) {
		store_free(store);
		return r;
	}
	uv_timer_init(loop, &store->timer);
	store->timer.data = store;
	*ret = store;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct lease_store *store = handle->data;

	store->timer_closed = true;
	if (!store->busy)
		store_free(store);
}

void lease_store_close(struct lease_store *store)
{
	if (!store)
		return;
	store->closing = true;
	if (store->dirty)
		save(store);
	uv_close((uv_handle_t *)&store->timer, timer_closed);
}
