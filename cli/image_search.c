/* SPDX-License-Identifier: Apache-2.0 */
/* sampan search */
#include <stdio.h>
#include <string.h>

#include "cli/image_main.h"
#include "cli/image_signals.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "pull/search.h"

#define DESCRIPTION_MAX 45 /* characters that are shown, as docker has it */
#define JSON_MAX        ((size_t)64 << 20)

struct search_flags {
	bool no_trunc, list_tags, tls_verify;
	const char *auth_file, *format;
	struct opt_u64 limit;
	struct strvec filters;
};

#define FLAG(member) offsetof(struct search_flags, member)
static const struct option_def OPTIONS[] = {
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ "filter", 'f', OPTION_LIST, FLAG(filters), "filter",
	  "Show only what this is true of: stars=N, is-official[=false], is-automated[=false]" },
	{ "format", 0, OPTION_STRING, FLAG(format), "string",
	  "\"json\", or a template of the fields Index, Name, Description, Stars, Official, Automated, Tag" },
	{ "limit", 0, OPTION_U64, FLAG(limit), "int", "At most so many of each registry (default 25)" },
	{ "list-tags", 0, OPTION_BOOL, FLAG(list_tags), NULL, "List the tags of a repository" },
	{ "no-trunc", 0, OPTION_BOOL, FLAG(no_trunc), NULL, "Whole descriptions" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ 0 },
};

static const struct command_def SEARCH = {
	.name = "sampan search",
	.usage = "[OPTIONS] [REGISTRY/]TERM",
	.summary = "Search registries for images",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* --- rows ------------------------------------------------------------------------------------------------------ */

#define ROW_FIELDS 8

/* One result as templates see it. */
struct row {
	struct template_field fields[ROW_FIELDS];
	char stars[24];
	char description[4 * DESCRIPTION_MAX + 4];
};

/* Cuts at a character's beginning, not in its middle. */
static void shorten(const char *text, char *out)
{
	size_t at = 0, characters = 0;

	while (at < 4 * DESCRIPTION_MAX && text[at]) {
		bool begins = ((unsigned char)text[at] & 0xc0) != 0x80;

		if (begins && characters == DESCRIPTION_MAX)
			break;
		characters += begins;
		at++;
	}
	memcpy(out, text, at);
	out[at] = '\0';
	if (text[at])
		memcpy(out + at, "...", sizeof("..."));
}

static void make_row(const struct search_item *i, bool whole, const char *tag, struct row *ret)
{
	(void)snprintf(ret->stars, sizeof(ret->stars), "%llu", (unsigned long long)i->stars);
	shorten(i->description ? i->description : "", ret->description);
	memcpy(ret->fields,
	       (struct template_field[]){
		       { "Index", "INDEX", i->index, NULL },
		       { "Name", "NAME", i->name, NULL },
		       { "Description", "DESCRIPTION", whole ? i->description : ret->description, NULL },
		       { "Stars", "STARS", ret->stars, ret->stars },
		       { "Official", "OFFICIAL", i->is_official ? "[OK]" : "", NULL },
		       { "Automated", "AUTOMATED", i->is_automated ? "[OK]" : "", NULL },
		       { "Tag", "TAG", tag, NULL },
		       { NULL, NULL, NULL, NULL },
	       },
	       sizeof(ret->fields));
}

/* --- output ---------------------------------------------------------------------------------------------------- */

/* A format that is none is told of before any registry is asked. */
static int begin(const struct search_flags *f, struct rows *o, struct err *e)
{
	static const char RESULTS[] = "{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}",
			  TAGS[] = "{{.Name}}\t{{.Tag}}";
	const struct search_item nothing = { 0 };
	struct row row;

	make_row(&nothing, false, "", &row);
	return rows_begin(o, f->format, f->list_tags ? TAGS : RESULTS, row.fields, e);
}

static int print_json_results(const struct search_results *found)
{
	cleanup_json_out struct json_out *o = json_out_new(true, JSON_MAX);

	json_out_array(o, NULL);
	for (size_t n = 0; n < found->len; n++) {
		const struct search_item *i = &found->items[n];

		json_out_object(o, NULL);
		json_out_string(o, "Index", i->index);
		json_out_string(o, "Name", i->name);
		json_out_string(o, "Description", i->description);
		json_out_u64(o, "Stars", i->stars);
		json_out_string(o, "Official", i->is_official ? "[OK]" : "");
		json_out_string(o, "Automated", i->is_automated ? "[OK]" : "");
		json_out_string(o, "Tag", "");
		json_out_end(o);
	}
	json_out_end(o);
	return cli_print_json(o);
}

static int print_json_tags(const char *name, const struct strvec *tags)
{
	cleanup_json_out struct json_out *o = json_out_new(true, JSON_MAX);

	json_out_array(o, NULL);
	json_out_object(o, NULL);
	json_out_string(o, "Name", name);
	json_out_strvec(o, "Tags", tags);
	json_out_end(o);
	json_out_end(o);
	return cli_print_json(o);
}

/* --- the command ----------------------------------------------------------------------------------------------- */

static bool is_json(const struct search_flags *f)
{
	return f->format && strcmp(f->format, "json") == 0;
}

static int search(const char *term, const struct search_flags *f, const struct search_options *o,
		  struct rows *out, struct err *e)
{
	cleanup_search_results struct search_results found = { 0 };
	int r = search_images(term, o, &found, e);

	if (r < 0)
		return r;
	if (is_json(f))
		return print_json_results(&found);
	for (size_t i = 0; r == 0 && i < found.len; i++) {
		struct row row;

		make_row(&found.items[i], f->no_trunc, "", &row);
		r = rows_add(out, row.fields, e);
	}
	return r;
}

static int list_tags(const char *name, const struct search_flags *f, const struct search_options *o,
		     struct rows *out, struct err *e)
{
	cleanup_strvec struct strvec tags = { 0 };
	cleanup_free char *full = NULL;
	int r = search_tags(name, o, &full, &tags, e);

	if (r < 0)
		return r;
	if (is_json(f))
		return print_json_tags(full, &tags);
	for (size_t i = 0; r == 0 && i < tags.len; i++) {
		const struct search_item item = { .name = full };
		struct row row;

		make_row(&item, true, tags.items[i], &row);
		r = rows_add(out, row.fields, e);
	}
	return r;
}

static int options_of(const struct search_flags *f, struct search_options *ret, struct err *e)
{
	int r = 0;

	if (f->limit.set && (f->limit.value < 1 || f->limit.value > SEARCH_LIMIT_MAX))
		return err_set(e, -EINVAL, "--limit takes a number from 1 to %d", SEARCH_LIMIT_MAX);
	if (f->list_tags && f->filters.len > 0)
		return err_set(e, -EINVAL, "filters are not applicable to list tags result");
	*ret = (struct search_options){ .tls_verify = f->tls_verify,
					.auth_file = f->auth_file,
					.cancel_fd = -1,
					.limit = f->limit.set ? (unsigned int)f->limit.value
							      : SEARCH_LIMIT_DEFAULT };
	for (size_t i = 0; r == 0 && i < f->filters.len; i++)
		r = search_filter_add(&ret->filter, f->filters.items[i], e);
	return r;
}

static int run(const char *term, const struct search_flags *f, struct search_options *o, struct rows *out,
	       const struct image_globals *g)
{
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	o->cancel_fd = signals;
	if (r == 0)
		r = f->list_tags ? list_tags(term, f, o, out, &e) : search(term, f, o, out, &e);
	if (r < 0)
		return image_end(g, r, &e, signals);
	rows_end(out);
	return cli_end_output(0);
}

int image_search(int argc, char **argv, const struct image_globals *g)
{
	struct search_flags f = { .tls_verify = true };
	cleanup_rows struct rows out = { 0 };
	struct search_options o;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&SEARCH, argc, argv, &f, &n, &code)) {
		strvec_done(&f.filters);
		return code;
	}
	if (options_of(&f, &o, &e) < 0 || begin(&f, &out, &e) < 0)
		code = image_refuse(g, &e);
	else
		code = run(strncmp(argv[1], "docker://", 9) == 0 ? argv[1] + 9 : argv[1], &f, &o, &out, g);
	strvec_done(&f.filters);
	return code;
}
