/* SPDX-License-Identifier: Apache-2.0 */
/* What is hashed, after a line with a version: fields, each a letter that says what it is, its length in 8 bytes (little-endian), and its bytes. Lists have
 * a field with their number in front. So no two steps have the same stream. */
#include "build/step_key.h"

#include <endian.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"

#define VERSION "sampan build key 1\n"

enum field {
	FIELD_KIND = 'k',
	FIELD_PLATFORM = 'p',
	FIELD_BEFORE = 'b',
	FIELD_COUNT = 'n',
	FIELD_TEXT = 't',
	FIELD_ABSENT = '0', /* a text that is not there, which is not an empty one */
	FIELD_NUMBER = 'i',
	FIELD_DIGEST = 'd',
	FIELD_NO_DIGEST = 'u',
};

/* The first error stays, and nothing is hashed after it. */
struct key_stream {
	struct hash hash;
	struct err *e;
	int r;
};

static void key_stream_done(struct key_stream *s)
{
	hash_done(&s->hash);
}
#define cleanup_key_stream __attribute__((cleanup(key_stream_done)))

static void put(struct key_stream *s, enum field field, const void *data, size_t len)
{
	unsigned char head[1 + sizeof(uint64_t)] = { (unsigned char)field };
	uint64_t le = htole64(len);

	memcpy(head + 1, &le, sizeof(le));
	if (s->r == 0)
		s->r = hash_update(&s->hash, head, sizeof(head), s->e);
	if (s->r == 0 && len > 0)
		s->r = hash_update(&s->hash, data, len, s->e);
}

static void put_text(struct key_stream *s, const char *text)
{
	if (text)
		put(s, FIELD_TEXT, text, strlen(text));
	else
		put(s, FIELD_ABSENT, NULL, 0);
}

static void put_number_as(struct key_stream *s, enum field field, uint64_t value)
{
	uint64_t le = htole64(value);

	put(s, field, &le, sizeof(le));
}

static void put_number(struct key_stream *s, uint64_t value)
{
	put_number_as(s, FIELD_NUMBER, value);
}

static void put_list(struct key_stream *s, const struct strvec *list)
{
	put_number_as(s, FIELD_COUNT, list->len);
	for (size_t i = 0; i < list->len; i++)
		put_text(s, list->items[i]);
}

static void put_digest(struct key_stream *s, const struct digest *d)
{
	if (d && digest_is_set(d))
		put(s, FIELD_DIGEST, d->text, strlen(d->text));
	else
		put(s, FIELD_NO_DIGEST, NULL, 0);
}

static void put_platform(struct key_stream *s, const struct platform *p)
{
	char text[3 * PLATFORM_FIELD_MAX];

	platform_format(p, text);
	put(s, FIELD_PLATFORM, text, strlen(text));
}

static int begin(struct key_stream *s, const char *kind, struct err *e)
{
	s->e = e;
	s->r = hash_init(&s->hash, "sha256", e);
	if (s->r == 0)
		s->r = hash_update(&s->hash, VERSION, strlen(VERSION), e);
	put(s, FIELD_KIND, kind, strlen(kind));
	return s->r;
}

static int end(struct key_stream *s, struct digest *ret, struct err *e)
{
	return s->r < 0 ? s->r : hash_final(&s->hash, ret, e);
}

int step_key_begin(const struct plan_stage *stage, const struct digest *base, struct digest *ret,
		   struct err *e)
{
	cleanup_key_stream struct key_stream s = { .r = 0 };
	bool scratch = stage->base.kind == PLAN_SCRATCH;

	if (scratch == digest_is_set(base))
		return err_set(e, -EINVAL,
			       scratch ? "'scratch' has no content" : "what '%s' is based on has no digest",
			       stage->name);
	if (begin(&s, scratch ? "scratch" : "base", e) < 0)
		return s.r;
	put_platform(&s, &stage->platform);
	put_digest(&s, base);
	return end(&s, ret, e);
}

/* --- RUN ------------------------------------------------------------------------------------------------ */

static void put_mount_number(struct key_stream *s, const struct run_mount_number *n)
{
	put_number(s, n->set);
	put_number(s, n->set ? n->value : 0);
}

/* Caches are shared by their ids, and secrets and sockets are only there or not: what is in them is no part of the key. */
static void put_mount(struct key_stream *s, const struct plan_run_mount *m, const struct digest *content)
{
	const struct run_mount *r = &m->mount;
	const bool flags[] = { r->readonly, r->required, r->nosuid, r->nodev, r->noexec, r->chown };

	put_text(s, run_mount_type_name(r->type));
	put_text(s, r->source);
	put_text(s, r->target);
	put_text(s, r->type == RUN_MOUNT_BIND ? NULL : r->id);
	put_text(s, r->env);
	put_number(s, (uint64_t)r->sharing);
	put_mount_number(s, &r->mode);
	put_mount_number(s, &r->uid);
	put_mount_number(s, &r->gid);
	put_number(s, r->size_bytes);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		put_number(s, flags[i]);
	put_digest(s, content);
}

static void put_run(struct key_stream *s, const struct plan_run *run, const struct digest *contents)
{
	put_list(s, &run->argv);
	put_list(s, &run->env);
	put_text(s, run->cwd);
	put_text(s, run->user);
	put_text(s, run->network);
	put_number(s, run->insecure);
	put_text(s, run->program_name);
	put_text(s, run->program_text);
	put_number_as(s, FIELD_COUNT, run->mounts_len);
	for (size_t i = 0; i < run->mounts_len; i++)
		put_mount(s, &run->mounts[i], &contents[i]);
	put_number_as(s, FIELD_COUNT, run->devices_len);
	for (size_t i = 0; i < run->devices_len; i++) {
		put_text(s, run->devices[i].name);
		put_number(s, run->devices[i].required);
	}
}

/* --- COPY, ADD ------------------------------------------------------------------------------------------ */

static bool is_fetched(enum plan_copy_kind kind)
{
	return kind == PLAN_COPY_URL || kind == PLAN_COPY_GIT;
}

static void put_source(struct key_stream *s, const struct plan_copy_source *from,
		       const struct digest *content)
{
	put_number(s, (uint64_t)from->kind);
	put_number(s, from->unpack);
	switch (from->kind) {
	case PLAN_COPY_PATH: /* the names that count are in the digest of the content */
		break;
	case PLAN_COPY_HEREDOC:
		put_text(s, from->text);
		put_text(s, from->content);
		break;
	case PLAN_COPY_URL:
		put_text(s, from->file_name);
		put_digest(s, content);
		break;
	case PLAN_COPY_GIT:
		put_text(s, from->git.subdir);
		put_number(s, from->git.keep_git_dir.value);
		put_number(s, from->git.no_submodules);
		put_digest(s, content);
		break;
	}
}

static void put_copy(struct key_stream *s, const struct plan_copy *copy, const struct digest *contents)
{
	size_t next = 1;

	put_text(s, copy->dest);
	put_text(s, copy->chown);
	put_text(s, copy->chmod);
	put_list(s, &copy->exclude);
	put_number(s, copy->parents);
	put_number(s, copy->link);
	put_digest(s, &contents[0]);
	put_number_as(s, FIELD_COUNT, copy->len);
	for (size_t i = 0; i < copy->len; i++) {
		const struct plan_copy_source *from = &copy->sources[i];

		put_source(s, from, is_fetched(from->kind) ? &contents[next++] : NULL);
	}
}

/* --- any ------------------------------------------------------------------------------------------------ */

static size_t count(const struct plan_copy *copy, bool fetched)
{
	size_t n = 0;

	for (size_t i = 0; i < copy->len; i++)
		n += fetched ? is_fetched(copy->sources[i].kind) : copy->sources[i].kind == PLAN_COPY_PATH;
	return n;
}

size_t step_key_contents(const struct plan_step *step)
{
	switch (step->kind) {
	case PLAN_RUN:
		return step->run.mounts_len;
	case PLAN_COPY:
		return 1 + count(&step->copy, true);
	case PLAN_WORKDIR:
		break;
	}
	return 0;
}

/* A content that nobody looked at would make steps equal that are not. */
static bool is_wanted(const struct plan_step *step, size_t index)
{
	if (step->kind == PLAN_COPY)
		return index > 0 || count(&step->copy, false) > 0;
	return step->kind == PLAN_RUN && step->run.mounts[index].mount.type == RUN_MOUNT_BIND;
}

static int check_contents(const struct plan_step *step, const struct digest *contents, size_t len,
			  struct err *e)
{
	size_t wanted = step_key_contents(step);

	if (len != wanted)
		return err_set(e, -EINVAL, "%zu digests where '%s' has %zu contents", len, step->text,
			       wanted);
	for (size_t i = 0; i < len; i++)
		if (is_wanted(step, i) && !digest_is_set(&contents[i]))
			return err_set(e, -EINVAL, "content %zu of '%s' has no digest", i, step->text);
	return 0;
}

/* A layer that can lie on any other one; but names of users are looked up in the one below. */
static bool stands_alone(const struct plan_step *step)
{
	const char *owner = step->copy.chown;

	return step->kind == PLAN_COPY && step->copy.link &&
	       (!owner || strspn(owner, "0123456789:") == strlen(owner));
}

int step_key_next(const struct digest *before, const struct plan_step *step, const struct digest *contents,
		  size_t len, const int64_t *epoch, struct digest *ret, struct err *e)
{
	static const char *const KINDS[] = {
		[PLAN_RUN] = "run", [PLAN_COPY] = "copy", [PLAN_WORKDIR] = "workdir"
	};
	cleanup_key_stream struct key_stream s = { .r = 0 };
	bool alone = stands_alone(step);

	if (check_contents(step, contents, len, e) < 0 || begin(&s, KINDS[step->kind], e) < 0)
		return e->code;
	put_platform(&s, &step->platform);
	put(&s, FIELD_BEFORE, before->text, alone ? 0 : strlen(before->text));
	put_number(&s, epoch != NULL);
	put_number(&s, epoch ? (uint64_t)*epoch : 0);
	switch (step->kind) {
	case PLAN_RUN:
		put_run(&s, &step->run, contents);
		break;
	case PLAN_COPY:
		put_copy(&s, &step->copy, contents);
		break;
	case PLAN_WORKDIR:
		put_text(&s, step->directory);
		put_text(&s, step->directory_user);
		break;
	}
	return end(&s, ret, e);
}
