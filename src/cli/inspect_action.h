/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_action.h - what `outrigger inspect` does with a device, beyond looking at it
 *
 * The actions of a command line are done in its order, the first that fails ends it. Before the first
 * one begins each is checked against the device: a command line that cannot succeed changes nothing.
 */
#ifndef CLI_INSPECT_ACTION_H
#define CLI_INSPECT_ACTION_H

#include "cli/inspect.h"

enum inspect_kind {
	INSPECT_READ,
	INSPECT_WRITE,
	INSPECT_DUMP_CONFIG,
	INSPECT_WATCH_IRQS,
	INSPECT_RESET,
	INSPECT_SAVE_STATE,
	INSPECT_LOAD_STATE,
	INSPECT_KINDS
};

/** struct inspect_tally - how often an interrupt came */
struct inspect_tally {
	uint32_t index, vector;
	uint64_t count;
};

/** struct inspect_action - what is wanted, and once it is done what came of it */
struct inspect_action {
	enum inspect_kind kind;
	const char *argument; /* as given; NULL: it takes none */

	/* READ, WRITE, DUMP_CONFIG */
	uint32_t region;
	uint64_t offset;
	size_t len;
	uint8_t *bytes;		   /* written, or read; owned */
	bool raw;		   /* to standard output as they are */
	struct pci_config *config; /* DUMP_CONFIG: decoded; owned */

	const char *file; /* of the state, or of --output; NULL: none, "-": a standard stream */
	bool file_comes;  /* LOAD_STATE: an earlier action writes it */

	/* WATCH_IRQS */
	uint64_t max_count;	       /* 0: any */
	unsigned int for_ms;	       /* 0: until it is stopped */
	struct inspect_tally *tallies; /* of those that came; owned */
	size_t n_tallies;

	/* SAVE_STATE, LOAD_STATE */
	bool leave_stopped;
	uint64_t state_len;
	bool has_state; /* of the device, afterwards */
	enum rig_migration_state state;

	bool failed;
	char *error; /* why it failed; NULL: no memory for that. Owned */
};

struct inspect_irqs;

/** struct inspect_session - what actions work with */
struct inspect_session {
	struct rig_client *client;
	int timeout_ms; /* of each answer */
	bool quiet;	/* results are printed later, as JSON */
	const struct inspection *in;
	const struct inspect_irqs *irqs; /* NULL: no action is about interrupts */
};

/** inspect_action_option(), inspect_action_name() - "--save-state", "save_state" */
const char *inspect_action_option(enum inspect_kind kind);
const char *inspect_action_name(enum inspect_kind kind);

/**
 * inspect_actions_check() - can they be done with this device? Says on stderr which cannot, and why
 *
 * Nothing of the device changes. Return: 0; -EINVAL an argument does not fit the device; -errno
 */
int inspect_actions_check(const struct inspect_session *s, struct inspect_action *actions,
			  size_t n);

/**
 * inspect_actions_run() - do them, and print what they find
 * @ret_done: how many were begun; the last one of them has failed if this does. 0 at first
 *
 * Return: 0, -errno: said on stderr
 */
int inspect_actions_run(const struct inspect_session *s, struct inspect_action *actions, size_t n,
			size_t *ret_done);

void inspect_action_clear(struct inspect_action *action);

/* For the actions */

rig_time inspect_deadline(const struct inspect_session *s);

/** inspect_device_failed() - @error came of a call to the client: say why in action->error */
int inspect_device_failed(const struct inspect_session *s, struct inspect_action *action,
			  int error);

/**
 * inspect_late_stop() - end what was between stop_begin() and stop_end()
 * @r: how it went
 *
 * A signal that came too late for this action still keeps those after it from beginning.
 */
int inspect_late_stop(struct inspect_action *action, int r);

/*
 * Each kind has two functions. check: as inspect_actions_check(). run: as inspect_actions_run().
 * Both leave a sentence in action->error when they fail.
 */
int inspect_check_region(const struct inspect_session *s, struct inspect_action *action);
int inspect_check_config(const struct inspect_session *s, struct inspect_action *action);
int inspect_check_irqs(const struct inspect_session *s, struct inspect_action *action);
int inspect_check_reset(const struct inspect_session *s, struct inspect_action *action);
int inspect_check_save(const struct inspect_session *s, struct inspect_action *action);
int inspect_check_load(const struct inspect_session *s, struct inspect_action *action);

int inspect_run_read(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_write(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_dump_config(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_watch_irqs(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_reset(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_save(const struct inspect_session *s, struct inspect_action *action);
int inspect_run_load(const struct inspect_session *s, struct inspect_action *action);

#endif
