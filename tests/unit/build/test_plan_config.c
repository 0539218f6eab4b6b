/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static void env_sees_what_was_there_before_the_line(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nENV a=1 b=2\nENV a=3 c=$a \"d\"=\"${b}x\"\nENV old style  value\n");
	ASSERT_LIST(&target_of(&t)->config.env, TEST_PATH, "a=3", "b=2", "c=1", "d=2x", "old=style  value");
	assert_history(&t, 0, "ENV a=1 b=2", true);
	assert_history(&t, 1, "ENV a=3 c=1 d=2x", true);
	assert_history(&t, 2, "ENV old=style  value", true);
	assert_int_equal(target_of(&t)->len, 0);
}

static void labels_are_expanded_and_replaced(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nENV v=7\nLABEL a=1 \"b c\"=$v\nLABEL a='$v'\n");
	ASSERT_LIST(&target_of(&t)->config.labels, "a=$v", "b c=7");
	assert_history(&t, 1, "LABEL a=1 b c=7", true);
}

static void entrypoint_resets_the_cmd_of_the_base_only(void **state)
{
	cleanup_planned struct planned t, u;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base\nENTRYPOINT [\"/e\", \"a \\\"b\"]\n");
	ASSERT_LIST(&target_of(&t)->config.entrypoint, "/e", "a \"b");
	assert_int_equal(target_of(&t)->config.cmd.len, 0);
	assert_history(&t, 0, "ENTRYPOINT [\"/e\" \"a \\\"b\"]", true);
	planned_init(&u);
	plan_text(&u, "FROM base\nCMD [\"own\"]\nENTRYPOINT [\"/e\"]\n");
	ASSERT_LIST(&target_of(&u)->config.cmd, "own");
	assert_history(&u, 0, "CMD [\"own\"]", true);
	planned_done(&u);
}

static void shell_forms_take_the_shell(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t,
		  "FROM plain\nCMD echo $HOME\nSHELL [\"/bin/bash\", \"-xc\"]\nENTRYPOINT run me\nRUN it\n"
		  "CMD [\"a\", \"$b\"]\n");
	ASSERT_LIST(&target_of(&t)->config.cmd, "a", "$b");
	ASSERT_LIST(&target_of(&t)->config.shell, "/bin/bash", "-xc");
	ASSERT_LIST(&target_of(&t)->config.entrypoint, "/bin/bash", "-xc", "run me");
	ASSERT_LIST(&target_of(&t)->steps[0].run.argv, "/bin/bash", "-xc", "it");
	assert_history(&t, 0, "CMD [\"/bin/sh\" \"-c\" \"echo $HOME\"]", true);
	assert_history(&t, 1, "SHELL [/bin/bash -xc]", true);
}

static void the_default_shell_is_an_option(void **state)
{
	cleanup_planned struct planned t;
	cleanup_strvec struct strvec shell = { 0 };

	(void)state;
	assert_int_equal(strvec_add(&shell, "/bin/busybox"), 0);
	planned_init(&t);
	t.o.shell = &shell;
	plan_text(&t, "FROM plain\nRUN x\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.argv, "/bin/busybox", "x");
}

static void healthchecks_replace_each_other(void **state)
{
	cleanup_planned struct planned t;
	const struct image_healthcheck *h;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nHEALTHCHECK NONE\n"
		      "HEALTHCHECK --interval=1h5s --timeout=1500ms --start-period=1ms500us --retries=3 CMD "
		      "curl x\n");
	h = target_of(&t)->config.healthcheck;
	ASSERT_LIST(&h->test, "CMD-SHELL", "curl x");
	assert_true(h->interval_ns == 3605000000000 && h->timeout_ns == 1500000000 && h->retries == 3);
	assert_history(&t, 0,
		       "HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s "
		       "Retries:0}",
		       true);
	assert_history(&t, 1,
		       "HEALTHCHECK {Test:[CMD-SHELL curl x] Interval:1h0m5s Timeout:1.5s StartPeriod:1.5ms "
		       "StartInterval:0s Retries:3}",
		       true);
}

static void single_words_are_expanded(void **state)
{
	cleanup_planned struct planned t;
	const struct image_config *c;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nARG u=bob s=TERM\nUSER $u:staff\nSTOPSIGNAL SIG$s\nVOLUME /a $u\nVOLUME "
		      "[\"/a\"]\n"
		      "MAINTAINER me $u\nONBUILD RUN echo $u\n");
	c = &target_of(&t)->config;
	assert_string_equal(c->user, "bob:staff");
	assert_string_equal(c->stop_signal, "SIGTERM");
	assert_string_equal(c->author, "me $u");
	ASSERT_LIST(&c->volumes, "/a", "bob");
	ASSERT_LIST(&c->on_build, "RUN echo $u");
	assert_history(&t, 0, "ARG u=bob s=TERM", true);
	assert_history(&t, 1, "USER bob:staff", true);
	assert_history(&t, 2, "STOPSIGNAL SIGTERM", true);
	assert_history(&t, 3, "VOLUME [/a bob]", true);
	assert_history(&t, 4, "VOLUME [/a]", true);
	assert_history(&t, 5, "MAINTAINER me $u", true);
	assert_int_equal(c->history_len, 6);
}

static void stop_signals_are_checked(void **state)
{
	static const char *const GOOD[] = { "9", "KILL", "sigkill", "RTMIN+3", "SIGRTMAX-14", "POLL" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		cleanup_planned struct planned t;
		char text[64];

		(void)snprintf(text, sizeof(text), "FROM plain\nSTOPSIGNAL %s\n", GOOD[i]);
		planned_init(&t);
		plan_text(&t, text);
		assert_string_equal(target_of(&t)->config.stop_signal, GOOD[i]);
	}
	assert_plan_refused("FROM plain\nSTOPSIGNAL 0\n", "Dockerfile:2:12: invalid signal: 0");
	assert_plan_refused("FROM plain\nSTOPSIGNAL RTMIN+16\n", "Dockerfile:2:12: invalid signal: RTMIN+16");
}

static void work_directories_are_made_and_add_up(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_stage *s;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base\nENV d=x\nWORKDIR $d/../y/\nUSER 0\nWORKDIR /\nWORKDIR /z\n");
	s = target_of(&t);
	assert_string_equal(s->config.working_dir, "/z");
	assert_int_equal(s->len, 2);
	assert_int_equal(s->steps[0].kind, PLAN_WORKDIR);
	assert_string_equal(s->steps[0].directory, "/srv/y");
	assert_string_equal(s->steps[0].directory_user, "1000");
	assert_string_equal(s->steps[1].directory_user, "0");
	assert_int_equal(s->steps[0].history, 1);
	assert_history(&t, 1, "WORKDIR /srv/y", false);
	assert_history(&t, 3, "WORKDIR /", true);
}

static void ports_have_ranges_and_protocols(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nENV p=\"90 91/udp\"\nEXPOSE 80-82/UDP 443 443/tcp\nEXPOSE $p\n"
		      "EXPOSE 127.0.0.1:8080:1 [::1]:7:2 5-6:3-4\n");
	ASSERT_LIST(&target_of(&t)->config.exposed_ports, "443/tcp", "80/udp", "81/udp", "82/udp", "90/tcp",
		    "91/udp", "1/tcp", "3/tcp", "4/tcp", "2/tcp");
	assert_history(&t, 1, "EXPOSE [443/tcp 443/tcp 80/udp 81/udp 82/udp]", true);
}

static void bad_ports_are_told(void **state)
{
	(void)state;
	assert_plan_refused("FROM plain\nEXPOSE /tcp\n", "Dockerfile:2:8: no port specified: /tcp<empty>");
	assert_plan_refused("FROM plain\nEXPOSE 80/x\n", "Dockerfile:2:8: invalid proto: x");
	assert_plan_refused("FROM plain\nEXPOSE 65536\n", "Dockerfile:2:8: invalid containerPort: 65536");
	assert_plan_refused("FROM plain\nEXPOSE 9-8\n", "Dockerfile:2:8: invalid containerPort: 9-8");
	assert_plan_refused("FROM plain\nEXPOSE a:80\n", "Dockerfile:2:8: invalid hostPort: a");
	assert_plan_refused("FROM plain\nEXPOSE h:1:80\n", "Dockerfile:2:8: invalid IP address: h");
	assert_plan_refused(
		"FROM plain\nEXPOSE 1-3:80-81\n",
		"Dockerfile:2:8: invalid ranges specified for container and host Ports: 80-81 and "
		"1-3");
	assert_plan_refused("FROM plain\nVOLUME /a $x\n",
			    "Dockerfile:2:11: VOLUME specified can not be an empty string");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(env_sees_what_was_there_before_the_line),
		cmocka_unit_test(labels_are_expanded_and_replaced),
		cmocka_unit_test(entrypoint_resets_the_cmd_of_the_base_only),
		cmocka_unit_test(shell_forms_take_the_shell),
		cmocka_unit_test(the_default_shell_is_an_option),
		cmocka_unit_test(healthchecks_replace_each_other),
		cmocka_unit_test(single_words_are_expanded),
		cmocka_unit_test(stop_signals_are_checked),
		cmocka_unit_test(work_directories_are_made_and_add_up),
		cmocka_unit_test(ports_have_ranges_and_protocols),
		cmocka_unit_test(bad_ports_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
