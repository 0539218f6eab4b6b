/* SPDX-License-Identifier: Apache-2.0 */
/* A commit of a remote, checked out: the second half of git in build/remote.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/remote_git.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"
#include "common/strvec.h"

#define PATHS_MAX  (4u << 20) /* bytes of the names of submodules */
#define CONFIG_MAX 65536
#define ARGS(...)  ((const char *const[]){ __VA_ARGS__, NULL })

struct checkout {
	const struct plan_git *git;
	const struct remote_commit *commit;
	struct git_program program;
	bool keep;
};

static int run(const struct checkout *c, const char *const *args, struct err *e)
{
	return git_program_run(&c->program, args, NULL, e);
}

/* --- the repository -------------------------------------------------------------------------------------- */

/* What submodules whose URLs are relative are looked for by. As file, since the words of a command can be seen by everybody. */
static int write_origin(const struct checkout *c, const char *url, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(CONFIG_MAX);
	cleanup_fd int fd =
		openat(c->program.dir_fd, ".git/config", O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	int r = buf_add_str(&text,
			    "[remote \"origin\"]\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\turl = \"");

	for (; r == 0 && *url; url++)
		r = buf_printf(&text, "%s%c", *url == '"' || *url == '\\' ? "\\" : "", *url);
	if (r == 0)
		r = buf_add_str(&text, "\"\n");
	if (r == 0)
		r = fd < 0 ? -errno : write_all(fd, text.data, text.len);
	return r < 0 ? err_code(e, r, "cannot write the repository's configuration") : 0;
}

static int init(const struct checkout *c, struct err *e)
{
	const char *format =
		strlen(c->commit->commit) == 64 ? "--object-format=sha256" : "--object-format=sha1";
	int r = run(c, ARGS("init", "--quiet", "--template=", format, "."), e);

	return r < 0 ? r : write_origin(c, c->git->remote, e);
}

static bool has_commit(const struct checkout *c)
{
	cleanup_free char *name = NULL;
	struct err e;

	if (asprintf(&name, "%s^{commit}", c->commit->commit) < 0)
		return false;
	return run(c, ARGS("cat-file", "-e", name), &e) == 0;
}

/* Where the repository is kept, the ref has its name there. */
static int shallow_spec(const struct checkout *c, bool by_name, char **ret, struct err *e)
{
	const struct remote_commit *k = c->commit;
	bool named = c->keep && strncmp(k->ref, "refs/", 5) == 0;
	const char *what = c->keep && k->tag[0] ? k->tag : k->commit;

	if (asprintf(ret, "%s%s%s%s", named ? "+" : "", by_name ? k->ref : what, named ? ":" : "",
		     named ? k->ref : "") < 0) {
		*ret = NULL;
		return err_code(e, -ENOMEM, "cannot run git");
	}
	return 0;
}

/* 0: it is there. -ENODATA: it is not, and another way may be better. */
static int fetch_shallow(const struct checkout *c, bool by_name, struct err *e)
{
	cleanup_free char *spec = NULL;
	int r = shallow_spec(c, by_name, &spec, e);

	if (r == 0)
		r = run(c,
			ARGS("fetch", "--quiet", "--update-head-ok", "--no-tags", "--no-recurse-submodules",
			     "--depth=1", GIT_REMOTE, spec),
			e);
	if (r == 0 && has_commit(c))
		return 0;
	return r == 0 || r == -EPROTO ? -ENODATA : r;
}

/* Of all branches and tags: servers that know neither depth nor commits by their IDs, and commits that nothing else leads to. */
static int fetch_all(const struct checkout *c, struct err *e)
{
	int r = run(c,
		    ARGS("fetch", "--quiet", "--update-head-ok", "--no-recurse-submodules", GIT_REMOTE,
			 "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"),
		    e);

	if (r < 0)
		return r;
	return has_commit(c)
		       ? 0
		       : err_set(e, -ENOENT, "repository does not contain commit %s", c->commit->commit);
}

/* A commit by its ID is just what was resolved; servers that do not let us have it so may have it as what the ref is now. */
static int fetch(const struct checkout *c, struct err *e)
{
	int r = fetch_shallow(c, false, e);

	if (r == -ENODATA && c->commit->ref[0])
		r = fetch_shallow(c, true, e);
	return r == -ENODATA ? fetch_all(c, e) : r;
}

/* --- submodules ------------------------------------------------------------------------------------------ */

static bool has_submodules(const struct checkout *c)
{
	struct stat st;

	return !c->git->no_submodules &&
	       fstatat(c->program.dir_fd, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static int fetch_submodules(const struct checkout *c, struct err *e)
{
	int r = run(c, ARGS("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"), e);

	/* A commit that no ref is at cannot be had without the history. */
	if (r == -EPROTO)
		r = run(c, ARGS("submodule", "--quiet", "update", "--init", "--recursive"), e);
	return r == -EPROTO ? err_wrap(e, "failed to update submodules") : r;
}

/* Files that say where their repositories are; of a repository's own files none has such a name. */
static int drop_links(const struct checkout *c, struct err *e)
{
	cleanup_buf struct buf paths = BUF_INIT(PATHS_MAX);
	int r = git_program_run(&c->program,
				ARGS("submodule", "--quiet", "foreach", "--recursive",
				     "printf '%s\\0' \"$displaypath\""),
				&paths, e);

	for (size_t at = 0; r == 0 && at < paths.len; at += strlen(paths.data + at) + 1) {
		cleanup_fd int fd =
			rootfd_try_open(c->program.dir_fd, paths.data + at, O_RDONLY | O_DIRECTORY);

		if (fd >= 0)
			r = tree_remove(fd, ".git", e);
	}
	return r;
}

/* --- what is left ---------------------------------------------------------------------------------------- */

/* Neither passwords nor what depends on the time of the fetch. */
static int clean_repository(const struct checkout *c, struct err *e)
{
	cleanup_free char *shown = download_redact(c->git->remote);
	int r = shown ? run(c, ARGS("config", "remote.origin.url", shown), e)
		      : err_code(e, -ENOMEM, "cannot run git");

	if (r == 0 && unlinkat(c->program.dir_fd, ".git/FETCH_HEAD", 0) < 0 && errno != ENOENT)
		r = err_errno(e, "cannot remove '.git/FETCH_HEAD'");
	return r;
}

static int step_into(int *fd, const char *name, const char *subdir, struct err *e)
{
	int next;

	if (!*name || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return err_set(e, -EINVAL, "git subdir '%.200s' climbs", subdir);
	next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(e, -ENOTDIR, "git subdir '%.200s' is not a directory", subdir);
	if (next < 0)
		return err_errno(e, "git subdir '%.200s'", subdir);
	cleanup_fd_fn(fd);
	*fd = next;
	return 0;
}

/* Through directories alone: a symlink is no way into one, as BuildKit has it. */
static int open_subdir(int dir_fd, const char *subdir, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strvec struct strvec parts = { 0 };
	int r = fd < 0 ? err_errno(e, "cannot open the checkout") : 0;

	if (r == 0 && subdir && strvec_split(&parts, subdir, '/') < 0)
		r = err_code(e, -ENOMEM, "cannot open the checkout");
	for (size_t i = 0; r == 0 && i < parts.len; i++)
		r = step_into(&fd, parts.items[i], subdir, e);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

static int make(const struct checkout *c, struct err *e)
{
	bool with_submodules;
	int r = init(c, e);

	if (r == 0)
		r = fetch(c, e);
	if (r == 0)
		r = run(c, ARGS("checkout", "--quiet", "--force", "--detach", c->commit->commit), e);
	with_submodules = r == 0 && has_submodules(c);
	if (with_submodules)
		r = fetch_submodules(c, e);
	if (with_submodules && r == 0 && !c->keep)
		r = drop_links(c, e);
	if (r < 0)
		return remote_git_wrap(c->git, e);
	return c->keep ? clean_repository(c, e) : tree_remove(c->program.dir_fd, ".git", e);
}

static bool names_something(const char *subdir)
{
	return subdir && subdir[strspn(subdir, "/.")];
}

int remote_git(const struct plan_git *git, const struct remote_commit *commit, int dir_fd,
	       const struct remote_options *o, int *ret_root_fd, struct err *e)
{
	const struct checkout c = { .git = git,
				    .commit = commit,
				    .program = remote_program(git, o, dir_fd),
				    .keep = git->keep_git_dir.value && !names_something(git->subdir) };
	int r = git_program_check(git->remote, git->ref, e);

	if (r == 0 && !remote_is_commit(commit->commit))
		r = err_set(e, -EINVAL, "invalid commit sha \"%.80s\"", commit->commit);
	if (r == 0)
		r = make(&c, e);
	return r < 0 ? r : open_subdir(dir_fd, git->subdir, ret_root_fd, e);
}
