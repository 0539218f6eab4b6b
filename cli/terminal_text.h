/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others have written, for a terminal that shall obey none of it. */
#ifndef SAMPAN_CLI_TERMINAL_TEXT_H
#define SAMPAN_CLI_TERMINAL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Writes `len` bytes. Of control characters tabs stay, and colours (ESC "[" digits and ';' "m"), and a carriage return at the very end is left out; all others,
 * 0x80 to 0x9f in UTF-8 too, become '?'. */
void terminal_text_put(FILE *out, const char *text, size_t len);

#endif
