/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ps_table.h"

#include <string.h>

#include "common/parse.h"

#define BLANKS " \t"

/* The next word at or behind `text`; *ret_len is 0 at the end. */
static const char *next_word(const char *text, size_t *ret_len)
{
	text += strspn(text, BLANKS);
	*ret_len = strcspn(text, BLANKS);
	return text;
}

int ps_pid_column(const char *title, size_t *ret)
{
	size_t len, column = 0;

	for (const char *word = next_word(title, &len); len; word = next_word(word + len, &len), column++) {
		if (len == 3 && memcmp(word, "PID", 3) == 0) {
			*ret = column;
			return 0;
		}
	}
	return -ENOENT;
}

int ps_line_pid(const char *line, size_t column, pid_t *ret)
{
	char number[16];
	size_t len;
	const char *word = next_word(line, &len);
	int64_t pid;

	while (column-- > 0 && len)
		word = next_word(word + len, &len);
	if (len == 0 || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, word, len);
	number[len] = '\0';
	if (parse_i64(number, 0, INT32_MAX, &pid) < 0)
		return -EINVAL;
	*ret = (pid_t)pid;
	return 0;
}
