/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_talk_end.h - a link and its owner: what sim_talk.c makes it do, one thing at a time
 */
#ifndef TESTS_SIM_TALK_END_H
#define TESTS_SIM_TALK_END_H

#include "sim_talk.h"

void talk_end_init(struct talk *talk, unsigned int sock, enum wire_side side);

/** talk_end_ask() - see talk_ask() */
void talk_end_ask(struct talk_end *end, const struct ask *what);

/** talk_end_receive(), talk_end_send() - one read, one write. Return: did anything happen? */
bool talk_end_receive(struct talk_end *end);
bool talk_end_send(struct talk_end *end);

/** talk_end_answer_due() - one request whose time has come. Return: was there one? */
bool talk_end_answer_due(struct talk_end *end);

/** talk_end_answer_early() - any request, if it waits for its time */
void talk_end_answer_early(struct talk_end *end);

void talk_end_tick(struct talk_end *end);

#endif
