/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_userns.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/container_spec.h"

#define KEEP_ID   "keep-id"
#define CONTAINER "container:"
#define PATH      "ns:"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* --- keep-id and nomap --- */

struct keep {
	bool has_uid, has_gid;
	uint32_t uid, gid;
};

/* "uid=200,gid=210" */
static int parse_keep(const char *text, struct keep *ret, struct err *e)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		bool is_uid = strncmp(text, "uid=", 4) == 0;
		cleanup_free char *value = len > 4 ? strndup(text + 4, len - 4) : strdup("");
		uint64_t n;

		if (!value)
			return no_memory(e);
		if (!is_uid && strncmp(text, "gid=", 4) != 0)
			return err_set(e, -EINVAL,
				       "unknown option specified: \"%.*s\" (--userns " KEEP_ID
				       ":uid=UID,gid=GID)",
				       (int)len, text);
		if (parse_u64(value, 0, INT32_MAX, &n) < 0)
			return err_set(e, -EINVAL, "invalid value '%.*s' for --userns " KEEP_ID, (int)len,
				       text);
		*(is_uid ? &ret->uid : &ret->gid) = (uint32_t)n;
		*(is_uid ? &ret->has_uid : &ret->has_gid) = true;
		text += len + (text[len] == ',');
	}
	return 0;
}

/* How many IDs we have, the user's own not counted. */
static uint32_t count(const struct spec_id_mapping *m, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += m[i].size;
	return n > INT32_MAX ? INT32_MAX : n > 0 ? (uint32_t)n - 1 : 0;
}

/* Podman's: the user, who is 0 in our namespace, becomes `id`, and the others fill the room below and above. */
static size_t keep(uint32_t id, uint32_t others, struct spec_id_mapping *ret)
{
	size_t n = 0;

	if (id > 0 && others > 0)
		ret[n++] = (struct spec_id_mapping){ 0, 1, id < others ? id : others };
	ret[n++] = (struct spec_id_mapping){ id, 0, 1 };
	if (others > id)
		ret[n++] = (struct spec_id_mapping){ id + 1, id + 1, others - id };
	return n;
}

static int keep_id(const char *options, const struct id_maps *own, struct run_users *ret, struct err *e)
{
	struct keep k = { .uid = spec_host_id(own->uids, own->uids_len, 0),
			  .gid = spec_host_id(own->gids, own->gids_len, 0) };
	int r = parse_keep(options, &k, e);

	if (r < 0)
		return r;
	ret->maps.uids_len = keep(k.uid, count(own->uids, own->uids_len), ret->maps.uids);
	ret->maps.gids_len = keep(k.gid, count(own->gids, own->gids_len), ret->maps.gids);
	ret->add_entry = !k.has_uid && !k.has_gid;
	if (asprintf(&ret->user, "%u:%u", k.uid, k.gid) < 0) {
		ret->user = NULL;
		return no_memory(e);
	}
	return 0;
}

static int no_map(const struct id_maps *own, struct id_maps *ret, struct err *e)
{
	uint32_t users = count(own->uids, own->uids_len), groups = count(own->gids, own->gids_len);

	if (users == 0 || groups == 0)
		return err_set(e, -ENOENT, "there are no IDs but your own in /etc/subuid or /etc/subgid");
	ret->uids[0] = (struct spec_id_mapping){ 0, 1, users };
	ret->gids[0] = (struct spec_id_mapping){ 0, 1, groups };
	ret->uids_len = ret->gids_len = 1;
	return 0;
}

bool run_userns_is_own(const char *mode)
{
	return run_userns_is_mode(mode, KEEP_ID) || run_userns_is_mode(mode, "nomap");
}

int run_userns_own(const char *mode, struct run_users *ret, struct err *e)
{
	struct id_maps own = { 0 };
	int r = user_namespace_own_maps(&own, e);

	if (r < 0)
		return r;
	if (run_userns_is_mode(mode, KEEP_ID))
		return keep_id(mode + strlen(KEEP_ID) + (mode[strlen(KEEP_ID)] == ':'), &own, ret, e);
	return no_map(&own, &ret->maps, e);
}

/* --- container:NAME and ns:PATH --- */

static int take_maps(const struct spec_id_mapping *m, size_t len, struct spec_id_mapping *ret,
		     size_t *ret_len, struct err *e)
{
	if (len > ID_MAPS_MAX)
		return err_set(e, -E2BIG, "more than %d ID mappings", ID_MAPS_MAX);
	if (len > 0)
		memcpy(ret, m, len * sizeof(*m));
	*ret_len = len;
	return 0;
}

/* As they were chosen for it: they are the same whenever it runs. */
static int maps_of_container(const struct store *s, const char *name, struct id_maps *ret, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_fd int dir_fd = -1;
	int r = container_find(s, name, &other, e);

	if (r == 0)
		r = container_open_dir(s, other.id, &dir_fd, e);
	if (r == 0)
		r = container_spec_read(dir_fd, &spec, e);
	if (r == 0)
		r = take_maps(spec.linux_.uid_mappings, spec.linux_.uid_mappings_len, ret->uids,
			      &ret->uids_len, e);
	return r == 0 ? take_maps(spec.linux_.gid_mappings, spec.linux_.gid_mappings_len, ret->gids,
				  &ret->gids_len, e)
		      : r;
}

bool run_userns_is_joined(const char *mode)
{
	return run_userns_is_mode(mode, "container") || run_userns_is_mode(mode, "ns");
}

int run_userns_joined(const struct store *s, const char *mode, struct id_maps *ret, struct err *e)
{
	return strncmp(mode, PATH, strlen(PATH)) == 0
		       ? user_namespace_maps(mode + strlen(PATH), ret, e)
		       : maps_of_container(s, mode + strlen(CONTAINER), ret, e);
}
