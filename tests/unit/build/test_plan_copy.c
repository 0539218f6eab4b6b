/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static const struct plan_copy *copy_of(struct planned *t, size_t step)
{
	assert_true(step < target_of(t)->len);
	assert_int_equal(target_of(t)->steps[step].kind, PLAN_COPY);
	return &target_of(t)->steps[step].copy;
}

static void sources_and_destination_are_expanded(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_copy *c;

	(void)state;
	planned_init(&t);
	plan_text(&t,
		  "FROM base\nENV s=src d=dst\nCOPY --chown=$s:1 --chmod=u+x --exclude=*.$d --link --parents "
		  "$s/a* \"bc\" $d/\nCOPY a .\nADD a /x/../y\n");
	c = copy_of(&t, 0);
	assert_int_equal(c->len, 2);
	assert_string_equal(c->sources[0].text, "src/a*");
	assert_string_equal(c->sources[1].text, "bc");
	assert_false(c->sources[0].unpack);
	assert_string_equal(c->dest, "/srv/dst/");
	assert_int_equal(c->from.kind, PLAN_CONTEXT);
	assert_string_equal(c->chown, "src:1");
	assert_string_equal(c->chmod, "u+x");
	ASSERT_LIST(&c->exclude, "*.dst");
	assert_true(c->link && c->parents && !c->is_add);
	assert_string_equal(copy_of(&t, 1)->dest, "/srv/");
	assert_string_equal(copy_of(&t, 2)->dest, "/y");
	assert_true(copy_of(&t, 2)->is_add && copy_of(&t, 2)->sources[0].unpack);
	assert_history(&t, 1, "COPY --parents --chown=src:1 --chmod=u+x src/a* bc dst/ # buildkit", false);
	assert_history(&t, 3, "ADD a /x/../y # buildkit", false);
}

static void heredocs_are_expanded_where_they_are_to_be(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_copy *c;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nENV v=1\nCOPY <<A p <<'B' <<-C /d/\n$v \"q\"\nA\n$v\nB\n\tc\nC\n");
	c = copy_of(&t, 0);
	assert_int_equal(c->len, 4);
	assert_int_equal(c->sources[0].kind, PLAN_COPY_PATH);
	assert_int_equal(c->sources[1].kind, PLAN_COPY_HEREDOC);
	assert_string_equal(c->sources[1].text, "A");
	assert_string_equal(c->sources[1].content, "1 \"q\"\n");
	assert_string_equal(c->sources[2].content, "$v\n");
	assert_string_equal(c->sources[3].content, "c\n");
	assert_history(&t, 1, "COPY p <<A <<B <<C /d/ # buildkit", false);
}

static void from_is_a_stage_an_image_or_nothing(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(
		&t,
		"FROM plain AS a\nFROM plain\nCOPY --from=0 x /\nCOPY --from=A x /\nCOPY --from=nginx:1 x /\n"
		"COPY --from=scratch x /\n");
	assert_int_equal(copy_of(&t, 0)->from.kind, PLAN_STAGE);
	assert_int_equal(copy_of(&t, 1)->from.stage, 0);
	assert_int_equal(copy_of(&t, 2)->from.kind, PLAN_IMAGE);
	assert_string_equal(copy_of(&t, 2)->from.name, "docker.io/library/nginx:1");
	assert_int_equal(copy_of(&t, 3)->from.kind, PLAN_SCRATCH);
}

static void add_takes_urls(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_copy *c;

	(void)state;
	planned_init(&t);
	plan_text(&t,
		  "FROM plain\nADD https://h/a/b%20c.tar.gz?x=/y http://h /d/\nADD --unpack=true "
		  "https://h/p/ /d\n"
		  "ADD --checksum=sha256:0123456789012345678901234567890123456789012345678901234567890123 "
		  "https://h/x /\nADD github.com/o/r /\n");
	c = copy_of(&t, 0);
	assert_int_equal(c->sources[0].kind, PLAN_COPY_URL);
	assert_string_equal(c->sources[0].file_name, "b c.tar.gz");
	assert_false(c->sources[0].unpack);
	assert_string_equal(c->sources[1].file_name, "__unnamed__");
	assert_true(copy_of(&t, 1)->sources[0].unpack);
	assert_string_equal(copy_of(&t, 1)->sources[0].file_name, "p");
	assert_int_equal(copy_of(&t, 3)->sources[0].kind, PLAN_COPY_PATH);
}

static void add_takes_git(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_git *g;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nADD https://h/r.git#v1:sub/dir /\nADD git@h:o/r.git /\n"
		      "ADD --keep-git-dir=true ssh://git@h/r?branch=b&submodules=false /\n"
		      "ADD --checksum=abc git://h/r#main /\n");
	assert_int_equal(copy_of(&t, 0)->sources[0].kind, PLAN_COPY_GIT);
	g = &copy_of(&t, 0)->sources[0].git;
	assert_string_equal(g->remote, "https://h/r.git");
	assert_string_equal(g->ref, "v1");
	assert_string_equal(g->subdir, "sub/dir");
	assert_string_equal(copy_of(&t, 1)->sources[0].git.remote, "git@h:o/r.git");
	g = &copy_of(&t, 2)->sources[0].git;
	assert_string_equal(g->ref, "refs/heads/b");
	assert_true(g->no_submodules && g->keep_git_dir.value);
	assert_string_equal(copy_of(&t, 3)->sources[0].git.checksum, "abc");
}

static void what_is_wrong_with_a_copy_is_told(void **state)
{
	(void)state;
	assert_plan_refused("FROM plain\nCOPY https://h/x /\n",
			    "Dockerfile:2:6: source can't be a URL for COPY");
	assert_plan_refused("FROM plain\nCOPY git@h:x /\n",
			    "Dockerfile:2:6: source can't be a git ref for COPY");
	assert_plan_refused("FROM plain\nADD --checksum=sha256:x a /\n",
			    "Dockerfile:2:5: checksum requires HTTP(S) or Git sources");
	assert_plan_refused("FROM plain\nADD --checksum=abc https://h/r.git?commit=def /\n",
			    "Dockerfile:2:20: checksum mismatch \"abc\" != \"def\"");
	assert_plan_refused("FROM plain\nADD --keep-git-dir=false https://h/r.git?keep-git-dir=1 /\n",
			    "Dockerfile:2:26: inconsistent keep-git-dir configuration");
	assert_plan_refused("FROM plain\nADD https://h/r.git#a:../b /\n",
			    "Dockerfile:2:5: git URL has a directory that climbs: ../b");
	assert_plan_refused("FROM plain\nADD https://h/r.git?x=1 /\n",
			    "Dockerfile:2:5: unexpected query \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_and_destination_are_expanded),
		cmocka_unit_test(heredocs_are_expanded_where_they_are_to_be),
		cmocka_unit_test(from_is_a_stage_an_image_or_nothing),
		cmocka_unit_test(add_takes_urls),
		cmocka_unit_test(add_takes_git),
		cmocka_unit_test(what_is_wrong_with_a_copy_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
