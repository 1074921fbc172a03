/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's operating system layer, on the FreeRTOS calls, with the behaviour of ESP-IDF's:
 *
 *   - mailboxes have the size they were asked for, so a full one loses what comes next
 *   - time is the tick, 10 ms
 *   - each task has one semaphore for its socket calls, made at first use and freed with the task
 */
#include <string.h>

#include "lwip/opt.h"
#include "lwip/debug.h"
#include "lwip/mem.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#define THREAD_SEM_INDEX (configNUM_THREAD_LOCAL_STORAGE_POINTERS - 1) /* the last thread-local pointer is lwIP's */

static portMUX_TYPE protect_lock = portMUX_INITIALIZER_UNLOCKED;
static TaskHandle_t tcpip_task;

void sys_init(void)
{
}

u32_t sys_jiffies(void)
{
    return xTaskGetTickCount();
}

u32_t sys_now(void)
{
    return xTaskGetTickCount() * portTICK_PERIOD_MS;
}

/* On a chip a mutex; as a critical section it cannot be left locked by a task that is deleted. */
sys_prot_t sys_arch_protect(void)
{
    portENTER_CRITICAL(&protect_lock);
    return 0;
}

void sys_arch_unprotect(sys_prot_t previous)
{
    (void)previous;
    portEXIT_CRITICAL(&protect_lock);
}

void sys_mark_tcpip_thread(void)
{
    tcpip_task = xTaskGetCurrentTaskHandle();
}

bool sys_check_core_locking(void)
{
    return tcpip_task == NULL || tcpip_task == xTaskGetCurrentTaskHandle();
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn thread, void *arg, int stacksize, int prio)
{
    TaskHandle_t task = NULL;
    if (xTaskCreate(thread, name, (uint32_t)stacksize, arg, (UBaseType_t)prio, &task) != pdPASS) {
        return NULL;
    }
    return task;
}

/* ---- mutexes ---- */

err_t sys_mutex_new(sys_mutex_t *mutex)
{
    *mutex = xSemaphoreCreateMutex();
    return *mutex != NULL ? ERR_OK : ERR_MEM;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
    BaseType_t taken = xSemaphoreTake(*mutex, portMAX_DELAY);
    LWIP_ASSERT("failed to take the mutex", taken == pdTRUE);
    (void)taken;
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    BaseType_t given = xSemaphoreGive(*mutex);
    LWIP_ASSERT("failed to give the mutex", given == pdTRUE);
    (void)given;
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    vSemaphoreDelete(*mutex);
    *mutex = NULL;
}

/* ---- semaphores ---- */

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    LWIP_ASSERT("initial_count invalid (neither 0 nor 1)", count <= 1);
    *sem = xSemaphoreCreateBinary();
    if (*sem == NULL) {
        return ERR_MEM;
    }
    if (count == 1) {
        xSemaphoreGive(*sem);
    }
    return ERR_OK;
}

void sys_sem_signal(sys_sem_t *sem)
{
    xSemaphoreGive(*sem); /* one that is signalled already stays so */
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout_ms)
{
    TickType_t ticks = portMAX_DELAY;
    if (timeout_ms != 0) {
        /* At least that long: a wait of n ticks may be up to one shorter. */
        ticks = (timeout_ms + portTICK_PERIOD_MS - 1) / portTICK_PERIOD_MS + 1;
    }
    return xSemaphoreTake(*sem, ticks) == pdTRUE ? 0 : SYS_ARCH_TIMEOUT;
}

void sys_sem_free(sys_sem_t *sem)
{
    vSemaphoreDelete(*sem);
    *sem = NULL;
}

/* ---- mailboxes ---- */

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    *mbox = mem_malloc(sizeof(**mbox));
    if (*mbox == NULL) {
        return ERR_MEM;
    }
    (*mbox)->queue = xQueueCreate((UBaseType_t)size, sizeof(void *));
    if ((*mbox)->queue == NULL) {
        mem_free(*mbox);
        *mbox = NULL;
        return ERR_MEM;
    }
    return ERR_OK;
}

void sys_mbox_post(sys_mbox_t *mbox, void *msg)
{
    BaseType_t sent = xQueueSend((*mbox)->queue, &msg, portMAX_DELAY);
    LWIP_ASSERT("mbox post failed", sent == pdTRUE);
    (void)sent;
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *msg)
{
    return xQueueSend((*mbox)->queue, &msg, 0) == pdTRUE ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *msg)
{
    return sys_mbox_trypost(mbox, msg);
}

static u32_t fetch(sys_mbox_t *mbox, void **msg, TickType_t ticks, u32_t if_empty)
{
    void *dropped;
    void **out = msg != NULL ? msg : &dropped;
    if (xQueueReceive((*mbox)->queue, out, ticks) == pdTRUE) {
        return 0;
    }
    *out = NULL;
    return if_empty;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **msg, u32_t timeout_ms)
{
    return fetch(mbox, msg, timeout_ms == 0 ? portMAX_DELAY : timeout_ms / portTICK_PERIOD_MS, SYS_ARCH_TIMEOUT);
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **msg)
{
    return fetch(mbox, msg, 0, SYS_MBOX_EMPTY);
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    if (mbox == NULL || *mbox == NULL) {
        return;
    }
    LWIP_ASSERT("mbox quence not empty", uxQueueMessagesWaiting((*mbox)->queue) == 0); /* sic: as on a chip */
    vQueueDelete((*mbox)->queue);
    mem_free(*mbox);
    *mbox = NULL;
}

/* ---- one semaphore a task ---- */

static void thread_sem_free(int index, void *value)
{
    (void)index;
    sys_sem_t *sem = value;
    if (sem != NULL) {
        vSemaphoreDelete(*sem);
        mem_free(sem);
    }
}

sys_sem_t *sys_thread_sem_init(void)
{
    sys_sem_t *sem = mem_malloc(sizeof(*sem));
    if (sem == NULL) {
        return NULL;
    }
    *sem = xSemaphoreCreateBinary();
    if (*sem == NULL) {
        mem_free(sem);
        return NULL;
    }
    vTaskSetThreadLocalStoragePointerAndDelCallback(NULL, THREAD_SEM_INDEX, sem, thread_sem_free);
    return sem;
}

sys_sem_t *sys_thread_sem_get(void)
{
    sys_sem_t *sem = pvTaskGetThreadLocalStoragePointer(NULL, THREAD_SEM_INDEX);
    return sem != NULL ? sem : sys_thread_sem_init();
}

void sys_thread_sem_deinit(void)
{
    sys_sem_t *sem = pvTaskGetThreadLocalStoragePointer(NULL, THREAD_SEM_INDEX);
    vTaskSetThreadLocalStoragePointerAndDelCallback(NULL, THREAD_SEM_INDEX, NULL, NULL);
    thread_sem_free(THREAD_SEM_INDEX, sem);
}
