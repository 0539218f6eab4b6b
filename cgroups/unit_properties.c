/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cgroups/files.h"
#include "cgroups/unit.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define CPUS_MAX       8192  /* bits of a mask, as in systemd */
#define QUOTA_GRAIN_US 10000 /* 1 % of a second: what systemd keeps of a quota when it writes it down */
#define SECOND_US      UINT64_C(1000000)
#define PERIOD_MIN_US  1000
#define PERIOD_MAX_US  1000000

void unit_properties_done(struct unit_properties *p)
{
	for (size_t i = 0; i < p->len; i++) {
		free(p->items[i].name);
		free(p->items[i].bytes);
		strvec_done(&p->items[i].strings);
	}
	free(p->items);
	*p = (struct unit_properties){ 0 };
}

struct unit_property *unit_properties_add(struct unit_properties *p, const char *name, size_t name_len)
{
	struct unit_property *items = reallocarray(p->items, p->len + 1, sizeof(*items));
	char *copy;

	if (!items)
		return NULL;
	p->items = items;
	copy = strndup(name, name_len);
	if (!copy)
		return NULL;
	items[p->len] = (struct unit_property){ .name = copy };
	return &items[p->len++];
}

static int add_u64(struct unit_properties *p, const char *name, uint64_t number)
{
	struct unit_property *item = unit_properties_add(p, name, strlen(name));

	if (!item)
		return -ENOMEM;
	item->number = number;
	return 0;
}

/* --- values that are not one number ----------------------------------------------------------------------- */

/* "QUOTA" or "QUOTA PERIOD", in microseconds; QUOTA may be "max". */
static int add_cpu_max(struct unit_properties *p, const char *value, const struct unit_cpu *now)
{
	uint64_t quota, period = now->period_us;
	const char *end;
	int r = cgroup_text_u64(value, &quota, &end);

	if (r == 0 && *end == ' ') {
		r = cgroup_text_u64(end + 1, &period, NULL);
		if (r == 0)
			r = add_u64(p, "CPUQuotaPeriodUSec", period);
	}
	if (r < 0)
		return r;
	if (period < PERIOD_MIN_US || period > PERIOD_MAX_US)
		return -ERANGE;
	if (quota != UINT64_MAX) {
		if (quota > UINT64_MAX / SECOND_US)
			return -ERANGE;
		quota = quota * SECOND_US / period;
		quota = (quota + QUOTA_GRAIN_US - 1) / QUOTA_GRAIN_US * QUOTA_GRAIN_US;
	}
	return add_u64(p, "CPUQuotaPerSecUSec", quota);
}

static void set_bits(struct unit_property *item, uint64_t first, uint64_t last)
{
	for (uint64_t bit = first; bit <= last; bit++)
		item->bytes[bit / 8] |= (unsigned char)(1u << (bit % 8));
	if (last / 8 + 1 > item->bytes_len)
		item->bytes_len = last / 8 + 1;
}

/* One of "7", "0-3"; ends at a comma, a newline or the end. */
static int add_range(struct unit_property *item, const char *text, size_t len)
{
	char number[24];
	uint64_t bounds[2];
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		size_t n = i == 0 ? strcspn(text, "-,\n") : len;

		if (n >= sizeof(number))
			return -EINVAL;
		memcpy(number, text, n);
		number[n] = '\0';
		r = parse_u64(number, 0, CPUS_MAX - 1, &bounds[i]);
		if (n == len) {
			bounds[1] = bounds[i];
			break;
		}
		text += n + 1;
		len -= n + 1;
	}
	if (r < 0)
		return r;
	if (bounds[0] > bounds[1])
		return -EINVAL;
	set_bits(item, bounds[0], bounds[1]);
	return 0;
}

/* A list of CPUs or memory nodes as a mask, lowest bits first. */
static int add_mask(struct unit_properties *p, const char *name, const char *list)
{
	struct unit_property *item = unit_properties_add(p, name, strlen(name));
	int r = 0;

	if (!item)
		return -ENOMEM;
	item->kind = UNIT_PROPERTY_BYTES;
	item->bytes = calloc(1, CPUS_MAX / 8);
	if (!item->bytes)
		return -ENOMEM;
	while (r == 0 && *list != '\0' && *list != '\n') {
		size_t len = strcspn(list, ",\n");

		r = add_range(item, list, len);
		list += len;
		list += *list == ',';
	}
	return r;
}

/* The kernel gives back the default weight when a group ceases to be idle. */
static int add_idle(struct unit_properties *p, const char *value, const struct unit_cpu *now)
{
	if (strcmp(value, "0") != 0)
		return add_u64(p, "CPUWeight", 0);
	return now->idle ? add_u64(p, "CPUWeight", UINT64_MAX) : 0;
}

/* --- limits ----------------------------------------------------------------------------------------------- */

static const struct {
	const char *file, *property;
} NUMBERS[] = {
	{ "memory.max", "MemoryMax" },
	{ "memory.high", "MemoryHigh" },
	{ "memory.low", "MemoryLow" },
	{ "memory.min", "MemoryMin" },
	{ "memory.swap.max", "MemorySwapMax" },
	{ "cpu.weight", "CPUWeight" },
	{ "io.weight", "IOWeight" },
	{ "pids.max", "TasksMax" },
};

static int add_limit(struct unit_properties *p, const struct limit *l, const struct unit_cpu *now)
{
	uint64_t number;
	int r;

	if (strcmp(l->file, "cpu.max") == 0)
		return add_cpu_max(p, l->value, now);
	if (strcmp(l->file, "cpu.idle") == 0)
		return add_idle(p, l->value, now);
	if (strcmp(l->file, "cpuset.cpus") == 0)
		return add_mask(p, "AllowedCPUs", l->value);
	if (strcmp(l->file, "cpuset.mems") == 0)
		return add_mask(p, "AllowedMemoryNodes", l->value);
	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
		if (strcmp(l->file, NUMBERS[i].file) != 0)
			continue;
		/* "8:0 100" is the weight of one device: the file's, not the unit's. */
		if (strcmp(l->file, "io.weight") == 0 && strchr(l->value, ' '))
			return 0;
		r = cgroup_text_u64(l->value, &number, NULL);
		return r < 0 ? r : add_u64(p, NUMBERS[i].property, number);
	}
	return 0;
}

int unit_properties_add_limits(struct unit_properties *p, const struct limit_list *limits,
			       const struct unit_cpu *now, struct err *e)
{
	for (size_t i = 0; i < limits->len; i++) {
		const struct limit *l = &limits->items[i];
		int r = add_limit(p, l, now);

		if (r == -ENOMEM)
			return err_code(e, r, "cannot plan the properties of the systemd scope");
		if (r < 0)
			return err_set(e, -EINVAL, "bad value '%s' for '%s'", l->value, l->file);
	}
	return 0;
}
