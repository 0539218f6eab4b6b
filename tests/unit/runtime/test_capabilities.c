/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "runtime/capabilities.h"

#define BIT(n) (UINT64_C(1) << (n))

/* --- helpers --- */

static struct spec_capabilities names_of(const char *bounding, const char *effective, const char *ambient)
{
	struct spec_capabilities c = { 0 };

	if (bounding)
		assert_int_equal(strvec_add(&c.bounding, bounding), 0);
	if (effective)
		assert_int_equal(strvec_add(&c.effective, effective), 0);
	if (ambient)
		assert_int_equal(strvec_add(&c.ambient, ambient), 0);
	return c;
}

static void names_done(struct spec_capabilities *c)
{
	strvec_done(&c->bounding);
	strvec_done(&c->effective);
	strvec_done(&c->ambient);
}

/* What /proc/self/status says of a child; `result` is what applying returned, or the first error. */
struct seen {
	int result;
	char status[8192];
};

/* Takes on the sets as the runtime does, in a child that becomes user `uid` in between. */
static struct seen *apply_in_child(const struct capability_sets *sets, uid_t uid)
{
	struct seen *seen =
		mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t supported = capability_supported();
	int status;
	pid_t pid;

	assert_true(seen != MAP_FAILED);
	seen->result = -1;
	pid = fork();
	if (pid == 0) {
		int fd;

		seen->result = capability_apply_before_setuid(sets, supported, uid != 0);
		if (seen->result == 0 && uid && (setgid(uid) < 0 || setuid(uid) < 0))
			seen->result = -errno;
		if (seen->result == 0)
			seen->result = capability_apply_after_setuid(sets, uid != 0);
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, seen->status, sizeof(seen->status) - 1) <= 0)
			_exit(1);
		_exit(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (seen->result == 0)
		assert_int_equal(status, 0); /* keepcaps does not stay */
	return seen;
}

/* "CapEff" -> the line's set. */
static uint64_t set_of(const struct seen *seen, const char *name)
{
	const char *line = strstr(seen->status, name);
	uint64_t set = 0;

	assert_non_null(line);
	line += strlen(name) + strlen(":\t");
	for (int i = 0; i < 16; i++)
		set = set << 4 | (uint64_t)(line[i] <= '9' ? line[i] - '0' : line[i] - 'a' + 10);
	return set;
}

/* qemu-user has no seccomp(2); and in 7.2 a forked child of a program with shared libraries spins for ever. */
static bool emulated(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0;
}

static bool may_change(void)
{
	return !emulated() && geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) == 1 &&
	       capability_supported() != 0;
}

/* --- names --- */

static void names_and_numbers_are_those_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(capability_number("CAP_CHOWN"), CAP_CHOWN);
	assert_int_equal(capability_number("CAP_SYS_ADMIN"), CAP_SYS_ADMIN);
	assert_int_equal(capability_number("CAP_AUDIT_READ"), CAP_AUDIT_READ);
	assert_int_equal(capability_number("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
	assert_int_equal(capability_number("net_admin"), CAP_NET_ADMIN);
	assert_int_equal(capability_number("cap_Net_Raw"), CAP_NET_RAW);
	assert_int_equal(capability_number("CAP_"), -1);
	assert_int_equal(capability_number("CAP_FLY"), -1);
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		assert_int_equal(capability_number(capability_name(i)), i);
	assert_null(capability_name(CAP_LAST_CAP + 1));
	assert_null(capability_name(-1));
}

static void the_kernels_capabilities_have_no_gaps(void **state)
{
	uint64_t supported = capability_supported();

	(void)state;
	assert_true(supported & BIT(CAP_CHOWN));
	assert_true((supported & (supported + 1)) == 0);
}

static void unknown_and_unsupported_names_are_left_out_and_reported_once(void **state)
{
	struct spec_capabilities c = names_of("CAP_FLY", "CAP_FLY", "CAP_BPF");
	cleanup_strvec struct strvec ignored = { 0 };
	struct capability_sets sets;
	struct err e;

	(void)state;
	assert_int_equal(strvec_add(&c.bounding, "CAP_CHOWN"), 0);
	assert_int_equal(capability_sets_from_spec(&c, BIT(CAP_CHOWN), &sets, &ignored, &e), 0);
	assert_int_equal(sets.bounding, BIT(CAP_CHOWN));
	assert_int_equal(sets.effective, 0);
	assert_int_equal(sets.ambient, 0);
	assert_int_equal(ignored.len, 2);
	assert_string_equal(ignored.items[0], "CAP_FLY");
	assert_string_equal(ignored.items[1], "CAP_BPF");
	names_done(&c);
}

static void no_capabilities_in_the_spec_are_empty_sets(void **state)
{
	struct capability_sets sets = { 1, 1, 1, 1, 1 };
	struct err e;

	(void)state;
	assert_int_equal(capability_sets_from_spec(NULL, UINT64_MAX, &sets, NULL, &e), 0);
	assert_true(!sets.bounding && !sets.effective && !sets.inheritable && !sets.permitted &&
		    !sets.ambient);
}

/* --- in a child --- */

static void root_gets_exactly_its_sets(void **state)
{
	const struct capability_sets sets = { .bounding =
						      BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_SYS_CHROOT),
					      .permitted = BIT(CAP_CHOWN) | BIT(CAP_KILL),
					      .effective = BIT(CAP_CHOWN) };
	struct seen *seen;

	(void)state;
	if (!may_change())
		skip();
	seen = apply_in_child(&sets, 0);
	assert_int_equal(seen->result, 0);
	assert_true(set_of(seen, "CapBnd") == sets.bounding);
	assert_true(set_of(seen, "CapPrm") == sets.permitted);
	assert_true(set_of(seen, "CapEff") == sets.effective);
	assert_true(set_of(seen, "CapInh") == 0);
	assert_true(set_of(seen, "CapAmb") == 0);
	munmap(seen, sizeof(*seen));
}

static void another_user_keeps_its_sets_across_setuid(void **state)
{
	const uint64_t two = BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_KILL);
	const struct capability_sets sets = { two, two, two, two, BIT(CAP_NET_BIND_SERVICE) };
	struct seen *seen;

	(void)state;
	if (!may_change())
		skip();
	seen = apply_in_child(&sets, 1000);
	assert_int_equal(seen->result, 0);
	assert_true(set_of(seen, "CapBnd") == two);
	assert_true(set_of(seen, "CapPrm") == two);
	assert_true(set_of(seen, "CapEff") == two);
	assert_true(set_of(seen, "CapInh") == two);
	assert_true(set_of(seen, "CapAmb") == BIT(CAP_NET_BIND_SERVICE));
	munmap(seen, sizeof(*seen));
}

static void ambient_without_inheritable_is_left_out(void **state)
{
	const uint64_t kill = BIT(CAP_KILL);
	const struct capability_sets sets = {
		.bounding = kill, .permitted = kill, .effective = kill, .ambient = kill
	};
	struct seen *seen;

	(void)state;
	if (!may_change())
		skip();
	seen = apply_in_child(&sets, 1000); /* what `runc spec` asks for */
	assert_int_equal(seen->result, 0);
	assert_true(set_of(seen, "CapEff") == kill);
	assert_true(set_of(seen, "CapAmb") == 0);
	munmap(seen, sizeof(*seen));
}

static void empty_sets_take_everything_away(void **state)
{
	const struct capability_sets none = { 0 };
	struct seen *seen;

	(void)state;
	if (!may_change())
		skip();
	seen = apply_in_child(&none, 0);
	assert_int_equal(seen->result, 0);
	assert_true(set_of(seen, "CapBnd") == 0);
	assert_true(set_of(seen, "CapPrm") == 0);
	munmap(seen, sizeof(*seen));
}

static void effective_without_permitted_is_refused(void **state)
{
	const struct capability_sets sets = { .bounding = BIT(CAP_CHOWN), .effective = BIT(CAP_CHOWN) };
	struct seen *seen;

	(void)state;
	if (!may_change())
		skip();
	seen = apply_in_child(&sets, 0);
	assert_int_equal(seen->result, -EPERM);
	munmap(seen, sizeof(*seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_are_those_of_the_kernel),
		cmocka_unit_test(the_kernels_capabilities_have_no_gaps),
		cmocka_unit_test(unknown_and_unsupported_names_are_left_out_and_reported_once),
		cmocka_unit_test(no_capabilities_in_the_spec_are_empty_sets),
		cmocka_unit_test(root_gets_exactly_its_sets),
		cmocka_unit_test(another_user_keeps_its_sets_across_setuid),
		cmocka_unit_test(ambient_without_inheritable_is_left_out),
		cmocka_unit_test(empty_sets_take_everything_away),
		cmocka_unit_test(effective_without_permitted_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
