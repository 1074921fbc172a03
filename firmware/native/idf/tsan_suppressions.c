/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What ThreadSanitizer is not to report (-DNATIVE_TSAN=ON): races inside lwIP 2.1.3 and esp_http_server that their
 * authors accept, by function, each with the line and the reason. They are the same on a chip. Whatever is not listed
 * fails its test, the first report already; idf.tsan_sees_a_race shows that ThreadSanitizer would report one.
 */
#ifdef __SANITIZE_THREAD__

const char tsan_suppressions[] = "here"; /* for the linker to find this file by */

const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void);

const char *__tsan_default_suppressions(void)
{
    return
        /*
         * conn->flags is one byte, changed by lwIP's task alone, without a lock, and read by the sockets' tasks.
         * A reader looks for one bit of it and sees that bit's old value or its new one:
         *
         * api_msg.c:416, sent_tcp() clears CHECK_WRITESPACE while netconn_write_vectors_partly() (api_lib.c:1008) and
         * netconn_recv_data() (api_lib.c:598) ask for NON_BLOCKING, which nobody changes.
         */
        "race:^sent_tcp$\n"
        /*
         * api_msg.c:449, err_tcp() sets MBOXCLOSED at a reset, and state and pending_err beside it. A reader that is
         * too early for it goes on to the mailbox, into which err_tcp() then posts the end of the connection.
         */
        "race:^err_tcp$\n"
        /*
         * api_msg.c:901, netconn_mark_mbox_invalid() sets MBOXINVALID at close or shutdown. A receiver that is too
         * early for it is counted in mbox_threads_waiting and gets a message that wakes it.
         */
        "race:^netconn_mark_mbox_invalid$\n"
        /*
         * api_lib.c:1148, netconn_err() takes pending_err, one byte, under the lock, while netconn_recv_data()
         * (api_lib.c:599) looks without it whether there is one. A receiver that still sees it does not wait for the
         * mailbox, and then asks netconn_err() itself; one that does not is woken as above.
         */
        "race:^netconn_err$\n"
        /*
         * sockets.c:2493, event_callback() reads conn->socket without a lock, to see whether lwip_accept()
         * (sockets.c:670) has given the connection its number yet; if not, it looks again under the lock.
         */
        "race:^event_callback$\n"
        /*
         * netif.c:854, 937, 998 and 1036 change a bit of netif->flags in lwIP's task, while tcpip_input() (tcpip.c:286)
         * looks in the driver's task for two others, which nobody changes.
         */
        "race:^netif_set_up$\n"
        "race:^netif_set_down$\n"
        "race:^netif_set_link_up$\n"
        "race:^netif_set_link_down$\n"
        /*
         * The port's httpd_session.c and httpd_ws.c, as ESP-IDF's: httpd_ws_get_fd_info(), httpd_get_client_list(),
         * httpd_ws_send_frame_async(), httpd_sess_trigger_close(), and httpd_sess_get_transport_ctx() for a worker that
         * sends over TLS, read the table of sessions, and which of them is being served, from any task, without a lock,
         * while the server's task changes both. What they find may be out of date; it stays memory of the server.
         */
        "race:^httpd_session_find$\n"
        "race:^httpd_sess_get_transport_ctx$\n"
        "race:^httpd_ws_get_fd_info$\n"
        "race:^httpd_get_client_list$\n"
        /*
         * httpd_uri.c:122 of the port, as ESP-IDF's: httpd_register_uri_handler() adds to the table of a server that
         * runs, from any task, while the server's task looks into it, without a lock. An entry is whole before it
         * counts; a request that comes before finds none.
         */
        "race:^httpd_register_uri_handler$\n";
}

const char *__tsan_default_options(void)
{
    return "halt_on_error=1";
}

#else

typedef int nothing_to_suppress; /* a file must not be empty */

#endif
