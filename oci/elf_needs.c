/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/elf_needs.h"

#include <elf.h>
#include <string.h>

#define SEGMENTS_MAX 128 /* that are looked at */

#ifndef GNU_PROPERTY_X86_ISA_1_NEEDED
#define GNU_PROPERTY_X86_ISA_1_NEEDED 0xc0008002
#endif

struct image {
	const unsigned char *data;
	size_t len;
	bool big_endian, wide; /* 64-bit */
};

static bool has(const struct image *i, uint64_t at, uint64_t len)
{
	return at <= i->len && len <= i->len - at;
}

/* A number of `size` bytes in the program's order; 0 behind the end of what is there. */
static uint64_t number(const struct image *i, uint64_t at, unsigned int size)
{
	uint64_t n = 0;

	if (!has(i, at, size))
		return 0;
	for (unsigned int k = 0; k < size; k++)
		n = n << 8 | i->data[at + (i->big_endian ? k : size - 1 - k)];
	return n;
}

static int level_of(uint32_t bits)
{
	int level = 0;

	for (int i = 0; i < 4; i++)
		if (bits & 1u << i)
			level = i + 1;
	return level;
}

/* The properties in the descriptor of one NT_GNU_PROPERTY_TYPE_0. */
static void read_properties(const struct image *i, uint64_t at, uint64_t len, struct elf_needs *ret)
{
	const uint64_t end = at + len, align = i->wide ? 8 : 4;

	while (at + 8 <= end) {
		uint64_t type = number(i, at, 4), size = number(i, at + 4, 4);

		if (size > end - at - 8)
			return;
		if (type == GNU_PROPERTY_X86_ISA_1_NEEDED && size >= 4 && ret->machine == EM_X86_64)
			ret->amd64_level = level_of((uint32_t)number(i, at + 8, 4));
		at += 8 + (size + align - 1) / align * align;
	}
}

static void read_notes(const struct image *i, uint64_t at, uint64_t len, uint64_t align,
		       struct elf_needs *ret)
{
	const uint64_t end = at + len;

	if (!has(i, at, len))
		return;
	align = align == 8 ? 8 : 4;
	while (at + 12 <= end) {
		uint64_t name_len = number(i, at, 4), desc_len = number(i, at + 4, 4),
			 type = number(i, at + 8, 4);
		uint64_t desc = at + 12 + (name_len + 3) / 4 * 4;

		desc = align == 8 ? (desc + 7) / 8 * 8 : desc;
		if (desc > end || desc_len > end - desc)
			return;
		if (type == NT_GNU_PROPERTY_TYPE_0 && name_len == 4 &&
		    memcmp(i->data + at + 12, "GNU", 4) == 0)
			read_properties(i, desc, desc_len, ret);
		at = desc + (desc_len + align - 1) / align * align;
	}
}

static void read_segment(const struct image *i, uint64_t at, struct elf_needs *ret)
{
	const unsigned int word = i->wide ? 8 : 4;
	uint64_t type = number(i, at, 4);
	uint64_t offset = number(i, at + (i->wide ? 8 : 4), word);
	uint64_t size = number(i, at + (i->wide ? 32 : 16), word);
	uint64_t align = number(i, at + (i->wide ? 48 : 28), word);

	if (type == PT_LOAD && align > 1 && (ret->alignment == 0 || align < ret->alignment))
		ret->alignment = align;
	if (type == PT_NOTE)
		read_notes(i, offset, size, align, ret);
}

bool elf_needs_read(const void *data, size_t len, struct elf_needs *ret)
{
	struct image i = { .data = data, .len = len };
	uint64_t segments, size, count;

	if (len < EI_NIDENT || memcmp(data, ELFMAG, SELFMAG) != 0)
		return false;
	i.wide = i.data[EI_CLASS] == ELFCLASS64;
	i.big_endian = i.data[EI_DATA] == ELFDATA2MSB;
	if ((!i.wide && i.data[EI_CLASS] != ELFCLASS32) || len < (i.wide ? 64 : 52))
		return false;
	*ret = (struct elf_needs){ .machine = (uint16_t)number(&i, 18, 2),
				   .is_32bit = !i.wide,
				   .is_big_endian = i.big_endian };
	segments = number(&i, i.wide ? 32 : 28, i.wide ? 8 : 4);
	size = number(&i, i.wide ? 54 : 42, 2);
	count = number(&i, i.wide ? 56 : 44, 2);
	if (size < (i.wide ? 56 : 32) || count > SEGMENTS_MAX)
		return true; /* what it is for is known, the rest is not */
	for (uint64_t n = 0; n < count && has(&i, segments, (n + 1) * size); n++)
		read_segment(&i, segments + n * size, ret);
	return true;
}
