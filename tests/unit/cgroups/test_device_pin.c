/* SPDX-License-Identifier: Apache-2.0 */
/* Device filters that are kept from one container to the next, on a bpf file system of the test's own. */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cgroups/bpf_call.h"
#include "cgroups/device_pin.h"
#include "cgroups/devices.h"
#include "tests/unit/cgroups/live.h"

/* "Always `value`"; the second instruction makes as many differing programs as are wanted. */
struct program {
	struct bpf_insn insns[3];
};

static struct program program(int value, int variant)
{
	return (struct program){
		.insns = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = value },
			   { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = variant },
			   { .code = BPF_JMP | BPF_EXIT } }
	};
}

static int load(const struct program *p)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)p->insns;
	attr.insn_cnt = 3;
	attr.license = (uintptr_t) "Apache-2.0";
	return bpf_call(BPF_PROG_LOAD, &attr);
}

static int find(const struct program *p)
{
	return device_pin_find(p->insns, 3);
}

static void keep(const struct program *p)
{
	cleanup_fd int fd = load(p);

	assert_true(fd >= 0);
	device_pin_keep(fd, p->insns, 3);
}

static void assert_found(const struct program *p, bool expected)
{
	cleanup_fd int fd = find(p);

	assert_int_equal(fd >= 0, expected);
}

static size_t kept_places(void)
{
	char path[64];
	size_t count = 0;

	for (int i = 0; i < DEVICE_PINS; i++) {
		(void)snprintf(path, sizeof(path), DEVICE_PIN_FOLDER "/sampan-device-filter-%d", i);
		count += access(path, F_OK) == 0;
	}
	return count;
}

/* Each test has an empty file system. */
static int set_up(void **state)
{
	struct program p = program(1, 0);
	cleanup_fd int fd = -1;

	(void)state;
	if (geteuid() != 0 || !has_clone3())
		return 0;
	fd = load(&p);
	if (fd < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", DEVICE_PIN_FOLDER, "bpf", 0, NULL) < 0)
		return 0;
	*state = &set_up; /* anything */
	return 0;
}

static int tear_down(void **state)
{
	return *state ? umount2(DEVICE_PIN_FOLDER, MNT_DETACH) : 0;
}

static void what_was_kept_is_found_by_its_instructions(void **state)
{
	const struct program a = program(1, 7), b = program(0, 7), c = program(1, 8);

	if (!*state)
		skip();
	assert_found(&a, false);
	keep(&a);
	assert_found(&a, true);
	assert_found(&b, false);
	assert_found(&c, false);
	assert_int_equal(kept_places(), 1);
}

static void another_program_in_its_place_is_not_taken(void **state)
{
	const struct program deny = program(0, 7), allow = program(1, 7);
	cleanup_fd int fd = -1;

	if (!*state)
		skip();
	fd = load(&allow);
	assert_true(fd >= 0);
	device_pin_keep(fd, deny.insns, 3); /* a lie */
	assert_int_equal(kept_places(), 1);
	assert_int_equal(find(&deny), -ENOENT);
	keep(&deny); /* goes there instead */
	assert_found(&deny, true);
	assert_int_equal(kept_places(), 1);
}

static void only_a_few_are_kept(void **state)
{
	struct program p;

	if (!*state)
		skip();
	for (int i = 0; i < 8 * DEVICE_PINS; i++) {
		p = program(1, i);
		keep(&p);
	}
	assert_found(&p, true);
	assert_in_range(kept_places(), DEVICE_PINS / 2, DEVICE_PINS);
}

static void without_the_file_system_nothing_is_kept_and_nothing_fails(void **state)
{
	const struct program p = program(1, 7);

	if (!*state)
		skip();
	assert_int_equal(umount2(DEVICE_PIN_FOLDER, MNT_DETACH), 0);
	assert_int_equal(mount("none", DEVICE_PIN_FOLDER, "tmpfs", 0, NULL), 0);
	keep(&p);
	assert_found(&p, false);
	assert_int_equal(kept_places(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_kept_is_found_by_its_instructions, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(another_program_in_its_place_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_a_few_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_the_file_system_nothing_is_kept_and_nothing_fails,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
