/* SPDX-License-Identifier: Apache-2.0 */
/* libcriu, opened when somebody checkpoints or restores: a start neither links nor loads it. It speaks to a `criu swrk` of its own for each
 * request. The functions are those of CRIU's lib/c/criu.h ("criu_local_" in front of most). */
#ifndef SAMPAN_RUNTIME_CRIU_LIB_H
#define SAMPAN_RUNTIME_CRIU_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

#define CRIU_VERSION_MIN 31500 /* 3.15: external PID namespaces, the freezer of cgroup v2 */

struct criu_opts;  /* libcriu's */
struct criu_event; /* libcriu's notification */

/* enum criu_cg_mode of criu.h. */
enum criu_cgroups { CRIU_CGROUPS_IGNORE = 0, CRIU_CGROUPS_SOFT = 3, CRIU_CGROUPS_FULL, CRIU_CGROUPS_STRICT };

/* struct criu_feature_check of criu.h; in: wanted, out: there. */
struct criu_features {
	bool mem_track, lazy_pages, pidfd_store;
};

struct criu_lib {
	void *library;       /* NULL: not open */
	const char *program; /* borrowed */
	int version;         /* of the program: 31701 is 3.17.1 */

	int (*init_opts)(struct criu_opts **ret);
	void (*free_opts)(struct criu_opts *o);
	int (*get_version)(struct criu_opts *o);
	int (*feature_check)(struct criu_opts *o, struct criu_features *f, size_t size);
	int (*dump)(struct criu_opts *o);
	int (*pre_dump)(struct criu_opts *o);
	int (*restore_child)(struct criu_opts *o);

	int (*set_service_binary)(struct criu_opts *o, const char *path);
	void (*set_pid)(struct criu_opts *o, int pid);
	void (*set_images_dir_fd)(struct criu_opts *o, int fd);
	void (*set_work_dir_fd)(struct criu_opts *o, int fd);
	int (*set_parent_images)(struct criu_opts *o, const char *path);
	int (*set_root)(struct criu_opts *o, const char *path);
	int (*set_log_file)(struct criu_opts *o, const char *name);
	void (*set_log_level)(struct criu_opts *o, int level);
	void (*set_leave_running)(struct criu_opts *o, bool on);
	void (*set_ext_unix_sk)(struct criu_opts *o, bool on);
	void (*set_tcp_established)(struct criu_opts *o, bool on);
	void (*set_tcp_skip_in_flight)(struct criu_opts *o, bool on);
	void (*set_evasive_devices)(struct criu_opts *o, bool on);
	void (*set_shell_job)(struct criu_opts *o, bool on);
	void (*set_orphan_pts_master)(struct criu_opts *o, bool on);
	void (*set_file_locks)(struct criu_opts *o, bool on);
	void (*set_track_mem)(struct criu_opts *o, bool on);
	void (*set_auto_dedup)(struct criu_opts *o, bool on);
	void (*set_link_remap)(struct criu_opts *o, bool on);
	void (*set_manage_cgroups)(struct criu_opts *o, bool on);
	void (*set_manage_cgroups_mode)(struct criu_opts *o, int mode);
	int (*set_freeze_cgroup)(struct criu_opts *o, const char *path);
	int (*set_lsm_profile)(struct criu_opts *o, const char *name);
	int (*set_lsm_mount_context)(struct criu_opts *o, const char *name);
	int (*add_ext_mount)(struct criu_opts *o, const char *key, const char *value);
	int (*add_cg_root)(struct criu_opts *o, const char *controller, const char *path);
	int (*add_external)(struct criu_opts *o, const char *key);
	int (*add_inherit_fd)(struct criu_opts *o, int fd, const char *key);
	int (*join_ns_add)(struct criu_opts *o, const char *ns, const char *file, const char *extra);

	void (*set_notify_cb)(struct criu_opts *o, int (*callback)(char *action, struct criu_event *event));
	int (*notify_pid)(struct criu_event *event);
	int (*orphan_pts_master_fd)(void);
};

/* Opens the library and asks the program (borrowed as long as *ret is open; NULL: "criu", from $PATH) for its version. -EOPNOTSUPP with the cure: no
 * libcriu, no program, or one that is too old. */
int criu_lib_open(const char *program, struct criu_lib *ret, struct err *e) MUST_CHECK;
void criu_lib_close(struct criu_lib *lib);
#define cleanup_criu_lib __attribute__((cleanup(criu_lib_close)))

/* Who hears of the stages of a restore ("setup-namespaces", "post-restore" ...) in this process; not 0 makes criu give up. */
struct criu_listener {
	const struct criu_lib *lib;
	int (*hear)(struct criu_listener *l, const char *action, pid_t pid);
};

/* Has `l`, which must live as long, hear of them. */
void criu_lib_listen(struct criu_listener *l, struct criu_opts *o);

#endif
