/* SPDX-License-Identifier: BSD-3-Clause */
/* adder_client.c - what the example clients have in common: see adder_client.h */
#include "adder_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adder.h"

#define GUEST_ADDRESS 0x100000u
#define GUEST_SIZE    0x100000u

rig_time soon(void)
{
	return rig_after_ms(5000);
}

int milliseconds_until(rig_time deadline)
{
	rig_time now = rig_now(), ms;

	if (deadline == RIG_FOREVER)
		return -1;
	if (deadline <= now)
		return 0;
	/* Rounded up: waking too early would only mean another turn. */
	ms = (deadline - now + 999) / 1000;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void check(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
			strerror(-result));
		exit(1);
	}
}

struct rig_client *plug_in(const char *path, const struct rig_client_config *config)
{
	struct rig_client *client;
	char *error;

	if (rig_client_connect(path, config, soon(), &client, &error) < 0) {
		fprintf(stderr, "%s: %s\n", program_invocation_short_name,
			error ? error : "no memory");
		free(error);
		exit(1);
	}
	return client;
}

/* Memory that both this process and the device can reach: 0 to 255, again and again. */
static int make_memory(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	uint8_t *bytes;

	if (fd < 0 || ftruncate(fd, GUEST_SIZE) < 0)
		check(-errno, "memory");
	bytes = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		check(-errno, "memory");
	for (size_t i = 0; i < GUEST_SIZE; i++)
		bytes[i] = (uint8_t)i;
	munmap(bytes, GUEST_SIZE);
	return fd;
}

void adder_open(struct adder_client *adder, const char *path,
		const struct rig_client_config *config)
{
	struct rig_device_info info;

	adder->memory = (struct rig_dma_region) {
		.address = GUEST_ADDRESS,
		.size = GUEST_SIZE,
		.flags = RIG_DMA_READ,
		.fd = make_memory(),
	};
	adder->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	check(adder->interrupt < 0 ? -errno : 0, "eventfd");

	adder->client = plug_in(path, config);
	/* Before the loop runs, waiting does no harm. */
	check(rig_client_device_info(adder->client, &info, soon()), "asking for the device");
	printf("regions: %u, interrupts: %u\n", info.num_regions, info.num_irqs);
}

void adder_close(struct adder_client *adder)
{
	rig_client_free(adder->client);
	close(adder->interrupt);
	close(adder->memory.fd);
}

/* --- the steps, from last to first --- */

static struct rig_completion then(void (*run)(void *opaque, int result), struct adder_client *adder)
{
	return (struct rig_completion) { .run = run, .opaque = adder };
}

static void answered(void *opaque, int result)
{
	struct adder_client *adder = opaque;

	check(result, "reading a register");
	if (--adder->steps > 0)
		return;
	check(adder->start || adder->sum == ADDER_FAILED ? -EIO : 0, "the device");
	printf("sum: %llu\n", (unsigned long long)adder->sum);
	adder->done(adder->opaque);
}

/* Two reads, in flight together. */
void adder_interrupted(struct adder_client *adder)
{
	uint64_t count;

	if (read(adder->interrupt, &count, sizeof(count)) < 0)
		return;
	puts("interrupt");
	adder->steps = 2;
	check(rig_client_region_read_async(adder->client, RIG_PCI_BAR0, ADDER_START, &adder->start,
					   sizeof(adder->start), soon(), then(answered, adder),
					   NULL),
	      "reading the start register");
	check(rig_client_region_read_async(adder->client, RIG_PCI_BAR0, ADDER_SUM, &adder->sum,
					   sizeof(adder->sum), soon(), then(answered, adder), NULL),
	      "reading the sum");
}

static void started(void *opaque, int result)
{
	(void)opaque; /* the interrupt is next */
	check(result, "starting");
}

static void prepared(void *opaque, int result)
{
	const uint64_t address = GUEST_ADDRESS;
	const uint32_t length = GUEST_SIZE, start = 1;
	struct adder_client *adder = opaque;

	check(result, "preparing");
	if (--adder->steps > 0)
		return;
	/* Posted writes have no reply. What is sent later is done later. */
	check(rig_client_region_post(adder->client, RIG_PCI_BAR0, ADDER_ADDRESS, &address,
				     sizeof(address), soon()),
	      "writing the address");
	check(rig_client_region_post(adder->client, RIG_PCI_BAR0, ADDER_LENGTH, &length,
				     sizeof(length), soon()),
	      "writing the length");
	check(rig_client_region_write_async(adder->client, RIG_PCI_BAR0, ADDER_START, &start,
					    sizeof(start), soon(), then(started, adder), NULL),
	      "starting");
}

void adder_start(struct adder_client *adder, void (*done)(void *opaque), void *opaque)
{
	const uint32_t attach = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER;

	adder->done = done;
	adder->opaque = opaque;
	adder->steps = 2;
	check(rig_client_dma_map_async(adder->client, &adder->memory, soon(), then(prepared, adder),
				       NULL),
	      "sharing memory");
	check(rig_client_set_irqs_async(adder->client, RIG_PCI_MSIX_IRQ, attach, 0, 1,
					&adder->interrupt, soon(), then(prepared, adder), NULL),
	      "attaching an eventfd");
}
