/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the seccomp compiler against those of libseccomp's, and in the kernel. */
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/seccomp.h"
#include "tests/unit/runtime/bpf_machine.h"

#define RULE(name, action) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\"}"

/* --- against libseccomp's compiler --- */

static struct sock_filter *libseccomp_compiles(const struct spec_seccomp *s, const uint32_t *archs, size_t n,
					       size_t *ret_len)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(s->default_errno_ret.value));
	cleanup_fd int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_filter *insns;
	off_t size;

	assert_int_equal(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(seccomp_arch_add(ctx, archs[i]), 0);
	for (size_t i = 0; i < s->syscalls_len; i++) {
		const struct spec_syscall *rule = &s->syscalls[i];
		uint32_t action = strcmp(rule->action, "SCMP_ACT_ALLOW") == 0
					  ? SCMP_ACT_ALLOW
					  : SCMP_ACT_ERRNO(rule->errno_ret.value);
		struct scmp_arg_cmp cmp = { 0 };

		if (rule->args_len == 1)
			cmp = (struct scmp_arg_cmp){ rule->args[0].index,
						     strcmp(rule->args[0].op, "SCMP_CMP_EQ") == 0
							     ? SCMP_CMP_EQ
						     : strcmp(rule->args[0].op, "SCMP_CMP_LT") == 0
							     ? SCMP_CMP_LT
							     : SCMP_CMP_MASKED_EQ,
						     rule->args[0].value, rule->args[0].value_two };
		for (size_t j = 0; j < rule->names.len; j++) {
			int nr = seccomp_syscall_resolve_name(rule->names.items[j]);

			if (nr != __NR_SCMP_ERROR)
				assert_int_equal(seccomp_rule_add_array(ctx, action, nr,
									(unsigned int)rule->args_len, &cmp),
						 0);
		}
	}
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	size = lseek(fd, 0, SEEK_CUR);
	insns = calloc(1, (size_t)size);
	assert_int_equal(pread(fd, insns, (size_t)size, 0), size);
	*ret_len = (size_t)size / sizeof(*insns);
	return insns;
}

static const uint64_t INTERESTING[] = {
	0,
	1,
	2,
	3,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	26,
	27,
	28,
	29,
	30,
	31,
	32,
	33,
	34,
	35,
	36,
	37,
	38,
	39,
	40,
	41,
	42,
	43,
	44,
	45,
	46,
	0x11,
	0x20000,
	0x20008,
	0x40000,
	0xffffffff,
	0x01200011,
	0x7e020000,
	0x20000000,
	0x10000000,
	UINT64_C(0x100000001),
	UINT64_MAX,
};

/* Same answers for all numbers that libseccomp knows the names of; `newer` and up are where we say ENOSYS. */
static void assert_same_answers(const struct spec_seccomp *s, uint32_t machine, const uint32_t *scmp,
				const uint32_t *audit, const uint32_t *first, size_t n)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	cleanup_free struct sock_filter *theirs = NULL;
	size_t len, compared = 0;
	struct err e = { 0 };

	if (seccomp_compile_for(machine, s, &p, &e) < 0)
		fail_msg("%s", e.text);
	theirs = libseccomp_compiles(s, scmp, n, &len);
	assert_true(p.len < len);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t nr = first[i]; nr < first[i] + 600; nr++) {
			cleanup_free char *name = seccomp_syscall_resolve_num_arch(scmp[i], (int)nr);

			for (size_t j = 0; name && j < ARRAY_LEN(INTERESTING); j++) {
				struct seccomp_data d = { .nr = (int)nr, .arch = audit[i] };
				uint32_t ours, other;

				/* 32-bit machines have no upper halves. */
				d.args[0] = first[i] || audit[i] == machine ? INTERESTING[j]
									    : (uint32_t)INTERESTING[j];
				d.args[1] = j;
				ours = bpf_run(p.insns, p.len, &d);
				other = bpf_run(theirs, len, &d);
				if (ours != other && !(ours == FAIL(ENOSYS) && other == FAIL(EPERM)))
					fail_msg("%s(0x%llx) on 0x%x: 0x%x, not 0x%x", name,
						 (unsigned long long)d.args[0], scmp[i], ours, other);
				compared++;
			}
		}
	}
	assert_true(compared > 30000);
}

static struct spec_seccomp *default_with(const char *capability, bool arm)
{
	static const char *const names[2][3] = { { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" },
						 { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" } };
	cleanup_strvec struct strvec caps = { 0 };
	struct spec_seccomp *s = NULL;
	struct err e;

	if (capability)
		assert_int_equal(strvec_add(&caps, capability), 0);
	assert_int_equal(spec_seccomp_default(&caps, &s, &e), 0);
	strvec_done(&s->architectures);
	for (size_t i = 0; i < 3 && names[arm][i]; i++)
		assert_int_equal(strvec_add(&s->architectures, names[arm][i]), 0);
	return s;
}

static void libseccomp_agrees_on_the_default_profile_on_amd64(void **state)
{
	static const uint32_t scmp[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32 };
	static const uint32_t audit[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 };
	static const uint32_t first[] = { 0, 0, X32_BIT };
	static const char *const capabilities[] = { NULL, "CAP_SYS_ADMIN", "CAP_SYS_TIME" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		cleanup_spec_seccomp struct spec_seccomp *s = default_with(capabilities[i], false);

		assert_same_answers(s, AUDIT_ARCH_X86_64, scmp, audit, first, 3);
	}
}

static void libseccomp_agrees_on_the_default_profile_on_arm64(void **state)
{
	static const uint32_t scmp[] = { SCMP_ARCH_AARCH64, SCMP_ARCH_ARM };
	static const uint32_t audit[] = { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM };
	static const uint32_t first[] = { 0, 0 };
	cleanup_spec_seccomp struct spec_seccomp *s = default_with(NULL, true);

	(void)state;
	assert_same_answers(s, AUDIT_ARCH_AARCH64, scmp, audit, first, 2);
}

/* --- in the kernel --- */

static bool kernel_filters(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ==
	       0; /* qemu-user has no seccomp(2) */
}

/* Runs `test` in a child with the filter installed; its result is the child's exit code. */
static int run_filtered(const char *text, int (*test)(int listener))
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile(text);
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	struct err e = { 0 };
	int status;
	pid_t pid;

	if (seccomp_compile(s, &p, &e) < 0)
		fail_msg("%s", e.text);
	pid = fork();
	if (pid == 0) {
		int listener = -2;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_install(&p, &listener) < 0)
			_exit(99);
		_exit(test(listener));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int try_calls(int listener)
{
	if (listener != -1)
		return 1;
	if (syscall(SYS_getppid) != -1 || errno != 77)
		return 2;
	return syscall(SYS_getpid) > 0 ? 0 : 4;
}

static int try_signal(int listener)
{
	(void)listener;
	(void)syscall(SYS_getppid);
	return 1;
}

static int try_listener(int listener)
{
	return fcntl(listener, F_GETFD) == FD_CLOEXEC ? 0 : 1;
}

static void an_installed_filter_filters(void **state)
{
	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
			     "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}",
			     try_calls),
		0);
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
			     "\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
			     "\"syscalls\":[" RULE("getppid", "KILL_PROCESS") "]}",
			     try_signal),
		128 + SIGSYS);
}

static void notify_gives_a_listener(void **state)
{
	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\","
			     "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"],\"syscalls\":[" RULE("getppid",
										       "NOTIFY") "]}",
			     try_listener),
		0);
}

static int try_default(int listener)
{
	(void)listener;
	if (syscall(SYS_unshare, 0x10000000) != -1 || errno != EPERM) /* CLONE_NEWUSER */
		return 1;
	if (syscall(5000) != -1 || errno != ENOSYS)
		return 2;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 3;
	return syscall(SYS_getpid) > 0 ? 0 : 4;
}

static void the_kernel_takes_the_default_profile(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = NULL;
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	struct strvec none = { 0 };
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(spec_seccomp_default(&none, &s, &e), 0);
	assert_int_equal(seccomp_compile(s, &p, &e), 0);
	pid = fork();
	if (pid == 0) {
		int listener;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_install(&p, &listener) < 0)
			_exit(99);
		_exit(try_default(listener));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(WIFEXITED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libseccomp_agrees_on_the_default_profile_on_amd64),
		cmocka_unit_test(libseccomp_agrees_on_the_default_profile_on_arm64),
		cmocka_unit_test(an_installed_filter_filters),
		cmocka_unit_test(notify_gives_a_listener),
		cmocka_unit_test(the_kernel_takes_the_default_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
