/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's operating system layer on the FreeRTOS calls: types of semaphores, mutexes, mailboxes and threads.
 */
#pragma once

#include <stdbool.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef SemaphoreHandle_t sys_sem_t;
typedef SemaphoreHandle_t sys_mutex_t;
typedef TaskHandle_t sys_thread_t;

struct sys_mbox_s {
    QueueHandle_t queue;
};
typedef struct sys_mbox_s *sys_mbox_t;

#define SYS_MBOX_NULL     NULL
#define SYS_SEM_NULL      NULL
#define LWIP_COMPAT_MUTEX 0

#define sys_mutex_valid(mutex)       (((mutex) != NULL) && (*(mutex) != NULL))
#define sys_mutex_set_invalid(mutex) (*(mutex) = NULL)
#define sys_sem_valid(sem)           (((sem) != NULL) && (*(sem) != NULL))
#define sys_sem_set_invalid(sem)     (*(sem) = NULL)
#define sys_mbox_valid(mbox)         (((mbox) != NULL) && (*(mbox) != NULL))
#define sys_mbox_set_invalid(mbox)   (*(mbox) = NULL)

/** The calling task's own semaphore, made at first use and freed with the task. */
sys_sem_t *sys_thread_sem_get(void);
sys_sem_t *sys_thread_sem_init(void);
void sys_thread_sem_deinit(void);

void sys_mark_tcpip_thread(void);
/** @return whether the caller is the TCP/IP task (or that does not run yet). */
bool sys_check_core_locking(void);

#ifdef __cplusplus
}
#endif
