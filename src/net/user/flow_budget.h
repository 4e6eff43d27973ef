/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flow_budget.h - how many of the process's file descriptors guests may have, through libslirp
 *
 * Each flow of a guest is a socket of this process. Without a bound one guest could leave none for
 * the others, for the control socket and for files. So a part of the descriptors is kept back, and
 * each guest has a share of the rest; whoever has it used up opens no new flow until an old one ends.
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_FLOW_BUDGET_H
#define NET_USER_FLOW_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_BUDGET_SHARES 4u /* one guest has at most one in so many */

struct flow_budget;

/** flow_budget_new() - from the process's limit (RLIMIT_NOFILE). Return: 0, -ENOMEM, -errno */
int flow_budget_new(struct flow_budget **ret);
void flow_budget_free(struct flow_budget *budget); /* NULL is fine */

/** flow_budget_opens() - could it? What could not, which is most, needs no asking. @frame: any bytes */
bool flow_budget_opens(const uint8_t *frame, size_t len);

/**
 * flow_budget_ask() - may this frame go to libslirp?
 * @owner: of the guest that sent it; what is opened until the next call is its own
 * Return: false if it could open a flow and there is none left for this guest
 */
bool flow_budget_ask(struct flow_budget *budget, uint64_t owner, const uint8_t *frame, size_t len);

/** flow_budget_answered() - libslirp has dealt with the frame */
void flow_budget_answered(struct flow_budget *budget);

/** flow_budget_opened(), flow_budget_closed() - a socket of libslirp's; one of -1 is none */
void flow_budget_opened(struct flow_budget *budget, int fd);
void flow_budget_closed(struct flow_budget *budget, int fd);

/** flow_budget_is_full() - nobody may open any: connections from outside have to wait, too */
bool flow_budget_is_full(const struct flow_budget *budget);

unsigned int flow_budget_used(const struct flow_budget *budget);
uint64_t flow_budget_refused(const struct flow_budget *budget); /* frames so far */

#endif
