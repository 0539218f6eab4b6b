/* SPDX-License-Identifier: Apache-2.0 */
/* Between the program in iptables' place and the process that answers it: an AF_UNIX SOCK_SEQPACKET socket, one connection a call.
 *
 * The call is one message: the program's name and its arguments, each with a NUL after it. The answer is one or more messages, of which the first byte says what they are;
 * the last one is an EXIT or a RUN. */
#ifndef SAMPAN_ENGINE_IPTABLES_PROTOCOL_H
#define SAMPAN_ENGINE_IPTABLES_PROTOCOL_H

#define IPTABLES_SOCKET_ENV "SAMPAN_IPTABLES" /* the socket's path */
#define IPTABLES_CALL_BYTES 16384             /* of a call; the longest of netavark have some hundreds */
#define IPTABLES_PART_BYTES 32768

#define IPTABLES_STDOUT     'o' /* followed by text */
#define IPTABLES_STDERR     'e' /* followed by text */
#define IPTABLES_EXIT       'x' /* followed by a byte: the exit code */
#define IPTABLES_RUN        'r' /* followed by a path without a NUL: be that program, with the same arguments */

#define IPTABLES_EXIT_LOST  4 /* as iptables has it for a kernel that does not answer */

#endif
