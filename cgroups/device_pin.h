/* SPDX-License-Identifier: Apache-2.0 */
/* Device filters that the kernel has verified and translated already, kept in /sys/fs/bpf, which systemd mounts: most containers of a
 * machine have the same rules, and loading their program again takes as long as ten mounts. Nothing there is trusted: what is found is
 * used only if its instructions, as the kernel tells them, are those that were asked for. Only a few are kept. */
#ifndef SAMPAN_CGROUPS_DEVICE_PIN_H
#define SAMPAN_CGROUPS_DEVICE_PIN_H

#include <linux/bpf.h>
#include <stddef.h>

#define DEVICE_PIN_FOLDER "/sys/fs/bpf"
#define DEVICE_PINS       16

/* The program of exactly these instructions, owned by the caller (close); -ENOENT: it is not kept, or its place is another one's;
 * -EPERM. */
int device_pin_find(const struct bpf_insn *insns, size_t len);

/* Keeps a program for the next one, in the place of what was there. Where that does not work nothing is lost. */
void device_pin_keep(int program_fd, const struct bpf_insn *insns, size_t len);

#endif
