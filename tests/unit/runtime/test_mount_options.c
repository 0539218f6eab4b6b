/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "common/cleanup.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* Options separated by blanks. */
static int parse(const char *text, struct mount_options *o, struct err *e)
{
	cleanup_strvec struct strvec list = { 0 };

	while (*text) {
		size_t len = strcspn(text, " ");

		assert_int_equal(strvec_addf(&list, "%.*s", (int)len, text), 0);
		text += len + (text[len] == ' ');
	}
	*o = (struct mount_options){ 0 };
	*e = (struct err){ 0 };
	return mount_options_parse(&list, o, e);
}

static struct mount_options parsed(const char *text)
{
	struct mount_options o;
	struct err e;

	if (parse(text, &o, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return o;
}

static void each_flag_is_set_and_cleared_by_its_names(void **state)
{
	static const struct {
		const char *set, *clear;
		unsigned long flag;
	} FLAGS[] = {
		{ "ro", "rw", MS_RDONLY },
		{ "nosuid", "suid", MS_NOSUID },
		{ "nodev", "dev", MS_NODEV },
		{ "noexec", "exec", MS_NOEXEC },
		{ "sync", "async", MS_SYNCHRONOUS },
		{ "mand", "nomand", MS_MANDLOCK },
		{ "noatime", "atime", MS_NOATIME },
		{ "nodiratime", "diratime", MS_NODIRATIME },
		{ "relatime", "norelatime", MS_RELATIME },
		{ "strictatime", "nostrictatime", MS_STRICTATIME },
		{ "nosymfollow", "symfollow", MS_NOSYMFOLLOW },
		{ "iversion", "noiversion", MS_I_VERSION },
		{ "lazytime", "nolazytime", MS_LAZYTIME },
		{ "silent", "loud", MS_SILENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++) {
		struct mount_options set = parsed(FLAGS[i].set), clear = parsed(FLAGS[i].clear);

		assert_true(set.flags == FLAGS[i].flag && set.cleared == 0 && !set.data);
		assert_true(clear.flags == 0 && clear.cleared == FLAGS[i].flag && !clear.data);
		assert_false(set.bind || set.recursive_bind || set.propagation || set.attr_set);
	}
	assert_true(parsed("dirsync").flags == MS_DIRSYNC);
	assert_true(parsed("remount").flags == MS_REMOUNT);
}

static void the_last_of_opposite_options_wins(void **state)
{
	struct mount_options o = parsed("ro rw suid nosuid");

	(void)state;
	assert_true(o.flags == MS_NOSUID && o.cleared == MS_RDONLY);
}

static void nothing_and_defaults_change_nothing(void **state)
{
	static const struct mount_options NOTHING;
	struct mount_options none = parsed(""), defaults = parsed("defaults");
	const struct strvec empty = { 0 };
	struct err e;

	(void)state;
	assert_memory_equal(&none, &NOTHING, sizeof(none));
	assert_memory_equal(&defaults, &NOTHING, sizeof(defaults));
	assert_int_equal(mount_options_parse(&empty, &none, &e), 0);
	assert_memory_equal(&none, &NOTHING, sizeof(none));
}

static void binds_are_told_and_recursive_ones_too(void **state)
{
	struct mount_options bind = parsed("bind ro"), rbind = parsed("rbind");

	(void)state;
	assert_true(bind.bind && !bind.recursive_bind && bind.flags == MS_RDONLY);
	assert_true(rbind.bind && rbind.recursive_bind && rbind.flags == 0);
	assert_true(parsed("rbind bind").recursive_bind);
}

static void propagations_are_of_the_mount_or_its_tree(void **state)
{
	static const struct {
		const char *name;
		unsigned long flags;
	} CASES[] = {
		{ "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE | MS_REC },
		{ "shared", MS_SHARED },         { "rshared", MS_SHARED | MS_REC },
		{ "slave", MS_SLAVE },           { "rslave", MS_SLAVE | MS_REC },
		{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_true(parsed(CASES[i].name).propagation == CASES[i].flags);
		assert_true(parsed(CASES[i].name).flags == 0);
		assert_true(mount_propagation_parse(CASES[i].name) == CASES[i].flags);
	}
	assert_true(parsed("shared rslave").propagation == (MS_SLAVE | MS_REC));
	assert_true(mount_propagation_parse("ro") == 0);
	assert_true(mount_propagation_parse("") == 0);
	assert_true(mount_propagation_parse("Private") == 0);
}

static void attributes_of_trees_have_names_of_their_own(void **state)
{
	static const struct {
		const char *set, *clear;
		uint64_t attribute;
	} CASES[] = {
		{ "rro", "rrw", MOUNT_ATTR_RDONLY },
		{ "rnosuid", "rsuid", MOUNT_ATTR_NOSUID },
		{ "rnodev", "rdev", MOUNT_ATTR_NODEV },
		{ "rnoexec", "rexec", MOUNT_ATTR_NOEXEC },
		{ "rnodiratime", "rdiratime", MOUNT_ATTR_NODIRATIME },
		{ "rnosymfollow", "rsymfollow", MOUNT_ATTR_NOSYMFOLLOW },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct mount_options set = parsed(CASES[i].set), clear = parsed(CASES[i].clear);

		assert_true(set.attr_set == CASES[i].attribute && set.attr_clear == 0);
		assert_true(clear.attr_clear == CASES[i].attribute && clear.attr_set == 0);
		assert_true(set.flags == 0 && !set.data && !clear.data);
	}
}

/* MOUNT_ATTR__ATIME is a field of two bits, of which the kernel wants one value, and all bits cleared first. */
static void times_of_access_of_trees_are_one_field(void **state)
{
	static const struct {
		const char *name;
		uint64_t set;
	} CASES[] = {
		{ "rrelatime", MOUNT_ATTR_RELATIME },
		{ "rnoatime", MOUNT_ATTR_NOATIME },
		{ "rstrictatime", MOUNT_ATTR_STRICTATIME },
		{ "rnorelatime", 0 },
		{ "ratime", 0 },
		{ "rnostrictatime", 0 },
		{ "rnoatime rstrictatime", MOUNT_ATTR_STRICTATIME },
		{ "rstrictatime rnoatime", MOUNT_ATTR_NOATIME },
		{ "rnoatime rrelatime", MOUNT_ATTR_RELATIME },
		{ "rnoatime ratime", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct mount_options o = parsed(CASES[i].name);

		if (o.attr_set != CASES[i].set || o.attr_clear != MOUNT_ATTR__ATIME)
			fail_msg("%s: set %#llx, clear %#llx", CASES[i].name, (unsigned long long)o.attr_set,
				 (unsigned long long)o.attr_clear);
	}
}

/* What is both set and cleared is set for the kernel, whatever was said last. */
static void the_last_of_opposite_attributes_of_trees_wins(void **state)
{
	struct mount_options o = parsed("rro rrw rsuid rnosuid");

	(void)state;
	assert_true(o.attr_set == MOUNT_ATTR_NOSUID);
	assert_true(o.attr_clear == MOUNT_ATTR_RDONLY);
}

static void flags_become_attributes_for_one_mount(void **state)
{
	static const struct {
		const char *options;
		uint64_t set, clear;
	} CASES[] = {
		{ "", 0, 0 },
		{ "ro nosuid nodev noexec nodiratime nosymfollow",
		  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			  MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW,
		  0 },
		{ "rw suid dev exec diratime symfollow", 0,
		  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			  MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW },
		{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "relatime", 0, MOUNT_ATTR__ATIME },
		{ "atime", 0, MOUNT_ATTR__ATIME },
		{ "noatime atime", 0, MOUNT_ATTR__ATIME },
		{ "noatime strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ "strictatime noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ "noatime relatime", 0, MOUNT_ATTR__ATIME },
		{ "sync dirsync mand rslave bind", 0, 0 }, /* of the file system, or no attributes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct mount_options o = parsed(CASES[i].options);
		uint64_t set, clear;

		mount_options_attributes(&o, &set, &clear);
		if (set != CASES[i].set || clear != CASES[i].clear)
			fail_msg("%s: set %#llx, clear %#llx", CASES[i].options, (unsigned long long)set,
				 (unsigned long long)clear);
	}
}

static void the_rest_is_for_the_file_system(void **state)
{
	struct mount_options o = parsed("size=64k ro mode=1777 Ro rro uid=0");

	(void)state;
	assert_string_equal(o.data, "size=64k,mode=1777,Ro,uid=0");
	assert_true(o.flags == MS_RDONLY && o.attr_set == MOUNT_ATTR_RDONLY);
	mount_options_done(&o);
	assert_null(o.data);
	mount_options_done(&o);
}

static void empty_options_leave_no_commas(void **state)
{
	cleanup_strvec struct strvec list = { 0 };
	struct mount_options o;
	struct err e;

	(void)state;
	assert_int_equal(strvec_add(&list, ""), 0);
	assert_int_equal(strvec_add(&list, "a"), 0);
	assert_int_equal(strvec_add(&list, ""), 0);
	assert_int_equal(strvec_add(&list, "b"), 0);
	assert_int_equal(mount_options_parse(&list, &o, &e), 0);
	assert_string_equal(o.data, "a,b");
	mount_options_done(&o);
}

static void a_tmpfs_may_begin_with_what_it_hides(void **state)
{
	struct mount_options o;
	struct err e;

	(void)state;
	assert_int_equal(parse("size=1 tmpcopyup nosuid", &o, &e), 0);
	assert_true(o.copy_up);
	assert_int_equal(o.flags, MS_NOSUID);
	assert_string_equal(o.data, "size=1");
	mount_options_done(&o);
}

static void an_idmapped_mount_may_be_recursive(void **state)
{
	struct mount_options o;
	struct err e;

	(void)state;
	assert_int_equal(parse("bind idmap", &o, &e), 0);
	assert_true(o.idmap);
	assert_false(o.recursive_idmap);
	assert_int_equal(parse("rbind ridmap", &o, &e), 0);
	assert_true(o.idmap);
	assert_true(o.recursive_idmap);
	assert_null(o.data);
}

static void data_of_more_than_a_page_is_refused(void **state)
{
	char text[5000];
	struct mount_options o;
	struct err e;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[4095] = '\0';
	o = parsed(text);
	assert_int_equal(strlen(o.data), 4095);
	mount_options_done(&o);
	text[4095] = 'x';
	text[4096] = '\0';
	assert_int_equal(parse(text, &o, &e), -EFBIG);
	assert_memory_equal(e.text, "mount options are too long", 26);
	text[100] = ' '; /* the comma counts */
	text[4095] = '\0';
	o = parsed(text);
	assert_int_equal(strlen(o.data), 4095);
	mount_options_done(&o);
}

static void each_name_of_the_list_is_understood(void **state)
{
	const char *const *names = mount_options_names();

	(void)state;
	for (size_t i = 0; names[i]; i++) {
		struct mount_options o = parsed(names[i]);

		if (o.data)
			fail_msg("'%s' is listed, but handed to the file system", names[i]);
		if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
			fail_msg("'%s' is out of order", names[i]);
	}
}

static void each_option_of_the_specification_is_in_the_list(void **state)
{
	/* runtime-spec config.md#linux-mount-options */
	static const char *const WANTED[] = {
		"async",          "atime",      "bind",         "defaults",    "dev",
		"diratime",       "dirsync",    "exec",         "iversion",    "lazytime",
		"loud",           "mand",       "noatime",      "nodev",       "nodiratime",
		"noexec",         "noiversion", "nolazytime",   "nomand",      "norelatime",
		"nostrictatime",  "nosuid",     "nosymfollow",  "private",     "ratime",
		"rbind",          "rdev",       "rdiratime",    "relatime",    "remount",
		"rexec",          "rnoatime",   "rnodiratime",  "rnoexec",     "rnorelatime",
		"rnostrictatime", "rnosuid",    "rnosymfollow", "ro",          "rprivate",
		"rrelatime",      "rro",        "rrw",          "rshared",     "rslave",
		"rstrictatime",   "rsuid",      "rsymfollow",   "runbindable", "rw",
		"shared",         "idmap",      "ridmap",       "silent",      "slave",
		"strictatime",    "suid",       "symfollow",    "sync",        "tmpcopyup",
		"unbindable",
	};
	const char *const *names = mount_options_names();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(WANTED); i++) {
		bool found = false;

		for (size_t j = 0; names[j]; j++)
			found = found || strcmp(names[j], WANTED[i]) == 0;
		if (!found)
			fail_msg("'%s' is not listed", WANTED[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flag_is_set_and_cleared_by_its_names),
		cmocka_unit_test(the_last_of_opposite_options_wins),
		cmocka_unit_test(nothing_and_defaults_change_nothing),
		cmocka_unit_test(binds_are_told_and_recursive_ones_too),
		cmocka_unit_test(propagations_are_of_the_mount_or_its_tree),
		cmocka_unit_test(attributes_of_trees_have_names_of_their_own),
		cmocka_unit_test(times_of_access_of_trees_are_one_field),
		cmocka_unit_test(the_last_of_opposite_attributes_of_trees_wins),
		cmocka_unit_test(flags_become_attributes_for_one_mount),
		cmocka_unit_test(the_rest_is_for_the_file_system),
		cmocka_unit_test(empty_options_leave_no_commas),
		cmocka_unit_test(a_tmpfs_may_begin_with_what_it_hides),
		cmocka_unit_test(an_idmapped_mount_may_be_recursive),
		cmocka_unit_test(data_of_more_than_a_page_is_refused),
		cmocka_unit_test(each_name_of_the_list_is_understood),
		cmocka_unit_test(each_option_of_the_specification_is_in_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
