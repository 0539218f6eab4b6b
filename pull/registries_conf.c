/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registries_conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/toml.h"

static void rule_done(struct registry_rule *r)
{
	free(r->prefix);
	free(r->location);
	for (size_t i = 0; i < r->mirrors_len; i++)
		free(r->mirrors[i].location);
	free(r->mirrors);
	*r = (struct registry_rule){ 0 };
}

void registries_conf_done(struct registries_conf *c)
{
	for (size_t i = 0; i < c->rules_len; i++)
		rule_done(&c->rules[i]);
	free(c->rules);
	strvec_done(&c->search);
	strvec_done(&c->aliases);
	*c = (struct registries_conf){ 0 };
}

/* --- reading ----------------------------------------------------------------------------------------- */

static int bad(const struct toml_value *v, struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "line %u: %s", v->line, what);
}

/* "host[:port][/path]", with nothing in it that a name has not: it becomes part of URLs. */
static bool is_location(const char *text)
{
	if (!isalnum((unsigned char)*text) && *text != '[')
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_:/[]", *p))
			return false;
	return text[strlen(text) - 1] != '/' && !strstr(text, "//");
}

static bool is_prefix(const char *text)
{
	return strncmp(text, "*.", 2) == 0 ? is_location(text + 2) && !strchr(text, '/') : is_location(text);
}

static int read_use(const struct toml_value *v, enum mirror_use *ret, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = toml_get_string(v, "pull-from-mirror", &text, e);

	if (r < 0 || !text || strcmp(text, "all") == 0)
		return r;
	if (strcmp(text, "digest-only") == 0)
		*ret = MIRROR_DIGEST_ONLY;
	else if (strcmp(text, "tag-only") == 0)
		*ret = MIRROR_TAG_ONLY;
	else
		return bad(v, e, "pull-from-mirror is none of all, digest-only and tag-only");
	return 0;
}

static int read_mirror(const struct toml_value *v, bool by_digest_only, struct registry_mirror *ret,
		       struct err *e)
{
	int r = toml_get_string(v, "location", &ret->location, e);

	if (r == 0)
		r = toml_get_bool(v, "insecure", &ret->insecure, e);
	if (r == 0)
		r = read_use(v, &ret->use, e);
	if (r < 0)
		return r;
	if (!ret->location || !is_location(ret->location))
		return bad(v, e, "a mirror needs a location: HOST[:PORT][/PATH]");
	if (by_digest_only && ret->use != MIRROR_ALL)
		return bad(v, e, "mirror-by-digest-only and pull-from-mirror exclude each other");
	return 0;
}

static int read_mirrors(const struct toml_value *list, struct registry_rule *ret, struct err *e)
{
	int r = 0;

	if (!list)
		return 0;
	if (list->kind != TOML_ARRAY)
		return bad(list, e, "expected [[registry.mirror]]");
	ret->mirrors = calloc(list->len + 1, sizeof(*ret->mirrors));
	if (!ret->mirrors)
		return err_code(e, -ENOMEM, "cannot keep mirrors");
	for (size_t i = 0; r == 0 && i < list->len; i++)
		r = read_mirror(&list->items[i], ret->mirror_by_digest_only,
				&ret->mirrors[ret->mirrors_len++], e);
	return r;
}

static int read_rule(const struct toml_value *v, struct registry_rule *ret, struct err *e)
{
	int r = toml_get_string(v, "prefix", &ret->prefix, e);

	if (r == 0)
		r = toml_get_string(v, "location", &ret->location, e);
	if (r == 0)
		r = toml_get_bool(v, "insecure", &ret->insecure, e);
	if (r == 0)
		r = toml_get_bool(v, "blocked", &ret->blocked, e);
	if (r == 0)
		r = toml_get_bool(v, "mirror-by-digest-only", &ret->mirror_by_digest_only, e);
	if (r == 0)
		r = read_mirrors(toml_get(v, "mirror"), ret, e);
	if (r < 0)
		return r;
	if (ret->location && (!*ret->location || !is_location(ret->location)))
		return bad(v, e, "'location' is not HOST[:PORT][/PATH]");
	if (!ret->prefix && ret->location) {
		ret->prefix = strdup(ret->location);
		if (!ret->prefix)
			return err_code(e, -ENOMEM, "cannot keep a registry");
	}
	if (!ret->prefix || !is_prefix(ret->prefix))
		return bad(v, e, "a registry needs a prefix (HOST[:PORT][/PATH] or *.HOST) or a location");
	return 0;
}

static int add_rule(struct registries_conf *c, struct registry_rule *rule, struct err *e)
{
	struct registry_rule *longer;

	for (size_t i = 0; i < c->rules_len; i++) {
		if (strcmp(c->rules[i].prefix, rule->prefix) != 0)
			continue;
		rule_done(&c->rules[i]);
		c->rules[i] = *rule;
		return 0;
	}
	longer = reallocarray(c->rules, c->rules_len + 1, sizeof(*longer));
	if (!longer)
		return err_code(e, -ENOMEM, "cannot keep a registry");
	c->rules = longer;
	c->rules[c->rules_len++] = *rule;
	return 0;
}

static int read_rules(struct registries_conf *c, const struct toml_value *list, struct err *e)
{
	int r = 0;

	if (list && list->kind != TOML_ARRAY)
		return bad(list, e, "expected [[registry]]");
	for (size_t i = 0; r == 0 && list && i < list->len; i++) {
		struct registry_rule rule = { 0 };

		if (list->items[i].kind != TOML_TABLE)
			return bad(list, e, "expected [[registry]]");
		r = read_rule(&list->items[i], &rule, e);
		if (r == 0)
			r = add_rule(c, &rule, e);
		if (r < 0)
			rule_done(&rule);
	}
	return r;
}

static int read_aliases(struct registries_conf *c, const struct toml_value *table, struct err *e)
{
	if (!table)
		return 0;
	if (table->kind != TOML_TABLE)
		return bad(table, e, "expected [aliases]");
	for (size_t i = 0; i < table->len; i++) {
		const struct toml_value *v = &table->items[i];
		cleanup_free char *pair = NULL;

		if (v->kind != TOML_STRING || (*v->text && (!is_location(v->text) || !strchr(v->text, '/'))))
			return bad(v, e, "an alias means HOST[:PORT]/PATH");
		if (strchr(v->key, '='))
			return bad(v, e, "an alias is no name");
		if (asprintf(&pair, "%s=%s", v->key, v->text) < 0 || strvec_set_env(&c->aliases, pair) < 0)
			return err_code(e, -ENOMEM, "cannot keep an alias");
	}
	return 0;
}

static int read_mode(struct registries_conf *c, const struct toml_value *top, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = toml_get_string(top, "short-name-mode", &text, e);

	if (r < 0 || !text)
		return r;
	if (strcmp(text, "enforcing") == 0)
		c->mode = SHORT_NAME_ENFORCING;
	else if (strcmp(text, "permissive") == 0)
		c->mode = SHORT_NAME_PERMISSIVE;
	else if (strcmp(text, "disabled") == 0)
		c->mode = SHORT_NAME_DISABLED;
	else
		return bad(toml_get(top, "short-name-mode"), e,
			   "short-name-mode is none of enforcing, permissive and disabled");
	return 0;
}

int registries_conf_add(struct registries_conf *c, const char *text, size_t len, struct err *e)
{
	cleanup_toml struct toml_value top = { 0 };
	const struct toml_value *search;
	int r = toml_parse(text, len, &top, e);

	if (r < 0)
		return r;
	if (toml_get(&top, "registries"))
		return bad(toml_get(&top, "registries"), e,
			   "version 1 of the format is not supported (use [[registry]], see "
			   "containers-registries.conf(5))");
	search = toml_get(&top, "unqualified-search-registries");
	r = toml_get_strings(&top, "unqualified-search-registries", &c->search, e);
	for (size_t i = 0; r == 0 && search && i < c->search.len; i++)
		if (!is_location(c->search.items[i]))
			r = bad(search, e, "unqualified-search-registries holds what is no registry");
	if (r == 0)
		r = read_mode(c, &top, e);
	if (r == 0)
		r = read_aliases(c, toml_get(&top, "aliases"), e);
	return r < 0 ? r : read_rules(c, toml_get(&top, "registry"), e);
}

/* --- asking ------------------------------------------------------------------------------------------ */

static bool ends_component(char c)
{
	return c == '\0' || c == '/' || c == ':' || c == '@';
}

/* How much of `name` a prefix matches; 0: it does not. */
static size_t matches(const char *prefix, const char *name)
{
	size_t host = strcspn(name, "/"), len;

	if (prefix[0] != '*') {
		len = strlen(prefix);
		return strncmp(name, prefix, len) == 0 && ends_component(name[len]) ? len : 0;
	}
	/* "*.example.com" and "*.example.com:5000": the end of the host, with or without its port. */
	for (size_t at = 1; at < host; at++) {
		len = strlen(prefix + 1);
		if (strncmp(name + at, prefix + 1, len) == 0 && at + len <= host &&
		    ends_component(name[at + len]))
			return at + len;
	}
	return 0;
}

const struct registry_rule *registries_conf_find(const struct registries_conf *c, const char *name,
						 size_t *ret_len)
{
	const struct registry_rule *best = NULL;

	for (size_t i = 0; i < c->rules_len; i++) {
		size_t len = matches(c->rules[i].prefix, name);

		if (len == 0 || (best && strlen(best->prefix) >= strlen(c->rules[i].prefix)))
			continue;
		best = &c->rules[i];
		*ret_len = len;
	}
	return best;
}

bool registries_conf_is_short(const char *text)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	if (reference_parse(text, &ref, &ignored) < 0)
		return false; /* whoever uses it will hear what is wrong */
	return strcmp(ref.domain, "docker.io") == 0 && strncmp(text, "docker.io/", 10) != 0 &&
	       strncmp(text, "index.docker.io/", 16) != 0;
}

int registries_conf_candidates(const struct registries_conf *c, const char *text, struct strvec *ret,
			       struct err *e)
{
	size_t len = strcspn(text, ":@");
	cleanup_free char *name = strndup(text, len);
	const char *alias;
	int r = 0;

	if (!name)
		return err_code(e, -ENOMEM, "cannot look up '%s'", text);
	if (!registries_conf_is_short(text))
		return 0;
	alias = strvec_get_env(&c->aliases, name);
	if (alias && *alias)
		r = strvec_addf(ret, "%s%s", alias, text + len);
	for (size_t i = 0; r == 0 && !(alias && *alias) && i < c->search.len; i++)
		r = strvec_addf(ret, "%s/%s", c->search.items[i], text);
	return r < 0 ? err_code(e, r, "cannot look up '%s'", text) : 0;
}

int registries_conf_expand(const struct registries_conf *c, const char *text, struct strvec *ret,
			   struct err *e)
{
	int r = registries_conf_candidates(c, text, ret, e);

	if (r == 0 && ret->len > 1 && c->mode == SHORT_NAME_ENFORCING)
		return err_set(e, -EINVAL,
			       "'%s' may mean several images, as unqualified-search-registries has %zu "
			       "registries; write "
			       "the registry too (%s/%s), or set short-name-mode to permissive",
			       text, c->search.len, c->search.items[0], text);
	if (r == 0 && ret->len == 0 && strvec_add(ret, text) < 0)
		r = err_code(e, -ENOMEM, "cannot look up '%s'", text);
	return r;
}
