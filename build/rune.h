/* SPDX-License-Identifier: Apache-2.0 */
/* Characters, where the language of Dockerfiles and ignore files counts in them: what '?' stands for, what a blank is, what a
 * name is made of. Go's unicode package decides: BuildKit is written with it. */
#ifndef SAMPAN_BUILD_RUNE_H
#define SAMPAN_BUILD_RUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNE_BAD 0x110000u /* plus the byte: one that belongs to no character, and is equal to itself only */

/* The character at *at, which is in front of `end`; *at moves behind it. */
uint32_t rune_next(const char **at, const char *end);

/* White space as Unicode defines it: blanks, tabs, line ends, U+00A0, U+3000 and others. */
bool rune_is_space(uint32_t rune);

/* What a variable's name is made of: letters and digits of all scripts, and '_'. Outside of ASCII this is a short table of what is
 * no letter (punctuation, symbols, marks, emoji): rare signs of living scripts count as letters. */
bool rune_is_name(uint32_t rune);

/* `text` without the white space around it: *text moves, and the length that is left is returned. */
size_t rune_trim(const char **text, size_t len);

#endif
