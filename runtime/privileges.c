/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "runtime/procfs.h"
#include "runtime/sync.h"

static int prepare_seccomp(const struct spec_seccomp *profile, struct privileges *p, struct err *e)
{
	int r;

	if (!profile)
		return 0;
	r = seccomp_compile(profile, &p->seccomp, e);
	if (r < 0)
		return err_wrap(e, "linux.seccomp");
	p->has_seccomp = true;
	if (p->seccomp.notify && !(profile->listener_path && *profile->listener_path))
		return err_set(e, -EINVAL, "linux.seccomp.listenerPath: must be set for SCMP_ACT_NOTIFY");
	return 0;
}

static int copy_filter(const struct seccomp_program *filter, struct privileges *p, struct err *e)
{
	struct sock_filter *insns = calloc(filter->len, sizeof(*insns));

	if (!insns)
		return err_code(e, -ENOMEM, "linux.seccomp");
	memcpy(insns, filter->insns, filter->len * sizeof(*insns));
	p->seccomp = *filter;
	p->seccomp.insns = insns;
	p->has_seccomp = true;
	return 0;
}

/* Labels that nobody enforces are not passed over: whoever asks for them counts on them. */
static int check_selinux(const struct spec_process *process, const struct spec_linux *linux_, struct err *e)
{
	bool on = (process->selinux_label || linux_->mount_label) &&
		  access("/sys/fs/selinux/enforce", F_OK) == 0;

	if (process->selinux_label && !on)
		return err_set(e, -EOPNOTSUPP, "SELinux label '%s' was asked for, but SELinux is off",
			       process->selinux_label);
	if (linux_->mount_label && !on)
		return err_set(e, -EOPNOTSUPP, "linux.mountLabel: '%s' was asked for, but SELinux is off",
			       linux_->mount_label);
	return 0;
}

/* To the kernel the last number means "as it is", and that is root. setresuid(2) */
static int check_user(const struct spec_user *user, struct err *e)
{
	if (user->uid == UINT32_MAX)
		return err_set(e, -EINVAL, "process.user.uid: %u is no user", user->uid);
	if (user->gid == UINT32_MAX)
		return err_set(e, -EINVAL, "process.user.gid: %u is no group", user->gid);
	return 0;
}

int privileges_prepare(const struct spec_process *process, const struct spec_linux *linux_,
		       const struct seccomp_program *filter, struct privileges *ret, struct err *e)
{
	cleanup_privileges struct privileges p = { .process = process };
	int r = check_user(&process->user, e);

	if (r < 0)
		return r;
	p.supported = capability_supported();
	r = check_selinux(process, linux_, e);
	if (r == 0)
		r = capability_sets_from_spec(process->capabilities, p.supported, &p.capabilities, NULL, e);
	if (r == 0)
		r = rlimit_plan_make(process->rlimits, process->rlimits_len, &p.rlimits, e);
	if (r == 0)
		r = scheduling_parse(process, linux_, &p.scheduling, e);
	if (r == 0)
		r = filter ? copy_filter(filter, &p, e) : prepare_seccomp(linux_->seccomp, &p, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct privileges){ 0 };
	return 0;
}

void privileges_done(struct privileges *p)
{
	seccomp_program_done(&p->seccomp);
}

void privileges_drop_mknod(struct privileges *p)
{
	uint64_t keep = ~(UINT64_C(1) << CAP_MKNOD);

	p->capabilities.bounding &= keep;
	p->capabilities.effective &= keep;
	p->capabilities.inheritable &= keep;
	p->capabilities.permitted &= keep;
	p->capabilities.ambient &= keep;
}

/* --- early ---------------------------------------------------------------------------------------------- */

int privileges_set_oom_score(const struct privileges *p, struct err *e)
{
	const struct opt_i64 *score = &p->process->oom_score_adj;
	char text[24];
	int r;

	if (!score->set)
		return 0;
	(void)snprintf(text, sizeof(text), "%lld", (long long)score->value);
	r = file_poke(AT_FDCWD, "/proc/self/oom_score_adj", text);
	return r < 0 ? err_code(e, r, "cannot set the OOM score to %s", text) : 0;
}

static bool module_enabled(const char *path)
{
	cleanup_buf struct buf text = BUF_INIT(16);
	struct err ignored;

	return file_read(AT_FDCWD, path, &text, &ignored) == 0 && text.len && text.data[0] == 'Y';
}

static int open_label(const struct spec_process *process, int *ret_fd, struct err *e)
{
	cleanup_fd int proc_fd = -1;
	struct err ignored;
	int r;

	if (process->apparmor_profile && *process->apparmor_profile) {
		if (!module_enabled("/sys/module/apparmor/parameters/enabled"))
			return err_set(e, -EOPNOTSUPP,
				       "apparmor profile '%s' was asked for, but AppArmor is off",
				       process->apparmor_profile);
		r = procfs_open(&proc_fd, e);
		if (r == 0 &&
		    procfs_open_file(proc_fd, "self/attr/apparmor/exec", O_WRONLY, ret_fd, &ignored) == 0)
			return 0;
		/* before Linux 5.1 had one directory per module */
		return r == 0 ? procfs_open_file(proc_fd, "self/attr/exec", O_WRONLY, ret_fd, e) : r;
	}
	if (!process->selinux_label)
		return 0;
	r = procfs_open(&proc_fd, e);
	return r == 0 ? procfs_open_file(proc_fd, "self/attr/exec", O_WRONLY, ret_fd, e) : r;
}

int privileges_open_label(const struct privileges *p, int *ret_fd, struct err *e)
{
	return open_label(p->process, ret_fd, e);
}

int privileges_apply_early(const struct privileges *p, struct err *e)
{
	int failed = -1, r = rlimit_plan_apply(&p->rlimits, 0, &failed);

	if (r < 0)
		return err_code(e, r, "cannot set %s", failed >= 0 ? rlimit_name(failed) : "a limit");
	return scheduling_apply(&p->scheduling, e);
}

/* --- user ----------------------------------------------------------------------------------------------- */

static int set_ids(const struct spec_user *user, bool are_root, struct err *e)
{
	/* In a user namespace made without privileges setgroups is denied: then there is no group to give up, either. */
	if (setgroups(user->additional_gids_len, user->additional_gids) < 0 &&
	    (errno != EPERM || user->additional_gids_len))
		return err_errno(e, "cannot set the additional groups");
	if (are_root && user->uid == 0 && user->gid == 0)
		return 0;
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return err_errno(e, "cannot set group %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return err_errno(e, "cannot set user %u", user->uid);
	return 0;
}

/* A listener goes to the creator at once: what the filter stops from here on waits for an agent's answer. */
static int install_seccomp(const struct privileges *p, int sync_fd, struct err *e)
{
	cleanup_fd int listener = -1;
	int r = seccomp_install(&p->seccomp, &listener);

	if (r < 0)
		return err_code(e, r, "cannot install the seccomp filter");
	return p->seccomp.notify ? sync_send_fd(sync_fd, SYNC_LISTENER, listener, e) : 0;
}

static int forbid_new_privileges(struct err *e)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_errno(e, "cannot set no_new_privs") : 0;
}

/* Installing takes CAP_SYS_ADMIN, which setuid has taken out of the effective set where the user is not root. */
static int install_privileged(const struct privileges *p, int sync_fd, struct err *e)
{
	int r = p->process->user.uid != 0 ? capability_restore_effective() : 0;

	return r < 0 ? err_code(e, r, "cannot keep the capabilities for the seccomp filter")
		     : install_seccomp(p, sync_fd, e);
}

int privileges_apply_user(const struct privileges *p, int sync_fd, struct err *e)
{
	bool changes_user = p->process->user.uid != 0;
	int r = capability_apply_before_setuid(&p->capabilities, p->supported, changes_user);

	if (r < 0)
		return err_code(e, r, "cannot limit the capabilities");
	r = set_ids(&p->process->user, p->are_root, e);
	if (r == 0 && p->has_seccomp && !p->process->no_new_privileges)
		r = install_privileged(p, sync_fd, e);
	if (r < 0)
		return r;
	r = capability_apply_after_setuid(&p->capabilities, changes_user);
	return r < 0 ? err_code(e, r, "cannot set the capabilities") : 0;
}

int privileges_apply_listener(const struct privileges *p, int sync_fd, struct err *e)
{
	int r;

	if (!p->has_seccomp || !p->seccomp.notify || !p->process->no_new_privileges)
		return 0;
	r = forbid_new_privileges(e);
	return r == 0 ? install_seccomp(p, sync_fd, e) : r;
}

/* --- final ---------------------------------------------------------------------------------------------- */

static int write_label(const struct spec_process *process, int label_fd, struct err *e)
{
	char text[512];
	int n, r;

	if (label_fd < 0)
		return 0;
	if (process->apparmor_profile && *process->apparmor_profile)
		n = snprintf(text, sizeof(text), "exec %s", process->apparmor_profile);
	else
		n = snprintf(text, sizeof(text), "%s", process->selinux_label);
	if (n < 0 || (size_t)n >= sizeof(text))
		return err_code(e, -ENAMETOOLONG, "security label");
	r = write_all(label_fd, text, (size_t)n);
	return r < 0 ? err_code(e, r, "cannot set the security label '%s'", text) : 0;
}

int privileges_apply_final(const struct privileges *p, int label_fd, struct err *e)
{
	int r = write_label(p->process, label_fd, e);

	if (r < 0 || !p->process->no_new_privileges)
		return r;
	r = forbid_new_privileges(e);
	return r == 0 && p->has_seccomp && !p->seccomp.notify ? install_seccomp(p, -1, e) : r;
}
