/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * adder.h - the registers of the devices in device.c and device_worker.c, for their drivers
 *
 * In BAR0, little-endian. The device adds up bytes of guest memory, then triggers MSI-X vector 0.
 */
#ifndef EXAMPLES_ADDER_H
#define EXAMPLES_ADDER_H

enum adder_register {
	ADDER_ADDRESS = 0x00, /* 8 bytes: of guest memory */
	ADDER_LENGTH = 0x08,  /* 4 bytes */
	ADDER_START = 0x0c,   /* 4 bytes: write 1; reads 0 again when it is done */
	ADDER_SUM = 0x10,     /* 8 bytes; all ones: the memory could not be read */
	ADDER_SIZE = 0x18,
};

#define ADDER_FAILED UINT64_MAX

#endif
