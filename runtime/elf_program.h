/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPAN_RUNTIME_ELF_PROGRAM_H
#define SAMPAN_RUNTIME_ELF_PROGRAM_H

#include <stdbool.h>

/* Whether the kernel's ELF loader will take this file, and find the dynamic linker that it names: a 64-bit program for this machine, of
 * which the headers can be read. False may mean anything: a script, a foreign program that binfmt_misc knows, one that cannot be read.
 * elf(5). */
bool elf_program_is_native(const char *path);

#endif
