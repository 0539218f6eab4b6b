/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_config.h"

#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/parse.h"

static const char *const DRIVERS[LOG_DRIVERS] = { "json-file", "local", "journald", "none", "passthrough" };

const char *log_driver_name(enum log_driver d)
{
	return DRIVERS[d];
}

const char *log_stream_name(enum log_stream s)
{
	return s == LOG_STDERR ? "stderr" : "stdout";
}

static bool is_one_of(const char *const *names, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(names[i], text) == 0)
			return true;
	return false;
}

static int set_driver(const char *name, enum log_driver *ret, struct err *e)
{
	static const char *const OTHERS[] = { "syslog", "gelf",    "fluentd",   "awslogs",
					      "splunk", "gcplogs", "logentries" };

	if (!name || !*name)
		name = DRIVERS[LOG_JSON_FILE];
	for (unsigned int i = 0; i < LOG_DRIVERS; i++) {
		if (strcmp(DRIVERS[i], name) == 0) {
			*ret = (enum log_driver)i;
			return 0;
		}
	}
	if (is_one_of(OTHERS, ARRAY_LEN(OTHERS), name))
		return err_set(e, -EOPNOTSUPP,
			       "log driver '%s' is not supported (use json-file, local, journald, none or "
			       "passthrough)",
			       name);
	return err_set(e, -EINVAL, "logger: no log driver named '%s' is registered", name);
}

/* Powers of 1000, as docker counts here: "10m" are 10,000,000. -EINVAL, -ERANGE. */
static int parse_decimal_size(const char *text, uint64_t *ret)
{
	static const char *const UNITS = "bkmgtp";
	char digits[32];
	size_t len = strspn(text, "0123456789.");
	const char *unit = text + len, *dot = memchr(text, '.', len);
	size_t whole_len = dot ? (size_t)(dot - text) : len;
	uint64_t whole = 0, scale = 1, fraction = 0;
	const char *found;

	unit += *unit == ' ';
	found = *unit ? strchr(UNITS, *unit | 0x20) : UNITS;
	if (whole_len == 0 || whole_len >= sizeof(digits) || !found)
		return -EINVAL;
	unit += *unit && found > UNITS;
	if (*unit && strcasecmp(unit, "b") != 0)
		return -EINVAL;
	memcpy(digits, text, whole_len);
	digits[whole_len] = '\0';
	if (parse_u64(digits, 0, INT64_MAX, &whole) < 0)
		return -ERANGE;
	for (; found > UNITS; found--)
		scale *= 1000;
	for (uint64_t unit_scale = scale; dot && ++dot < text + len && unit_scale >= 10; unit_scale /= 10) {
		if (*dot == '.')
			return -EINVAL;
		fraction += (uint64_t)(*dot - '0') * (unit_scale / 10);
	}
	if (__builtin_mul_overflow(whole, scale, ret) || *ret > INT64_MAX - fraction)
		return -ERANGE;
	*ret += fraction;
	return 0;
}

static int set_max_size(struct log_config *c, const char *value, struct err *e)
{
	uint64_t n;

	if (parse_decimal_size(value, &n) < 0)
		return err_set(e, -EINVAL, "invalid size: '%s'", value);
	if (n == 0)
		return err_set(e, -EINVAL, "max-size must be a positive number");
	if (n < LOG_MAX_SIZE_MIN)
		return err_set(e, -EINVAL, "max-size must be at least %u bytes",
			       (unsigned int)LOG_MAX_SIZE_MIN);
	c->max_size = n;
	return 0;
}

static int set_max_file(struct log_config *c, const char *value, struct err *e)
{
	int64_t n;

	if (parse_i64(value, INT64_MIN, INT64_MAX, &n) < 0)
		return err_set(e, -EINVAL, "max-file: '%s' is no number", value);
	if (n < 1)
		return err_set(e, -EINVAL, "max-file cannot be less than 1");
	if (n > LOG_MAX_FILES_MAX)
		return err_set(e, -EINVAL, "max-file cannot be more than %u", LOG_MAX_FILES_MAX);
	c->max_files = (unsigned int)n;
	return 0;
}

static int set_compress(struct log_config *c, const char *value, struct err *e)
{
	bool on;

	if (parse_bool(value, &on) < 0)
		return err_set(e, -EINVAL, "compress: '%s' is neither true nor false", value);
	c->compress = on;
	return 0;
}

static int set_mode(struct log_config *c, const char *value, struct err *e)
{
	c->non_blocking = strcmp(value, "non-blocking") == 0;
	if (!c->non_blocking && strcmp(value, "blocking") != 0)
		return err_set(e, -EINVAL, "logger: logging mode not supported: %s", value);
	return 0;
}

static int set_max_buffer_size(struct log_config *c, const char *value, struct err *e)
{
	uint64_t ignored; /* nothing is buffered */

	(void)c;
	return parse_size_bytes(value, &ignored) < 0 ? err_set(e, -EINVAL, "invalid size: '%s'", value) : 0;
}

/* Those that choose a tag or attributes: log_tag and log_attributes look at them. */
static int set_later(struct log_config *c, const char *value, struct err *e)
{
	(void)c;
	(void)value;
	(void)e;
	return 0;
}

#define FOR(driver) (1u << (driver))
#define FOR_FILES   (FOR(LOG_JSON_FILE) | FOR(LOG_LOCAL))
#define FOR_ALL     (FOR_FILES | FOR(LOG_JOURNALD))
static const struct {
	const char *name;
	unsigned int drivers;
	int (*set)(struct log_config *c, const char *value, struct err *e);
} OPTIONS[] = {
	{ "max-size", FOR_FILES, set_max_size },
	{ "max-file", FOR_FILES, set_max_file },
	{ "compress", FOR_FILES, set_compress },
	{ "mode", FOR_ALL, set_mode },
	{ "max-buffer-size", FOR_ALL, set_max_buffer_size },
	{ "labels", FOR_ALL, set_later },
	{ "labels-regex", FOR_ALL, set_later },
	{ "env", FOR_ALL, set_later },
	{ "env-regex", FOR_ALL, set_later },
	{ "tag", FOR_ALL, set_later },
};

int log_config_set(struct log_config *c, const char *option, struct err *e)
{
	const char *equals = strchr(option, '=');
	size_t len = equals ? (size_t)(equals - option) : strlen(option);

	if (!equals || len == 0)
		return err_set(e, -EINVAL, "invalid logging opt '%s' (expected key=value)", option);
	for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++)
		if ((OPTIONS[i].drivers & FOR(c->driver)) && strncmp(OPTIONS[i].name, option, len) == 0 &&
		    OPTIONS[i].name[len] == '\0')
			return OPTIONS[i].set(c, equals + 1, e);
	if (c->driver == LOG_LOCAL)
		return err_set(e, -EINVAL, "unknown log opt '%.*s' for log driver local", (int)len, option);
	return err_set(e, -EINVAL, "unknown log opt '%.*s' for %s log driver", (int)len, option,
		       log_driver_name(c->driver));
}

static int check_compress(const struct log_config *c, struct err *e)
{
	if (!c->compress || c->max_files > 1)
		return 0;
	if (c->driver == LOG_LOCAL)
		return err_set(e, -EINVAL, "compression cannot be enabled when max file count is 1");
	return err_set(e, -EINVAL,
		       "compress cannot be true when max-file is less than 2 or max-size is not set");
}

int log_config_parse(const char *driver, const struct strvec *options, struct log_config *ret, struct err *e)
{
	struct log_config c = *ret;
	bool buffer_size = false;
	int r = set_driver(driver, &c.driver, e);

	c.max_size = c.driver == LOG_LOCAL ? LOG_LOCAL_MAX_SIZE : LOG_MAX_SIZE_DEFAULT;
	c.max_files = c.driver == LOG_LOCAL ? LOG_LOCAL_MAX_FILES : LOG_MAX_FILES;
	c.compress = c.driver == LOG_LOCAL;
	c.non_blocking = false;
	for (size_t i = 0; r == 0 && i < options->len; i++) {
		r = log_config_set(&c, options->items[i], e);
		buffer_size |= strncmp(options->items[i], "max-buffer-size=", 16) == 0;
	}
	if (r == 0 && buffer_size && !c.non_blocking)
		return err_set(e, -EINVAL,
			       "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	if (r == 0)
		r = check_compress(&c, e);
	if (r == 0)
		*ret = c;
	return r;
}
