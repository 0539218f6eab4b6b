/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_mounts.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_mount_text.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "store/volume.h"

static void run_mount_done(struct run_mount *m)
{
	free(m->source);
	free(m->target);
	free(m->subpath);
	strvec_done(&m->options);
	strvec_done(&m->labels);
	strvec_done(&m->driver_options);
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

/* Absolute, or relative to `here`. */
static int set_source(struct run_mount *m, const char *text, size_t len, const char *here, struct err *e)
{
	cleanup_free char *copy = strndup(text, len);
	cleanup_free char *joined = NULL;

	if (!copy)
		return no_memory(e);
	if (asprintf(&joined, "%s/%s", copy[0] == '/' ? "" : here, copy) < 0) {
		joined = NULL;
		return no_memory(e);
	}
	free(m->source);
	m->source = run_clean_path(joined);
	return m->source ? 0 : no_memory(e);
}

static int set_volume(struct run_mount *m, const char *text, size_t len, struct err *e)
{
	m->type = RUN_MOUNT_VOLUME;
	free(m->source);
	m->source = strndup(text, len);
	return m->source ? volume_name_check(m->source, e) : no_memory(e);
}

/* One word behind the second colon of -v. */
static int add_mode(struct run_mount *m, const char *word, bool *propagation, struct err *e)
{
	static const char *const IGNORED[] = { "z", "Z", "copy", "cached", "delegated", "consistent", "rw" };
	static const char *const PROPAGATION[] = { "shared", "rshared", "slave",
						   "rslave", "private", "rprivate" };

	for (size_t i = 0; i < ARRAY_LEN(IGNORED); i++)
		if (strcmp(word, IGNORED[i]) == 0)
			return 0;
	if (strcmp(word, "nocopy") == 0) {
		m->no_copy = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(PROPAGATION); i++) {
		if (strcmp(word, PROPAGATION[i]) == 0 && m->type == RUN_MOUNT_BIND) {
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
		r = strvec_split(&words, text, ',');
	if (r < 0)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < words.len; i++)
		r = add_mode(m, words.items[i], &propagation, e);
	if (r == 0 && !propagation && strvec_add(&m->options, "rprivate") < 0)
		return no_memory(e);
	return r;
}

static int set_host_or_volume(struct run_mount *m, const char *text, size_t len, const char *here,
			      struct err *e)
{
	m->type = RUN_MOUNT_BIND;
	m->make_source = true;
	return text[0] == '/' || text[0] == '.' ? set_source(m, text, len, here, e)
						: set_volume(m, text, len, e);
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
	r = set_host_or_volume(m, text, (size_t)(first - text), here, e);
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
	const char *type, *source, *target, *propagation, *recursive_mode, *subpath, *driver;
	bool read_only, recursive, no_copy, writable;
	uint64_t tmpfs_size, tmpfs_mode;
	bool has_tmpfs, has_volume, has_image;
	struct strvec labels, driver_options; /* borrowed by nobody: moved into the mount */
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

static int read_volume_key(struct mount_keys *k, const char *key, const char *value, struct err *e)
{
	int r = 0;

	k->has_volume = true;
	if (strcmp(key, "volume-subpath") == 0)
		k->subpath = value;
	else if (strcmp(key, "volume-driver") == 0)
		k->driver = value;
	else if (strcmp(key, "volume-label") == 0)
		r = strvec_addf(&k->labels, "%s%s", value, strchr(value, '=') ? "" : "=");
	else if (strcmp(key, "volume-opt") == 0)
		r = strvec_addf(&k->driver_options, "%s%s", value, strchr(value, '=') ? "" : "=");
	else
		return err_set(e, -EINVAL, "unexpected key '%s'", key);
	return r < 0 ? no_memory(e) : 0;
}

/* Those that need no value. 1: it is one. */
static int read_switch(struct mount_keys *k, const char *key, const char *value, struct err *e)
{
	int r;

	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0) {
		r = read_flag(value, &k->read_only, e);
	} else if (strcmp(key, "rw") == 0) {
		r = read_flag(value, &k->writable, e);
	} else if (strcmp(key, "bind-nonrecursive") == 0) {
		r = read_flag(value, &k->recursive, e);
		k->recursive = !k->recursive;
	} else if (strcmp(key, "volume-nocopy") == 0) {
		k->has_volume = true;
		r = read_flag(value, &k->no_copy, e);
	} else {
		return strcmp(key, "consistency") == 0;
	}
	return r < 0 ? r : 1;
}

/* Podman's name for docker's two, and the one for images. 1: it is one. */
static int read_subpath_key(struct mount_keys *k, const char *key, const char *value)
{
	bool is_image = strcmp(key, "image-subpath") == 0;

	if (!is_image && strcmp(key, "subpath") != 0)
		return 0;
	k->subpath = value;
	k->has_image |= is_image;
	return 1;
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
		{ "bind-recursive", &k->recursive_mode },
	};
	int r = read_switch(k, key, value, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!value)
		return err_set(e, -EINVAL, "must be a key=value pair");
	if (strcmp(key, "tmpfs-size") == 0 || strcmp(key, "tmpfs-mode") == 0)
		return read_tmpfs_key(k, key, value, e);
	if (strncmp(key, "volume-", 7) == 0)
		return read_volume_key(k, key, value, e);
	if (read_subpath_key(k, key, value))
		return 0;
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

/* bind-recursive, which says what bind-nonrecursive says, and what becomes of mounts below a read-only one. */
static int read_recursive_mode(struct mount_keys *k, bool *ret_read_only, struct err *e)
{
	const char *mode = k->recursive_mode ? k->recursive_mode : "enabled";
	bool writable = strcmp(mode, "writable") == 0;

	*ret_read_only = strcmp(mode, "readonly") == 0;
	if ((writable || *ret_read_only) && !k->read_only)
		return err_set(
			e, -EINVAL,
			"option 'bind-recursive=%s' requires 'readonly' to be specified in conjunction",
			mode);
	if (*ret_read_only && (!k->propagation || strcmp(k->propagation, "rprivate") != 0))
		return err_set(e, -EINVAL,
			       "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be "
			       "specified in conjunction");
	if (strcmp(mode, "disabled") == 0)
		k->recursive = false;
	else if (!writable && !*ret_read_only && strcmp(mode, "enabled") != 0)
		return err_set(e, -EINVAL,
			       "invalid value for bind-recursive: %s (must be \"enabled\", \"disabled\", "
			       "\"writable\", or \"readonly\")",
			       mode);
	return 0;
}

static int fill_bind(struct run_mount *m, struct mount_keys *k, const char *here, struct err *e)
{
	bool all_read_only = false;
	int r = read_recursive_mode(k, &all_read_only, e);

	if (r < 0)
		return r;
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
	if (r == 0 && all_read_only && strvec_add(&m->options, "rro") < 0)
		return no_memory(e);
	if (r == 0 && !k->recursive)
		strvec_remove(&m->options, 0); /* the "rbind" of add_modes */
	return r;
}

/* Kept as an absolute one, from the root of what it is of. */
static int set_subpath(struct run_mount *m, const char *subpath, const char *what, struct err *e)
{
	if (subpath[0] == '/')
		return err_set(e, -EINVAL, "subpath must be a relative path within the %s", what);
	m->subpath = run_clean_path(subpath);
	return m->subpath ? 0 : no_memory(e);
}

static int fill_volume(struct run_mount *m, struct mount_keys *k, struct err *e)
{
	int r = 0;

	m->type = RUN_MOUNT_ANONYMOUS;
	m->no_copy = k->no_copy;
	if (k->driver && strcmp(k->driver, VOLUME_DRIVER) != 0)
		return err_set(e, -ENOENT, "error looking up volume plugin %s: plugin \"%s\" not found",
			       k->driver, k->driver);
	if (k->source && *k->source)
		r = set_volume(m, k->source, strlen(k->source), e);
	if (r == 0 && k->subpath) {
		if (m->type == RUN_MOUNT_ANONYMOUS)
			return err_set(e, -EINVAL, "must not set Subpath when using anonymous volumes");
		r = set_subpath(m, k->subpath, "volume", e);
	}
	if (r < 0)
		return r;
	m->labels = k->labels;
	m->driver_options = k->driver_options;
	k->labels = k->driver_options = (struct strvec){ 0 };
	return add_modes(m, k->read_only ? "ro" : "", e);
}

static int fill_image(struct run_mount *m, const struct mount_keys *k, struct err *e)
{
	m->type = RUN_MOUNT_IMAGE;
	if (!k->source || !*k->source)
		return err_set(e, -EINVAL,
			       "invalid mount config for type \"image\": field Source must not be empty");
	if (k->writable)
		return err_set(e, -EOPNOTSUPP, "images are mounted read-only: 'rw' is not supported");
	m->source = strdup(k->source);
	if (!m->source)
		return no_memory(e);
	return k->subpath ? set_subpath(m, k->subpath, "image", e) : 0;
}

static int check_mix(const struct mount_keys *k, const char *type, struct err *e)
{
	if (k->has_tmpfs && strcmp(type, "tmpfs") != 0)
		return err_set(e, -EINVAL, "cannot mix 'tmpfs-*' options with mount type '%s'", type);
	if ((k->propagation || !k->recursive || k->recursive_mode) && strcmp(type, "bind") != 0)
		return err_set(e, -EINVAL, "cannot mix 'bind-*' options with mount type '%s'", type);
	if (k->has_volume && strcmp(type, "volume") != 0)
		return err_set(e, -EINVAL, "cannot mix 'volume-*' options with mount type '%s'", type);
	if (k->has_image && strcmp(type, "image") != 0)
		return err_set(e, -EINVAL, "cannot mix 'image-*' options with mount type '%s'", type);
	if (k->subpath && strcmp(type, "image") != 0 && strcmp(type, "volume") != 0)
		return err_set(e, -EINVAL, "cannot mix 'subpath' with mount type '%s'", type);
	return 0;
}

static int fill_mount(struct run_mount *m, struct mount_keys *k, const char *here, struct err *e)
{
	const char *type = k->type ? k->type : "volume";
	int r;

	if (!k->target)
		return err_set(e, -EINVAL, "field Target must not be empty");
	r = set_target(m, k->target, strlen(k->target), e);
	if (r < 0)
		return r;
	r = check_mix(k, type, e);
	if (r < 0)
		return r;
	if (strcmp(type, "bind") == 0)
		return fill_bind(m, k, here, e);
	if (strcmp(type, "tmpfs") == 0)
		return fill_tmpfs(m, k, e);
	if (strcmp(type, "image") == 0)
		return fill_image(m, k, e);
	if (strcmp(type, "volume") == 0)
		return fill_volume(m, k, e);
	return err_set(e, -EINVAL, "mount type unknown: \"%s\"", type);
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
	strvec_done(&keys.labels);
	strvec_done(&keys.driver_options);
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
	if (r == 0 && strvec_split(&item.options, "noexec,nosuid,nodev", ',') < 0)
		r = no_memory(e);
	if (r == 0 && colon && strvec_split(&item.options, colon + 1, ',') < 0)
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
	static const char *const TYPES[] = { [RUN_MOUNT_TMPFS] = "tmpfs", [RUN_MOUNT_IMAGE] = "overlay" };
	const char *type = m->type == RUN_MOUNT_TMPFS || m->type == RUN_MOUNT_IMAGE ? TYPES[m->type] : "bind";
	struct spec_mount *mount;

	spec_remove_mount(s, m->target);
	mount = spec_add_mount(s, m->target, type, m->type == RUN_MOUNT_BIND ? m->source : type);
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
