/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a connection that nobody has accepted when its listener is closed: see CMakeLists.txt. The listener's
 * owner closes it, and only lwIP's own task may abort a connection.
 */
#include "lwip/priv/tcp_priv.h"
#include "lwip/priv/tcpip_priv.h"

void lwip_abort_unaccepted(struct tcp_pcb *pcb);

struct abort_call {
    struct tcpip_api_call_data call; /* first: lwIP hands back its address */
    struct tcp_pcb *pcb;
};

static err_t abort_in_tcpip_task(struct tcpip_api_call_data *data)
{
    tcp_abort(((struct abort_call *)data)->pcb);
    return ERR_OK;
}

void lwip_abort_unaccepted(struct tcp_pcb *pcb)
{
    struct abort_call call = {.pcb = pcb};
    tcpip_api_call(abort_in_tcpip_task, &call.call);
}
