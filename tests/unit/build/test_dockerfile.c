/* SPDX-License-Identifier: Apache-2.0 */
#include "build/dockerfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/dockerfile_test.h"

/* --- FROM, ARG, ENV, LABEL ------------------------------------------------------------------------ */

static void from_has_a_base_a_platform_and_a_name(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("FROM --platform=$BUILDPLATFORM a:$B@sha256:1 as Build-1.x_y\nfrom scratch\n");
	const struct dockerfile_from *from = f.items[0].from;

	(void)state;
	assert_int_equal(f.items[0].op, DOCKERFILE_FROM);
	assert_string_equal(from->base.text, "a:$B@sha256:1");
	assert_string_equal(from->platform.text, "$BUILDPLATFORM");
	assert_string_equal(from->name.text, "build-1.x_y");
	assert_place(&f, from->name.at, 1, 49);
	assert_string_equal(f.items[1].from->base.text, "scratch");
	assert_null(f.items[1].from->name.text);
	assert_null(f.items[1].from->platform.text);
	assert_string_equal(f.items[1].name, "from");
}

static void args_may_have_no_value(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("ARG a b= c=\"d e\" f='g'$h i=j\\ k\n");
	const struct dockerfile_pair *p = f.items[0].pairs.items;

	(void)state;
	assert_int_equal(f.items[0].pairs.len, 5);
	assert_string_equal(p[0].key, "a");
	assert_null(p[0].value);
	assert_string_equal(p[1].value, "");
	assert_string_equal(p[2].value, "\"d e\"");
	assert_string_equal(p[3].value, "'g'$h");
	assert_string_equal(p[4].value, "j\\ k");
	assert_place(&f, p[2].at, 1, 10);
}

static void env_and_label_have_pairs(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed(
		"ENV a=b c=\"d \\\" e\" \"f g\"=h i='\\'\nLABEL \"com.example/x y\"=\"1\" z=${A:-b}\n");
	const struct dockerfile_pair *p = f.items[0].pairs.items;

	(void)state;
	assert_int_equal(f.items[0].pairs.len, 4);
	assert_string_equal(p[1].key, "c");
	assert_string_equal(p[1].value, "\"d \\\" e\"");
	assert_string_equal(p[2].key, "\"f g\"");
	assert_string_equal(p[3].value, "'\\'");
	assert_false(p[0].legacy);
	assert_int_equal(f.items[1].pairs.len, 2);
	assert_string_equal(f.items[1].pairs.items[0].key, "\"com.example/x y\"");
	assert_string_equal(f.items[1].pairs.items[1].value, "${A:-b}");
}

static void env_and_label_have_an_old_form(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("ENV a  b c=d \"e\"\nLABEL k\tv\n");

	(void)state;
	assert_int_equal(f.items[0].pairs.len, 1);
	assert_string_equal(f.items[0].pairs.items[0].key, "a");
	assert_string_equal(f.items[0].pairs.items[0].value, "b c=d \"e\"");
	assert_true(f.items[0].pairs.items[0].legacy);
	assert_string_equal(f.items[1].pairs.items[0].value, "v");
}

/* --- words ---------------------------------------------------------------------------------------- */

static void some_instructions_take_the_rest_of_the_line(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("USER  a b \nWORKDIR /c d\nSTOPSIGNAL SIGRTMIN+3\nMAINTAINER A <a@b> \"c\"\n");

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "a b");
	ASSERT_WORDS(&f.items[1].words, "/c d");
	ASSERT_WORDS(&f.items[2].words, "SIGRTMIN+3");
	ASSERT_WORDS(&f.items[3].words, "A <a@b> \"c\"");
	assert_int_equal(f.items[3].op, DOCKERFILE_MAINTAINER);
	assert_place(&f, f.items[0].words.items[0].at, 1, 7);
}

static void expose_and_volume_take_words(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed(
		"EXPOSE 80 443/tcp  8000-8010/udp $P\nVOLUME /a  \"/b\"\nVOLUME [\"/c d\", \" /e \"]\n");

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "80", "443/tcp", "8000-8010/udp", "$P");
	ASSERT_WORDS(&f.items[1].words, "/a", "\"/b\"");
	ASSERT_WORDS(&f.items[2].words, "/c d", "/e");
	assert_true(f.items[2].json);
}

/* --- commands ------------------------------------------------------------------------------------- */

static void commands_have_a_form_for_the_shell_and_one_in_json(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("CMD a  \"b\" $c\nENTRYPOINT [ \"a b\" , \"$c\" ] \nRUN [\"d\"]\nCMD []\nCMD\nSHELL "
		       "[\"/bin/sh\", \"-ec\"]\n");

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "a  \"b\" $c");
	assert_false(f.items[0].json);
	ASSERT_WORDS(&f.items[1].words, "a b", "$c");
	assert_true(f.items[1].json);
	ASSERT_WORDS(&f.items[2].words, "d");
	assert_true(f.items[2].json);
	assert_int_equal(f.items[3].words.len, 0);
	assert_true(f.items[3].json);
	assert_int_equal(f.items[4].words.len, 0);
	assert_false(f.items[4].json);
	ASSERT_WORDS(&f.items[5].words, "/bin/sh", "-ec");
}

static void json_strings_may_have_escapes(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("CMD [\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e4\\u20AC\\ud83d\\ude00\", \"\\ud800x\", "
		       "\"\", \"\xff\"]\n");

	(void)state;
	ASSERT_WORDS(&f.items[0].words, "\"\\/\b\f\n\r\t", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		     "\xef\xbf\xbdx", "", "\xef\xbf\xbd");
	assert_place(&f, f.items[0].words.items[1].at, 1, 26);
}

static void what_is_no_json_is_for_the_shell(void **state)
{
	static const char *const TEXTS[] = {
		"['a']",         "[\"a\"",    "[\"a\",]", "[\"a\"] && b",  "[ -f a ]",
		"[\"a\" \"b\"]", "[\"\\x\"]", "[",        "[\"\\u12\"]",   "[\"a\", b]",
		"[\"a\tb\"]",    "[1",        "[,]",      "[\"\\u0000\"]", "[\"a\"]]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "RUN %s x", TEXTS[i]);
		line[strlen(line) - 2] = '\0';
		cleanup_dockerfile struct dockerfile f = parsed(line);

		ASSERT_WORDS(&f.items[0].words, TEXTS[i]);
		assert_false(f.items[0].json);
	}
}

static void run_has_flags(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("RUN --mount=type=cache,target=/a --network=none --mount=type=bind,from=$x "
		       "--security=insecure --device=v/c=d,required a --b\n");
	const struct dockerfile_run *r = f.items[0].run;

	(void)state;
	ASSERT_WORDS(&r->mounts, "type=cache,target=/a", "type=bind,from=$x");
	ASSERT_WORDS(&r->devices, "v/c=d,required");
	assert_string_equal(r->network.text, "none");
	assert_string_equal(r->security.text, "insecure");
	ASSERT_WORDS(&f.items[0].words, "a --b");
	assert_place(&f, r->mounts.items[1].at, 1, 49);
}

static void a_network_with_a_variable_is_checked_when_it_is_expanded(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("RUN --network=$N a\n");
	struct err e = { 0 };

	(void)state;
	assert_string_equal(f.items[0].run->network.text, "$N");
	assert_int_equal(dockerfile_check_network("host", &e), 0);
	assert_int_equal(dockerfile_check_network("bridge", &e), -EINVAL);
	assert_string_equal(e.text, "invalid network mode \"bridge\"");
}

static void flags_may_be_quoted_and_end_at_two_dashes(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("COPY --chown=\"a b\" --exclude='*.c' --exclude=d\\ e -- --f /g\nRUN -- --a\n");

	(void)state;
	assert_string_equal(f.items[0].copy->chown.text, "a b");
	ASSERT_WORDS(&f.items[0].copy->exclude, "*.c", "d e");
	ASSERT_WORDS(&f.items[0].words, "--f", "/g");
	ASSERT_WORDS(&f.items[1].words, "--a");
}

static void copy_has_flags(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("COPY --from=build --chown=1:2 --chmod=u=rwX --link --parents=false a b /c/\n"
		       "COPY --link=TRUE [\"a b\", \"/c\"]\n");
	const struct dockerfile_copy *c = f.items[0].copy;

	(void)state;
	assert_string_equal(c->from.text, "build");
	assert_string_equal(c->chown.text, "1:2");
	assert_string_equal(c->chmod.text, "u=rwX");
	assert_true(c->link.set && c->link.value);
	assert_true(c->parents.set && !c->parents.value);
	assert_false(c->unpack.set);
	ASSERT_WORDS(&f.items[0].words, "a", "b", "/c/");
	ASSERT_WORDS(&f.items[1].words, "a b", "/c");
	assert_true(f.items[1].copy->link.value);
}

static void add_has_flags(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("ADD --keep-git-dir=true --checksum=sha256:1 --unpack=false --chmod=0644 --exclude=a "
		       "--exclude=b --link https://x/y.git#v /d\n");
	const struct dockerfile_copy *c = f.items[0].copy;

	(void)state;
	assert_true(c->keep_git_dir.value);
	assert_string_equal(c->checksum.text, "sha256:1");
	assert_true(c->unpack.set && !c->unpack.value);
	ASSERT_WORDS(&c->exclude, "a", "b");
	ASSERT_WORDS(&f.items[0].words, "https://x/y.git#v", "/d");
}

static void healthchecks_have_options(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --start-interval=0 "
		       "--retries=3 CMD a || b\n"
		       "HEALTHCHECK cmd [\"a\", \"b\"]\nHEALTHCHECK NONE\n");
	const struct dockerfile_health *h = f.items[0].health;

	(void)state;
	assert_true(h->interval_ns == INT64_C(300000000000));
	assert_true(h->timeout_ns == INT64_C(3000000000));
	assert_true(h->start_period_ns == INT64_C(90000000000));
	assert_true(h->start_interval_ns == 0);
	assert_int_equal(h->retries, 3);
	assert_false(h->none);
	ASSERT_WORDS(&f.items[0].words, "a || b");
	ASSERT_WORDS(&f.items[1].words, "a", "b");
	assert_true(f.items[1].json);
	assert_true(f.items[2].health->none);
	assert_int_equal(f.items[2].words.len, 0);
}

static void triggers_are_read_too(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("onbuild  RUN --mount=target=/x a \\\n b  \nONBUILD copy . /app\n");
	const struct dockerfile_instruction *t = f.items[0].trigger;

	(void)state;
	assert_int_equal(t->op, DOCKERFILE_RUN);
	ASSERT_WORDS(&t->run->mounts, "target=/x");
	ASSERT_WORDS(&t->words, "a  b");
	assert_string_equal(f.items[0].trigger_text, "RUN --mount=target=/x a  b  ");
	assert_string_equal(f.items[0].text, "onbuild  RUN --mount=target=/x a  b");
	assert_place(&f, t->at, 1, 10);
	assert_string_equal(f.items[1].trigger_text, "copy . /app");
}

static void a_trigger_of_an_image_is_one_instruction(void **state)
{
	static const struct {
		const char *text, *message;
	} BAD[] = {
		{ "RUN a\nRUN b", "busybox:2:1: onbuild trigger should be a single expression\n"
				  "   2 | RUN b\n     | ^" },
		{ "FROM a",
		  "busybox:1:1: FROM isn't allowed as an ONBUILD trigger\n   1 | FROM a\n     | ^" },
		{ "ONBUILD RUN a", "busybox:1:1: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed\n"
				   "   1 | ONBUILD RUN a\n     | ^" },
	};
	cleanup_dockerfile struct dockerfile f = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dockerfile_parse_trigger("RUN <<A\nb\nA", 11, "busybox", &f, &e), 0);
	assert_string_equal(f.items[0].run->script, "b\n");
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_dockerfile struct dockerfile bad = { 0 };

		assert_int_equal(dockerfile_parse_trigger(BAD[i].text, strlen(BAD[i].text), "busybox", &bad,
							  &e),
				 -EINVAL);
		assert_string_equal(e.text, BAD[i].message);
	}
}

static void names_are_read_in_any_case(void **state)
{
	static const char *const ARGUMENTS[DOCKERFILE_OPS] = {
		[DOCKERFILE_HEALTHCHECK] = "NONE", [DOCKERFILE_SHELL] = "[\"a\"]",
		[DOCKERFILE_ONBUILD] = "RUN a",    [DOCKERFILE_FROM] = "a",
		[DOCKERFILE_ENV] = "a=b",          [DOCKERFILE_LABEL] = "a=b",
	};

	(void)state;
	for (size_t op = 0; op < DOCKERFILE_OPS; op++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s %s\n", dockerfile_op_name((enum dockerfile_op)op),
			       ARGUMENTS[op] ? ARGUMENTS[op] : "a b");
		text[0] = (char)(text[0] | 0x20);
		cleanup_dockerfile struct dockerfile f = parsed(text);

		assert_int_equal(f.items[0].op, op);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_has_a_base_a_platform_and_a_name),
		cmocka_unit_test(args_may_have_no_value),
		cmocka_unit_test(env_and_label_have_pairs),
		cmocka_unit_test(env_and_label_have_an_old_form),
		cmocka_unit_test(some_instructions_take_the_rest_of_the_line),
		cmocka_unit_test(expose_and_volume_take_words),
		cmocka_unit_test(commands_have_a_form_for_the_shell_and_one_in_json),
		cmocka_unit_test(json_strings_may_have_escapes),
		cmocka_unit_test(what_is_no_json_is_for_the_shell),
		cmocka_unit_test(run_has_flags),
		cmocka_unit_test(a_network_with_a_variable_is_checked_when_it_is_expanded),
		cmocka_unit_test(flags_may_be_quoted_and_end_at_two_dashes),
		cmocka_unit_test(copy_has_flags),
		cmocka_unit_test(add_has_flags),
		cmocka_unit_test(healthchecks_have_options),
		cmocka_unit_test(triggers_are_read_too),
		cmocka_unit_test(a_trigger_of_an_image_is_one_instruction),
		cmocka_unit_test(names_are_read_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
