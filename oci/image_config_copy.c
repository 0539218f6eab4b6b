/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static int copy_text(const char *from, char **to)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

static int copy_texts(const struct image_config *c, struct image_config *to)
{
	const struct {
		const char *from;
		char **to;
	} TEXTS[] = {
		{ c->created, &to->created },         { c->author, &to->author },
		{ c->os_version, &to->os_version },   { c->user, &to->user },
		{ c->working_dir, &to->working_dir }, { c->stop_signal, &to->stop_signal },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(TEXTS); i++)
		r = copy_text(TEXTS[i].from, TEXTS[i].to);
	return r;
}

static int copy_lists(const struct image_config *c, struct image_config *to)
{
	const struct {
		const struct strvec *from;
		struct strvec *to;
	} LISTS[] = {
		{ &c->os_features, &to->os_features },
		{ &c->env, &to->env },
		{ &c->entrypoint, &to->entrypoint },
		{ &c->cmd, &to->cmd },
		{ &c->shell, &to->shell },
		{ &c->on_build, &to->on_build },
		{ &c->exposed_ports, &to->exposed_ports },
		{ &c->volumes, &to->volumes },
		{ &c->labels, &to->labels },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(LISTS); i++)
		r = strvec_add_all(LISTS[i].to, LISTS[i].from);
	return r;
}

static int copy_health(const struct image_config *c, struct image_config *to)
{
	if (!c->healthcheck)
		return 0;
	to->healthcheck = malloc(sizeof(*to->healthcheck));
	if (!to->healthcheck)
		return -ENOMEM;
	*to->healthcheck = *c->healthcheck;
	to->healthcheck->test = (struct strvec){ 0 };
	return strvec_add_all(&to->healthcheck->test, &c->healthcheck->test);
}

static int copy_history(const struct image_config *c, struct image_config *to)
{
	int r = 0;

	if (c->history_len == 0)
		return 0;
	to->history = calloc(c->history_len, sizeof(*to->history));
	if (!to->history)
		return -ENOMEM;
	to->history_len = c->history_len;
	for (size_t i = 0; r == 0 && i < c->history_len; i++) {
		const struct image_history *from = &c->history[i];
		struct image_history *h = &to->history[i];

		h->empty_layer = from->empty_layer;
		r = copy_text(from->created, &h->created);
		if (r == 0)
			r = copy_text(from->created_by, &h->created_by);
		if (r == 0)
			r = copy_text(from->author, &h->author);
		if (r == 0)
			r = copy_text(from->comment, &h->comment);
	}
	return r;
}

static int copy_diff_ids(const struct image_config *c, struct image_config *to)
{
	if (c->diff_ids_len == 0)
		return 0;
	to->diff_ids = calloc(c->diff_ids_len, sizeof(*to->diff_ids));
	if (!to->diff_ids)
		return -ENOMEM;
	memcpy(to->diff_ids, c->diff_ids, c->diff_ids_len * sizeof(*to->diff_ids));
	to->diff_ids_len = c->diff_ids_len;
	return 0;
}

int image_config_copy(const struct image_config *c, struct image_config *ret, struct err *e)
{
	cleanup_image_config struct image_config to = { .platform = c->platform,
							.args_escaped = c->args_escaped };
	int r = copy_texts(c, &to);

	if (r == 0)
		r = copy_lists(c, &to);
	if (r == 0)
		r = copy_health(c, &to);
	if (r == 0)
		r = copy_history(c, &to);
	if (r == 0)
		r = copy_diff_ids(c, &to);
	if (r < 0)
		return err_code(e, r, "cannot copy an image's configuration");
	*ret = to;
	to = (struct image_config){ 0 };
	return 0;
}
