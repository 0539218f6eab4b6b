/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/program.h"

#include <linux/keyctl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/process.h"
#include "runtime/elf_program.h"
#include "runtime/exec_path.h"
#include "runtime/reaper.h"
#include "runtime/stdio.h"

#define KEYRING_PREFIX "_ses."
#define KEYRING_ID_MAX 100 /* bytes of a container's ID in the name of its keyring */
#define ARGUMENTS_SAFE (96u << 10)

int program_hide(struct err *e)
{
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? err_errno(e, "cannot become undumpable") : 0;
}

int program_join_keyring(const char *container_id, struct err *e)
{
	char name[sizeof(KEYRING_PREFIX) + KEYRING_ID_MAX] = KEYRING_PREFIX;

	memcpy(name + sizeof(KEYRING_PREFIX) - 1, container_id, strnlen(container_id, KEYRING_ID_MAX));
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0 || errno == ENOSYS || errno == EDQUOT)
		return 0;
	return err_errno(e, "cannot join a session keyring");
}

/* A working directory that is not below the root would be a way out: CVE-2024-21626. */
static int enter_cwd(const char *cwd, struct err *e)
{
	char path[PATH_MAX];

	if (chdir(cwd) < 0)
		return err_errno(e, "cannot change to working directory '%s'", cwd);
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return err_errno(e, "cannot tell the working directory");
	if (path[0] != '/')
		return err_set(e, -EACCES, "working directory '%s' is outside of the container", cwd);
	return 0;
}

/* Standard streams that the caller owns must be usable by the container's user, as runc sees to. */
static void give_stdio(const struct spec_user *user)
{
	struct stat st;

	if (user->uid == 0)
		return;
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && !isatty(fd)))
			continue;
		if (st.st_uid != user->uid && fchown(fd, user->uid, st.st_gid) < 0)
			continue; /* read-only file systems and foreign owners: the streams work as they are */
	}
}

/* Of a name with a slash there is nothing to find, only to check. */
static int find_program(struct program *p, struct err *e)
{
	const char *name = p->process->args.items[0];

	p->unchecked = p->starts_at_once && strchr(name, '/') && strlen(name) < sizeof(p->path);
	if (!p->unchecked)
		return exec_path_find(name, &p->process->env, p->path, e);
	memcpy(p->path, name, strlen(name) + 1);
	return 0;
}

/* What execve takes on any stack: linux/binfmts.h, MAX_ARG_STRLEN and the least that all together may be. */
static bool fits(const struct strvec *args, const struct strvec *env)
{
	size_t total = 0;

	for (size_t i = 0; i < args->len; i++)
		total += strlen(args->items[i]) + 1 + sizeof(char *);
	for (size_t i = 0; i < env->len; i++)
		total += strlen(env->items[i]) + 1 + sizeof(char *);
	return total < ARGUMENTS_SAFE;
}

/* A label may have a policy of its own. What a filter or a limit has against execve is said on standard error. */
static bool is_expected(const struct program *p)
{
	return p->label_fd < 0 && !p->init_process && fits(&p->process->args, &p->process->env) &&
	       elf_program_is_native(p->path);
}

int program_prepare(struct program *p, int sync_fd, struct err *e)
{
	const struct spec_process *process = p->process;
	int r;

	stdio_adopt_null(p->null_streams, p->null_fd);
	give_stdio(&process->user);
	home_find(&process->env, process->user.uid, p->home);
	(void)umask(process->user.umask.set ? (mode_t)process->user.umask.value : 022);
	r = privileges_apply_user(p->privileges, sync_fd, e);
	if (r == 0 && !(p->at_root && strcmp(process->cwd, "/") == 0))
		r = enter_cwd(process->cwd, e);
	if (r == 0)
		r = find_program(p, e);
	p->is_expected = r == 0 && !p->starts_at_once && is_expected(p);
	return r == 0 ? privileges_apply_listener(p->privileges, sync_fd, e) : r;
}

int program_exec(struct program *p, struct err *e)
{
	char *const *env = home_environment(&p->process->env, p->home);
	unsigned int first_fd = 3 + p->preserve_fds;
	sigset_t none;
	int r = process_cloexec_from(first_fd);

	if (r < 0 || !env)
		return err_code(e, r < 0 ? r : -ENOMEM, "cannot prepare the program's start");
	r = privileges_apply_final(p->privileges, p->label_fd, e);
	if (r < 0)
		return r;
	process_heed_signals(p->ignored_signals);
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_errno(e, "cannot unblock signals");
	if (p->init_process) {
		r = reaper_fork(first_fd, e);
		if (r < 0)
			return r;
	}
	(void)execve(p->path, p->process->args.items, env);
	(void)err_errno(e, "exec %s", p->path);
	if (p->unchecked)
		IGNORE_RESULT(exec_path_find(p->process->args.items[0], &p->process->env, p->path,
					     e)); /* says it better */
	return e->code;
}
