/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_cdi.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/image_exec.h"
#include "cli/run_devices.h"
#include "cli/run_mount_text.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "oci/cdi.h"

#define GPU_NAME  "nvidia.com/gpu="
#define GPUS_MAX  64
#define SPECS_MAX 256

/* The later directory wins. SPEC.md */
static const char *const DIRS[] = { "/etc/cdi", "/var/run/cdi" };

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* --- --gpus --- */

static int add_count(const char *text, struct strvec *ret, struct err *e)
{
	uint64_t count = 0;
	int r = 0;

	if (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0)
		return strvec_add(ret, GPU_NAME "all") < 0 ? no_memory(e) : 0;
	if (parse_u64(text, 1, GPUS_MAX, &count) < 0)
		return err_set(e, -EINVAL, "count must be an integer");
	for (uint64_t i = 0; r == 0 && i < count; i++)
		r = strvec_addf(ret, GPU_NAME "%llu", (unsigned long long)i);
	return r < 0 ? no_memory(e) : 0;
}

static int add_ids(const char *text, struct strvec *ret, struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	int r = strvec_split(&ids, text, ',');

	for (size_t i = 0; r == 0 && i < ids.len; i++)
		r = strvec_addf(ret, GPU_NAME "%s", ids.items[i]);
	return r < 0 ? no_memory(e) : 0;
}

static int add_request(const char *field, struct strvec *ret, struct err *e)
{
	if (strncmp(field, "device=", 7) == 0)
		return add_ids(field + 7, ret, e);
	if (strncmp(field, "count=", 6) == 0)
		return add_count(field + 6, ret, e);
	if (strncmp(field, "driver=", 7) == 0 || strncmp(field, "capabilities=", 13) == 0 ||
	    strncmp(field, "options=", 8) == 0)
		return 0; /* CDI's files say what belongs to a GPU */
	if (!strchr(field, '='))
		return add_count(field, ret, e);
	return err_set(e, -EINVAL, "unexpected key in '%s'", field);
}

int run_gpus_names(const char *gpus, struct strvec *ret, struct err *e)
{
	cleanup_strvec struct strvec fields = { 0 };
	size_t before = ret->len;
	int r;

	if (strncmp(gpus, "device=", 7) == 0)
		r = add_ids(gpus + 7, ret, e);
	else
		r = run_split_csv(gpus, &fields, e);
	for (size_t i = 0; r == 0 && i < fields.len; i++)
		r = add_request(fields.items[i], ret, e);
	if (r == 0 && ret->len == before)
		r = err_set(e, -EINVAL, "no device is named");
	return r < 0 ? err_wrap(e, "invalid argument \"%s\" for \"--gpus\" flag", gpus) : 0;
}

/* --- files --- */

struct found_spec {
	struct cdi_spec spec;
	char *path;
	size_t dir;   /* which of the directories */
	bool applied; /* what all of its devices need */
};

struct registry {
	struct found_spec specs[SPECS_MAX];
	size_t len;
};

static void registry_free(struct registry **r)
{
	if (!*r)
		return;
	for (size_t i = 0; i < (*r)->len; i++) {
		cdi_spec_done(&(*r)->specs[i].spec);
		free((*r)->specs[i].path);
	}
	free(*r);
}
#define cleanup_registry __attribute__((cleanup(registry_free)))

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static int read_spec(struct registry *r, const char *dir, size_t index, const char *name, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(CDI_FILE_MAX);
	cleanup_free char *path = NULL;
	struct found_spec *found;
	bool yaml;
	int rc;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	yaml = ends_with(name, ".yaml"); /* other endings are not of the specification */
	if (!yaml && !ends_with(name, ".json"))
		return 0;
	if (r->len == SPECS_MAX)
		return err_set(e, -EFBIG, "more than %d CDI files", SPECS_MAX);
	rc = yaml ? image_yaml_read(path, &text, e) : file_read(AT_FDCWD, path, &text, e);
	found = &r->specs[r->len];
	if (rc == 0)
		rc = cdi_spec_decode(text.data ? text.data : "", text.len, &found->spec, e);
	if (rc < 0)
		return err_wrap(e, "CDI file '%s'", path);
	found->path = ptr_take(path);
	found->dir = index;
	r->len++;
	return 0;
}

static int read_dir(struct registry *r, const char *path, size_t index, struct err *e)
{
	cleanup_dir DIR *dir = opendir(path);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_errno(e, "cannot read '%s'", path);
	while (rc == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = read_spec(r, path, index, entry->d_name, e);
	return rc;
}

static int read_all(struct registry *r, const struct strvec *dirs, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && dirs->len == 0 && i < ARRAY_LEN(DIRS); i++)
		rc = read_dir(r, DIRS[i], i, e);
	for (size_t i = 0; rc == 0 && i < dirs->len; i++)
		rc = read_dir(r, dirs->items[i], i, e);
	return rc;
}

/* --- devices --- */

static int add_nodes(const struct cdi_edits *edits, struct runtime_spec *s, struct err *e)
{
	const struct cdi_node *nodes = edits->nodes.items;
	int r = 0;

	for (size_t i = 0; r == 0 && i < edits->nodes.len; i++) {
		const struct cdi_node *n = &nodes[i];
		struct spec_device *d;

		r = run_device_add_at(s, n->host_path ? n->host_path : n->path, n->path,
				      n->permissions ? n->permissions : "rwm", e);
		if (r < 0 || s->linux_.devices_len == 0)
			continue;
		d = &s->linux_.devices[s->linux_.devices_len - 1];
		d->file_mode = n->file_mode.set ? n->file_mode : d->file_mode;
		d->uid = n->uid.set ? n->uid : d->uid;
		d->gid = n->gid.set ? n->gid : d->gid;
	}
	return r;
}

static int apply(const struct cdi_edits *edits, struct runtime_spec *s, struct err *e)
{
	int r = cdi_edits_apply(edits, s, e);

	return r == 0 ? add_nodes(edits, s, e) : r;
}

/* The file that has a device: of those in one directory there must be one. */
static int find(struct registry *r, const char *name, struct found_spec **ret,
		const struct cdi_device **ret_device, struct err *e)
{
	const char *equals = strchr(name, '=');
	const struct found_spec *rival = NULL;

	*ret = NULL;
	for (size_t i = 0; i < r->len; i++) {
		struct found_spec *f = &r->specs[i];
		size_t len = (size_t)(equals - name);
		const struct cdi_device *d = NULL;

		if (f->spec.kind && strlen(f->spec.kind) == len && strncmp(f->spec.kind, name, len) == 0)
			d = cdi_find(&f->spec, equals + 1);
		if (!d || (*ret && f->dir < (*ret)->dir))
			continue;
		rival = *ret && (*ret)->dir == f->dir ? *ret : NULL;
		*ret = f;
		*ret_device = d;
	}
	if (rival)
		return err_set(e, -EINVAL, "CDI device %s is in two files: '%s' and '%s'", name, rival->path,
			       (*ret)->path);
	return *ret ? 0 : err_set(e, -ENOENT, "unresolvable CDI devices %s", name);
}

static int apply_device(struct registry *r, const char *name, struct runtime_spec *s, struct err *e)
{
	const struct cdi_device *device = NULL;
	struct found_spec *found = NULL;
	int rc = find(r, name, &found, &device, e);

	if (rc < 0 || !found)
		return rc;
	if (!found->applied)
		rc = apply(&found->spec.edits, s, e);
	found->applied = true;
	if (rc == 0)
		rc = apply(&device->edits, s, e);
	return rc < 0 ? err_wrap(e, "CDI device %s of '%s'", name, found->path) : 0;
}

int run_cdi_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	cleanup_registry struct registry *r = NULL;
	int rc = f->gpus ? run_gpus_names(f->gpus, &names, e) : 0;

	for (size_t i = 0; rc == 0 && i < f->devices.len; i++)
		if (cdi_name_ok(f->devices.items[i]) && strvec_add(&names, f->devices.items[i]) < 0)
			rc = no_memory(e);
	if (rc < 0 || names.len == 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (!r)
		return no_memory(e);
	rc = read_all(r, &f->cdi_dirs, e);
	for (size_t i = 0; rc == 0 && i < names.len; i++)
		rc = apply_device(r, names.items[i], s, e);
	return rc;
}
