/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "darwin/block.h"
#include "vmnet_fake.h"

#define WAIT_MS 10000

struct fake fake;

void fake_reset(void)
{
	assert_int_equal(fake.backends, 0); /* of the test before */
	assert_int_equal(fake.drivers, 0);
	memset(&fake, 0, sizeof(fake));
	fake.open = fake.plug = fake.adopt = fake.forward = VMNET_SUCCESS;
	fake.room = SIZE_MAX;
	fake.mtu = 1500;
}

/* ---- the backend ------------------------------------------------------------------- */

struct vmnet_backend {
	int unused;
};

static vmnet_return_t new_backend(vmnet_return_t status, struct vmnet_backend **ret)
{
	if (status != VMNET_SUCCESS)
		return status;
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	fake.backends++;
	return VMNET_SUCCESS;
}

vmnet_return_t backend_open(const struct backend_request *request, struct vmnet_backend **ret,
			    char **ret_error)
{
	fake.request = *request;
	if (fake.opening)
		fake.opening();
	return new_backend(fake.open, ret);
}

vmnet_return_t backend_adopt(const char *text, struct vmnet_backend **ret, char **ret_error)
{
	snprintf(fake.adopted, sizeof(fake.adopted), "%s", text);
	return new_backend(fake.adopt, ret);
}

void backend_close(struct vmnet_backend *backend)
{
	if (backend)
		fake.backends--;
	free(backend);
}

void backend_facts(const struct vmnet_backend *backend, struct backend_facts *ret)
{
	*ret = (struct backend_facts) { .mtu = fake.mtu };
	ret->start_address.s_addr = htonl(0xc0a84001);
	ret->end_address.s_addr = htonl(0xc0a840fe);
	ret->subnet_mask.s_addr = htonl(0xffffff00);
	ret->nat66_prefix.s6_addr[0] = 0xfd;
	ret->nat66_prefix.s6_addr[1] = 0x12;
}

vmnet_return_t backend_plug(struct vmnet_backend *backend, const uint8_t mac[6], bool isolated,
			    uint16_t mtu, int *ret_fd, char **ret_error)
{
	memcpy(fake.mac, mac, sizeof(fake.mac));
	fake.isolated = isolated;
	*ret_fd = -1;
	return fake.plug;
}

vmnet_return_t backend_forward_add(struct vmnet_backend *backend,
				   const struct backend_forward *forward, char **ret_error)
{
	fake.rule = *forward;
	if (fake.forward == VMNET_SUCCESS)
		fake.forwards++;
	return fake.forward;
}

vmnet_return_t backend_forward_remove(struct vmnet_backend *backend,
				      const struct backend_forward *forward, char **ret_error)
{
	if (fake.forward == VMNET_SUCCESS)
		fake.forwards--;
	return fake.forward;
}

/* ---- blocks ------------------------------------------------------------------------ */

extern void *_NSConcreteGlobalBlock[]; /* of libblocksruntime */
#define BLOCK_IS_GLOBAL (1 << 28)      /* of the block ABI: copying hands back the same one */

static void told(struct fake_block *block)
{
	if (block->then)
		block->then(block);
	block->told++;
}

static void be_told_status(void *context, vmnet_return_t status)
{
	struct fake_block *block = context;

	block->status = status;
	told(block);
}

static void be_told_object(struct fake_block *block, xpc_object_t object)
{
	xpc_release(block->object);
	block->object = object ? xpc_retain(object) : NULL;
	told(block);
}

static void be_told_params(void *context, vmnet_return_t status, xpc_object_t params)
{
	struct fake_block *block = context;

	block->status = status;
	be_told_object(block, params);
}

static void be_told_rules(void *context, xpc_object_t rules)
{
	be_told_object(context, rules);
}

static void be_told_event(void *context, interface_event_t mask, xpc_object_t event)
{
	struct fake_block *block = context;

	block->status = (vmnet_return_t)mask;
	block->estimate = xpc_dictionary_get_uint64(event, vmnet_estimated_packets_available_key);
	told(block);
}

static void make_block(struct fake_block *block, void (*invoke)(void))
{
	static const unsigned long descriptor[2] = { 0, sizeof(struct fake_block) };

	memset(block, 0, sizeof(*block));
	block->isa = _NSConcreteGlobalBlock;
	block->flags = BLOCK_IS_GLOBAL;
	block->invoke = invoke;
	block->descriptor = descriptor;
}

void fake_status_block(struct fake_block *block)
{
	make_block(block, (void (*)(void))be_told_status);
}

void fake_params_block(struct fake_block *block)
{
	make_block(block, (void (*)(void))be_told_params);
}

void fake_event_block(struct fake_block *block)
{
	make_block(block, (void (*)(void))be_told_event);
}

void fake_rules_block(struct fake_block *block)
{
	make_block(block, (void (*)(void))be_told_rules);
}

void fake_block_forget(struct fake_block *block)
{
	xpc_release(block->object);
	block->object = NULL;
	block->told = 0;
}

void fake_wait(const struct fake_block *block, int n)
{
	const struct timespec moment = { .tv_nsec = 200000 };
	rig_time deadline = rig_after_ms(WAIT_MS);

	while (atomic_load(&block->told) < n) {
		if (rig_now() > deadline)
			fail_msg("a handler did not run %d times", n);
		nanosleep(&moment, NULL);
	}
}

interface_ref fake_started(dispatch_queue_t queue, xpc_object_t keys)
{
	xpc_object_t description = keys ? xpc_retain(keys) : xpc_dictionary_create_empty();
	static struct fake_block block;
	interface_ref interface;

	fake_params_block(&block);
	if (!xpc_dictionary_get_value(description, vmnet_operation_mode_key))
		xpc_dictionary_set_uint64(description, vmnet_operation_mode_key, VMNET_SHARED_MODE);
	interface = vmnet_start_interface(description, queue, (void *)&block);
	assert_non_null(interface);
	fake_wait(&block, 1);
	assert_int_equal(block.status, VMNET_SUCCESS);
	fake_block_forget(&block);
	xpc_release(description);
	return interface;
}

void fake_stopped(interface_ref interface, dispatch_queue_t queue)
{
	static struct fake_block block;

	fake_status_block(&block);
	assert_int_equal(vmnet_stop_interface(interface, queue, (void *)&block), VMNET_SUCCESS);
	fake_wait(&block, 1);
	assert_int_equal(block.status, VMNET_SUCCESS);
}
