/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_input.h"

#include "tests/unit/cli/build_flags_test.h"
#include "tests/unit/common/scratch.h"

/* What was read, and its flags. */
struct inputs {
	struct build_flags flags;
	struct build_input in;
	struct err e;
	int r;
};

static struct inputs *open_input(const char *context, const char *const *args)
{
	struct inputs *i = calloc(1, sizeof(*i));
	const struct build_params params = { .cancel_fd = -1 };
	struct build build = BUILD_EMPTY;

	assert_non_null(i);
	i->flags = build_flags_of(args);
	i->r = build_input_open(&i->flags, context, &build, &params, &i->in, &i->e);
	return i;
}

static void inputs_free(struct inputs **i)
{
	build_input_done(&(*i)->in);
	build_flags_done(&(*i)->flags);
	free(*i);
}
#define cleanup_inputs __attribute__((cleanup(inputs_free)))

/* The context is the folder `context` in the scratch directory. */
static const char *make_context(const struct scratch *s)
{
	need_openat2();
	assert_int_equal(mkdirat(s->fd, "context", 0755), 0);
	return scratch_path(s, "context");
}

static void assert_stage(const struct inputs *i, const char *name)
{
	if (i->r < 0)
		fail_msg("%s", i->e.text);
	assert_string_equal(i->in.dockerfile.name, name);
}

#define NO_FLAGS ((const char *const[]){ NULL })

static void the_first_file_of_the_known_names_is_the_dockerfile(void **state)
{
	static const char *const NAMES[] = { "Containerfile", "dockerfile", "Dockerfile" };
	const struct scratch *s = *state;
	const char *context = make_context(s);

	for (size_t n = 0; n < ARRAY_LEN(NAMES); n++) {
		cleanup_inputs struct inputs *i = NULL;
		char path[64];

		(void)snprintf(path, sizeof(path), "context/%s", NAMES[n]);
		scratch_write(s, path, "FROM scratch\n");
		i = open_input(context, NO_FLAGS);
		assert_stage(i, NAMES[n]);
		assert_int_equal(i->in.len, 1);
		assert_null(i->in.folders[0].name);
		assert_null(build_input_ignore(&i->in));
	}
}

static void a_file_is_taken_from_where_we_are_or_from_the_context(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);
	cleanup_inputs struct inputs *outside = NULL, *inside = NULL;

	scratch_write(s, "My.file", "FROM scratch\n");
	scratch_write(s, "context/only-there", "FROM scratch\n");
	outside = open_input(context, (const char *const[]){ "-f", scratch_path(s, "My.file"), NULL });
	assert_stage(outside, "My.file");
	inside = open_input(context, (const char *const[]){ "-f", "only-there", NULL });
	assert_stage(inside, "only-there");
}

static void a_link_in_the_context_does_not_lead_out_of_it(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);
	cleanup_inputs struct inputs *i = NULL;

	scratch_write(s, "outside", "FROM scratch\n");
	assert_int_equal(symlinkat("../outside", s->fd, "context/Dockerfile"), 0);
	i = open_input(context, NO_FLAGS);
	assert_int_equal(i->r, -ENOENT);
	assert_string_equal(i->e.text,
			    "failed to read dockerfile: open Dockerfile: no such file or directory");
}

static void the_dockerfiles_own_ignore_file_comes_first(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);
	cleanup_inputs struct inputs *own = NULL, *general = NULL;
	const struct ignore *ignore;

	scratch_write(s, "context/Dockerfile", "FROM scratch\n");
	scratch_write(s, "context/Other", "FROM scratch\n");
	scratch_write(s, "context/.dockerignore", "general\n");
	scratch_write(s, "context/Other.dockerignore", "own\n");
	general = open_input(context, NO_FLAGS);
	assert_stage(general, "Dockerfile");
	ignore = build_input_ignore(&general->in);
	assert_non_null(ignore);
	assert_ptr_equal(general->in.folders[0].ignore, ignore);
	own = open_input(context, (const char *const[]){ "-f", scratch_path(s, "context/Other"), NULL });
	assert_stage(own, "Other");
	assert_non_null(build_input_ignore(&own->in));
	assert_int_equal(build_input_ignore(&own->in)->len, 1);
}

static void named_contexts_are_folders_or_images(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);
	cleanup_inputs struct inputs *i = NULL;
	char folder[256];

	scratch_write(s, "context/Dockerfile", "FROM scratch\n");
	assert_int_equal(mkdirat(s->fd, "more", 0755), 0);
	scratch_write(s, "more/.dockerignore", "x\n");
	(void)snprintf(folder, sizeof(folder), "more=%s", scratch_path(s, "more"));
	i = open_input(context, (const char *const[]){ "--build-context", folder, "--build-context",
						       "image=docker-image://a", "--build-context",
						       "layout=oci-layout://b", NULL });
	assert_stage(i, "Dockerfile");
	assert_int_equal(i->in.len, 2);
	assert_string_equal(i->in.folders[1].name, "more");
	assert_non_null(i->in.folders[1].ignore);
	assert_null(i->in.folders[0].ignore);
}

static void assert_refused(const char *context, const char *const *args, int code, const char *message)
{
	cleanup_inputs struct inputs *i = open_input(context, args);

	assert_int_equal(i->r, code);
	assert_string_equal(i->e.text, message);
}

static void what_is_no_context_is_refused_in_dockers_words(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);

	scratch_write(s, "context/Dockerfile", "FROM scratch\n");
	assert_refused("/nowhere", NO_FLAGS, -ENOENT,
		       "unable to prepare context: path \"/nowhere\" not found");
	assert_refused("/etc/passwd", NO_FLAGS, -ENOTDIR,
		       "unable to prepare context: \"/etc/passwd\": not a directory");
	assert_refused("-", (const char *const[]){ "-f", "-", NULL }, -EINVAL,
		       "invalid argument: can't use stdin for both build context and dockerfile");
	assert_refused(context, (const char *const[]){ "--build-context", "x", NULL }, -EINVAL,
		       "invalid context value: x, expected key=value");
	assert_refused(context, (const char *const[]){ "--build-context", "=x", NULL }, -EINVAL,
		       "invalid context value: =x, expected key=value");
	assert_refused(context, (const char *const[]){ "--build-context", "a=/nowhere", NULL }, -ENOENT,
		       "unable to prepare context: path \"/nowhere\" not found");
	assert_refused(context, (const char *const[]){ "-f", "nowhere", NULL }, -ENOENT,
		       "failed to read dockerfile: open nowhere: no such file or directory");
}

static void a_dockerfile_that_is_too_large_is_refused(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);

	scratch_write(s, "context/Dockerfile", "FROM scratch\n");
	assert_int_equal(truncate(scratch_path(s, "context/Dockerfile"), DOCKERFILE_MAX_BYTES + 1), 0);
	assert_refused(context, NO_FLAGS, -EFBIG,
		       "failed to read dockerfile 'Dockerfile': longer than 1048576 bytes");
}

static void a_pipe_is_an_empty_dockerfile_and_holds_up_nobody(void **state)
{
	const struct scratch *s = *state;
	const char *context = make_context(s);
	cleanup_inputs struct inputs *i = NULL;

	assert_int_equal(mkfifoat(s->fd, "context/Dockerfile", 0644), 0);
	i = open_input(context, NO_FLAGS);
	assert_int_equal(i->r, -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(the_first_file_of_the_known_names_is_the_dockerfile),
		SCRATCH_TEST(a_file_is_taken_from_where_we_are_or_from_the_context),
		SCRATCH_TEST(a_link_in_the_context_does_not_lead_out_of_it),
		SCRATCH_TEST(the_dockerfiles_own_ignore_file_comes_first),
		SCRATCH_TEST(named_contexts_are_folders_or_images),
		SCRATCH_TEST(what_is_no_context_is_refused_in_dockers_words),
		SCRATCH_TEST(a_dockerfile_that_is_too_large_is_refused),
		SCRATCH_TEST(a_pipe_is_an_empty_dockerfile_and_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
