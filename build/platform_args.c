/* SPDX-License-Identifier: Apache-2.0 */
#include "build/platform_args.h"

#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

#define DEFAULT_STAGE "default"

static const char *const NAMES[] = {
	"BUILDPLATFORM", "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",
	"BUILDVARIANT",  "TARGETPLATFORM", "TARGETOS",       "TARGETOSVERSION",
	"TARGETARCH",    "TARGETVARIANT",  "TARGETSTAGE",
};

static const struct {
	const char *upper, *lower;
} PROXIES[] = {
	{ "HTTP_PROXY", "http_proxy" }, { "HTTPS_PROXY", "https_proxy" }, { "FTP_PROXY", "ftp_proxy" },
	{ "NO_PROXY", "no_proxy" },     { "ALL_PROXY", "all_proxy" },
};

/* The value of the last NAME=VALUE whose name `compare` takes for `name`; NULL: there is none. */
static const char *last_value(const struct strvec *args, const char *name,
			      int (*compare)(const char *, const char *, size_t))
{
	size_t len = strlen(name);

	for (size_t i = args ? args->len : 0; i > 0; i--) {
		const char *item = args->items[i - 1];

		if (compare(item, name, len) == 0 && item[len] == '=')
			return item + len + 1;
	}
	return NULL;
}

int platform_args_add(const struct platform *target, const struct platform *build, const char *stage,
		      const struct strvec *build_args, struct strvec *ret, struct err *e)
{
	char target_text[3 * PLATFORM_FIELD_MAX], build_text[3 * PLATFORM_FIELD_MAX];
	struct platform t = *target, b = *build;

	platform_normalize(&t);
	platform_normalize(&b);
	platform_format(&t, target_text);
	platform_format(&b, build_text);
	{
		/* struct platform has no version of the operating system. */
		const char *const values[ARRAY_LEN(NAMES)] = {
			build_text,
			b.os,
			"",
			b.architecture,
			b.variant,
			target_text,
			t.os,
			"",
			t.architecture,
			t.variant,
			stage ? stage : DEFAULT_STAGE,
		};

		for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
			const char *given = last_value(build_args, NAMES[i], strncmp);
			int r = strvec_addf(ret, "%s=%s", NAMES[i], given ? given : values[i]);

			if (r < 0)
				return err_code(e, r, "cannot keep the argument '%s'", NAMES[i]);
		}
	}
	return 0;
}

bool platform_args_has(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcmp(name, NAMES[i]) == 0)
			return true;
	return false;
}

bool proxy_arg_is(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(PROXIES); i++)
		if (strcasecmp(name, PROXIES[i].lower) == 0)
			return true;
	return false;
}

int proxy_args_env(const struct strvec *build_args, struct strvec *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(PROXIES); i++) {
		const char *value = last_value(build_args, PROXIES[i].lower, strncasecmp);
		int r;

		if (!value || !*value)
			continue;
		r = strvec_addf(ret, "%s=%s", PROXIES[i].upper, value);
		if (r == 0)
			r = strvec_addf(ret, "%s=%s", PROXIES[i].lower, value);
		if (r < 0)
			return err_code(e, r, "cannot keep the argument '%s'", PROXIES[i].upper);
	}
	return 0;
}
