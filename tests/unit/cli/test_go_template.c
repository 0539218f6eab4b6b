/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/go_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static const char DOCUMENT[] =
	"{\"Id\": \"0123456789abcdef\", \"Name\": \"/b\\u001box\", \"Created\": null, \"Pid\": 42, \"Big\": "
	"-7, \"On\": true, \"Off\": false,"
	" \"Share\": 0.5, \"Args\": [\"a\", \"b c\"], \"None\": [],"
	" \"Config\": {\"Labels\": {\"z\": \"last\", \"com.example.tier\": \"web\"}, \"Env\": [\"A=1\"], "
	"\"Cmd\": null},"
	" \"Ports\": {\"80/tcp\": [{\"HostIp\": \"0.0.0.0\", \"HostPort\": \"8080\"}], \"53/udp\": null},"
	" \"Mounts\": [{\"Source\": \"/a\", \"RW\": true}, {\"Source\": \"/b\", \"RW\": false}]}";

static int run(const char *text, struct buf *out, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;

	assert_int_equal(json_parse(DOCUMENT, strlen(DOCUMENT), 16, &doc, e), 0);
	return go_template_run(text, doc, out, e);
}

static void gives(const char *text, const char *want)
{
	cleanup_buf struct buf out = BUF_INIT(GO_TEMPLATE_OUT_MAX);
	struct err e = { 0 };

	if (go_template_check(text, &e) < 0 || run(text, &out, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	assert_string_equal(out.data ? out.data : "", want);
}

/* When it is run, or at once. */
static void fails(const char *text, bool at_once, const char *why)
{
	cleanup_buf struct buf out = BUF_INIT(GO_TEMPLATE_OUT_MAX);
	struct err e = { 0 };

	assert_int_equal(go_template_check(text, &e), at_once ? -EINVAL : 0);
	if (!at_once)
		assert_int_equal(run(text, &out, &e), -EINVAL);
	assert_string_equal(e.text, why);
}

static void fields_are_printed_as_go_does(void **state)
{
	(void)state;
	gives("plain", "plain");
	gives("{{.Id}} {{ .Pid }} {{.Big}} {{.On}} {{.Share}}", "0123456789abcdef 42 -7 true 0.5");
	gives("{{.Name}}", "/b?ox");
	gives("{{.Args}} {{.None}} {{.Created}}", "[a b c] [] []");
	gives("{{.Config.Labels}}", "map[com.example.tier:web z:last]");
	gives("{{.ID}} {{.config.env}}", "0123456789abcdef [A=1]");
	gives("{{$.Pid}}{{(.Config).Env}}{{nil}}", "42[A=1][]");
	gives("{{.Config.Labels.z}} {{.Config.Labels.none}}", "last <no value>");
	fails("{{.Nme}}", false, "template: map has no entry for key \"Nme\"");
	fails("{{.Pid.X}}", false, "template: can't evaluate field X");
}

static void json_is_compact_and_of_any_part(void **state)
{
	(void)state;
	gives("{{json .Args}}{{json .Pid}}{{json .Id}}{{json .Created}}{{json .Off}}",
	      "[\"a\",\"b c\"]42\"0123456789abcdef\"nullfalse");
	gives("{{.Config | json}}",
	      "{\"Labels\":{\"z\":\"last\",\"com.example.tier\":\"web\"},\"Env\":[\"A=1\"],\"Cmd\":null}");
	gives("{{json (split \"a,b\" \",\")}}", "[\"a\",\"b\"]");
}

static void lists_and_maps_are_indexed(void **state)
{
	(void)state;
	gives("{{index .Args 1}} {{index .Config.Labels \"com.example.tier\"}}{{index .Config.Labels \"x\"}}",
	      "b c web");
	gives("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080");
	gives("{{(index .Ports \"80/tcp\" 0).HostIp}} {{len .Args}}{{len .Id}}{{len .Config.Labels}}{{len "
	      ".Created}}",
	      "0.0.0.0 21620");
	gives("{{slice .Id 0 4}}{{slice .Id 12}}", "0123cdef");
	fails("{{index .Args 2}}", false, "template: error calling index: index out of range: 2");
	fails("{{index .Id 2}}", false, "template: error calling index: can't index item of type string");
	fails("{{len .Pid}}", false, "template: error calling len: it has no length");
}

static void range_goes_through_lists_and_through_maps_by_their_keys(void **state)
{
	(void)state;
	gives("{{range .Args}}[{{.}}]{{end}}", "[a][b c]");
	gives("{{range $i, $e := .Args}}{{$i}}={{$e}};{{end}}", "0=a;1=b c;");
	gives("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "com.example.tier=web z=last ");
	gives("{{range $p, $b := .Ports}}{{$p}}:{{range $b}}{{.HostPort}}{{else}}none{{end}} {{end}}",
	      "53/udp:none 80/tcp:8080 ");
	gives("{{range .Mounts}}{{.Source}}{{if .RW}} rw{{end}} of {{$.Pid}}\n{{end}}",
	      "/a rw of 42\n/b of 42\n");
	gives("{{range .None}}x{{else}}nothing{{end}}{{range .Created}}x{{end}}", "nothing");
	gives("{{range $e := split \"x-y\" \"-\"}}{{$e}}.{{end}}", "x.y.");
	fails("{{range .Pid}}{{end}}", false, "template: range can't iterate over it");
}

static void conditions_decide(void **state)
{
	(void)state;
	gives("{{if .On}}yes{{else}}no{{end}}{{if .Off}}yes{{else}}no{{end}}", "yesno");
	gives("{{if .None}}a{{else if eq .Pid 42}}b{{else}}c{{end}}", "b");
	gives("{{if and .On (not .Off) (gt .Pid 41)}}1{{end}}{{if or .Off .None}}2{{end}}", "1");
	gives("{{with .Config}}{{.Env}}{{end}}{{with .Created}}x{{else}}none{{end}}", "[A=1]none");
	gives("{{$x := .Pid}}{{if lt $x 50}}{{$x = 1}}{{end}}{{$x}}", "1");
	gives("{{eq .Id \"a\" \"0123456789abcdef\"}}{{ne 1 2}}{{le 2 2}}{{ge 1 2}}", "truetruetruefalse");
	fails("{{eq .Id 1}}", false, "template: incompatible types for comparison");
}

static void functions_shape_texts(void **state)
{
	(void)state;
	gives("{{upper \"ab\"}}{{lower \"CD\"}}{{title \"ef gh\"}} {{join .Args \"/\"}} {{truncate .Id 3}}",
	      "ABcdEf Gh a/b c 012");
	gives("{{pad \"x\" 1 2}}|{{pad \"\" 1 2}}|", " x  ||");
	gives("{{printf \"%s-%05d|%-4s|%4v|%q|%x%%\" .Id .Pid \"a\" \"b\" \"c\" 255}}",
	      "0123456789abcdef-00042|a   |   b|\"c\"|ff%");
	gives("{{print \"a\" 1 2 \"b\"}}{{println 1 \"x\"}}", "a1 2b1 x\n");
	gives("{{\"a\\tb\\\"\"}}{{`c\\d`}}{{-3}}", "a\tb\"c\\d-3");
	fails("{{printf \"%s\"}}", false, "template: printf: there are more verbs than values");
	fails("{{printf \"%z\" 1}}", false, "template: printf: '%z' is not supported");
	fails("{{upper .Pid}}", false, "template: wrong type for value; expected string");
	fails("{{json}}", false, "template: wrong number of args for json: want 1 got 0");
}

static void blanks_and_comments_go(void **state)
{
	(void)state;
	gives("a {{- /* b */ -}} c{{/* d */}}e", "ace");
	gives("a\n{{- if .On }} b {{- end -}}\n c", "a bc");
}

static void what_is_no_template_is_refused_at_once(void **state)
{
	(void)state;
	fails("{{", true, "template parsing error: unexpected text in an action at ''");
	fails("{{.Id", true, "template parsing error: unexpected text in an action at ''");
	fails("{{if .On}}", true, "template parsing error: unexpected EOF at ''");
	fails("{{end}}", true, "template parsing error: unexpected {{end}} at ''");
	fails("{{else}}", true, "template parsing error: unexpected {{else}} at '}}'");
	fails("{{foo .Id}}", true, "template parsing error: unexpected text in an action at 'foo .Id}}'");
	fails("{{if .Off}}{{$y}}{{end}}", true, "template parsing error: undefined variable at 'y}}{{end}}'");
	fails("{{\"a}}", true, "template parsing error: unterminated quoted string at ''");
	fails("{{(.Id}}", true, "template parsing error: unclosed left paren at '}}'");
	fails("{{.Id .Pid}}", true,
	      "template parsing error: can't give argument to non-function at '.Pid}}'");
	fails("{{/* a}}", true, "template parsing error: unclosed comment at '/* a}}'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_printed_as_go_does),
		cmocka_unit_test(json_is_compact_and_of_any_part),
		cmocka_unit_test(lists_and_maps_are_indexed),
		cmocka_unit_test(range_goes_through_lists_and_through_maps_by_their_keys),
		cmocka_unit_test(conditions_decide),
		cmocka_unit_test(functions_shape_texts),
		cmocka_unit_test(blanks_and_comments_go),
		cmocka_unit_test(what_is_no_template_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
