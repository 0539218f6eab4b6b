/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help_text.h"

#include <string.h>

#define USAGE    "Usage:  "
#define COMMANDS "Commands:"
#define OPTIONS  "Options:"

/* Ends the word at *p and moves behind it and one blank. */
static char *cut_word(char **p)
{
	char *word = *p;
	size_t len = strcspn(word, " ");

	*p = word + len + (word[len] ? 1 : 0);
	word[len] = '\0';
	return word;
}

/* "  -e, --env list      NAME=VALUE": at least two blanks more before the text. options_help_list. */
static bool read_option(char *line, struct help_entry *ret)
{
	char *p = line + strspn(line, " ");

	*ret = (struct help_entry){ 0 };
	if (p[0] == '-' && p[1] && p[1] != '-') {
		ret->letter = p[1];
		p += 2;
		p += strspn(p, ", ");
	}
	if (strncmp(p, "--", 2) != 0)
		return false;
	p += 2;
	ret->name = cut_word(&p);
	if (*p && *p != ' ')
		ret->value = cut_word(&p);
	ret->summary = p + strspn(p, " ");
	return true;
}

static bool read_command(char *line, struct help_entry *ret)
{
	char *p = line + strspn(line, " ");

	*ret = (struct help_entry){ .name = cut_word(&p) };
	ret->summary = p + strspn(p, " ");
	return ret->name[0] != '\0';
}

void help_text_read(char *text, struct help_text *ret)
{
	enum { NOTHING, IN_COMMANDS, IN_OPTIONS } where = NOTHING;
	char *line;

	*ret = (struct help_text){ .usage = "" };
	while ((line = strsep(&text, "\n"))) {
		if (strncmp(line, USAGE, strlen(USAGE)) == 0)
			ret->usage = line + strlen(USAGE);
		else if (strcmp(line, COMMANDS) == 0)
			where = IN_COMMANDS;
		else if (strcmp(line, OPTIONS) == 0)
			where = IN_OPTIONS;
		else if (line[0] != ' ')
			where = NOTHING;
		else if (where == IN_COMMANDS && ret->commands_len < HELP_ENTRIES_MAX)
			ret->commands_len += read_command(line, &ret->commands[ret->commands_len]);
		else if (where == IN_OPTIONS && ret->options_len < HELP_ENTRIES_MAX)
			ret->options_len += read_option(line, &ret->options[ret->options_len]);
	}
}

static const struct help_entry *by_letter(const struct help_text *h, char letter)
{
	for (size_t i = 0; i < h->options_len; i++)
		if (h->options[i].letter == letter)
			return &h->options[i];
	return NULL;
}

static const struct help_entry *by_name(const struct help_entry *items, size_t len, const char *name,
					size_t name_len)
{
	for (size_t i = 0; i < len; i++)
		if (strlen(items[i].name) == name_len && memcmp(items[i].name, name, name_len) == 0)
			return &items[i];
	return NULL;
}

const struct help_entry *help_text_option(const struct help_text *h, const char *word)
{
	const struct help_entry *found = NULL;

	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-')
		return by_name(h->options, h->options_len, word + 2, strcspn(word + 2, "="));
	for (word++; *word && *word != '='; word++) {
		found = by_letter(h, *word);
		if (!found || found->value)
			break;
	}
	return found;
}

const struct help_entry *help_text_command(const struct help_text *h, const char *name)
{
	return by_name(h->commands, h->commands_len, name, strlen(name));
}

/* Words of the command's own name are lower case without any sign. */
static bool is_name(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((word[i] < 'a' || word[i] > 'z') && word[i] != '-')
			return false;
	return true;
}

/* The next word of a usage line; NULL at its end. *ret_len is its length. */
static const char *next_word(const char *p, size_t *ret_len)
{
	p += strspn(p, " ");
	*ret_len = strcspn(p, " ");
	return *ret_len > 0 ? p : NULL;
}

static bool repeats(const char *word, size_t len)
{
	return memmem(word, len, "...", 3) != NULL;
}

/* The first argument from `p` on: neither a word of the command's name nor an option. NULL: there is none, or what follows are other forms of the
 * same. */
static const char *next_argument(const char *p, bool in_name, size_t *ret_len)
{
	const char *word;

	for (; (word = next_word(p, ret_len)); p = word + *ret_len) {
		if (word[0] == '|')
			return NULL;
		if (word[0] == '-' && *ret_len > 1) { /* "--key FILE": it must be given */
			word = next_word(word + *ret_len, ret_len);
			if (!word)
				return NULL;
			continue;
		}
		if (strncmp(word, "[OPTIONS]", *ret_len) != 0 && !(in_name && is_name(word, *ret_len)))
			return word;
	}
	return NULL;
}

const char *help_text_argument(const struct help_text *h, size_t n, size_t *ret_len)
{
	size_t len = 0, next_len = 0;
	const char *word = next_argument(h->usage, true, &len);

	for (; word && n > 0; n--) {
		const char *next = next_argument(word + len, false, &next_len);

		if (!next) {
			word = repeats(word, len) ? word : NULL;
			break;
		}
		word = next;
		len = next_len;
	}
	if (word)
		*ret_len = len;
	return word;
}

bool help_text_options_first(const struct help_text *h)
{
	return strstr(h->usage, "COMMAND [ARG...]") || strstr(h->usage, "[COMMAND]");
}
