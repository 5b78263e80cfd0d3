// libwsc through wsc.hpp, with handlers inside loop::dispatch.
#include <memory>
#include <vector>
#include <wsc.hpp>

#include "../c/bench.h"

namespace {

wsc::loop *loop;
std::vector<std::unique_ptr<wsc::connection>> connections;
long opened;
bool finished;

wsc::status try_send(wsc::connection &connection, long number)
{
    const std::string_view payload(bench_payload(number), static_cast<std::size_t>(bench.size));
    return bench.deflate ? connection.try_send_text(payload) : connection.try_send_binary(payload);
}

void send(wsc::connection &connection, long number)
{
    if (try_send(connection, number) != wsc::status::ok)
        bench_fail("send", "failed");
}

void open_next();

void on_open()
{
    opened += 1;
    while (static_cast<long>(connections.size()) < bench.connections &&
           static_cast<long>(connections.size()) - opened < BENCH_OPENING)
        open_next();
    if (opened < bench.connections)
        return;
    if (bench.connections > 1)
        bench_opened();
    if (bench_is(BENCH_FAN))
        send(*connections[0], 0);
    if (bench_is(BENCH_ECHO))
        for (long i = 0; i < bench.depth * bench.connections; i++)
            send(*connections[i % bench.connections], i);
}

void on_message(wsc::connection &connection, const wsc::message &message)
{
    if (finished)
        return;
    if (bench_is(BENCH_SEND)) {
        bench_stop();
        finished = true;
        return;
    }
    bench_check(message.data().size());
    finished = bench_step();
    if (!finished && bench_is(BENCH_ECHO))
        send(connection, bench.done);
}

void open_next()
{
    auto connection = std::make_unique<wsc::connection>(*loop, bench.url);
    auto &self = *connection;
    self.on_handshake(on_open);
    self.on_message([&self](const wsc::message &message) { on_message(self, message); });
    self.on_error([](const wsc::error_info &info) { bench_fail("connection", std::string(info.text()).c_str()); });
    if (bench.deflate)
        self.set_deflate(true);
    if (bench.size > 1 << 18) { // the defaults are for smaller messages
        const auto size = static_cast<std::size_t>(bench.size);
        self.set_max_message_size(size);
        self.set_max_frame_size(size);
        self.set_receive_queue_limit(size * 4);
    }
    connections.push_back(std::move(connection));
    self.connect();
}

void send_all()
{
    bool drained = false;
    auto &connection = *connections[0];
    connection.on_buffer_drain([&] { drained = true; });
    while (opened == 0)
        loop->dispatch();
    for (long i = 0; i < bench_total(); i++) {
        if (i == bench.warmup)
            bench_start();
        while (try_send(connection, i) != wsc::status::ok) {
            drained = false;
            while (!drained)
                loop->dispatch();
        }
    }
}

} // namespace

int main()
try {
    bench_init();
    wsc::loop own;
    loop = &own;
    bench_open();
    open_next();
    if (bench_is(BENCH_SEND))
        send_all();
    while (!finished)
        loop->dispatch();
    bench_report();
} catch (const wsc::error &error) {
    bench_fail("libwsc", error.what());
}
