/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_mounts.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_mount_text.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/parse.h"

static void run_mount_done(struct run_mount *m)
{
	free(m->source);
	free(m->target);
	strvec_done(&m->options);
	*m = (struct run_mount){ 0 };
}

void run_mounts_done(struct run_mounts *m)
{
	for (size_t i = 0; i < m->len; i++)
		run_mount_done(&m->items[i]);
	free(m->items);
	*m = (struct run_mounts){ 0 };
}

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static int append(struct run_mounts *m, struct run_mount *item, struct err *e)
{
	struct run_mount *grown;

	if (m->len >= RUN_MOUNTS_MAX) {
		run_mount_done(item);
		return err_set(e, -EFBIG, "more than %d mounts", RUN_MOUNTS_MAX);
	}
	grown = reallocarray(m->items, m->len + 1, sizeof(*grown));
	if (!grown) {
		run_mount_done(item);
		return no_memory(e);
	}
	m->items = grown;
	grown[m->len++] = *item;
	return 0;
}

static int set_target(struct run_mount *m, const char *text, size_t len, struct err *e)
{
	cleanup_free char *copy = strndup(text, len);

	if (!copy)
		return no_memory(e);
	if (copy[0] != '/')
		return err_set(e, -EINVAL, "invalid mount path: '%s' mount path must be absolute", copy);
	free(m->target);
	m->target = run_clean_path(copy);
	if (!m->target)
		return no_memory(e);
	if (strcmp(m->target, "/") == 0)
		return err_set(e, -EINVAL, "invalid mount path: destination can't be '/'");
	return 0;
}

/* Absolute, or relative when it begins with a dot; anything else would be the name of a volume. */
static int set_source(struct run_mount *m, const char *text, size_t len, const char *here, struct err *e)
{
	cleanup_free char *copy = strndup(text, len);
	cleanup_free char *joined = NULL;

	if (!copy)
		return no_memory(e);
	if (copy[0] != '/' && copy[0] != '.')
		return err_set(e, -EOPNOTSUPP,
			       "named volumes are not supported yet: '%s' (use an absolute path)", copy);
	if (asprintf(&joined, "%s/%s", copy[0] == '/' ? "" : here, copy) < 0) {
		joined = NULL;
		return no_memory(e);
	}
	free(m->source);
	m->source = run_clean_path(joined);
	return m->source ? 0 : no_memory(e);
}

/* One word behind the second colon of -v. */
static int add_mode(struct run_mount *m, const char *word, bool *propagation, struct err *e)
{
	static const char *const IGNORED[] = { "z",      "Z",         "nocopy",     "copy",
					       "cached", "delegated", "consistent", "rw" };
	static const char *const PROPAGATION[] = { "shared", "rshared", "slave",
						   "rslave", "private", "rprivate" };

	for (size_t i = 0; i < ARRAY_LEN(IGNORED); i++)
		if (strcmp(word, IGNORED[i]) == 0)
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(PROPAGATION); i++) {
		if (strcmp(word, PROPAGATION[i]) == 0) {
			*propagation = true;
			return strvec_add(&m->options, word) < 0 ? no_memory(e) : 0;
		}
	}
	if (strcmp(word, "ro") == 0)
		return strvec_add(&m->options, "ro") < 0 ? no_memory(e) : 0;
	return err_set(e, -EINVAL, "invalid mode: %s", word);
}

static int add_modes(struct run_mount *m, const char *text, struct err *e)
{
	cleanup_strvec struct strvec words = { 0 };
	bool propagation = false;
	int r = strvec_add(&m->options, "rbind");

	if (r == 0)
		r = run_split(text, ',', &words);
	if (r < 0)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < words.len; i++)
		r = add_mode(m, words.items[i], &propagation, e);
	if (r == 0 && !propagation && strvec_add(&m->options, "rprivate") < 0)
		return no_memory(e);
	return r;
}

static int parse_volume(struct run_mount *m, const char *text, const char *here, struct err *e)
{
	const char *first = strchr(text, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;
	const char *end = text + strlen(text);
	int r;

	if (!first) {
		m->type = RUN_MOUNT_ANONYMOUS;
		r = set_target(m, text, (size_t)(end - text), e);
		return r == 0 ? add_modes(m, "", e) : r;
	}
	if (first == text || first + 1 == (second ? second : end) || (second && strchr(second + 1, ':')))
		return err_set(e, -EINVAL, "invalid volume specification: '%s'", text);
	m->type = RUN_MOUNT_BIND;
	m->make_source = true;
	r = set_source(m, text, (size_t)(first - text), here, e);
	if (r == 0)
		r = set_target(m, first + 1, (size_t)((second ? second : end) - first - 1), e);
	return r == 0 ? add_modes(m, second ? second + 1 : "", e) : r;
}

int run_mounts_add_volume(struct run_mounts *m, const char *text, const char *here, struct err *e)
{
	struct run_mount item = { 0 };
	int r = parse_volume(&item, text, here, e);

	if (r == 0)
		return append(m, &item, e);
	run_mount_done(&item);
	return r;
}

/* What --mount's keys said, before it is clear what type it is. */
struct mount_keys {
	const char *type, *source, *target, *propagation;
	bool read_only, recursive;
	uint64_t tmpfs_size, tmpfs_mode;
	bool has_tmpfs;
};

static int read_flag(const char *value, bool *ret, struct err *e)
{
	if (!value) {
		*ret = true;
		return 0;
	}
	if (parse_bool(value, ret) < 0)
		return err_set(e, -EINVAL, "expected true or false");
	return 0;
}

static int read_tmpfs_key(struct mount_keys *k, const char *key, const char *value, struct err *e)
{
	k->has_tmpfs = true;
	if (strcmp(key, "tmpfs-size") == 0)
		return parse_size_bytes(value, &k->tmpfs_size) < 0 ? err_set(e, -EINVAL, "invalid size") : 0;
	if (parse_octal(value, 07777, &k->tmpfs_mode) < 0)
		return err_set(e, -EINVAL, "invalid mode: expected octal digits");
	return 0;
}

/* `value` is NULL where there is no '='. */
static int read_key(struct mount_keys *k, const char *key, const char *value, struct err *e)
{
	const struct {
		const char *name;
		const char **member;
	} TEXTS[] = {
		{ "type", &k->type },
		{ "source", &k->source },
		{ "src", &k->source },
		{ "target", &k->target },
		{ "destination", &k->target },
		{ "dst", &k->target },
		{ "bind-propagation", &k->propagation },
	};

	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0)
		return read_flag(value, &k->read_only, e);
	if (strcmp(key, "bind-nonrecursive") == 0) {
		int r = read_flag(value, &k->recursive, e);

		k->recursive = !k->recursive;
		return r;
	}
	if (strcmp(key, "consistency") == 0 || strcmp(key, "volume-nocopy") == 0)
		return 0;
	if (!value)
		return err_set(e, -EINVAL, "must be a key=value pair");
	if (strcmp(key, "tmpfs-size") == 0 || strcmp(key, "tmpfs-mode") == 0)
		return read_tmpfs_key(k, key, value, e);
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		if (strcmp(key, TEXTS[i].name) == 0) {
			*TEXTS[i].member = value;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "unexpected key '%s'", key);
}

static int read_keys(struct strvec *fields, struct mount_keys *k, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < fields->len; i++) {
		char *equals = strchr(fields->items[i], '=');

		if (equals)
			*equals = '\0';
		r = read_key(k, fields->items[i], equals ? equals + 1 : NULL, e);
		if (r < 0)
			return err_wrap(e, "invalid field '%s%s%s'", fields->items[i], equals ? "=" : "",
					equals ? equals + 1 : "");
	}
	return r;
}

static int fill_tmpfs(struct run_mount *m, const struct mount_keys *k, struct err *e)
{
	int r = 0;

	if (k->source)
		return err_set(e, -EINVAL,
			       "invalid mount config for type \"tmpfs\": field Source must not be specified");
	m->type = RUN_MOUNT_TMPFS;
	for (const char *const *o = (const char *const[]){ "noexec", "nosuid", "nodev", NULL }; *o && r == 0;
	     o++)
		r = strvec_add(&m->options, *o);
	if (r == 0 && k->read_only)
		r = strvec_add(&m->options, "ro");
	if (r == 0 && k->tmpfs_size)
		r = strvec_addf(&m->options, "size=%llu", (unsigned long long)k->tmpfs_size);
	if (r == 0 && k->tmpfs_mode)
		r = strvec_addf(&m->options, "mode=%llo", (unsigned long long)k->tmpfs_mode);
	return r < 0 ? no_memory(e) : 0;
}

static int fill_bind(struct run_mount *m, const struct mount_keys *k, const char *here, struct err *e)
{
	int r;

	m->type = RUN_MOUNT_BIND;
	if (!k->source)
		return err_set(e, -EINVAL,
			       "invalid mount config for type \"bind\": field Source must not be empty");
	if (k->source[0] != '/' && k->source[0] != '.')
		return err_set(e, -EINVAL,
			       "invalid mount config for type \"bind\": invalid mount path: '%s' mount path "
			       "must be absolute",
			       k->source);
	r = set_source(m, k->source, strlen(k->source), here, e);
	if (r < 0)
		return r;
	r = add_modes(m, k->propagation ? k->propagation : "", e);
	if (r == 0 && !k->recursive && strvec_add(&m->options, "bind") < 0)
		return no_memory(e);
	if (r == 0 && k->read_only && strvec_add(&m->options, "ro") < 0)
		return no_memory(e);
	if (r == 0 && !k->recursive)
		strvec_remove(&m->options, 0); /* the "rbind" of add_modes */
	return r;
}

static int fill_mount(struct run_mount *m, const struct mount_keys *k, const char *here, struct err *e)
{
	bool is_bind = k->type && strcmp(k->type, "bind") == 0;
	bool is_tmpfs = k->type && strcmp(k->type, "tmpfs") == 0;
	int r;

	if (!k->target)
		return err_set(e, -EINVAL, "field Target must not be empty");
	r = set_target(m, k->target, strlen(k->target), e);
	if (r < 0)
		return r;
	if (!is_tmpfs && k->has_tmpfs)
		return err_set(e, -EINVAL, "cannot mix 'tmpfs-*' options with mount type '%s'",
			       k->type ? k->type : "volume");
	if (!is_bind && (k->propagation || !k->recursive))
		return err_set(e, -EINVAL, "cannot mix 'bind-*' options with mount type '%s'",
			       k->type ? k->type : "volume");
	if (is_bind)
		return fill_bind(m, k, here, e);
	if (is_tmpfs)
		return fill_tmpfs(m, k, e);
	if (k->type && strcmp(k->type, "volume") != 0)
		return err_set(e, -EINVAL, "mount type unknown: \"%s\"", k->type);
	if (k->source)
		return err_set(e, -EOPNOTSUPP,
			       "named volumes are not supported yet: '%s' (use an absolute path)", k->source);
	m->type = RUN_MOUNT_ANONYMOUS;
	return add_modes(m, k->read_only ? "ro" : "", e);
}

int run_mounts_add_mount(struct run_mounts *m, const char *text, const char *here, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	struct mount_keys keys = { .recursive = true };
	struct run_mount item = { 0 };
	int r = run_split_csv(text, &fields, e);

	if (r == 0)
		r = read_keys(&fields, &keys, e);
	if (r == 0)
		r = fill_mount(&item, &keys, here, e);
	if (r == 0)
		return append(m, &item, e);
	run_mount_done(&item);
	return r;
}

int run_mounts_add_tmpfs(struct run_mounts *m, const char *text, struct err *e)
{
	const char *colon = strchr(text, ':');
	struct run_mount item = { .type = RUN_MOUNT_TMPFS };
	int r = set_target(&item, text, colon ? (size_t)(colon - text) : strlen(text), e);

	/* Docker's defaults; options that follow overrule them. */
	if (r == 0 && run_split("noexec,nosuid,nodev", ',', &item.options) < 0)
		r = no_memory(e);
	if (r == 0 && colon && run_split(colon + 1, ',', &item.options) < 0)
		r = no_memory(e);
	if (r == 0)
		return append(m, &item, e);
	run_mount_done(&item);
	return r;
}

int run_mounts_add_default(struct run_mounts *m, enum run_mount_type type, const char *source,
			   const char *target, struct err *e)
{
	struct run_mount item = { .type = (int)type };
	int r;

	if (run_mounts_find(m, target))
		return 0;
	r = set_target(&item, target, strlen(target), e);
	if (r == 0 && source) {
		item.source = strdup(source);
		r = item.source ? 0 : no_memory(e);
	}
	if (r == 0)
		r = add_modes(&item, "", e);
	if (r == 0)
		return append(m, &item, e);
	run_mount_done(&item);
	return r;
}

const struct run_mount *run_mounts_find(const struct run_mounts *m, const char *target)
{
	cleanup_free char *clean = run_clean_path(target);

	for (size_t i = 0; clean && i < m->len; i++)
		if (strcmp(m->items[i].target, clean) == 0)
			return &m->items[i];
	return NULL;
}

int run_mounts_check(const struct run_mounts *m, struct err *e)
{
	for (size_t i = 0; i < m->len; i++)
		if (run_mounts_find(m, m->items[i].target) != &m->items[i])
			return err_set(e, -EINVAL, "duplicate mount point: %s", m->items[i].target);
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int apply_one(struct run_mount *m, struct runtime_spec *s, struct err *e)
{
	bool tmpfs = m->type == RUN_MOUNT_TMPFS;
	struct spec_mount *mount;

	spec_remove_mount(s, m->target);
	mount = spec_add_mount(s, m->target, tmpfs ? "tmpfs" : "bind", tmpfs ? "tmpfs" : m->source);
	if (!mount || strvec_add_all(&mount->options, &m->options) < 0)
		return no_memory(e);
	return 0;
}

int run_mounts_apply(struct run_mounts *m, struct runtime_spec *s, struct err *e)
{
	size_t deepest = 0;
	int r = 0;

	for (size_t i = 0; i < m->len; i++)
		deepest = depth(m->items[i].target) > deepest ? depth(m->items[i].target) : deepest;
	/* By depth, and in the order of the command line within one depth. */
	for (size_t d = 0; r == 0 && d <= deepest; d++)
		for (size_t i = 0; r == 0 && i < m->len; i++)
			if (depth(m->items[i].target) == d)
				r = apply_one(&m->items[i], s, e);
	return r;
}
