/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "oci/seccomp_default.h"
#include "oci/seccomp_table.h"

/* --- helpers --- */

static struct spec_seccomp *profile_with(const char *capability)
{
	cleanup_strvec struct strvec caps = { 0 };
	struct spec_seccomp *s = NULL;
	struct err e;

	if (capability)
		assert_int_equal(strvec_add(&caps, capability), 0);
	assert_int_equal(spec_seccomp_default(&caps, &s, &e), 0);
	return s;
}

/* Is `name` allowed whatever its arguments are? */
static bool allowed(const struct spec_seccomp *s, const char *name)
{
	for (size_t i = 0; i < s->syscalls_len; i++)
		if (strcmp(s->syscalls[i].action, "SCMP_ACT_ALLOW") == 0 && s->syscalls[i].args_len == 0 &&
		    strvec_has(&s->syscalls[i].names, name))
			return true;
	return false;
}

static const struct spec_syscall *rule_with_value(const struct spec_seccomp *s, const char *name,
						  uint64_t value)
{
	for (size_t i = 0; i < s->syscalls_len; i++)
		if (strvec_has(&s->syscalls[i].names, name) && s->syscalls[i].args_len == 1 &&
		    s->syscalls[i].args[0].value == value)
			return &s->syscalls[i];
	return NULL;
}

static const struct spec_syscall *rule_of(const struct spec_seccomp *s, const char *name)
{
	for (size_t i = 0; i < s->syscalls_len; i++)
		if (strvec_has(&s->syscalls[i].names, name))
			return &s->syscalls[i];
	return NULL;
}

/* --- the table --- */

static void the_table_is_sorted_without_duplicates(void **state)
{
	const struct seccomp_name *n = SECCOMP_DEFAULT_NAMES;

	(void)state;
	assert_non_null(n->name);
	for (; n[1].name; n++)
		if (strcmp(n[0].name, n[1].name) >= 0)
			fail_msg("'%s' before '%s'", n[0].name, n[1].name);
}

/* --- the default profile --- */

static void what_every_container_needs_is_allowed(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile_with(NULL);
	static const char *const names[] = { "read",  "write",      "execve", "openat2", "ptrace",    "mmap",
					     "futex", "faccessat2", "rseq",   "statx",   "socketcall" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(allowed(s, names[i]));
	assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
	assert_int_equal(s->default_errno_ret.value, EPERM);
	assert_false(s->has_flags);
}

static void what_reaches_the_host_is_not(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile_with(NULL);
	static const char *const names[] = {
		"mount",  "umount2",           "unshare",     "setns",        "bpf",
		"reboot", "init_module",       "kexec_load",  "swapon",       "io_uring_setup",
		"keyctl", "add_key",           "userfaultfd", "settimeofday", "chroot",
		"acct",   "open_by_handle_at", "iopl",        "clone3",       "perf_event_open",
		"syslog",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (allowed(s, names[i]))
			fail_msg("'%s' is allowed", names[i]);
}

static void a_capability_brings_its_system_calls(void **state)
{
	static const struct {
		const char *capability, *name;
	} pairs[] = {
		{ "CAP_SYS_ADMIN", "mount" },         { "CAP_SYS_ADMIN", "unshare" },
		{ "CAP_SYS_ADMIN", "bpf" },           { "CAP_BPF", "bpf" },
		{ "CAP_SYS_CHROOT", "chroot" },       { "CAP_SYS_BOOT", "reboot" },
		{ "CAP_SYS_MODULE", "finit_module" }, { "CAP_SYS_PACCT", "acct" },
		{ "CAP_SYS_PTRACE", "kcmp" },         { "CAP_SYS_RAWIO", "iopl" },
		{ "CAP_SYS_TIME", "clock_settime" },  { "CAP_SYS_TTY_CONFIG", "vhangup" },
		{ "CAP_SYS_NICE", "mbind" },          { "CAP_SYSLOG", "syslog" },
		{ "CAP_PERFMON", "perf_event_open" }, { "CAP_DAC_READ_SEARCH", "open_by_handle_at" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		cleanup_spec_seccomp struct spec_seccomp *with = profile_with(pairs[i].capability);
		cleanup_spec_seccomp struct spec_seccomp *other = profile_with("CAP_CHOWN");

		assert_true(allowed(with, pairs[i].name));
		assert_false(allowed(other, pairs[i].name));
	}
}

static void new_namespaces_need_cap_sys_admin(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *without = profile_with(NULL);
	cleanup_spec_seccomp struct spec_seccomp *with = profile_with("CAP_SYS_ADMIN");
	const struct spec_syscall *rule = rule_with_value(without, "clone", 2114060288);

	(void)state;
	assert_non_null(rule);
	assert_string_equal(rule->args[0].op, "SCMP_CMP_MASKED_EQ");
	assert_int_equal(rule->args[0].value_two, 0);
	rule = rule_of(without, "clone3");
	assert_string_equal(rule->action, "SCMP_ACT_ERRNO");
	assert_int_equal(rule->errno_ret.value, ENOSYS);
	assert_true(allowed(with, "clone") && allowed(with, "clone3"));
	assert_null(rule_with_value(with, "clone", 2114060288));
}

static void sockets_are_chosen_by_family(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile_with(NULL);
	static const int denied[] = { 12, 19, 20, 23, 25, 34, 37, 38, 40 }; /* 38 AF_ALG, 40 AF_VSOCK */

	(void)state;
	assert_false(allowed(s, "socket"));
	assert_string_equal(rule_of(s, "socket")->args[0].op, "SCMP_CMP_LT");
	assert_int_equal(rule_of(s, "socket")->args[0].value, 12);
	assert_non_null(rule_with_value(s, "socket", 16)); /* AF_NETLINK */
	assert_non_null(rule_with_value(s, "socket", 45)); /* AF_MCTP */
	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		const struct spec_syscall *rule = rule_with_value(s, "socket", (uint64_t)denied[i]);

		assert_true(rule == NULL || strcmp(rule->args[0].op, "SCMP_CMP_LT") == 0);
	}
}

static void personalities_are_chosen_by_value(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile_with(NULL);
	static const uint64_t values[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };

	(void)state;
	assert_false(allowed(s, "personality"));
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_non_null(rule_with_value(s, "personality", values[i]));
	assert_null(rule_with_value(s, "personality", 0x0040000)); /* ADDR_NO_RANDOMIZE */
}

static void the_architectures_are_those_of_this_machine(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile_with(NULL);

	(void)state;
#if defined(__x86_64__)
	assert_int_equal(s->architectures.len, 3);
	assert_string_equal(s->architectures.items[0], "SCMP_ARCH_X86_64");
#else
	assert_int_equal(s->architectures.len, 2);
	assert_string_equal(s->architectures.items[0], "SCMP_ARCH_AARCH64");
#endif
}

/* --- profiles in files --- */

static int decode_with(const char *text, const char *capability, struct spec_seccomp **ret, struct err *e)
{
	cleanup_strvec struct strvec caps = { 0 };

	if (capability)
		assert_int_equal(strvec_add(&caps, capability), 0);
	return spec_seccomp_decode_profile(text, strlen(text), &caps, ret, e);
}

static const char DOCKERS[] =
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"archMap\":["
	"{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},"
	"{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]},"
	"{\"architecture\":\"SCMP_ARCH_RISCV64\",\"subArchitectures\":null}],\"syscalls\":["
	"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":null,\"comment\":\"\",\"includes\":{},"
	"\"excludes\":{}},"
	"{\"names\":[\"old\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},"
	"{\"names\":[\"new\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"999.0\"}},"
	"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
	"{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,\"excludes\":{\"caps\":[\"CAP_"
	"SYS_ADMIN\"]}},"
	"{\"names\":[\"here\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"amd64\",\"arm64\"]}}"
	","
	"{\"names\":[\"there\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390x\"]}},"
	"{\"names\":[\"elsewhere\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"arches\":[\"amd64\","
	"\"arm64\"]}},"
	"{\"name\":\"single\",\"action\":\"SCMP_ACT_ALLOW\"},"
	"{\"names\":[\"named\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"EINVAL\"}]}";

static void dockers_format_is_reduced_to_what_applies(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *without = NULL, *with = NULL;
	struct err e;

	(void)state;
	assert_int_equal(decode_with(DOCKERS, NULL, &without, &e), 0);
	assert_true(allowed(without, "read"));
	assert_true(allowed(without, "old"));
	assert_false(allowed(without, "new"));
	assert_false(allowed(without, "mount"));
	assert_int_equal(rule_of(without, "clone3")->errno_ret.value, 38);
	assert_true(allowed(without, "here"));
	assert_null(rule_of(without, "there"));
	assert_null(rule_of(without, "elsewhere"));
	assert_true(allowed(without, "single"));
	assert_int_equal(rule_of(without, "named")->errno_ret.value, EINVAL);
	assert_int_equal(without->architectures.len, 2);
	assert_int_equal(decode_with(DOCKERS, "CAP_SYS_ADMIN", &with, &e), 0);
	assert_true(allowed(with, "mount"));
	assert_null(rule_of(with, "clone3"));
}

static void the_oci_format_is_taken_as_it_is(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = NULL;
	struct err e;

	(void)state;
	assert_int_equal(
		decode_with("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_ARM\"],"
			    "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"names\":[\"chmod\"],"
			    "\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":1,\"value\":2,\"valueTwo\":3,"
			    "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}",
			    NULL, &s, &e),
		0);
	assert_string_equal(s->architectures.items[0], "SCMP_ARCH_ARM");
	assert_true(s->has_flags);
	assert_int_equal(s->syscalls[0].args[0].value_two, 3);
}

static void bad_profiles_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "{}", "defaultAction: missing" },
		{ "[]", "expected an object" },
		{ "{\"defaultAction\":\"X\",\"syscalls\":[{\"names\":[\"a\"]}]}",
		  "syscalls[0].action: missing" },
		{ "{\"defaultAction\":\"X\",\"syscalls\":[{\"name\":\"a\",\"names\":[\"a\"],\"action\":\"Y\"}"
		  "]}",
		  "syscalls[0]: use either 'name' or 'names', not both" },
		{ "{\"defaultAction\":\"X\",\"defaultErrno\":\"EWHAT\"}",
		  "defaultErrno: unknown errno 'EWHAT'" },
		{ "{\"defaultAction\":\"X\",\"architectures\":[\"A\"],\"archMap\":[{\"architecture\":\"B\"}]"
		  "}",
		  "not both" },
		{ "{\"defaultAction\":\"X\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"Y\","
		  "\"includes\":{\"minKernel\":\"five\"}}]}",
		  "syscalls[0]: minKernel: 'five' is not a kernel version" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct spec_seccomp *s = NULL;
		struct err e = { 0 };

		assert_int_equal(decode_with(bad[i].text, NULL, &s, &e), -EINVAL);
		if (!strstr(e.text, bad[i].message))
			fail_msg("'%s' is not in '%s'", bad[i].message, e.text);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_without_duplicates),
		cmocka_unit_test(what_every_container_needs_is_allowed),
		cmocka_unit_test(what_reaches_the_host_is_not),
		cmocka_unit_test(a_capability_brings_its_system_calls),
		cmocka_unit_test(new_namespaces_need_cap_sys_admin),
		cmocka_unit_test(sockets_are_chosen_by_family),
		cmocka_unit_test(personalities_are_chosen_by_value),
		cmocka_unit_test(the_architectures_are_those_of_this_machine),
		cmocka_unit_test(dockers_format_is_reduced_to_what_applies),
		cmocka_unit_test(the_oci_format_is_taken_as_it_is),
		cmocka_unit_test(bad_profiles_are_refused_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
