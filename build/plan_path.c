/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "build/path_clean.h"
#include "build/plan_parts.h"
#include "common/cleanup.h"

/* "", "." and what ends in "/" or "/." say that it is a directory. */
static bool says_directory(const char *path)
{
	size_t len = strlen(path);

	if (len == 0 || strcmp(path, ".") == 0 || path[len - 1] == '/')
		return true;
	return len >= 2 && strcmp(path + len - 2, "/.") == 0;
}

char *plan_absolute(const struct plan_state *s, const char *path, bool keep_slash)
{
	const char *dir = s->out->config.working_dir ? s->out->config.working_dir : "/";
	cleanup_buf struct buf joined = BUF_INIT(4 * EXPAND_MAX), out = BUF_INIT(4 * EXPAND_MAX);
	cleanup_free char *clean = NULL;
	int r = *path == '/' ? buf_printf(&joined, "/%s", path) : buf_printf(&joined, "/%s/%s", dir, path);

	if (r < 0)
		return NULL;
	clean = path_clean(joined.data);
	if (!clean)
		return NULL;
	if (!keep_slash || !says_directory(path) || strcmp(clean, "/") == 0)
		return ptr_take(clean);
	return buf_printf(&out, "%s/", clean) < 0 ? NULL : buf_take(&out);
}

static int make_directory(struct plan_state *s, struct err *e)
{
	const struct image_config *c = &s->out->config;
	struct plan_step *step;
	int r = plan_step_add(s, PLAN_WORKDIR, &step, e);

	if (r < 0)
		return r;
	step->directory = strdup(c->working_dir);
	step->directory_user = strdup(c->user ? c->user : "");
	step->history = c->history_len;
	return step->directory && step->directory_user ? 0 : plan_no_memory(e);
}

int plan_workdir(struct plan_state *s, struct err *e)
{
	const struct dockerfile_word *w = &s->i->words.items[0];
	cleanup_buf struct buf text = BUF_INIT(PLAN_HISTORY_TEXT_MAX);
	cleanup_free char *path = NULL, *dir = NULL;
	bool is_root;
	int r = plan_expand(s, w->text, w->at, &path, e);

	if (r < 0)
		return r;
	if (!s->out->workdir_set && *path != '/')
		plan_warn(s, CHECK_WORKDIR_RELATIVE_PATH, path, NULL);
	s->out->workdir_set = true;
	dir = plan_absolute(s, path, false);
	if (!dir || buf_printf(&text, "WORKDIR %s", dir) < 0)
		return plan_no_memory(e);
	is_root = strcmp(dir, "/") == 0;
	free(s->out->config.working_dir);
	s->out->config.working_dir = ptr_take(dir);
	r = is_root ? 0 : make_directory(s, e);
	return r < 0 ? r : plan_history(s, text.data, !is_root, e);
}
