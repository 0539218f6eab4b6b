/* SPDX-License-Identifier: Apache-2.0 */
/* A first Dockerfile and .dockerignore for a project that its files give away. Pure: what is in the folder goes in, text comes out. What a
 * folder holds may be anybody's: of names in it only those with plain characters get into the Dockerfile.
 *
 *	struct init_project p = { .folder = "hello" };           names of what is in it: init_wants_folder()
 *	init_text_file(&p, INIT_GO_MOD) -> "go.mod"              to be read into p.texts[], where there is one
 *	init_generate(INIT_GO, &p, &dockerfile, &ignore, e)
 */
#ifndef SAMPAN_BUILD_INIT_H
#define SAMPAN_BUILD_INIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

#define INIT_TEXT_MAX_BYTES (1U << 20) /* of a file that is read */
#define INIT_OUT_MAX_BYTES  65536      /* of one that is written */
#define INIT_NAMES_MAX      32768      /* of what is in the folders; later ones are not looked at */

/* Where a folder is of several kinds, the first of these is taken. */
enum init_kind { INIT_GO, INIT_RUST, INIT_PYTHON, INIT_NODE, INIT_C_CMAKE, INIT_C_MAKE, INIT_KINDS };

/* Files whose text is looked at. */
enum init_text {
	INIT_GO_MOD,
	INIT_CARGO_TOML,
	INIT_PYPROJECT,
	INIT_PYTHON_VERSION, /* .python-version */
	INIT_PACKAGE_JSON,
	INIT_NODE_VERSION, /* .nvmrc, .node-version */
	INIT_CMAKELISTS,
	INIT_MAKEFILE, /* GNUmakefile, makefile, Makefile: the one that make takes */
	INIT_TEXTS
};

struct init_project {
	const char *folder; /* its name, for programs that nothing else has a name for */
	struct strvec
		names; /* what is in it, and in the folders of init_folder_at(): "src/main.c", folders as "src/" */
	struct buf texts[INIT_TEXTS]; /* max INIT_TEXT_MAX_BYTES; empty: not there */
};
void init_project_done(struct init_project *p);
#define cleanup_init_project __attribute__((cleanup(init_project_done)))

/* The folders whose names are wanted beside those of the top ("src/"), the outer ones first; NULL past the end. */
const char *init_folder_at(size_t i);

/* The name of a file to be read; NULL: it is not there. */
const char *init_text_file(const struct init_project *p, enum init_text which);

/* "c-make" */
const char *init_kind_name(enum init_kind kind);

/* -EINVAL with the kinds that there are. */
int init_kind_parse(const char *text, enum init_kind *ret, struct err *e) MUST_CHECK;

/* Whether a folder holds a project of a kind, by its names alone. */
bool init_is_kind(const struct init_project *p, enum init_kind kind);

/* What a kind is known by, for people: "go.mod". */
const char *init_kind_files(enum init_kind kind);

/* Appends both files. -EINVAL "pyproject.toml: line 3: ..." for what cannot be read; -EFBIG, -ENOMEM. */
int init_generate(enum init_kind kind, const struct init_project *p, struct buf *dockerfile,
		  struct buf *ignore, struct err *e) MUST_CHECK;

#endif
