/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU and the userland; users and their IDs. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "common/subid.h"
#include "engine/doctor_lines.h"

#define PAGE_4K      4096
#define SUB_IDS_WANT 65536

/* --- CPU ------------------------------------------------------------------------------------------------ */

static void examine_pages(const struct doctor_host *h, struct doctor_report *r)
{
	bool pi = false;

	if (h->page_bytes == PAGE_4K) {
		doctor_add(r, DOCTOR_OK, "cpu", NULL, "pages of 4 KiB");
		return;
	}
	if (doctor_has(h, "proc/device-tree/model")) {
		cleanup_free char *model = doctor_read(h, "proc/device-tree/model");

		pi = model && strncmp(model, "Raspberry Pi", strlen("Raspberry Pi")) == 0;
	}
	doctor_add(
		r, DOCTOR_WARNING, "cpu",
		pi ? "put kernel=kernel8.img into /boot/firmware/config.txt and reboot: that kernel has 4 KiB"
		   : "boot a kernel with pages of 4 KiB",
		"pages of %ld KiB: images with programs that are aligned to 4 KiB (jemalloc, old Go, 32-bit "
		"ARM) fail with \"Segmentation fault\" or \"cannot allocate memory\"",
		h->page_bytes / 1024);
}

static void examine_amd64(const struct doctor_host *h, struct doctor_report *r)
{
	if (h->machine.amd64_level >= 3)
		doctor_add(r, DOCTOR_OK, "cpu", NULL, "x86-64-v%d", h->machine.amd64_level);
	else if (h->machine.amd64_level == 2)
		doctor_add(r, DOCTOR_OK, "cpu", NULL,
			   "x86-64-v2: images for v3 (AVX2) end with \"Illegal instruction\"");
	else
		doctor_add(r, DOCTOR_WARNING, "cpu", NULL,
			   "x86-64-v1: images for v2 and v3 (RHEL 9 and its kin among them) do not start");
}

static void examine_arm64(const struct doctor_host *h, struct doctor_report *r)
{
	doctor_add(r, DOCTOR_OK, "cpu", NULL, "arm64%s",
		   h->atomics ? ", with LSE atomics (ARMv8.1)"
			      : ", without LSE atomics: images built for ARMv8.1 or later end with \"Illegal "
				"instruction\"");
	doctor_add(r, DOCTOR_OK, "cpu", NULL, "%s",
		   h->machine.aarch32 ? "runs images for linux/arm/v7 and older (AArch32, tried)"
				      : "no images for linux/arm: it does not run AArch32 (tried)");
	if (h->machine.userland_32bit)
		doctor_add(r, DOCTOR_WARNING, "cpu",
			   "install the 64-bit edition of the system, or pull with --platform linux/arm64",
			   "a 64-bit kernel below a 32-bit userland: images for linux/arm are chosen");
}

void doctor_examine_cpu(const struct doctor_host *h, struct doctor_report *r)
{
	if (h->machine.cpu == MACHINE_AMD64)
		examine_amd64(h, r);
	else if (h->machine.cpu == MACHINE_ARM64)
		examine_arm64(h, r);
	else
		doctor_add(r, DOCTOR_WARNING, "cpu", NULL, "'%s': Sampan is tested on x86_64 and ARM64 only",
			   h->machine.uname_machine);
	examine_pages(h, r);
}

/* --- users ---------------------------------------------------------------------------------------------- */

static uint64_t number_in(const struct doctor_host *h, const char *path, uint64_t if_absent)
{
	cleanup_free char *text = doctor_read(h, path);
	uint64_t n;

	if (!text)
		return if_absent;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 0, UINT64_MAX, &n) == 0 ? n : if_absent;
}

static uint64_t count_ids(const char *text, const char *user, uid_t uid)
{
	struct subid_range ranges[SUBID_RANGES_MAX];
	size_t len = text ? subid_ranges(text, user, uid, ranges) : 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += ranges[i].count;
	return sum;
}

static void examine_sub_ids(const struct doctor_host *h, struct doctor_report *r)
{
	static const struct {
		const char *path, *what, *program;
	} KINDS[] = { { "etc/subuid", "user", "usr/bin/newuidmap" },
		      { "etc/subgid", "group", "usr/bin/newgidmap" } };

	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		cleanup_free char *text = doctor_read(h, KINDS[i].path);
		uint64_t n = count_ids(text, h->user, h->uid);

		if (!doctor_has(h, KINDS[i].program))
			doctor_add(r, DOCTOR_MISSING, "rootless", "apt install uidmap",
				   "no '/%s': containers get one %s ID only", KINDS[i].program,
				   KINDS[i].what);
		else if (n < SUB_IDS_WANT)
			doctor_add(r, DOCTOR_MISSING, "rootless",
				   "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, as "
				   "root",
				   "'/%s' gives %llu %s IDs to '%s': images need %d", KINDS[i].path,
				   (unsigned long long)n, KINDS[i].what, h->user, SUB_IDS_WANT);
		else
			doctor_add(r, DOCTOR_OK, "rootless", NULL, "%llu more %s IDs for '%s'",
				   (unsigned long long)n, KINDS[i].what, h->user);
	}
}

void doctor_examine_users(const struct doctor_host *h, struct doctor_report *r)
{
	if (number_in(h, "proc/sys/user/max_user_namespaces", 1) == 0)
		doctor_add(r, h->uid ? DOCTOR_MISSING : DOCTOR_WARNING, "rootless",
			   "sysctl -w user.max_user_namespaces=15000", "user namespaces are turned off");
	else if (number_in(h, "proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		doctor_add(r, h->uid ? DOCTOR_MISSING : DOCTOR_WARNING, "rootless",
			   "sysctl -w kernel.unprivileged_userns_clone=1",
			   "user namespaces are for root alone");
	else if (number_in(h, "proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		doctor_add(r, h->uid ? DOCTOR_MISSING : DOCTOR_WARNING, "rootless",
			   "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile "
			   "for sampan",
			   "AppArmor restricts user namespaces");
	else
		doctor_add(r, DOCTOR_OK, "rootless", NULL, "users may make user namespaces");
	if (h->uid != 0)
		examine_sub_ids(h, r);
}
