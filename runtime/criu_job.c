/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_job.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"
#include "common/rootfd.h"
#include "runtime/sys_mount.h"

#define CONFIG_MAX_BYTES  65536
#define CONFIG_VARIABLE   "CRIU_CONFIG_FILE"
#define CONFIG_DEFAULT    "/etc/criu/runc.conf"
#define CONFIG_ANNOTATION "org.criu.config"
#define LOG_MAX_BYTES     (64u << 20)
#define LOG_LINE_MAX      240 /* of a line in an error text */
#define LOG_LEVEL_DEBUG   4

int criu_cgroups_parse(const char *text, enum criu_cgroups *ret, struct err *e)
{
	static const struct {
		const char *name;
		enum criu_cgroups mode;
	} MODES[] = { { "soft", CRIU_CGROUPS_SOFT },
		      { "full", CRIU_CGROUPS_FULL },
		      { "strict", CRIU_CGROUPS_STRICT },
		      { "ignore", CRIU_CGROUPS_IGNORE } };

	for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
		if (strcmp(MODES[i].name, text) == 0) {
			*ret = MODES[i].mode;
			return 0;
		}
	return err_set(e, -EINVAL, "invalid --manage-cgroups-mode '%s' (soft, full, strict or ignore)", text);
}

/* --- a job ---------------------------------------------------------------------------------------------- */

static int open_dir(const char *path, const char *what, bool make, int *ret_fd, struct err *e)
{
	int fd;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make the %s directory '%s'", what, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open the %s directory '%s'", what, path);
	*ret_fd = fd;
	return 0;
}

static void set_options(struct criu_job *j, const struct criu_options *o)
{
	const struct criu_lib *lib = &j->lib;

	lib->set_images_dir_fd(j->opts, j->image_dir);
	lib->set_work_dir_fd(j->opts, j->work_dir >= 0 ? j->work_dir : j->image_dir);
	lib->set_log_level(j->opts, LOG_LEVEL_DEBUG);
	lib->set_orphan_pts_master(j->opts, true);
	lib->set_manage_cgroups(j->opts, true);
	if (o->has_cgroups_mode)
		lib->set_manage_cgroups_mode(j->opts, (int)o->cgroups_mode);
	/* What is not asked for is left to the configuration file. */
	if (o->tcp_established)
		lib->set_tcp_established(j->opts, true);
	if (o->ext_unix_sk)
		lib->set_ext_unix_sk(j->opts, true);
	if (o->shell_job)
		lib->set_shell_job(j->opts, true);
	if (o->file_locks)
		lib->set_file_locks(j->opts, true);
	if (o->auto_dedup)
		lib->set_auto_dedup(j->opts, true);
}

static int check_lazy_pages(const struct criu_job *j, struct err *e)
{
	struct criu_features features = { .lazy_pages = true };
	int r = j->lib.feature_check(j->opts, &features, sizeof(features));

	if (r < 0 || !features.lazy_pages)
		return err_set(e, -EOPNOTSUPP, "--lazy-pages: criu or this kernel cannot (userfaultfd)");
	return 0;
}

/* A file that is absent says nothing, as with criu itself. */
static int add_config_file(struct criu_job *j, const char *path, struct err *e)
{
	int r = file_read(AT_FDCWD, path, &j->config, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = buf_add_char(&j->config, '\n');
	return r < 0 ? err_wrap(e, "configuration of criu") : 0;
}

static int add_config_files(struct criu_job *j, const struct strvec *annotations, struct err *e)
{
	const char *wanted = strvec_get_env(annotations, CONFIG_ANNOTATION);
	const char *callers = getenv(CONFIG_VARIABLE);
	int r = 0;

	if (!wanted)
		wanted = CONFIG_DEFAULT;
	if (*wanted)
		r = add_config_file(j, wanted, e);
	return r == 0 && callers ? add_config_file(j, callers, e) : r;
}

static int set_files(struct criu_job *j, struct err *e)
{
	int r = criu_set(j->lib.set_service_binary(j->opts, j->lib.program), "the program", e);

	return r == 0 ? criu_set(j->lib.set_log_file(j->opts, j->log_file), "the log file", e) : r;
}

int criu_job_begin(const struct criu_options *o, const char *log_file, const struct strvec *annotations,
		   struct criu_job *ret, struct err *e)
{
	int r;

	*ret = CRIU_JOB_EMPTY;
	ret->config = BUF_INIT(CONFIG_MAX_BYTES);
	ret->log_dir = o->work_path ? o->work_path : o->image_path;
	ret->log_file = log_file;
	r = criu_lib_open(o->program, &ret->lib, e);
	if (r == 0)
		r = open_dir(o->image_path, "image", false, &ret->image_dir, e);
	if (r == 0 && o->work_path)
		r = open_dir(o->work_path, "work", true, &ret->work_dir, e);
	if (r == 0 && ret->lib.init_opts(&ret->opts) < 0)
		r = err_code(e, -ENOMEM, "libcriu");
	if (r == 0)
		r = set_files(ret, e);
	if (r < 0)
		return r;
	set_options(ret, o);
	if (o->lazy_pages)
		r = check_lazy_pages(ret, e);
	if (r == 0)
		r = add_config_files(ret, annotations, e);
	return r == 0 && o->lazy_pages ? criu_job_config(ret, e, "lazy-pages\n") : r;
}

int criu_job_network(struct criu_job *j, const struct plan *p, struct err *e)
{
	return plan_joins(p, CLONE_NEWNET) ? 0 : criu_job_config(j, e, "empty-ns net\n");
}

void criu_job_done(struct criu_job *j)
{
	const int fds[] = { j->image_dir, j->work_dir, j->config_fd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	if (j->opts)
		j->lib.free_opts(j->opts);
	criu_lib_close(&j->lib);
	buf_done(&j->config);
	*j = CRIU_JOB_EMPTY;
}

int criu_job_config(struct criu_job *j, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(&j->config, fmt, ap);
	va_end(ap);
	return r < 0 ? err_code(e, r, "configuration of criu") : 0;
}

/* The program gets it through a file without a name, which it inherits: the environment tells where to read. */
int criu_job_ready(struct criu_job *j, struct err *e)
{
	char path[40];
	int r;

	j->config_fd = memfd_create("criu.conf", 0);
	if (j->config_fd < 0)
		return err_errno(e, "configuration of criu");
	r = write_all(j->config_fd, j->config.data, j->config.len);
	if (r < 0)
		return err_code(e, r, "configuration of criu");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", j->config_fd);
	return setenv(CONFIG_VARIABLE, path, 1) < 0 ? err_errno(e, "configuration of criu") : 0;
}

static int reopen(int fd, struct err *e)
{
	cleanup_fd int again = -1;
	char path[PATH_MAX];
	ssize_t len = readlink(fd_path(fd).text, path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	again = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (again < 0 || dup3(again, fd, O_CLOEXEC) < 0)
		return err_errno(e, "cannot open '%s' again", path);
	return 0;
}

int criu_job_reopen(const struct criu_job *j, struct err *e)
{
	int r = reopen(j->image_dir, e);

	return r == 0 && j->work_dir >= 0 ? reopen(j->work_dir, e) : r;
}

/* --- checks and names ------------------------------------------------------------------------------------ */

int criu_check_plan(const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->mounts_len; i++)
		if (p->mounts[i].idmapped)
			return err_set(e, -EOPNOTSUPP, "mount on '%s': criu cannot carry idmapped mounts",
				       p->mounts[i].target);
	return 0;
}

bool criu_is_external(int clone_flag, const char **ret_name, const char **ret_key)
{
	if (clone_flag != CLONE_NEWNET && clone_flag != CLONE_NEWPID)
		return false;
	*ret_name = clone_flag == CLONE_NEWNET ? "net" : "pid";
	*ret_key = clone_flag == CLONE_NEWNET ? "extRootNetNS" : "extRootPidNS";
	return true;
}

bool criu_cgroup_is_bound(const struct plan *p, const struct cgroup_host *host, const char *cgroup_path)
{
	return !p->unshare_cgroup && !plan_joins(p, CLONE_NEWCGROUP) && host->mode != CGROUP_NONE &&
	       cgroup_path;
}

int criu_set(int result, const char *what, struct err *e)
{
	if (result == 0)
		return 0;
	return err_code(e, result < -1 ? result : -ENOMEM, "cannot tell criu of %s", what);
}

int criu_mount_key(int root_fd, const char *root, const char *path, char **ret, struct err *e)
{
	size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	char link[PATH_MAX];
	cleanup_fd int fd = -1;
	struct err ignored;
	const char *key = path;

	if (rootfd_open(root_fd, path, O_PATH, 0, &fd, &ignored) == 0) {
		ssize_t len = readlink(fd_path(fd).text, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = '\0';
		if (strncmp(link, root, root_len) == 0 && link[root_len] == '/')
			key = link + root_len;
	}
	*ret = strdup(key);
	return *ret ? 0 : err_code(e, -ENOMEM, "mount on '%s'", path);
}

/* --- failures ------------------------------------------------------------------------------------------- */

const char *criu_log_error(const char *log, size_t *ret_len)
{
	const char *error = strstr(log, "Error (");

	if (!error)
		return NULL;
	*ret_len = strcspn(error, "\n");
	return error;
}

int criu_job_failed(const struct criu_job *j, int result, struct err *e)
{
	cleanup_buf struct buf log = BUF_INIT(LOG_MAX_BYTES);
	const char *line = NULL;
	struct err ignored;
	size_t len = 0;

	if (file_read(j->work_dir >= 0 ? j->work_dir : j->image_dir, j->log_file, &log, &ignored) == 0 &&
	    log.data)
		line = criu_log_error(log.data, &len);
	if (!line) {
		line = errno_text(-result);
		len = strlen(line);
	}
	return err_set(e, -EIO, "criu failed: %.*s: see %s/%s",
		       (int)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX), line, j->log_dir, j->log_file);
}
