/* libcurl's WebSocket functions on a connection made with CURLOPT_CONNECT_ONLY. */
#include <curl/curl.h>
#include <poll.h>

#include "bench.h"

static CURL *curl;
static char *message;

static void wait_for(short events)
{
    curl_socket_t fd;
    struct pollfd pollfd;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd))
        bench_fail("socket", "unknown");
    pollfd.fd = fd;
    pollfd.events = events;
    poll(&pollfd, 1, -1);
}

static void send_message(long number)
{
    const char *payload = bench_payload(number);
    size_t done = 0;
    while (done < (size_t)bench.size) {
        size_t sent = 0;
        CURLcode code = curl_ws_send(curl, payload + done, (size_t)bench.size - done, &sent, 0, CURLWS_BINARY);
        if (code == CURLE_AGAIN)
            wait_for(POLLOUT);
        else if (code)
            bench_fail("send", curl_easy_strerror(code));
        done += sent;
    }
}

static size_t receive(void)
{
    size_t have = 0;
    for (;;) {
        size_t got = 0;
        const struct curl_ws_frame *frame = NULL;
        CURLcode code = curl_ws_recv(curl, message + have, (size_t)bench.size + 16 - have, &got, &frame);
        if (code == CURLE_AGAIN) {
            wait_for(POLLIN);
            continue;
        }
        if (code)
            bench_fail("receive", curl_easy_strerror(code));
        have += got;
        if (frame && !frame->bytesleft && !(frame->flags & CURLWS_CONT))
            return have;
    }
}

static void send_all(void)
{
    long i;
    for (i = 0; i < bench_total(); i++) {
        if (i == bench.warmup)
            bench_start();
        send_message(i);
    }
    receive();
    bench_stop();
}

int main(void)
{
    long i;
    CURLcode code;
    bench_init();
    message = malloc((size_t)bench.size + 16);
    curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, bench.url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 2L);
    if ((code = curl_easy_perform(curl)))
        bench_fail("connection", curl_easy_strerror(code));
    if (bench_is(BENCH_SEND))
        send_all();
    for (i = 0; bench_is(BENCH_ECHO) && i < bench.depth; i++)
        send_message(i);
    while (!bench_is(BENCH_SEND)) {
        bench_check(receive());
        if (bench_step())
            break;
        if (bench_is(BENCH_ECHO))
            send_message(bench.done);
    }
    bench_report();
    return 0;
}
