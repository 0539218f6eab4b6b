/* SPDX-License-Identifier: Apache-2.0 */
/* A container as a unit of systemd: its names and its properties. Pure. */
#ifndef SAMPAN_CGROUPS_UNIT_H
#define SAMPAN_CGROUPS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/limits.h"
#include "common/err.h"
#include "common/strvec.h"

#define UNIT_NAME_MAX       255 /* bytes, as in systemd */
#define UNIT_DEFAULT_PREFIX "sampan"

struct unit_names {
	char slice[UNIT_NAME_MAX + 1]; /* "system.slice" */
	char scope[UNIT_NAME_MAX + 1]; /* "sampan-0123.scope" */
};

/* Reads linux.cgroupsPath as it is written for the systemd driver, "SLICE:PREFIX:NAME". NULL and "": "system.slice" (`user`: "user.slice"),
 * our prefix and `id`; an empty SLICE is the default one too; an empty PREFIX: the scope is "NAME.scope". Bytes that a unit's name
 * may not have are escaped in NAME as systemd-escape(1) does. -EINVAL, with the form that is wanted. */
int unit_names_parse(const char *cgroups_path, const char *id, bool user, struct unit_names *ret,
		     struct err *e) MUST_CHECK;

enum unit_property_kind {
	UNIT_PROPERTY_U64,    /* number */
	UNIT_PROPERTY_I32,    /* number */
	UNIT_PROPERTY_BOOL,   /* number */
	UNIT_PROPERTY_STRING, /* strings.items[0] */
	UNIT_PROPERTY_STRV,   /* strings */
	UNIT_PROPERTY_BYTES,  /* bytes */
};

struct unit_property {
	char *name; /* "MemoryMax" */
	enum unit_property_kind kind;
	uint64_t number; /* UINT64_MAX: "infinity" */
	struct strvec strings;
	unsigned char *bytes;
	size_t bytes_len;
};

struct unit_properties {
	struct unit_property *items;
	size_t len;
};
void unit_properties_done(struct unit_properties *p);
#define cleanup_unit_properties __attribute__((cleanup(unit_properties_done)))

/* Appends an empty one and returns it, borrowed until the next one is added; NULL when memory is out. */
struct unit_property *unit_properties_add(struct unit_properties *p, const char *name, size_t name_len);

/* What a cgroup has, where an update says only half. */
struct unit_cpu {
	uint64_t period_us;
	bool idle;
};

/* Appends what systemd has a property for; the other limits are left out, as systemd leaves those files alone. A later item overrides
 * an earlier one of its name, as with the limits themselves. CPUWeight 0 is "idle", which needs systemd 252. -EINVAL, -ENOMEM.
 * systemd.resource-control(5). */
int unit_properties_add_limits(struct unit_properties *p, const struct limit_list *limits,
			       const struct unit_cpu *now, struct err *e) MUST_CHECK;

/* Appends what annotations ask for: "org.systemd.property.NAME=VALUE", VALUE in GVariant's text form: true, false, 'text',
 * ['a', 'b'], 12 (a 32-bit integer), uint64 12. Other annotations are passed over. A NAME that ends in "Sec" and has a number is the
 * "USec" property, in seconds. -EINVAL with the annotation. */
int unit_properties_add_annotations(struct unit_properties *p, const struct strvec *annotations,
				    struct err *e) MUST_CHECK;

#endif
