/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's process may do: IDs, capabilities, limits, labels, system calls. Prepared by the creator, applied
 * by init in the one order that works. */
#ifndef SAMPAN_RUNTIME_PRIVILEGES_H
#define SAMPAN_RUNTIME_PRIVILEGES_H

#include <stdbool.h>

#include "oci/runtime_spec.h"
#include "runtime/capabilities.h"
#include "runtime/rlimits.h"
#include "runtime/scheduling.h"
#include "runtime/seccomp.h"

struct privileges {
	const struct spec_process *process; /* borrowed */
	struct capability_sets capabilities;
	uint64_t supported; /* what the kernel has */
	struct rlimit_plan rlimits;
	struct scheduling scheduling;
	struct seccomp_program seccomp;
	bool has_seccomp;
	bool are_root; /* all our IDs are root's already, in the container's user namespace; false where nobody looked */
};

/* Parses and compiles everything that can fail before clone3. `process` is borrowed for as long as *ret lives; of linux_ the seccomp
 * profile and the personality count. `filter` (borrowed; may be NULL) is one that is compiled already and takes the profile's place. */
int privileges_prepare(const struct spec_process *process, const struct spec_linux *linux_,
		       const struct seccomp_program *filter, struct privileges *ret,
		       struct err *e) MUST_CHECK;
void privileges_done(struct privileges *p);
#define cleanup_privileges __attribute__((cleanup(privileges_done)))

/* Takes CAP_MKNOD out of all sets. */
void privileges_drop_mknod(struct privileges *p);

/* In init, while /proc is the host's and before program_hide: of who is hidden, the file is root's. -EACCES: a user may raise the score
 * only. */
int privileges_set_oom_score(const struct privileges *p, struct err *e) MUST_CHECK;

/* In init, before it joins any namespace: which modules there are, and the file that takes the label (*ret_fd, owned; left as it is where
 * there is none to take), must not be a container's to say. */
int privileges_open_label(const struct privileges *p, int *ret_fd, struct err *e) MUST_CHECK;

/* In init: limits and scheduling. */
int privileges_apply_early(const struct privileges *p, struct err *e) MUST_CHECK;

/* In init, before it reports that it is ready: IDs and capabilities. Without no_new_privs a filter needs CAP_SYS_ADMIN, which goes here;
 * so it is installed here, too. A listener is sent over sync_fd. */
int privileges_apply_user(const struct privileges *p, int sync_fd, struct err *e) MUST_CHECK;

/* In init, last before it reports that it is ready: a filter with a listener, while the creator is there to take it, also where
 * no_new_privs is wanted and the others wait for privileges_apply_final. */
int privileges_apply_listener(const struct privileges *p, int sync_fd, struct err *e) MUST_CHECK;

/* Last of all but the program itself: label, no_new_privs and with it a filter without a listener. */
int privileges_apply_final(const struct privileges *p, int label_fd, struct err *e) MUST_CHECK;

#endif
