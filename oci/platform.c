/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

/* What GOOS and GOARCH may be: go/build's syslist. */
static const char *const KNOWN_OS[] = { "aix",     "android", "darwin",  "dragonfly", "freebsd", "hurd",
					"illumos", "ios",     "js",      "linux",     "nacl",    "netbsd",
					"openbsd", "plan9",   "solaris", "wasip1",    "windows", "zos" };
static const char *const KNOWN_ARCH[] = { "386",    "amd64",    "amd64p32",  "arm",         "armbe",
					  "arm64",  "arm64be",  "loong64",   "mips",        "mipsle",
					  "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc",
					  "ppc64",  "ppc64le",  "riscv",     "riscv64",     "s390",
					  "s390x",  "sparc",    "sparc64",   "wasm" };

/* Other spellings of an architecture, and the variant that each of them implies (NULL: keeps the one given). */
static const struct {
	const char *alias, *architecture, *variant;
} ALIASES[] = {
	{ "i386", "386", "" },        { "i486", "386", "" },       { "i586", "386", "" },
	{ "i686", "386", "" },        { "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL },
	{ "aarch64", "arm64", NULL }, { "armhf", "arm", "v7" },    { "armel", "arm", "v6" },
};

static bool is_one_of(const char *text, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static void set_field(char *field, const char *text)
{
	(void)snprintf(field, PLATFORM_FIELD_MAX, "%s", text);
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* "7" -> "v7", where a bare number is a spelling of the variant. */
static void prefix_version(char *variant)
{
	if (isdigit((unsigned char)variant[0]) && strlen(variant) + 2 <= PLATFORM_FIELD_MAX) {
		memmove(variant + 1, variant, strlen(variant) + 1);
		variant[0] = 'v';
	}
}

static void normalize_variant(struct platform *p)
{
	char *variant = p->variant;
	size_t len;

	if (strcmp(p->architecture, "amd64") == 0) {
		prefix_version(variant);
		if (strcmp(variant, "v1") == 0)
			variant[0] = '\0';
	} else if (strcmp(p->architecture, "arm64") == 0) {
		prefix_version(variant);
		len = strlen(variant);
		if (len > 2 && strcmp(variant + len - 2, ".0") == 0)
			variant[len - 2] = '\0';
		if (strcmp(variant, "v8") == 0)
			variant[0] = '\0';
	} else if (strcmp(p->architecture, "arm") == 0) {
		prefix_version(variant);
		if (variant[0] == '\0')
			set_field(variant, "v7");
	}
}

void platform_normalize(struct platform *p)
{
	lower(p->os);
	lower(p->architecture);
	lower(p->variant);
	if (p->os[0] == '\0')
		set_field(p->os, "linux");
	if (strcmp(p->os, "macos") == 0)
		set_field(p->os, "darwin");
	for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++) {
		if (strcmp(p->architecture, ALIASES[i].alias) != 0)
			continue;
		set_field(p->architecture, ALIASES[i].architecture);
		if (ALIASES[i].variant)
			set_field(p->variant, ALIASES[i].variant);
		break;
	}
	normalize_variant(p);
}

/* --- text ----------------------------------------------------------------------------------------- */

#define SPECIFIER_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static const char *own_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__i386__)
	return "386";
#elif defined(__arm__)
	return "arm";
#else
#error "unknown architecture"
#endif
}

/* Copies the next part of "a/b/c" into `field`. -EINVAL if it is empty, too long or of other characters. */
static int next_part(const char **p, char *field)
{
	size_t len = strspn(*p, SPECIFIER_CHARS);

	if (len == 0 || len >= PLATFORM_FIELD_MAX || ((*p)[len] != '/' && (*p)[len] != '\0'))
		return -EINVAL;
	memcpy(field, *p, len);
	field[len] = '\0';
	*p += len;
	if (**p == '/' && *++*p == '\0')
		return -EINVAL; /* "linux/" */
	return 0;
}

/* A lone word: an architecture, or an operating system. */
static int guess_single(const char *word, struct platform *p)
{
	set_field(p->architecture, word);
	platform_normalize(p);
	if (is_one_of(p->architecture, KNOWN_ARCH, ARRAY_LEN(KNOWN_ARCH)))
		return 0;
	*p = (struct platform){ 0 };
	set_field(p->os, word);
	set_field(p->architecture, own_architecture());
	platform_normalize(p);
	return is_one_of(p->os, KNOWN_OS, ARRAY_LEN(KNOWN_OS)) ? 0 : -EINVAL;
}

int platform_parse(const char *text, struct platform *ret, struct err *e)
{
	char parts[3][PLATFORM_FIELD_MAX] = { "", "", "" };
	struct platform p = { 0 };
	const char *rest = text;
	size_t count = 0;

	do {
		if (count == ARRAY_LEN(parts) || next_part(&rest, parts[count++]) < 0)
			return err_set(
				e, -EINVAL,
				"bad platform '%.100s' (write OS/ARCHITECTURE[/VARIANT], as in linux/arm64 "
				"or linux/arm/v7)",
				text);
	} while (*rest);
	if (count == 1) {
		if (guess_single(parts[0], &p) < 0)
			return err_set(e, -EINVAL,
				       "bad platform '%s': neither an operating system nor an architecture",
				       text);
		*ret = p;
		return 0;
	}
	set_field(p.os, parts[0]);
	set_field(p.architecture, parts[1]);
	set_field(p.variant, parts[2]);
	platform_normalize(&p);
	if (!is_one_of(p.os, KNOWN_OS, ARRAY_LEN(KNOWN_OS)))
		return err_set(e, -EINVAL, "bad platform '%s': unknown operating system '%s'", text, p.os);
	if (!is_one_of(p.architecture, KNOWN_ARCH, ARRAY_LEN(KNOWN_ARCH)))
		return err_set(e, -EINVAL, "bad platform '%s': unknown architecture '%s'", text,
			       p.architecture);
	*ret = p;
	return 0;
}

void platform_format(const struct platform *p, char *out)
{
	(void)snprintf(out, (size_t)3 * PLATFORM_FIELD_MAX, "%s/%s%s%s", p->os, p->architecture,
		       p->variant[0] ? "/" : "", p->variant);
}

/* --- lists ---------------------------------------------------------------------------------------- */

static void add(struct platform_list *list, const char *os, const char *architecture, const char *variant)
{
	struct platform *p = &list->items[list->len];

	if (list->len == PLATFORM_LIST_MAX)
		return;
	set_field(p->os, os);
	set_field(p->architecture, architecture);
	set_field(p->variant, variant);
	platform_normalize(p);
	list->len++;
}

/* "vFROM", ... "vTO", best first. */
static void add_versions(struct platform_list *list, const char *os, const char *architecture, int from,
			 int to)
{
	for (int version = from; version >= to; version--) {
		char variant[PLATFORM_FIELD_MAX];

		(void)snprintf(variant, sizeof(variant), "v%d", version);
		add(list, os, architecture, variant);
	}
}

void platform_list_for_machine(const struct machine *machine, struct platform_list *ret)
{
	int arm_version = machine->arm_version ? machine->arm_version : 8;
	bool amd64 = machine->cpu == MACHINE_AMD64, arm64 = machine->cpu == MACHINE_ARM64;

	*ret = (struct platform_list){ 0 };
	if (amd64 && !machine->userland_32bit)
		add_versions(ret, "linux", "amd64", machine->amd64_level > 0 ? machine->amd64_level : 1, 1);
	if (amd64 || machine->cpu == MACHINE_386)
		add(ret, "linux", "386", "");
	if (arm64 && !machine->userland_32bit)
		add(ret, "linux", "arm64", "");
	if (machine->cpu == MACHINE_ARM || (arm64 && (machine->aarch32 || machine->userland_32bit)))
		add_versions(ret, "linux", "arm", arm_version, 5);
	if (ret->len == 0 && machine->cpu == MACHINE_OTHER)
		add(ret, "linux", machine->uname_machine, "");
}

/* "v7" -> 7; 0 where it is no such thing. */
static int variant_version(const char *variant)
{
	if (variant[0] == 'v' && isdigit((unsigned char)variant[1]) && variant[2] == '\0')
		return variant[1] - '0';
	return 0;
}

void platform_list_for_request(const struct platform *wanted, struct platform_list *ret)
{
	struct platform p = *wanted;
	int version;

	platform_normalize(&p);
	version = variant_version(p.variant);
	*ret = (struct platform_list){ 0 };
	add(ret, p.os, p.architecture, p.variant);
	if (strcmp(p.architecture, "arm") == 0)
		add_versions(ret, p.os, "arm", version - 1, 5);
	if (strcmp(p.architecture, "amd64") == 0)
		add_versions(ret, p.os, "amd64", version - 1, 1);
	if (strcmp(p.architecture, "arm64") == 0 && p.variant[0] == 'v' && p.variant[1] >= '8')
		add(ret, p.os, "arm64", ""); /* v8.1, v9: all of them run v8 */
}

int platform_rank(const struct platform_list *list, const struct platform *p)
{
	struct platform n = *p;

	platform_normalize(&n);
	for (size_t i = 0; i < list->len; i++) {
		const struct platform *item = &list->items[i];

		if (strcmp(item->os, n.os) == 0 && strcmp(item->architecture, n.architecture) == 0 &&
		    strcmp(item->variant, n.variant) == 0)
			return (int)i;
	}
	return -1;
}
