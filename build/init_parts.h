/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of projects share (build/init.h). */
#ifndef SAMPAN_BUILD_INIT_PARTS_H
#define SAMPAN_BUILD_INIT_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "build/init.h"
#include "common/buf.h"
#include "common/err.h"

#define INIT_NAME_MAX       128 /* of a program, or of a path to one; with the NUL */

/* Base images. Those of the build stage are of the same Debian as the ones below them, for the sake of libc. */
#define INIT_DEBIAN         "debian:bookworm-slim"
#define INIT_RUST_IMAGE     "rust:1-slim-bookworm"
#define INIT_PYTHON_DEFAULT 13 /* 3.13 */
#define INIT_NODE_DEFAULT   24 /* LTS */
#define INIT_USER           "65532:65532"

/* Both files. Errors stick: whoever has written all of it looks once. */
struct init_out {
	struct buf *dockerfile, *ignore;
	int r;
};
void init_say(struct init_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void init_ignore(struct init_out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "USER", and what it is there for. */
void init_say_user(struct init_out *o);

/* Whether something is in the folder: "go.sum", "vendor/". */
bool init_has(const struct init_project *p, const char *name);

/* Whether a file with that ending is in `folder` ("" is the top). */
bool init_has_ending(const struct init_project *p, const char *folder, const char *ending);

/* The text of a file; "" where it is not there. */
const char *init_text(const struct init_project *p, enum init_text which);

/* Letters, digits and "._+-", not too long, and none of the signs in front. */
bool init_is_name(const char *text);

/* Names with '/' between them. */
bool init_is_path(const char *text);

/* The name of the program: `found` if that is one, else the folder's without what a name has not, else "app". `found` may be NULL. */
void init_name(const struct init_project *p, const char *found, char out[INIT_NAME_MAX]);

/* The next line, without white space around it; NULL: there is none. *p goes on. `out` holds what fits. */
const char *init_next_line(const char **p, char *out, size_t size);

/* The version that a set of conditions asks for (">=3.9,<3.12", "^20 || ^22"), by the part that counts: the minor version below `major`,
 * or, where that is 0, the major one. `otherwise` where they leave the choice. */
unsigned int init_version(const char *conditions, unsigned int major, unsigned int otherwise);

/* The kinds. Nothing is written where they fail. */
int init_go(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;
int init_rust(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;
int init_python(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;
int init_node(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;
int init_c_cmake(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;
int init_c_make(const struct init_project *p, struct init_out *o, struct err *e) MUST_CHECK;

#endif
