/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registers.h - outrigger-test-device, as its client sees it
 *
 * A PCI device that has one of everything and misbehaves on request, for tests of clients and of
 * the server, and for hand use with QEMU. tests/spec/test_device_regs.py has the same constants.
 *
 * Identity: vendor 1234, device 5247, subsystem 1234:0001, class ff0000, revision 1, pin INTA.
 *
 * Regions (all memory BARs of 32 bits; every byte 0 after power-on unless said otherwise)
 *
 *   0  BAR0    4 KiB  RW   registers, below; MSI-X table at 0x800, pending bits at 0xc00
 *   1  BAR1    1 MiB  RW   memory, mappable as a whole. The DMA engine's local memory
 *   2  BAR2   64 KiB  RW   memory; mappable: [0x1000, 0x3000) and [0x8000, 0xc000), one fd
 *   3  BAR3   16 KiB  RW   memory; [0, 0x1000) is mappable at 0x1000 of a file, [0x2000, 0x3000) at
 *                          0 of another (capability 0x8001, for clients that agree to it)
 *   4  BAR4    4 KiB  W    memory that only BAR5 can read
 *   5  BAR5    4 KiB  R    reads what was written to BAR4
 *   6  ROM     2 KiB  R    an expansion ROM header (55 aa, "PCIR" at 0x1c) without code for anybody
 *   7  config  4 KiB  RW   capabilities PM, MSI (8, 64-bit, maskable), MSI-X (16), PCIe (FLR),
 *                          vendor; extended: DSN 0x5247012345670001
 *   9          8 KiB  RW   memory, type 0x80001234, subtype 1; [0x1000, 0x2000) is mappable
 *
 * Interrupts: INTx 1 (eventfd, maskable, automasked), MSI 8 (eventfd, noresize), MSI-X 16, ERR 1,
 * REQ 1 (eventfd each).
 *
 * The vendor capability is 20 bytes. At 4: 32 bits of scratch. At 8: 32 bits, all set after
 * power-on, that writing 1 clears. At 12: how often these four bytes were read (a handler's; an
 * access counts once), or what was written there. At 16: read-only 0x54474952.
 *
 * BAR0. Registers are little-endian. Accesses may have any size and alignment: bytes are stored one
 * by one, reserved and read-only ones ignore it. A register that acts does so when its first byte
 * is written, after all bytes of the access are stored, lowest offset first. Bits: RO read-only;
 * RW; WO acts when written, reads 0. "Statistics" are RO and survive resets.
 *
 *   0x000 ID             RO 0x54474952 ("RIGT")
 *   0x004 VERSION        RO 1
 *   0x008 SCRATCH        RW 64 bits
 *   0x010 RESETS_COMMAND    statistics: resets by DEVICE_RESET,
 *   0x014 RESETS_FUNCTION   ... by the PCIe capability,
 *   0x018 RESETS_LOST       ... because the client was gone (--reset-on-loss)
 *   0x01c CONNECTS          statistics: clients so far
 *   0x020 MAPPED            statistics: dma_mapped callbacks
 *   0x024 UNMAPPED          statistics: dma_unmapping callbacks
 *   0x028 QUIESCES          statistics: quiesce callbacks
 *   0x02c IRQ_CHANGES       statistics: irqs_changed callbacks; of the last one:
 *   0x030 IRQ_INDEX, 0x034 IRQ_START, 0x038 IRQ_COUNT, 0x03c IRQ_FLAGS
 *
 * Answering late, and not well. KINDS is a set of RIG_TEST_KIND_... bits: region reads, region
 * writes, resets (both of them), migration transitions, quiescing, migration data, changes of
 * interrupts. Accesses to BAR0 below 0x400, to the MSI-X table and to configuration space are no
 * region reads and writes in this sense (a function level reset is a reset). What is deferred is the
 * answer only: effects happen at once, unless DEFER_ERRNO refuses the request (interrupts change
 * nevertheless).
 *
 *   0x040 DEFER_KINDS    RW requests of these kinds are deferred from now on
 *   0x044 DEFER_MS       RW answer them after so many ms; 0: when RELEASE is written (resets and
 *                           quiescing, behind which nobody may be able to write it: after 1000
 *                           ms). At most 60000
 *   0x048 DEFER_ERRNO    RW answer them with this errno; 0: success
 *   0x04c RELEASE        RW write n: answer the n oldest of those that wait for RELEASE; reads as
 *                           how many wait. Resets and a lost client release all (a lost client
 *                           not a transition, migration data or a change of interrupts: the loss
 *                           itself waits for those, so defer them with DEFER_MS)
 *   0x050 FAIL_KINDS     RW the next request of one of these kinds fails, which clears FAIL_KINDS;
 *   0x054 FAIL_ERRNO     RW ... with this errno. FAIL goes before DEFER. 0 counts as EIO
 *   0x058 HANG_UP        WO 1: the connection ends after this access was answered; 2: the process
 *                           ends at once, with status 0
 *   0x05c POWER          RO the D-state (0 to 3) that configuration space last asked for
 *
 * Answers come from a thread of their own, with --one-thread from the loop.
 *
 * Interrupts
 *
 *   0x060 TRIGGER        WO index << 16 | vector: trigger it
 *   0x064 TRIGGER_RESULT RO errno of the last TRIGGER; 0: it worked
 *   0x068 DONE_IRQ       RW index << 16 | vector to trigger when a DMA command is done; 0xffffffff
 *                           (after reset): none
 *   0x06c INTX_LEVEL     RW bit 0: assert INTx. While it is set INTx is triggered again whenever
 *                           the client unmasks it, by message or eventfd
 *
 * DMA engine: write COMMAND last; it moves LENGTH bytes COUNT times, addresses growing by STRIDE
 * each time, LOCAL by LENGTH.
 *
 *   0x080 DMA_ADDRESS    RW 64 bits of guest address
 *   0x088 DMA_SECOND     RW 64 bits: where COPY writes to
 *   0x090 DMA_LENGTH     RW bytes; at most 1 MiB
 *   0x094 DMA_LOCAL      RW offset in BAR1; LOCAL + COUNT * LENGTH must be inside (COPY and FILL:
 *                           not used)
 *   0x098 DMA_STRIDE     RW bytes
 *   0x09c DMA_COUNT      RW 0 counts as 1; at most 64 for ASYNC, 4096 else
 *   0x0a0 DMA_PATTERN    RW 8 bits: what FILL writes
 *   0x0a4 DMA_TIMEOUT_MS RW of a transfer by messages; 0 counts as 5000
 *   0x0a8 DMA_COMMAND    RW RIG_TEST_DMA_READ (guest to BAR1), _WRITE (BAR1 to guest), _COPY
 *                           (ADDRESS to SECOND), _FILL; with one of
 *                           _PIN        shared memory, rig_dma_pin()
 *                           _TRANSLATE  shared memory, rig_dma_translate() and rig_dma_mark_dirty()
 *                           _WAIT       rig_dma_read() and rig_dma_write() inside this access
 *                           _ASYNC      rig_dma_read_async() and rig_dma_write_async(), each of
 *                                       COUNT a transfer of its own, at most 64 in flight
 *                           and with _PIN perhaps
 *                           _HOLD       the pieces (at most 64) stay pinned until UNPIN
 *   0x0ac DMA_IN_FLIGHT  RO asynchronous transfers that have not ended
 *   0x0b0 DMA_DONE       RO commands that are done since the last reset
 *   0x0b4 DMA_RESULT     RO errno of the last command that was done: the first of its transfers to
 *                           fail (EINVAL: registers make no sense; EBUSY: 64 in flight or held); 0
 *   0x0b8 DMA_HELD       RO pieces held
 *   0x0bc DMA_UNPIN      WO anything: unpin what is held
 *   0x0c0 DMA_HOLD_MS    RW held pieces whose memory is about to go are unpinned after so many ms
 *                           by themselves (1000 after reset; at most 60000). So long a client that
 *                           is gone keeps others out
 *
 * Doorbells. A write of the right size to DOORBELL + 4n adds 1 to DOORBELLS + 4n, and so does its
 * ioeventfd ("VFIO_USER_DEVICE_GET_REGION_IO_FDS", in this order).
 *
 *   0x200 DOORBELL 0     WO 4 bytes: any value
 *   0x204 DOORBELL 1     WO 2 bytes: value 0x1234 (datamatch)
 *   0x208 DOORBELL 2     WO any size (its sub-region has size 0)
 *   0x20c DOORBELL 3     WO 4 bytes: any value; shadow ioeventfd, at 0x20c of its shadow
 *   0x210 DOORBELLS      RO four counters, 32 bits each; 0 after reset
 *
 * Memory
 *
 *   0x400 to 0x7ff       RW memory: region reads and writes that can be deferred and fail
 *   0x900 to 0xbff, 0xc10 to 0xfff  RO 0
 *
 * Migration: stop-copy and pre-copy. The state is SCRATCH, the memory of BAR0 and all other memory;
 * it ends with a checksum. RESUMING->STOP refuses with EINVAL what is not whole or was changed, and
 * leaves the device as it was; control registers are those of the device that resumes.
 * Configuration space and the MSI-X table are the client's to carry over.
 */
#ifndef TEST_DEVICE_REGISTERS_H
#define TEST_DEVICE_REGISTERS_H

#define RIG_TEST_VENDOR		     0x1234u
#define RIG_TEST_DEVICE		     0x5247u
#define RIG_TEST_SERIAL		     0x5247012345670001u
#define RIG_TEST_MAGIC		     0x54474952u

#define RIG_TEST_BAR0_SIZE	     0x1000u
#define RIG_TEST_BAR1_SIZE	     0x100000u
#define RIG_TEST_BAR2_SIZE	     0x10000u
#define RIG_TEST_BAR3_SIZE	     0x4000u
#define RIG_TEST_BAR4_SIZE	     0x1000u
#define RIG_TEST_BAR5_SIZE	     0x1000u
#define RIG_TEST_ROM_SIZE	     0x800u
#define RIG_TEST_EXTRA_REGION	     9u
#define RIG_TEST_EXTRA_SIZE	     0x2000u
#define RIG_TEST_EXTRA_TYPE	     0x80001234u
#define RIG_TEST_EXTRA_SUBTYPE	     1u

#define RIG_TEST_MSI_VECTORS	     8u
#define RIG_TEST_MSIX_VECTORS	     16u
#define RIG_TEST_MSIX_TABLE	     0x800u
#define RIG_TEST_MSIX_PBA	     0xc00u

#define RIG_TEST_REG_ID		     0x000u
#define RIG_TEST_REG_VERSION	     0x004u
#define RIG_TEST_REG_SCRATCH	     0x008u
#define RIG_TEST_REG_RESETS_COMMAND  0x010u
#define RIG_TEST_REG_RESETS_FUNCTION 0x014u
#define RIG_TEST_REG_RESETS_LOST     0x018u
#define RIG_TEST_REG_CONNECTS	     0x01cu
#define RIG_TEST_REG_MAPPED	     0x020u
#define RIG_TEST_REG_UNMAPPED	     0x024u
#define RIG_TEST_REG_QUIESCES	     0x028u
#define RIG_TEST_REG_IRQ_CHANGES     0x02cu
#define RIG_TEST_REG_IRQ_INDEX	     0x030u
#define RIG_TEST_REG_IRQ_START	     0x034u
#define RIG_TEST_REG_IRQ_COUNT	     0x038u
#define RIG_TEST_REG_IRQ_FLAGS	     0x03cu
#define RIG_TEST_REG_DEFER_KINDS     0x040u
#define RIG_TEST_REG_DEFER_MS	     0x044u
#define RIG_TEST_REG_DEFER_ERRNO     0x048u
#define RIG_TEST_REG_RELEASE	     0x04cu
#define RIG_TEST_REG_FAIL_KINDS	     0x050u
#define RIG_TEST_REG_FAIL_ERRNO	     0x054u
#define RIG_TEST_REG_HANG_UP	     0x058u
#define RIG_TEST_REG_POWER	     0x05cu
#define RIG_TEST_REG_TRIGGER	     0x060u
#define RIG_TEST_REG_TRIGGER_RESULT  0x064u
#define RIG_TEST_REG_DONE_IRQ	     0x068u
#define RIG_TEST_REG_INTX_LEVEL	     0x06cu
#define RIG_TEST_REG_DMA_ADDRESS     0x080u
#define RIG_TEST_REG_DMA_SECOND	     0x088u
#define RIG_TEST_REG_DMA_LENGTH	     0x090u
#define RIG_TEST_REG_DMA_LOCAL	     0x094u
#define RIG_TEST_REG_DMA_STRIDE	     0x098u
#define RIG_TEST_REG_DMA_COUNT	     0x09cu
#define RIG_TEST_REG_DMA_PATTERN     0x0a0u
#define RIG_TEST_REG_DMA_TIMEOUT_MS  0x0a4u
#define RIG_TEST_REG_DMA_COMMAND     0x0a8u
#define RIG_TEST_REG_DMA_IN_FLIGHT   0x0acu
#define RIG_TEST_REG_DMA_DONE	     0x0b0u
#define RIG_TEST_REG_DMA_RESULT	     0x0b4u
#define RIG_TEST_REG_DMA_HELD	     0x0b8u
#define RIG_TEST_REG_DMA_UNPIN	     0x0bcu
#define RIG_TEST_REG_DMA_HOLD_MS     0x0c0u
#define RIG_TEST_REG_DOORBELL	     0x200u
#define RIG_TEST_REG_DOORBELLS	     0x210u
#define RIG_TEST_REG_MEMORY	     0x400u
#define RIG_TEST_REG_MEMORY_END	     0x800u

#define RIG_TEST_DOORBELL_MATCH	     0x1234u

#define RIG_TEST_KIND_READ	     (1u << 0)
#define RIG_TEST_KIND_WRITE	     (1u << 1)
#define RIG_TEST_KIND_RESET	     (1u << 2)
#define RIG_TEST_KIND_TRANSITION     (1u << 3)
#define RIG_TEST_KIND_QUIESCE	     (1u << 4)
#define RIG_TEST_KIND_DATA	     (1u << 5)
#define RIG_TEST_KIND_IRQS	     (1u << 6)

#define RIG_TEST_NO_IRQ		     0xffffffffu

#define RIG_TEST_DMA_READ	     0x1u
#define RIG_TEST_DMA_WRITE	     0x2u
#define RIG_TEST_DMA_COPY	     0x3u
#define RIG_TEST_DMA_FILL	     0x4u
#define RIG_TEST_DMA_PIN	     0x00u
#define RIG_TEST_DMA_TRANSLATE	     0x10u
#define RIG_TEST_DMA_WAIT	     0x20u
#define RIG_TEST_DMA_ASYNC	     0x30u
#define RIG_TEST_DMA_HOLD	     0x100u

#define RIG_TEST_HANG_UP_CLIENT	     1u
#define RIG_TEST_HANG_UP_PROCESS     2u

#endif
