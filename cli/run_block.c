/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define WEIGHT_MIN  10
#define WEIGHT_MAX  1000
#define DEVICES_MAX 1024

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* Appends the device that `text` names before its last colon; *ret_value is what follows. */
static int add_device(struct spec_blkio_list *list, const char *text, struct spec_blkio_device **ret,
		      const char **ret_value, struct err *e)
{
	const char *colon = strrchr(text, ':');
	cleanup_free char *path = colon ? strndup(text, (size_t)(colon - text)) : NULL;
	struct spec_blkio_device *items;
	struct stat st;

	if (!colon || !path || !*path || !colon[1])
		return err_set(e, -EINVAL, "bad format: %s", text);
	if (strncmp(path, "/dev/", 5) != 0)
		return err_set(e, -EINVAL, "bad format for device path: %s", text);
	if (list->len >= DEVICES_MAX)
		return err_set(e, -EFBIG, "more than %d devices", DEVICES_MAX);
	if (stat(path, &st) < 0)
		return err_errno(e, "cannot look at '%s'", path);
	if (!S_ISBLK(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is not a block device", path);
	items = reallocarray(list->items, list->len + 1, sizeof(*items));
	if (!items)
		return no_memory(e);
	list->items = items;
	*ret = &items[list->len++];
	**ret = (struct spec_blkio_device){ .major = major(st.st_rdev), .minor = minor(st.st_rdev) };
	*ret_value = colon + 1;
	return 0;
}

static int add_weight(struct spec_blkio_list *list, const char *text, struct err *e)
{
	struct spec_blkio_device *d;
	const char *value;
	uint64_t weight = 0;
	int r = add_device(list, text, &d, &value, e);

	if (r < 0)
		return r;
	if (parse_u64(value, WEIGHT_MIN, WEIGHT_MAX, &weight) < 0)
		return err_set(e, -EINVAL, "invalid weight for device: %s", text);
	d->weight = (struct opt_u64){ .set = true, .value = weight };
	return 0;
}

static int add_rate(struct spec_blkio_list *list, const char *text, bool bytes, struct err *e)
{
	struct spec_blkio_device *d;
	const char *value;
	uint64_t rate = 0;
	int r = add_device(list, text, &d, &value, e);

	if (r < 0)
		return r;
	r = bytes ? parse_size_bytes(value, &rate) : parse_u64(value, 1, UINT64_MAX, &rate);
	if (r < 0 || rate == 0)
		return err_set(e, -EINVAL,
			       "invalid rate for device: %s. The correct format is <device-path>:<number>%s",
			       text,
			       bytes ? "[<unit>]. Number must be a positive integer. Unit is optional and "
				       "can be kb, "
				       "mb, or gb"
				     : ". Number must be a positive integer");
	d->rate = (struct opt_u64){ .set = true, .value = rate };
	return 0;
}

static int add_rates(struct spec_blkio_list *list, const struct strvec *texts, bool bytes, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < texts->len; i++)
		r = add_rate(list, texts->items[i], bytes, e);
	return r;
}

int run_block_apply(const struct run_flags *f, struct spec_resources *res, struct err *e)
{
	uint64_t weight = f->blkio_weight.value;
	int r = 0;

	if (f->blkio_weight.set && weight != 0 && (weight < WEIGHT_MIN || weight > WEIGHT_MAX))
		return err_set(e, -EINVAL, "range of blkio weight is from %d to %d", WEIGHT_MIN, WEIGHT_MAX);
	if (f->blkio_weight.set && weight != 0)
		res->blkio_weight = f->blkio_weight;
	for (size_t i = 0; r == 0 && i < f->blkio_weight_devices.len; i++)
		r = add_weight(&res->blkio_weight_device, f->blkio_weight_devices.items[i], e);
	if (r == 0)
		r = add_rates(&res->blkio_read_bps, &f->read_bps, true, e);
	if (r == 0)
		r = add_rates(&res->blkio_write_bps, &f->write_bps, true, e);
	if (r == 0)
		r = add_rates(&res->blkio_read_iops, &f->read_iops, false, e);
	if (r == 0)
		r = add_rates(&res->blkio_write_iops, &f->write_iops, false, e);
	for (size_t i = 0; r == 0 && i < f->device_rules.len; i++)
		r = run_device_rule_add(res, f->device_rules.items[i], e);
	return r;
}

/* A number, or "*" for any: -1. *text stands behind it. */
static int read_number(const char **text, int64_t *ret)
{
	char digits[16];
	size_t len = strspn(*text, "0123456789");
	uint64_t n = 0;

	if (**text == '*') {
		*text += 1;
		*ret = -1;
		return 0;
	}
	if (len == 0 || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, *text, len);
	digits[len] = '\0';
	*text += len;
	if (parse_u64(digits, 0, UINT32_MAX, &n) < 0)
		return -EINVAL;
	*ret = (int64_t)n;
	return 0;
}

static int parse_rule(const char *text, int64_t *ret_major, int64_t *ret_minor, const char **ret_access)
{
	const char *p = text + 2;
	size_t len;

	if (!text[0] || !strchr("abc", text[0]) || text[1] != ' ' || read_number(&p, ret_major) < 0 ||
	    *p++ != ':' || read_number(&p, ret_minor) < 0 || *p++ != ' ')
		return -EINVAL;
	len = strlen(p);
	if (len < 1 || len > 3 || strspn(p, "rwm") != len)
		return -EINVAL;
	*ret_access = p;
	return 0;
}

int run_device_rule_add(struct spec_resources *r, const char *text, struct err *e)
{
	int64_t device_major, device_minor;
	const char *access;

	if (parse_rule(text, &device_major, &device_minor, &access) < 0)
		return err_set(e, -EINVAL, "invalid device cgroup format '%s'", text);
	return spec_add_device_rule(r, true, text[0], device_major, device_minor, access) ? 0 : no_memory(e);
}
