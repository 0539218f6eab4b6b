/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define BUILT_IN_MAX 4

static const struct {
	const char *name;
	const char *chains[BUILT_IN_MAX + 1];
} TABLES[IPTABLES_TABLES] = {
	{ "nat", { "PREROUTING", "INPUT", "OUTPUT", "POSTROUTING" } },
	{ "filter", { "INPUT", "FORWARD", "OUTPUT" } },
};

/* iptables' words. */
#define NO_CHAIN "iptables: No chain/target/match by that name.\n"
#define NO_RULE  "iptables: Bad rule (does a matching rule exist in that chain?).\n"
#define EXISTS   "iptables: Chain already exists.\n"

const char *iptables_table_name(size_t table)
{
	return TABLES[table].name;
}

static void chain_done(struct iptables_chain *c)
{
	for (size_t i = 0; i < c->rules_len; i++)
		iptables_rule_done(&c->rules[i]);
	free(c->rules);
	free(c->name);
	free(c->policy);
}

void iptables_tables_done(struct iptables_tables *t)
{
	for (size_t i = 0; i < IPTABLES_TABLES; i++) {
		for (size_t k = 0; k < t->tables[i].chains_len; k++)
			chain_done(&t->tables[i].chains[k]);
		free(t->tables[i].chains);
	}
	*t = (struct iptables_tables){ 0 };
}

void iptables_call_done(struct iptables_call *c)
{
	free(c->chain);
	iptables_rule_done(&c->rule);
	*c = (struct iptables_call){ 0 };
}

/* --- chains and rules --- */

static struct iptables_chain *find_chain(const struct iptables_table *t, const char *name)
{
	for (size_t i = 0; i < t->chains_len; i++)
		if (strcmp(t->chains[i].name, name) == 0)
			return &t->chains[i];
	return NULL;
}

/* iptables sorts those of users. */
static size_t place_of(const struct iptables_table *t, const char *name)
{
	size_t i = t->chains_len;

	while (i > 0 && !t->chains[i - 1].policy && strcmp(t->chains[i - 1].name, name) > 0)
		i--;
	return i;
}

static int add_chain(struct iptables_table *t, size_t at, const char *name, const char *policy)
{
	struct iptables_chain *chains,
		chain = { .name = strdup(name), .policy = policy ? strdup(policy) : NULL };

	if (t->chains_len == IPTABLES_CHAINS_MAX || !chain.name || (policy && !chain.policy)) {
		chain_done(&chain);
		return t->chains_len == IPTABLES_CHAINS_MAX ? -EFBIG : -ENOMEM;
	}
	chains = realloc(t->chains, (t->chains_len + 1) * sizeof(*chains));
	if (!chains) {
		chain_done(&chain);
		return -ENOMEM;
	}
	t->chains = chains;
	memmove(chains + at + 1, chains + at, (t->chains_len - at) * sizeof(*chains));
	chains[at] = chain;
	t->chains_len++;
	return 0;
}

static void remove_chain(struct iptables_table *t, struct iptables_chain *c)
{
	size_t at = (size_t)(c - t->chains);

	chain_done(c);
	t->chains_len--;
	memmove(c, c + 1, (t->chains_len - at) * sizeof(*c));
}

/* Takes the rule, also where it fails. */
static int add_rule(struct iptables_chain *c, size_t at, struct iptables_rule *rule)
{
	struct iptables_rule *rules = NULL;

	if (c->rules_len < IPTABLES_RULES_MAX)
		rules = realloc(c->rules, (c->rules_len + 1) * sizeof(*rules));
	if (!rules) {
		iptables_rule_done(rule);
		return c->rules_len < IPTABLES_RULES_MAX ? -ENOMEM : -EFBIG;
	}
	c->rules = rules;
	memmove(rules + at + 1, rules + at, (c->rules_len - at) * sizeof(*rules));
	rules[at] = *rule;
	*rule = (struct iptables_rule){ 0 };
	c->rules_len++;
	return 0;
}

static void remove_rule(struct iptables_chain *c, size_t at)
{
	iptables_rule_done(&c->rules[at]);
	c->rules_len--;
	memmove(c->rules + at, c->rules + at + 1, (c->rules_len - at) * sizeof(*c->rules));
}

/* Whether a text has a word, as a rule that is not understood has the name of its target. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

/* -ENOENT; -EOPNOTSUPP: there is a rule that is not understood, and may be this one. */
static int find_rule(const struct iptables_chain *c, const struct iptables_rule *rule, size_t *ret)
{
	int r = -ENOENT;

	for (size_t i = 0; i < c->rules_len; i++) {
		if (strcmp(c->rules[i].text, rule->text) == 0) {
			*ret = i;
			return 0;
		}
		if (!c->rules[i].target && has_word(c->rules[i].text, rule->target))
			r = -EOPNOTSUPP;
	}
	return r;
}

static bool is_referenced(const struct iptables_table *t, const char *chain)
{
	for (size_t i = 0; i < t->chains_len; i++)
		for (size_t k = 0; k < t->chains[i].rules_len; k++) {
			const struct iptables_rule *rule = &t->chains[i].rules[k];

			if (rule->target ? strcmp(rule->target, chain) == 0 : has_word(rule->text, chain))
				return true;
		}
	return false;
}

static bool target_exists(const struct iptables_table *t, const struct iptables_rule *rule)
{
	const struct iptables_chain *c = find_chain(t, rule->target);

	return iptables_is_own_target(rule->target) || (c && !c->policy);
}

/* --- what iptables-save prints --- */

struct reader {
	struct iptables_tables *tables;
	struct iptables_table *table; /* NULL: one that nobody asks for */
	bool in_table;
};

/* "# Generated by iptables-save v1.8.9 (nf_tables) on Mon ...". A table that iptables cannot read is a comment too, and -EINVAL. */
static int read_comment(struct reader *r, const char *line)
{
	const char *version = strstr(line, "tables-save v"), *end;

	if (strncmp(line, "# Completed on ", 15) == 0 || strncmp(line, "# Warning: ", 11) == 0)
		return 0;
	if (strncmp(line, "# Generated by ", 15) != 0 || !version)
		return -EINVAL;
	version = strchr(version, ' ') + 1;
	end = strstr(version, " on ");
	if (!end || (size_t)(end - version) >= sizeof(r->tables->version))
		return -EINVAL;
	(void)snprintf(r->tables->version, sizeof(r->tables->version), "%.*s", (int)(end - version), version);
	return 0;
}

static int begin_table(struct reader *r, const char *name)
{
	if (r->in_table)
		return -EINVAL;
	r->in_table = true;
	r->table = NULL;
	for (size_t i = 0; i < IPTABLES_TABLES; i++)
		if (strcmp(name, TABLES[i].name) == 0)
			r->table = &r->tables->tables[i];
	return r->table && r->table->chains_len > 0 ? -EINVAL : 0;
}

/* "NAME POLICY [0:0]"; a user's has "-". */
static int read_chain(struct iptables_table *t, char *line)
{
	char *policy = strchr(line, ' '), *end = policy ? strchr(policy + 1, ' ') : NULL;

	if (!end || policy == line || end == policy + 1)
		return -EINVAL;
	*policy++ = '\0';
	*end = '\0';
	return find_chain(t, line)
		       ? -EINVAL
		       : add_chain(t, t->chains_len, line, strcmp(policy, "-") == 0 ? NULL : policy);
}

/* "CHAIN WORDS" */
static int read_rule(struct iptables_table *t, char *line, bool ipv6)
{
	cleanup_strvec struct strvec words = { 0 };
	cleanup_iptables_rule struct iptables_rule rule = { 0 };
	char *text = strchr(line, ' ');
	struct iptables_chain *c;
	int r;

	if (text)
		*text++ = '\0';
	c = find_chain(t, line);
	if (!c)
		return -EINVAL;
	r = iptables_split(text ? text : "", &words);
	if (r == 0)
		r = iptables_rule_read(words.items, words.len, ipv6, &rule);
	if (r == -EOPNOTSUPP) {
		rule.text = strdup(text ? text : "");
		r = rule.text ? 0 : -ENOMEM;
	}
	return r == 0 ? add_rule(c, c->rules_len, &rule) : r;
}

static int read_line(struct reader *r, char *line)
{
	if (!line[0])
		return 0;
	if (line[0] == '#')
		return read_comment(r, line);
	if (line[0] == '*')
		return begin_table(r, line + 1);
	if (!r->in_table)
		return -EINVAL;
	if (strcmp(line, "COMMIT") == 0) {
		r->in_table = false;
		return 0;
	}
	if (!r->table)
		return 0;
	if (line[0] == ':')
		return read_chain(r->table, line + 1);
	return strncmp(line, "-A ", 3) == 0 ? read_rule(r->table, line + 3, r->tables->ipv6) : -EINVAL;
}

static int add_built_in(struct iptables_table *t, const char *const *chains)
{
	int r = 0;

	for (size_t i = 0; r == 0 && chains[i]; i++)
		r = add_chain(t, t->chains_len, chains[i], "ACCEPT");
	return r;
}

int iptables_tables_read(const char *text, size_t len, bool ipv6, struct iptables_tables *ret)
{
	cleanup_iptables_tables struct iptables_tables t = { .ipv6 = ipv6 };
	cleanup_free char *copy = strndup(len ? text : "", len);
	struct reader reader = { .tables = &t };
	char *rest = copy, *line;
	int r = copy ? 0 : -ENOMEM;

	if (r == 0 && strlen(copy) != len)
		return -EINVAL;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = read_line(&reader, line);
	if (r == 0 && reader.in_table)
		r = -EINVAL;
	for (size_t i = 0; r == 0 && i < IPTABLES_TABLES; i++)
		if (t.tables[i].chains_len == 0)
			r = add_built_in(&t.tables[i], TABLES[i].chains);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct iptables_tables){ 0 };
	return 0;
}

/* --- calls --- */

/* Without `--wait`, which stands at the end, and `-t TABLE`, with which netavark begins. */
static int read_table(char *const **args, size_t *len, size_t *ret)
{
	if (*len > 0 && strcmp((*args)[*len - 1], "--wait") == 0)
		--*len;
	if (*len < 3 || strcmp((*args)[0], "-t") != 0)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < IPTABLES_TABLES; i++)
		if (strcmp((*args)[1], TABLES[i].name) == 0) {
			*ret = i;
			*args += 2;
			*len -= 2;
			return 0;
		}
	return -EOPNOTSUPP;
}

/* Of -S, -N and -X; the others have more. */
static bool is_length_right(char verb, size_t len)
{
	return verb == 'S' ? len <= 2 : verb == 'N' || verb == 'X' ? len == 2 : len > 2;
}

static int read_chain_name(const char *text, char **ret)
{
	if (!iptables_is_name(text) || iptables_is_own_target(text))
		return -EOPNOTSUPP;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* From the verb on. */
static int read_verb(char *const *args, size_t len, bool ipv6, struct iptables_call *c)
{
	size_t used = 2;
	int r;

	if (args[0][0] != '-' || !args[0][1] || args[0][2] || !strchr("SNXAICD", args[0][1]))
		return -EOPNOTSUPP;
	c->verb = args[0][1];
	if (!is_length_right(c->verb, len))
		return -EOPNOTSUPP;
	r = len > 1 ? read_chain_name(args[1], &c->chain) : 0;
	if (r < 0 || len <= 2)
		return r;
	if (c->verb == 'I' && parse_u64(args[used++], 1, IPTABLES_RULES_MAX, &c->position) < 0)
		return -EOPNOTSUPP;
	return iptables_rule_read(args + used, len - used, ipv6, &c->rule);
}

int iptables_call_read(char *const *args, size_t len, bool ipv6, struct iptables_call *ret)
{
	struct iptables_call c = { 0 };
	int r;

	if (len == 1 && strcmp(args[0], "--version") == 0) {
		ret->verb = 'V';
		return 0;
	}
	r = read_table(&args, &len, &c.table);
	if (r == 0)
		r = read_verb(args, len, ipv6, &c);
	if (r < 0)
		iptables_call_done(&c);
	else
		*ret = c;
	return r;
}

static int print_chain(const struct iptables_chain *c, struct buf *out)
{
	return c->policy ? buf_printf(out, "-P %s %s\n", c->name, c->policy)
			 : buf_printf(out, "-N %s\n", c->name);
}

static int print_rules(const struct iptables_chain *c, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->rules_len; i++)
		r = buf_printf(out, "-A %s%s%s\n", c->name, c->rules[i].text[0] ? " " : "", c->rules[i].text);
	return r;
}

static int list(const struct iptables_table *t, const char *name, struct buf *out,
		struct iptables_answer *answer)
{
	const struct iptables_chain *only = name ? find_chain(t, name) : NULL;
	int r = 0;

	if (name && !only) {
		*answer = (struct iptables_answer){ .exit_code = 1, .error = NO_CHAIN };
		return 0;
	}
	if (only) {
		r = print_chain(only, out);
		return r == 0 ? print_rules(only, out) : r;
	}
	for (size_t i = 0; r == 0 && i < t->chains_len; i++)
		r = print_chain(&t->chains[i], out);
	for (size_t i = 0; r == 0 && i < t->chains_len; i++)
		r = print_rules(&t->chains[i], out);
	return r;
}

static int make_chain(struct iptables_table *t, const char *name, struct iptables_answer *answer)
{
	answer->changed = !find_chain(t, name);
	if (answer->changed)
		return add_chain(t, place_of(t, name), name, NULL);
	*answer = (struct iptables_answer){ .exit_code = 1, .error = EXISTS };
	return 0;
}

static int delete_chain(struct iptables_table *t, const char *name, struct iptables_answer *answer)
{
	struct iptables_chain *c = find_chain(t, name);

	if (!c) {
		*answer = (struct iptables_answer){ .exit_code = 1, .error = NO_CHAIN };
		return 0;
	}
	if (c->policy || c->rules_len > 0 || is_referenced(t, name))
		return -EOPNOTSUPP;
	answer->changed = true;
	remove_chain(t, c);
	return 0;
}

static int change_rule(struct iptables_chain *c, const struct iptables_call *call,
		       struct iptables_answer *answer)
{
	struct iptables_rule copy = { 0 };
	size_t at = c->rules_len;
	int r = strchr("CD", call->verb) ? find_rule(c, &call->rule, &at) : 0;

	if (r == -ENOENT) {
		*answer = (struct iptables_answer){ .exit_code = 1, .error = NO_RULE };
		return 0;
	}
	if (r < 0 || call->verb == 'C')
		return r;
	if (call->verb == 'I' && call->position > c->rules_len + 1)
		return -EOPNOTSUPP;
	answer->changed = true;
	if (call->verb == 'D') {
		remove_rule(c, at);
		return 0;
	}
	copy.text = strdup(call->rule.text);
	copy.target = strdup(call->rule.target);
	if (!copy.text || !copy.target) {
		iptables_rule_done(&copy);
		return -ENOMEM;
	}
	return add_rule(c, call->verb == 'I' ? call->position - 1 : at, &copy);
}

int iptables_answer(struct iptables_tables *tables, const struct iptables_call *call, struct buf *out,
		    struct iptables_answer *ret)
{
	struct iptables_table *t = &tables->tables[call->table];
	struct iptables_answer answer = { 0 };
	struct iptables_chain *c;
	int r;

	switch (call->verb) {
	case 'S':
		r = list(t, call->chain, out, &answer);
		break;
	case 'N':
		r = make_chain(t, call->chain, &answer);
		break;
	case 'X':
		r = delete_chain(t, call->chain, &answer);
		break;
	default:
		c = find_chain(t, call->chain);
		if (c && target_exists(t, &call->rule)) {
			r = change_rule(c, call, &answer);
		} else { /* iptables has several words for it, but a rule that is not there is not there */
			answer = (struct iptables_answer){ .exit_code = 1, .error = NO_RULE };
			r = call->verb == 'C' ? 0 : -EOPNOTSUPP;
		}
		break;
	}
	if (r == 0)
		*ret = answer;
	return r;
}

bool iptables_is_due(const struct iptables_tables *tables, struct iptables_call *call)
{
	const struct iptables_table *t = &tables->tables[call->table];
	const struct iptables_chain *c = find_chain(t, call->chain);
	size_t at;

	switch (call->verb) {
	case 'N':
		return !c;
	case 'X':
		return c && c->rules_len == 0 && !is_referenced(t, call->chain);
	case 'D':
		return c && find_rule(c, &call->rule, &at) == 0;
	default:
		if (c && call->position > c->rules_len + 1)
			call->position = c->rules_len + 1;
		return !c || find_rule(c, &call->rule, &at) != 0;
	}
}

int iptables_call_write(const struct iptables_call *c, struct buf *out)
{
	switch (c->verb) {
	case 'N':
	case 'X':
		return buf_printf(out, "-%c %s\n", c->verb, c->chain);
	case 'I':
		return buf_printf(out, "-I %s %llu %s\n", c->chain, (unsigned long long)c->position,
				  c->rule.text);
	default:
		return buf_printf(out, "-%c %s %s\n", c->verb, c->chain, c->rule.text);
	}
}
