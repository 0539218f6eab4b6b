/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal_text.h"

#include <stdbool.h>
#include <string.h>

#define COLOUR_MAX 32 /* bytes of an escape sequence that is shown */

/* Bytes of the sequence that sets a colour; 0: it is none. */
static size_t colour_len(const char *text, size_t len)
{
	size_t n = 2;

	if (len < 3 || text[0] != '\033' || text[1] != '[')
		return 0;
	while (n < len && n < COLOUR_MAX && text[n] && strchr("0123456789;", text[n]))
		n++;
	return n < len && text[n] == 'm' ? n + 1 : 0;
}

/* Bytes of the control character that the text begins with; 0: it begins with another one. */
static size_t control_len(const char *text, size_t len)
{
	unsigned char c = (unsigned char)text[0];

	if (c == 0xc2 && len > 1 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] <= 0x9f)
		return 2;
	return (c < ' ' && c != '\t') || c == 0x7f;
}

void terminal_text_put(FILE *out, const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\r')
		len--;
	while (len > 0) {
		size_t colour = colour_len(text, len);
		size_t control = colour ? 0 : control_len(text, len);
		size_t n = colour ? colour : control ? control : 1;

		if (control)
			(void)fputc('?', out);
		else
			(void)fwrite(text, 1, n, out);
		text += n;
		len -= n;
	}
}
