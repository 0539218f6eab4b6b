/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/limits.h"

#include <stdarg.h>
#include <string.h>

#include "common/cleanup.h"

#define KEY "linux.resources."

void limit_list_done(struct limit_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].file);
		free(l->items[i].value);
	}
	free(l->items);
	*l = (struct limit_list){ 0 };
}

static int grow(struct limit_list *l, struct err *e)
{
	size_t cap = l->cap ? 2 * l->cap : 8;
	struct limit *items;

	if (l->items && l->len < l->cap)
		return 0;
	items = reallocarray(l->items, cap, sizeof(*items));
	if (!items) {
		(void)err_code(e, -ENOMEM, "cannot plan the limits");
		return -ENOMEM;
	}
	l->items = items;
	l->cap = cap;
	return 0;
}

/* Takes `file`, which is NULL when memory was out. */
static int add_taken(struct limit_list *l, unsigned int flags, char *file, struct err *e, const char *fmt,
		     va_list ap)
{
	cleanup_free char *name = file;
	char *value = NULL;
	int r = grow(l, e);

	if (r < 0)
		return r;
	if (!name || vasprintf(&value, fmt, ap) < 0)
		return err_code(e, -ENOMEM, "cannot plan the limits");
	l->items[l->len++] = (struct limit){ .file = ptr_take(name), .value = value, .flags = flags };
	return 0;
}

static int PRINTF_LIKE(5, 6)
	add(struct limit_list *l, const char *file, unsigned int flags, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = add_taken(l, flags, strdup(file), e, fmt, ap);
	va_end(ap);
	return r;
}

/* A limit in bytes or tasks: unset and 0 are left out, -1 is "max". */
static int add_bytes(struct limit_list *l, const char *file, const char *key, struct opt_i64 v, struct err *e)
{
	if (!v.set || v.value == 0)
		return 0;
	if (v.value == -1)
		return add(l, file, LIMIT_OPTIONAL, e, "max");
	if (v.value < 0)
		return err_set(e, -EINVAL, KEY "%s: '%" PRId64 "' is no limit (-1 is none)", key, v.value);
	return add(l, file, 0, e, "%" PRId64, v.value);
}

/* config.json counts memory plus swap, cgroup v2 swap alone. -1 and 0 as in runc: no limit, and unset. */
static int plan_swap(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int64_t memory = r->memory_limit.set ? r->memory_limit.value : 0;
	int64_t both = r->memory_swap.set ? r->memory_swap.value : 0;

	if (both == -1 || (both == 0 && memory == -1))
		return add(l, "memory.swap.max", LIMIT_OPTIONAL, e, "max");
	if (both == 0)
		return 0;
	if (both < 0)
		return err_set(e, -EINVAL, KEY "memory.swap: '%" PRId64 "' is no limit (-1 is none)", both);
	if (memory <= 0)
		return err_set(e, -EINVAL, KEY "memory.swap: a limit of memory and swap needs memory.limit");
	if (both < memory)
		return err_set(e, -EINVAL,
			       KEY "memory.swap: '%" PRId64 "' is memory and swap: it cannot be below "
				   "memory.limit '%" PRId64 "'",
			       both, memory);
	return add(l, "memory.swap.max", 0, e, "%" PRId64, both - memory);
}

static int plan_memory(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int rc;

	if (r->memory_limit.set && r->memory_limit.value < -1)
		return err_set(e, -EINVAL, KEY "memory.limit: '%" PRId64 "' is no limit (-1 is none)",
			       r->memory_limit.value);
	rc = plan_swap(r, l, e);
	if (rc < 0)
		return rc;
	rc = add_bytes(l, "memory.max", "memory.limit", r->memory_limit, e);
	if (rc < 0)
		return rc;
	return add_bytes(l, "memory.low", "memory.reservation", r->memory_reservation, e);
}

/* log2 without libm, which a container's start would have to load: the exponent, and for the mantissa m in [1, 2) the series of
 * 2 atanh((m - 1) / (m + 1)), whose argument is at most 1/3, so that 18 terms give all bits of a double. */
static double log_2(uint64_t n)
{
	const double inverse_ln_2 = 1.4426950408889634;
	unsigned int exponent = 63 - (unsigned int)__builtin_clzll(n);
	double m = (double)n / (double)(UINT64_C(1) << exponent);
	double z = (m - 1) / (m + 1), power = z, sum = 0;

	for (int term = 1; term < 36; term += 2) {
		sum += power / term;
		power *= z * z;
	}
	return exponent + 2 * sum * inverse_ln_2;
}

uint64_t limits_cpu_weight(uint64_t shares)
{
	const double log10_of_2 = 0.30102999566398120;
	const double rounding = 1e-13; /* 1024 gives exactly 100, and no rounding error may make that 101 */
	uint64_t low = 1, high = 10000;
	double l, exponent;

	if (shares == 0)
		return 0;
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log_2(shares);
	exponent = (l * l + 125 * l) / 612 - 7.0 / 34;
	/* The least weight whose logarithm is not below the exponent. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (log_2(middle) * log10_of_2 >= exponent - rounding)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool is_positive(struct opt_u64 v)
{
	return v.set && v.value > 0;
}

static int plan_cpu_max(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int64_t quota = r->cpu_quota_us.set ? r->cpu_quota_us.value : 0;
	bool period = is_positive(r->cpu_period_us);
	unsigned int flags = quota > 0 ? 0 : LIMIT_OPTIONAL;
	char text[24] = "max";

	if (quota == 0 && !period)
		return 0;
	if (quota > 0)
		(void)snprintf(text, sizeof(text), "%" PRId64, quota);
	if (!period) /* keeps the period that there is: 100 ms in a new cgroup */
		return add(l, "cpu.max", flags, e, "%s", text);
	return add(l, "cpu.max", flags, e, "%s %" PRIu64, text, r->cpu_period_us.value);
}

static int plan_cpu(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	bool idle = r->cpu_idle.set && r->cpu_idle.value != 0;
	int rc = 0;

	if (r->cpu_idle.set)
		rc = add(l, "cpu.idle", idle ? 0 : LIMIT_OPTIONAL, e, "%" PRId64, r->cpu_idle.value);
	/* An idle group has the least weight of all, and the kernel refuses another. */
	if (rc == 0 && is_positive(r->cpu_shares) && !idle)
		rc = add(l, "cpu.weight", 0, e, "%" PRIu64, limits_cpu_weight(r->cpu_shares.value));
	/* The kernel wants burst <= quota at every moment, and either may go up or down. */
	if (rc == 0 && r->cpu_burst_us.set && r->cpu_quota_us.set)
		rc = add(l, "cpu.max.burst", LIMIT_OPTIONAL, e, "0");
	if (rc == 0)
		rc = plan_cpu_max(r, l, e);
	if (rc == 0 && r->cpu_burst_us.set)
		rc = add(l, "cpu.max.burst", r->cpu_burst_us.value ? 0 : LIMIT_OPTIONAL, e, "%" PRIu64,
			 r->cpu_burst_us.value);
	return rc;
}

static int plan_cpuset(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int rc = 0;

	if (r->cpu_cpus && r->cpu_cpus[0] != '\0')
		rc = add(l, "cpuset.cpus", 0, e, "%s", r->cpu_cpus);
	if (rc == 0 && r->cpu_mems && r->cpu_mems[0] != '\0')
		rc = add(l, "cpuset.mems", 0, e, "%s", r->cpu_mems);
	return rc;
}

/* Docker writes 0 and -1 for "no limit". */
static int plan_pids(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	if (!r->pids_limit.set)
		return 0;
	if (r->pids_limit.value <= 0)
		return add(l, "pids.max", LIMIT_OPTIONAL, e, "max");
	return add(l, "pids.max", 0, e, "%" PRId64, r->pids_limit.value);
}

/* `device` is "MAJOR:MINOR " or "". BFQ takes the v1 weight as it is; io.weight has a range of its own. */
static int add_io_weight(struct limit_list *l, const char *device, uint64_t weight, struct err *e)
{
	int rc;

	if (weight < 10 || weight > 1000)
		return err_set(e, -EINVAL, KEY "blockIO.weight: '%" PRIu64 "' is not in 10 to 1000", weight);
	rc = add(l, "io.bfq.weight", LIMIT_OR_NEXT, e, "%s%" PRIu64, device, weight);
	if (rc < 0)
		return rc;
	return add(l, "io.weight", 0, e, "%s%" PRIu64, device, 1 + (weight - 10) * 9999 / 990);
}

static int check_device(const struct spec_blkio_device *d, struct err *e)
{
	if (d->major < 0 || d->minor < 0 || d->major > UINT32_MAX || d->minor > UINT32_MAX)
		return err_set(e, -EINVAL, KEY "blockIO: '%" PRId64 ":%" PRId64 "' is no device number",
			       d->major, d->minor);
	return 0;
}

static int plan_io_max(const struct spec_blkio_list *list, const char *what, struct limit_list *l,
		       struct err *e)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct spec_blkio_device *d = &list->items[i];
		char rate[24] = "max"; /* v1 took 0 for "no limit", v2 refuses it */
		int rc = check_device(d, e);

		if (rc < 0)
			return rc;
		if (is_positive(d->rate))
			(void)snprintf(rate, sizeof(rate), "%" PRIu64, d->rate.value);
		rc = add(l, "io.max", 0, e, "%" PRId64 ":%" PRId64 " %s=%s", d->major, d->minor, what, rate);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int plan_io_weights(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int rc = 0;

	if (is_positive(r->blkio_weight))
		rc = add_io_weight(l, "", r->blkio_weight.value, e);
	for (size_t i = 0; rc == 0 && i < r->blkio_weight_device.len; i++) {
		const struct spec_blkio_device *d = &r->blkio_weight_device.items[i];
		char device[48];

		rc = check_device(d, e);
		if (rc < 0 || !is_positive(d->weight))
			continue;
		(void)snprintf(device, sizeof(device), "%" PRId64 ":%" PRId64 " ", d->major, d->minor);
		rc = add_io_weight(l, device, d->weight.value, e);
	}
	return rc;
}

static int plan_io(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	int rc = plan_io_weights(r, l, e);

	if (rc == 0)
		rc = plan_io_max(&r->blkio_read_bps, "rbps", l, e);
	if (rc == 0)
		rc = plan_io_max(&r->blkio_write_bps, "wbps", l, e);
	if (rc == 0)
		rc = plan_io_max(&r->blkio_read_iops, "riops", l, e);
	if (rc == 0)
		rc = plan_io_max(&r->blkio_write_iops, "wiops", l, e);
	return rc;
}

/* A name that becomes part of a file name in the cgroup. */
static bool is_name(const char *name, size_t len)
{
	return len > 0 && len < 128 && name[0] != '.' && !memchr(name, '/', len);
}

/* Pages are charged when they are touched (max) and when they are reserved (rsvd.max, since Linux 5.7): a mapping beyond the
 * second fails where one beyond the first dies of SIGBUS. */
static int plan_hugetlb(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	for (size_t i = 0; i < r->hugepage_limits_len; i++) {
		const struct spec_hugepage_limit *h = &r->hugepage_limits[i];
		char file[160];
		int rc;

		if (!h->page_size || !is_name(h->page_size, strlen(h->page_size)))
			return err_set(e, -EINVAL, KEY "hugepageLimits[%zu].pageSize: '%s' is no page size",
				       i, h->page_size ? h->page_size : "");
		(void)snprintf(file, sizeof(file), "hugetlb.%s.max", h->page_size);
		rc = add(l, file, 0, e, "%" PRIu64, h->limit);
		if (rc < 0)
			return rc;
		(void)snprintf(file, sizeof(file), "hugetlb.%s.rsvd.max", h->page_size);
		rc = add(l, file, LIMIT_OPTIONAL, e, "%" PRIu64, h->limit);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int plan_rdma(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	for (size_t i = 0; i < r->rdma_len; i++) {
		const struct spec_rdma_limit *d = &r->rdma[i];
		char handles[48] = "", objects[48] = "";
		int rc;

		if (!d->device || d->device[0] == '\0')
			return err_set(e, -EINVAL, KEY "rdma[%zu]: a device needs a name", i);
		if (d->hca_handles.set)
			(void)snprintf(handles, sizeof(handles), " hca_handle=%" PRIu64,
				       d->hca_handles.value);
		if (d->hca_objects.set)
			(void)snprintf(objects, sizeof(objects), " hca_object=%" PRIu64,
				       d->hca_objects.value);
		rc = add(l, "rdma.max", 0, e, "%s%s%s", d->device, handles, objects);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int plan_unified(const struct spec_resources *r, struct limit_list *l, struct err *e)
{
	for (size_t i = 0; i < r->unified.len; i++) {
		const char *item = r->unified.items[i], *value = strchr(item, '=');
		size_t len = value ? (size_t)(value - item) : 0;
		char file[128];
		int rc;

		if (!value || !is_name(item, len))
			return err_set(e, -EINVAL, KEY "unified: '%s' is no file name of a cgroup", item);
		memcpy(file, item, len);
		file[len] = '\0';
		rc = add(l, file, 0, e, "%s", value + 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Kernel memory limits are left out, as the specification and the kernel (since 5.16) have given them up. */
static int refuse_v1_only(const struct spec_resources *r, struct err *e)
{
	const char *key = NULL;

	if (r->memory_swappiness.set)
		key = "memory.swappiness";
	else if (r->memory_disable_oom_killer.set && r->memory_disable_oom_killer.value)
		key = "memory.disableOOMKiller";
	else if (is_positive(r->cpu_realtime_period_us))
		key = "cpu.realtimePeriod";
	else if (r->cpu_realtime_runtime_us.set && r->cpu_realtime_runtime_us.value != 0)
		key = "cpu.realtimeRuntime";
	else if (is_positive(r->blkio_leaf_weight))
		key = "blockIO.leafWeight";
	else if (r->has_network)
		key = "network";
	if (!key)
		return 0;
	return err_set(e, -EOPNOTSUPP, KEY "%s: cgroup v2 has no such control (remove it)", key);
}

int limits_plan(const struct spec_resources *r, struct limit_list *ret, struct err *e)
{
	static int (*const PLANS[])(const struct spec_resources *, struct limit_list *, struct err *) = {
		plan_memory, plan_cpu, plan_cpuset, plan_pids, plan_io, plan_hugetlb, plan_rdma, plan_unified,
	};
	cleanup_limit_list struct limit_list list = { 0 };
	int rc = refuse_v1_only(r, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(PLANS); i++)
		rc = PLANS[i](r, &list, e);
	if (rc < 0)
		return rc;
	*ret = list;
	list = (struct limit_list){ 0 };
	return 0;
}

static bool is_limit(struct opt_i64 v)
{
	return v.set && v.value > 0;
}

static unsigned int needed_by_cpu(const struct spec_resources *r)
{
	unsigned int needed = 0;

	if (is_positive(r->cpu_shares) || is_limit(r->cpu_quota_us) || is_positive(r->cpu_burst_us) ||
	    (r->cpu_idle.set && r->cpu_idle.value != 0))
		needed |= CGROUP_CPU;
	if ((r->cpu_cpus && r->cpu_cpus[0] != '\0') || (r->cpu_mems && r->cpu_mems[0] != '\0'))
		needed |= CGROUP_CPUSET;
	return needed;
}

static bool needs_io(const struct spec_resources *r)
{
	return is_positive(r->blkio_weight) || r->blkio_weight_device.len > 0 || r->blkio_read_bps.len > 0 ||
	       r->blkio_write_bps.len > 0 || r->blkio_read_iops.len > 0 || r->blkio_write_iops.len > 0;
}

/* By the name before the dot: "memory.high" needs "memory". "cgroup.max.depth" needs none. */
static unsigned int needed_by_unified(const struct strvec *unified)
{
	unsigned int needed = 0;

	for (size_t i = 0; i < unified->len; i++) {
		size_t len = strcspn(unified->items[i], ".=");

		for (unsigned int bit = CGROUP_CPU; bit <= CGROUP_MISC; bit <<= 1) {
			const char *name = cgroup_controller_name((enum cgroup_controller)bit);

			if (strlen(name) == len && memcmp(name, unified->items[i], len) == 0)
				needed |= bit;
		}
	}
	return needed;
}

unsigned int cgroup_needed_controllers(const struct spec_resources *r)
{
	unsigned int needed;

	if (!r)
		return 0;
	needed = needed_by_cpu(r) | needed_by_unified(&r->unified);
	if (is_limit(r->memory_limit) || is_limit(r->memory_reservation) || is_limit(r->memory_swap))
		needed |= CGROUP_MEMORY;
	if (is_limit(r->pids_limit))
		needed |= CGROUP_PIDS;
	if (needs_io(r))
		needed |= CGROUP_IO;
	if (r->hugepage_limits_len > 0)
		needed |= CGROUP_HUGETLB;
	if (r->rdma_len > 0)
		needed |= CGROUP_RDMA;
	return needed;
}
