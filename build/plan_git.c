/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of git repositories, as BuildKit tells them from others: scheme://..., user@host:path, with "#REF:SUBDIR" or a query behind it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/parse.h"

void plan_git_done(struct plan_git *g)
{
	free(g->remote);
	free(g->ref);
	free(g->subdir);
	free(g->checksum);
	*g = (struct plan_git){ 0 };
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* user@host:path. */
static bool is_scp(const char *url)
{
	size_t user = 0, host = 0;
	const char *h;

	while (isalnum((unsigned char)url[user]) || url[user] == '-' || url[user] == '_')
		user++;
	if (user == 0 || url[user] != '@')
		return false;
	h = url + user + 1;
	while (isalnum((unsigned char)h[host]) || h[host] == '-' || h[host] == '.')
		host++;
	return host > 0 && h[host] == ':' && h[host + 1];
}

/* Over HTTP only what ends in ".git" is a repository. */
static bool is_git(const char *url)
{
	size_t path = strcspn(url, "?#");

	if (starts_with(url, "git://") || starts_with(url, "ssh://"))
		return true;
	if (starts_with(url, "http://") || starts_with(url, "https://"))
		return path > 4 && memcmp(url + path - 4, ".git", 4) == 0;
	return is_scp(url);
}

static int set_text(char **member, const char *text, size_t len, struct err *e)
{
	if (len == 0)
		return 0;
	free(*member);
	*member = strndup(text, len);
	return *member ? 0 : plan_no_memory(e);
}

static int set_ref(struct plan_git *g, const char *front, const char *text, struct err *e)
{
	cleanup_buf struct buf ref = BUF_INIT(EXPAND_MAX * 2);

	if (g->ref)
		return err_set(e, -EINVAL, "git URL has more than one ref");
	if (buf_printf(&ref, "%s%s", front, text) < 0)
		return plan_no_memory(e);
	return set_text(&g->ref, ref.data, ref.len, e);
}

static int set_keep(struct plan_git *g, const char *value, struct err *e)
{
	g->keep_git_dir = (struct dockerfile_bool){ true, true };
	if (*value && parse_bool(value, &g->keep_git_dir.value) < 0)
		return err_set(e, -EINVAL, "invalid keep-git-dir value: \"%s\"", value);
	return 0;
}

static int set_submodules(struct plan_git *g, const char *value, struct err *e)
{
	bool with = true;

	if (*value && parse_bool(value, &with) < 0)
		return err_set(e, -EINVAL, "invalid submodules value: \"%s\"", value);
	g->no_submodules = !with;
	return 0;
}

static int set_key(struct plan_git *g, const char *key, const char *value, struct err *e)
{
	if (strcmp(key, "ref") == 0)
		return set_ref(g, "", value, e);
	if (strcmp(key, "branch") == 0)
		return set_ref(g, "refs/heads/", value, e);
	if (strcmp(key, "tag") == 0)
		return set_ref(g, "refs/tags/", value, e);
	if (strcmp(key, "subdir") == 0)
		return set_text(&g->subdir, value, strlen(value), e);
	if (strcmp(key, "checksum") == 0 || strcmp(key, "commit") == 0)
		return set_text(&g->checksum, value, strlen(value), e);
	if (strcmp(key, "keep-git-dir") == 0)
		return set_keep(g, value, e);
	if (strcmp(key, "submodules") == 0)
		return set_submodules(g, value, e);
	return err_set(e, -EINVAL, "unexpected query \"%.100s\"", key);
}

static int read_query(struct plan_git *g, const char *query, size_t len, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	cleanup_free char *text = strndup(query, len);
	int r = text ? strvec_split(&fields, text, '&') : -ENOMEM;

	if (r < 0)
		return err_code(e, r, "cannot read a git URL");
	for (size_t i = 0; r == 0 && i < fields.len; i++) {
		char *equals = strchr(fields.items[i], '=');

		if (equals)
			*equals = '\0';
		r = set_key(g, fields.items[i], equals ? equals + 1 : "", e);
	}
	return r;
}

static int read_fragment(struct plan_git *g, const char *text, struct err *e)
{
	size_t ref = strcspn(text, ":");
	int r = 0;

	if (ref > 0 && g->ref)
		return err_set(e, -EINVAL, "git URL has more than one ref");
	r = set_text(&g->ref, text, ref, e);
	if (r == 0 && text[ref] && text[ref + 1])
		r = set_text(&g->subdir, text + ref + 1, strlen(text + ref + 1), e);
	return r;
}

static int check_subdir(const struct plan_git *g, struct err *e)
{
	cleanup_strvec struct strvec parts = { 0 };

	if (!g->subdir)
		return 0;
	if (strvec_split(&parts, g->subdir, '/') < 0)
		return plan_no_memory(e);
	return strvec_has(&parts, "..")
		       ? err_set(e, -EINVAL, "git URL has a directory that climbs: %s", g->subdir)
		       : 0;
}

int plan_git_parse(const char *url, struct plan_git *ret, struct err *e)
{
	size_t end = strcspn(url, "?#");
	const char *fragment = strchr(url, '#');
	struct plan_git g = { 0 };
	int r;

	if (!is_git(url))
		return 0;
	r = set_text(&g.remote, url, end, e);
	if (r == 0 && url[end] == '?')
		r = read_query(&g, url + end + 1, strcspn(url + end + 1, "#"), e);
	if (r == 0 && fragment)
		r = read_fragment(&g, fragment + 1, e);
	if (r == 0)
		r = check_subdir(&g, e);
	if (r < 0) {
		plan_git_done(&g);
		return r;
	}
	*ret = g;
	return 1;
}
