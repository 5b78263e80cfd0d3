/* A child gets WSC_ERR_FORKED and may free what it inherited, make a loop of its
 * own and use it; the parent's connection does not notice. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What runs at exit of a process whose last thread is not the first crashes in the thread
 * sanitizer, which has forgotten that thread by then. */
#if defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define UNDER_TSAN 0
#endif

struct host {
    wsc_loop_t *loop;
    int handshakes;
    int messages;
    int closes;
    int frees;
    pid_t process;
    struct flag changed;
};

/* Callbacks may run on another thread than the one that looks. */
static void count(int *counter, int more)
{
    __atomic_fetch_add(counter, more, __ATOMIC_SEQ_CST);
}

static int counted(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct host *host = (struct host *)userdata;
    (void)conn;
    count(&host->handshakes, event->type == WSC_EVENT_HANDSHAKE);
    count(&host->messages, event->type == WSC_EVENT_MESSAGE);
    count(&host->closes, event->type == WSC_EVENT_CLOSE);
    if (event->type == WSC_EVENT_CLOSE) {
        CHECK(event->clean == 1);
    }
    flag_raise(&host->changed);
}

static void on_free(void *userdata)
{
    struct host *host = (struct host *)userdata;
    CHECK(getpid() == host->process); /* what a child inherited is not told */
    count(&host->frees, 1);
}

static wsc_conn_t *make_conn(struct host *host, wsc_callbacks_t mode, const char *url)
{
    wsc_conn_t *conn;

    memset(host, 0, sizeof *host);
    flag_init(&host->changed);
    host->process = getpid();
    host->loop = new_loop(mode);
    conn = new_conn(host->loop, url);
    CHECK_OK(wsc_conn_on_handshake(conn, on_event, host));
    CHECK_OK(wsc_conn_on_message(conn, on_event, host));
    CHECK_OK(wsc_conn_on_close(conn, on_event, host));
    CHECK_OK(wsc_conn_on_free(conn, on_free, host));
    return conn;
}

static wsc_conn_t *open_conn(struct host *host, wsc_callbacks_t mode, const char *url)
{
    wsc_conn_t *conn = make_conn(host, mode, url);

    CHECK_OK(wsc_conn_connect(conn));
    return conn;
}

static void wait_for(struct host *host, wsc_callbacks_t mode, const int *counter, int target)
{
    while (counted(counter) < target) {
        if (mode == WSC_CALLBACKS_ON_DISPATCH) {
            CHECK_OK(wsc_loop_dispatch(host->loop, LIMIT_MS));
        } else {
            flag_take(&host->changed);
        }
    }
}

static void exchange(struct host *host, wsc_conn_t *conn, wsc_callbacks_t mode)
{
    int target = counted(&host->messages) + 1;
    send_text(conn, "hello");
    wait_for(host, mode, &host->messages, target);
}

static void close_and_free(struct host *host, wsc_conn_t *conn, wsc_callbacks_t mode)
{
    close_normally(conn);
    wait_for(host, mode, &host->closes, 1);
    wsc_conn_free(conn);
    wsc_loop_free(host->loop);
    CHECK(counted(&host->frees) == 1);
    flag_destroy(&host->changed);
}

static void in_child(struct host *inherited, wsc_conn_t *conn, int frees, const char *url)
{
    struct host own;
    wsc_conn_t *own_conn;
    wsc_conn_t *refused = conn;

    CHECK_STATUS(wsc_loop_dispatch(inherited->loop, 0), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_loop_run(inherited->loop), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_loop_wake(inherited->loop), WSC_ERR_FORKED);
    CHECK(wsc_loop_fd(inherited->loop) == -1);
    CHECK_STATUS(wsc_conn_send_text(conn, "child", 5), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_close(conn, 1000, NULL, 0), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_abort(conn), WSC_ERR_FORKED);
    CHECK_STATUS(wsc_conn_new(inherited->loop, url, &refused), WSC_ERR_FORKED);
    CHECK(refused == NULL);
    if (frees) {
        wsc_conn_free(conn);
        wsc_loop_free(inherited->loop);
    }
    own_conn = open_conn(&own, WSC_CALLBACKS_ON_DISPATCH, url);
    exchange(&own, own_conn, WSC_CALLBACKS_ON_DISPATCH);
    close_and_free(&own, own_conn, WSC_CALLBACKS_ON_DISPATCH);
}

static void fork_once(struct host *host, wsc_conn_t *conn, int frees, const char *url)
{
    int ends[2];
    char result = 'x';
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(LIMIT_S); /* not inherited */
        in_child(host, conn, frees, url);
        result = 'k';
        CHECK(write(ends[1], &result, 1) == 1);
        /* What the child inherited and may not touch is lost to it on purpose; the
         * result goes through the pipe, as valgrind turns a leak into an exit code. */
        _exit(0);
    }
    CHECK(close(ends[1]) == 0);
    CHECK(read(ends[0], &result, 1) == 1);
    CHECK(result == 'k');
    CHECK(close(ends[0]) == 0);
    CHECK(waitpid(child, NULL, 0) == child);
}

/* As a host does that sets everything up before it has workers. */
static void fork_before_connecting(wsc_callbacks_t mode, const char *url)
{
    int threads = entries("/proc/self/task");
    struct host host;
    wsc_conn_t *conn = make_conn(&host, mode, url);

    CHECK(entries("/proc/self/task") <= threads); /* one that was joined may still be listed */
    fork_once(&host, conn, 1, url);
    CHECK_OK(wsc_conn_connect(conn));
    exchange(&host, conn, mode);
    close_and_free(&host, conn, mode);
    await_other_threads();
}

static void run(wsc_callbacks_t mode, const char *url)
{
    struct host host;
    wsc_conn_t *conn = open_conn(&host, mode, url);
    int round;

    wait_for(&host, mode, &host.handshakes, 1);
    for (round = 0; round < 4; round += 1) {
        exchange(&host, conn, mode);
        fork_once(&host, conn, round % 2, url);
        exchange(&host, conn, mode);
    }
    CHECK(counted(&host.closes) == 0);
    close_and_free(&host, conn, mode);
}

/* A host that forks inside its first callback. */
struct forking_host {
    wsc_loop_t *loop;
    int messages;
    pid_t process;
    pid_t child;
    int ends[2]; /* of a pipe, as in fork_once */
    struct flag closed;
};

enum { BEFORE = 20, INSIDE = 5 };

static void on_message_that_forks(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct forking_host *host = (struct forking_host *)userdata;
    int i;

    (void)event;
    CHECK(getpid() == host->process); /* a child is called no more */
    host->messages += 1;
    if (host->messages == 1) {
        /* Queued at the fork: the child must not send them too. */
        for (i = 0; i < INSIDE; i += 1) {
            send_text(conn, "inside");
        }
        host->child = fork();
        CHECK(host->child >= 0);
        if (host->child == 0) {
            alarm(LIMIT_S);
        }
    } else if (host->messages == BEFORE + INSIDE) {
        close_normally(conn);
    }
}

static void on_close_after_fork(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct forking_host *host = (struct forking_host *)userdata;

    (void)conn;
    CHECK(getpid() == host->process);
    CHECK(event->clean == 1);
    flag_raise(&host->closed);
}

static const struct forking_host *forking_host;

static void begin(struct forking_host *host, wsc_callbacks_t mode)
{
    memset(host, 0, sizeof *host);
    flag_init(&host->closed);
    host->process = getpid();
    host->loop = new_loop(mode);
    CHECK(pipe(host->ends) == 0);
    forking_host = host;
}

/* Also at exit: a loop's own thread ends with the callback that forked, and the child
 * with it. */
static void end_child(void)
{
    if (forking_host != NULL && getpid() != forking_host->process) {
        CHECK(write(forking_host->ends[1], "k", 1) == 1);
        _exit(0);
    }
}

static void finish(struct forking_host *host)
{
    char result = 'x';

    forking_host = NULL;
    CHECK(close(host->ends[1]) == 0);
    CHECK(read(host->ends[0], &result, 1) == 1);
    CHECK(result == 'k');
    CHECK(close(host->ends[0]) == 0);
    CHECK(waitpid(host->child, NULL, 0) == host->child);
    wsc_loop_free(host->loop);
    flag_destroy(&host->closed);
}

static void run_and_fork_inside(wsc_callbacks_t mode, const char *url)
{
    struct forking_host host;
    wsc_conn_t *conn;
    wsc_status_t status;
    int i;

    begin(&host, mode);
    conn = new_conn(host.loop, url);
    CHECK_OK(wsc_conn_on_message(conn, on_message_that_forks, &host));
    CHECK_OK(wsc_conn_on_close(conn, on_close_after_fork, &host));
    for (i = 0; i < BEFORE; i += 1) {
        send_text(conn, "before");
    }
    CHECK_OK(wsc_conn_connect(conn));
    status = wsc_loop_run(host.loop);
    if (getpid() != host.process) {
        CHECK_STATUS(status, WSC_ERR_FORKED);
        wsc_conn_free(conn);
        wsc_loop_free(host.loop);
        end_child();
    }
    CHECK_OK(status);
    flag_take(&host.closed);
    CHECK(host.messages == BEFORE + INSIDE);
    wsc_conn_free(conn);
    finish(&host);
}

static void fork_in_hook(void *userdata)
{
    struct forking_host *host = (struct forking_host *)userdata;

    host->child = fork();
    CHECK(host->child >= 0);
    if (host->child == 0) {
        alarm(LIMIT_S);
    }
}

static void on_message_that_frees(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct forking_host *host = (struct forking_host *)userdata;

    (void)event;
    CHECK(getpid() == host->process);
    host->messages += 1;
    wsc_conn_free(conn); /* the hook waits for this callback */
}

/* So may the hook of a connection that was freed in its callback, before another's. */
static void fork_in_free_hook(const char *url)
{
    struct forking_host host;
    wsc_status_t status = WSC_OK;
    int i;

    begin(&host, WSC_CALLBACKS_ON_DISPATCH);
    for (i = 0; i < 2; i += 1) {
        wsc_conn_t *conn = new_conn(host.loop, url);
        CHECK_OK(wsc_conn_on_message(conn, on_message_that_frees, &host));
        CHECK_OK(wsc_conn_on_free(conn, i == 0 ? fork_in_hook : NULL, &host));
        send_text(conn, "x");
        CHECK_OK(wsc_conn_connect(conn));
    }
    while (status == WSC_OK && host.messages < 2 && getpid() == host.process) {
        status = wsc_loop_dispatch(host.loop, LIMIT_MS);
    }
    if (getpid() != host.process) {
        CHECK_STATUS(status, WSC_ERR_FORKED);
        end_child();
    }
    CHECK_OK(status);
    finish(&host);
}

/* Reads the request of the next client. */
static void take_key(int listener, char *key, size_t size)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char request[2048];
    size_t length = 0;
    const char *start;
    int client = accept(listener, NULL, NULL);

    CHECK(client >= 0);
    do {
        ssize_t count = read(client, request + length, sizeof request - 1 - length);
        CHECK(count > 0);
        length += (size_t)count;
        request[length] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    start = strstr(request, field);
    CHECK(start != NULL);
    start += sizeof field - 1;
    CHECK(strcspn(start, "\r") < size);
    memcpy(key, start, strcspn(start, "\r"));
    key[strcspn(start, "\r")] = '\0';
    CHECK(close(client) == 0);
}

static void connect_once(const char *url)
{
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_conn_t *conn = new_conn(loop, url);

    CHECK_OK(wsc_conn_connect(conn));
    CHECK_OK(wsc_loop_run(loop)); /* until the server hangs up */
    wsc_conn_free(conn);
    wsc_loop_free(loop);
}

/* What is random is so in each process, however much of the parent a child has. */
static void random_in_each_process(void)
{
    enum { PROCESSES = 3 };
    char keys[PROCESSES][64];
    char url[64];
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int status;
    int i;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, PROCESSES) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    CHECK(snprintf(url, sizeof url, "ws://127.0.0.1:%d/", (int)ntohs(address.sin_port)) > 0);
    for (i = 0; i < PROCESSES; i += 1) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(LIMIT_S);
            CHECK(close(listener) == 0);
            connect_once(url);
            _exit(0);
        }
        take_key(listener, keys[i], sizeof keys[i]);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) == 0);
    }
    CHECK(close(listener) == 0);
    CHECK(strcmp(keys[0], keys[1]) != 0);
    CHECK(strcmp(keys[0], keys[2]) != 0);
    CHECK(strcmp(keys[1], keys[2]) != 0);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    CHECK(atexit(end_child) == 0);
    random_in_each_process(); /* forked before the first connection */
    fork_before_connecting(WSC_CALLBACKS_ON_DISPATCH, url);
    fork_before_connecting(WSC_CALLBACKS_ON_THREAD, url);
    run_and_fork_inside(WSC_CALLBACKS_ON_DISPATCH, url);
#if !UNDER_TSAN
    run_and_fork_inside(WSC_CALLBACKS_ON_THREAD, url);
#endif
    fork_in_free_hook(url);
    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    random_in_each_process(); /* and after many */
    return 0;
}
