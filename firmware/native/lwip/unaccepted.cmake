# Where Espressif's lwIP differs and it matters here: connections that nobody has accepted when their listener is closed.
# Espressif's marks them as closed and has them aborted by lwIP's task; 2.1.3 as released fails two assertions instead, so
# that every httpd_stop() with a client waiting would end in a panic that no chip has. Each change keeps to its line, so
# that line numbers stay.
file(READ "${lwip_src}/api/api_msg.c" api_msg)
set(api_msg_patched "${api_msg}")
foreach(change
        "          netconn_drain(newconn)|          newconn->flags |= NETCONN_FLAG_MBOXINVALID, netconn_drain(newconn)"
        "            tcp_abort(newconn->pcb.tcp)|            lwip_abort_unaccepted(newconn->pcb.tcp)")
    string(REGEX MATCH "^([^|]*)[|](.*)$" change "${change}")
    string(REPLACE "${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" api_msg_changed "${api_msg_patched}")
    if(api_msg_changed STREQUAL api_msg_patched)
        message(FATAL_ERROR "lwIP in '${LWIP_DIR}' is not the 2.1.3 that this board is made for: api_msg.c differs")
    endif()
    set(api_msg_patched "${api_msg_changed}")
endforeach()
string(CONCAT api_msg_patched
    "struct tcp_pcb; void lwip_abort_unaccepted(struct tcp_pcb *pcb);\n#line 1 \"lwip/src/api/api_msg.c\"\n"
    "${api_msg_patched}")
file(CONFIGURE OUTPUT api_msg.c CONTENT "@api_msg_patched@" @ONLY NEWLINE_STYLE UNIX)
