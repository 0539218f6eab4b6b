/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, and where images and containers are kept. */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "common/parse.h"
#include "engine/doctor_lines.h"

#define BORN_S           1764547200 /* 2025-12-01: a clock before that has not been set; certificates are younger */
#define SPACE_WARN_BYTES (UINT64_C(1) << 30)
#define SPACE_MIN_BYTES  (UINT64_C(128) << 20)
#define INODES_WARN      20000 /* an image has some 10,000 files */
#define INODES_MIN       2000
#define LIFE_WARN        9 /* of 10, JEDEC's estimate of what is used up */

#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC 0x2011BAB0
#endif
#define VFAT_SUPER_MAGIC 0x4d44 /* MSDOS_SUPER_MAGIC */
#define NTFS_SUPER_MAGIC 0x5346544e

/* --- clock ---------------------------------------------------------------------------------------------- */

static void examine_clock(const struct doctor_host *h, struct doctor_report *r)
{
	static const char CURE[] =
		"timedatectl set-ntp true (a Raspberry Pi before the 5 has no clock of its own)";

	if (h->now_s < BORN_S)
		doctor_add(r, DOCTOR_MISSING, "clock", CURE,
			   "the date is wrong: the certificates of registries seem not to be valid yet");
	else if (!h->clock_synchronised)
		doctor_add(r, DOCTOR_WARNING, "clock", CURE, "nobody keeps it right");
	else
		doctor_add(r, DOCTOR_OK, "clock", NULL, "is kept right");
}

/* --- space ---------------------------------------------------------------------------------------------- */

static void add_space(struct doctor_report *r, const char *path, const struct statvfs *fs)
{
	uint64_t free_bytes = (uint64_t)fs->f_bavail * fs->f_frsize;
	enum doctor_level level = free_bytes < SPACE_MIN_BYTES    ? DOCTOR_MISSING
				  : free_bytes < SPACE_WARN_BYTES ? DOCTOR_WARNING
								  : DOCTOR_OK;

	doctor_add(r, level, "store", level == DOCTOR_OK ? NULL : "sampan image prune -a, or a larger disk",
		   "%llu MiB are free for '%s'", (unsigned long long)(free_bytes >> 20), path);
	if (fs->f_files == 0) /* btrfs and its kin make inodes as they need them */
		return;
	level = fs->f_favail < INODES_MIN    ? DOCTOR_MISSING
		: fs->f_favail < INODES_WARN ? DOCTOR_WARNING
					     : DOCTOR_OK;
	doctor_add(r, level, "store",
		   level == DOCTOR_OK ? NULL : "sampan image prune -a, or mkfs.ext4 with more (-i 8192)",
		   "%llu inodes are free for '%s'", (unsigned long long)fs->f_favail, path);
}

static void add_type(struct doctor_report *r, const char *path, const struct statfs *fs)
{
	static const struct {
		unsigned long magic;
		const char *name;
		enum doctor_level level;
		const char *why;
	} TYPES[] = {
		{ EXT4_SUPER_MAGIC, "ext4", DOCTOR_OK, "" },
		{ XFS_SUPER_MAGIC, "xfs", DOCTOR_OK, "" },
		{ BTRFS_SUPER_MAGIC, "btrfs", DOCTOR_OK, "" },
		{ F2FS_SUPER_MAGIC, "f2fs", DOCTOR_OK, "" },
		{ TMPFS_MAGIC, "tmpfs", DOCTOR_WARNING, ": it is empty after a reboot" },
		{ OVERLAYFS_SUPER_MAGIC, "overlayfs", DOCTOR_MISSING,
		  ": it cannot be below another overlay" },
		{ NFS_SUPER_MAGIC, "nfs", DOCTOR_MISSING, ": overlayfs cannot write to it" },
		{ FUSE_SUPER_MAGIC, "fuse", DOCTOR_WARNING, ": overlayfs may not be able to write to it" },
		{ VFAT_SUPER_MAGIC, "vfat", DOCTOR_MISSING, ": it has no owners and no symlinks" },
		{ EXFAT_SUPER_MAGIC, "exfat", DOCTOR_MISSING, ": it has no owners and no symlinks" },
		{ NTFS_SUPER_MAGIC, "ntfs", DOCTOR_MISSING, ": it has no owners" },
	};

	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if ((unsigned long)fs->f_type == TYPES[i].magic) {
			doctor_add(r, TYPES[i].level, "store",
				   TYPES[i].level == DOCTOR_OK
					   ? NULL
					   : "sampan --root DIR, on an ext4, xfs, btrfs or f2fs",
				   "'%s' lies on %s%s", path, TYPES[i].name, TYPES[i].why);
			return;
		}
	doctor_add(r, DOCTOR_WARNING, "store", NULL,
		   "'%s' lies on a file system that we know nothing of (0x%lx)", path,
		   (unsigned long)fs->f_type);
}

/* --- flash ---------------------------------------------------------------------------------------------- */

/* What an eMMC says of its own wear: "0x01 0x03", in tenths, of two kinds of cells. sysfs-bus-mmc */
static void add_emmc_life(const struct doctor_host *h, const char *device, struct doctor_report *r)
{
	char path[192];
	cleanup_free char *text = NULL;
	unsigned int worst = 0;

	(void)snprintf(path, sizeof(path), "%s/life_time", device);
	text = doctor_read(h, path);
	for (const char *at = text; at && (at = strstr(at, "0x")); at += 2) {
		const char *digits = "0123456789abcdef", *high = strchr(digits, at[2] | 0x20),
			   *low = at[2] ? strchr(digits, at[3] | 0x20) : NULL;

		if (!high || !low || !at[2] || !at[3])
			return;
		if ((unsigned int)(16 * (high - digits) + (low - digits)) > worst)
			worst = (unsigned int)(16 * (high - digits) + (low - digits));
	}
	if (worst >= LIFE_WARN)
		doctor_add(r, DOCTOR_WARNING, "store", "replace it",
			   "the eMMC says that %u %% of its life are used up",
			   worst * 10 > 100 ? 100 : worst * 10);
	else if (worst > 0)
		doctor_add(r, DOCTOR_OK, "store", NULL,
			   "the eMMC says that at most %u %% of its life are used up", worst * 10);
}

/* The disk below a file system: of mmcblk0p2 that is mmcblk0. */
static void examine_flash(const struct doctor_host *h, dev_t number, struct doctor_report *r)
{
	char path[96], device[160], type_path[192];
	cleanup_free char *type = NULL;
	const char *up;

	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u", major(number), minor(number));
	if (!doctor_has(h, path))
		return; /* no disk: tmpfs, btrfs */
	(void)snprintf(type_path, sizeof(type_path), "%s/partition", path);
	up = doctor_has(h, type_path) ? "/.." : "";
	(void)snprintf(device, sizeof(device), "%s%s/device", path, up);
	(void)snprintf(type_path, sizeof(type_path), "%s/type", device);
	type = doctor_read(h, type_path);
	if (type && strncmp(type, "MMC", 3) == 0)
		add_emmc_life(h, device, r);
	if (type && strncmp(type, "SD", 2) == 0)
		doctor_add(r, DOCTOR_OK, "store", NULL,
			   "lies on an SD card, which wears out by being written to: logs are capped; run "
			   "--tmpfs or "
			   "--read-only where that will do; a card of the class \"High Endurance\" lasts "
			   "longer");
}

/* The store itself, or the directory in which it will be made. */
static int open_nearest(const struct doctor_host *h, char *path, size_t size)
{
	int fd = -1;

	(void)snprintf(path, size, "%s", h->store_root);
	for (;;) {
		char *slash = strrchr(path, '/');

		fd = openat(h->root_fd, path[1] ? path + 1 : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 || !slash || !path[1])
			return fd;
		slash[slash == path ? 1 : 0] = '\0';
	}
}

void doctor_examine_store(const struct doctor_host *h, struct doctor_report *r)
{
	char path[PATH_MAX];
	cleanup_fd int fd = -1;
	struct statvfs space;
	struct statfs type;
	struct stat st;

	examine_clock(h, r);
	fd = open_nearest(h, path, sizeof(path));
	if (fd < 0 || fstatvfs(fd, &space) < 0 || fstatfs(fd, &type) < 0 || fstat(fd, &st) < 0) {
		doctor_add(r, DOCTOR_WARNING, "store", NULL, "cannot look at '%s': %s", h->store_root,
			   errno_text(errno));
		return;
	}
	add_type(r, h->store_root, &type);
	add_space(r, h->store_root, &space);
	if (space.f_flag & ST_RDONLY)
		doctor_add(r, DOCTOR_MISSING, "store", "mount it for writing, or sampan --root DIR",
			   "'%s' is on a file system that is mounted read-only", h->store_root);
	examine_flash(h, st.st_dev, r);
}
