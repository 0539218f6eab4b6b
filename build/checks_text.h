/* SPDX-License-Identifier: Apache-2.0 */
/* BuildKit's build checks (docs.docker.com/reference/build-checks): their names and messages, and those of their questions that
 * need nothing but words. Who walks the instructions asks them, and reports. Pure. */
#ifndef SAMPAN_BUILD_CHECKS_TEXT_H
#define SAMPAN_BUILD_CHECKS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "build/check_options.h"
#include "build/ignore.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

/* With the words that their messages need, in that order. */
enum check_id {
	CHECK_STAGE_NAME_CASING, /* stage */
	CHECK_FROM_AS_CASING,    /* "FROM" and "as", as they are written */
	CHECK_NO_EMPTY_CONTINUATION,
	CHECK_CONSISTENT_INSTRUCTION_CASING, /* instruction, "lowercase" or "uppercase" */
	CHECK_DUPLICATE_STAGE_NAME,          /* stage */
	CHECK_RESERVED_STAGE_NAME,           /* stage */
	CHECK_JSON_ARGS_RECOMMENDED,         /* instruction */
	CHECK_MAINTAINER_DEPRECATED,
	CHECK_UNDEFINED_ARG_IN_FROM,               /* argument, suggest_nearest()'s word or "" */
	CHECK_WORKDIR_RELATIVE_PATH,               /* path */
	CHECK_UNDEFINED_VAR,                       /* variable, the same of the environment */
	CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED,    /* instruction */
	CHECK_LEGACY_KEY_VALUE_FORMAT,             /* instruction */
	CHECK_INVALID_BASE_IMAGE_PLATFORM,         /* image, its platform, the expected one */
	CHECK_REDUNDANT_TARGET_PLATFORM,           /* "$TARGETPLATFORM", as it is written */
	CHECK_SECRETS_USED_IN_ARG_OR_ENV,          /* instruction, name */
	CHECK_INVALID_DEFAULT_ARG_IN_FROM,         /* image, as it is written */
	CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED, /* platform */
	CHECK_COPY_IGNORED_FILE,                   /* "Copy" or "Add", source */
	CHECK_INVALID_DEFINITION_DESCRIPTION,      /* instruction, name */
	CHECK_EXPOSE_PROTO_CASING,                 /* port, as it is written */
	CHECK_EXPOSE_INVALID_FORMAT,               /* port, as it is written */
	CHECK_COUNT,
};

#define CHECK_WORDS_MAX   3
#define CHECK_MESSAGE_MAX 4096 /* bytes */

struct check_info {
	const char *name, *url, *description;
	const char *message; /* {0}, {1} and {2} are the words */
	const char *hint;    /* goes behind it where the last word is not empty; NULL: no such check */
	bool experimental;   /* off unless it is asked for */
};

const struct check_info *check_info(enum check_id id);

/* By name, in its exact spelling. CHECK_COUNT: there is none. */
enum check_id check_find(const char *name);

/* Appends the message of a check. `words` has as many as it needs; none is NULL. -EFBIG, -ENOMEM. */
int check_message(enum check_id id, const char *const *words, struct buf *out) MUST_CHECK;

/* Whether a check is made: "# check=", or the argument BUILDKIT_DOCKERFILE_CHECK. */
bool check_is_on(const struct check_options *o, enum check_id id);

/* --- questions about words ---------------------------------------------------------------------------- */

/* Whether `word` is in one case: "run" and "RUN" are, "Run" is not. */
bool check_one_case(const char *word);

/* What `word` should be in, if most instructions are in lower case or not: "lowercase", "uppercase"; NULL: it is. */
const char *check_wanted_case(const char *word, bool most_are_lower);

/* Whether "as" is in the case of "FROM". Where that is in none, it is not for this check to say. */
bool check_from_as_agree(const char *from, const char *as);

/* "scratch" and "context" mean something else. */
bool check_stage_is_reserved(const char *stage);

/* Whether a variable's name says that it holds a secret: a part between underscores is "key", "token", "password" or the like, in any
 * case, and none is "public", "file" or "version". */
bool check_name_is_secret(const char *name);

/* Of EXPOSE's words, expanded: whether the protocol is not in lower case, and whether an address or a port of the host is there. */
bool check_expose_proto_case(const char *port);
bool check_expose_has_host(const char *port);

/* Whether the comment above an instruction begins with one of the names that it defines. */
bool check_comment_names_one(const char *comment, const struct strvec *names);

/* Whether --platform's constant may be meant: the stage has the operating system or the architecture in its name. */
bool check_stage_names_platform(const char *stage, const char *os, const char *architecture);

/* Whether a COPY source is left out by the ignore file. Where that has exceptions nobody can say, and the answer is no. -ENOMEM. */
int check_source_is_ignored(const struct ignore *ignore, const char *source, bool *ret,
			    struct err *e) MUST_CHECK;

#endif
