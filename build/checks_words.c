/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/checks_text.h"
#include "build/path_clean.h"
#include "common/cleanup.h"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"

bool check_is_on(const struct check_options *o, enum check_id id)
{
	const struct check_info *check = check_info(id);

	return !check_options_skip(o, check->name, check->experimental);
}

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
