/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the packet filter's tables nat and filter: it is read from what iptables-save(8) prints, answers what netavark asks iptables(8), and
 * remembers what netavark changes, for iptables-restore(8). Pure. */
#ifndef SAMPAN_ENGINE_IPTABLES_TABLE_H
#define SAMPAN_ENGINE_IPTABLES_TABLE_H

#include <stdint.h>

#include "common/buf.h"
#include "engine/iptables_rule.h"

#define IPTABLES_TABLES        2
#define IPTABLES_CHAINS_MAX    8192
#define IPTABLES_RULES_MAX     32768 /* of a chain */
#define IPTABLES_VERSION_BYTES 64

struct iptables_chain {
	char *name, *policy; /* no policy: a user's chain */
	struct iptables_rule
		*rules; /* one that is not understood has no target, and its text is as it was printed */
	size_t rules_len;
};

struct iptables_table {
	struct iptables_chain *chains; /* in the order in which iptables lists them */
	size_t chains_len;
};

struct iptables_tables {
	bool ipv6;
	char version[IPTABLES_VERSION_BYTES]; /* "v1.8.9 (nf_tables)"; "" where iptables-save has not said */
	struct iptables_table tables[IPTABLES_TABLES];
};
void iptables_tables_done(struct iptables_tables *t);
#define cleanup_iptables_tables __attribute__((cleanup(iptables_tables_done)))

/* The text of iptables-save or ip6tables-save; a table that it does not speak of is as the kernel makes it. -EINVAL there is something in it that iptables-save
 * does not print, or that says that it has not printed all; -EFBIG, -ENOMEM. */
int iptables_tables_read(const char *text, size_t len, bool ipv6, struct iptables_tables *ret) MUST_CHECK;

/* A call of iptables(8). */
struct iptables_call {
	char verb;    /* of -S, -N, -X, -A, -I, -C and -D; 'V': --version */
	size_t table; /* index */
	char *chain;  /* NULL: -S of them all */
	struct iptables_rule rule;
	uint64_t position; /* of -I: from 1 on */
};
void iptables_call_done(struct iptables_call *c);
#define cleanup_iptables_call __attribute__((cleanup(iptables_call_done)))

/* The arguments after the program's name. -EOPNOTSUPP what is asked for is not certain; -ENOMEM. */
int iptables_call_read(char *const *args, size_t len, bool ipv6, struct iptables_call *ret) MUST_CHECK;

struct iptables_answer {
	int exit_code;
	const char *error; /* a line for stderr, or NULL */
	bool changed;
};

/* Answers anything but --version as iptables would, and makes the change in the copy. What -S prints is appended to `out`. -EOPNOTSUPP: only iptables knows, and nothing was changed;
 * -EFBIG, -ENOMEM. */
int iptables_answer(struct iptables_tables *t, const struct iptables_call *c, struct buf *out,
		    struct iptables_answer *ret) MUST_CHECK;

/* Whether a call has still something to do: another one may have made the chain or the rule meanwhile, or have taken it away. A position that there is not any more
 * becomes the last one. */
bool iptables_is_due(const struct iptables_tables *t, struct iptables_call *c);

/* Appends a line for iptables-restore --noflush. */
int iptables_call_write(const struct iptables_call *c, struct buf *out) MUST_CHECK;
const char *iptables_table_name(size_t table);

#endif
