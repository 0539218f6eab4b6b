/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/exec_process.h"

static const char PASSWD[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "app:x:1000:1001:App:/srv/app:/bin/sh\n";
static const char GROUP[] = "root:x:0:\nvideo:x:44:app\n";

/* The container's own process: root, with an environment. */
static void make(struct spec_process *p, const char *home)
{
	*p = (struct spec_process){ .cwd = strdup("/srv"),
				    .terminal = true,
				    .apparmor_profile = strdup("profile"),
				    .capabilities = calloc(1, sizeof(*p->capabilities)) };
	assert_int_equal(strvec_add(&p->args, "init"), 0);
	assert_int_equal(strvec_add(&p->env, "A=1"), 0);
	assert_int_equal(strvec_addf(&p->env, "HOME=%s", home), 0);
	assert_int_equal(strvec_add(&p->capabilities->bounding, "CAP_CHOWN"), 0);
}

static int adapt(const struct exec_flags *f, struct spec_process *p, struct err *e)
{
	static char sh[] = "sh", option[] = "-x";
	static char variable[] = "B=ours";
	static char *variables[] = { variable, NULL };
	static const struct strvec OWN = { .items = variables, .len = 1 };
	const struct exec_context c = {
		.own = &OWN, .passwd = PASSWD, .group = GROUP, .rows = 24, .columns = 80
	};
	char *const args[] = { sh, option, NULL };

	return exec_process_adapt(f, &c, args, p, e);
}

static void without_flags_only_the_command_is_another(void **state)
{
	struct spec_process p;
	struct exec_flags f = { 0 };
	struct err e;

	(void)state;
	make(&p, "/root");
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_int_equal(p.args.len, 2);
	assert_string_equal(p.args.items[0], "sh");
	assert_string_equal(p.args.items[1], "-x");
	assert_int_equal(p.env.len, 2);
	assert_string_equal(p.cwd, "/srv");
	assert_int_equal(p.capabilities->bounding.len, 1);
	assert_false(p.terminal); /* that is its own */
	spec_process_done(&p);
}

static void a_terminal_has_a_size_and_a_name(void **state)
{
	struct spec_process p;
	struct exec_flags f = { .tty = true };
	struct err e;

	(void)state;
	make(&p, "/root");
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_true(p.terminal);
	assert_int_equal(p.console_height.value, 24);
	assert_int_equal(p.console_width.value, 80);
	assert_string_equal(strvec_get_env(&p.env, "TERM"), "xterm");
	f.detach = true; /* nobody would hold its other end */
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_false(p.terminal);
	assert_false(p.console_height.set);
	spec_process_done(&p);
}

static void another_user_has_another_home_and_other_groups(void **state)
{
	struct spec_process p;
	struct exec_flags f = { .user = "app" };
	struct err e;

	(void)state;
	make(&p, "/root");
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_int_equal(p.user.uid, 1000);
	assert_int_equal(p.user.gid, 1001);
	assert_int_equal(p.user.additional_gids_len, 2);
	assert_int_equal(p.user.additional_gids[1], 44);
	assert_string_equal(strvec_get_env(&p.env, "HOME"), "/srv/app");
	spec_process_done(&p);
}

static void a_home_that_somebody_has_chosen_stays(void **state)
{
	struct spec_process p;
	struct exec_flags f = { .user = "app" };
	struct err e;

	(void)state;
	make(&p, "/chosen");
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_string_equal(strvec_get_env(&p.env, "HOME"), "/chosen");
	spec_process_done(&p);
}

static void flags_change_the_environment(void **state)
{
	struct spec_process p;
	struct exec_flags f = { 0 };
	struct err e;

	(void)state;
	make(&p, "/root");
	assert_int_equal(strvec_add(&f.env, "A=2"), 0);
	assert_int_equal(strvec_add(&f.env, "B"), 0);
	assert_int_equal(strvec_add(&f.env, "NOWHERE"), 0);
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_string_equal(strvec_get_env(&p.env, "A"), "2");
	assert_string_equal(strvec_get_env(&p.env, "B"), "ours");
	assert_null(strvec_get_env(&p.env, "NOWHERE"));
	exec_flags_done(&f);
	spec_process_done(&p);
}

static void privileged_is_all_that_we_have_and_no_profile(void **state)
{
	struct spec_process p;
	struct exec_flags f = { .privileged = true };
	struct err e;

	(void)state;
	make(&p, "/root");
	assert_int_equal(adapt(&f, &p, &e), 0);
	assert_null(p.apparmor_profile);
	assert_int_equal(p.capabilities->bounding.len, p.capabilities->effective.len);
	assert_int_equal(p.capabilities->bounding.len, p.capabilities->permitted.len);
	spec_process_done(&p);
}

static void refuse(const struct exec_flags *f, const char *text)
{
	struct spec_process p;
	struct err e = { 0 };

	make(&p, "/root");
	assert_int_equal(adapt(f, &p, &e), -EINVAL);
	assert_string_equal(e.text, text);
	spec_process_done(&p);
}

static void what_cannot_be_is_refused(void **state)
{
	struct exec_flags f = { 0 };

	(void)state;
	refuse(&(struct exec_flags){ .workdir = "srv" }, "cwd must be an absolute path");
	refuse(&(struct exec_flags){ .user = "bob" },
	       "unable to find user bob: no matching entries in passwd file");
	assert_int_equal(strvec_add(&f.env, "=x"), 0);
	refuse(&f, "invalid environment variable: '=x'");
	exec_flags_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_flags_only_the_command_is_another),
		cmocka_unit_test(a_terminal_has_a_size_and_a_name),
		cmocka_unit_test(another_user_has_another_home_and_other_groups),
		cmocka_unit_test(a_home_that_somebody_has_chosen_stays),
		cmocka_unit_test(flags_change_the_environment),
		cmocka_unit_test(privileged_is_all_that_we_have_and_no_profile),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
