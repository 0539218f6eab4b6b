/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of RUN, with what BuildKit takes where nothing is said. */
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"

#define SECRETS_DIR "/run/secrets/"
#define SSH_SOCKET  "/run/buildkit/ssh_agent.%zu"
#define SSH_DEFAULT "default"

/* A mount that is being read. */
struct place {
	const struct plan_state *s;
	size_t at;
};

static int expand(void *arg, const char *word, char **ret, struct err *e)
{
	const struct place *p = arg;

	return plan_expand(p->s, word, p->at, ret, e);
}

static int set_text(char **member, char *text, struct err *e)
{
	if (!text)
		return plan_no_memory(e);
	free(*member);
	*member = text;
	return 0;
}

static int absolute_target(const struct plan_state *s, size_t at, struct run_mount *m, struct err *e)
{
	int r = set_text(&m->target, plan_absolute(s, m->target ? m->target : "", false), e);

	if (r == 0 && strcmp(m->target, "/") == 0)
		return plan_error(s, at, e, "invalid mount target \"/\"");
	return r;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int printed(char **member, const char *front, const char *text, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(EXPAND_MAX * 2);

	if (buf_printf(&out, "%s%s", front, text) < 0)
		return plan_no_memory(e);
	return set_text(member, buf_take(&out), e);
}

static int secret(const struct plan_state *s, size_t at, struct run_mount *m, struct err *e)
{
	const char *id = m->source ? m->source : m->id;
	int r = 0;

	if (!id && m->target)
		id = base_name(m->target);
	if (!id || !*id)
		return plan_error(s, at, e, "invalid secret mount. one of source, target required");
	if (!m->id)
		r = set_text(&m->id, strdup(id), e);
	if (r == 0 && m->target)
		return absolute_target(s, at, m, e);
	return r < 0 || m->env ? r : printed(&m->target, SECRETS_DIR, base_name(m->id), e);
}

static int ssh(const struct plan_state *s, size_t at, const struct plan_run *run, struct run_mount *m,
	       struct err *e)
{
	size_t n = 0;
	char path[64];
	int r = 0;

	for (size_t i = 0; i < run->mounts_len; i++)
		if (run->mounts[i].mount.type == RUN_MOUNT_SSH)
			n++;
	(void)snprintf(path, sizeof(path), SSH_SOCKET, n); /* fits */
	if (!m->id)
		r = set_text(&m->id, strdup(m->source ? m->source : SSH_DEFAULT), e);
	if (r == 0 && m->target)
		return absolute_target(s, at, m, e);
	return r < 0 ? r : set_text(&m->target, strdup(path), e);
}

static int cache_id(struct run_mount *m, struct err *e)
{
	return m->id ? 0 : set_text(&m->id, strdup(m->target ? m->target : ""), e);
}

static int complete(const struct plan_state *s, size_t at, const struct plan_run *run,
		    struct plan_run_mount *pm, struct err *e)
{
	struct run_mount *m = &pm->mount;
	int r = 0;

	if (m->type == RUN_MOUNT_SECRET)
		return secret(s, at, m, e);
	if (m->type == RUN_MOUNT_SSH)
		return ssh(s, at, run, m, e);
	if (m->type == RUN_MOUNT_CACHE)
		r = cache_id(m, e);
	if (r == 0)
		r = absolute_target(s, at, m, e);
	if (r < 0 || m->type == RUN_MOUNT_TMPFS)
		return r;
	if (m->from)
		return plan_source_of(s, m->from, at, &pm->from, e);
	pm->from.kind = m->type == RUN_MOUNT_BIND ? PLAN_CONTEXT : PLAN_SCRATCH;
	return 0;
}

int plan_mounts(struct plan_state *s, struct plan_run *run, struct err *e)
{
	const struct dockerfile_words *from = &s->i->run->mounts;
	int r = 0;

	if (from->len == 0)
		return 0;
	run->mounts = calloc(from->len, sizeof(*run->mounts));
	if (!run->mounts)
		return plan_no_memory(e);
	for (size_t i = 0; r == 0 && i < from->len; i++) {
		struct place place = { s, from->items[i].at };
		struct run_mount_expander x = { expand, &place };
		struct plan_run_mount m = { 0 };
		struct err cause = { 0 };

		r = run_mount_parse(from->items[i].text, &x, &m.mount, &cause);
		/* What an expansion complains about has its place already. */
		if (r < 0 && strchr(cause.text, '\n'))
			return err_set(e, r, "%s", cause.text);
		if (r < 0)
			return plan_place(s, place.at, &cause, e);
		r = complete(s, place.at, run, &m, e);
		run->mounts[run->mounts_len++] = m; /* a half-made one is freed too */
	}
	return r;
}
