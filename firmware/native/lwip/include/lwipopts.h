/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's options, with the values that ESP-IDF gives them (its Kconfig defaults, and 16 sockets as Arduino-ESP32 builds
 * it). Where sdkconfig.h names a value, that one is taken. What differs from ESP-IDF is marked "differs".
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "sdkconfig.h"
#include "esp_random.h"
#include "esp_task.h"
#include "arch/sys_arch.h"

/* lwIP would define its own struct iovec unless this name is a macro. */
#define iovec iovec

#ifndef CONFIG_LWIP_MAX_SOCKETS
#define CONFIG_LWIP_MAX_SOCKETS 16
#endif
#ifndef CONFIG_LWIP_TCP_SND_BUF_DEFAULT
#define CONFIG_LWIP_TCP_SND_BUF_DEFAULT 5760
#endif
#ifndef CONFIG_LWIP_TCP_WND_DEFAULT
#define CONFIG_LWIP_TCP_WND_DEFAULT 5760
#endif
#ifndef CONFIG_LWIP_TCP_MSS
#define CONFIG_LWIP_TCP_MSS 1440
#endif
#ifndef CONFIG_LWIP_UDP_RECVMBOX_SIZE
#define CONFIG_LWIP_UDP_RECVMBOX_SIZE 6
#endif
#ifndef CONFIG_LWIP_TCP_RECVMBOX_SIZE
#define CONFIG_LWIP_TCP_RECVMBOX_SIZE 6
#endif
#ifndef CONFIG_LWIP_TCP_ACCEPTMBOX_SIZE
#define CONFIG_LWIP_TCP_ACCEPTMBOX_SIZE 6
#endif
#ifndef CONFIG_LWIP_TCPIP_RECVMBOX_SIZE
#define CONFIG_LWIP_TCPIP_RECVMBOX_SIZE 32
#endif
#ifndef CONFIG_LWIP_TCP_MSL
#define CONFIG_LWIP_TCP_MSL 60000
#endif
#ifndef CONFIG_LWIP_TCP_FIN_WAIT_TIMEOUT
#define CONFIG_LWIP_TCP_FIN_WAIT_TIMEOUT 20000
#endif

/* ---- threads and locks: everything in the TCP/IP task, and a check that it is so ---- */
#define NO_SYS                        0
#define SYS_LIGHTWEIGHT_PROT          1
#define LWIP_TCPIP_CORE_LOCKING       0
#define LWIP_TCPIP_CORE_LOCKING_INPUT 0
/* differs: always checked; on a chip only with CONFIG_LWIP_CHECK_THREAD_SAFETY */
#define LWIP_ASSERT_CORE_LOCKED()     LWIP_ASSERT("Required to run in TCPIP context!", sys_check_core_locking())
#define LWIP_MARK_TCPIP_THREAD()      sys_mark_tcpip_thread()
#define TCPIP_THREAD_NAME             "tiT"
#define TCPIP_THREAD_STACKSIZE        ESP_TASK_TCPIP_STACK
#define TCPIP_THREAD_PRIO             ESP_TASK_TCPIP_PRIO
#define DEFAULT_THREAD_STACKSIZE      TCPIP_THREAD_STACKSIZE
#define DEFAULT_THREAD_PRIO           TCPIP_THREAD_PRIO

/* ---- mailboxes: a full one loses what comes next ---- */
#define TCPIP_MBOX_SIZE           CONFIG_LWIP_TCPIP_RECVMBOX_SIZE
#define DEFAULT_UDP_RECVMBOX_SIZE CONFIG_LWIP_UDP_RECVMBOX_SIZE
#define DEFAULT_TCP_RECVMBOX_SIZE CONFIG_LWIP_TCP_RECVMBOX_SIZE
#define DEFAULT_ACCEPTMBOX_SIZE   CONFIG_LWIP_TCP_ACCEPTMBOX_SIZE
#define DEFAULT_RAW_RECVMBOX_SIZE 6

/* ---- memory: all from the one heap ---- */
#define MEM_LIBC_MALLOC         1
#define MEMP_MEM_MALLOC         1
#define MEM_ALIGNMENT           8 /* differs: 4 on a 32-bit chip */
#define LWIP_RAND               esp_random
#define MEMP_NUM_NETCONN        CONFIG_LWIP_MAX_SOCKETS
#define MEMP_NUM_RAW_PCB        16
#define MEMP_NUM_TCP_PCB        16
#define MEMP_NUM_TCP_PCB_LISTEN 16
#define MEMP_NUM_UDP_PCB        16

/* ---- link and IP ---- */
#define LWIP_ARP                       1
#define LWIP_ETHERNET                  1
#define ARP_QUEUEING                   1
#define LWIP_IPV4                      1
#define LWIP_IPV6                      0 /* differs: on by default in ESP-IDF; the supervisor's network has none */
#define LWIP_ICMP                      1
#define LWIP_RAW                       1
#define LWIP_IGMP                      1
#define IP_REASSEMBLY                  0
#define IP_FRAG                        1
#define IP_DEFAULT_TTL                 64
#define LWIP_NETIF_API                 1
#define LWIP_NETIF_HOSTNAME            1
#define LWIP_NETIF_STATUS_CALLBACK     1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF      1
#define LWIP_HAVE_LOOPIF               1
#define LWIP_NETIF_LOOPBACK            1
#define LWIP_LOOPBACK_MAX_PBUFS        8
#define CHECKSUM_CHECK_IP              0
#define CHECKSUM_CHECK_UDP             0
#define CHECKSUM_CHECK_ICMP            1

/* ---- DHCP, DNS ---- */
#define LWIP_DHCP           1
#define DHCP_DOES_ARP_CHECK 0 /* differs: the check takes a second, and the supervisor hands out one address only */
#define LWIP_DNS            1
#define DNS_MAX_SERVERS     3

/* ---- UDP, TCP ---- */
#define LWIP_UDP             1
#define LWIP_TCP             1
#define TCP_MSS              CONFIG_LWIP_TCP_MSS
#define TCP_WND              CONFIG_LWIP_TCP_WND_DEFAULT
#define TCP_SND_BUF          CONFIG_LWIP_TCP_SND_BUF_DEFAULT
#define TCP_MAXRTX           12
#define TCP_SYNMAXRTX        12
#define TCP_QUEUE_OOSEQ      1
#define TCP_OOSEQ_MAX_PBUFS  4
#define TCP_LISTEN_BACKLOG   1
#define TCP_OVERSIZE         TCP_MSS
#define TCP_TMR_INTERVAL     250
#define TCP_MSL              CONFIG_LWIP_TCP_MSL
#define TCP_FIN_WAIT_TIMEOUT CONFIG_LWIP_TCP_FIN_WAIT_TIMEOUT
#define LWIP_TCP_RTO_TIME    1500
#define LWIP_WND_SCALE       0
#define LWIP_TCP_SACK_OUT    0
#define LWIP_TCP_KEEPALIVE   1

/* ---- netconn and sockets ---- */
#define LWIP_NETCONN                1
#define LWIP_NETCONN_SEM_PER_THREAD 1
#define LWIP_NETCONN_FULLDUPLEX     1
#define LWIP_SOCKET                 1
#define LWIP_SOCKET_SELECT          1
#define LWIP_SOCKET_POLL            1
#define LWIP_COMPAT_SOCKETS         0 /* the names come from lwip/sockets.h and the linker: see sockets_vfs.c */
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
/* A chip's FD_SETSIZE is 64, so its 16 sockets are 48..63. */
#define LWIP_SOCKET_OFFSET          (64 - CONFIG_LWIP_MAX_SOCKETS)
#define LWIP_SO_SNDTIMEO            1
#define LWIP_SO_RCVTIMEO            1
#ifdef CONFIG_LWIP_SO_LINGER
#define LWIP_SO_LINGER 1
#else
#define LWIP_SO_LINGER 0
#endif
#define LWIP_SO_RCVBUF                  0
#define SO_REUSE                        1
#define SO_REUSE_RXTOALL                1
#define LWIP_TIMEVAL_PRIVATE            0
#define LWIP_ERRNO_STDINCLUDE           1
#define LWIP_NETCONN_THREAD_SEM_GET()   sys_thread_sem_get()
#define LWIP_NETCONN_THREAD_SEM_ALLOC() sys_thread_sem_init()
#define LWIP_NETCONN_THREAD_SEM_FREE()  sys_thread_sem_deinit()

#define LWIP_STATS 0

#ifdef ESP_LWIP
/* ---- options that only Espressif's lwIP has (an ESP-IDF's own is built in: cmake/esp_idf.cmake) ---- */
#define ESP_LWIP_ARP                            1
#define ESP_DNS                                 1
#define ESP_LWIP_LOCK                           1 /* this and the next: up to 4.4 */
#define ESP_LWIP_SELECT                         1
#define DNS_FALLBACK_SERVER_INDEX               (DNS_MAX_SERVERS - 1)
#define ESP_LWIP_IGMP_TIMERS_ONDEMAND           1
#define ESP_LWIP_MLD6_TIMERS_ONDEMAND           1
#define ESP_LWIP_DHCP_FINE_TIMERS_ONDEMAND      1
#define ESP_LWIP_DNS_TIMERS_ONDEMAND            1
#define ESP_LWIP_IP4_REASSEMBLY_TIMERS_ONDEMAND 1
#define ESP_LWIP_IP6_REASSEMBLY_TIMERS_ONDEMAND 1
#endif
