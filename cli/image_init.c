/* SPDX-License-Identifier: Apache-2.0 */
/* sampan init */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/init.h"
#include "cli/image_main.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"

#define DOCKERFILE   "Dockerfile"
#define DOCKERIGNORE ".dockerignore"
#define FILE_MODE    0644
#define SEEN_MAX     512 /* bytes, of a list of kinds */

struct init_options {
	bool force, print, typed;
	enum init_kind kind; /* where typed */
};

static int set_type(const char *text, void *member, struct err *e)
{
	struct init_options *o = member;

	o->typed = true;
	return init_kind_parse(text, &o->kind, e);
}

static const struct option_def OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, offsetof(struct init_options, force), NULL,
	  "Replace files that are there" },
	{ "print", 0, OPTION_BOOL, offsetof(struct init_options, print), NULL,
	  "Print the Dockerfile, and write nothing" },
	{ "type", 0, OPTION_CALL, 0, "kind",
	  "The kind of project: c-make, c-cmake, go, python, node, rust (default: what is recognized)",
	  set_type },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan init",
	.usage = "[OPTIONS] [DIR]",
	.summary = "Write a Dockerfile and a .dockerignore for the project in a folder",
	.options = OPTIONS,
	.max_args = 1,
};

/* --- what is there ---------------------------------------------------------------------------------- */

/* As it is inside of the folder: a symlink that leads out of it leads nowhere. */
static int add_name(int dir_fd, const char *folder, const char *name, struct strvec *out)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (asprintf(&path, "%s%s", folder, name) < 0)
		return -ENOMEM;
	fd = rootfd_try_open(dir_fd, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		return 0;
	return strvec_addf(out, "%s%s", path, S_ISDIR(st.st_mode) ? "/" : "");
}

static int add_folder(int dir_fd, const char *folder, struct strvec *out, struct err *e)
{
	int fd = -1, r = rootfd_open(dir_fd, *folder ? folder : ".", O_RDONLY | O_DIRECTORY, 0, &fd, e);
	cleanup_dir DIR *dir = r == 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (r < 0)
		return r;
	if (!dir) {
		(void)close(fd);
		return err_errno(e, "cannot read '%s'", folder);
	}
	while (r == 0 && out->len < INIT_NAMES_MAX && (entry = readdir(dir)))
		r = add_name(dir_fd, folder, entry->d_name, out);
	return r < 0 ? err_code(e, r, "cannot read '%s'", folder) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_names(int dir_fd, struct strvec *out, struct err *e)
{
	const char *folder;
	int r = add_folder(dir_fd, "", out, e);

	for (size_t i = 0; r == 0 && (folder = init_folder_at(i)); i++)
		if (strvec_has(out, folder))
			r = add_folder(dir_fd, folder, out, e);
	if (r == 0 && out->len > 1)
		qsort(out->items, out->len, sizeof(*out->items), compare);
	return r;
}

static int read_text(int dir_fd, const char *name, struct buf *out, struct err *e)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = rootfd_open(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot read '%s'", name);
	if (!S_ISREG(st.st_mode)) /* it was, a moment ago */
		return err_set(e, -EINVAL, "'%s' is not a regular file", name);
	r = read_fd(fd, out, e);
	return r < 0 ? err_wrap(e, "'%s'", name) : 0;
}

static int read_project(int dir_fd, struct init_project *p, struct err *e)
{
	int r = add_names(dir_fd, &p->names, e);

	for (int i = 0; r == 0 && i < INIT_TEXTS; i++) {
		const char *name = init_text_file(p, (enum init_text)i);

		p->texts[i] = BUF_INIT(INIT_TEXT_MAX_BYTES);
		if (name)
			r = read_text(dir_fd, name, &p->texts[i], e);
	}
	return r;
}

/* --- which kind -------------------------------------------------------------------------------------- */

static int refuse_unknown(const char *dir, struct err *e)
{
	char looked_for[sizeof(e->text)] = "";

	for (int i = 0; i < INIT_KINDS; i++) {
		size_t len = strlen(looked_for);

		(void)snprintf(looked_for + len, sizeof(looked_for) - len, "%s%s: %s", i > 0 ? "; " : "",
			       init_kind_name((enum init_kind)i), init_kind_files((enum init_kind)i));
	}
	return err_set(e, -ENODATA, "no project is recognized in '%s' (%s)", dir, looked_for);
}

static void tell_others(const struct init_project *p, enum init_kind taken)
{
	char seen[SEEN_MAX] = "";

	for (int i = 0; i < INIT_KINDS; i++) {
		size_t len = strlen(seen);

		if (i != (int)taken && init_is_kind(p, (enum init_kind)i))
			(void)snprintf(seen + len, sizeof(seen) - len, "%s%s", len > 0 ? ", " : "",
				       init_kind_name((enum init_kind)i));
	}
	if (seen[0])
		cli_error("taken for a project of the kind '%s'; also seen: %s (--type chooses)",
			  init_kind_name(taken), seen);
}

static int choose(const struct init_options *o, const struct init_project *p, const char *dir,
		  enum init_kind *ret, struct err *e)
{
	if (o->typed) {
		if (!init_is_kind(p, o->kind))
			return err_set(e, -ENODATA, "'%s' is no project of the kind '%s': there is no %s",
				       dir, init_kind_name(o->kind), init_kind_files(o->kind));
		*ret = o->kind;
		return 0;
	}
	for (int i = 0; i < INIT_KINDS; i++)
		if (init_is_kind(p, (enum init_kind)i)) {
			*ret = (enum init_kind)i;
			tell_others(p, *ret);
			return 0;
		}
	return refuse_unknown(dir, e);
}

/* --- what is written --------------------------------------------------------------------------------- */

/* Where nothing is: not through a symlink either. */
static int write_new(int dir_fd, const char *name, const struct buf *text, struct err *e)
{
	cleanup_fd int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot write '%s'", name);
	r = write_all(fd, text->data, text->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlinkat(dir_fd, name, 0); /* half of it is worse than none */
	return err_code(e, r, "cannot write '%s'", name);
}

static int write_one(int dir_fd, const char *dir, const char *name, const struct buf *text, bool force,
		     struct err *e)
{
	int r = force ? file_write_durable(dir_fd, name, text->data, text->len, FILE_MODE, e)
		      : write_new(dir_fd, name, text, e);

	if (r == 0 && strcmp(dir, ".") == 0)
		(void)puts(name);
	else if (r == 0)
		(void)printf("%s%s%s\n", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
	return r;
}

static bool is_there(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_both(int dir_fd, const char *dir, const struct buf *dockerfile, const struct buf *ignore,
		      bool force, struct err *e)
{
	int r;

	if (!force && is_there(dir_fd, DOCKERFILE))
		return err_set(e, -EEXIST,
			       "'" DOCKERFILE
			       "' is there already (--force replaces it, --print shows what it would be)");
	r = write_one(dir_fd, dir, DOCKERFILE, dockerfile, force, e);
	if (r < 0)
		return r;
	if (!force && is_there(dir_fd, DOCKERIGNORE)) {
		cli_error("'" DOCKERIGNORE "' is there already, and stays as it is (--force replaces it)");
		return 0;
	}
	return write_one(dir_fd, dir, DOCKERIGNORE, ignore, force, e);
}

static int init_dir(const char *dir, const struct init_options *o, struct err *e)
{
	cleanup_init_project struct init_project p = { .names = { .max = INIT_NAMES_MAX } };
	cleanup_buf struct buf dockerfile = BUF_INIT(INIT_OUT_MAX_BYTES);
	cleanup_buf struct buf ignore = BUF_INIT(INIT_OUT_MAX_BYTES);
	cleanup_free char *real = realpath(dir, NULL);
	cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum init_kind kind = INIT_KINDS;
	int r;

	if (fd < 0 || !real)
		return err_errno(e, "cannot open '%s'", dir);
	p.folder = strrchr(real, '/') + 1;
	r = read_project(fd, &p, e);
	if (r == 0)
		r = choose(o, &p, dir, &kind, e);
	if (r == 0)
		r = init_generate(kind, &p, &dockerfile, &ignore, e);
	if (r == 0 && o->print)
		(void)fputs(dockerfile.data, stdout);
	else if (r == 0)
		r = write_both(fd, dir, &dockerfile, &ignore, o->force, e);
	return r;
}

int image_init(int argc, char **argv, const struct image_globals *g)
{
	struct init_options o = { .force = false };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	if (init_dir(n > 0 ? argv[1] : ".", &o, &e) < 0)
		return cli_end_output(image_fail(g, &e));
	return cli_end_output(0);
}
