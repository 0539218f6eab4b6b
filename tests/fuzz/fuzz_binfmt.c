/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a file of binfmt_misc says is an entry whose magic lies in what the kernel reads of a program, or an error with words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/binfmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct binfmt_entry entry;
	const struct binfmt_cpu *cpu;
	struct err e = { 0 };
	int r, fits = 0;

	if (size > BINFMT_ENTRY_MAX_BYTES)
		return 0;
	r = binfmt_entry_parse("fuzzed", (const char *)data, size, &entry, &e);
	if (r < 0) {
		if (r != e.code || !e.text[0])
			abort();
		return 0;
	}
	if (!entry.interpreter[0] || entry.offset + entry.len > BINFMT_MAGIC_MAX)
		abort();
	for (size_t i = 0; (cpu = binfmt_cpu_at(i)); i++)
		fits += binfmt_entry_fits(&entry, cpu);
	if (entry.by_extension && fits > 0)
		abort();
	return 0;
}
