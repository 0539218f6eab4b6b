/* SPDX-License-Identifier: Apache-2.0 */
/* What files.sum says of one file, as the texts of its line's fields. Inside store/ only. docs/store.md, "Checksums". */
#ifndef SAMPAN_STORE_LAYER_FACTS_H
#define SAMPAN_STORE_LAYER_FACTS_H

#include "common/buf.h"
#include "common/err.h"
#include "store/file_sum.h"
#include "store/tree_walk.h"

#define LAYER_FACTS_FIELDS 9

/* The fields of a line, in their order. */
enum layer_fact {
	FACT_DEPTH, /* 0: the root */
	FACT_TYPE,  /* f d l c b p s */
	FACT_MODE,  /* octal, without the type */
	FACT_UID,   /* decimal, as GID */
	FACT_GID,
	FACT_DETAIL, /* f: size; l: target; c, b: major:minor; else "-" */
	FACT_SUM,    /* f that is not empty: of its contents; else "-" */
	FACT_XATTRS, /* a checksum of those that belong to a layer; "-": none */
	FACT_NAME,
};

struct layer_facts {
	struct buf text; /* the line: fields with a NUL after each */
	const char *fields[LAYER_FACTS_FIELDS];
};
void layer_facts_done(struct layer_facts *f);
#define cleanup_layer_facts __attribute__((cleanup(layer_facts_done)))

/* Of an entry of a walk; FACT_SUM is `sum`, "-" if that is NULL. `look_inside`: a regular file may have extended
 * attributes. */
int layer_facts_of(const struct tree_entry *entry, bool look_inside, const struct file_sum *sum,
		   struct layer_facts *ret, struct err *e) MUST_CHECK;

/* Splits a line of files.sum, in place, into `ret`, which borrows it. -EBADMSG. */
int layer_facts_split(char *line, struct layer_facts *ret, struct err *e) MUST_CHECK;

/* Checksum of a regular file's contents. */
int layer_facts_read(const struct tree_entry *entry, struct file_summer *summer, struct file_sum *ret,
		     struct err *e) MUST_CHECK;

/* Appends a name as it stands in files.sum: blanks, control characters and backslashes as \ooo. */
int layer_facts_escape(struct buf *out, const char *text) MUST_CHECK;

#endif
