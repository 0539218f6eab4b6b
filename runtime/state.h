/* SPDX-License-Identifier: Apache-2.0 */
/* <state root>/<id>/state.json: what a later process needs to know of a container. runtime-spec runtime.md#state. */
#ifndef SAMPAN_RUNTIME_STATE_H
#define SAMPAN_RUNTIME_STATE_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/runtime.h"

struct container_state {
	char *oci_version, *id, *bundle, *rootfs, *owner, *created; /* created: RFC 3339 with nanoseconds */
	pid_t pid;                                                  /* 0 while it is being created */
	uint64_t pid_start_ticks;
	char *cgroup_path;  /* NULL: none */
	char *systemd_unit; /* that the cgroup belongs to, "sampan-0123.scope"; NULL: not systemd's */
	struct strvec annotations;
	bool untraced; /* it was made without CAP_SYS_PTRACE: nothing in it can look into an undumpable process */
	struct strvec stdio; /* what 0, 1 and 2 of its first process began as: runtime/stdio.h */
	struct spec_hook_list poststart, poststop; /* what start and delete run */
};
void container_state_done(struct container_state *s);
#define cleanup_container_state __attribute__((cleanup(container_state_done)))

int container_state_write(const char *state_root, const struct container_state *s, struct err *e) MUST_CHECK;
/* The same into the directory itself (runtime/state_dir.h). */
int container_state_write_at(int dir_fd, const struct container_state *s, struct err *e) MUST_CHECK;
/* -ENOENT; -EBADMSG damaged. */
int container_state_read(const char *state_root, const char *id, struct container_state *ret,
			 struct err *e) MUST_CHECK;
/* Looks at the process (start time included), the lock of its init and the freezer. */
enum runtime_status container_state_status(const char *state_root, const struct container_state *s);
/* What `state` prints, with runc's keys and order. */
void container_state_print(struct json_out *o, const struct container_state *s, enum runtime_status status);
/* IDs below a state root, sorted. */
int container_state_list(const char *state_root, struct strvec *ret, struct err *e) MUST_CHECK;

#endif
