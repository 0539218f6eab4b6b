/* SPDX-License-Identifier: Apache-2.0 */
/* What a ref is at a remote: the first half of git in build/remote.h. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "build/remote_git.h"
#include "common/cleanup.h"

static bool is_hex(const char *text)
{
	while (isxdigit((unsigned char)*text))
		text++;
	return *text == '\0';
}

bool remote_is_commit(const char *text)
{
	size_t len = strlen(text);

	return (len == 40 || len == 64) && is_hex(text);
}

struct git_program remote_program(const struct plan_git *git, const struct remote_options *o, int dir_fd)
{
	return (struct git_program){ .dir_fd = dir_fd,
				     .remote = git->remote,
				     .authorization = o->authorization,
				     .ssh_auth_sock = o->ssh_auth_sock,
				     .is_file = strncmp(git->remote, "file://", 7) == 0,
				     .cancel_fd = o->cancel_fd };
}

int remote_git_wrap(const struct plan_git *git, struct err *e)
{
	cleanup_free char *shown = NULL;

	if (e->code != -EPROTO && e->code != -EFBIG)
		return e->code; /* its words say all */
	shown = download_redact(git->remote);
	return err_wrap(e, "failed to fetch remote %.200s", shown ? shown : "repository");
}

/* --- ls-remote ------------------------------------------------------------------------------------------ */

/* Lines of "ID<tab>name". False: there is none of that name. */
static bool find_id(const struct buf *said, const char *name, char ret[REMOTE_COMMIT_MAX + 1])
{
	const char *at = said->data ? said->data : "";

	while (*at) {
		size_t line = strcspn(at, "\n"), id = strcspn(at, "\t\n");

		if (id <= REMOTE_COMMIT_MAX && at[id] == '\t' && line - id - 1 == strlen(name) &&
		    memcmp(at + id + 1, name, line - id - 1) == 0) {
			(void)snprintf(ret, REMOTE_COMMIT_MAX + 1, "%.*s", (int)id, at);
			if (remote_is_commit(ret))
				return true;
		}
		at += line + (at[line] == '\n');
	}
	return false;
}

/* A ref of this full name, and the commit behind it where it is a tag's object. */
static bool find_ref(const struct buf *said, const char *full, struct remote_commit *ret)
{
	char id[REMOTE_COMMIT_MAX + 1], peeled[REMOTE_REF_MAX + 8];

	if (strlen(full) > REMOTE_REF_MAX || !find_id(said, full, id))
		return false;
	*ret = (struct remote_commit){ 0 };
	(void)snprintf(ret->ref, sizeof(ret->ref), "%s", full);
	(void)snprintf(peeled, sizeof(peeled), "%s^{}", full);
	if (find_id(said, peeled, ret->commit))
		(void)snprintf(ret->tag, sizeof(ret->tag), "%s", id);
	else
		(void)snprintf(ret->commit, sizeof(ret->commit), "%s", id);
	return true;
}

/* As git-checkout has it: a branch before a tag. */
static bool find_named(const struct buf *said, const char *ref, struct remote_commit *ret)
{
	static const char *const FRONTS[] = { "refs/", "refs/heads/", "refs/tags/" };
	char full[REMOTE_REF_MAX + 16];

	for (size_t i = 0; i < ARRAY_LEN(FRONTS); i++) {
		size_t len = strlen(FRONTS[i]);
		bool has_it = strncmp(ref, FRONTS[i], len) == 0;

		(void)snprintf(full, sizeof(full), "%s%s", has_it ? "" : FRONTS[i], ref);
		if (find_ref(said, full, ret))
			return true;
	}
	return false;
}

/* "ref: refs/heads/main<tab>HEAD" says what HEAD is; without it, it is nothing but a commit. */
static bool find_head(const struct buf *said, struct remote_commit *ret)
{
	const char *at = said->data ? strstr(said->data, "ref: refs/") : NULL;
	size_t len = at ? strcspn(at + 5, "\t\n") : 0;

	if (!find_ref(said, "HEAD", ret))
		return false;
	if (len > 0 && len <= REMOTE_REF_MAX)
		(void)snprintf(ret->ref, sizeof(ret->ref), "%.*s", (int)len, at + 5);
	return true;
}

static int ask(const struct plan_git *git, const struct remote_options *o, struct remote_commit *ret,
	       struct err *e)
{
	cleanup_buf struct buf said = BUF_INIT(REMOTE_GIT_OUT_MAX);
	cleanup_free char *peeled = NULL;
	/* Not in anybody's repository. */
	cleanup_fd int dir_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *head[] = { "ls-remote", "--quiet", "--symref", GIT_REMOTE, "HEAD", NULL };
	const char *named[] = { "ls-remote", "--quiet", GIT_REMOTE, git->ref, NULL, NULL };
	struct git_program program = remote_program(git, o, dir_fd);
	int r;

	if (dir_fd < 0)
		return err_errno(e, "cannot open '/proc'");
	if (git->ref && asprintf(&peeled, "%s^{}", git->ref) < 0)
		return err_code(e, -ENOMEM, "cannot run git");
	named[4] = peeled;
	r = git_program_run(&program, git->ref ? named : head, &said, e);
	if (r < 0)
		return remote_git_wrap(git, e);
	if (git->ref ? find_named(&said, git->ref, ret) : find_head(&said, ret))
		return 0;
	return err_set(e, -ENOENT, "repository does not contain ref %.200s", git->ref ? git->ref : "HEAD");
}

/* --- checksum ------------------------------------------------------------------------------------------- */

static bool begins_with(const char *id, const char *checksum)
{
	return strncasecmp(id, checksum, strlen(checksum)) == 0;
}

static int check(const struct plan_git *git, const struct remote_commit *c, struct err *e)
{
	if (!git->checksum || begins_with(c->commit, git->checksum) ||
	    (c->tag[0] && begins_with(c->tag, git->checksum)))
		return 0;
	return err_set(e, -EBADMSG, "expected checksum to match %s, got %s%s%s", git->checksum,
		       c->tag[0] ? c->tag : c->commit, c->tag[0] ? " or " : "", c->tag[0] ? c->commit : "");
}

int remote_git_resolve(const struct plan_git *git, const struct remote_options *o, struct remote_commit *ret,
		       struct err *e)
{
	struct remote_commit found = { 0 };
	int r = git_program_check(git->remote, git->ref, e);

	if (r == 0 && git->ref && strlen(git->ref) > REMOTE_REF_MAX)
		r = err_set(e, -EINVAL, "a git ref is longer than %d bytes", REMOTE_REF_MAX);
	if (r == 0 && git->checksum &&
	    (!*git->checksum || strlen(git->checksum) > REMOTE_COMMIT_MAX || !is_hex(git->checksum)))
		r = err_set(e, -EINVAL, "invalid checksum \"%.100s\", expected hex commit hash",
			    git->checksum);
	if (r < 0)
		return r;
	if (git->ref && remote_is_commit(git->ref))
		for (size_t i = 0; git->ref[i]; i++)
			found.commit[i] = (char)tolower((unsigned char)git->ref[i]);
	else
		r = ask(git, o, &found, e);
	if (r == 0)
		r = check(git, &found, e);
	if (r == 0)
		*ret = found;
	return r;
}
