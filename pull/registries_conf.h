/* SPDX-License-Identifier: Apache-2.0 */
/* containers-registries.conf(5), version 2: which registry stands for a name, its mirrors, and what short names mean. */
#ifndef SAMPAN_PULL_REGISTRIES_CONF_H
#define SAMPAN_PULL_REGISTRIES_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/reference.h"

#define REGISTRIES_CONF_MAX   (1u << 20) /* bytes of a file */
#define REGISTRIES_CONF_FILES 256        /* drop-ins of a directory */

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST_ONLY, MIRROR_TAG_ONLY };

struct registry_mirror {
	char *location;
	bool insecure;
	enum mirror_use use;
};

/* One [[registry]]. */
struct registry_rule {
	char *prefix;   /* "quay.io/team", "*.example.com" */
	char *location; /* what stands in the prefix's place; NULL: nothing, the name stays as it is */
	bool insecure, blocked, mirror_by_digest_only;
	struct registry_mirror *mirrors;
	size_t mirrors_len;
};

enum short_name_mode { SHORT_NAME_ENFORCING, SHORT_NAME_PERMISSIVE, SHORT_NAME_DISABLED };

struct registries_conf {
	struct registry_rule *rules;
	size_t rules_len;
	struct strvec search; /* unqualified-search-registries */
	enum short_name_mode mode;
	struct strvec aliases; /* "name=host/path" */
};
void registries_conf_done(struct registries_conf *c);
#define cleanup_registries_conf __attribute__((cleanup(registries_conf_done)))

/* Adds a file's text to what is there: its rules replace those of the same prefix, its aliases those of the same name (an empty one removes it), and
 * its other settings the ones before. -EINVAL malformed, with the line; -ENOMEM. */
int registries_conf_add(struct registries_conf *c, const char *text, size_t len, struct err *e) MUST_CHECK;

/* $CONTAINERS_REGISTRIES_CONF alone, or else the first of ~/.config/containers and /etc/containers that has a registries.conf, and then all
 * registries.conf.d/<x>.conf of /etc/containers and of ~/.config/containers. Files that are not there are empty. Errors name the file. */
int registries_conf_load(struct registries_conf *ret, struct err *e) MUST_CHECK;

/* The rule with the longest prefix of `name` ("host/path"), and how many of its bytes match; NULL: none. */
const struct registry_rule *registries_conf_find(const struct registries_conf *c, const char *name,
						 size_t *ret_len);

/* Whether a name begins with no registry, by the rule that reference_parse follows. False for what is no name. */
bool registries_conf_is_short(const char *text);

/* What a short name may stand for on this machine, the likeliest first, whatever the mode: the alias's name, or one of each search registry. Nothing for a name
 * that is not short. -ENOMEM. */
int registries_conf_candidates(const struct registries_conf *c, const char *text, struct strvec *ret,
			       struct err *e) MUST_CHECK;

/* What `text` means, as a person typed it: full names, the likeliest first. One that names its registry means itself. -EINVAL several registries would be
 * asked, which the mode does not allow. */
int registries_conf_expand(const struct registries_conf *c, const char *text, struct strvec *ret,
			   struct err *e) MUST_CHECK;

#endif
