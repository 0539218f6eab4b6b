/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_input.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build/remote_auth.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"

static const char *const DEFAULT_NAMES[] = { "Dockerfile", "dockerfile", "Containerfile" };

void build_input_done(struct build_input *in)
{
	for (size_t i = 0; i < in->len; i++) {
		struct build_input_context *c = &in->items[i];

		free(c->name);
		cleanup_fd_fn(&c->fd);
		ignore_done(&c->ignore);
		remote_context_done(&c->remote);
	}
	dockerfile_done(&in->dockerfile);
	in->len = 0;
}

const struct ignore *build_input_ignore(const struct build_input *in)
{
	return in->len > 0 && in->items[0].has_ignore ? &in->items[0].ignore : NULL;
}

/* --- folders -------------------------------------------------------------------------------------------- */

static int fetch(struct build_input_context *c, const char *text, bool stdin_too, struct build *build,
		 const struct build_params *p, size_t index, struct err *e)
{
	const char *agent = build_git_agent(p);
	struct remote_options o = { .ssh_auth_sock = agent ? agent : getenv("SSH_AUTH_SOCK"),
				    .cancel_fd = p->cancel_fd };
	cleanup_remote_auth char *authorization = NULL;
	cleanup_fd int dir_fd = -1;
	char name[32];
	int r = remote_context_kind(text) == REMOTE_CONTEXT_GIT ? remote_auth_git(p, text, &authorization, e)
								: remote_auth_url(p, text, &authorization, e);

	o.authorization = authorization;
	(void)snprintf(name, sizeof(name), "context-%zu", index);
	if (r == 0)
		r = build_stage(build, e);
	if (r == 0)
		r = dir_make_open(build->staging.fd, name, 0700, &dir_fd, e);
	if (r == 0)
		r = remote_context_fetch(text, stdin_too ? STDIN_FILENO : -1, dir_fd, &o, &c->remote, e);
	if (r == 0)
		c->fd = fd_take(&c->remote.root_fd);
	return r;
}

static int open_folder(struct build_input_context *c, const char *path, struct err *e)
{
	c->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return err_set(e, -ENOENT, "unable to prepare context: path \"%s\" not found", path);
	return err_errno(e, "unable to prepare context: \"%s\"", path);
}

static int add_context(struct build_input *in, const char *name, const char *text, bool stdin_too,
		       struct build *build, const struct build_params *p, struct err *e)
{
	struct build_input_context *c = &in->items[in->len];

	if (in->len == BUILD_CONTEXTS_MAX)
		return err_set(e, -EFBIG, "more than %d build contexts", BUILD_CONTEXTS_MAX);
	*c = (struct build_input_context){ .fd = -1,
					   .remote = { .root_fd = -1, .dockerfile_fd = -1 },
					   .name = name ? strdup(name) : NULL };
	in->len++;
	if (name && !c->name)
		return err_code(e, -ENOMEM, "cannot keep a build context");
	return remote_context_kind(text) == REMOTE_CONTEXT_FOLDER
		       ? open_folder(c, text, e)
		       : fetch(c, text, stdin_too, build, p, in->len, e);
}

/* What is an image comes through the plan. */
static bool is_image(const char *value)
{
	return strncmp(value, "docker-image://", 15) == 0 || strncmp(value, "oci-layout://", 13) == 0;
}

static int add_named(struct build_input *in, const char *text, struct build *build,
		     const struct build_params *p, struct err *e)
{
	cleanup_free char *name = strdup(text);
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return err_code(e, -ENOMEM, "cannot keep a build context");
	if (!equals || equals == name || !equals[1])
		return err_set(e, -EINVAL, "invalid context value: %s, expected key=value", text);
	*equals = '\0';
	return is_image(equals + 1) ? 0 : add_context(in, name, equals + 1, false, build, p, e);
}

/* --- the Dockerfile ------------------------------------------------------------------------------------- */

static int parse(int fd, const char *name, struct build_input *in, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(DOCKERFILE_MAX_BYTES);
	int r = read_fd(fd, &text, e);

	if (r < 0)
		return err_wrap(e, "failed to read dockerfile '%s'", name);
	return dockerfile_parse(text.data ? text.data : "", text.len, name, &in->dockerfile, e);
}

static int parse_in_context(struct build_input *in, const char *const *names, size_t len,
			    const char **ret_name, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		cleanup_fd int fd =
			rootfd_try_open(in->items[0].fd, names[i], O_RDONLY | O_NONBLOCK | O_NOCTTY);

		if (fd < 0)
			continue;
		*ret_name = in->path = names[i];
		in->is_in_context = true;
		return parse(fd, names[i], in, e);
	}
	return err_set(e, -ENOENT, "failed to read dockerfile: open %s: no such file or directory", names[0]);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A path from where we are, as docker has it; else one in the context, as buildah does. */
static int parse_file(struct build_input *in, const char *path, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *name;

	if (fd < 0)
		return parse_in_context(in, &path, 1, &name, e);
	in->path = path;
	return parse(fd, base_name(path), in, e);
}

static int read_dockerfile(const struct build_flags *f, struct build_input *in, const char **ret_name,
			   struct err *e)
{
	const struct remote_context *remote = &in->items[0].remote;

	*ret_name = DEFAULT_NAMES[0];
	if (f->file && strcmp(f->file, "-") == 0)
		return parse(STDIN_FILENO, DEFAULT_NAMES[0], in, e);
	if (remote->dockerfile_fd >= 0)
		return parse(remote->dockerfile_fd, DEFAULT_NAMES[0], in, e);
	if (f->file) {
		*ret_name = f->file;
		return parse_file(in, f->file, e);
	}
	return parse_in_context(in, DEFAULT_NAMES, ARRAY_LEN(DEFAULT_NAMES), ret_name, e);
}

/* --- ignore files --------------------------------------------------------------------------------------- */

/* Beside the Dockerfile where that is, if it is no file of the context. */
static int try_open(const struct build_input *in, const char *path, bool beside)
{
	int fd = -1;

	if (beside)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 ? fd : rootfd_try_open(in->items[0].fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

static int open_ignore(const struct build_input *in, const char *dockerfile, bool beside, int *ret_fd,
		       char **ret_path, struct err *e)
{
	int fds[IGNORE_FILE_NONE];
	enum ignore_file chosen;
	unsigned int exist = 0;

	for (int i = 0; i < IGNORE_FILE_NONE; i++) {
		cleanup_free char *path = ignore_file_path((enum ignore_file)i, dockerfile);

		fds[i] = path ? try_open(in, path, beside && i <= IGNORE_FILE_OF_CONTAINERFILE) : -1;
		if (fds[i] >= 0)
			exist |= 1u << i;
	}
	chosen = ignore_file_choose(exist);
	for (int i = 0; i < IGNORE_FILE_NONE; i++)
		if (i == (int)chosen)
			*ret_fd = fds[i];
		else
			cleanup_fd_fn(&fds[i]);
	if (chosen == IGNORE_FILE_NONE)
		return 0;
	*ret_path = ignore_file_path(chosen, dockerfile);
	return *ret_path ? 0 : err_code(e, -ENOMEM, "cannot read an ignore file");
}

static int read_ignore(struct build_input *in, const char *dockerfile, bool beside, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(IGNORE_FILE_MAX);
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	int r = open_ignore(in, dockerfile, beside, &fd, &path, e);

	if (r < 0 || fd < 0)
		return r;
	r = read_fd(fd, &text, e);
	if (r == 0)
		r = ignore_read(text.data ? text.data : "", text.len, &in->items[0].ignore, e);
	if (r < 0)
		return err_wrap(e, "%s", path);
	in->items[0].has_ignore = true;
	return 0;
}

/* A named folder has its own .dockerignore. */
static int read_own_ignore(struct build_input_context *c, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(c->fd, ".dockerignore", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	cleanup_buf struct buf text = BUF_INIT(IGNORE_FILE_MAX);
	int r;

	if (fd < 0)
		return 0;
	r = read_fd(fd, &text, e);
	if (r == 0)
		r = ignore_read(text.data ? text.data : "", text.len, &c->ignore, e);
	c->has_ignore = r == 0;
	return r < 0 ? err_wrap(e, ".dockerignore of build context '%s'", c->name) : 0;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static void make_folders(struct build_input *in)
{
	for (size_t i = 0; i < in->len; i++)
		in->folders[i] =
			(struct build_folder){ .name = in->items[i].name,
					       .fd = in->items[i].fd,
					       .ignore = in->items[i].has_ignore ? &in->items[i].ignore
										 : NULL };
}

int build_input_open(const struct build_flags *f, const char *context, struct build *build,
		     const struct build_params *p, struct build_input *ret, struct err *e)
{
	const char *dockerfile;
	int r;

	if (f->file && strcmp(f->file, "-") == 0 && strcmp(context, "-") == 0)
		return err_set(e, -EINVAL,
			       "invalid argument: can't use stdin for both build context and dockerfile");
	r = add_context(ret, NULL, context, true, build, p, e);
	for (size_t i = 0; r == 0 && i < f->contexts.len; i++)
		r = add_named(ret, f->contexts.items[i], build, p, e);
	if (r == 0)
		r = read_dockerfile(f, ret, &dockerfile, e);
	if (r == 0)
		r = read_ignore(ret, dockerfile, f->file, e);
	for (size_t i = 1; r == 0 && i < ret->len; i++)
		r = read_own_ignore(&ret->items[i], e);
	if (r == 0)
		make_folders(ret);
	return r;
}
