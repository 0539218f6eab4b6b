/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF program needs of a machine, by its header, its segments and its notes. elf(5); x86-64 psABI, "Program Property". Pure: programs come from
 * images and may be hostile. */
#ifndef SAMPAN_OCI_ELF_NEEDS_H
#define SAMPAN_OCI_ELF_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_NEEDS_BYTES 8192 /* of a program's beginning that do: headers, segments and notes are there */

struct elf_needs {
	uint16_t machine; /* EM_* of elf.h */
	bool is_32bit, is_big_endian;
	uint64_t alignment; /* the smallest of its loadable segments; 0: it has none */
	int amd64_level;    /* 1 to 4, where a note says so; else 0 */
};

/* False: it is no ELF program, or what is there of it is not whole. */
bool elf_needs_read(const void *data, size_t len, struct elf_needs *ret);

#endif
