/* A blocking socket after the upgrade, for the libraries that have neither. */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

static void bench_upgrade(int fd)
{
    char text[1024];
    size_t len = (size_t)snprintf(
        text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bench.path, bench.host);
    if (write(fd, text, len) != (ssize_t)len)
        bench_fail("upgrade", "cannot be sent");
    /* One byte at a time: what follows the head belongs to the library. */
    for (len = 0; len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4); len++)
        if (len == sizeof text || read(fd, text + len, 1) != 1)
            bench_fail("upgrade", "has no answer");
}

static int bench_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)bench.port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, bench.host, &address.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        bench_fail("connect", "failed");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bench_upgrade(fd);
    return fd;
}

#endif
