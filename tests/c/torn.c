/* Several threads send messages of every size, up to some that need many writes: each
 * comes back whole, and each thread's in their order. */
#include "check.h"

#include <time.h>

enum { SENDERS = 3, MESSAGES = 60, HEAD = 8, LARGEST = 120000 };

struct host {
    wsc_conn_t *conn;
    int next[SENDERS];
    int received;
    struct flag done;
};

struct sender {
    struct host *host;
    int number;
};

static size_t size_of(int number, int message)
{
    unsigned mixed = (unsigned)(number * 7919 + message) * 2654435761u;
    return HEAD + (message % 8 == 0 ? mixed % LARGEST : mixed % 300);
}

static unsigned char fill_of(int number, int message)
{
    return (unsigned char)(number * 64 + message);
}

static void *sends(void *userdata)
{
    struct sender *sender = (struct sender *)userdata;
    unsigned char *data = (unsigned char *)malloc(HEAD + LARGEST);
    int message;

    CHECK(data != NULL);
    for (message = 0; message < MESSAGES; message += 1) {
        size_t size = size_of(sender->number, message);
        wsc_status_t status;

        memset(data, fill_of(sender->number, message), size);
        memcpy(data, &sender->number, 4);
        memcpy(data + 4, &message, 4);
        while ((status = wsc_conn_send_binary(sender->host->conn, data, size))
               == WSC_ERR_QUEUE_FULL) {
            const struct timespec nap = { 0, 1000 * 1000 };
            nanosleep(&nap, NULL);
        }
        CHECK(status == WSC_OK);
    }
    free(data);
    return NULL;
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    const unsigned char *data = (const unsigned char *)event->data;
    int number;
    int message;
    size_t i;

    CHECK(event->len >= HEAD && event->part == WSC_PART_WHOLE);
    memcpy(&number, data, 4);
    memcpy(&message, data + 4, 4);
    CHECK(number >= 0 && number < SENDERS && message == host->next[number]);
    CHECK(event->len == size_of(number, message));
    for (i = HEAD; i < event->len; i += 1) {
        CHECK(data[i] == fill_of(number, message));
    }
    host->next[number] += 1;
    host->received += 1;
    if (host->received == SENDERS * MESSAGES) {
        close_normally(conn);
    }
}

static void on_close(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(event->clean == 1 && event->unsent == 0);
    flag_raise(&((struct host *)userdata)->done);
}

static void run(wsc_callbacks_t mode, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    struct host host;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    int i;

    memset(&host, 0, sizeof host);
    host.conn = new_conn(loop, url);
    flag_init(&host.done);
    CHECK_OK(wsc_conn_on_message(host.conn, on_message, &host));
    CHECK_OK(wsc_conn_on_close(host.conn, on_close, &host));
    CHECK_OK(wsc_conn_connect(host.conn));
    for (i = 0; i < SENDERS; i += 1) {
        senders[i].host = &host;
        senders[i].number = i;
        CHECK(pthread_create(&threads[i], NULL, sends, &senders[i]) == 0);
    }
    if (mode == WSC_CALLBACKS_ON_DISPATCH) {
        CHECK_OK(wsc_loop_run(loop));
    }
    flag_take(&host.done);
    for (i = 0; i < SENDERS; i += 1) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(host.next[i] == MESSAGES);
    }
    wsc_conn_free(host.conn);
    wsc_loop_free(loop);
    flag_destroy(&host.done);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
