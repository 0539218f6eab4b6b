/* SPDX-License-Identifier: Apache-2.0 */
#include "build/owner.h"

#include "tests/unit/common/scratch.h"

#define PASSWD "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:user:/home/user:/bin/sh\n"
#define GROUP  "root:x:0:\nusers:x:1001:\nextra:x:2000:user\n"

static void make_etc(const struct scratch *s)
{
	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	scratch_write(s, "etc/passwd", PASSWD);
	scratch_write(s, "etc/group", GROUP);
}

static void assert_owner_in(int root_fd, const char *text, uid_t uid, gid_t gid, bool unknown)
{
	bool is_unknown = !unknown;
	struct err e = { 0 };
	uid_t found_uid = 1;
	gid_t found_gid = 1;

	if (owner_of_chown(root_fd, text, &found_uid, &found_gid, &is_unknown, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(found_uid, uid);
	assert_int_equal(found_gid, gid);
	assert_true(is_unknown == unknown);
}

static void a_number_is_the_groups_too(void **state)
{
	const struct scratch *s = *state;

	make_etc(s);
	assert_owner_in(s->fd, "1000", 1000, 1000, false);
	assert_owner_in(s->fd, "77", 77, 77, false);
	assert_owner_in(s->fd, "77:88", 77, 88, false);
	assert_owner_in(s->fd, "0", 0, 0, false);
}

static void a_name_brings_its_group_along(void **state)
{
	const struct scratch *s = *state;

	make_etc(s);
	assert_owner_in(s->fd, "user", 1000, 1001, false);
	assert_owner_in(s->fd, "user:extra", 1000, 2000, false);
	assert_owner_in(s->fd, "user:5", 1000, 5, false);
	assert_owner_in(s->fd, "5:extra", 5, 2000, false);
	assert_owner_in(s->fd, "user:", 1000, 1001, false);
}

static void what_the_tree_does_not_know_is_roots_and_is_told(void **state)
{
	const struct scratch *s = *state;

	make_etc(s);
	assert_owner_in(s->fd, "nobody", 0, 0, true);
	assert_owner_in(s->fd, "user:nobody", 1000, 1001, true);
	assert_owner_in(s->fd, "nobody:extra", 0, 2000, true);
}

static void without_a_tree_and_without_files_numbers_alone_are_known(void **state)
{
	const struct scratch *s = *state;

	assert_owner_in(-1, "5:6", 5, 6, false);
	assert_owner_in(-1, "user", 0, 0, true);
	assert_owner_in(s->fd, "5:6", 5, 6, false);
	assert_owner_in(s->fd, "user:users", 0, 0, true);
}

static void a_number_that_is_no_id_is_refused(void **state)
{
	struct err e = { 0 };
	bool unknown;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(owner_of_chown(-1, "4294967296", &uid, &gid, &unknown, &e), -ERANGE);
	assert_string_equal(e.text, "--chown=4294967296: uids and gids must be in range 0-2147483647");
	assert_int_equal(owner_of_chown(-1, "0:4294967296", &uid, &gid, &unknown, &e), -ERANGE);
	assert_string_equal(e.text, "--chown=0:4294967296: uids and gids must be in range 0-2147483647");
}

static void links_of_the_tree_do_not_lead_to_the_hosts_files(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	assert_int_equal(symlinkat("../../../../../../../outside", s->fd, "etc/passwd"), 0);
	assert_int_equal(symlinkat("/group", s->fd, "etc/group"), 0);
	assert_owner_in(s->fd, "bin", 0, 0, true);
	scratch_write(s, "outside", "bin:x:42:43::/:/bin/sh\n");
	assert_owner_in(s->fd, "bin", 42, 43, false);
}

static void a_pipe_in_the_place_of_a_file_holds_up_nobody(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(mkdirat(s->fd, "etc", 0755), 0);
	assert_int_equal(mkfifoat(s->fd, "etc/passwd", 0644), 0);
	assert_owner_in(s->fd, "user", 0, 0, true);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct err e = { 0 };
	bool unknown;
	uid_t uid;
	gid_t gid;

	make_etc(s);
	assert_int_equal(truncate(scratch_path(s, "etc/group"), OWNER_FILE_MAX + 1), 0);
	assert_int_equal(owner_of_chown(s->fd, "user", &uid, &gid, &unknown, &e), -EFBIG);
	assert_non_null(strstr(e.text, "--chown=user: cannot read '/etc/group': "));
}

static void a_process_has_its_groups_and_its_home(void **state)
{
	const struct scratch *s = *state;
	struct spec_user user = { 0 };
	cleanup_free char *home = NULL;
	struct err e = { 0 };

	make_etc(s);
	assert_int_equal(owner_of_process(s->fd, "user", &user, &home, &e), 0);
	assert_int_equal(user.uid, 1000);
	assert_int_equal(user.gid, 1001);
	assert_int_equal(user.additional_gids_len, 2);
	assert_int_equal(user.additional_gids[0], 1001);
	assert_int_equal(user.additional_gids[1], 2000);
	assert_string_equal(home, "/home/user");
	free(user.additional_gids);
}

static void a_process_of_nobody_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct spec_user user = { 0 };
	char *home = NULL;
	struct err e = { 0 };

	make_etc(s);
	assert_int_equal(owner_of_process(s->fd, "other", &user, &home, &e), -EINVAL);
	assert_string_equal(e.text, "unable to find user other: no matching entries in passwd file");
	assert_null(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_number_is_the_groups_too),
		SCRATCH_TEST(a_name_brings_its_group_along),
		SCRATCH_TEST(what_the_tree_does_not_know_is_roots_and_is_told),
		SCRATCH_TEST(without_a_tree_and_without_files_numbers_alone_are_known),
		SCRATCH_TEST(a_number_that_is_no_id_is_refused),
		SCRATCH_TEST(links_of_the_tree_do_not_lead_to_the_hosts_files),
		SCRATCH_TEST(a_pipe_in_the_place_of_a_file_holds_up_nobody),
		SCRATCH_TEST(a_file_that_is_too_large_is_refused),
		SCRATCH_TEST(a_process_has_its_groups_and_its_home),
		SCRATCH_TEST(a_process_of_nobody_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
