/* SPDX-License-Identifier: Apache-2.0 */
/* sampan info */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/go_template.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/machine.h"
#include "engine/container_view.h"
#include "oci/platform.h"
#include "store/container.h"
#include "store/image.h"

#define OS_RELEASE_MAX     (64u << 10)
#define DOCUMENT_MAX_BYTES (1u << 20)
#define NAME_MAX_BYTES     256

struct info_options {
	const char *format;
};

static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, offsetof(struct info_options, format), "string",
	  "json, or a Go template", go_template_set },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan info",
	.usage = "[OPTIONS]",
	.summary = "Show what Sampan found on this machine",
	.options = OPTIONS,
};

struct info {
	const struct cli_globals *globals;
	size_t images, containers, running, paused;
	struct cgroup_host cgroup;
	struct machine machine;
	struct platform_list platforms;
	struct utsname host;
	char os[NAME_MAX_BYTES];
	long cpus;
	uint64_t memory_bytes;
};

/* PRETTY_NAME="..." of os-release(5). */
static void read_os(char out[NAME_MAX_BYTES])
{
	static const char KEY[] = "PRETTY_NAME=";
	cleanup_buf struct buf text = BUF_INIT(OS_RELEASE_MAX);
	struct err ignored;
	const char *p;
	size_t len;

	(void)snprintf(out, NAME_MAX_BYTES, "unknown");
	if (file_read(AT_FDCWD, "/etc/os-release", &text, &ignored) < 0 || !text.data)
		return;
	p = strstr(text.data, KEY);
	if (!p || (p != text.data && p[-1] != '\n'))
		return;
	p += strlen(KEY);
	p += *p == '"';
	len = strcspn(p, "\"\n");
	(void)snprintf(out, NAME_MAX_BYTES, "%.*s", (int)len, p);
}

static int count_containers(const struct store *s, struct info *info, struct err *e)
{
	struct container_record *items = NULL;
	int r = container_view_list(s, info->globals->state_dir, &items, &info->containers, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < info->containers; i++) {
		info->running += items[i].status == CONTAINER_RUNNING;
		info->paused += items[i].status == CONTAINER_PAUSED;
	}
	container_list_free(items, info->containers);
	return 0;
}

static int gather(const struct store *s, struct info *info, struct err *e)
{
	struct image_record *images = NULL;
	size_t damaged = 0;
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	int r = image_list(s, &images, &info->images, &damaged, e);

	if (r == 0) {
		image_list_free(images, info->images);
		r = count_containers(s, info, e);
	}
	if (r == 0)
		r = cgroup_host_detect(&info->cgroup, e);
	if (r < 0)
		return r;
	machine_detect(&info->machine);
	platform_list_for_machine(&info->machine, &info->platforms);
	(void)uname(&info->host); /* cannot fail with a valid pointer */
	read_os(info->os);
	info->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	info->memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
	return 0;
}

static const char *mode_name(enum cgroup_mode mode)
{
	switch (mode) {
	case CGROUP_UNIFIED:
		return "v2";
	case CGROUP_HYBRID:
		return "hybrid";
	case CGROUP_NONE:
		break;
	}
	return "none";
}

static int controller_names(const struct info *info, struct strvec *ret)
{
	int r = 0;

	for (unsigned int bit = 1; r == 0 && bit <= CGROUP_RDMA; bit <<= 1)
		if (info->cgroup.available & bit)
			r = strvec_add(ret, cgroup_controller_name((enum cgroup_controller)bit));
	return r;
}

static int platform_names(const struct info *info, struct strvec *ret)
{
	char name[3 * PLATFORM_FIELD_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < info->platforms.len; i++) {
		platform_format(&info->platforms.items[i], name);
		r = strvec_add(ret, name);
	}
	return r;
}

static void print_list(const char *title, const struct strvec *v)
{
	(void)printf("%s:", title);
	for (size_t i = 0; i < v->len; i++)
		(void)printf(" %s", v->items[i]);
	(void)printf("%s\n", v->len ? "" : " none");
}

static int print_text(const struct info *i, const struct strvec *controllers, const struct strvec *platforms)
{
	char memory[FORMAT_MAX];

	format_size_binary(i->memory_bytes, memory);
	(void)printf("Version: %s\n", SAMPAN_VERSION);
	(void)printf("Containers: %zu\n Running: %zu\n Stopped: %zu\n", i->containers, i->running,
		     i->containers - i->running);
	(void)printf("Images: %zu\n", i->images);
	(void)printf("Root: %s\nState directory: %s\nStorage driver: overlay\n", i->globals->root,
		     i->globals->state_dir);
	(void)printf("Cgroup mode: %s\n", mode_name(i->cgroup.mode));
	print_list("Cgroup controllers", controllers);
	if (i->cgroup.mode == CGROUP_HYBRID)
		(void)printf(" (cgroup v1 has the others: boot with systemd.unified_cgroup_hierarchy=1 for "
			     "limits)\n");
	(void)printf("Kernel version: %s\nOperating system: %s\nArchitecture: %s\n", i->host.release, i->os,
		     i->host.machine);
	print_list("Platforms", platforms);
	(void)printf("CPUs: %ld\nTotal memory: %s\nName: %s\n", i->cpus, memory, i->host.nodename);
	return cli_end_output(0);
}

static int print_json(const struct info *i, const struct strvec *controllers, const struct strvec *platforms,
		      const char *format)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);
	struct err e = { 0 };

	json_out_object(o, NULL);
	json_out_string(o, "Version", SAMPAN_VERSION);
	json_out_string(o, "ServerVersion", SAMPAN_VERSION);
	json_out_u64(o, "Containers", i->containers);
	json_out_u64(o, "ContainersRunning", i->running);
	json_out_u64(o, "ContainersPaused", i->paused);
	json_out_u64(o, "ContainersStopped", i->containers - i->running - i->paused);
	json_out_u64(o, "Images", i->images);
	json_out_string(o, "Root", i->globals->root);
	json_out_string(o, "DockerRootDir", i->globals->root);
	json_out_string(o, "StateDir", i->globals->state_dir);
	json_out_string(o, "Driver", "overlay");
	json_out_string(o, "CgroupMode", mode_name(i->cgroup.mode));
	json_out_string(o, "CgroupDriver", cgroup_wants_user_scope() ? "systemd" : "cgroupfs");
	json_out_string(o, "CgroupVersion", i->cgroup.mode == CGROUP_UNIFIED ? "2" : "1");
	json_out_string(o, "CgroupMountPoint", i->cgroup.mount_point);
	json_out_strvec(o, "CgroupControllers", controllers);
	json_out_string(o, "KernelVersion", i->host.release);
	json_out_string(o, "OperatingSystem", i->os);
	json_out_string(o, "OSType", "linux");
	json_out_string(o, "Architecture", i->host.machine);
	json_out_strvec(o, "Platforms", platforms);
	json_out_i64(o, "NCPU", i->cpus);
	json_out_u64(o, "MemTotal", i->memory_bytes);
	json_out_string(o, "Name", i->host.nodename);
	json_out_string(o, "LoggingDriver", "json-file");
	json_out_end(o);
	if (!go_template_is_set(format))
		return cli_print_json(o);
	return go_template_print(format, o, &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}

int cmd_info(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_store struct store *store = NULL;
	cleanup_strvec struct strvec controllers = { 0 };
	cleanup_strvec struct strvec platforms = { 0 };
	struct info_options options = { 0 };
	struct info info = { .globals = g };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (store_open(g->root, &store, &e) < 0 || gather(store, &info, &e) < 0)
		return cli_fail(&e);
	if (controller_names(&info, &controllers) < 0 || platform_names(&info, &platforms) < 0) {
		cli_error("out of memory");
		return CLI_EXIT_FAILED;
	}
	return options.format ? print_json(&info, &controllers, &platforms, options.format)
			      : print_text(&info, &controllers, &platforms);
}
