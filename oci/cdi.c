/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/cdi.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define ITEMS_MAX 4096 /* in any one list */
#define LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS    "0123456789"

/* --- freeing --- */

static void edits_done(struct cdi_edits *d)
{
	struct cdi_node *nodes = d->nodes.items;
	struct cdi_mount *mounts = d->mounts.items;
	struct cdi_hook *hooks = d->hooks.items;

	for (size_t i = 0; i < d->nodes.len; i++) {
		free(nodes[i].path);
		free(nodes[i].host_path);
		free(nodes[i].type);
		free(nodes[i].permissions);
	}
	for (size_t i = 0; i < d->mounts.len; i++) {
		free(mounts[i].host_path);
		free(mounts[i].container_path);
		free(mounts[i].type);
		strvec_done(&mounts[i].options);
	}
	for (size_t i = 0; i < d->hooks.len; i++) {
		free(hooks[i].name);
		free(hooks[i].hook.path);
		strvec_done(&hooks[i].hook.args);
		strvec_done(&hooks[i].hook.env);
	}
	free(nodes);
	free(mounts);
	free(hooks);
	free(d->gids.items);
	strvec_done(&d->env);
}

void cdi_spec_done(struct cdi_spec *s)
{
	struct cdi_device *devices = s->devices.items;

	for (size_t i = 0; i < s->devices.len; i++) {
		free(devices[i].name);
		edits_done(&devices[i].edits);
	}
	free(devices);
	edits_done(&s->edits);
	free(s->version);
	free(s->kind);
	*s = (struct cdi_spec){ 0 };
}

/* --- reading --- */

/* Presence is all that matters. member: bool. */
static int read_other(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)in;
	(void)arg;
	(void)e;
	*(bool *)member = true;
	return 0;
}

static int read_gids(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct json_items *ret = member;
	size_t len = json_len(in);
	uint32_t *gids;
	int r = 0;

	(void)arg;
	if (!json_in_is_array(in) || len > ITEMS_MAX)
		return json_error(in, -EINVAL, e, "expected a list of numbers");
	gids = calloc(len + 1, sizeof(*gids));
	if (!gids)
		return json_error(in, -ENOMEM, e, "out of memory");
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct json_in one = json_at(in, i);

		r = json_read_u32(&one, NULL, &gids[i], e);
	}
	free(ret->items);
	ret->items = gids;
	ret->len = len;
	return r;
}

#define NODE(m)  offsetof(struct cdi_node, m)
#define MOUNT(m) offsetof(struct cdi_mount, m)
#define HOOK(m)  offsetof(struct cdi_hook, m)
#define EDITS(m) offsetof(struct cdi_edits, m)
static const struct json_field NODE_FIELDS[] = {
	{ "path", NODE(path), json_read_string, .required = true },
	{ "hostPath", NODE(host_path), json_read_string },
	{ "type", NODE(type), json_read_string },
	{ "permissions", NODE(permissions), json_read_string },
	{ "major", NODE(major), json_read_opt_i64 },
	{ "minor", NODE(minor), json_read_opt_i64 },
	{ "fileMode", NODE(file_mode), json_read_opt_u64 },
	{ "uid", NODE(uid), json_read_opt_u64 },
	{ "gid", NODE(gid), json_read_opt_u64 },
	{ 0 },
};
static const struct json_field MOUNT_FIELDS[] = {
	{ "hostPath", MOUNT(host_path), json_read_string, .required = true },
	{ "containerPath", MOUNT(container_path), json_read_string, .required = true },
	{ "type", MOUNT(type), json_read_string },
	{ "options", MOUNT(options), json_read_strvec },
	{ 0 },
};
static const struct json_field HOOK_FIELDS[] = {
	{ "hookName", HOOK(name), json_read_string, .required = true },
	{ "path", HOOK(hook.path), json_read_string, .required = true },
	{ "args", HOOK(hook.args), json_read_strvec },
	{ "env", HOOK(hook.env), json_read_strvec },
	{ "timeout", HOOK(hook.timeout_s), json_read_opt_i64 },
	{ 0 },
};
static const struct json_array NODES = { NODE_FIELDS, sizeof(struct cdi_node), ITEMS_MAX };
static const struct json_array MOUNTS = { MOUNT_FIELDS, sizeof(struct cdi_mount), ITEMS_MAX };
static const struct json_array HOOKS = { HOOK_FIELDS, sizeof(struct cdi_hook), ITEMS_MAX };
static const struct json_field EDITS_FIELDS[] = {
	{ "env", EDITS(env), json_read_strvec },
	{ "deviceNodes", EDITS(nodes), json_read_array, &NODES },
	{ "mounts", EDITS(mounts), json_read_array, &MOUNTS },
	{ "hooks", EDITS(hooks), json_read_array, &HOOKS },
	{ "additionalGids", EDITS(gids), read_gids },
	{ "intelRdt", EDITS(others), read_other },
	{ "netDevices", EDITS(others), read_other },
	{ 0 },
};
static const struct json_field DEVICE_FIELDS[] = {
	{ "name", offsetof(struct cdi_device, name), json_read_string, .required = true },
	{ "containerEdits", offsetof(struct cdi_device, edits), json_read_object, EDITS_FIELDS },
	{ 0 },
};
static const struct json_array DEVICES = { DEVICE_FIELDS, sizeof(struct cdi_device), ITEMS_MAX };
static const struct json_field SPEC_FIELDS[] = {
	{ "cdiVersion", offsetof(struct cdi_spec, version), json_read_string, .required = true },
	{ "kind", offsetof(struct cdi_spec, kind), json_read_string, .required = true },
	{ "devices", offsetof(struct cdi_spec, devices), json_read_array, &DEVICES, .required = true },
	{ "containerEdits", offsetof(struct cdi_spec, edits), json_read_object, EDITS_FIELDS },
	{ 0 },
};

int cdi_spec_decode(const char *text, size_t len, struct cdi_spec *ret, struct err *e)
{
	cleanup_cdi_spec struct cdi_spec s = { 0 };
	int r = json_decode(text, len, SPEC_FIELDS, &s, e);

	if (r < 0)
		return r;
	*ret = s;
	s = (struct cdi_spec){ 0 };
	return 0;
}

const struct cdi_device *cdi_find(const struct cdi_spec *s, const char *name)
{
	const struct cdi_device *devices = s->devices.items;

	for (size_t i = 0; i < s->devices.len; i++)
		if (strcmp(devices[i].name, name) == 0)
			return &devices[i];
	return NULL;
}

bool cdi_name_ok(const char *text)
{
	size_t vendor = strspn(text, LETTERS DIGITS "_.-");
	const char *class_name = text + vendor + 1;
	size_t class_len, name_len;
	const char *name;

	if (vendor == 0 || !strchr(LETTERS, text[0]) || text[vendor] != '/')
		return false;
	class_len = strspn(class_name, LETTERS DIGITS "_-");
	if (class_len == 0 || !strchr(LETTERS, class_name[0]) || class_name[class_len] != '=')
		return false;
	name = class_name + class_len + 1;
	name_len = strspn(name, LETTERS DIGITS "_-.:");
	return name_len > 0 && !name[name_len];
}

/* --- applying --- */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static struct spec_hook_list *hook_list(struct spec_hooks *h, const char *name)
{
	const struct {
		const char *name;
		struct spec_hook_list *list;
	} LISTS[] = {
		{ "prestart", &h->prestart },
		{ "createRuntime", &h->create_runtime },
		{ "createContainer", &h->create_container },
		{ "startContainer", &h->start_container },
		{ "poststart", &h->poststart },
		{ "poststop", &h->poststop },
	};

	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++)
		if (strcmp(LISTS[i].name, name) == 0)
			return LISTS[i].list;
	return NULL;
}

static int add_hook(struct spec_hooks *hooks, const struct cdi_hook *from, struct err *e)
{
	struct spec_hook_list *list = hook_list(hooks, from->name);
	struct spec_hook *items, *hook;

	if (!list)
		return err_set(e, -EINVAL, "there is no hook '%s'", from->name);
	if (from->hook.path[0] != '/')
		return err_set(e, -EINVAL, "hook '%s' is not an absolute path", from->hook.path);
	items = reallocarray(list->items, list->len + 1, sizeof(*items));
	if (!items)
		return no_memory(e);
	list->items = items;
	hook = &items[list->len++];
	*hook = (struct spec_hook){ .path = strdup(from->hook.path), .timeout_s = from->hook.timeout_s };
	if (!hook->path || strvec_add_all(&hook->args, &from->hook.args) < 0 ||
	    strvec_add_all(&hook->env, &from->hook.env) < 0)
		return no_memory(e);
	return 0;
}

static int add_mount(struct runtime_spec *s, const struct cdi_mount *from, struct err *e)
{
	struct spec_mount *m;
	int r = 0;

	if (from->container_path[0] != '/')
		return err_set(e, -EINVAL, "'%s' is not an absolute path", from->container_path);
	spec_remove_mount(s, from->container_path);
	m = spec_add_mount(s, from->container_path, from->type ? from->type : "bind", from->host_path);
	if (!m)
		return no_memory(e);
	if (!from->type && !strvec_has(&from->options, "bind") && !strvec_has(&from->options, "rbind"))
		r = strvec_add(&m->options, "rbind");
	return r < 0 || strvec_add_all(&m->options, &from->options) < 0 ? no_memory(e) : 0;
}

static int add_gid(struct spec_user *user, uint32_t gid, struct err *e)
{
	uint32_t *grown;

	for (size_t i = 0; i < user->additional_gids_len; i++)
		if (user->additional_gids[i] == gid)
			return 0;
	grown = reallocarray(user->additional_gids, user->additional_gids_len + 1, sizeof(*grown));
	if (!grown)
		return no_memory(e);
	user->additional_gids = grown;
	grown[user->additional_gids_len++] = gid;
	return 0;
}

int cdi_edits_apply(const struct cdi_edits *edits, struct runtime_spec *s, struct err *e)
{
	const struct cdi_mount *mounts = edits->mounts.items;
	const struct cdi_hook *hooks = edits->hooks.items;
	const uint32_t *gids = edits->gids.items;
	int r = 0;

	if (edits->others)
		return err_set(e, -EOPNOTSUPP, "intelRdt and netDevices are not supported");
	for (size_t i = 0; i < edits->env.len; i++)
		if (!strchr(edits->env.items[i], '=') ||
		    strvec_set_env(&s->process->env, edits->env.items[i]) < 0)
			return err_set(e, -EINVAL, "bad environment variable '%s'", edits->env.items[i]);
	for (size_t i = 0; r == 0 && i < edits->mounts.len; i++)
		r = add_mount(s, &mounts[i], e);
	for (size_t i = 0; r == 0 && i < edits->hooks.len; i++)
		r = add_hook(&s->hooks, &hooks[i], e);
	for (size_t i = 0; r == 0 && i < edits->gids.len; i++)
		if (gids[i] != 0) /* SPEC.md: the root group is not handed out */
			r = add_gid(&s->process->user, gids[i], e);
	return r;
}
