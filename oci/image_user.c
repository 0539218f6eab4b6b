/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_user.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define FIELDS_MAX 7 /* of a passwd line */
#define NOBODY     65534u

/* A piece of one of the files; not terminated. */
struct slice {
	const char *at;
	size_t len;
};

struct entry {
	struct slice fields[FIELDS_MAX];
	size_t len;
};

static bool slice_is(const struct slice *s, const char *text, size_t len)
{
	return s->len == len && memcmp(s->at, text, len) == 0;
}

/* The next line of *text with at least `min_fields` fields. */
static bool next_entry(const char **text, size_t min_fields, struct entry *ret)
{
	while (**text) {
		const char *p = *text;
		size_t line = strcspn(p, "\n");
		const char *end = p + line;

		*text = *end ? end + 1 : end;
		for (ret->len = 0; ret->len < FIELDS_MAX; ret->len++) {
			const char *colon = memchr(p, ':', (size_t)(end - p));
			const char *stop = colon ? colon : end;

			ret->fields[ret->len] = (struct slice){ p, (size_t)(stop - p) };
			if (!colon) {
				ret->len++;
				break;
			}
			p = colon + 1;
		}
		if (ret->len >= min_fields && ret->fields[0].len > 0 && ret->fields[0].at[0] != '#')
			return true;
	}
	return false;
}

static int slice_id(const struct slice *s, uint32_t *ret)
{
	char text[16];
	uint64_t n = 0;

	if (s->len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s->at, s->len);
	text[s->len] = '\0';
	if (parse_u64(text, 0, IMAGE_USER_MAX_ID, &n) < 0)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

/* Is `what` a number? Then *ret_id is it. -ERANGE: a number that no ID can be. */
static int numeric(const struct slice *what, bool *ret_is, uint32_t *ret_id, struct err *e)
{
	*ret_is = what->len > 0;
	for (size_t i = 0; i < what->len; i++)
		*ret_is = *ret_is && what->at[i] >= '0' && what->at[i] <= '9';
	if (*ret_is && slice_id(what, ret_id) < 0)
		return err_set(e, -ERANGE, "uids and gids must be in range 0-%u", IMAGE_USER_MAX_ID);
	return 0;
}

struct lookup {
	bool found;
	struct slice name; /* of the user */
	struct slice home;
	uint32_t uid, gid;
};

/* By name, or by number where `what` is one. The first that matches, as runc takes it. */
static int find_user(const char *passwd, const struct slice *what, struct lookup *ret, struct err *e)
{
	bool is_number = false;
	uint32_t id = 0, uid, gid;
	struct entry line;
	int r = numeric(what, &is_number, &id, e);

	if (r < 0)
		return r;
	while (next_entry(&passwd, 4, &line)) {
		if (slice_id(&line.fields[2], &uid) < 0 || slice_id(&line.fields[3], &gid) < 0)
			continue;
		if (!slice_is(&line.fields[0], what->at, what->len) && !(is_number && uid == id))
			continue;
		*ret = (struct lookup){ .found = true, .name = line.fields[0], .uid = uid, .gid = gid };
		if (line.len > 5)
			ret->home = line.fields[5];
		return 0;
	}
	if (!is_number)
		return err_set(e, -EINVAL, "unable to find user %.*s: no matching entries in passwd file",
			       (int)what->len, what->at);
	*ret = (struct lookup){ .uid = id };
	return 0;
}

static int find_group(const char *group, const struct slice *what, uint32_t *ret, struct err *e)
{
	bool is_number = false;
	uint32_t id = 0, gid;
	struct entry line;
	int r = numeric(what, &is_number, &id, e);

	if (r < 0)
		return r;
	while (next_entry(&group, 3, &line)) {
		if (slice_id(&line.fields[2], &gid) < 0)
			continue;
		if (slice_is(&line.fields[0], what->at, what->len) || (is_number && gid == id)) {
			*ret = gid;
			return 0;
		}
	}
	if (!is_number)
		return err_set(e, -EINVAL, "unable to find group %.*s: no matching entries in group file",
			       (int)what->len, what->at);
	*ret = id;
	return 0;
}

/* Each group once. */
static int add_gid(struct spec_user *user, uint32_t gid, struct err *e)
{
	uint32_t *grown;

	for (size_t i = 0; i < user->additional_gids_len; i++)
		if (user->additional_gids[i] == gid)
			return 0;
	if (user->additional_gids_len >= IMAGE_USER_GROUPS_MAX)
		return err_set(e, -EFBIG, "the user is in more than %d groups", IMAGE_USER_GROUPS_MAX);
	grown = reallocarray(user->additional_gids, user->additional_gids_len + 1, sizeof(*grown));
	if (!grown)
		return err_set(e, -ENOMEM, "out of memory");
	user->additional_gids = grown;
	grown[user->additional_gids_len++] = gid;
	return 0;
}

/* Is `name` in a comma-separated list? */
static bool is_member(const struct slice *list, const struct slice *name)
{
	const char *p = list->at;
	const char *end = list->at + list->len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (slice_is(name, p, (size_t)(stop - p)))
			return true;
		p = stop + 1;
	}
	return false;
}

static int add_memberships(const char *group, const struct slice *name, struct spec_user *user, struct err *e)
{
	struct entry line;
	uint32_t gid;
	int r = 0;

	while (r == 0 && next_entry(&group, 4, &line))
		if (is_member(&line.fields[3], name) && slice_id(&line.fields[2], &gid) == 0)
			r = add_gid(user, gid, e);
	return r;
}

int image_user_resolve(const char *who, const char *passwd, const char *group,
		       const struct strvec *more_groups, struct spec_user *user, char **ret_home,
		       struct err *e)
{
	size_t len = strcspn(who, ":");
	struct slice name = { len ? who : "0", len ? len : 1 };
	const char *group_name = who[len] ? who + len + 1 : "";
	cleanup_free char *home = NULL;
	struct lookup found = { 0 };
	int r = find_user(passwd, &name, &found, e);

	if (r < 0)
		return r;
	user->uid = found.uid;
	user->gid = found.gid;
	if (group_name[0])
		r = find_group(group, &(struct slice){ group_name, strlen(group_name) }, &user->gid, e);
	if (r == 0)
		r = add_gid(user, user->gid, e);
	if (r == 0 && !group_name[0] && found.found)
		r = add_memberships(group, &found.name, user, e);
	for (size_t i = 0; r == 0 && i < more_groups->len; i++) {
		const char *more = more_groups->items[i];
		uint32_t gid = 0;

		r = find_group(group, &(struct slice){ more, strlen(more) }, &gid, e);
		if (r == 0)
			r = add_gid(user, gid, e);
	}
	if (r < 0)
		return r;
	home = found.home.len > 0 ? strndup(found.home.at, found.home.len) : strdup("/");
	if (!home)
		return err_set(e, -ENOMEM, "out of memory");
	*ret_home = ptr_take(home);
	return 0;
}

bool image_user_has_id(const char *text, uint32_t id)
{
	struct entry entry;
	uint32_t found = 0;

	while (next_entry(&text, 3, &entry)) /* in both files it is the third field */
		if (slice_id(&entry.fields[2], &found) == 0 && found == id)
			return true;
	return false;
}

uint32_t image_user_highest_id(const char *text)
{
	struct entry entry;
	uint32_t highest = 0, id = 0;

	while (next_entry(&text, 3, &entry))
		if (slice_id(&entry.fields[2], &id) == 0 && id != NOBODY && id > highest)
			highest = id;
	return highest;
}
