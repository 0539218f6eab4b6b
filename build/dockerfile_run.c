/* SPDX-License-Identifier: Apache-2.0 */
/* RUN. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "build/run_mount.h"
#include "common/cleanup.h"

static const struct dockerfile_flag RUN_FLAGS[] = {
	{ "device", offsetof(struct dockerfile_run, devices), DOCKERFILE_FLAG_STRINGS },
	{ "mount", offsetof(struct dockerfile_run, mounts), DOCKERFILE_FLAG_STRINGS },
	{ "network", offsetof(struct dockerfile_run, network), DOCKERFILE_FLAG_STRING },
	{ "security", offsetof(struct dockerfile_run, security), DOCKERFILE_FLAG_STRING },
	{ 0 }
};

void dockerfile_run_free(struct dockerfile_run *r)
{
	if (!r)
		return;
	dockerfile_words_done(&r->mounts);
	dockerfile_words_done(&r->devices);
	free(r->network.text);
	free(r->security.text);
	free(r->script);
	free(r);
}

static bool is_one_of(const char *text, const char *const *values, size_t len)
{
	for (size_t n = 0; n < len; n++)
		if (strcmp(text, values[n]) == 0)
			return true;
	return false;
}

/* What is wrong with a value is said without a place. */
static int place_error(struct dockerfile_in *in, const struct dockerfile_word *w, const struct err *cause,
		       struct err *e)
{
	return dockerfile_error(in->f, w->at, cause->code, e, "%s", cause->text);
}

int dockerfile_check_network(const char *mode, struct err *e)
{
	static const char *const MODES[] = { "default", "none", "host" };

	if (is_one_of(mode, MODES, ARRAY_LEN(MODES)))
		return 0;
	return err_set(e, -EINVAL, "invalid network mode \"%s\"", mode);
}

static int check_words(struct dockerfile_in *in, struct err *e)
{
	static const char *const SECURITIES[] = { "sandbox", "insecure" };
	const struct dockerfile_word *network = &in->i->run->network, *security = &in->i->run->security;
	struct err cause = { 0 };

	if (network->text && !strchr(network->text, '$') &&
	    dockerfile_check_network(network->text, &cause) < 0)
		return place_error(in, network, &cause, e);
	if (security->text && !is_one_of(security->text, SECURITIES, ARRAY_LEN(SECURITIES)))
		return dockerfile_error(in->f, security->at, -EINVAL, e, "security \"%s\" is not valid",
					security->text);
	return 0;
}

/* Of mounts only the form is known as long as their values are not expanded. */
static int check_lists(struct dockerfile_in *in, struct err *e)
{
	const struct dockerfile_run *run = in->i->run;
	struct err cause = { 0 };

	for (size_t n = 0; n < run->mounts.len; n++) {
		cleanup_free char *from = NULL;

		if (run_mount_from(run->mounts.items[n].text, &from, &cause) < 0)
			return place_error(in, &run->mounts.items[n], &cause, e);
	}
	for (size_t n = 0; n < run->devices.len; n++) {
		cleanup_run_device struct run_device d = { 0 };

		if (run_device_parse(run->devices.items[n].text, &d, &cause) < 0)
			return place_error(in, &run->devices.items[n], &cause, e);
	}
	return 0;
}

int dockerfile_read_run(struct dockerfile_in *in, struct err *e)
{
	int r;

	in->i->run = calloc(1, sizeof(*in->i->run));
	if (!in->i->run)
		return dockerfile_words_error(in, -ENOMEM, e);
	r = dockerfile_read_flags(in, RUN_FLAGS, in->i->run, e);
	if (r == 0)
		r = check_words(in, e);
	if (r == 0)
		r = check_lists(in, e);
	return r < 0 ? r : dockerfile_read_command(in, in->rest, e);
}

/* The line, and behind it all heredocs with their terminators: the shell reads them itself. */
static char *whole_script(const struct dockerfile_instruction *i)
{
	cleanup_buf struct buf out = BUF_INIT(2 * DOCKERFILE_MAX_BYTES);
	int r = buf_add_str(&out, i->words.items[0].text);

	for (size_t n = 0; r == 0 && n < i->heredocs.len; n++)
		r = buf_printf(&out, "\n%s%s", i->heredocs.items[n].content, i->heredocs.items[n].name);
	return r < 0 ? NULL : buf_take(&out);
}

int dockerfile_finish_run(struct dockerfile_instruction *i, struct err *e)
{
	const char *line = i->words.len > 0 ? i->words.items[0].text : "";
	struct dockerfile_heredoc h = { 0 };
	int r;

	if (i->heredocs.len == 0)
		return 0;
	r = dockerfile_heredoc_word((struct slice){ line, strlen(line) }, &h);
	free(h.name);
	if (r == 1) {
		i->run->script = dockerfile_heredoc_text(&i->heredocs.items[0]);
		i->run->is_program = i->run->script && strncmp(i->run->script, "#!", 2) == 0;
	} else if (r == 0 || r == -EINVAL) {
		i->run->script = whole_script(i);
	}
	return i->run->script ? 0 : err_code(e, -ENOMEM, "cannot read the heredocs of RUN");
}
