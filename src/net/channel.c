/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channel.c - the seam, checked on both sides of every call
 *
 * A port or a network that breaks its promise is a bug of ours and is caught here, at the call that
 * broke it, and not where its damage shows. What a guest sends is no promise: frames of any content
 * and of any length pass, and the network judges them.
 */
#include "net/channel.h"

#include <assert.h>

static bool frame_is_whole(const struct frame *frame)
{
	size_t len = 0;

	for (size_t i = 0; i < frame->n_iov; i++)
		len += frame->iov[i].iov_len;
	return len == frame->len;
}

static bool frames_are_whole(const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!frame_is_whole(&frames[i]))
			return false;
	}
	return true;
}

size_t channel_send(struct channel *channel, const struct frame *frames, size_t n)
{
	size_t taken;

	assert(frames_are_whole(frames, n));
	taken = channel->ops->send(channel, frames, n);
	assert(taken <= n);
	return taken;
}

size_t channel_peek(struct channel *channel, struct frame *frames, size_t n)
{
	size_t shown;

	assert(n > 0);
	shown = channel->ops->peek(channel, frames, n);
	assert(shown <= n && frames_are_whole(frames, shown));
	channel->shown = shown;
	return shown;
}

void channel_consume(struct channel *channel, size_t n)
{
	assert(n <= channel->shown);
	channel->shown -= n;
	channel->ops->consume(channel, n);
}

void channel_set_link(struct channel *channel, bool up)
{
	if (!up)
		channel->shown = 0;
	channel->ops->set_link(channel, up);
}

const struct channel_stats *channel_stats(const struct channel *channel)
{
	return channel->ops->stats(channel);
}

void channel_close(struct channel *channel)
{
	if (channel)
		channel->ops->close(channel);
}

void channel_tell_ready(struct channel *channel)
{
	if (channel->events->ready)
		channel->events->ready(channel->opaque);
}

void channel_tell_writable(struct channel *channel)
{
	if (channel->events->writable)
		channel->events->writable(channel->opaque);
}

void channel_tell_link(struct channel *channel, bool up)
{
	if (channel->events->link)
		channel->events->link(channel->opaque, up);
}

size_t channel_offer(struct channel *channel, const struct frame *frames, size_t n)
{
	size_t taken = 0;

	if (channel->events->take)
		taken = channel->events->take(channel->opaque, frames, n);
	assert(taken <= n);
	return taken;
}
