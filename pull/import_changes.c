/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/import_changes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_read.h"

#define COMMAND_DEPTH_MAX 4
#define CHANGE_MAX_BYTES  65536

void import_changes_done(struct import_changes *c)
{
	free(c->user);
	free(c->working_dir);
	free(c->stop_signal);
	strvec_done(&c->cmd);
	strvec_done(&c->entrypoint);
	strvec_done(&c->env);
	strvec_done(&c->exposed_ports);
	strvec_done(&c->labels);
	strvec_done(&c->on_build);
	strvec_done(&c->health.test);
	strvec_done(&c->volumes);
	*c = (struct import_changes){ 0 };
}

static int malformed(const char *change, struct err *e)
{
	return err_set(e, -EINVAL, "--change: malformed '%.100s'", change);
}

/* ["a", "b"] */
static int read_array(const char *text, struct strvec *out, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	int r = json_parse(text, strlen(text), COMMAND_DEPTH_MAX, &doc, e);

	if (r < 0)
		return r;
	top = json_top(doc);
	return json_read_strvec(&top, NULL, out, e);
}

int import_command_parse(const char *text, const char *shell, struct strvec *out, struct err *e)
{
	int r;

	strvec_done(out);
	if (text[0] == '[')
		return read_array(text, out, e);
	r = strvec_add(out, shell ? shell : "/bin/sh");
	if (r == 0 && !shell)
		r = strvec_add(out, "-c");
	return r < 0 ? r : strvec_add(out, text);
}

/* A list, or words. */
static int add_words(const char *text, struct strvec *out, struct err *e)
{
	int r = 0;

	if (text[0] == '[')
		return read_array(text, out, e);
	while (r == 0 && *text) {
		size_t len = strcspn(text, " \t");

		if (len > 0)
			r = strvec_addf(out, "%.*s", (int)len, text);
		text += len;
		text += strspn(text, " \t");
	}
	return r;
}

static bool is_quote(char c, char open)
{
	return open ? c == open : c == '"' || c == '\'';
}

/* The next word, without its quotes and with its backslashes obeyed. Ends at a blank outside of quotes. */
static int take_word(const char **text, struct buf *out)
{
	const char *p = *text;
	char quote = 0;
	int r = 0;

	for (; r == 0 && *p && (quote || !strchr(" \t", *p)); p++) {
		if (*p == '\\' && quote != '\'' && p[1])
			r = buf_add_char(out, *++p);
		else if (!is_quote(*p, quote))
			r = buf_add_char(out, *p);
		else
			memcpy(&quote, quote ? "" : p, 1);
	}
	if (r == 0)
		r = buf_add_char(out, '\0');
	*text = p + strspn(p, " \t");
	return r < 0 ? -ENOMEM : quote ? -EINVAL : 0;
}

static int set_pair(const char *pair, struct strvec *out)
{
	return pair[0] == '=' || !strchr(pair, '=') ? -EINVAL : strvec_set_env(out, pair);
}

/* KEY VALUE, where the value is the rest of the line. */
static int add_old_pair(const char *text, struct strvec *out)
{
	size_t key = strcspn(text, " \t");
	const char *value = text + key + strspn(text + key, " \t");
	size_t len = strlen(value);
	cleanup_free char *pair = NULL;

	if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
		value++;
		len -= 2;
	} else if (len == 0) {
		return -EINVAL;
	}
	if (asprintf(&pair, "%.*s=%.*s", (int)key, text, (int)len, value) < 0) {
		pair = NULL;
		return -ENOMEM;
	}
	return set_pair(pair, out);
}

/* KEY=VALUE KEY=VALUE..., with quotes where there are blanks. */
static int add_pairs(const char *text, struct strvec *out)
{
	int r = 0;

	if (!memchr(text, '=', strcspn(text, " \t")))
		return add_old_pair(text, out);
	while (r == 0 && *text) {
		cleanup_buf struct buf word = BUF_INIT(CHANGE_MAX_BYTES);

		r = take_word(&text, &word);
		if (r == 0)
			r = set_pair(word.data, out);
	}
	return r;
}

/* Ports without a protocol are tcp's. */
static int add_ports(const char *text, struct strvec *out, struct err *e)
{
	cleanup_strvec struct strvec words = { 0 };
	int r = add_words(text, &words, e);

	for (size_t i = 0; r == 0 && i < words.len; i++)
		r = strvec_addf(out, "%s%s", words.items[i], strchr(words.items[i], '/') ? "" : "/tcp");
	return r;
}

static int set_text(const char *text, char **out)
{
	free(*out);
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

/* A relative one goes on from the one before. */
static int set_working_dir(const char *text, char **out)
{
	cleanup_free char *path = NULL;
	const char *base = *out ? *out : "";

	if (text[0] == '/')
		return set_text(text, out);
	if (asprintf(&path, "%s%s%s", base, *base && base[strlen(base) - 1] == '/' ? "" : "/", text) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	free(*out);
	*out = ptr_take(path);
	return 0;
}

/* An instruction for those who build on the image. */
static int add_trigger(const char *text, struct strvec *out, struct err *e)
{
	static const char *const BANNED_TRIGGERS[] = { "ONBUILD", "FROM", "MAINTAINER" };
	size_t len = strcspn(text, " \t");

	for (size_t i = 0; i < ARRAY_LEN(BANNED_TRIGGERS); i++)
		if (strlen(BANNED_TRIGGERS[i]) == len && strncasecmp(BANNED_TRIGGERS[i], text, len) == 0)
			return err_set(e, -ERANGE, "%s isn't allowed as an ONBUILD trigger",
				       BANNED_TRIGGERS[i]);
	return strvec_add(out, text);
}

static int apply(struct import_changes *c, const char *name, size_t len, const char *text, struct err *e)
{
	static const char *const NAMES[] = { "CMD",        "ENTRYPOINT", "ENV",        "LABEL",
					     "EXPOSE",     "VOLUME",     "USER",       "WORKDIR",
					     "STOPSIGNAL", "ONBUILD",    "HEALTHCHECK" };
	size_t i = 0;

	while (i < ARRAY_LEN(NAMES) && (strlen(NAMES[i]) != len || strncasecmp(NAMES[i], name, len) != 0))
		i++;
	switch (i) {
	case 0:
		return import_command_parse(text, NULL, &c->cmd, e);
	case 1:
		return import_command_parse(text, NULL, &c->entrypoint, e);
	case 2:
		return add_pairs(text, &c->env);
	case 3:
		return add_pairs(text, &c->labels);
	case 4:
		return add_ports(text, &c->exposed_ports, e);
	case 5:
		return add_words(text, &c->volumes, e);
	case 6:
		return set_text(text, &c->user);
	case 7:
		return set_working_dir(text, &c->working_dir);
	case 8:
		return set_text(text, &c->stop_signal);
	case 9:
		return add_trigger(text, &c->on_build, e);
	case 10:
		return import_health_parse(text, &c->health, e);
	default:
		return -EINVAL;
	}
}

int import_changes_apply(const struct strvec *changes, struct import_changes *c, struct err *e)
{
	for (size_t i = 0; i < changes->len; i++) {
		const char *change = changes->items[i] + strspn(changes->items[i], " \t");
		size_t len = strcspn(change, " \t");
		const char *text = change + len + strspn(change + len, " \t");
		int r = *text ? apply(c, change, len, text, e) : -EINVAL;

		if (r == -ERANGE)
			return err_wrap(e, "--change");
		if (r < 0)
			return r == -ENOMEM ? err_code(e, r, "cannot keep a change")
					    : malformed(changes->items[i], e);
	}
	return 0;
}

int import_changes_parse(const struct strvec *changes, struct import_changes *ret, struct err *e)
{
	cleanup_import_changes struct import_changes c = { 0 };
	int r = import_changes_apply(changes, &c, e);

	if (r < 0)
		return r;
	*ret = c;
	c = (struct import_changes){ 0 };
	return 0;
}

void import_changes_write(const struct import_changes *c, struct json_out *o)
{
	json_out_object(o, "config");
	json_out_opt_string(o, "User", c->user);
	json_out_opt_keys(o, "ExposedPorts", &c->exposed_ports);
	json_out_opt_strvec(o, "Env", &c->env);
	json_out_opt_strvec(o, "Entrypoint", &c->entrypoint);
	json_out_opt_strvec(o, "Cmd", &c->cmd);
	json_out_opt_keys(o, "Volumes", &c->volumes);
	json_out_opt_string(o, "WorkingDir", c->working_dir);
	json_out_opt_map(o, "Labels", &c->labels);
	json_out_opt_string(o, "StopSignal", c->stop_signal);
	json_out_opt_strvec(o, "OnBuild", &c->on_build);
	import_health_write(&c->health, o);
	json_out_end(o);
}
