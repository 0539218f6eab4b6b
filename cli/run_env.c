/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_env.h"

#include <fcntl.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void remove_name(struct strvec *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = env->len; i > 0; i--)
		if (strncmp(env->items[i - 1], name, len) == 0 && env->items[i - 1][len] == '=')
			strvec_remove(env, i - 1);
}

/* NAME=VALUE, or NAME alone. */
static int apply(struct strvec *env, const struct strvec *own, const char *text, struct err *e)
{
	cleanup_free char *joined = NULL;
	const char *value;

	if (text[0] == '=' || !text[0])
		return err_set(e, -EINVAL, "invalid environment variable: '%s'", text);
	if (strchr(text, '='))
		return strvec_set_env(env, text) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
	value = strvec_get_env(own, text);
	if (!value) {
		remove_name(env, text);
		return 0;
	}
	if (asprintf(&joined, "%s=%s", text, value) < 0) {
		joined = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return strvec_set_env(env, joined) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* Docker's rules: leading blanks and lines that begin with '#' are skipped, a name has no blanks, the value is taken as it is. */
static int apply_line(struct strvec *env, const struct strvec *own, const char *line, struct err *e)
{
	size_t name_len;

	line += strspn(line, " \t");
	if (!line[0] || line[0] == '#')
		return 0;
	name_len = strcspn(line, "=");
	if (name_len == 0)
		return err_set(e, -EINVAL, "no variable name on line '%s'", line);
	if (strcspn(line, " \t") < name_len)
		return err_set(e, -EINVAL, "variable '%.*s' contains whitespaces", (int)name_len, line);
	if (!line[name_len] && !strvec_get_env(own, line))
		return 0;
	return apply(env, own, line, e);
}

/* What each line of a file is handed to. */
typedef int visit_line(struct strvec *to, const struct strvec *own, const char *line, struct err *e);

static int each_line(struct strvec *env, const struct strvec *own, const char *path, visit_line *visit,
		     struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(RUN_ENV_FILE_MAX);
	/* Not file_read: pipes are welcome, as in --env-file <(make-env). */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *line, *next;
	int r = fd < 0 ? err_errno(e, "cannot open") : read_fd(fd, &text, e);

	if (r < 0)
		return err_wrap(e, "'%s'", path);
	if (text.len > 0 && memchr(text.data, '\0', text.len))
		return err_set(e, -EINVAL, "'%s' is not a text file", path);
	line = text.data;
	if (line && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	for (; r == 0 && line && *line; line = next) {
		size_t len = strcspn(line, "\n");

		next = line[len] ? line + len + 1 : line + len;
		line[len] = '\0';
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		r = visit(env, own, line, e);
	}
	return r < 0 ? err_wrap(e, "'%s'", path) : 0;
}

/* As a variable's, but that a name alone is a label without a value. */
static int add_label(struct strvec *labels, const struct strvec *unused, const char *line, struct err *e)
{
	cleanup_free char *text = NULL;
	size_t name_len;

	(void)unused;
	line += strspn(line, " \t");
	if (!line[0] || line[0] == '#')
		return 0;
	name_len = strcspn(line, "=");
	if (name_len == 0)
		return err_set(e, -EINVAL, "no variable name on line '%s'", line);
	if (strcspn(line, " \t") < name_len)
		return err_set(e, -EINVAL, "variable '%.*s' contains whitespaces", (int)name_len, line);
	if (asprintf(&text, "%s%s", line, line[name_len] ? "" : "=") < 0)
		text = NULL;
	return !text || strvec_set_env(labels, text) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

int run_env_read_labels(const char *path, struct strvec *labels, struct err *e)
{
	return each_line(labels, NULL, path, add_label, e);
}

static int add_defaults(const struct run_env_sources *from, struct strvec *env, struct err *e)
{
	int r = strvec_add(env, DEFAULT_PATH);

	if (r == 0)
		r = strvec_addf(env, "HOSTNAME=%s", from->hostname);
	if (r == 0 && from->tty)
		r = strvec_add(env, "TERM=xterm");
	for (size_t i = 0; r == 0 && i < from->image->len; i++)
		if (strchr(from->image->items[i], '='))
			r = strvec_set_env(env, from->image->items[i]);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int run_env_change(const struct strvec *files, const struct strvec *flags, const struct strvec *own,
		   struct strvec *env, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->len; i++)
		r = each_line(env, own, files->items[i], apply_line, e);
	for (size_t i = 0; r == 0 && i < flags->len; i++)
		r = apply(env, own, flags->items[i], e);
	return r;
}

int run_env_build(const struct run_env_sources *from, struct strvec *ret, struct err *e)
{
	cleanup_strvec struct strvec env = { 0 };
	int r = add_defaults(from, &env, e);

	if (r == 0)
		r = run_env_change(from->files, from->flags, from->own, &env, e);
	if (r < 0)
		return r;
	if (!strvec_get_env(&env, "HOME") && strvec_addf(&env, "HOME=%s", from->home) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = env;
	env = (struct strvec){ 0 };
	return 0;
}
