// IXWebSocket: a thread for each connection, which calls back.
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <ixwebsocket/IXNetSystem.h>
#include <ixwebsocket/IXWebSocket.h>

#include "../c/bench.h"

// How much may be queued: bufferedAmount is all that tells a full socket.
constexpr std::size_t queue_limit = 1 << 20;

static std::mutex mutex;
static std::condition_variable changed;
static long started, opened;
static bool finished;
static std::vector<std::unique_ptr<ix::WebSocket>> sockets;

static void send(ix::WebSocket &socket, long number)
{
    const std::string payload(bench_payload(number), static_cast<std::size_t>(bench.size));
    if (bench.deflate)
        socket.sendText(payload);
    else
        socket.sendBinary(payload);
}

static void on_message(ix::WebSocket &socket, std::size_t len)
{
    std::unique_lock lock(mutex);
    if (finished)
        return;
    if (bench_is(BENCH_SEND)) {
        bench_stop();
        finished = true;
    } else {
        bench_check(len);
        finished = bench_step();
    }
    if (finished) {
        changed.notify_all();
        return;
    }
    lock.unlock();
    if (bench_is(BENCH_ECHO))
        send(socket, bench.done);
}

static void on_event(ix::WebSocket &socket, const ix::WebSocketMessagePtr &event)
{
    if (event->type == ix::WebSocketMessageType::Message) {
        on_message(socket, event->str.size());
    } else if (event->type == ix::WebSocketMessageType::Error) {
        bench_fail("connection", event->errorInfo.reason.c_str());
    } else if (event->type == ix::WebSocketMessageType::Open) {
        std::lock_guard lock(mutex);
        opened += 1;
        changed.notify_all();
    }
}

static void open_next()
{
    auto &socket = *sockets.emplace_back(std::make_unique<ix::WebSocket>());
    started += 1;
    socket.setUrl(bench.url);
    socket.setPerMessageDeflateOptions(ix::WebSocketPerMessageDeflateOptions(bench.deflate));
    ix::SocketTLSOptions tls;
    tls.caFile = std::getenv("SSL_CERT_FILE");
    socket.setTLSOptions(tls);
    socket.disableAutomaticReconnection();
    socket.setOnMessageCallback([&socket](const ix::WebSocketMessagePtr &event) { on_event(socket, event); });
    socket.start();
}

static void open_all()
{
    sockets.reserve(static_cast<std::size_t>(bench.connections));
    bench_open();
    std::unique_lock lock(mutex);
    while (opened < bench.connections) {
        while (started < bench.connections && started - opened < BENCH_OPENING)
            open_next();
        changed.wait(lock);
    }
    if (bench.connections > 1)
        bench_opened();
}

static void send_all()
{
    for (long i = 0; i < bench_total(); i++) {
        if (i == bench.warmup)
            bench_start();
        while (sockets[0]->bufferedAmount() > queue_limit)
            std::this_thread::yield();
        send(*sockets[0], i);
    }
}

int main()
{
    bench_init();
    ix::initNetSystem();
    open_all();
    if (bench_is(BENCH_SEND))
        send_all();
    else if (bench_is(BENCH_FAN))
        send(*sockets[0], 0);
    else if (bench_is(BENCH_ECHO))
        for (long i = 0; i < bench.connections * bench.depth; i++)
            send(*sockets[static_cast<std::size_t>(i % bench.connections)], i);
    std::unique_lock lock(mutex);
    changed.wait(lock, [] { return finished; });
    bench_report();
    std::fflush(stdout);
    std::_Exit(0);
}
