/* SPDX-License-Identifier: Apache-2.0 */
#include "build/leftovers.h"

#include "cgroups/cgroup.h"
#include "runtime/state.h"
#include "tests/unit/build/build_test.h"

/* As a killed process leaves it: the directory, and no lock. */
static void abandon(struct staging *st)
{
	(void)close(st->fd);
	st->fd = -1;
}

static void what_has_no_owner_is_removed_and_what_has_one_stays(void **state)
{
	const struct fixture *f = *state;
	struct staging mine = { .fd = -1 }, gone = { .fd = -1 };
	struct err e = { 0 };
	char path[64];

	assert_int_equal(staging_begin(f->store, &mine, &e), 0);
	assert_int_equal(staging_begin(f->store, &gone, &e), 0);
	stage_tree(&mine, "step", LINES("d d", "f d/a text"));
	stage_tree(&gone, "step", LINES("d d", "f d/a text"));
	abandon(&gone);
	leftovers_sweep(f->store);
	(void)snprintf(path, sizeof(path), "staging/%s", gone.name);
	assert_false(exists(f->store, path));
	(void)snprintf(path, sizeof(path), "staging/%s/step/tree/d/a", mine.name);
	assert_true(exists(f->store, path));
	staging_end(f->store, &mine);
}

static void files_and_links_in_staging_are_left_to_others(void **state)
{
	const struct fixture *f = *state;

	write_file(store_root_fd(f->store), "staging/file", "text");
	assert_int_equal(symlinkat("../layers", store_root_fd(f->store), "staging/link"), 0);
	leftovers_sweep(f->store);
	assert_true(exists(f->store, "staging/file"));
	assert_true(exists(f->store, "staging/link"));
	assert_true(exists(f->store, "layers"));
}

/* A cgroup, and the state of a container that was in it. */
static bool make_container(const struct fixture *f, const struct staging *st, const char *step, bool no_state,
			   struct cgroup *ret)
{
	struct container_state state = { .pid = 1 };
	char root[160], id[96];
	struct cgroup_host host = { 0 };
	struct err e = { 0 };

	(void)snprintf(root, sizeof(root), "%s/staging/%s/%s.run", f->root, st->name, step);
	(void)snprintf(id, sizeof(id), "build-%s-%s", st->name, step);
	if (cgroup_host_detect(&host, &e) < 0 || cgroup_create(&host, NULL, id, NULL, ret, &e) < 0 ||
	    !ret->path)
		return false;
	state.oci_version = (char *)(uintptr_t) "1.0.2";
	state.id = id;
	state.bundle = state.rootfs = state.owner = root;
	state.created = (char *)(uintptr_t) "2026-01-01T00:00:00Z";
	state.cgroup_path = ret->path;
	if (no_state)
		return true;
	assert_int_equal(mkdir(root, 0700), 0);
	(void)snprintf(root + strlen(root), sizeof(root) - strlen(root), "/%s", id);
	assert_int_equal(mkdir(root, 0700), 0);
	*strrchr(root, '/') = '\0';
	if (container_state_write(root, &state, &e) < 0)
		fail_msg("%s", e.text);
	return true;
}

static bool is_there(const char *path)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct cgroup_host host = { 0 };
	struct err e;

	cgroup_host_find(&host);
	return cgroup_open(&host, path, &c, &e) == 0;
}

static void cgroups_of_containers_that_were_killed_go_too(void **state)
{
	const struct fixture *f = *state;
	cleanup_cgroup struct cgroup a = { .dir_fd = -1 }, b = { .dir_fd = -1 };
	struct staging st = { .fd = -1 };
	struct err e = { 0 };

	need_root();
	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	if (!make_container(f, &st, "step-0", false, &a) || !make_container(f, &st, "step-1", true, &b)) {
		staging_end(f->store, &st);
		print_message("no cgroup can be made here\n");
		skip();
	}
	assert_int_equal(mkdirat(st.fd, "step-0", 0700), 0);
	assert_int_equal(mkdirat(st.fd, "step-1", 0700), 0); /* it was killed before there was a state */
	assert_int_equal(mkdirat(st.fd, "step-2", 0700), 0);
	assert_true(is_there(a.path) && is_there(b.path));
	leftovers_remove_cgroups(f->store, &st);
	assert_false(is_there(a.path) || is_there(b.path));
	staging_end(f->store, &st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(what_has_no_owner_is_removed_and_what_has_one_stays),
		FIXTURE_TEST(files_and_links_in_staging_are_left_to_others),
		FIXTURE_TEST(cgroups_of_containers_that_were_killed_go_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
