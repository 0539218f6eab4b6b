/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_mount.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build/csv.h"
#include "build/suggest.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "common/strvec.h"

#define WRONG_TYPE "unexpected key '%s' for mount type '%s'"

static const char *const TYPES[] = { "bind", "cache", "secret", "ssh", "tmpfs" };
static const char *const SHARING[] = { "shared", "private", "locked" };

const char *run_mount_type_name(enum run_mount_type type)
{
	return TYPES[type];
}

void run_mount_done(struct run_mount *m)
{
	free(m->from);
	free(m->source);
	free(m->target);
	free(m->id);
	free(m->env);
	*m = (struct run_mount){ 0 };
}

/* A mount that is being read. */
struct reading {
	struct run_mount m;
	bool readonly_set, sharing_set;
	const char *owner_key; /* "mode", "uid" or "gid", the last that is given */
};

/* One "key=value". */
struct field {
	const char *text; /* all of it */
	const char *key;  /* in lower case */
	const char *value;
};

static bool has_required(const struct reading *r)
{
	return r->m.type == RUN_MOUNT_SECRET || r->m.type == RUN_MOUNT_SSH;
}

static int index_of(const char *text, const char *const *names, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strcasecmp(text, names[i]) == 0)
			return (int)i;
	return -1;
}

static int read_type(struct reading *r, const struct field *f, struct err *e)
{
	int type = index_of(f->value, TYPES, ARRAY_LEN(TYPES));

	if (type < 0)
		return err_set(e, -EINVAL, "unsupported mount type \"%s\"%s", f->value,
			       suggest(f->value, TYPES, ARRAY_LEN(TYPES), false).text);
	r->m.type = (enum run_mount_type)type;
	return 0;
}

static int read_sharing(struct reading *r, const struct field *f, struct err *e)
{
	int sharing = index_of(f->value, SHARING, ARRAY_LEN(SHARING));

	if (sharing < 0)
		return err_set(e, -EINVAL, "unsupported sharing value \"%s\"%s", f->value,
			       suggest(f->value, SHARING, ARRAY_LEN(SHARING), false).text);
	r->m.sharing = (enum run_mount_sharing)sharing;
	r->sharing_set = true;
	return 0;
}

static int keep(char **member, const struct field *f, struct err *e)
{
	free(*member);
	*member = *f->value ? strdup(f->value) : NULL;
	return *member || !*f->value ? 0 : err_code(e, -ENOMEM, "cannot read a mount");
}

static int read_from(struct reading *r, const struct field *f, struct err *e)
{
	return keep(&r->m.from, f, e);
}

static int read_source(struct reading *r, const struct field *f, struct err *e)
{
	return keep(&r->m.source, f, e);
}

static int read_target(struct reading *r, const struct field *f, struct err *e)
{
	return keep(&r->m.target, f, e);
}

static int read_id(struct reading *r, const struct field *f, struct err *e)
{
	return keep(&r->m.id, f, e);
}

static int read_env(struct reading *r, const struct field *f, struct err *e)
{
	return keep(&r->m.env, f, e);
}

/* `ret` for a key that stands alone is true. */
static int read_bool(const struct field *f, bool *ret, struct err *e)
{
	if (parse_bool(f->value, ret) < 0)
		return err_set(e, -EINVAL, "invalid value for %s: %s", f->key, f->value);
	return 0;
}

static int read_readonly(struct reading *r, const struct field *f, struct err *e)
{
	r->readonly_set = true;
	return read_bool(f, &r->m.readonly, e);
}

static int read_readwrite(struct reading *r, const struct field *f, struct err *e)
{
	bool writable = true;
	int ret = read_bool(f, &writable, e);

	r->readonly_set = true;
	r->m.readonly = !writable;
	return ret;
}

static int read_required(struct reading *r, const struct field *f, struct err *e)
{
	if (!has_required(r))
		return err_set(e, -EINVAL, WRONG_TYPE, f->key, TYPES[r->m.type]);
	return read_bool(f, &r->m.required, e);
}

static int read_size(struct reading *r, const struct field *f, struct err *e)
{
	if (r->m.type != RUN_MOUNT_TMPFS)
		return err_set(e, -EINVAL, WRONG_TYPE, f->key, TYPES[r->m.type]);
	if (parse_size_bytes(f->value, &r->m.size_bytes) < 0)
		return err_set(e, -EINVAL, "invalid value for %s: %s", f->key, f->value);
	return 0;
}

static int read_number(const struct field *f, bool octal, struct run_mount_number *ret, struct err *e)
{
	uint64_t n = 0;
	int r = octal ? parse_octal(f->value, UINT32_MAX, &n) : parse_u64(f->value, 0, UINT32_MAX, &n);

	if (r < 0)
		return err_set(e, -EINVAL, "invalid value %s for %s", f->value, f->key);
	*ret = (struct run_mount_number){ true, (uint32_t)n };
	return 0;
}

static int read_mode(struct reading *r, const struct field *f, struct err *e)
{
	r->owner_key = "mode";
	return read_number(f, true, &r->m.mode, e);
}

/* buildah's */
static int read_tmpfs_mode(struct reading *r, const struct field *f, struct err *e)
{
	return read_number(f, true, &r->m.mode, e);
}

static int read_uid(struct reading *r, const struct field *f, struct err *e)
{
	r->owner_key = "uid";
	return read_number(f, false, &r->m.uid, e);
}

static int read_gid(struct reading *r, const struct field *f, struct err *e)
{
	r->owner_key = "gid";
	return read_number(f, false, &r->m.gid, e);
}

static int read_nosuid(struct reading *r, const struct field *f, struct err *e)
{
	return read_bool(f, &r->m.nosuid, e);
}

static int read_nodev(struct reading *r, const struct field *f, struct err *e)
{
	return read_bool(f, &r->m.nodev, e);
}

static int read_noexec(struct reading *r, const struct field *f, struct err *e)
{
	return read_bool(f, &r->m.noexec, e);
}

static int read_chown(struct reading *r, const struct field *f, struct err *e)
{
	return read_bool(f, &r->m.chown, e);
}

/* Of buildah: SELinux labels, and how mounts spread, which they do not out of a build. */
static int read_nothing(struct reading *r, const struct field *f, struct err *e)
{
	(void)r;
	(void)f;
	(void)e;
	return 0;
}

enum { ALONE = 1, OF_BUILDAH = 2 }; /* may stand without a value; is not suggested */

static const struct key {
	const char *name;
	int (*read)(struct reading *r, const struct field *f, struct err *e);
	int flags;
} KEYS[] = {
	{ "type", read_type, 0 },
	{ "from", read_from, 0 },
	{ "source", read_source, 0 },
	{ "target", read_target, 0 },
	{ "readonly", read_readonly, ALONE },
	{ "id", read_id, 0 },
	{ "sharing", read_sharing, 0 },
	{ "required", read_required, ALONE },
	{ "size", read_size, 0 },
	{ "mode", read_mode, 0 },
	{ "uid", read_uid, 0 },
	{ "gid", read_gid, 0 },
	{ "src", read_source, 0 },
	{ "dst", read_target, 0 },
	{ "destination", read_target, 0 },
	{ "ro", read_readonly, ALONE },
	{ "rw", read_readwrite, ALONE },
	{ "readwrite", read_readwrite, ALONE },
	{ "env", read_env, 0 },
	{ "nosuid", read_nosuid, ALONE | OF_BUILDAH },
	{ "nodev", read_nodev, ALONE | OF_BUILDAH },
	{ "noexec", read_noexec, ALONE | OF_BUILDAH },
	{ "u", read_chown, ALONE | OF_BUILDAH },
	{ "chown", read_chown, ALONE | OF_BUILDAH },
	{ "tmpfs-size", read_size, OF_BUILDAH },
	{ "tmpfs-mode", read_tmpfs_mode, OF_BUILDAH },
	{ "z", read_nothing, ALONE | OF_BUILDAH },
	{ "relabel", read_nothing, OF_BUILDAH },
	{ "bind-nonrecursive", read_nothing, ALONE | OF_BUILDAH },
	{ "bind-propagation", read_nothing, OF_BUILDAH },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		if (strcmp(KEYS[i].name, name) == 0)
			return &KEYS[i];
	return NULL;
}

static int unknown_key(const struct field *f, struct err *e)
{
	const char *names[ARRAY_LEN(KEYS)];
	size_t n = 0;

	if (!strchr(f->text, '='))
		return err_set(e, -EINVAL, "invalid field '%s' must be a key=value pair", f->text);
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		if (!(KEYS[i].flags & OF_BUILDAH))
			names[n++] = KEYS[i].name;
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s'%s", f->key, f->text,
		       suggest(f->key, names, n, false).text);
}

/* The key in lower case, owned. */
static char *key_of(const char *field)
{
	char *key = strndup(field, strcspn(field, "="));

	for (char *c = key; c && *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	return key;
}

static int read_field(struct reading *r, const char *text, const struct run_mount_expander *x, struct err *e)
{
	cleanup_free char *key = key_of(text), *expanded = NULL;
	const char *equals = strchr(text, '=');
	struct field f = { text, key, equals ? equals + 1 : "true" };
	const struct key *k;

	if (!key)
		return err_code(e, -ENOMEM, "cannot read a mount");
	k = find_key(key);
	if (!k || (!equals && !(k->flags & ALONE)))
		return k ? err_set(e, -EINVAL, "invalid field '%s' must be a key=value pair", text)
			 : unknown_key(&f, e);
	if (equals && x) {
		int ret = x->expand(x->arg, f.value, &expanded, e);

		if (ret < 0)
			return ret;
		f.value = expanded;
	}
	return k->read(r, &f, e);
}

static int check_owner(const struct reading *r, struct err *e)
{
	if (!r->owner_key || (r->m.type != RUN_MOUNT_BIND && r->m.type != RUN_MOUNT_TMPFS))
		return 0;
	return err_set(e, -EINVAL, "%s not allowed for \"%s\" type mounts", r->owner_key, TYPES[r->m.type]);
}

static int check_secret(const struct reading *r, struct err *e)
{
	const struct run_mount *m = &r->m;

	if (m->from)
		return err_set(e, -EINVAL, "secret mount should not have a from");
	if (r->sharing_set)
		return err_set(e, -EINVAL, "secret mount should not define sharing");
	if (!m->source && !m->target && !m->id)
		return err_set(e, -EINVAL, "invalid secret mount. one of source, target required");
	if (m->source && m->id)
		return err_set(e, -EINVAL, "both source and id can't be set");
	return 0;
}

static int check(struct reading *r, struct err *e)
{
	int ret = check_owner(r, e);

	if (!r->readonly_set)
		r->m.readonly = r->m.type != RUN_MOUNT_CACHE && r->m.type != RUN_MOUNT_TMPFS;
	if (ret == 0 && r->m.type == RUN_MOUNT_SECRET)
		ret = check_secret(r, e);
	if (ret == 0 && r->sharing_set && r->m.type != RUN_MOUNT_CACHE)
		ret = err_set(e, -EINVAL, "invalid cache sharing set for %s mount", TYPES[r->m.type]);
	return ret;
}

static int split(const char *text, struct strvec *out, const char *what, struct err *e)
{
	return csv_fields(text, out, e) < 0 ? err_wrap(e, "failed to parse csv %s", what) : 0;
}

int run_mount_parse(const char *text, const struct run_mount_expander *x, struct run_mount *ret,
		    struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	struct reading r = { .m = { .type = RUN_MOUNT_BIND } };
	int code = split(text, &fields, "mounts", e);

	for (size_t i = 0; code == 0 && i < fields.len; i++)
		code = read_field(&r, fields.items[i], x, e);
	if (code == 0)
		code = check(&r, e);
	if (code < 0) {
		run_mount_done(&r.m);
		return code;
	}
	*ret = r.m;
	return 0;
}

int run_mount_from(const char *text, char **ret, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	const char *from = NULL;
	int r = split(text, &fields, "mounts", e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < fields.len; i++)
		if (strncasecmp(fields.items[i], "from=", 5) == 0)
			from = fields.items[i] + 5;
	*ret = from && *from ? strdup(from) : NULL;
	return from && *from && !*ret ? err_code(e, -ENOMEM, "cannot read a mount") : 0;
}
