/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_settings.h"

#include "tests/unit/cli/build_flags_test.h"

/* Both, as params point into the flags. */
struct setting {
	struct build_flags flags;
	struct build_settings settings;
	struct err e;
	int r;
};

static struct setting *read_settings(const char *const *args)
{
	struct setting *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->flags = build_flags_of(args);
	s->r = build_settings_read(&s->flags, &s->settings, &s->e);
	return s;
}
#define SETTINGS(...) read_settings((const char *const[]){ __VA_ARGS__, NULL })

static void setting_free(struct setting **s)
{
	build_settings_done(&(*s)->settings);
	build_flags_done(&(*s)->flags);
	free(*s);
}
#define cleanup_setting __attribute__((cleanup(setting_free)))

static void assert_refused(const char *const *args, int code, const char *message)
{
	cleanup_setting struct setting *s = read_settings(args);

	assert_int_equal(s->r, code);
	assert_string_equal(s->e.text, message);
}
#define REFUSED(code, message, ...) assert_refused((const char *const[]){ __VA_ARGS__, NULL }, code, message)

static void arguments_without_a_value_are_those_of_our_environment(void **state)
{
	cleanup_setting struct setting *s = NULL;

	(void)state;
	assert_int_equal(setenv("BUILD_SETTINGS_A", "from here", 1), 0);
	assert_int_equal(unsetenv("BUILD_SETTINGS_B"), 0);
	s = SETTINGS("--build-arg", "BUILD_SETTINGS_A", "--build-arg", "BUILD_SETTINGS_B", "--build-arg",
		     "C=", "--build-arg", "D=1", "--build-arg", "D=2=3");
	assert_int_equal(s->r, 0);
	assert_int_equal(s->settings.args.len, 3);
	assert_string_equal(s->settings.args.items[0], "BUILD_SETTINGS_A=from here");
	assert_string_equal(s->settings.args.items[1], "C=");
	assert_string_equal(s->settings.args.items[2], "D=2=3");
}

static void the_epoch_is_of_the_flag_or_the_environment(void **state)
{
	cleanup_setting struct setting *flag = NULL, *variable = NULL, *argument = NULL;

	(void)state;
	assert_int_equal(setenv("SOURCE_DATE_EPOCH", "5", 1), 0);
	variable = SETTINGS("--build-arg", "A=1");
	flag = SETTINGS("--timestamp", "7");
	argument = SETTINGS("--build-arg", "SOURCE_DATE_EPOCH=9");
	assert_int_equal(unsetenv("SOURCE_DATE_EPOCH"), 0);
	assert_string_equal(variable->settings.args.items[0], "SOURCE_DATE_EPOCH=5");
	assert_string_equal(flag->settings.args.items[0], "SOURCE_DATE_EPOCH=7");
	assert_int_equal(argument->settings.args.len, 1);
	assert_string_equal(argument->settings.args.items[0], "SOURCE_DATE_EPOCH=9");
}

static void platforms_come_in_lists_and_once(void **state)
{
	cleanup_setting struct setting *s = SETTINGS("--platform", "linux/amd64,linux/arm64", "--platform",
						     "linux/arm/v7", "--platform", "linux/arm64/v8");
	cleanup_setting struct setting *none = SETTINGS("-q"), *own = SETTINGS("--platform", "local");

	(void)state;
	assert_int_equal(s->r, 0);
	assert_int_equal(s->settings.platforms_len, 3);
	assert_string_equal(s->settings.platforms[1].architecture, "arm64");
	assert_string_equal(s->settings.platforms[2].variant, "v7");
	assert_int_equal(none->settings.platforms_len, 0);
	assert_string_equal(own->settings.platforms[0].architecture, none->settings.own.architecture);
	assert_string_equal(none->settings.own.os, "linux");
}

static void entitlements_are_those_that_are_named(void **state)
{
	cleanup_setting struct setting *none = SETTINGS("-q");
	cleanup_setting struct setting *all =
		SETTINGS("--allow", "network.host", "--allow", "security.insecure", "--allow", "device");

	(void)state;
	assert_false(none->settings.params.allow_host_network || none->settings.params.allow_insecure ||
		     device_allow_find(none->settings.params.allow_devices, "v.example/c=d"));
	assert_true(all->settings.params.allow_host_network && all->settings.params.allow_insecure &&
		    device_allow_find(all->settings.params.allow_devices, "v.example/c=d"));
	REFUSED(-EINVAL, "invalid argument \"all\" for \"--allow\" flag: there is no such entitlement",
		"--allow", "all");
	REFUSED(-EINVAL, "invalid argument \"devices\" for \"--allow\" flag: there is no such entitlement",
		"--allow", "devices");
	REFUSED(-EINVAL,
		"invalid argument \"device=x\" for \"--allow\" flag: 'x' is no CDI device "
		"(vendor.com/class=name, or vendor.com/class=*)",
		"--allow", "device=x");
}

static void limits_are_those_of_run(void **state)
{
	cleanup_setting struct setting *s =
		SETTINGS("-m", "64m", "--shm-size", "1m", "--ulimit", "nofile=10:20", "--add-host",
			 "a:1.2.3.4", "--cgroup-parent", "/p", "--network", "none");
	const struct build_limits *l = &s->settings.params.limits;

	(void)state;
	assert_int_equal(s->r, 0);
	assert_int_equal(l->shm_bytes, 1u << 20);
	assert_int_equal(l->rlimits_len, 1);
	assert_int_equal(l->rlimits[0].soft, 10);
	assert_int_equal(l->rlimits[0].hard, 20);
	assert_string_equal(l->add_hosts->items[0], "a:1.2.3.4");
	assert_string_equal(l->cgroup_parent, "/p");
	assert_string_equal(l->network, "none");
	REFUSED(-EINVAL,
		"invalid argument \"bridge\" for \"--network\" flag: builds have default, host and none",
		"--network", "bridge");
}

static void jobs_are_within_bounds(void **state)
{
	cleanup_setting struct setting *none = SETTINGS("-q"), *some = SETTINGS("--jobs", "64");

	(void)state;
	assert_int_equal(none->settings.params.jobs, 0);
	assert_int_equal(some->settings.params.jobs, 64);
	REFUSED(-EINVAL, "--jobs takes a number from 1 to 64", "--jobs", "0");
	REFUSED(-EINVAL, "--jobs takes a number from 1 to 64", "--jobs", "65");
}

static void the_cache_is_left_out_for_all_or_for_stages(void **state)
{
	cleanup_setting struct setting *none = SETTINGS("-q"), *all = SETTINGS("--no-cache"),
				       *some = SETTINGS("--no-cache-filter", "a");

	(void)state;
	assert_null(none->settings.params.no_cache_stages);
	assert_false(none->settings.params.no_cache);
	assert_true(all->settings.params.no_cache);
	assert_string_equal(some->settings.params.no_cache_stages->items[0], "a");
}

static void secrets_are_there_for_the_build(void **state)
{
	cleanup_setting struct setting *s = NULL;

	(void)state;
	assert_int_equal(setenv("BUILD_SETTINGS_A", "value", 1), 0);
	s = SETTINGS("--secret", "id=a,env=BUILD_SETTINGS_A");
	assert_int_equal(s->r, 0);
	assert_int_equal(s->settings.params.secrets_len, 1);
	assert_string_equal(s->settings.params.secrets[0].id, "a");
	assert_memory_equal(s->settings.params.secrets[0].data, "value", 5);
	assert_int_equal(s->settings.params.secrets[0].len, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_without_a_value_are_those_of_our_environment),
		cmocka_unit_test(the_epoch_is_of_the_flag_or_the_environment),
		cmocka_unit_test(platforms_come_in_lists_and_once),
		cmocka_unit_test(entitlements_are_those_that_are_named),
		cmocka_unit_test(limits_are_those_of_run),
		cmocka_unit_test(jobs_are_within_bounds),
		cmocka_unit_test(the_cache_is_left_out_for_all_or_for_stages),
		cmocka_unit_test(secrets_are_there_for_the_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
