/* SPDX-License-Identifier: Apache-2.0 */
#include "build/binfmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "tests/unit/common/scratch.h"

#define ARM64_TEXT                                                \
	"enabled\ninterpreter /q/aarch64\nflags: POF\noffset 0\n" \
	"magic 7f454c4602010100"                                  \
	"00000000000000000200b700\n"                              \
	"mask ffffffffffffff00fffffffffffffffffeffffff\n"

/* --- the table --- */

static void each_cpu_is_found_by_its_names(void **state)
{
	const struct binfmt_cpu *cpu;
	size_t n = 0;

	(void)state;
	for (; (cpu = binfmt_cpu_at(n)); n++) {
		char entry[64];

		assert_ptr_equal(binfmt_cpu_find(cpu->architecture), cpu);
		assert_ptr_equal(binfmt_cpu_find(cpu->qemu), cpu);
		(void)snprintf(entry, sizeof(entry), "qemu-%s", cpu->qemu);
		assert_string_equal(cpu->entry, entry);
	}
	assert_int_equal(n, 9);
	assert_null(binfmt_cpu_find("sparc64"));
}

static void assert_cpu(const char *text, const char *architecture)
{
	const struct binfmt_cpu *cpu = NULL;
	struct err e = { 0 };

	if (binfmt_cpu_parse(text, &cpu, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(cpu->architecture, architecture);
}

static void architectures_are_called_as_for_platform(void **state)
{
	const struct binfmt_cpu *cpu = NULL;
	struct err e = { 0 };

	(void)state;
	assert_cpu("arm64", "arm64");
	assert_cpu("linux/arm64", "arm64");
	assert_cpu("aarch64", "arm64");
	assert_cpu("linux/arm/v6", "arm");
	assert_cpu("armhf", "arm");
	assert_cpu("x86_64", "amd64");
	assert_cpu("loongarch64", "loong64");
	assert_int_equal(binfmt_cpu_parse("windows/amd64", &cpu, &e), -EINVAL);
	assert_string_equal(e.text,
			    "'windows/amd64' is nothing that can be emulated: arm64, arm, amd64, 386, "
			    "riscv64, ppc64le, s390x, mips64le and loong64 are");
	assert_null(cpu);
}

/* What "\x7fELF" stands for. */
static size_t decode(const char *text, size_t len, unsigned char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < BINFMT_MAGIC_MAX; n++) {
		unsigned int byte = (unsigned char)text[i];

		if (text[i] == '\\') {
			const char *digits = "0123456789abcdef";

			byte = (unsigned int)(strchr(digits, text[i + 2]) - digits) << 4 |
			       (unsigned int)(strchr(digits, text[i + 3]) - digits);
			i += 4;
		} else {
			i++;
		}
		out[n] = (unsigned char)byte;
	}
	return n;
}

/* The field of a rule ":name:M:offset:magic:mask:interpreter:flags". */
static const char *field(const char *rule, int n, size_t *len)
{
	for (; n >= 0; n--)
		rule = strchr(rule, ':') + 1;
	*len = strcspn(rule, ":\n");
	return rule;
}

static void assert_bytes(const char *rule, int n, const unsigned char *expected)
{
	unsigned char bytes[BINFMT_MAGIC_MAX];
	size_t len = 0;
	const char *text = field(rule, n, &len);

	assert_int_equal(decode(text, len, bytes), BINFMT_ELF_BYTES);
	assert_memory_equal(bytes, expected, BINFMT_ELF_BYTES);
}

static void magics_and_flags_are_those_of_the_packages_of_this_machine(void **state)
{
	const struct binfmt_cpu *cpu;
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; (cpu = binfmt_cpu_at(i)); i++) {
		cleanup_buf struct buf rule = BUF_INIT(BINFMT_ENTRY_MAX_BYTES);
		struct binfmt_interpreter found;
		struct err e = { 0 };
		char path[128];
		const char *text;
		size_t len = 0;

		(void)snprintf(path, sizeof(path), "/usr/lib/binfmt.d/%s.conf", cpu->entry);
		if (file_read(AT_FDCWD, path, &rule, &e) != 0)
			continue;
		assert_bytes(rule.data, 3, cpu->magic);
		assert_bytes(rule.data, 4, cpu->mask);
		assert_true(binfmt_interpreter_find("", cpu, &found));
		text = field(rule.data, 5, &len);
		assert_int_equal(strlen(found.path), len);
		assert_memory_equal(found.path, text, len);
		text = field(rule.data, 6, &len);
		assert_int_equal(strspn(text, found.flags), len);
		assert_int_equal(strlen(found.flags), len);
		compared++;
	}
	if (compared == 0)
		skip();
}

static void a_rule_is_a_line_for_the_kernel(void **state)
{
	cleanup_buf struct buf rule = BUF_INIT(BINFMT_PATH_MAX), bad = BUF_INIT(BINFMT_PATH_MAX);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(binfmt_rule(binfmt_cpu_find("s390x"), "/q", "F", &rule, &e), 0);
	assert_string_equal(rule.data,
			    ":qemu-s390x:M::"
			    "\\x7f\\x45\\x4c\\x46\\x02\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
			    "\\x00\\x02\\x00\\x16:"
			    "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfc\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
			    "\\xff\\xfe\\xff\\xff:/q:F");
	assert_int_equal(binfmt_rule(binfmt_cpu_find("arm"), "/a:b", "F", &bad, &e), -EINVAL);
	assert_string_equal(e.text, "'/a:b' cannot be registered as an interpreter");
	assert_int_equal(binfmt_rule(binfmt_cpu_find("arm"), "q", "F", &bad, &e), -EINVAL);
	assert_string_equal(e.text, "'q' cannot be registered as an interpreter");
}

/* --- entries --- */

static struct binfmt_entry entry_of(const char *text)
{
	struct binfmt_entry entry;
	struct err e = { 0 };

	if (binfmt_entry_parse("x", text, strlen(text), &entry, &e) != 0)
		fail_msg("%s", e.text);
	return entry;
}

static void entries_are_read_as_the_kernel_writes_them(void **state)
{
	struct binfmt_entry entry = entry_of(ARM64_TEXT);

	(void)state;
	assert_string_equal(entry.name, "x");
	assert_true(entry.enabled);
	assert_string_equal(entry.interpreter, "/q/aarch64");
	assert_string_equal(entry.flags, "POF");
	assert_int_equal(entry.offset, 0);
	assert_int_equal(entry.len, 20);
	assert_int_equal(entry.magic[18], 0xb7);
	assert_int_equal(entry.mask[16], 0xfe);
	assert_true(binfmt_entry_works(&entry));

	entry = entry_of("disabled\ninterpreter /a b\nflags: \nextension .jar\n");
	assert_false(entry.enabled);
	assert_true(entry.by_extension);
	assert_string_equal(entry.interpreter, "/a b");
	assert_false(binfmt_entry_works(&entry));

	entry = entry_of("enabled\ninterpreter /a\nflags: \noffset 2\nmagic 00ff\nlater kernels say more\n");
	assert_int_equal(entry.offset, 2);
	assert_int_equal(entry.mask[1], 0xff);
	assert_false(binfmt_entry_works(&entry));
}

static void assert_no_entry(const char *text, const char *message)
{
	struct binfmt_entry entry;
	struct err e = { 0 };

	assert_int_equal(binfmt_entry_parse("x", text, strlen(text), &entry, &e), -EINVAL);
	assert_string_equal(e.text, message);
}

static void malformed_entries_are_refused(void **state)
{
	char longer[2048] = "interpreter ";

	(void)state;
	memset(longer + 12, 'a', sizeof(longer) - 13);
	longer[sizeof(longer) - 1] = '\0';
	assert_no_entry("", "'x' has no interpreter");
	assert_no_entry("enabled\ninterpreter \n", "'x' has a line that means nothing: 'interpreter '");
	assert_no_entry("interpreter /a\n", "'x' has neither a magic nor an extension, or both");
	assert_no_entry("interpreter /a\nmagic 00\nextension .a\n",
			"'x' has neither a magic nor an extension, or both");
	assert_no_entry("interpreter /a\nmagic 0\n", "'x' has a line that means nothing: 'magic 0'");
	assert_no_entry("interpreter /a\nmagic 0g\n", "'x' has a line that means nothing: 'magic 0g'");
	assert_no_entry("interpreter /a\nmagic \n", "'x' has a line that means nothing: 'magic '");
	assert_no_entry("interpreter /a\noffset -1\nmagic 00\n",
			"'x' has a line that means nothing: 'offset -1'");
	assert_no_entry("interpreter /a\noffset 256\nmagic 00\n",
			"'x' has a magic, a mask and an offset that do not go together");
	assert_no_entry("interpreter /a\nmagic 0000\nmask 00\n",
			"'x' has a magic, a mask and an offset that do not go together");
	assert_no_entry("interpreter /a\nflags: 0123456789abcdef\nmagic 00\n",
			"'x' has a line that means nothing: 'flags: 0123456789abcdef'");
	assert_no_entry(longer,
			"'x' has a line that means nothing: 'interpreter "
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaa'");
}

static void an_entry_fits_programs_of_both_kinds(void **state)
{
	const struct binfmt_cpu *arm64 = binfmt_cpu_find("arm64"), *cpu;
	struct binfmt_entry entry = entry_of(ARM64_TEXT);

	(void)state;
	for (size_t i = 0; (cpu = binfmt_cpu_at(i)); i++)
		assert_int_equal(binfmt_entry_fits(&entry, cpu), cpu == arm64);
	/* Of those with a fixed address alone. */
	entry.mask[16] = 0xff;
	assert_false(binfmt_entry_fits(&entry, arm64));
	entry = entry_of("enabled\ninterpreter /a\nflags: F\nextension .jar\n");
	assert_false(binfmt_entry_fits(&entry, arm64));
	entry = entry_of("enabled\ninterpreter /a\nflags: F\noffset 18\nmagic b700\n");
	assert_true(binfmt_entry_fits(&entry, arm64));
}

/* --- questions --- */

static struct platform platform_of(const char *text)
{
	struct platform p;
	struct err e = { 0 };

	assert_int_equal(platform_parse(text, &p, &e), 0);
	return p;
}

static enum binfmt_way way_of(struct binfmt *b, const char *platform)
{
	struct platform_list native = { .len = 1 };
	const struct platform p = platform_of(platform);

	native.items[0] = platform_of("linux/amd64");
	return binfmt_ask(b, &native, &p).way;
}

static void a_platform_is_native_or_emulated_or_missing(void **state)
{
	struct binfmt_entry items[2] = { entry_of(ARM64_TEXT), entry_of(ARM64_TEXT) };
	struct binfmt b = { .mounted = true, .enabled = true, .items = items, .len = 1 };

	(void)state;
	assert_int_equal(way_of(&b, "linux/amd64"), BINFMT_NATIVE);
	assert_int_equal(way_of(&b, "linux/arm64"), BINFMT_EMULATED);
	assert_int_equal(way_of(&b, "linux/riscv64"), BINFMT_MISSING);
	assert_int_equal(way_of(&b, "windows/arm64"), BINFMT_MISSING);
	b.enabled = false;
	assert_int_equal(way_of(&b, "linux/arm64"), BINFMT_MISSING);
	assert_int_equal(way_of(&b, "linux/amd64"), BINFMT_NATIVE);
	b.enabled = true;
	items[0].flags[0] = '\0';
	assert_int_equal(way_of(&b, "linux/arm64"), BINFMT_MISSING);
	b.len = 2; /* it stands in the way */
	assert_int_equal(way_of(&b, "linux/arm64"), BINFMT_MISSING);
	items[0].enabled = false;
	assert_int_equal(way_of(&b, "linux/arm64"), BINFMT_EMULATED);
	assert_string_equal(binfmt_way_name(BINFMT_EMULATED), "EMULATED");
}

static void this_machine_runs_its_own_programs(void **state)
{
	cleanup_free char *interpreter = NULL;
	enum binfmt_way way = BINFMT_MISSING;
	struct platform_list native;
	struct err e = { 0 };

	(void)state;
	binfmt_native(&native);
	assert_true(native.len > 0);
	assert_int_equal(binfmt_can_run(&native.items[0], &way, &interpreter, &e), 0);
	assert_int_equal(way, BINFMT_NATIVE);
	assert_null(interpreter);
}

/* --- a folder that looks like binfmt_misc --- */

static void put(const struct scratch *s, const char *name, const char *text)
{
	cleanup_fd int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void all_entries_are_read_and_those_that_make_no_sense_left_out(void **state)
{
	const struct scratch *s = *state;
	cleanup_binfmt struct binfmt b = { 0 };
	struct err e = { 0 };

	assert_int_equal(binfmt_read(s->path, &b, &e), 0);
	assert_false(b.mounted);
	put(s, "status", "enabled\n");
	put(s, "register", "");
	put(s, "qemu-aarch64", ARM64_TEXT);
	put(s, "odd", "nothing\n");
	assert_int_equal(binfmt_read(s->path, &b, &e), 0);
	assert_true(b.mounted);
	assert_true(b.enabled);
	assert_int_equal(b.len, 1);
	assert_non_null(binfmt_find(&b, "qemu-aarch64"));
	assert_null(binfmt_find(&b, "odd"));
	put(s, "status", "disabled\n");
	binfmt_done(&b);
	assert_int_equal(binfmt_read(s->path, &b, &e), 0);
	assert_false(b.enabled);
	binfmt_done(&b);
	assert_int_equal(binfmt_read("/nowhere", &b, &e), 0);
	assert_false(b.mounted);
}

static void registering_and_removing_write_what_the_kernel_wants(void **state)
{
	const struct binfmt_interpreter i = { .path = "/usr/bin/qemu-arm-static", .flags = "F" };
	const struct binfmt_cpu *arm = binfmt_cpu_find("arm");
	cleanup_buf struct buf rule = BUF_INIT(BINFMT_PATH_MAX);
	const struct scratch *s = *state;
	struct err e = { 0 };

	put(s, "register", "");
	assert_int_equal(binfmt_rule(arm, i.path, i.flags, &rule, &e), 0);
	assert_int_equal(binfmt_register(s->path, arm, &i, &e), 0);
	assert_true(scratch_holds(s, "register", rule.data));
	put(s, "qemu-arm", "");
	assert_int_equal(binfmt_unregister(s->path, "qemu-arm", &e), 0);
	assert_true(scratch_holds(s, "qemu-arm", "-1"));
	assert_int_equal(binfmt_unregister(s->path, "qemu-none", &e), -ENOENT);
	assert_string_equal(e.text, "'qemu-none' is not registered");
}

static void a_rule_that_stays_is_a_file_for_systemd(void **state)
{
	const struct binfmt_interpreter i = { .path = "/usr/bin/qemu-arm-static", .flags = "F" };
	const struct binfmt_cpu *arm = binfmt_cpu_find("arm");
	cleanup_buf struct buf expected = BUF_INIT(4096);
	cleanup_free char *path = NULL, *dir = NULL;
	const struct scratch *s = *state;
	struct err e = { 0 };

	assert_true(asprintf(&dir, "%s/binfmt.d", s->path) > 0);
	assert_int_equal(binfmt_forget(dir, arm, &e), 0);
	assert_int_equal(binfmt_persist(dir, arm, &i, &path, &e), 0);
	assert_non_null(strstr(path, "/binfmt.d/sampan-arm.conf"));
	assert_int_equal(buf_add_str(&expected,
				     "# Written by 'sampan binfmt install --persist', for systemd-binfmt.\n"),
			 0);
	assert_int_equal(binfmt_rule(arm, i.path, i.flags, &expected, &e), 0);
	assert_int_equal(buf_add_char(&expected, '\n'), 0);
	assert_true(scratch_holds(s, "binfmt.d/sampan-arm.conf", expected.data));
	assert_int_equal(binfmt_forget(dir, arm, &e), 0);
	assert_int_not_equal(faccessat(s->fd, "binfmt.d/sampan-arm.conf", F_OK, 0), 0);
}

static void the_interpreter_is_the_one_that_debian_registers(void **state)
{
	const struct binfmt_cpu *arm = binfmt_cpu_find("arm");
	const struct scratch *s = *state;
	struct binfmt_interpreter i;

	assert_false(binfmt_interpreter_find(s->path, arm, &i));
	assert_int_equal(mkdirat(s->fd, "usr", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "usr/bin", 0755), 0);
	put(s, "usr/bin/qemu-arm-static", "");
	assert_true(binfmt_interpreter_find(s->path, arm, &i));
	assert_string_equal(i.path, "/usr/bin/qemu-arm-static");
	assert_string_equal(i.flags, "F");
	assert_int_equal(mkdirat(s->fd, "usr/libexec", 0755), 0);
	assert_int_equal(mkdirat(s->fd, "usr/libexec/qemu-binfmt", 0755), 0);
	assert_int_equal(symlinkat("../../bin/qemu-arm-static", s->fd,
				   "usr/libexec/qemu-binfmt/arm-binfmt-P"),
			 0);
	assert_true(binfmt_interpreter_find(s->path, arm, &i));
	assert_string_equal(i.path, "/usr/libexec/qemu-binfmt/arm-binfmt-P");
	assert_string_equal(i.flags, "POF");
}

static void files_are_the_same_by_what_they_are(void **state)
{
	const struct scratch *s = *state;
	cleanup_free char *file = NULL, *link = NULL;

	put(s, "file", "");
	assert_int_equal(symlinkat("file", s->fd, "link"), 0);
	assert_true(asprintf(&file, "%s/file", s->path) > 0);
	assert_true(asprintf(&link, "%s/link", s->path) > 0);
	assert_true(binfmt_same_file(file, link));
	assert_false(binfmt_same_file(file, s->path));
	assert_false(binfmt_same_file("/nowhere", "/nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cpu_is_found_by_its_names),
		cmocka_unit_test(architectures_are_called_as_for_platform),
		cmocka_unit_test(magics_and_flags_are_those_of_the_packages_of_this_machine),
		cmocka_unit_test(a_rule_is_a_line_for_the_kernel),
		cmocka_unit_test(entries_are_read_as_the_kernel_writes_them),
		cmocka_unit_test(malformed_entries_are_refused),
		cmocka_unit_test(an_entry_fits_programs_of_both_kinds),
		cmocka_unit_test(a_platform_is_native_or_emulated_or_missing),
		cmocka_unit_test(this_machine_runs_its_own_programs),
		SCRATCH_TEST(all_entries_are_read_and_those_that_make_no_sense_left_out),
		SCRATCH_TEST(registering_and_removing_write_what_the_kernel_wants),
		SCRATCH_TEST(a_rule_that_stays_is_a_file_for_systemd),
		SCRATCH_TEST(the_interpreter_is_the_one_that_debian_registers),
		SCRATCH_TEST(files_are_the_same_by_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
