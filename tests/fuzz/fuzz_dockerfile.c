/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a Dockerfile, with its places inside of the file, or an error that has one. Triggers can be read again, stages read only what is
 * before them, and each mount and mode is one or an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/chmod_expr.h"
#include "build/run_mount.h"
#include "build/stages.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const struct dockerfile *f, const struct dockerfile_words *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (!w->items[i].text || w->items[i].at > f->source_len)
			abort();
}

static void check_flags(const struct dockerfile_instruction *i)
{
	struct chmod_expr mode;
	struct err e = { 0 };

	for (size_t n = 0; i->run && n < i->run->mounts.len; n++) {
		cleanup_run_mount struct run_mount m = { 0 };

		if (run_mount_parse(i->run->mounts.items[n].text, NULL, &m, &e) < 0 && !e.text[0])
			abort();
	}
	if (i->copy && i->copy->chmod.text && chmod_expr_parse(i->copy->chmod.text, 022, &mode, &e) == 0 &&
	    chmod_expr_apply(&mode, 0644, false) > 07777)
		abort();
}

static void check_instruction(const struct dockerfile *f, const struct dockerfile_instruction *i)
{
	if (i->op >= DOCKERFILE_OPS || i->at > f->source_len || !i->name || !i->text)
		abort();
	if (i->first_line == 0 || i->first_line > i->last_line || i->last_line > DOCKERFILE_LINES_MAX)
		abort();
	check_words(f, &i->words);
	for (size_t n = 0; n < i->pairs.len; n++)
		if (!*i->pairs.items[n].key || i->pairs.items[n].at > f->source_len)
			abort();
	for (size_t n = 0; n < i->heredocs.len; n++) {
		cleanup_free char *text = dockerfile_heredoc_text(&i->heredocs.items[n]);

		if (!text || strlen(text) > strlen(i->heredocs.items[n].content))
			abort();
	}
	for (size_t n = 0; i->copy && n + 1 < i->words.len; n++)
		if (i->copy->heredoc_of[n] != DOCKERFILE_NO_HEREDOC &&
		    i->copy->heredoc_of[n] >= i->heredocs.len)
			abort();
	check_flags(i);
	if (i->trigger)
		check_instruction(f, i->trigger);
}

static void check_stages(const struct dockerfile *f)
{
	cleanup_stages struct stages s = { 0 };
	struct err e = { 0 };
	size_t n;

	if (stages_split(f, &s, &e) < 0)
		return;
	n = s.args_len;
	for (size_t i = 0; i < s.len; i++) {
		n += 1 + s.items[i].len;
		if (s.items[i].base < STAGE_DEFERRED && s.items[i].base >= i)
			abort();
		for (size_t k = 0; k < s.items[i].sources_len; k++)
			if (s.items[i].sources[k].stage < STAGE_DEFERRED && s.items[i].sources[k].stage >= i)
				abort();
	}
	if (n != f->len)
		abort();
}

/* What an image's config would hold. */
static void check_trigger(const struct dockerfile_instruction *i)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	struct err e = { 0 };

	if (dockerfile_parse_trigger(i->trigger_text, strlen(i->trigger_text), "trigger", &f, &e) < 0 &&
	    !e.text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	struct err e = { 0 };
	int r;

	if (size > 65536)
		return 0;
	r = dockerfile_parse((const char *)data, size, "f", &f, &e);
	if (r < 0) {
		if (r != e.code || strncmp(e.text, "f:", 2) != 0)
			abort();
		return 0;
	}
	if (f.len == 0 || f.len > DOCKERFILE_INSTRUCTIONS_MAX)
		abort();
	for (size_t i = 0; i < f.len; i++) {
		check_instruction(&f, &f.items[i]);
		if (f.items[i].trigger)
			check_trigger(&f.items[i]);
	}
	check_stages(&f);
	return 0;
}
