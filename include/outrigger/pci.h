/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci.h - the configuration space of a PCI device, for those who write one
 *
 * A struct rig_pci is configuration space (region 7) and, with MSI-X, the vector table in one of
 * the BARs. It knows nothing of sockets: a device passes the accesses it gets on, whatever their
 * region, and those that do not concern the struct rig_pci leave it and the buffer alone:
 *
 *	static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
 *				size_t count)
 *	{
 *		struct device *d = opaque;
 *
 *		if (region == RIG_PCI_BAR0)
 *			write_registers(d, offset, buf, count);
 *		return rig_pci_write(d->pci, region, offset, buf, count);
 *	}
 *
 * What a bit does when the guest writes it is data: it takes the new value (it is in the mask
 * "writable"), a 1 clears it ("write1_clear"), or it ignores the write. An access of any size and
 * alignment is its bytes, one after the other. BARs are sized the standard way. Where bits are not
 * enough, a handler stands for a range of bytes (rig_pci_set_handler()).
 *
 * A function is built first (rig_pci_new(), then what is called _add_ and _set_) and used then:
 * what the registers hold after the last of these calls is what rig_pci_reset() brings back.
 *
 * Which interrupts the guest has enabled and masked in its capabilities decides nothing here: the
 * client turns it into eventfds, and rig_irq_trigger() does the rest.
 *
 * Threads: one at a time; inside the callbacks of a server that is the server's own thread.
 * Handlers and callbacks run inside rig_pci_read() and rig_pci_write() and may call everything
 * below but rig_pci_free(), and what the region callback may call.
 *
 * Registers are little-endian, offsets and sizes are bytes. Unless said otherwise functions that
 * return int return 0 (those called _add_: the offset of what was added) or a negative errno with
 * nothing changed.
 */
#ifndef OUTRIGGER_PCI_H
#define OUTRIGGER_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/server.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rig_pci;

#define RIG_PCI_BARS		  6u
#define RIG_PCI_SIZE		  4096u /* of configuration space; PCI Express, PCI-X 2.0 */
#define RIG_PCI_SIZE_CONVENTIONAL 256u	/* without extended capabilities */

/* Ids of capabilities: those that functions below add, and what else devices use often. */
#define RIG_PCI_CAP_PM		  0x01u
#define RIG_PCI_CAP_MSI		  0x05u
#define RIG_PCI_CAP_VENDOR	  0x09u
#define RIG_PCI_CAP_PCIE	  0x10u
#define RIG_PCI_CAP_MSIX	  0x11u
#define RIG_PCI_EXT_CAP_AER	  0x0001u
#define RIG_PCI_EXT_CAP_DSN	  0x0003u
#define RIG_PCI_EXT_CAP_VENDOR	  0x000bu

/* Kinds of BAR: 32-bit memory, or one of these. */
#define RIG_PCI_BAR_IO		  (1u << 0)
#define RIG_PCI_BAR_64		  (1u << 1) /* its upper half is the next BAR */
#define RIG_PCI_BAR_PREFETCHABLE  (1u << 2)

/**
 * struct rig_pci_bar - one base address register
 * @size:  a power of two, at least 16 (4 for I/O), at most 2 GiB (without RIG_PCI_BAR_64); 0: none
 * @flags: RIG_PCI_BAR_...
 */
struct rig_pci_bar {
	uint64_t size;
	uint32_t flags;
};

/** struct rig_pci_device - the header ("Type 0 Configuration Space Header"); copied */
struct rig_pci_device {
	size_t struct_size; /* sizeof(struct rig_pci_device), for growth */
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits: base class, sub-class, programming interface */
	uint8_t revision;
	uint8_t interrupt_pin; /* 1 (INTA) to 4; 0: no INTx */
	uint16_t size;	       /* of configuration space: RIG_PCI_SIZE (0 too) or _CONVENTIONAL */
	struct rig_pci_bar bars[RIG_PCI_BARS];
	uint32_t rom_size; /* a power of two, at least 2048; 0: no expansion ROM */
};

/**
 * rig_pci_new() - configuration space with a header and no capabilities
 *
 * Return: 0, -EINVAL the description makes no sense, -ENOMEM
 */
RIG_API RIG_MUST_CHECK int rig_pci_new(const struct rig_pci_device *device, struct rig_pci **ret);

/** rig_pci_free() - NULL is fine */
RIG_API void rig_pci_free(struct rig_pci *pci);

/**
 * rig_pci_set_bar() - a BAR that the description did not have
 *
 * Return: 0, -EINVAL size or flags, -EEXIST this BAR (or its upper half) is there already
 */
RIG_API RIG_MUST_CHECK int rig_pci_set_bar(struct rig_pci *pci, unsigned int bar,
					   const struct rig_pci_bar *description);

/**
 * rig_pci_describe() - regions and IRQs for struct rig_device, as far as they follow from @pci
 * @regions: filled up to RIG_PCI_REGIONS: BARs and configuration space to be read and written, the
 *	ROM to be read, nothing mappable. Change what is different
 * @irqs: filled up to RIG_PCI_IRQS: INTx (with a pin: maskable, automasked), MSI and MSI-X with the
 *	vectors of their capabilities
 */
RIG_API void rig_pci_describe(const struct rig_pci *pci, struct rig_region *regions,
			      struct rig_irq *irqs);

/* --- accesses --- */

/**
 * rig_pci_read(), rig_pci_write() - the part of a region access that concerns @pci
 *
 * That is region RIG_PCI_CONFIG, and the bytes of a BAR where MSI-X table and pending bits are.
 * Other bytes of @buf are not touched by a read, and ignored by a write. So a BAR with registers
 * next to a table reads its registers into @buf first, and passes the access on then.
 *
 * Return: 0, -EINVAL outside of configuration space; RIG_DEFERRED or an error of a handler or
 * callback: the bytes behind those it stands for were not accessed
 */
RIG_API RIG_MUST_CHECK int rig_pci_read(struct rig_pci *pci, uint32_t region, uint64_t offset,
					void *buf, size_t count);
RIG_API RIG_MUST_CHECK int rig_pci_write(struct rig_pci *pci, uint32_t region, uint64_t offset,
					 const void *buf, size_t count);

/**
 * rig_pci_reset() - registers and MSI-X table as after power-on
 *
 * For struct rig_device_ops.reset. Handlers and callbacks do not run.
 */
RIG_API void rig_pci_reset(struct rig_pci *pci);

/**
 * rig_pci_bytes() - the registers themselves, for the device: all of configuration space
 *
 * Good until rig_pci_free(). What the device writes here needs no permission and runs no handler;
 * while the function is being built it is one of its values after power-on once rig_pci_seal() (or
 * any _add_ or _set_) was called.
 */
RIG_API uint8_t *rig_pci_bytes(struct rig_pci *pci);

/** rig_pci_seal() - the present values of registers are those after power-on */
RIG_API void rig_pci_seal(struct rig_pci *pci);

/* --- capabilities; in the list they follow in the order in which they were added --- */

/**
 * struct rig_pci_cap - any capability
 * @id:      of the capability
 * @extended: it is an extended capability: in the space from 0x100 on, its header has 4 bytes
 * @version: of an extended capability; 0 counts as 1
 * @offset:  where it is to be, a multiple of 4; 0: anywhere. The first extended one is at 0x100
 * @body, @len: what follows the header (id and next pointer: 2 bytes; of an extended one, with its
 *	version: 4 bytes)
 * @writable, @write1_clear: masks of @len bytes for @body; NULL: none of it
 */
struct rig_pci_cap {
	uint16_t id;
	bool extended;
	uint8_t version;
	uint16_t offset;
	const void *body;
	size_t len;
	const void *writable;
	const void *write1_clear;
};

/**
 * rig_pci_add_cap() - a capability from its bytes
 *
 * One with effects gets a handler for its bytes afterwards.
 * Return: its offset, -EINVAL, -EEXIST something is at @offset, -ENOSPC (the space up to 0x100 has
 * 192 bytes for those that are not extended)
 */
RIG_API RIG_MUST_CHECK int rig_pci_add_cap(struct rig_pci *pci, const struct rig_pci_cap *cap);

/*
 * Those below return the offset, -ENOSPC, or -EEXIST: the function has one; and more where they say
 * so.
 */

/**
 * rig_pci_add_pm() - power management, version 3: D0 and D3hot, whose registers survive
 * @changed: the guest asked for this state (0 or 3). Return: 0, RIG_DEFERRED for the access after
 *	rig_server_defer(), or a negative errno: the state stays. NULL: nobody asks. A reset goes to D0
 *	without this
 */
RIG_API RIG_MUST_CHECK int rig_pci_add_pm(struct rig_pci *pci,
					  int (*changed)(void *opaque, unsigned int d_state),
					  void *opaque);

/* MSI: what its capability has. */
#define RIG_PCI_MSI_64	 (1u << 0) /* 64-bit addresses; PCI Express demands it */
#define RIG_PCI_MSI_MASK (1u << 1) /* a mask bit and a pending bit for each vector */

/** rig_pci_add_msi() - @vectors: 1, 2, 4, 8, 16 or 32; @flags: RIG_PCI_MSI_...; else -EINVAL */
RIG_API RIG_MUST_CHECK int rig_pci_add_msi(struct rig_pci *pci, unsigned int vectors,
					   uint32_t flags);

/**
 * rig_pci_add_msix() - MSI-X, and the table and pending bits that it points to
 * @vectors: 1 to 2048
 * @table_bar, @table_offset: 16 bytes for each vector, at a multiple of 8 inside this BAR
 * @pba_bar, @pba_offset: 8 bytes for each 64 vectors, likewise; they read as zero
 *
 * The BAR and what else is in it are the device's. It should not be mappable where these are.
 * Return: also -EINVAL, -ENOMEM
 */
RIG_API RIG_MUST_CHECK int rig_pci_add_msix(struct rig_pci *pci, unsigned int vectors,
					    unsigned int table_bar, uint32_t table_offset,
					    unsigned int pba_bar, uint32_t pba_offset);

/**
 * rig_pci_add_pcie() - a PCI Express endpoint, capability version 2
 * @reset: function level reset is offered. The guest initiated one: rig_pci_reset() has been called
 *	(Max_Payload_Size stays, "Function-Level Reset (FLR)"), now the rest of the device is to go
 *	back to power-on. @why is RIG_RESET_FUNCTION, so that one function can be this and
 *	rig_device_ops.reset. Return: 0, RIG_DEFERRED for the access after rig_server_defer(), or a
 *	negative errno for the client. NULL: not offered
 */
RIG_API RIG_MUST_CHECK int rig_pci_add_pcie(struct rig_pci *pci,
					    int (*reset)(void *opaque, enum rig_reset why),
					    void *opaque);

/**
 * rig_pci_add_vendor() - a vendor-specific capability
 * @data, @len: what follows its length byte
 * @writable: mask of @len bytes; NULL: read-only
 */
RIG_API RIG_MUST_CHECK int rig_pci_add_vendor(struct rig_pci *pci, const void *data, size_t len,
					      const void *writable);

/** rig_pci_add_serial() - extended capability "Device Serial Number"; -EINVAL without that space */
RIG_API RIG_MUST_CHECK int rig_pci_add_serial(struct rig_pci *pci, uint64_t serial);

/**
 * rig_pci_find_cap() - where a capability is
 * @after: 0 for the first with this @id, or the offset of one for the next with this @id
 *
 * Return: its offset, 0: there is none (any more), or @after is no capability
 */
RIG_API uint16_t rig_pci_find_cap(const struct rig_pci *pci, bool extended, uint16_t id,
				  uint16_t after);

/* --- registers with a meaning of their own --- */

/**
 * rig_pci_set_masks() - what the guest may write in @len bytes from @offset
 * @writable, @write1_clear: masks of @len bytes; NULL: none
 *
 * Return: 0, -EINVAL outside of configuration space
 */
RIG_API RIG_MUST_CHECK int rig_pci_set_masks(struct rig_pci *pci, uint16_t offset, size_t len,
					     const void *writable, const void *write1_clear);

/**
 * struct rig_pci_handler - code that stands for a range of configuration space
 *
 * An access that crosses the end of the range is split; offset (from the start of configuration
 * space) and count are the part inside. NULL: as without a handler.
 */
struct rig_pci_handler {
	/* buf has the registers' bytes already. Return: 0 or a negative errno */
	int (*read)(void *opaque, uint64_t offset, void *buf, size_t count);

	/*
	 * Nothing was stored yet: rig_pci_store() does it, by the masks. Return: 0, RIG_DEFERRED
	 * for the access after rig_server_defer(), or a negative errno.
	 */
	int (*write)(void *opaque, uint64_t offset, const void *buf, size_t count);

	void *opaque;
};

/**
 * rig_pci_set_handler() - have a handler for @len bytes from @offset; it is copied
 *
 * Of a capability's bytes once it was added; capabilities added later keep clear of them.
 * Return: 0, -EINVAL outside of configuration space or empty, -EEXIST some byte has one (those that
 * rig_pci_add_pm() and rig_pci_add_pcie() with a callback made have their own for a byte each),
 * -ENOSPC more than 64
 */
RIG_API RIG_MUST_CHECK int rig_pci_set_handler(struct rig_pci *pci, uint16_t offset, size_t len,
					       const struct rig_pci_handler *handler);

/** rig_pci_store() - write by the masks alone. Return: 0, -EINVAL outside of configuration space */
RIG_API RIG_MUST_CHECK int rig_pci_store(struct rig_pci *pci, uint64_t offset, const void *buf,
					 size_t count);

#ifdef __cplusplus
}
#endif

#endif
