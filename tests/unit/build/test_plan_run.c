/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static const struct plan_run *run_of(struct planned *t, size_t step)
{
	assert_true(step < target_of(t)->len);
	assert_int_equal(target_of(t)->steps[step].kind, PLAN_RUN);
	return &target_of(t)->steps[step].run;
}

static void a_command_has_its_surroundings(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base\nRUN echo $FROM_BASE && \\\n  true\nUSER 7:8\nRUN [\"a\", \"$b\"]\n");
	ASSERT_LIST(&run_of(&t, 0)->argv, "/bin/sh", "-c", "echo $FROM_BASE &&   true");
	assert_string_equal(run_of(&t, 0)->cwd, "/srv");
	assert_string_equal(run_of(&t, 0)->user, "1000");
	assert_string_equal(run_of(&t, 0)->network, "default");
	assert_false(run_of(&t, 0)->insecure);
	ASSERT_LIST(&run_of(&t, 0)->env, TEST_PATH, "FROM_BASE=1");
	ASSERT_LIST(&run_of(&t, 1)->argv, "a", "$b");
	assert_string_equal(run_of(&t, 1)->user, "7:8");
	assert_history(&t, 2, "RUN a $b # buildkit", false);
	assert_int_equal(target_of(&t)->steps[1].history, 2);
	assert_ptr_equal(target_of(&t)->steps[1].instruction, &t.f.items[3]);
}

static void heredocs_are_scripts_or_programs(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nRUN <<EOF\necho $x\nEOF\nRUN <<-PROG\n\t#!/usr/bin/env "
		      "python\n\tprint(1)\nPROG\n"
		      "RUN cat <<A - <<B\na\nA\nb\nB\nRUN <<P\n#!/bin/x\nP\n");
	ASSERT_LIST(&run_of(&t, 0)->argv, "/bin/sh", "-c", "echo $x\n");
	assert_null(run_of(&t, 0)->program_name);
	ASSERT_LIST(&run_of(&t, 2)->argv, "/bin/sh", "-c", "cat <<A - <<B\na\nA\nb\nB");
	ASSERT_LIST(&run_of(&t, 3)->argv, "/bin/sh", "-c", "/dev/pipes/P");
	assert_string_equal(run_of(&t, 3)->program_name, "P");
	assert_string_equal(run_of(&t, 3)->program_text, "#!/bin/x\n");
}

static void mounts_get_what_is_not_said(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_run_mount *m;

	(void)state;
	planned_init(&t);
	plan_text(&t,
		  "FROM base\nENV d=dir\nRUN --mount=target=$d,source=s --mount=type=cache,target=/c/../k/ "
		  "--mount=type=secret,id=a/key --mount=type=secret,id=tok,env=TOKEN --mount=type=ssh "
		  "--mount=type=ssh,id=x --mount=type=tmpfs,target=/t "
		  "--mount=type=cache,from=busybox,target=q,id=i,sharing=locked x\n");
	m = run_of(&t, 0)->mounts;
	assert_int_equal(run_of(&t, 0)->mounts_len, 8);
	assert_string_equal(m[0].mount.target, "/srv/dir");
	assert_string_equal(m[0].mount.source, "s");
	assert_int_equal(m[0].from.kind, PLAN_CONTEXT);
	assert_string_equal(m[1].mount.target, "/k");
	assert_string_equal(m[1].mount.id, "/c/../k/");
	assert_int_equal(m[1].from.kind, PLAN_SCRATCH);
	assert_string_equal(m[2].mount.target, "/run/secrets/key");
	assert_string_equal(m[2].mount.id, "a/key");
	assert_null(m[3].mount.target);
	assert_string_equal(m[3].mount.env, "TOKEN");
	assert_string_equal(m[4].mount.target, "/run/buildkit/ssh_agent.0");
	assert_string_equal(m[4].mount.id, "default");
	assert_string_equal(m[5].mount.target, "/run/buildkit/ssh_agent.1");
	assert_int_equal(m[6].from.kind, PLAN_SCRATCH);
	assert_string_equal(m[7].mount.target, "/srv/q");
	assert_int_equal(m[7].from.kind, PLAN_IMAGE);
	assert_string_equal(m[7].from.name, "docker.io/library/busybox:latest");
	assert_string_equal(m[7].from.platform.architecture, "amd64");
}

static void networks_security_and_devices_are_kept(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nARG n=none\nRUN --network=$n --security=insecure "
		      "--device=vendor.com/gpu=all x\n");
	assert_string_equal(run_of(&t, 0)->network, "none");
	assert_true(run_of(&t, 0)->insecure);
	assert_int_equal(run_of(&t, 0)->devices_len, 1);
	assert_string_equal(run_of(&t, 0)->devices[0].name, "vendor.com/gpu=all");
}

static void what_is_wrong_with_a_run_is_told(void **state)
{
	(void)state;
	assert_plan_refused("FROM plain\nRUN --mount=type=cache,target=/ x\n",
			    "Dockerfile:2:5: invalid mount target \"/\"");
	assert_plan_refused("FROM plain\nRUN --mount=x y\n",
			    "Dockerfile:2:5: invalid field 'x' must be a key=value pair");
	assert_plan_refused("FROM plain\nRUN --mount=target=${x:?no} x\n",
			    "Dockerfile:2:5: failed to process '${x:?no}': x: no");
	assert_plan_refused("FROM plain\nARG n=no\nRUN --network=$n x\n",
			    "Dockerfile:3:5: invalid network mode \"no\"");
	assert_plan_refused("FROM plain\nRUN []\n", "Dockerfile:2:1: RUN has no command");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_has_its_surroundings),
		cmocka_unit_test(heredocs_are_scripts_or_programs),
		cmocka_unit_test(mounts_get_what_is_not_said),
		cmocka_unit_test(networks_security_and_devices_are_kept),
		cmocka_unit_test(what_is_wrong_with_a_run_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
