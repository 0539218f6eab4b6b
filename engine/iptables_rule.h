/* SPDX-License-Identifier: Apache-2.0 */
/* A rule of the packet filter as iptables-save(8) prints it, made of the words that somebody said it in: `-p tcp --dport 80` is
 * `-p tcp -m tcp --dport 80`, 10.0.0.1 is 10.0.0.1/32, and the order is always the same. Two rules are the same where their texts are. What netavark says
 * is known here; everything else is left to iptables. Pure. */
#ifndef SAMPAN_ENGINE_IPTABLES_RULE_H
#define SAMPAN_ENGINE_IPTABLES_RULE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

#define IPTABLES_RULE_BYTES 2048 /* of a rule's text */
#define IPTABLES_NAME_MAX   28   /* bytes of a chain's name */

struct iptables_rule {
	char *text;   /* "-s 10.88.0.0/16 -j ACCEPT" */
	char *target; /* "ACCEPT" */
};
void iptables_rule_done(struct iptables_rule *r);
#define cleanup_iptables_rule __attribute__((cleanup(iptables_rule_done)))

/* Whether it is what may be the name of a chain, and is written without quotes. */
bool iptables_is_name(const char *text);

/* Whether the name after -j is one of iptables' own that is known here, and no chain. */
bool iptables_is_own_target(const char *name);

/* Words (`-s`, `10.88.0.1`, ...) -> the rule. -EOPNOTSUPP: there is something in it whose text is not certain, or that is wrong. -ENOMEM. */
int iptables_rule_read(char *const *words, size_t len, bool ipv6, struct iptables_rule *ret) MUST_CHECK;

/* A line that iptables-save has printed -> its words; quotes are gone. -EINVAL it has not printed this; -ENOMEM. */
int iptables_split(const char *line, struct strvec *ret) MUST_CHECK;

#endif
