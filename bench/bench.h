/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.h - what the measuring programs share
 *
 * A measurement that cannot be made ends the program with a sentence on stderr and exit 1 (die());
 * a missed target does not: it is a field of the result. Results are JSON lines on stdout, which
 * bench/run collects and prints as a table.
 *
 * Single-threaded. Whatever is started here is stopped by its id, also when the program dies.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

/** die() - the measurement failed: say why, stop what was started, exit 1 */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** watchdog() - die() so many seconds from now, unless called again before */
void watchdog(unsigned int seconds);

/** now_ns() - the monotonic clock */
uint64_t now_ns(void);

/** process_cpu_ns() - user and system time that a process has used so far */
uint64_t process_cpu_ns(pid_t pid);

/** percentile() - of n values, which get sorted; p in 0..100 */
double percentile(double *values, size_t n, double p);

/** pin() - run on this CPU from now on, and what is started from here on too */
void pin(int cpu);

/** pin_apart() - the same on the n-th CPU that we could use to begin with, if there is that many */
void pin_apart(int n);

/** struct served - `outrigger net host` with one NIC, or a stand-in with the same command line */
struct served {
	pid_t pid;
	int out;	   /* its stdout */
	uint64_t ready_ns; /* from just before its fork to its first line on stdout */
	char dir[64];	   /* a temporary directory */
	char nic[96];	   /* its one NIC's socket, in there */
	struct served *before;
};

/** serve() - start env OUTRIGGER, wait for its ready line */
void serve(struct served *s);

/** serve_sockets() - the same with sockets: --stream "stream", "idle", --dgram "a", "b" */
void serve_sockets(struct served *s);

/** serve_kernel_nics() - `outrigger net host --network kernel`, NICs "nic" and "nic-b", without the host */
void serve_kernel_nics(struct served *s);

/** serve_nics() - `outrigger net host`, NICs "nic" and "nic-b" */
void serve_nics(struct served *s);

/** serve_vmnet() - `outrigger net host --network vmnet`, socket "stream", of this network's UUID */
void serve_vmnet(struct served *s, const char *network);

/** served_path() - of a file in its directory, which goes with it: see remove_dir() */
void served_path(const struct served *s, const char *name, char *buf, size_t size);

/** socket_connect() - to a UNIX socket, blocking. @own: NULL, or where it is bound to before */
int socket_connect(int type, const char *path, const char *own);

/** socket_bind() - a UNIX datagram socket of this path, in place of what was there */
int socket_bind(const char *path);

/** socket_address() - Return: its size */
size_t socket_address(const char *path, struct sockaddr_un *ret);

/** serve_end() - of the last one: SIGTERM, wait, remove the directory. A server that failed or hangs: die() */
void serve_end(struct served *s);

/**
 * fork_with_socket() - a child process and a stream socket between the two
 * @ret_fd: our end; in the child, its own
 * Return: 0 in the child, else its process
 */
pid_t fork_with_socket(int *ret_fd);

/**
 * is_asked_for() - by a program's arguments: names of what to measure, none for all. For a closer
 * look with strace or perf
 */
bool is_asked_for(const char *name, char **names);

/** nic_connect() - connect to a NIC's socket (blocking) and negotiate the version */
int nic_connect(const char *path);

/** enum target - how a result is judged */
enum target {
	TARGET_NONE, /* only reported */
	TARGET_AT_MOST,
	TARGET_LESS,
	TARGET_AT_LEAST,
};

/**
 * struct result - one line of the table
 * @name:      of one word, for machines and people alike
 * @what:      a sentence
 * @ours, @reference: in @unit; @reference < 0: there is none
 * @ratio:     of ours to the reference
 * @target, @limit:   what the ratio (without a reference: @ours) has to be
 * @ours_p99, @reference_p99: 0: not measured
 * @note:      conditions; may be NULL
 */
struct result {
	const char *bench, *name, *what, *unit;
	double ours, reference, ratio;
	double ours_p99, reference_p99;
	enum target target;
	double limit;
	const char *note;
};

/** report() - print a result as one line of JSON */
void report(const struct result *r);

/** skip() - print, as a result, why there is none */
void skip(const char *bench, const char *name, const char *why);

#endif
