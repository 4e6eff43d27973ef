/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * common.h - what the client and the server API share: time, completions, log levels
 *
 * Unless said otherwise functions of this library return 0 or a negative errno, and write
 * out-parameters (ret_...) on success only.
 */
#ifndef OUTRIGGER_COMMON_H
#define OUTRIGGER_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include <outrigger/vfio_user.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RIG_API	       __attribute__((visibility("default")))
#define RIG_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RIG_API
#define RIG_MUST_CHECK
#endif

/** rig_time - microseconds on CLOCK_MONOTONIC: a deadline, never a duration */
typedef uint64_t rig_time;

/* A deadline that never comes; no event due. */
#define RIG_FOREVER UINT64_MAX

/** rig_now() - the present. Any thread */
RIG_API rig_time rig_now(void);

/** rig_after_ms() - a deadline this far from now. Any thread */
RIG_API rig_time rig_after_ms(unsigned int ms);

/** enum rig_log_level - how much something matters */
enum rig_log_level {
	RIG_LOG_ERROR,
	RIG_LOG_WARNING,
	RIG_LOG_INFO,
	RIG_LOG_DEBUG,
};

/**
 * struct rig_completion - what runs when an asynchronous call is over
 * @run: exactly once for each call that returned 0, also on timeout, cancel and disconnect; never
 *	inside the call that started it. No lock is held: it may start new calls. NULL: nobody asks
 *	(the library logs a failure)
 *
 * result is 0 (or what the call's description says), or a negative errno.
 */
struct rig_completion {
	void (*run)(void *opaque, int result);
	void *opaque;
};

/** struct rig_request - a request of the peer's whose answer comes later */
struct rig_request;

/* What a callback returns that kept its request for later: see rig_server_defer(). No number of bytes. */
#define RIG_DEFERRED 0x7fffffff

/**
 * rig_request_data() - the bytes of a deferred request
 *
 * Of one that reads: where the bytes go, all zero at first. Of one that writes: the bytes. Good
 * until rig_request_done(). Any thread.
 */
RIG_API void *rig_request_data(struct rig_request *request, size_t *ret_len);

/**
 * rig_request_set_len() - answer with the first bytes only
 * @len: how many; until then, all that were asked for
 *
 * For what may be answered so: rig_migration_ops.read_data. Any thread.
 *
 * Return: 0, -EINVAL of another kind, or more than were asked for
 */
RIG_API RIG_MUST_CHECK int rig_request_set_len(struct rig_request *request, size_t len);

/**
 * rig_request_done() - answer a deferred request, which is gone then
 * @error: 0, or an errno for the peer (negative)
 *
 * Exactly once for each, from any thread; also when the peer is gone meanwhile, which is
 * not an error.
 */
RIG_API void rig_request_done(struct rig_request *request, int error);

#ifdef __cplusplus
}
#endif

#endif
