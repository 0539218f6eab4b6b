/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line of run and an image's configuration to a runtime spec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/run_security.h"
#include "cli/run_spec.h"
#include "common/cleanup.h"

#define ID        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WORDS_MAX 32
#define CONFIG_FMT                                                    \
	"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":%s," \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"

struct made {
	struct run_flags flags;
	struct image_config image;
	struct run_mounts mounts;
	struct runtime_spec spec;
	struct strvec args, env;
	char words[1024];
	int code;
	struct err e;
};

static void made_done(struct made *m)
{
	run_flags_done(&m->flags);
	image_config_done(&m->image);
	run_mounts_done(&m->mounts);
	runtime_spec_done(&m->spec);
	strvec_done(&m->args);
	strvec_done(&m->env);
}
#define cleanup_made __attribute__((cleanup(made_done)))

/* Reads the words of `line` as the command line of run. */
static int parse(struct made *m, const char *line)
{
	const struct command_def command = { .name = "sampan run",
					     .options = run_flags_options(),
					     .options_first = true };
	char *argv[WORDS_MAX + 1] = { 0 }, *save = NULL, *word;
	int argc = 0, n = 0, r;

	snprintf(m->words, sizeof(m->words), "%s", line);
	for (word = strtok_r(m->words, " ", &save); word && argc < WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	r = options_parse(&command, argc, argv, &m->flags, &n, &m->e);
	for (int i = 2; r == 0 && i <= n; i++)
		assert_int_equal(strvec_add(&m->args, argv[i]), 0);
	return r;
}

/* `config` is the image's "config" member. */
static void make(struct made *m, const char *line, const char *config)
{
	const struct run_context c = { .id = ID,
				       .host_name = "thehost",
				       .env = &m->env,
				       .args = &m->args,
				       .passwd = "root:x:0:0::/root:\nuser:x:1000:1000::/home/user:\n",
				       .group = "root:x:0:\nuser:x:1000:\n" };
	char text[4096];

	*m = (struct made){ 0 };
	snprintf(text, sizeof(text), CONFIG_FMT, config);
	assert_int_equal(image_config_decode(text, strlen(text), &m->image, &m->e), 0);
	m->code = parse(m, line);
	if (m->code == 0)
		m->code = run_flags_check(&m->flags, 2, &m->e);
	if (m->code == 0)
		m->code = run_mounts_from_flags(&m->flags, &m->mounts, &m->e);
	if (m->code == 0)
		m->code = run_spec_build(&m->flags, &m->image, &c, &m->mounts, &m->spec, &m->e);
}

static void good(struct made *m, const char *line, const char *config)
{
	make(m, line, config);
	if (m->code < 0)
		fail_msg("%s: %s", line, m->e.text);
}

static void expect_args(const char *line, const char *config, const char *wanted)
{
	cleanup_made struct made m;
	char text[256] = "";

	good(&m, line, config);
	for (size_t i = 0; i < m.spec.process->args.len; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 m.spec.process->args.items[i]);
	assert_string_equal(text, wanted);
}

static void entrypoint_and_cmd_follow_the_rules_of_docker(void **state)
{
	static const char BOTH[] = "{\"Entrypoint\":[\"/entry\",\"-x\"],\"Cmd\":[\"default\"]}";
	static const char CMD[] = "{\"Cmd\":[\"sh\"]}";

	(void)state;
	expect_args("run image", BOTH, "/entry -x default");
	expect_args("run image a b", BOTH, "/entry -x a b");
	expect_args("run --entrypoint /mine image", BOTH, "/mine");
	expect_args("run --entrypoint /mine image a", BOTH, "/mine a");
	expect_args("run --entrypoint= image a", BOTH, "a");
	expect_args("run image", CMD, "sh");
	expect_args("run image ls -l", CMD, "ls -l");
}

static void defaults_are_those_of_docker(void **state)
{
	cleanup_made struct made m;
	const struct spec_process *p;

	(void)state;
	good(&m, "run image", "{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\"]}");
	p = m.spec.process;
	assert_string_equal(m.spec.hostname, "0123456789ab");
	assert_string_equal(p->cwd, "/");
	assert_false(p->terminal);
	assert_false(p->no_new_privileges);
	assert_int_equal(p->user.uid, 0);
	assert_int_equal(p->capabilities->bounding.len, 14);
	assert_true(strvec_has(&p->env, "HOME=/root"));
	assert_true(strvec_has(&p->env, "A=1"));
	assert_true(strvec_has(&p->env, "HOSTNAME=0123456789ab"));
	assert_non_null(m.spec.linux_.seccomp);
	assert_non_null(spec_find_namespace(&m.spec, SPEC_NS_NETWORK));
	assert_false(m.spec.root_readonly);
	assert_false(m.spec.linux_.resources->memory_limit.set);
	assert_false(m.spec.linux_.resources->pids_limit.set);
	assert_null(m.spec.linux_.cgroups_path);
}

static void what_the_image_says_of_its_process_is_kept(void **state)
{
	cleanup_made struct made m;

	(void)state;
	good(&m, "run -t image",
	     "{\"Cmd\":[\"sh\"],\"User\":\"user\",\"WorkingDir\":\"/srv/../app/\",\"StopSignal\":\"SIGINT\","
	     "\"Labels\":{\"a\":\"b\"}}");
	assert_int_equal(m.spec.process->user.uid, 1000);
	assert_string_equal(m.spec.process->cwd, "/app");
	assert_true(m.spec.process->terminal);
	assert_true(strvec_has(&m.spec.process->env, "TERM=xterm"));
	assert_true(strvec_has(&m.spec.process->env, "HOME=/home/user"));
	assert_true(strvec_has(&m.spec.annotations, "org.opencontainers.image.stopSignal=SIGINT"));
	assert_true(strvec_has(&m.spec.annotations, "a=b"));
}

static void flags_win_over_the_image(void **state)
{
	cleanup_made struct made m;

	(void)state;
	good(&m,
	     "run -u 7:8 -w /w -h box -l a=c -l bare --stop-signal TERM --read-only --oom-score-adj 500 "
	     "image",
	     "{\"Cmd\":[\"sh\"],\"User\":\"user\",\"WorkingDir\":\"/app\",\"StopSignal\":\"SIGINT\","
	     "\"Labels\":{\"a\":\"b\"}}");
	assert_int_equal(m.spec.process->user.uid, 7);
	assert_int_equal(m.spec.process->user.gid, 8);
	assert_string_equal(m.spec.process->cwd, "/w");
	assert_string_equal(m.spec.hostname, "box");
	assert_true(strvec_has(&m.spec.process->env, "HOSTNAME=box"));
	assert_true(strvec_has(&m.spec.annotations, "a=c"));
	assert_true(strvec_has(&m.spec.annotations, "bare="));
	assert_true(strvec_has(&m.spec.annotations, "org.opencontainers.image.stopSignal=TERM"));
	assert_true(m.spec.root_readonly);
	assert_int_equal(m.spec.process->oom_score_adj.value, 500);
}

static void limits_become_resources(void **state)
{
	const struct spec_resources *r;
	cleanup_made struct made m;

	(void)state;
	good(&m,
	     "run -m 64Mi --memory-reservation 32m --cpus 500m --cpu-shares 512 --cpuset-cpus 0-1,1 "
	     "--cpuset-mems 0 "
	     "--pids-limit 32 --cgroup-parent /apps image",
	     "{\"Cmd\":[\"sh\"]}");
	r = m.spec.linux_.resources;
	assert_int_equal(r->memory_limit.value, 64 << 20);
	assert_int_equal(r->memory_swap.value, 128 << 20);
	assert_int_equal(r->memory_reservation.value, 32 << 20);
	assert_int_equal(r->cpu_quota_us.value, 50000);
	assert_int_equal(r->cpu_period_us.value, 100000);
	assert_int_equal(r->cpu_shares.value, 512);
	assert_string_equal(r->cpu_cpus, "0-1,1");
	assert_string_equal(r->cpu_mems, "0");
	assert_int_equal(r->pids_limit.value, 32);
	assert_string_equal(m.spec.linux_.cgroups_path, "/apps/" ID);
}

static void swap_may_be_limited_or_not(void **state)
{
	struct made m;

	(void)state;
	good(&m, "run -m 64m --memory-swap 64m --pids-limit -1 image", "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.linux_.resources->memory_swap.value, 64 << 20);
	assert_false(m.spec.linux_.resources->pids_limit.set);
	made_done(&m);
	good(&m, "run -m 64m --memory-swap -1 image", "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.linux_.resources->memory_swap.value, -1);
	made_done(&m);
}

static void the_network_of_the_host_brings_its_name(void **state)
{
	struct made m;

	(void)state;
	good(&m, "run --network host image", "{\"Cmd\":[\"sh\"]}");
	assert_string_equal(m.spec.hostname, "thehost");
	assert_null(spec_find_namespace(&m.spec, SPEC_NS_NETWORK));
	made_done(&m);
	good(&m, "run --net=host -h box image", "{\"Cmd\":[\"sh\"]}");
	assert_string_equal(m.spec.hostname, "box");
	made_done(&m);
}

static void capabilities_are_added_and_dropped(void **state)
{
	struct made m;

	(void)state;
	good(&m, "run --cap-drop=mknod --cap-drop CAP_CHOWN --cap-add=net_admin image", "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.process->capabilities->bounding.len, 13);
	assert_false(strvec_has(&m.spec.process->capabilities->effective, "CAP_MKNOD"));
	assert_true(strvec_has(&m.spec.process->capabilities->permitted, "CAP_NET_ADMIN"));
	made_done(&m);
	good(&m, "run --cap-drop all --cap-add CHOWN image", "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.process->capabilities->bounding.len, 1);
	assert_string_equal(m.spec.process->capabilities->bounding.items[0], "CAP_CHOWN");
	made_done(&m);
}

static void security_options_are_understood(void **state)
{
	struct made m;

	(void)state;
	good(&m,
	     "run --security-opt no-new-privileges --security-opt seccomp=unconfined --security-opt "
	     "label=disable "
	     "--security-opt apparmor=mine --security-opt systempaths=unconfined image",
	     "{\"Cmd\":[\"sh\"]}");
	assert_true(m.spec.process->no_new_privileges);
	assert_null(m.spec.linux_.seccomp);
	assert_string_equal(m.spec.process->apparmor_profile, "mine");
	assert_int_equal(m.spec.linux_.masked_paths.len, 0);
	assert_int_equal(m.spec.linux_.readonly_paths.len, 0);
	made_done(&m);
	good(&m, "run --security-opt no-new-privileges=false --security-opt apparmor:unconfined image",
	     "{\"Cmd\":[\"sh\"]}");
	assert_false(m.spec.process->no_new_privileges);
	assert_null(m.spec.process->apparmor_profile);
	assert_non_null(m.spec.linux_.seccomp);
	made_done(&m);
}

static void a_privileged_container_has_nothing_hidden(void **state)
{
	cleanup_made struct made m;
	const struct spec_mount *sys;

	(void)state;
	good(&m, "run --privileged image", "{\"Cmd\":[\"sh\"]}");
	assert_null(m.spec.linux_.seccomp);
	assert_int_equal(m.spec.linux_.masked_paths.len, 0);
	sys = spec_find_mount(&m.spec, "/sys");
	assert_true(strvec_has(&sys->options, "rw"));
	assert_false(strvec_has(&sys->options, "ro"));
	for (size_t i = 0; i < m.spec.linux_.devices_len; i++)
		assert_string_not_equal(m.spec.linux_.devices[i].path, "/dev/null");
}

static void devices_get_a_node_and_a_rule(void **state)
{
	const struct spec_device_rule *rule;
	const struct spec_device *device;
	cleanup_made struct made m;

	(void)state;
	good(&m, "run --device /dev/null:/dev/mine:r --device=/dev/zero image", "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.linux_.devices_len, 2);
	device = &m.spec.linux_.devices[0];
	assert_string_equal(device->path, "/dev/mine");
	assert_int_equal(device->type, 'c');
	assert_int_equal(device->major, 1);
	assert_int_equal(device->minor, 3);
	rule = &m.spec.linux_.resources->devices[m.spec.linux_.resources->devices_len - 2];
	assert_true(rule->allow);
	assert_int_equal(rule->minor.value, 3);
	assert_string_equal(rule->access, "r");
	assert_string_equal(m.spec.linux_.devices[1].path, "/dev/zero");
}

static void ulimits_sysctls_and_the_size_of_shm_are_set(void **state)
{
	cleanup_made struct made m;

	(void)state;
	good(&m,
	     "run --ulimit nofile=10:20 --ulimit core=-1 --sysctl net.ipv4.ip_forward=1 --shm-size 1m "
	     "--tmpfs /tmp image",
	     "{\"Cmd\":[\"sh\"]}");
	assert_int_equal(m.spec.process->rlimits_len, 2);
	assert_string_equal(m.spec.process->rlimits[0].type, "RLIMIT_NOFILE");
	assert_int_equal(m.spec.process->rlimits[0].soft, 10);
	assert_int_equal(m.spec.process->rlimits[0].hard, 20);
	assert_true(m.spec.process->rlimits[1].hard == UINT64_MAX);
	assert_true(strvec_has(&m.spec.linux_.sysctl, "net.ipv4.ip_forward=1"));
	assert_true(strvec_has(&spec_find_mount(&m.spec, "/dev/shm")->options, "size=1048576"));
	assert_non_null(spec_find_mount(&m.spec, "/tmp"));
}

static void mistakes_are_refused_with_the_words_of_docker(void **state)
{
	static const struct {
		const char *line, *text;
	} CASES[] = {
		{ "run -m 100k image", "minimum memory limit allowed is 256KiB" },
		{ "run -m 64m --memory-reservation 65m image",
		  "minimum memory limit can not be less than memory reservation limit" },
		{ "run --memory-swap 64m image",
		  "you should always set the memory limit when using --memory-swap (use -m too)" },
		{ "run -m 64m --memory-swap 32m image",
		  "--memory-swap is memory and swap together: it must not be less than -m" },
		{ "run --cpus 3 image",
		  "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available" },
		{ "run --cpus 0.001 image",
		  "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available" },
		{ "run --cpu-shares 1 image", "--cpu-shares must be from 2 to 262144" },
		{ "run --cpuset-cpus 0- image",
		  "invalid value '0-' for --cpuset-cpus: expected a list like 0-3,5" },
		{ "run --cpuset-mems , image",
		  "invalid value ',' for --cpuset-mems: expected a list like 0-3,5" },
		{ "run --pids-limit -2 image", "--pids-limit must be -1 or more" },
		{ "run --oom-score-adj 1001 image",
		  "invalid value 1001, range for oom score adj is [-1000, 1000]" },
		{ "run -w here image",
		  "the working directory 'here' is invalid, it needs to be an absolute path" },
		{ "run --stop-signal NOPE image", "unknown signal 'NOPE'" },
		{ "run --network foo=bar image",
		  "invalid argument \"foo=bar\" for \"--network\" flag: invalid field key foo" },
		{ "run --dns-search foo_bar image",
		  "invalid argument \"foo_bar\" for \"--dns-search\" flag: foo_bar is not a valid domain" },
		{ "run --add-host foo image",
		  "invalid argument \"foo\" for \"--add-host\" flag: bad format for add-host: \"foo\"" },
		{ "run --pull often image",
		  "invalid argument \"often\" for \"--pull\" flag: expected 'missing', 'always' or 'never'" },
		{ "run -m 64x image",
		  "invalid argument \"64x\" for \"-m, --memory\" flag: invalid size: '64x'" },
		{ "run --cap-add FLY image", "invalid capability: \"FLY\"" },
		{ "run --security-opt colour=red image", "invalid --security-opt: 'colour=red'" },
		{ "run --security-opt label=type:x image",
		  "--security-opt label: SELinux labels are not supported: 'type:x'" },
		{ "run --security-opt seccomp=/proc/nonexistent image",
		  "opening seccomp profile (/proc/nonexistent) failed: cannot open '/proc/nonexistent': no "
		  "such file "
		  "or directory" },
		{ "run --device /etc/passwd image", "error gathering device information while adding custom "
						    "device \"/etc/passwd\": not a device node" },
		{ "run --device /dev/nope image", "error gathering device information while adding custom "
						  "device \"/dev/nope\": no such file or directory" },
		{ "run --device /dev/null:/dev/x:q image", "invalid device mode: q" },
		{ "run --ulimit nofile=2:1 image",
		  "ulimit soft limit must be less than or equal to hard limit: nofile=2:1" },
		{ "run --ulimit files=2 image", "invalid ulimit type: files" },
		{ "run --sysctl vm.swappiness=1 image", "sysctl 'vm.swappiness=1' is not allowed: it does "
							"not belong to a namespace of the container" },
		{ "run --network host --sysctl net.ipv4.ip_forward=1 image",
		  "sysctl 'net.ipv4.ip_forward=1' not allowed in host network namespace" },
		{ "run -u bob image", "unable to find user bob: no matching entries in passwd file" },
		{ "run --entrypoint= image", "no command specified" },
		{ "run -v /a:/x --tmpfs /x image", "duplicate mount point: /x" },
		{ "run --cgroup-parent /a/../b image", "invalid --cgroup-parent: '/a/../b'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_made struct made m;

		make(&m, CASES[i].line, "{\"Cmd\":[\"sh\"]}");
		assert_true(m.code < 0);
		assert_string_equal(m.e.text, CASES[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entrypoint_and_cmd_follow_the_rules_of_docker),
		cmocka_unit_test(defaults_are_those_of_docker),
		cmocka_unit_test(what_the_image_says_of_its_process_is_kept),
		cmocka_unit_test(flags_win_over_the_image),
		cmocka_unit_test(limits_become_resources),
		cmocka_unit_test(swap_may_be_limited_or_not),
		cmocka_unit_test(the_network_of_the_host_brings_its_name),
		cmocka_unit_test(capabilities_are_added_and_dropped),
		cmocka_unit_test(security_options_are_understood),
		cmocka_unit_test(a_privileged_container_has_nothing_hidden),
		cmocka_unit_test(devices_get_a_node_and_a_rule),
		cmocka_unit_test(ulimits_sysctls_and_the_size_of_shm_are_set),
		cmocka_unit_test(mistakes_are_refused_with_the_words_of_docker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
