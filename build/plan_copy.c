/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build/chmod_expr.h"
#include "build/path_clean.h"
#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/digest.h"

#define UNNAMED    "__unnamed__"
#define UMASK_NONE 0 /* who executes the step knows it */

/* --- flags ---------------------------------------------------------------------------------------- */

/* NULL for a flag that is not given, or empty. */
static int flag(const struct plan_state *s, const struct dockerfile_word *w, char **ret, struct err *e)
{
	int r;

	if (!w->text || !*w->text)
		return 0;
	r = plan_expand(s, w->text, w->at, ret, e);
	if (r == 0 && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

static int check_chmod(const struct plan_state *s, const struct plan_copy *c, struct err *e)
{
	struct chmod_expr mode;
	struct err cause = { 0 };

	if (!c->chmod || chmod_expr_parse(c->chmod, UMASK_NONE, &mode, &cause) == 0)
		return 0;
	return plan_place(s, s->i->copy->chmod.at, &cause, e);
}

static int excludes(const struct plan_state *s, struct plan_copy *c, struct err *e)
{
	const struct dockerfile_words *from = &s->i->copy->exclude;
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->len; i++) {
		char *text = NULL;

		r = plan_expand(s, from->items[i].text, from->items[i].at, &text, e);
		if (r == 0 && strvec_take(&c->exclude, text) < 0)
			r = plan_no_memory(e);
	}
	return r;
}

static int from(const struct plan_state *s, struct plan_copy *c, struct err *e)
{
	cleanup_free char *name = NULL;
	int r = flag(s, &s->i->copy->from, &name, e);

	if (r < 0)
		return r;
	c->from.kind = PLAN_CONTEXT;
	return name ? plan_source_of(s, name, s->i->copy->from.at, &c->from, e) : 0;
}

static int flags(const struct plan_state *s, struct plan_copy *c, struct err *e)
{
	const struct dockerfile_copy *f = s->i->copy;
	int r = flag(s, &f->chown, &c->chown, e);

	c->link = f->link.value;
	c->parents = f->parents.value;
	if (r == 0)
		r = flag(s, &f->chmod, &c->chmod, e);
	if (r == 0)
		r = flag(s, &f->checksum, &c->checksum, e);
	if (r == 0)
		r = check_chmod(s, c, e);
	if (r == 0)
		r = excludes(s, c, e);
	return r < 0 ? r : from(s, c, e);
}

/* --- sources -------------------------------------------------------------------------------------- */

static bool is_http(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static int hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* "%20" is a blank; a NUL is none. */
static void decode(char *text)
{
	char *to = text;

	while (*text) {
		int high = text[0] == '%' ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;

		if (low >= 0 && high * 16 + low > 0) {
			*to++ = (char)(high * 16 + low);
			text += 3;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* What is behind the last '/' of the URL's path. Owned; NULL: out of memory. */
static char *url_file_name(const char *url)
{
	const char *host = strstr(url, "://") + 3, *path = host + strcspn(host, "/?#");
	cleanup_free char *text = strndup(path, strcspn(path, "?#"));
	size_t len;
	char *slash;

	if (!text)
		return NULL;
	decode(text);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
	slash = strrchr(text, '/');
	if (!slash || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return strdup(UNNAMED);
	return strdup(slash + 1);
}

static int git_source(const struct plan_state *s, const struct plan_copy *c, struct plan_copy_source *source,
		      size_t at, struct err *e)
{
	const struct dockerfile_bool *keep = &s->i->copy->keep_git_dir;
	struct plan_git *g = &source->git;

	source->kind = PLAN_COPY_GIT;
	if (!c->is_add)
		return plan_error(s, at, e, "source can't be a git ref for COPY");
	if (keep->set && g->keep_git_dir.set && keep->value != g->keep_git_dir.value)
		return plan_error(s, at, e, "inconsistent keep-git-dir configuration");
	if (keep->set)
		g->keep_git_dir = *keep;
	if (c->checksum && g->checksum && strcmp(c->checksum, g->checksum) != 0)
		return plan_error(s, at, e, "checksum mismatch \"%s\" != \"%s\"", c->checksum, g->checksum);
	if (c->checksum && !g->checksum) {
		g->checksum = strdup(c->checksum);
		return g->checksum ? 0 : plan_no_memory(e);
	}
	return 0;
}

static int url_source(const struct plan_state *s, const struct plan_copy *c, struct plan_copy_source *source,
		      size_t at, struct err *e)
{
	struct err cause = { 0 };
	struct digest digest;

	source->kind = PLAN_COPY_URL;
	if (!c->is_add)
		return plan_error(s, at, e, "source can't be a URL for COPY");
	if (c->checksum && digest_parse(c->checksum, &digest, &cause) < 0)
		return plan_place(s, s->i->copy->checksum.at, &cause, e);
	source->unpack = s->i->copy->unpack.value;
	source->file_name = url_file_name(source->text);
	return source->file_name ? 0 : plan_no_memory(e);
}

static int path_source(const struct plan_state *s, const struct plan_copy *c, struct plan_copy_source *source,
		       struct err *e)
{
	const struct dockerfile_bool *unpack = &s->i->copy->unpack;
	cleanup_free char *clean = NULL;
	bool ignored = false;
	int r;

	source->kind = PLAN_COPY_PATH;
	source->unpack = unpack->set ? unpack->value : c->is_add;
	if (!s->p->o->ignore || c->from.kind != PLAN_CONTEXT)
		return 0;
	r = check_source_is_ignored(s->p->o->ignore, source->text, &ignored, e);
	if (r < 0 || !ignored)
		return r;
	clean = path_clean(source->text);
	if (!clean)
		return plan_no_memory(e);
	plan_warn(s, CHECK_COPY_IGNORED_FILE, c->is_add ? "Add" : "Copy", clean);
	return 0;
}

static int source_of(const struct plan_state *s, const struct plan_copy *c, struct plan_copy_source *source,
		     const struct dockerfile_word *w, struct err *e)
{
	struct err cause = { 0 };
	int r = plan_expand(s, w->text, w->at, &source->text, e);

	if (r < 0)
		return r;
	r = plan_git_parse(source->text, &source->git, &cause);
	if (r < 0)
		return plan_place(s, w->at, &cause, e);
	if (r > 0)
		return git_source(s, c, source, w->at, e);
	return is_http(source->text) ? url_source(s, c, source, w->at, e) : path_source(s, c, source, e);
}

static int heredoc_source(const struct plan_state *s, struct plan_copy_source *source,
			  const struct dockerfile_heredoc *h, struct err *e)
{
	int r;

	source->kind = PLAN_COPY_HEREDOC;
	source->text = strdup(h->name);
	if (!source->text)
		return plan_no_memory(e);
	r = plan_expand_heredoc(s, h, &source->content, e);
	return r < 0 ? r : plan_charge(s->p, strlen(source->content), e);
}

/* Paths first, and then heredocs: BuildKit's order. */
static int sources(const struct plan_state *s, struct plan_copy *c, struct err *e)
{
	const struct dockerfile_words *words = &s->i->words;
	const size_t *heredoc_of = s->i->copy->heredoc_of;
	size_t n = words->len - 1;
	int r = 0;

	c->sources = calloc(n, sizeof(*c->sources));
	if (!c->sources)
		return plan_no_memory(e);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (heredoc_of[i] == DOCKERFILE_NO_HEREDOC)
			r = source_of(s, c, &c->sources[c->len++], &words->items[i], e);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (heredoc_of[i] != DOCKERFILE_NO_HEREDOC)
			r = heredoc_source(s, &c->sources[c->len++], &s->i->heredocs.items[heredoc_of[i]], e);
	return r;
}

static int check_checksum(const struct plan_state *s, const struct plan_copy *c, struct err *e)
{
	size_t at = s->i->copy->checksum.at;

	if (!c->checksum)
		return 0;
	if (!c->is_add)
		return plan_error(s, at, e, "checksum can't be specified for COPY");
	if (c->len != 1)
		return plan_error(s, at, e, "checksum can't be specified for multiple sources");
	if (c->sources[0].kind != PLAN_COPY_URL && c->sources[0].kind != PLAN_COPY_GIT)
		return plan_error(s, at, e, "checksum requires HTTP(S) or Git sources");
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------------ */

static int history(struct plan_state *s, const struct plan_copy *c, const char *dest, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	int r = buf_add_str(&text, c->is_add ? "ADD" : "COPY");

	if (r == 0 && c->parents)
		r = buf_add_str(&text, " --parents");
	if (r == 0 && c->chown)
		r = buf_printf(&text, " --chown=%s", c->chown);
	if (r == 0 && c->chmod)
		r = buf_printf(&text, " --chmod=%s", c->chmod);
	for (size_t i = 0; r == 0 && i < c->len; i++)
		r = buf_printf(&text, " %s%s", c->sources[i].kind == PLAN_COPY_HEREDOC ? "<<" : "",
			       c->sources[i].text);
	if (r == 0)
		r = buf_printf(&text, " %s # buildkit", dest);
	return r < 0 ? err_code(e, r, "cannot write the history of COPY")
		     : plan_history(s, text.data, true, e);
}

int plan_copy_step(struct plan_state *s, struct err *e)
{
	const struct dockerfile_word *last = &s->i->words.items[s->i->words.len - 1];
	cleanup_free char *dest = NULL;
	struct plan_step *step;
	struct plan_copy *c;
	int r = plan_step_add(s, PLAN_COPY, &step, e);

	if (r < 0)
		return r;
	c = &step->copy;
	c->is_add = s->i->op == DOCKERFILE_ADD;
	r = flags(s, c, e);
	if (r == 0)
		r = sources(s, c, e);
	if (r == 0)
		r = check_checksum(s, c, e);
	if (r == 0)
		r = plan_expand(s, last->text, last->at, &dest, e);
	if (r < 0)
		return r;
	c->dest = plan_absolute(s, dest, true);
	return c->dest ? history(s, c, dest, e) : plan_no_memory(e);
}
