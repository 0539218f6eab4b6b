/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_userns.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "oci/image_user.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "common/subid.h"

#define AUTO       "auto"
#define AUTO_USER  "containers" /* podman's, in /etc/subuid */
#define AUTO_LOCK  "userns.lock"
#define AUTO_MIN   1024u
#define AUTO_MAX   65536u
#define ID_NUMBERS 3 /* of a map: container, host, size */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

void run_users_done(struct run_users *u)
{
	free(u->user);
	*u = (struct run_users){ 0 };
}

bool run_userns_is_mode(const char *mode, const char *what)
{
	size_t len = strlen(what);

	return mode && strncmp(mode, what, len) == 0 && (mode[len] == '\0' || mode[len] == ':');
}

static bool has_maps(const struct run_flags *f)
{
	return f->uid_maps.len > 0 || f->gid_maps.len > 0 || f->subuid_name || f->subgid_name;
}

static bool is_host(const struct run_flags *f)
{
	return (!f->userns || !*f->userns || strcmp(f->userns, "host") == 0) && !has_maps(f);
}

static int check_root(const struct run_flags *f, const char *mode, struct err *e)
{
	bool rootless = process_in_user_namespace();

	if (!rootless && run_userns_is_own(mode))
		return err_set(e, -EINVAL, "%.*s is only supported in rootless mode", (int)strcspn(mode, ":"),
			       mode);
	if (rootless && (f->subuid_name || f->subgid_name))
		return err_set(
			e, -EOPNOTSUPP,
			"--subuidname and --subgidname need root: without it all IDs are of the user's "
			"own range (--uidmap counts from 0, the user, on)");
	return 0;
}

static bool is_known(const char *mode)
{
	static const char *const MODES[] = { "host", "private", AUTO, "keep-id", "nomap", "container", "ns" };

	if (strncmp(mode, "host:", 5) == 0 || strncmp(mode, "private:", 8) == 0)
		return false; /* they take no value */
	for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
		if (run_userns_is_mode(mode, MODES[i]))
			return true;
	return false;
}

static int check_maps(const char *mode, bool maps, struct err *e)
{
	bool is_private = strcmp(mode, "private") == 0;

	if (maps && !is_private)
		return err_set(e, -EINVAL,
			       "--uidmap, --gidmap, --subuidname and --subgidname cannot be used with "
			       "--userns %s",
			       mode);
	if (is_private && !maps)
		return err_set(e, -EINVAL,
			       "--userns private needs a range of IDs (--uidmap, --gidmap, --subuidname), or "
			       "--userns auto, which chooses one");
	return 0;
}

static const char *name_in(const char *mode)
{
	return run_userns_is_mode(mode, "container") ? mode + strcspn(mode, ":") + 1 : NULL;
}

/* Namespaces that it joins must be of the same user namespace: of the container that it has that from. */
static int check_joined(const struct run_flags *f, const char *mode, struct err *e)
{
	const char *const others[] = { name_in(f->pid), name_in(f->ipc),
				       f->network.mode == NETWORK_CONTAINER ? f->network.container : NULL };
	const char *own = name_in(mode);

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (others[i] && (!own || strcmp(own, others[i]) != 0))
			return err_set(e, -EOPNOTSUPP,
				       "--userns %s is not supported with the namespaces of another "
				       "container: they belong to another user namespace (use --userns "
				       "container:%s)",
				       mode, others[i]);
	return 0;
}

static int check_others(const struct run_flags *f, const char *mode, struct err *e)
{
	if (f->privileged)
		return err_set(e, -EINVAL, "conflicting options: --privileged and --userns %s", mode);
	if (f->rootfs)
		return err_set(
			e, -EOPNOTSUPP,
			"--userns %s is not supported with --rootfs: its files belong to the host's IDs "
			"(import it as an image)",
			mode);
	return check_joined(f, mode, e);
}

int run_userns_check(const struct run_flags *f, struct err *e)
{
	bool maps = has_maps(f);
	const char *mode = f->userns && *f->userns ? f->userns : maps ? "private" : "host";
	int r;

	if (!is_known(mode))
		return err_set(e, -EINVAL, "--userns: invalid USER mode");
	if (run_userns_is_joined(mode) && !mode[strcspn(mode, ":") + (strchr(mode, ':') != NULL)])
		return err_set(e, -EINVAL, "--userns %s: which one? (container:NAME, ns:PATH)", mode);
	r = check_maps(mode, maps, e);
	if (r < 0 || strcmp(mode, "host") == 0)
		return r;
	r = check_others(f, mode, e);
	return r == 0 ? check_root(f, mode, e) : r;
}

/* --- what the flags say --- */

/* "0:100000:65536" */
static int parse_map(const char *text, struct spec_id_mapping *ret)
{
	uint32_t *const numbers[ID_NUMBERS] = { &ret->container_id, &ret->host_id, &ret->size };
	const char *p = text;

	for (size_t i = 0; i < ID_NUMBERS; i++) {
		size_t len = strcspn(p, ":");
		cleanup_free char *part = strndup(p, len);
		uint64_t n;

		if (!part || parse_u64(part, i + 1 == ID_NUMBERS, UINT32_MAX - 1, &n) < 0 ||
		    (p[len] == ':') != (i + 1 < ID_NUMBERS))
			return -EINVAL;
		*numbers[i] = (uint32_t)n;
		p += len + 1;
	}
	return ret->size <= UINT32_MAX - ret->container_id && ret->size <= UINT32_MAX - ret->host_id
		       ? 0
		       : -EINVAL;
}

static int parse_maps(const struct strvec *texts, const char *flag, struct spec_id_mapping *ret,
		      size_t *ret_len, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < texts->len; i++) {
		/* As podman's, several in one flag too. */
		for (const char *p = texts->items[i]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
			cleanup_free char *one = strndup(p, strcspn(p, ","));

			if (n == ID_MAPS_MAX)
				return err_set(e, -E2BIG, "more than %d ID mappings", ID_MAPS_MAX);
			if (!one || parse_map(one, &ret[n++]) < 0)
				return err_set(e, -EINVAL,
					       "invalid value '%s' for --%s: expected CONTAINER:HOST:SIZE",
					       texts->items[i], flag);
		}
	}
	*ret_len = n;
	return 0;
}

/* --- /etc/subuid and /etc/subgid --- */

static int read_ranges(const char *path, const char *user, struct subid_range ret[SUBID_RANGES_MAX],
		       size_t *ret_len, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SUBID_FILE_MAX);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_len = r == 0 && text.data ? subid_ranges(text.data, user, SUBID_NOBODY, ret) : 0;
	if (*ret_len == 0)
		return err_set(e, -ENOENT,
			       "cannot find mappings for user \"%s\": no ranges in '%s' (add a line like "
			       "'%s:2147483648:1073741824')",
			       user, path, user);
	return 0;
}

/* All ranges of a user, one after the other from 0 on. */
static int map_user(const char *path, const char *user, struct spec_id_mapping *ret, size_t *ret_len,
		    struct err *e)
{
	struct subid_range ranges[SUBID_RANGES_MAX];
	uint32_t at = 0;
	size_t len = 0, n = 0;
	int r = read_ranges(path, user, ranges, &len, e);

	for (; r == 0 && n < len && n < ID_MAPS_MAX && ranges[n].count <= UINT32_MAX - 1 - at; n++) {
		ret[n] = (struct spec_id_mapping){ .container_id = at,
						   .host_id = ranges[n].first,
						   .size = ranges[n].count };
		at += ranges[n].count;
	}
	*ret_len = n;
	return r;
}

static bool is_within(const struct spec_id_mapping *m, const struct spec_id_mapping *own, size_t own_len)
{
	uint64_t end = 0;

	for (size_t i = 0; i < own_len; i++) /* ours count from 0 on, without gaps */
		end += own[i].size;
	return (uint64_t)m->host_id + m->size <= end;
}

/* Without root there are no other IDs to be had. */
static int check_own(const struct id_maps *maps, struct err *e)
{
	struct id_maps own = { 0 };
	bool all = true;
	int r = process_in_user_namespace() ? user_namespace_own_maps(&own, e) : 0;

	if (r < 0 || own.uids_len == 0)
		return r;
	for (size_t i = 0; i < maps->uids_len; i++)
		all = all && is_within(&maps->uids[i], own.uids, own.uids_len);
	for (size_t i = 0; i < maps->gids_len; i++)
		all = all && is_within(&maps->gids[i], own.gids, own.gids_len);
	return all ? 0
		   : err_set(e, -EINVAL,
			     "--uidmap and --gidmap: there are no such IDs in your range (0 is you, and 1 "
			     "and up "
			     "those of /etc/subuid and /etc/subgid)");
}

static int choose_private(const struct run_flags *f, struct id_maps *ret, struct err *e)
{
	const char *user = f->subuid_name ? f->subuid_name : f->subgid_name;
	const char *group = f->subgid_name ? f->subgid_name : f->subuid_name;
	int r = parse_maps(&f->uid_maps, "uidmap", ret->uids, &ret->uids_len, e);

	if (r == 0)
		r = parse_maps(&f->gid_maps, "gidmap", ret->gids, &ret->gids_len, e);
	if (r == 0 && ret->uids_len == 0 && user)
		r = map_user("/etc/subuid", user, ret->uids, &ret->uids_len, e);
	if (r == 0 && ret->gids_len == 0 && group)
		r = map_user("/etc/subgid", group, ret->gids, &ret->gids_len, e);
	if (r < 0)
		return r;
	if (ret->gids_len == 0) { /* who says one means both */
		memcpy(ret->gids, ret->uids, sizeof(ret->uids));
		ret->gids_len = ret->uids_len;
	} else if (ret->uids_len == 0) {
		memcpy(ret->uids, ret->gids, sizeof(ret->gids));
		ret->uids_len = ret->gids_len;
	}
	return check_own(ret, e);
}

/* --- auto --- */

/* As podman counts: what the image's users and groups need, and not less than AUTO_MIN. */
static int auto_size(const struct userns_args *a, uint32_t *ret, struct err *e)
{
	static const char SIZE[] = AUTO ":size=";
	const char *mode = a->flags->userns;
	uint64_t n;

	if (strcmp(mode, AUTO) == 0) {
		uint32_t users = image_user_highest_id(a->passwd), groups = image_user_highest_id(a->group);
		uint32_t highest = users > groups ? users : groups;

		*ret = highest < AUTO_MIN ? AUTO_MIN : highest >= AUTO_MAX ? AUTO_MAX : highest + 1;
		return 0;
	}
	if (strncmp(mode, SIZE, sizeof(SIZE) - 1) != 0 ||
	    parse_u64(mode + sizeof(SIZE) - 1, 1, UINT32_MAX - 1, &n) < 0)
		return err_set(e, -EINVAL, "invalid --userns '%s': expected auto, or auto:size=N", mode);
	*ret = (uint32_t)n;
	return 0;
}

static bool overlaps(const struct id_range *r, uint64_t first, uint32_t size)
{
	return r->count > 0 && first < (uint64_t)r->first + r->count && r->first < first + size;
}

/* The end of a range that is in the way; 0: none is. */
static uint64_t taken_until(const struct container_record *items, size_t len, bool groups, uint64_t first,
			    uint32_t size)
{
	for (size_t i = 0; i < len; i++) {
		const struct id_range *r = groups ? &items[i].auto_gids : &items[i].auto_uids;

		if (overlaps(r, first, size))
			return (uint64_t)r->first + r->count;
	}
	return 0;
}

/* Without root it is a part of the user's own range, as we count it. */
static int auto_ranges(const char *path, bool groups, struct subid_range ret[SUBID_RANGES_MAX],
		       size_t *ret_len, struct err *e)
{
	struct id_maps own = { 0 };
	const struct spec_id_mapping *m = groups ? own.gids : own.uids;
	uint64_t count = 0;
	int r;

	if (!process_in_user_namespace())
		return read_ranges(path, AUTO_USER, ret, ret_len, e);
	r = user_namespace_own_maps(&own, e);
	for (size_t i = 0; r == 0 && i < (groups ? own.gids_len : own.uids_len); i++)
		count += m[i].size;
	ret[0] = (struct subid_range){ .first = 1, .count = count > 1 ? (uint32_t)(count - 1) : 0 };
	*ret_len = 1;
	return r;
}

static int find_free(const char *path, const struct container_record *items, size_t len, bool groups,
		     uint32_t size, struct id_range *ret, struct err *e)
{
	struct subid_range ranges[SUBID_RANGES_MAX];
	size_t n = 0;
	int r = auto_ranges(path, groups, ranges, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		uint64_t first = ranges[i].first, end = first + ranges[i].count, next;

		while (first + size <= end && (next = taken_until(items, len, groups, first, size)) > 0)
			first = next;
		if (first + size <= end) {
			*ret = (struct id_range){ .first = (uint32_t)first, .count = size };
			return 0;
		}
	}
	return err_set(e, -ENOSPC,
		       "not enough unused IDs in user namespace: no %u of %s in '%s' are free (remove "
		       "containers, or add a range)",
		       size, process_in_user_namespace() ? "yours" : "user \"" AUTO_USER "\"", path);
}

static int choose_auto(const struct userns_args *a, struct container_record *record, struct id_maps *ret,
		       struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	uint32_t size = 0;
	int r = auto_size(a, &size, e);

	if (r == 0)
		r = container_list(a->store, &items, &len, e);
	if (r < 0)
		return r;
	r = find_free("/etc/subuid", items, len, false, size, &record->auto_uids, e);
	if (r == 0)
		r = find_free("/etc/subgid", items, len, true, size, &record->auto_gids, e);
	container_list_free(items, len);
	ret->uids[0] = (struct spec_id_mapping){ .host_id = record->auto_uids.first, .size = size };
	ret->gids[0] = (struct spec_id_mapping){ .host_id = record->auto_gids.first, .size = size };
	ret->uids_len = ret->gids_len = 1;
	return r;
}

static int lock_ranges(const struct store *s, int *ret_fd, struct err *e)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	int r = 0;

	if (asprintf(&path, "%s/" AUTO_LOCK, store_root_path(s)) < 0) {
		path = NULL;
		return no_memory(e);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && (r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (fd < 0 || r < 0)
		return err_errno(e, "cannot lock '%s'", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int run_userns_choose(const struct userns_args *a, struct container_record *record, struct run_users *ret,
		      int *ret_lock_fd, struct err *e)
{
	const char *mode = a->flags->userns;
	int r;

	if (is_host(a->flags))
		return 0;
	if (run_userns_is_own(mode))
		return run_userns_own(mode, ret, e);
	if (run_userns_is_joined(mode))
		return run_userns_joined(a->store, mode, &ret->maps, e);
	if (!run_userns_is_mode(mode, AUTO))
		return choose_private(a->flags, &ret->maps, e);
	r = lock_ranges(a->store, ret_lock_fd, e);
	return r == 0 ? choose_auto(a, record, &ret->maps, e) : r;
}

/* --- the spec --- */

static int copy_maps(const struct spec_id_mapping *m, size_t len, struct spec_id_mapping **ret,
		     size_t *ret_len)
{
	*ret = calloc(len, sizeof(*m));
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, m, len * sizeof(*m));
	*ret_len = len;
	return 0;
}

/* devpts' gid=5 where there is no such group. */
static void drop_group(struct runtime_spec *s, const struct id_maps *m)
{
	const struct spec_mount *pts = spec_find_mount(s, "/dev/pts");
	struct strvec *options = pts ? &s->mounts[pts - s->mounts].options : NULL;

	for (size_t i = options ? options->len : 0; i-- > 0;)
		if (strcmp(options->items[i], "gid=5") == 0 && !spec_maps_id(m->gids, m->gids_len, 5))
			strvec_remove(options, i);
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return path && strncmp(path, top, len) == 0 && path[len] == '/';
}

static int idmap_store(struct runtime_spec *s, const char *root, struct err *e)
{
	for (size_t i = 0; i < s->mounts_len; i++) {
		struct spec_mount *m = &s->mounts[i];

		if (m->type && strcmp(m->type, "overlay") == 0)
			return err_set(
				e, -EOPNOTSUPP,
				"an image of several layers cannot be mounted on '%s' of a container with "
				"a user namespace (use one of a single layer, or a volume)",
				m->destination);
		if (m->type && strcmp(m->type, "bind") == 0 && is_below(m->source, root) &&
		    strvec_add(&m->options, "idmap") < 0)
			return no_memory(e);
	}
	return 0;
}

/* What the kernel does not idmap for us has the wrong owners. */
static int check_images(const struct runtime_spec *s, const char *root, struct err *e)
{
	for (size_t i = 0; i < s->mounts_len; i++) {
		const struct spec_mount *m = &s->mounts[i];
		const char *layers = "/layers";

		if ((m->type && strcmp(m->type, "overlay") == 0) ||
		    (is_below(m->source, root) && is_below(m->source + strlen(root), layers)))
			return err_set(
				e, -EOPNOTSUPP,
				"an image cannot be mounted on '%s' of a container with a user namespace "
				"without root (use a volume)",
				m->destination);
	}
	return 0;
}

/* A namespace of another container is found at each start. */
static const char *path_of(const char *mode)
{
	return mode && strncmp(mode, "ns:", 3) == 0 ? mode + 3 : NULL;
}

int run_userns_apply(const struct id_maps *m, const char *mode, const char *root, struct runtime_spec *s,
		     struct err *e)
{
	int r;

	if (m->uids_len == 0)
		return 0;
	drop_group(s, m);
	if (!spec_add_namespace(s, SPEC_NS_USER, path_of(mode)) ||
	    copy_maps(m->uids, m->uids_len, &s->linux_.uid_mappings, &s->linux_.uid_mappings_len) < 0 ||
	    copy_maps(m->gids, m->gids_len, &s->linux_.gid_mappings, &s->linux_.gid_mappings_len) < 0)
		return no_memory(e);
	r = process_in_user_namespace() ? check_images(s, root, e) : idmap_store(s, root, e);
	return r == 0 ? runtime_spec_bind_kernel_fs(s, e) : r;
}
