/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle -> container: the operations of runtime-spec runtime.md. Knows neither store nor pull.
 *
 * Where things are: <state root>/<id>/ holds state.json (see runtime/state.h) and, between create and start of separate processes,
 * exec.fifo. The directory is made last of create's reservations and removed last of delete's.
 */
#ifndef SAMPAN_RUNTIME_RUNTIME_H
#define SAMPAN_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroups/cgroup.h"
#include "common/err.h"
#include "oci/overlay.h"
#include "oci/runtime_spec.h"
#include "runtime/seccomp.h"

struct runtime_args {
	const char *state_root; /* /run/sampan-oci, /run/sampan */
	const char *id;         /* checked: [A-Za-z0-9_+.-]{1,1024}, not "." or ".." */
	const char *bundle;     /* absolute; where a relative root.path is looked up. For state.json too */
	const struct runtime_spec *spec;
	const struct seccomp_program *filter; /* instead of the profile in spec: compiled already; NULL */
	const struct overlay_plan *overlay;   /* NULL: spec->root_path is the rootfs */
	const char *console_socket; /* AF_UNIX path that gets the pty master (create, run -d); NULL */
	const char *pidfd_socket;   /* AF_UNIX path that gets the pidfd of init; NULL */
	const char *pid_file;       /* NULL */
	int preserve_fds;           /* beside 0, 1, 2: that many from 3 on */
	bool no_pivot;
	bool no_new_keyring;
	bool separate_start; /* create: `start` comes from another process, through exec.fifo */
	bool start_at_once;  /* run: the caller does nothing between runtime_create and runtime_start */
	bool foreground; /* the caller waits for the container's end: who asks for its state meanwhile asks by chance */
	bool systemd_cgroup; /* linux.cgroupsPath is "slice:prefix:name", and systemd makes the cgroup */
	bool cgroup_required; /* where we may not make a cgroup: an error, limits or not (runc's --rootless=false) */
	bool may_leave_network; /* the caller has no use for its network namespace after it, and may be in the container's then */
	bool init_process; /* --init: a tiny reaper (our own binary) as pid 1 */
};

/* A container whose creator is still here. */
struct runtime_container {
	pid_t pid;
	int pidfd;
	int console_fd;           /* pty master with process.terminal and no console_socket; else -1 */
	int start_fd;             /* writing the start byte to it lets init exec; else -1 */
	uint32_t ignored_signals; /* by its creator; for the start byte */
	bool told_to_start;       /* it has been written already */
	struct cgroup cgroup;
};
#define RUNTIME_CONTAINER_EMPTY      \
	((struct runtime_container){ \
		.pidfd = -1, .console_fd = -1, .start_fd = -1, .cgroup = { .dir_fd = -1 } })
void runtime_container_done(struct runtime_container *c);
#define cleanup_runtime_container __attribute__((cleanup(runtime_container_done)))

/* Creates: namespaces, cgroup, rootfs, mounts, devices, hooks; init waits for start. On failure nothing is left.
 * The error text of a failed init arrives from the child. */
int runtime_create(const struct runtime_args *args, struct runtime_container *ret, struct err *e) MUST_CHECK;

/* Starts one that this process created. Returns when init has called execve: -ENOENT, -EACCES, -ENOEXEC and the like if that failed, with runc's words:
 * 'exec: "foo": executable file not found in $PATH', 'exec: "/x": permission denied', 'exec: "/x": stat /x: no such file or directory'. */
int runtime_start(const struct runtime_args *args, struct runtime_container *c, struct err *e) MUST_CHECK;

/* The rest works by state root and id. -ENOENT 'container "x" does not exist'. A start returns when init has called execve, or when it is
 * about to and nothing speaks against it: it does so when the calling process ends, and what does go wrong then is said on the container's
 * standard error. */
int runtime_start_by_id(const char *state_root, const char *id, struct err *e) MUST_CHECK;
int runtime_kill(const char *state_root, const char *id, int signal, bool all, struct err *e) MUST_CHECK;
/* -EBUSY if it is not stopped, unless `force`: then it is killed first; force on an absent one is a success. 1: it is deleted, but a poststop
 * hook has failed, and *e says how: no more than a warning. runtime-spec runtime.md#lifecycle. */
int runtime_delete(const char *state_root, const char *id, bool force, struct err *e) MUST_CHECK;

/* The same for a container of this process whose end it has waited for. */
int runtime_delete_ended(const struct runtime_args *args, const struct runtime_container *c,
			 struct err *e) MUST_CHECK;

enum runtime_status { RUNTIME_CREATING, RUNTIME_CREATED, RUNTIME_RUNNING, RUNTIME_PAUSED, RUNTIME_STOPPED };
const char *runtime_status_name(enum runtime_status s);

#endif
