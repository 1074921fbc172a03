/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Walks lwIP's own lists. Only the TCP/IP task may do that, so it is asked to.
 */
#include "net_pcbs.h"

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcpip.h"

#define ANSWER_MS 500

/* Not on the caller's stack: after a timeout the TCP/IP task may still come. */
static net_pcbs_t s_counted;
static SemaphoreHandle_t s_done;
static StaticSemaphore_t s_done_memory;

static uint32_t segments_bytes(const struct tcp_seg *segment)
{
    uint32_t bytes = 0;
    for (; segment != NULL; segment = segment->next) {
        bytes += (uint32_t)(sizeof(*segment) + sizeof(struct pbuf) + segment->p->tot_len);
    }
    return bytes;
}

static void count_in_tcpip_task(void *arg)
{
    (void)arg;
    net_pcbs_t found = {0};
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->state == FIN_WAIT_1 || pcb->state == FIN_WAIT_2 || pcb->state == CLOSING || pcb->state == LAST_ACK) {
            found.count++;
            found.bytes += (uint32_t)sizeof(*pcb) + segments_bytes(pcb->unsent) + segments_bytes(pcb->unacked);
        }
    }
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        found.count++;
        found.bytes += (uint32_t)sizeof(*pcb);
    }
    s_counted = found;
    xSemaphoreGive(s_done);
}

esp_err_t net_pcbs_closing(net_pcbs_t *out)
{
    if (s_done == NULL) {
        s_done = xSemaphoreCreateBinaryStatic(&s_done_memory);
    }
    xSemaphoreTake(s_done, 0); /* an answer that came after its caller had gone */
    if (tcpip_callback(count_in_tcpip_task, NULL) != ERR_OK ||
        xSemaphoreTake(s_done, pdMS_TO_TICKS(ANSWER_MS)) != pdTRUE) {
        return ESP_ERR_TIMEOUT;
    }
    *out = s_counted;
    return ESP_OK;
}
