/* SPDX-License-Identifier: Apache-2.0 */
/* A Dockerfile as structs: what BuildKit's parser and its instructions package accept (Dockerfile reference, syntax 1.x with its labs), and
 * what only buildah accepts. Pure: text in, structs out; no variable is expanded, no file is read.
 *
 * Words are kept as they are written, with quotes, escapes and variables: they go through expansion when their instruction is dispatched,
 * with the file's escape character. These are expanded, each to one word unless it is said otherwise:
 *
 *   FROM                the base and --platform, with global ARGs alone
 *   ARG, ENV, LABEL     keys and values
 *   EXPOSE              each word, to any number of words
 *   VOLUME, USER, WORKDIR, STOPSIGNAL
 *   ADD, COPY           sources, destination, --chown, --chmod, --checksum, --exclude and --from; of heredocs whose `expand` is set, the
 *                       content: there quotes are plain characters and the escape character is always a backslash
 *   RUN                 the values of --mount (build/run_mount.h) and --network
 *
 * The other ones are not: CMD, ENTRYPOINT, HEALTHCHECK, MAINTAINER, ONBUILD, SHELL, the command of RUN, the other flags.
 */
#ifndef SAMPAN_BUILD_DOCKERFILE_H
#define SAMPAN_BUILD_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/check_options.h"
#include "common/err.h"
#include "common/strvec.h"

#define DOCKERFILE_MAX_BYTES         (1U << 20)
#define DOCKERFILE_LINES_MAX         65536
#define DOCKERFILE_LINE_MAX_BYTES    65535 /* of a line in the file; BuildKit's */
#define DOCKERFILE_INSTRUCTIONS_MAX  16384
#define DOCKERFILE_WORDS_MAX         16384 /* of one instruction; flags count too */
#define DOCKERFILE_HEREDOCS_MAX      256   /* of one instruction */
#define DOCKERFILE_HEREDOC_MAX_BYTES (512U << 10)

/* In the order of their names, as DOCKERFILE_OP_NAMES in build/dockerfile_instruction.c. */
enum dockerfile_op {
	DOCKERFILE_ADD,
	DOCKERFILE_ARG,
	DOCKERFILE_CMD,
	DOCKERFILE_COPY,
	DOCKERFILE_ENTRYPOINT,
	DOCKERFILE_ENV,
	DOCKERFILE_EXPOSE,
	DOCKERFILE_FROM,
	DOCKERFILE_HEALTHCHECK,
	DOCKERFILE_LABEL,
	DOCKERFILE_MAINTAINER,
	DOCKERFILE_ONBUILD,
	DOCKERFILE_RUN,
	DOCKERFILE_SHELL,
	DOCKERFILE_STOPSIGNAL,
	DOCKERFILE_USER,
	DOCKERFILE_VOLUME,
	DOCKERFILE_WORKDIR,
	DOCKERFILE_OPS
};

/* Text, and where it begins in the file, in bytes, for dockerfile_error. */
struct dockerfile_word {
	char *text; /* NULL: a flag that is not given */
	size_t at;
};

struct dockerfile_words {
	struct dockerfile_word *items;
	size_t len;
};

/* KEY=VALUE of ARG, ENV and LABEL. */
struct dockerfile_pair {
	char *key;
	char *value; /* NULL: "ARG KEY" */
	size_t at;
	bool legacy; /* "ENV KEY VALUE" */
};

struct dockerfile_pairs {
	struct dockerfile_pair *items;
	size_t len;
};

struct dockerfile_heredoc {
	char *name;      /* without quotes: the terminator, and the file's name */
	char *content;   /* as it stands in the file, tabs and CRs too: dockerfile_heredoc_text() */
	size_t at;       /* of the "<<" */
	unsigned int fd; /* of "3<<EOF"; 0: not said */
	bool expand;     /* no part of the name is quoted */
	bool chomp;      /* "<<-": without the tabs that lines begin with */
};

struct dockerfile_heredocs {
	struct dockerfile_heredoc *items;
	size_t len;
};

struct dockerfile_bool {
	bool set, value; /* value: false where it is not set */
};

struct dockerfile_from {
	struct dockerfile_word base;
	struct dockerfile_word name; /* of "AS name", in lower case; text NULL: none */
	struct dockerfile_word platform;
};

/* ADD and COPY. The sources and the destination, which is the last, are in the instruction's `words`. */
struct dockerfile_copy {
	struct dockerfile_word from, chown, chmod, checksum;
	struct dockerfile_words exclude;
	struct dockerfile_bool link, parents, keep_git_dir, unpack;
	/* For each source the heredoc that it is, by its index; DOCKERFILE_NO_HEREDOC: a path. */
	size_t *heredoc_of;
};
#define DOCKERFILE_NO_HEREDOC SIZE_MAX

struct dockerfile_run {
	struct dockerfile_words mounts;  /* what follows "--mount=": build/run_mount.h */
	struct dockerfile_words devices; /* what follows "--device=": build/run_mount.h */
	struct dockerfile_word network;  /* "default", "none" or "host", or what has a variable */
	struct dockerfile_word security; /* "sandbox" or "insecure" */
	/* What the shell is to run where there are heredocs, or NULL: the content of the only one, or the line with all of them behind it. */
	char *script;
	/* The only heredoc begins with "#!": it is a program, to be run itself as a file of the heredoc's name. `script` is its text. */
	bool is_program;
};

struct dockerfile_health {
	bool none; /* HEALTHCHECK NONE; else words and json are those of CMD */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns; /* 0: not said */
	int32_t retries;                                                     /* 0: not said */
};

struct dockerfile_instruction {
	enum dockerfile_op op;
	char *name;                     /* as it is written: "Run" */
	char *text;                     /* the whole of it in one line, without heredocs: for the history */
	size_t at;                      /* of its name in the file */
	uint32_t first_line, last_line; /* from 1; with its heredocs */
	uint32_t empty_line;    /* the last empty line inside of it; 0: there is none. NoEmptyContinuation */
	struct strvec comments; /* that stand before it, without '#' */
	/* ADD, COPY: sources and destination. CMD, ENTRYPOINT, RUN, SHELL, HEALTHCHECK CMD: the list of a JSON form, or one word for the shell;
	 * none at all for a bare "CMD". EXPOSE, VOLUME: all of them. MAINTAINER, STOPSIGNAL, USER, WORKDIR: one, blanks too. */
	struct dockerfile_words words;
	bool json;
	struct dockerfile_pairs pairs;       /* ARG, ENV, LABEL */
	struct dockerfile_heredocs heredocs; /* ADD, COPY, RUN, and ONBUILD of these */
	/* NULL for other instructions. */
	struct dockerfile_from *from;
	struct dockerfile_copy *copy;
	struct dockerfile_run *run;
	struct dockerfile_health *health;
	struct dockerfile_instruction *trigger; /* ONBUILD: never ONBUILD, FROM or MAINTAINER */
	char *trigger_text;                     /* ONBUILD: what stands in an image's config, heredocs too */
};

struct dockerfile_directives {
	char *syntax;               /* what follows "# syntax=": kept, never obeyed */
	char escape;                /* '\\' or '`' */
	struct check_options check; /* of "# check=" */
	bool check_seen;
};

struct dockerfile {
	char *name; /* for messages */
	char *source;
	size_t source_len;
	struct dockerfile_directives directives;
	struct dockerfile_instruction *items;
	size_t len;
};

/* Reads a Dockerfile. `name` is what messages call it. Nothing is expanded, and stages are not looked at (build/stages.h).
 * -EINVAL: "NAME:LINE:COLUMN: what is wrong", the line, and a mark below the column; -EFBIG over one of the limits above; -ENOMEM. */
int dockerfile_parse(const char *text, size_t len, const char *name, struct dockerfile *ret,
		     struct err *e) MUST_CHECK;

/* As dockerfile_parse for one entry of an image's OnBuild: exactly one instruction, that may be a trigger. */
int dockerfile_parse_trigger(const char *text, size_t len, const char *name, struct dockerfile *ret,
			     struct err *e) MUST_CHECK;

void dockerfile_done(struct dockerfile *f);
#define cleanup_dockerfile __attribute__((cleanup(dockerfile_done)))

/* "ADD" */
const char *dockerfile_op_name(enum dockerfile_op op);

/* The value of --network, expanded. -EINVAL, without a place. */
int dockerfile_check_network(const char *mode, struct err *e) MUST_CHECK;

/* The content without the tabs that "<<-" takes away. Owned; NULL: out of memory. Before expansion. */
char *dockerfile_heredoc_text(const struct dockerfile_heredoc *h) MUST_CHECK;

/* Line and column, in characters, of a place in the file; both from 1. */
struct dockerfile_place {
	uint32_t line, column;
};
struct dockerfile_place dockerfile_place_of(const struct dockerfile *f, size_t at);

/* An error at a place of the file, as dockerfile_parse's are. Returns `code`, a negative errno. */
int dockerfile_error(const struct dockerfile *f, size_t at, int code, struct err *e, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

#endif
