/* SPDX-License-Identifier: Apache-2.0 */
/* What --help says, read back: completion knows the options of all commands from it, those of sampan-image and of commands to come
 * included. */
#ifndef SAMPAN_CLI_HELP_TEXT_H
#define SAMPAN_CLI_HELP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define HELP_ENTRIES_MAX 192 /* what is beyond is left out */

/* Of a command only name and summary are set. */
struct help_entry {
	const char *name, *value, *summary; /* value NULL: it needs none */
	char letter;                        /* 0: none */
};

/* Everything points into the text. */
struct help_text {
	const char *usage; /* "sampan run [OPTIONS] IMAGE ..."; "" where there is none */
	struct help_entry commands[HELP_ENTRIES_MAX], options[HELP_ENTRIES_MAX];
	size_t commands_len, options_len;
};

/* Reads what options_help prints, or a list of commands; cuts `text` in pieces, and borrows it. */
void help_text_read(char *text, struct help_text *ret);

/* The option of a word: "--name", "--name=x", "-n", "-abn" (the last letter that may take a value, or the first that does). NULL: none. */
const struct help_entry *help_text_option(const struct help_text *h, const char *word);

/* The command of that name, or NULL. */
const struct help_entry *help_text_command(const struct help_text *h, const char *name);

/* The nth argument (from 0) in the usage line, as "IMAGE" or "[REPOSITORY[:TAG]]"; the last one repeats where it is followed by dots. The length is in
 * *ret_len. NULL: there is none. */
const char *help_text_argument(const struct help_text *h, size_t n, size_t *ret_len);

/* The first argument ends the options: what follows is another program's. */
bool help_text_options_first(const struct help_text *h);

#endif
