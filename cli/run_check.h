/* SPDX-License-Identifier: Apache-2.0 */
/* Before a container starts: will the program that it is to run run on this machine? The machine's own side is engine/doctor.h. */
#ifndef SAMPAN_CLI_RUN_CHECK_H
#define SAMPAN_CLI_RUN_CHECK_H

#include "common/buf.h"
#include "common/machine.h"
#include "common/strvec.h"
#include "oci/elf_needs.h"
#include "oci/platform.h"

#define RUN_CHECK_TEXT_MAX 2048

struct run_check_host {
	const struct machine *machine;
	long page_bytes;
	bool (*runs_foreign)(const char *qemu_name); /* whether binfmt_misc has somebody for it: "aarch64" */
};

/* Appends what will not work, a line each, of a program called `name`. Pure but for runs_foreign. -ENOMEM. */
int run_check_needs(const struct elf_needs *needs, const char *name, const struct run_check_host *host,
		    struct buf *ret) MUST_CHECK;

/* Looks the program up in the image's layers (`lower`, topmost first) as exec would, and says on stderr, a line each, what will not work. Costs some dozens
 * of system calls; what it cannot find out it does not mention. */
void run_check_program(const struct strvec *lower, const struct strvec *args, const struct strvec *env,
		       const char *cwd, const struct platform *platform);

#endif
