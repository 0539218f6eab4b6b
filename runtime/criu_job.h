/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkpoint and a restore have in common: directories, options, configuration, and what criu says of a failure. */
#ifndef SAMPAN_RUNTIME_CRIU_JOB_H
#define SAMPAN_RUNTIME_CRIU_JOB_H

#include "common/buf.h"
#include "common/strvec.h"
#include "runtime/criu_lib.h"
#include "runtime/plan.h"

#define CRIU_DESCRIPTORS_FILE \
	"descriptors.json" /* beside the images, as runc has it: /proc/PID/fd links of 0, 1, 2 */

/* Options that both commands have, by their names at runc. */
struct criu_options {
	const char *program; /* NULL: "criu", from $PATH */
	const char *image_path;
	const char *work_path; /* where criu's log goes; NULL: image_path */
	bool has_cgroups_mode;
	enum criu_cgroups cgroups_mode;
	bool tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup, lazy_pages;
};

/* "soft", "full", "strict", "ignore". -EINVAL. Pure. */
int criu_cgroups_parse(const char *text, enum criu_cgroups *ret, struct err *e) MUST_CHECK;

struct criu_job {
	struct criu_lib lib;
	struct criu_opts *opts;
	int image_dir, work_dir; /* -1 when closed */
	const char *log_dir, *log_file;
	struct buf config; /* what libcriu has no functions for, as lines of a criu.conf */
	int config_fd;
};
#define CRIU_JOB_EMPTY ((struct criu_job){ .image_dir = -1, .work_dir = -1, .config_fd = -1 })

/* Opens libcriu and the directories (the work directory is made where it is absent), and sets what `o` says. `log_file` is a name in the work
 * directory. `annotations` of the container: "org.criu.config" names a configuration file, as with runc; without it that is
 * /etc/criu/runc.conf. All borrowed. On failure, too, *ret is to be given to criu_job_done.
 * -EOPNOTSUPP: see criu_lib_open; -ENOENT, -ENOTDIR. */
int criu_job_begin(const struct criu_options *o, const char *log_file, const struct strvec *annotations,
		   struct criu_job *ret, struct err *e) MUST_CHECK;
void criu_job_done(struct criu_job *j);
#define cleanup_criu_job __attribute__((cleanup(criu_job_done)))

/* Adds a line to the configuration. -ENOMEM. */
int criu_job_config(struct criu_job *j, struct err *e, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(3, 4);

/* As with runc, the network is the caller's business: a new namespace is dumped and made without what is in it. One that was joined stays as it is; criu
 * would lock it, and never unlock it, if it were told the same of that. -ENOMEM. */
int criu_job_network(struct criu_job *j, const struct plan *p, struct err *e) MUST_CHECK;

/* Has the next `criu` read the configuration: right before the request. */
int criu_job_ready(struct criu_job *j, struct err *e) MUST_CHECK;

/* In a mount namespace that was just entered: opens the directories anew, under the same numbers. criu mounts in its working directory, and
 * the kernel lets nobody mount in another namespace. */
int criu_job_reopen(const struct criu_job *j, struct err *e) MUST_CHECK;

/* Refuses a plan that criu cannot carry: -EOPNOTSUPP, idmapped mounts. Pure. */
int criu_check_plan(const struct plan *p, struct err *e) MUST_CHECK;

/* "net" and "pid": what we take for external, that is neither dumped nor made anew, where the container joined it by path. *ret_key is runc's,
 * "extRootNetNS". False: any other. Pure. */
bool criu_is_external(int clone_flag, const char **ret_name, const char **ret_key);

/* True where the cgroup mount of the container is its own directory of the host's, bound: see runtime/mounts.h. Pure. */
bool criu_cgroup_is_bound(const struct plan *p, const struct cgroup_host *host, const char *cgroup_path);

/* The result of one of libcriu's setters: -EINVAL and -ENOMEM in our words. */
int criu_set(int result, const char *what, struct err *e) MUST_CHECK;

/* After a request that failed with `result`: "criu failed: Error (file.c:1): text: see dir/dump.log". Returns -EIO. */
int criu_job_failed(const struct criu_job *j, int result, struct err *e);

/* The first line of criu's log that tells of an error, without its time stamp; borrowed, *ret_len bytes. NULL: none. Pure. */
const char *criu_log_error(const char *log, size_t *ret_len);

/* Where `path` of a container leads once symlinks are followed below root_fd, as the mount table has it: owned. `root` is the path of root_fd as
 * it is seen from here, "" or "/" for "/". Where nothing is there, the path as it is. -ENOMEM. */
int criu_mount_key(int root_fd, const char *root, const char *path, char **ret, struct err *e) MUST_CHECK;

#endif
