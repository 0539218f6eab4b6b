/* SPDX-License-Identifier: Apache-2.0 */
#include "build/expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define KOREAN "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4"

static const char *const VARIABLES[] = {
	"PWD=/home",
	"SHELL=bash",
	"EMPTY=",
	"BARE",
	"KOREAN=" KOREAN,
	"TWICE=first",
	"FILE=/srv/app/archive.tar.gz",
	"STAR=a*b?c",
	"LINES=one\ntwo\none",
	"SPACED=  two  words ",
	"QUOTED=\"a b\"",
	"DOLLAR=$PWD",
	"BACK=a\\b",
	"SLASHED=a/b/c",
	"AAA=aaaa",
	"TWICE=last",
	"_under1=u",
	"gr\xc3\xbcn=umlaut",
};

static void make_env(struct strvec *env)
{
	for (size_t i = 0; i < ARRAY_LEN(VARIABLES); i++)
		assert_int_equal(strvec_add(env, VARIABLES[i]), 0);
}

/* `result` NULL: `error` is the whole message behind "failed to process 'WORD': ". */
struct word_case {
	const char *word, *result, *error;
};

static void check_words(const struct expand_options *o, const struct word_case *cases, size_t len)
{
	cleanup_strvec struct strvec env = { 0 };

	make_env(&env);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *text = NULL;
		struct err e = { 0 };
		char wanted[sizeof(e.text)];
		int r = expand_word(o, cases[i].word, &env, NULL, &text, &e);

		if (cases[i].result) {
			if (r != 0 || strcmp(text, cases[i].result) != 0)
				fail_msg("%s: '%s' instead of '%s' (%s)", cases[i].word,
					 text ? text : "an error", cases[i].result, e.text);
			continue;
		}
		(void)snprintf(wanted, sizeof(wanted), "failed to process '%s': %s", cases[i].word,
			       cases[i].error);
		if (r == 0)
			fail_msg("%s: '%s' instead of an error", cases[i].word, text);
		assert_int_equal(r, e.code);
		assert_string_equal(e.text, wanted);
	}
}

static const struct expand_options PLAIN = { .escape = '\\' };

static void quotes_and_escapes_are_taken_off(void **state)
{
	static const struct word_case CASES[] = {
		{ "", "" },
		{ "hello", "hello" },
		{ "he'll'o", "hello" },
		{ "he'llo", NULL, "unexpected end of statement while looking for matching single-quote" },
		{ "he\\'llo", "he'llo" },
		{ "he\\\\'llo", NULL, "unexpected end of statement while looking for matching single-quote" },
		{ "'he\\'llo", "he\\llo" },
		{ "abc\\tdef", "abctdef" },
		{ "'abc\\tdef'", "abc\\tdef" },
		{ "\"abc\\tdef\"", "abc\\tdef" },
		{ "\"a\\\"b\\\\c\\$PWD\"", "a\"b\\c$PWD" },
		{ "\"a'b'\"", "a'b'" },
		{ "'a\"b\"'", "a\"b\"" },
		{ "\"open", NULL, "unexpected end of statement while looking for matching double-quote" },
		{ "\"open\\", NULL, "unexpected end of statement while looking for matching double-quote" },
		{ "\"open\\\"", NULL, "unexpected end of statement while looking for matching double-quote" },
		{ "end\\", "end" },
		{ "a  b", "a  b" },
		{ " a ", " a " },
		{ "\\\xed\x95\x9c", "\xed\x95\x9c" },
		{ "''", "" },
		{ "\"\"", "" },
		{ "a''b\"\"c", "abc" },
		{ "`", "`" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void variables_are_replaced_by_their_values(void **state)
{
	static const struct word_case CASES[] = {
		{ "$PWD", "/home" },
		{ "${PWD}", "/home" },
		{ "\"${PWD}\"", "/home" },
		{ "'$PWD'", "$PWD" },
		{ "\\$PWD", "$PWD" },
		{ "\\\\$PWD", "\\/home" },
		{ "he$PWDx", "he" },
		{ "he${PWD}x", "he/homex" },
		{ "$PWD$SHELL", "/homebash" },
		{ "$PWD.$SHELL-", "/home.bash-" },
		{ "$BARE|$EMPTY|$NONE", "||" },
		{ "$TWICE", "last" },
		{ "$KOREAN", KOREAN },
		{ KOREAN "$PWD", KOREAN "/home" },
		{ "$PWD\xea\xb5\xad", "" }, /* one name, which nobody set */
		{ "$PWD\xe2\x80\x93x", "/home\xe2\x80\x93x" },
		{ "${gr\xc3\xbcn}", "umlaut" },
		{ "$_under1", "u" },
		{ "$DOLLAR", "$PWD" },
		{ "$QUOTED", "\"a b\"" },
		{ "$BACK", "a\\b" },
		{ "$", "$" },
		{ "a$", "a$" },
		{ "\"$\"", "$" },
		{ "$.", "$." },
		{ "$ PWD", "$ PWD" },
		{ "$'PWD'", "$PWD" },
		{ "$\"PWD\"", "$PWD" },
		{ "$\\PWD", "$PWD" },
		{ "$1a", "a" },
		{ "$12a", "a" },
		{ "${12}a", "a" },
		{ "$@x$*x$#x$?x$-x$$x$!x$0x", "xxxxxxxx" },
		{ "${@}${*}${#}${?}${-}${$}${!}${0}", "" },
		{ "\xff$PWD", "\xff/home" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void broken_substitutions_are_refused_with_buildkits_words(void **state)
{
	static const struct word_case CASES[] = {
		{ "${", NULL, "syntax error: missing '}'" },
		{ "he${", NULL, "syntax error: missing '}'" },
		{ "${}", NULL, "syntax error: bad substitution" },
		{ "${{PWD}", NULL, "syntax error: bad substitution" },
		{ "${:}", NULL, "syntax error: bad substitution" },
		{ "${:PWD}", NULL, "syntax error: bad substitution" },
		{ "${PWD", NULL, "unsupported modifier (\xef\xbf\xbd) in substitution" },
		{ "${PWD:", NULL, "syntax error: missing '}'" },
		{ "${PWD:-", NULL, "syntax error: missing '}'" },
		{ "${PWD:-x", NULL, "syntax error: missing '}'" },
		{ "${PWD:-'x}", NULL, "syntax error: missing '}'" },
		{ "${PWD-\"x}", NULL, "syntax error: missing '}'" },
		{ "${PWD:-${SHELL}", NULL, "syntax error: missing '}'" },
		{ "${PWD:x}", NULL, "unsupported modifier (:x) in substitution" },
		{ "${PWD:=x}", NULL, "unsupported modifier (:=) in substitution" },
		{ "${PWD=x}", NULL, "unsupported modifier (=) in substitution" },
		{ "${PWD:0:2}", NULL, "unsupported modifier (:0) in substitution" },
		{ "${PWD:#x}", NULL, "unsupported modifier (:#) in substitution" },
		{ "${PWD:%x}", NULL, "unsupported modifier (:%) in substitution" },
		{ "${PWD:/x/y}", NULL, "unsupported modifier (:/) in substitution" },
		{ "${#PWD}", NULL, "unsupported modifier (P) in substitution" },
		{ "${ PWD}", NULL, "unsupported modifier ( ) in substitution" },
		{ "${PWD^^}", NULL, "unsupported modifier (^) in substitution" },
		{ "${PWD@Q}", NULL, "unsupported modifier (@) in substitution" },
		{ "${PWD:\xc3\xbc}", NULL, "unsupported modifier (:\xc3\xbc) in substitution" },
		{ "${NONE:-${PWD^}}", NULL, "unsupported modifier (^) in substitution" },
		{ "${PWD#x", NULL, "syntax error: missing '}'" },
		{ "${PWD/x}", NULL, "syntax error: missing '/' in ${}" },
		{ "${PWD//x}", NULL, "syntax error: missing '/' in ${}" },
		{ "${PWD/x/y", NULL, "syntax error: missing '}'" },
		{ "${PWD#a\\b}", NULL, "invalid pattern (a\\b) in substitution: invalid escape '\\b'" },
		{ "${PWD/\\\xc3\xbc/y}", NULL,
		  "invalid pattern (\\\xc3\xbc) in substitution: invalid escape '\\\xc3\xbc'" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void defaults_and_alternatives_look_at_unset_and_empty(void **state)
{
	static const struct word_case CASES[] = {
		{ "${PWD:-x}", "/home" },
		{ "${EMPTY:-x}", "x" },
		{ "${NONE:-x}", "x" },
		{ "${PWD-x}", "/home" },
		{ "${EMPTY-x}", "" },
		{ "${BARE-x}", "" },
		{ "${NONE-x}", "x" },
		{ "${PWD:+x}", "x" },
		{ "${EMPTY:+x}", "" },
		{ "${NONE:+x}", "" },
		{ "${PWD+x}", "x" },
		{ "${EMPTY+x}", "x" },
		{ "${NONE+x}", "" },
		{ "${PWD:?x}", "/home" },
		{ "${PWD?x}", "/home" },
		{ "${EMPTY?x}", "" },
		{ "${EMPTY:?say $SHELL}", NULL, "EMPTY: say bash" },
		{ "${NONE:?say $SHELL}", NULL, "NONE: say bash" },
		{ "${NONE?'two words'} .", NULL, "NONE: two words" },
		{ "${NONE?} .", NULL, "NONE: is not allowed to be unset" },
		{ "${NONE:?} .", NULL, "NONE: is not allowed to be unset" },
		{ "${EMPTY:?} .", NULL, "EMPTY: is not allowed to be empty" },
		{ "${NONE:-}", "" },
		{ "${NONE:-$PWD}", "/home" },
		{ "${NONE:-${NONE2:-${PWD}}}x", "/homex" },
		{ "${NONE:-a b}", "a b" },
		{ "${NONE:-'}'}", "}" },
		{ "${NONE:-\\}}", "}" },
		{ "${NONE:-\"a}$SHELL\"}", "a}bash" },
		{ "\"${NONE:-\"x y\"}\"", "x y" },
		{ "${NONE:--}", "-" },
		{ "${NONE:-a/b:c}", "a/b:c" },
		{ "${PWD:+${SHELL:+${NONE-deep}}}", "deep" },
		{ "${@:-none}", "none" },
		{ "${1:-none}", "none" },
		{ "${-:-minus}", "minus" },
		{ "${?:-what}", "what" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void prefixes_and_suffixes_are_cut_off(void **state)
{
	static const struct word_case CASES[] = {
		{ "${FILE#/srv}", "/app/archive.tar.gz" },
		{ "${FILE#srv}", "/srv/app/archive.tar.gz" },
		{ "${FILE#*/}", "srv/app/archive.tar.gz" },
		{ "${FILE##*/}", "archive.tar.gz" },
		{ "${FILE%.*}", "/srv/app/archive.tar" },
		{ "${FILE%%.*}", "/srv/app/archive" },
		{ "${FILE%/*}", "/srv/app" },
		{ "${FILE%%/*}", "" },
		{ "${FILE%.gz}", "/srv/app/archive.tar" },
		{ "${FILE%.zip}", "/srv/app/archive.tar.gz" },
		{ "${FILE#????}", "/app/archive.tar.gz" },
		{ "${FILE%???}", "/srv/app/archive.tar" },
		{ "${FILE#*a*p}", "p/archive.tar.gz" },
		{ "${FILE##*a*p}", "/archive.tar.gz" },
		{ "${FILE#}", "/srv/app/archive.tar.gz" },
		{ "${FILE##}", "/srv/app/archive.tar.gz" },
		{ "${FILE%%}", "/srv/app/archive.tar.gz" },
		{ "${FILE#*}", "/srv/app/archive.tar.gz" },
		{ "${FILE##*}", "" },
		{ "${FILE%%*}", "" },
		{ "${FILE#$NONE}", "/srv/app/archive.tar.gz" },
		{ "${FILE%.${NONE:-gz}}", "/srv/app/archive.tar" },
		{ "${FILE#'/s'}", "rv/app/archive.tar.gz" },
		{ "${STAR#a\\*}", "b?c" },
		{ "${STAR#a\\?}", "a*b?c" },
		{ "${STAR%\\?c}", "a*b" },
		{ "${STAR%\"\\?c\"}", "a*b?c" }, /* in quotes the escape is escaped */
		{ "${BACK#a\\\\}", "b" },
		{ "${SLASHED#a\\/}", "b/c" },
		{ "${SLASHED#a/}", "b/c" },
		{ "${KOREAN#?}", "\xea\xb5\xad\xec\x96\xb4" },
		{ "${KOREAN%?}", "\xed\x95\x9c\xea\xb5\xad" },
		{ "${KOREAN%%\xea\xb5\xad*}", "\xed\x95\x9c" },
		{ "${LINES##*e}", "\ntwo\none" }, /* '*' stays in its line */
		{ "${LINES%%o*}", "one\ntwo\n" },
		{ "${LINES##*\n}", "two\none" },
		{ "${LINES#????}", "one\ntwo\none" },
		{ "${AAA#a*a}", "aa" },
		{ "${AAA##a*a}", "" },
		{ "${AAA%a*a}", "aa" },
		{ "${AAA%%a*a}", "" },
		{ "${EMPTY#x}", "" },
		{ "${NONE#x}", "" },
		{ "${NONE%%*}", "" },
		{ "${FILE#[/]}", "/srv/app/archive.tar.gz" }, /* no brackets */
		{ "${FILE#^}", "/srv/app/archive.tar.gz" },
		{ "${FILE#(.*)}", "/srv/app/archive.tar.gz" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void matches_are_replaced(void **state)
{
	static const struct word_case CASES[] = {
		{ "${FILE/a/A}", "/srv/App/archive.tar.gz" },
		{ "${FILE//a/A}", "/srv/App/Archive.tAr.gz" },
		{ "${FILE/x/A}", "/srv/app/archive.tar.gz" },
		{ "${FILE//.*/}", "/srv/app/archive" },
		{ "${FILE/a*a/-}", "/srv/-r.gz" },
		{ "${FILE//?a/-}", "/srv-pp-rchive.-r.gz" },
		{ "${SLASHED//\\//-}", "a-b-c" },
		{ "${SLASHED/\\//}", "ab/c" },
		{ "${SLASHED//b/$PWD}", "a//home/c" },
		{ "${SLASHED//b/${NONE:-x}}", "a/x/c" },
		{ "${SLASHED//b/$DOLLAR}", "a/$PWD/c" },
		{ "${STAR/\\*/+}", "a+b?c" },
		{ "${STAR//\\?/+}", "a*b+c" },
		{ "${STAR//[ab]/+}", "a*b?c" },
		{ "${AAA//aa/b}", "bb" },
		{ "${AAA//aaa/b}", "ba" },
		{ "${AAA//*/b}", "b" },
		{ "${AAA//$NONE/-}", "-a-a-a-a-" },
		{ "${AAA/$NONE/-}", "-aaaa" },
		{ "${LINES//one*/1}", "1\ntwo\n1" },
		{ "${LINES//\n/, }", "one, two, one" },
		{ "${KOREAN//?/x}", "xxx" },
		{ "${EMPTY//*/x}", "x" },
		{ "${NONE/a/b}", "" },
		{ "${FILE//'a'/\"A\"}", "/srv/App/Archive.tAr.gz" },
	};

	(void)state;
	check_words(&PLAIN, CASES, ARRAY_LEN(CASES));
}

static void the_escape_character_can_be_a_backquote(void **state)
{
	static const struct expand_options BACKQUOTE = { .escape = '`' };
	static const struct word_case CASES[] = {
		{ "`$PWD", "$PWD" },
		{ "\\$PWD", "\\/home" },
		{ "c:\\$SHELL\\x", "c:\\bash\\x" },
		{ "\"a`\"b``c`d\"", "a\"b`c`d" },
		{ "\"a\\\"", "a\\" },
		{ "a`", "a" },
		{ "${NONE:-`}}", "}" },
		{ "${STAR#a\\*}", "b?c" }, /* patterns keep their backslash */
	};

	(void)state;
	check_words(&BACKQUOTE, CASES, ARRAY_LEN(CASES));
}

static void quotes_and_escapes_can_stay(void **state)
{
	static const struct expand_options RAW_QUOTES = { .escape = '\\', .raw_quotes = true };
	static const struct expand_options RAW_ESCAPES = { .escape = '\\', .raw_escapes = true };
	static const struct expand_options HEREDOC = { .escape = '\\', .skip_quotes = true };
	static const struct word_case QUOTES[] = {
		{ "a'b c'\"$PWD\"", "a'b c'\"/home\"" },
		{ "'$PWD'\\'", "'$PWD''" },
		{ "\"a\\\"b\"", "\"a\"b\"" },
		{ "${NONE:-'x'}", "'x'" },
	};
	static const struct word_case ESCAPES[] = {
		{ "a\\b\\$PWD$PWD", "a\\b\\$PWD/home" },
		{ "'a\\b'", "a\\b" },
		{ "end\\", "end\\" },
		{ "${NONE:-a\\b}\\c", "ab\\c" },
		{ "${NONE:-${STAR#a\\*}\\d}", "b?cd" },
	};
	static const struct word_case HERE[] = {
		{ "echo \"it's $PWD\"", "echo \"it's /home\"" },
		{ "'$SHELL' \\$SHELL a\\nb", "'bash' $SHELL anb" },
		{ "one\n'two\n${PWD:-'}\n", "one\n'two\n/home\n" },
	};

	(void)state;
	check_words(&RAW_QUOTES, QUOTES, ARRAY_LEN(QUOTES));
	check_words(&RAW_ESCAPES, ESCAPES, ARRAY_LEN(ESCAPES));
	check_words(&HEREDOC, HERE, ARRAY_LEN(HERE));
}

static void variables_that_are_not_set_can_stay(void **state)
{
	static const struct expand_options KEEP = { .escape = '\\', .skip_unset = true };
	static const struct word_case CASES[] = {
		{ "$PWD $NONE ${NONE} ${SHELL}", "/home $NONE ${NONE} bash" },
		{ "$NONE$PWD", "$NONE/home" },
		{ "$1 $@", "$1 $@" },
		{ "$EMPTY.", "." },
		{ "${NONE:-x} ${NONE-$PWD}", "${NONE:-x} ${NONE-/home}" },
		{ "${NONE:+x} ${NONE+x}", "${NONE:+x} ${NONE+x}" },
		{ "${NONE:?x}", "${NONE:?x}" },
		{ "${NONE:=x}", "${NONE:=x}" }, /* for a shell to understand */
		{ "${NONE##*/} ${NONE%x}", "${NONE##*/} ${NONE%x}" },
		{ "${NONE/a/b} ${NONE//a/b}", "${NONE/a/b} ${NONE//a/b}" },
		{ "${EMPTY:-x}", "x" },
	};

	(void)state;
	check_words(&KEEP, CASES, ARRAY_LEN(CASES));
}

static void words_are_split_at_white_space_that_is_not_quoted(void **state)
{
	static const struct {
		const char *word, *words; /* each in brackets */
	} CASES[] = {
		{ "", "" },
		{ "   ", "" },
		{ "hello", "[hello]" },
		{ "a b", "[a][b]" },
		{ " a \t b\nc ", "[a][b][c]" },
		{ "'a b' c", "[a b][c]" },
		{ "a' 'b", "[a b]" },
		{ "\"a b\"c d", "[a bc][d]" },
		{ "a\\ b", "[a b]" },
		{ "$SPACED", "[two][words]" },
		{ "x${SPACED}y", "[x][two][words][y]" },
		{ "\"$SPACED\"", "[  two  words ]" },
		{ "'' a", "[a]" },
		{ "\"\"", "" },
		{ "''a", "[a]" },
		{ "$EMPTY $NONE", "" },
		{ "$PWD$SHELL ${NONE:-x y}", "[/homebash][x][y]" },
		{ "a${NONE:-b}c d", "[abc][d]" },
		{ "\"${NONE:-x y}\"", "[x y]" },
		{ "$QUOTED", "[\"a][b\"]" },
		{ "a\xc2\xa0"
		  "b\xe3\x80\x80"
		  "c",
		  "[a][b][c]" },
		{ "8080-8090/tcp 53/udp", "[8080-8090/tcp][53/udp]" },
	};
	cleanup_strvec struct strvec env = { 0 };

	(void)state;
	make_env(&env);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_strvec struct strvec words = { 0 };
		cleanup_buf struct buf seen = BUF_INIT(4096);
		struct err e;

		assert_int_equal(expand_words(&PLAIN, CASES[i].word, &env, NULL, &words, &e), 0);
		assert_int_equal(buf_add_str(&seen, ""), 0);
		for (size_t w = 0; w < words.len; w++)
			assert_int_equal(buf_printf(&seen, "[%s]", words.items[w]), 0);
		assert_string_equal(seen.data, CASES[i].words);
	}
}

static void words_are_appended_and_only_on_success(void **state)
{
	cleanup_strvec struct strvec words = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(expand_words(&PLAIN, "a b", NULL, NULL, &words, &e), 0);
	assert_int_equal(expand_words(&PLAIN, "c 'd", NULL, NULL, &words, &e), -EINVAL);
	assert_string_equal(e.text, "failed to process 'c 'd': unexpected end of statement while looking for "
				    "matching single-quote");
	assert_int_equal(expand_words(&PLAIN, "e", NULL, NULL, &words, &e), 0);
	assert_int_equal(words.len, 3);
	assert_string_equal(words.items[2], "e");
	words.max = 5;
	assert_int_equal(expand_words(&PLAIN, "f g h", NULL, NULL, &words, &e), -EFBIG);
	assert_int_equal(words.len, 3);
}

static void names_that_were_used_are_told_apart_by_whether_they_are_set(void **state)
{
	cleanup_expand_names struct expand_names names = { 0 };
	cleanup_strvec struct strvec env = { 0 };
	struct err e;

	(void)state;
	make_env(&env);
	for (int i = 0; i < 2; i++) {
		cleanup_free char *text = NULL;

		assert_int_equal(expand_word(&PLAIN,
					     "$PWD ${EMPTY:-$NONE} ${OTHER:+x} '$QUIET' $PWD $@ ${FILE#$P}",
					     &env, &names, &text, &e),
				 0);
	}
	assert_int_equal(names.set.len, 3);
	assert_string_equal(names.set.items[0], "PWD");
	assert_string_equal(names.set.items[1], "EMPTY");
	assert_string_equal(names.set.items[2], "FILE");
	assert_int_equal(names.unset.len, 4);
	assert_string_equal(names.unset.items[0], "NONE");
	assert_string_equal(names.unset.items[1], "OTHER");
	assert_string_equal(names.unset.items[2], "@");
	assert_string_equal(names.unset.items[3], "P");
}

/* "${x-${x-...}}" */
static char *nested(size_t depth)
{
	struct buf b = BUF_INIT(1u << 16);

	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_add_str(&b, "${x-"), 0);
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_add_str(&b, "}"), 0);
	return buf_take(&b);
}

static void nesting_is_limited(void **state)
{
	cleanup_free char *good = nested(EXPAND_DEPTH_MAX - 1), *bad = nested(5000), *text = NULL;
	struct err e;

	(void)state;
	assert_int_equal(expand_word(&PLAIN, good, NULL, NULL, &text, &e), 0);
	assert_string_equal(text, "");
	assert_int_equal(expand_word(&PLAIN, bad, NULL, NULL, &text, &e), -EFBIG);
	assert_non_null(strstr(e.text, "...': its variables are nested more than 64 deep"));
}

static void lengths_are_limited(void **state)
{
	cleanup_free char *big = calloc(1, EXPAND_MAX + 4), *text = NULL;
	cleanup_strvec struct strvec env = { 0 };
	struct err e;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', EXPAND_MAX + 1);
	assert_int_equal(expand_word(&PLAIN, big, NULL, NULL, &text, &e), -EFBIG);
	assert_non_null(strstr(e.text, "it is longer than 1048576 bytes"));
	memcpy(big, "B=", 2);
	assert_int_equal(strvec_add(&env, big), 0);
	assert_int_equal(expand_word(&PLAIN, "${B:+fine}", &env, NULL, &text, &e), 0);
	free(ptr_take(text));
	assert_int_equal(expand_word(&PLAIN, "$B$B", &env, NULL, &text, &e), -EFBIG);
	assert_string_equal(e.text,
			    "failed to process '$B$B': it becomes longer than 1048576 bytes or 65536 words");
	assert_int_equal(expand_word(&PLAIN, "${B//x/xx}", &env, NULL, &text, &e), -EFBIG);
	assert_string_equal(
		e.text, "failed to process '${B//x/xx}': a substitution becomes longer than 1048576 bytes");
	assert_null(text);
}

static void patterns_are_limited(void **state)
{
	cleanup_buf struct buf word = BUF_INIT(1u << 16);
	cleanup_free char *text = NULL;
	struct err e;

	(void)state;
	assert_int_equal(buf_add_str(&word, "${x#"), 0);
	for (int i = 0; i < 1025; i++)
		assert_int_equal(buf_add_str(&word, "?"), 0);
	assert_int_equal(buf_add_str(&word, "}"), 0);
	assert_int_equal(expand_word(&PLAIN, word.data, NULL, NULL, &text, &e), -EFBIG);
	assert_non_null(strstr(e.text, "a pattern is longer than 1024 characters"));
}

/* What backtracks takes years for it. */
static void many_stars_take_linear_time(void **state)
{
	cleanup_strvec struct strvec env = { 0 };
	cleanup_free char *value = calloc(1, 20003), *text = NULL;
	struct err e;

	(void)state;
	assert_non_null(value);
	memset(value, 'a', 20002);
	memcpy(value, "V=", 2);
	assert_int_equal(strvec_add(&env, value), 0);
	assert_int_equal(expand_word(&PLAIN, "${V##*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b}", &env, NULL, &text,
				     &e),
			 0);
	assert_string_equal(text, value + 2);
	free(ptr_take(text));
	assert_int_equal(expand_word(&PLAIN, "${V//a*a*a*a*a*a*a*a*a*a*a*a*a*a*b/x}", &env, NULL, &text, &e),
			 0);
	assert_string_equal(text, value + 2);
	free(ptr_take(text));
	assert_int_equal(expand_word(&PLAIN, "${V//a/}", &env, NULL, &text, &e), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_and_escapes_are_taken_off),
		cmocka_unit_test(variables_are_replaced_by_their_values),
		cmocka_unit_test(broken_substitutions_are_refused_with_buildkits_words),
		cmocka_unit_test(defaults_and_alternatives_look_at_unset_and_empty),
		cmocka_unit_test(prefixes_and_suffixes_are_cut_off),
		cmocka_unit_test(matches_are_replaced),
		cmocka_unit_test(the_escape_character_can_be_a_backquote),
		cmocka_unit_test(quotes_and_escapes_can_stay),
		cmocka_unit_test(variables_that_are_not_set_can_stay),
		cmocka_unit_test(words_are_split_at_white_space_that_is_not_quoted),
		cmocka_unit_test(words_are_appended_and_only_on_success),
		cmocka_unit_test(names_that_were_used_are_told_apart_by_whether_they_are_set),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(patterns_are_limited),
		cmocka_unit_test(many_stars_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
