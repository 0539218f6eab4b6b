/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the parser share; nobody else includes this. */
#ifndef SAMPAN_BUILD_DOCKERFILE_PARSE_H
#define SAMPAN_BUILD_DOCKERFILE_PARSE_H

#include "build/dockerfile.h"
#include "common/buf.h"

/* Borrowed bytes: of the file, or of a line. */
struct slice {
	const char *p;
	size_t len;
};

/* --- characters: build/dockerfile_chars.c --- */

/* Bytes of the white space at p, as Go's unicode.IsSpace has it; 0: there is none. */
size_t space_len(const char *p, size_t len);
struct slice trim_left(struct slice s);
struct slice trim_space(struct slice s);
struct slice slice_skip(struct slice s, size_t len); /* what is behind the first `len` bytes */
bool slice_is(struct slice s, const char *word);     /* ASCII, in any case */
/* [\t\v\f\r ]: what separates the words of most instructions */
bool is_separator(char c);

/* --- lines: build/dockerfile_lines.c --- */

/* From `text` on the line comes from `file` on. */
struct dockerfile_segment {
	size_t text, file;
};

/* A line, its continuations joined. */
struct dockerfile_line {
	struct buf text;
	struct dockerfile_segment *segments;
	size_t len, cap;
	uint32_t first_line, last_line, empty_line;
};
void dockerfile_line_done(struct dockerfile_line *l);
#define cleanup_dockerfile_line __attribute__((cleanup(dockerfile_line_done)))

/* Reads f->source. */
struct dockerfile_reader {
	struct dockerfile *f;
	size_t pos;
	uint32_t line;        /* of what was read last, from 1 */
	bool directives_over; /* no line can be a directive any more */
	bool escape_seen;
	struct strvec comments; /* since the last instruction */
};

/* The next line of the file with its end, or len 0 at its end. -EFBIG with the place. */
int dockerfile_read_raw(struct dockerfile_reader *r, struct slice *ret, struct err *e) MUST_CHECK;

/* The next line that is no comment and not empty: 1, or 0 at the end of the file. */
int dockerfile_read_line(struct dockerfile_reader *r, struct dockerfile_line *l, struct err *e) MUST_CHECK;

/* Where a byte of a line stands in the file. */
size_t dockerfile_line_at(const struct dockerfile_line *l, const char *p);

/* Looks at a comment that might be a directive. `line` begins with '#'. 1: it is one; 0. build/dockerfile_directives.c */
int dockerfile_directive(struct dockerfile_reader *r, struct slice line, struct err *e) MUST_CHECK;

/* --- instructions --- */

/* An instruction that is being read from a line. */
struct dockerfile_in {
	struct dockerfile *f;
	const struct dockerfile_line *line;
	struct dockerfile_instruction *i;
	struct dockerfile_words flags; /* "--name=value", unquoted */
	struct slice rest;             /* behind name and flags, without blanks around it */
};
void dockerfile_in_done(struct dockerfile_in *in);
#define cleanup_dockerfile_in __attribute__((cleanup(dockerfile_in_done)))

/* An error at a byte of the line. */
#define dockerfile_in_error(in, where, e, ...) \
	dockerfile_error((in)->f, dockerfile_line_at((in)->line, where), -EINVAL, e, __VA_ARGS__)

/* Reads the instruction of a line into *i, without its heredocs. build/dockerfile_instruction.c */
int dockerfile_read_instruction(struct dockerfile *f, const struct dockerfile_line *l,
				struct dockerfile_instruction *i, struct err *e) MUST_CHECK;
void dockerfile_instruction_done(struct dockerfile_instruction *i);

/* What waits for the heredocs: sources of ADD and COPY, the script of RUN, the text of a trigger. */
int dockerfile_finish_instruction(struct dockerfile *f, const struct dockerfile_line *l,
				  struct dockerfile_instruction *i, struct err *e) MUST_CHECK;

/* --- words: build/dockerfile_words.c --- */
void dockerfile_words_done(struct dockerfile_words *w);
/* Appends a copy. -EFBIG over DOCKERFILE_WORDS_MAX, -ENOMEM. */
int dockerfile_words_add(struct dockerfile_words *w, const char *text, size_t len, size_t at) MUST_CHECK;
/* Appends what is between blanks. */
int dockerfile_words_split(struct dockerfile_in *in, struct dockerfile_words *w, struct err *e) MUST_CHECK;
/* Appends shell-like words: blanks in quotes, and escaped ones, are part of a word. Quotes and escapes stay. */
int dockerfile_words_shell(struct dockerfile_in *in, struct dockerfile_words *w, struct err *e) MUST_CHECK;
/* ENV, LABEL, ARG, from in->rest. */
int dockerfile_read_pairs(struct dockerfile_in *in, struct err *e) MUST_CHECK;
int dockerfile_read_args(struct dockerfile_in *in, struct err *e) MUST_CHECK;
void dockerfile_pairs_done(struct dockerfile_pairs *p);

/* An array of strings: 1, and the words of it; 0: it is no JSON array. -EINVAL: one, but not of strings. build/dockerfile_json.c */
int dockerfile_words_json(struct dockerfile_in *in, struct slice text, struct dockerfile_words *w,
			  struct err *e) MUST_CHECK;

/* What words are about that could not be added. */
int dockerfile_words_error(const struct dockerfile_in *in, int code, struct err *e);

/* --- flags: build/dockerfile_flags.c --- */
enum dockerfile_flag_kind {
	DOCKERFILE_FLAG_BOOL,   /* struct dockerfile_bool */
	DOCKERFILE_FLAG_STRING, /* struct dockerfile_word */
	DOCKERFILE_FLAG_STRINGS /* struct dockerfile_words: may be given several times */
};

struct dockerfile_flag {
	const char *name;
	size_t offset; /* of the member in the struct that is filled */
	enum dockerfile_flag_kind kind;
};

/* Takes the flags off the beginning of in->rest. */
int dockerfile_take_flags(struct dockerfile_in *in, struct err *e) MUST_CHECK;
/* Reads them by a table (NULL: there are none) that a NULL name ends. */
int dockerfile_read_flags(struct dockerfile_in *in, const struct dockerfile_flag *flags, void *dest,
			  struct err *e) MUST_CHECK;

/* --- the larger ones --- */
int dockerfile_read_copy(struct dockerfile_in *in, struct err *e) MUST_CHECK;
int dockerfile_read_run(struct dockerfile_in *in, struct err *e) MUST_CHECK;
int dockerfile_read_health(struct dockerfile_in *in, struct err *e) MUST_CHECK;
int dockerfile_read_from(struct dockerfile_in *in, struct err *e) MUST_CHECK;
void dockerfile_copy_free(struct dockerfile_copy *c);
void dockerfile_run_free(struct dockerfile_run *r);
void dockerfile_from_free(struct dockerfile_from *from);
/* JSON form, or one word for the shell. `text` has no blanks around it. */
int dockerfile_read_command(struct dockerfile_in *in, struct slice text, struct err *e) MUST_CHECK;
int dockerfile_finish_copy(struct dockerfile *f, struct dockerfile_instruction *i, struct err *e) MUST_CHECK;
int dockerfile_finish_run(struct dockerfile_instruction *i, struct err *e) MUST_CHECK;

/* --- heredocs: build/dockerfile_heredoc.c --- */

/* "3<<-'EOF'" as a whole: 1, and *ret without content, owned; 0: it is none. -EINVAL, -ENOMEM without text. */
int dockerfile_heredoc_word(struct slice word, struct dockerfile_heredoc *ret) MUST_CHECK;
/* The heredocs that a line announces, and their contents behind it. */
int dockerfile_read_heredocs(struct dockerfile_reader *r, struct dockerfile_line *l,
			     struct dockerfile_heredocs *out, struct err *e) MUST_CHECK;
void dockerfile_heredocs_done(struct dockerfile_heredocs *h);

#endif
