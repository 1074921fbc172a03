/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's name resolution under its BSD names.
 */
#pragma once

#include_next <lwip/netdb.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline struct hostent *gethostbyname(const char *name)
{
    return lwip_gethostbyname(name);
}

static inline int gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t buflen,
                                  struct hostent **result, int *h_errnop)
{
    return lwip_gethostbyname_r(name, ret, buf, buflen, result, h_errnop);
}

static inline void freeaddrinfo(struct addrinfo *ai)
{
    lwip_freeaddrinfo(ai);
}

static inline int getaddrinfo(const char *nodename, const char *servname, const struct addrinfo *hints,
                              struct addrinfo **res)
{
    return lwip_getaddrinfo(nodename, servname, hints, res);
}

#ifdef __cplusplus
}
#endif
