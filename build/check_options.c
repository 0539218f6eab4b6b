/* SPDX-License-Identifier: Apache-2.0 */
#include "build/check_options.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define BLANKS " \t\r\n\v\f"

void check_options_done(struct check_options *c)
{
	strvec_done(&c->skip);
	strvec_done(&c->experimental);
	*c = (struct check_options){ 0 };
}

/* Cuts blanks at both ends off, in place. */
static char *trimmed(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static int read_rules(char *value, struct strvec *rules, bool *all, struct err *e)
{
	char *name;

	value = trimmed(value);
	rules->max = CHECK_RULES_MAX;
	*all = strcmp(value, "all") == 0;
	while (!*all && (name = strsep(&value, ",")) != NULL) {
		int r = strvec_add(rules, trimmed(name));

		if (r == -EFBIG)
			return err_set(e, r, "more than %d rules in a check option", CHECK_RULES_MAX);
		if (r < 0)
			return err_code(e, r, "cannot read the check options");
	}
	return 0;
}

/* "skip=a,b" */
static int read_option(char *option, struct check_options *c, struct err *e)
{
	char *value = strchr(option, '=');
	const char *key;

	if (!value)
		return err_set(e, -EINVAL, "invalid check option \"%s\"", option);
	*value++ = '\0';
	key = trimmed(option);
	if (strcmp(key, "skip") == 0)
		return read_rules(value, &c->skip, &c->skip_all, e);
	if (strcmp(key, "experimental") == 0)
		return read_rules(value, &c->experimental, &c->experimental_all, e);
	if (strcmp(key, "error") != 0)
		return err_set(e, -EINVAL, "invalid check option \"%s\"", key);
	value = trimmed(value);
	if (parse_bool(value, &c->error) < 0)
		return err_set(e, -EINVAL, "failed to parse check option \"error=%s\"", value);
	return 0;
}

int check_options_parse(const char *text, struct check_options *ret, struct err *e)
{
	cleanup_check_options struct check_options c = { 0 };
	cleanup_free char *copy = strdup(text);
	char *rest, *option;
	int r = 0;

	if (!copy)
		return err_code(e, -ENOMEM, "cannot read the check options");
	rest = trimmed(copy);
	if (!*rest)
		rest = NULL; /* nothing is said */
	while (r == 0 && (option = strsep(&rest, ";")) != NULL)
		r = read_option(option, &c, e);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct check_options){ 0 };
	return 0;
}

bool check_options_skip(const struct check_options *c, const char *rule, bool is_experimental)
{
	if (is_experimental && !c->experimental_all && !strvec_has(&c->experimental, rule))
		return true;
	return c->skip_all || strvec_has(&c->skip, rule);
}
