/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal_text.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"

#define EXCERPT_AROUND 3 /* lines before and behind */
#define METADATA_MAX   (1u << 20)

/* --- warnings ------------------------------------------------------------------------------------------- */

void build_warnings_done(struct build_warnings *w)
{
	for (size_t i = 0; i < w->len; i++)
		free(w->items[i].text);
	free(w->items);
	*w = (struct build_warnings){ 0 };
}

void build_warnings_add(void *arg, const struct plan_warning *w)
{
	struct build_warnings *all = arg;
	struct plan_warning *items = reallocarray(all->items, all->len + 1, sizeof(*items));

	if (!items)
		return;
	all->items = items;
	items[all->len] = *w;
	items[all->len].text = strdup(w->text);
	all->len += items[all->len].text != NULL;
}

static const char *rule(const struct plan_warning *w)
{
	return w->check < CHECK_COUNT ? check_info(w->check)->name : NULL;
}

void build_warnings_show(const struct build_warnings *w, FILE *out)
{
	if (w->len == 0)
		return;
	(void)fprintf(out, "\n %zu warning%s found (use --check for more):\n", w->len,
		      w->len == 1 ? "" : "s");
	for (size_t i = 0; i < w->len; i++) {
		const char *name = rule(&w->items[i]);

		(void)fprintf(out, " - %s%s", name ? name : "", name ? ": " : "");
		terminal_text_put(out, w->items[i].text, strlen(w->items[i].text));
		if (w->items[i].first_line)
			(void)fprintf(out, " (line %u)", w->items[i].first_line);
		(void)fputc('\n', out);
	}
}

int build_warnings_report(const struct build_warnings *w, const struct dockerfile *f, FILE *out)
{
	if (w->len == 0) {
		(void)fprintf(out, "Check complete, no warnings found.\n");
		return 0;
	}
	(void)fprintf(out, "Check complete, %zu warning%s been found!\n", w->len,
		      w->len == 1 ? " has" : "s have");
	for (size_t i = 0; i < w->len; i++) {
		const struct plan_warning *one = &w->items[i];

		if (rule(one))
			(void)fprintf(out, "\nWARNING: %s - %s\n", rule(one), check_info(one->check)->url);
		else
			(void)fprintf(out, "\nWARNING: ");
		terminal_text_put(out, one->text, strlen(one->text));
		(void)fputc('\n', out);
		if (one->first_line)
			build_excerpt(out, f, one->first_line, one->last_line);
	}
	return 1;
}

void build_excerpt(FILE *out, const struct dockerfile *f, uint32_t first_line, uint32_t last_line)
{
	const char *at = f->source;
	const char *end = f->source + f->source_len;
	uint32_t from = first_line > EXCERPT_AROUND ? first_line - EXCERPT_AROUND : 1;

	(void)fprintf(out, "%s:%u\n--------------------\n", f->name, first_line);
	for (uint32_t n = 1; at < end && n <= last_line + EXCERPT_AROUND; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		if (n >= from) {
			(void)fprintf(out, "%4u | %s ", n, n >= first_line && n <= last_line ? ">>>" : "   ");
			terminal_text_put(out, at, len);
			(void)fputc('\n', out);
		}
		at += len + 1;
	}
	(void)fprintf(out, "--------------------\n");
}

/* --- the image ------------------------------------------------------------------------------------------ */

static int write_file(const char *path, const char *text, size_t len, struct err *e)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot write '%s'", path);
	r = write_all(fd, text, len);
	return r < 0 ? err_code(e, r, "cannot write '%s'", path) : 0;
}

static int write_metadata(const struct build_summary *s, const char *path, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, METADATA_MAX);
	cleanup_buf struct buf names = BUF_INIT(METADATA_MAX);
	const char *text;
	size_t len;
	int r = buf_add_str(&names, "");

	for (size_t i = 0; r == 0 && i < s->names->len; i++)
		r = buf_printf(&names, "%s%s", i ? "," : "", s->names->items[i]);
	if (r < 0)
		return err_code(e, r, "cannot write '%s'", path);
	json_out_object(o, NULL);
	json_out_string(o, "containerimage.config.digest", s->id.text);
	json_out_string(o, "containerimage.digest", s->digest.text);
	json_out_string(o, "image.name", names.data);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : write_file(path, text, len, e);
}

int build_summary_tell(const struct build_summary *s, const struct build_flags *f, struct err *e)
{
	int r = 0;

	if (f->iidfile)
		r = write_file(f->iidfile, s->id.text, strlen(s->id.text), e);
	if (r == 0 && f->metadata_file)
		r = write_metadata(s, f->metadata_file, e);
	if (r < 0)
		return r;
	if (f->quiet) {
		(void)printf("%s\n", s->id.text);
		return 0;
	}
	(void)fprintf(stderr, "writing image %s\n", s->id.text);
	for (size_t i = 0; i < s->names->len; i++)
		(void)fprintf(stderr, "naming to %s\n", s->names->items[i]);
	return 0;
}
