/* SPDX-License-Identifier: Apache-2.0 */
/* A listing of iptables-save, a NUL, and calls of iptables, a word a line and an empty line after each. What is listed as a rule that is understood is read as the same one again,
 * and a change that was made is not due any more. */
#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/iptables_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct iptables_rule *rule, bool ipv6)
{
	cleanup_iptables_rule struct iptables_rule again = { 0 };
	cleanup_strvec struct strvec words = { 0 };

	if (!rule->target)
		return;
	if (iptables_split(rule->text, &words) < 0 ||
	    iptables_rule_read(words.items, words.len, ipv6, &again) < 0 ||
	    strcmp(again.text, rule->text) != 0 || strcmp(again.target, rule->target) != 0)
		abort();
}

static void check_rules(const struct iptables_tables *t)
{
	for (size_t i = 0; i < IPTABLES_TABLES; i++)
		for (size_t k = 0; k < t->tables[i].chains_len; k++)
			for (size_t n = 0; n < t->tables[i].chains[k].rules_len; n++)
				check_rule(&t->tables[i].chains[k].rules[n], t->ipv6);
}

static void call(struct iptables_tables *t, const struct strvec *words)
{
	cleanup_iptables_call struct iptables_call c = { 0 };
	cleanup_buf struct buf out = BUF_INIT(1u << 20), line = BUF_INIT(1u << 16);
	struct iptables_answer answer;

	if (iptables_call_read(words->items, words->len, t->ipv6, &c) < 0 || c.verb == 'V')
		return;
	if (iptables_answer(t, &c, &out, &answer) < 0 || !answer.changed)
		return;
	if (iptables_call_write(&c, &line) < 0 || strchr(line.data, '\n') != line.data + line.len - 1)
		abort();
	if (strchr("NXAI", c.verb) && iptables_is_due(t, &c))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_iptables_tables struct iptables_tables t = { 0 };
	cleanup_strvec struct strvec words = { 0 };
	cleanup_free char *text = NULL;
	char *rest, *line;
	size_t listed;

	if (size < 1 || size > 65536)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	listed = strlen(text);
	if (iptables_tables_read(text, listed, data[0] == '6', &t) < 0)
		return 0;
	check_rules(&t);
	free(text);
	text = listed + 2 < size ? strndup((const char *)data + listed + 2, size - listed - 2) : strdup("");
	rest = text;
	while (text && (line = strsep(&rest, "\n"))) {
		if (line[0] && words.len < 64 && strvec_add(&words, line) < 0)
			abort();
		if (line[0])
			continue;
		call(&t, &words);
		strvec_done(&words);
	}
	check_rules(&t);
	return 0;
}
