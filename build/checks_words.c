/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/checks_text.h"
#include "build/path_clean.h"
#include "build/rune.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define UPPER        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER        "abcdefghijklmnopqrstuvwxyz"
#define DISTANCE_MAX 2   /* letters that a suggestion may be away */
#define SUGGEST_MAX  128 /* bytes; longer words are not compared */

/* --- which of them are on ---------------------------------------------------------------------------- */

void check_config_done(struct check_config *c)
{
	strvec_done(&c->skip);
	strvec_done(&c->experimental);
}

/* A copy without the blanks around it. NULL: out of memory. */
static char *trimmed(const char *text, size_t len)
{
	len = rune_trim(&text, len);
	return strndup(text, len);
}

/* "all", or names with commas between them. */
static int parse_names(const char *text, struct strvec *names, bool *all, struct err *e)
{
	*all = strcmp(text, "all") == 0;
	strvec_done(names);
	while (!*all) {
		const char *stop = strchrnul(text, ',');
		int r = strvec_take(names, trimmed(text, (size_t)(stop - text)));

		if (r < 0)
			return err_code(e, r, "cannot keep the names of checks");
		if (!*stop)
			break;
		text = stop + 1;
	}
	return 0;
}

static int parse_option(const char *text, size_t len, struct check_config *c, struct err *e)
{
	const char *equals = memchr(text, '=', len);
	cleanup_free char *key = NULL, *value = NULL;

	if (!equals)
		return err_set(e, -EINVAL, "invalid check option '%.*s'", (int)len, text);
	key = trimmed(text, (size_t)(equals - text));
	value = trimmed(equals + 1, (size_t)(text + len - equals - 1));
	if (!key || !value)
		return err_code(e, -ENOMEM, "cannot parse the options of checks");
	if (strcmp(key, "skip") == 0)
		return parse_names(value, &c->skip, &c->skip_all, e);
	if (strcmp(key, "experimental") == 0)
		return parse_names(value, &c->experimental, &c->experimental_all, e);
	if (strcmp(key, "error") != 0)
		return err_set(e, -EINVAL, "invalid check option '%s'", key);
	if (parse_bool(value, &c->error) < 0)
		return err_set(e, -EINVAL, "invalid check option 'error': '%s' is neither true nor false",
			       value);
	return 0;
}

int check_config_parse(const char *text, struct check_config *ret, struct err *e)
{
	cleanup_check_config struct check_config c = { 0 };
	size_t len = rune_trim(&text, strlen(text));
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, ';', (size_t)(end - text));
		int r;

		stop = stop ? stop : end;
		r = parse_option(text, (size_t)(stop - text), &c, e);
		if (r < 0)
			return r;
		text = stop < end ? stop + 1 : end;
	}
	*ret = c;
	c = (struct check_config){ 0 };
	return 0;
}

bool check_is_on(const struct check_config *c, enum check_id id)
{
	const struct check_info *check = check_info(id);

	if (check->experimental)
		return c->experimental_all || strvec_has(&c->experimental, check->name);
	return !c->skip_all && !strvec_has(&c->skip, check->name);
}

/* --- questions about words ---------------------------------------------------------------------------- */

static bool is_lower(const char *word)
{
	return !strpbrk(word, UPPER);
}

static bool is_upper(const char *word)
{
	return !strpbrk(word, LOWER);
}

bool check_one_case(const char *word)
{
	return is_lower(word) || is_upper(word);
}

const char *check_wanted_case(const char *word, bool most_are_lower)
{
	if (most_are_lower)
		return is_lower(word) ? NULL : "lowercase";
	return is_upper(word) ? NULL : "uppercase";
}

bool check_from_as_agree(const char *from, const char *as)
{
	if (!check_one_case(from))
		return true;
	return is_lower(from) ? is_lower(as) : is_upper(as);
}

bool check_stage_is_reserved(const char *stage)
{
	return strcmp(stage, "scratch") == 0 || strcmp(stage, "context") == 0;
}

/* Whether a part of `name`, between underscores, is one of `words`, in any case. */
static bool has_part(const char *name, const char *const *words, size_t len)
{
	for (;;) {
		size_t part = strcspn(name, "_");

		for (size_t i = 0; i < len; i++)
			if (strlen(words[i]) == part && strncasecmp(name, words[i], part) == 0)
				return true;
		if (!name[part])
			return false;
		name += part + 1;
	}
}

bool check_name_is_secret(const char *name)
{
	static const char *const SECRET[] = { "apikey",   "auth",  "credential", "credentials", "key",
					      "password", "pword", "passwd",     "secret",      "token" };
	static const char *const PLAIN[] = { "public", "file", "version" };

	return has_part(name, SECRET, ARRAY_LEN(SECRET)) && !has_part(name, PLAIN, ARRAY_LEN(PLAIN));
}

bool check_expose_proto_case(const char *port)
{
	const char *slash = strchr(port, '/');

	return slash && !is_lower(slash);
}

bool check_expose_has_host(const char *port)
{
	return strchr(port, ':') != NULL;
}

bool check_comment_names_one(const char *comment, const struct strvec *names)
{
	size_t len = strcspn(comment, " ");

	for (size_t i = 0; i < names->len; i++)
		if (strlen(names->items[i]) == len && memcmp(names->items[i], comment, len) == 0)
			return true;
	return false;
}

bool check_stage_names_platform(const char *stage, const char *os, const char *architecture)
{
	return strstr(stage, os) || strstr(stage, architecture);
}

/* Whether a pattern leaves out all that is at the top, and is not just a name that matches. */
static bool leaves_all_out(const struct ignore *ignore)
{
	static const char *const ALL[] = { "*", "**", "**/*" };

	for (size_t i = 0; i < ignore->len; i++)
		for (size_t n = 0; n < ARRAY_LEN(ALL); n++)
			if (strcmp(ignore->items[i].glob.text, ALL[n]) == 0)
				return true;
	return false;
}

int check_source_is_ignored(const struct ignore *ignore, const char *source, bool *ret, struct err *e)
{
	cleanup_free char *path = path_clean(source);

	if (!path)
		return err_code(e, -ENOMEM, "cannot match '%.150s'", source);
	if (ignore->exceptions ||
	    ((strcmp(path, ".") == 0 || strcmp(path, "/") == 0) && !leaves_all_out(ignore))) {
		*ret = false;
		return 0;
	}
	return ignore_check_path(ignore, path, ret, e);
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, in bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[SUGGEST_MAX + 1], len = strlen(b);

	for (size_t i = 0; i <= len; i++)
		row[i] = i;
	for (size_t n = 1; *a; a++, n++) {
		size_t diagonal = row[0];

		row[0] = n;
		for (size_t i = 1; i <= len; i++) {
			size_t above = row[i];

			row[i] = min(min(above, row[i - 1]) + 1, diagonal + (*a != b[i - 1]));
			diagonal = above;
		}
	}
	return row[len];
}

const char *check_suggest(const char *word, const struct strvec *options)
{
	size_t best = DISTANCE_MAX + 1;
	const char *found = NULL;

	if (strlen(word) > SUGGEST_MAX)
		return NULL;
	for (size_t i = 0; i < options->len; i++) {
		const char *option = options->items[i];
		size_t d = strlen(option) > SUGGEST_MAX ? best : distance(word, option);

		if (d == 0)
			return NULL;
		if (d < best) {
			best = d;
			found = option;
		}
	}
	return found;
}
