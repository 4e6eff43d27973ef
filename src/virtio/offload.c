/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload.c - checksums as by RFC 1071, segments as a sender of RFC 9293 would have made them
 */
#include "virtio/offload.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "virtio/spec.h"

#define IP4_LENGTH    2u
#define IP4_ID	      4u
#define IP4_SUM	      10u
#define IP4_ADDRESSES 12u
#define IP6_LENGTH    4u
#define IP6_HEADER    40u
#define IP6_ADDRESSES 8u
#define TCP_SEQUENCE  4u
#define TCP_FLAGS     13u
#define TCP_FIN	      0x01u
#define TCP_PSH	      0x08u
#define TCP_CWR	      0x80u
#define TCP_SUM	      16u
#define UDP_SUM	      6u

static int plan_partial(struct offload_plan *plan, const struct frame_header *header)
{
	size_t start = le16(header->csum_start);
	size_t at = start + le16(header->csum_offset);

	if (start < FRAME_ETH_HEADER || at + 2 > plan->len || at + 2 > OFFLOAD_HEADERS_MAX)
		return -EINVAL;
	plan->partial = true;
	plan->partial_start = start;
	plan->partial_at = at;
	plan->own = at + 2;
	return 0;
}

static int plan_finish(struct offload_plan *plan)
{
	const struct offload_headers *at = &plan->at;

	if (!at->v4 && !at->v6)
		return 0;
	plan->partial = false; /* a wish for one of them is contained in that for all */
	plan->finish_ip = at->v4;
	plan->finish_transport = at->tcp || at->udp;
	plan->own = plan->finish_transport ? at->payload : at->v4 ? at->transport : 0;
	/* Payload that follows shows in neither IPv4's sum nor the length of its header. */
	return plan->own > OFFLOAD_HEADERS_MAX ? -EINVAL : 0;
}

static int plan_segments(struct offload_plan *plan, uint16_t mtu, uint16_t gso_size)
{
	const struct offload_headers *at = &plan->at;
	size_t headers = at->payload - at->ip;
	size_t payload = at->end - at->payload;
	int r;

	if (!at->tcp || headers >= mtu)
		return -EMSGSIZE;
	r = plan_finish(plan);
	if (r < 0)
		return r;
	plan->mss = mtu - headers;
	if (gso_size != 0 && gso_size < plan->mss)
		plan->mss = gso_size;
	plan->n_pieces = payload == 0 ? 1 : (payload + plan->mss - 1) / plan->mss;
	return 0;
}

/* What the frame's own header asks for. @ret_gso_size: 0: no segments */
static int plan_header(struct offload_plan *plan, const struct offload_want *want,
		       const struct frame_header *header, uint16_t *ret_gso_size)
{
	unsigned int type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (type != VIRTIO_NET_HDR_GSO_NONE) {
		if (!want->segment || !plan->at.tcp || header->gso_size == 0 ||
		    type != (plan->at.v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6))
			return -EINVAL;
		*ret_gso_size = le16(header->gso_size);
		return 0;
	}
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return plan_partial(plan, header);
	return 0;
}

int offload_plan(const uint8_t *frame, size_t len, const struct offload_want *want,
		 const struct frame_header *header, struct offload_plan *ret)
{
	struct offload_plan plan = { .frame = frame, .len = len, .n_pieces = 1 };
	uint16_t gso_size = 0;
	int r = offload_headers_find(frame, len, &plan.at);

	/* Nobody asks for anything of what is inside: then it is nobody's business. */
	if (r < 0 && len >= FRAME_ETH_HEADER && !want->checksums &&
	    len <= FRAME_ETH_HEADER + (size_t)want->mtu) {
		plan.at = (struct offload_headers) { .ip = FRAME_ETH_HEADER, .end = len };
		r = 0;
	}
	if (r == 0 && header)
		r = plan_header(&plan, want, header, &gso_size);
	if (r < 0)
		return r;
	if (gso_size != 0 || plan.at.end - plan.at.ip > want->mtu)
		r = want->segment ? plan_segments(&plan, want->mtu, gso_size) : -EMSGSIZE;
	else if (want->checksums)
		r = plan_finish(&plan);
	if (r == 0)
		*ret = plan;
	return r;
}

static void set_sum(uint8_t *at, uint64_t sum)
{
	uint16_t value = (uint16_t)~offload_fold(sum);

	memcpy(at, &value, sizeof(value));
}

/* What TCP's and UDP's sums have of IP: addresses, protocol and length. */
static uint64_t pseudo_sum(const struct offload_plan *plan, const uint8_t *own, size_t len)
{
	const uint8_t *ip = own + plan->at.ip;
	uint8_t rest[8] = { (uint8_t)(len >> 24),
			    (uint8_t)(len >> 16),
			    (uint8_t)(len >> 8),
			    (uint8_t)len,
			    0,
			    0,
			    0,
			    plan->at.tcp ? IPPROTO_TCP : IPPROTO_UDP };
	uint64_t sum = offload_sum(0, rest, sizeof(rest));

	return plan->at.v4 ? offload_sum(sum, ip + IP4_ADDRESSES, 8)
			   : offload_sum(sum, ip + IP6_ADDRESSES, 32);
}

static void finish_ip(const struct offload_plan *plan, uint8_t *own)
{
	uint8_t *ip = own + plan->at.ip;

	offload_put16(ip + IP4_SUM, 0);
	set_sum(ip + IP4_SUM, offload_sum(0, ip, plan->at.transport - plan->at.ip));
}

static void finish_transport(const struct offload_plan *plan, uint8_t *own, const uint8_t *payload,
			     size_t len)
{
	size_t headers = plan->at.payload - plan->at.transport;
	uint8_t *at = own + plan->at.transport;
	uint8_t *field = at + (plan->at.tcp ? TCP_SUM : UDP_SUM);
	uint64_t sum;

	offload_put16(field, 0);
	sum = pseudo_sum(plan, own, headers + len);
	sum = offload_sum(sum, at, headers);
	set_sum(field, offload_sum(sum, payload, len));
	if (plan->at.udp && offload_get16(field) == 0)
		offload_put16(field, 0xffff); /* 0 would say that there is none */
}

/* The sum of what IP has is in the field already, so that the field is summed up, too. */
static void finish_partial(const struct offload_plan *plan, uint8_t *own)
{
	uint8_t *field = own + plan->partial_at;

	set_sum(field,
		offload_sum(0, plan->frame + plan->partial_start, plan->len - plan->partial_start));
	if (plan->at.udp && offload_get16(field) == 0)
		offload_put16(field, 0xffff);
}

static void cut_segment(const struct offload_plan *plan, size_t i, size_t len, uint8_t *own)
{
	uint8_t *ip = own + plan->at.ip;
	uint8_t *tcp = own + plan->at.transport;
	size_t total = plan->at.payload - plan->at.ip + len;
	uint32_t sequence;

	if (plan->at.v4) {
		offload_put16(ip + IP4_LENGTH, (unsigned int)total);
		offload_put16(ip + IP4_ID, offload_get16(ip + IP4_ID) + (unsigned int)i);
	} else {
		offload_put16(ip + IP6_LENGTH, (unsigned int)(total - IP6_HEADER));
	}
	memcpy(&sequence, tcp + TCP_SEQUENCE, sizeof(sequence));
	sequence = htonl(ntohl(sequence) + (uint32_t)(i * plan->mss));
	memcpy(tcp + TCP_SEQUENCE, &sequence, sizeof(sequence));
	if (i + 1 < plan->n_pieces)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (i > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

size_t offload_piece(const struct offload_plan *plan, size_t i, uint8_t own[OFFLOAD_HEADERS_MAX],
		     struct iovec ret[2])
{
	size_t begin = plan->own + i * plan->mss;
	size_t len = plan->len - begin;

	memcpy(own, plan->frame, plan->own);
	if (plan->mss != 0) {
		len = plan->at.end - begin;
		if (len > plan->mss)
			len = plan->mss;
		cut_segment(plan, i, len, own);
	}
	if (plan->finish_ip)
		finish_ip(plan, own);
	if (plan->finish_transport)
		finish_transport(plan, own, plan->frame + begin,
				 plan->mss != 0 ? len : plan->at.end - begin);
	if (plan->partial)
		finish_partial(plan, own);
	ret[0] = (struct iovec) { own, plan->own };
	ret[1] = (struct iovec) { (uint8_t *)(uintptr_t)(plan->frame + begin), len };
	return plan->own + len;
}
