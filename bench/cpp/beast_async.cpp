// Boost.Beast's asynchronous calls on one io_context.
#include "beast.hpp"

#include <memory>
#include <vector>

static asio::io_context io(1);
static long started, opened;

static void check(beast::error_code error, const char *what)
{
    if (error)
        bench_fail(what, error.message().c_str());
}

template <class Stream> struct session {
    Stream stream;
    beast::flat_buffer buffer;
    long owed = 0;
    bool writing = false;

    template <class... Arguments> explicit session(Arguments &&...arguments) : stream(std::forward<Arguments>(arguments)...) {}

    void read()
    {
        buffer.clear();
        stream.async_read(buffer, [this](beast::error_code error, std::size_t) {
            check(error, "read");
            on_message();
        });
    }

    void on_message()
    {
        if (bench_is(BENCH_SEND)) {
            bench_stop();
            io.stop();
            return;
        }
        bench_check(buffer.size());
        if (bench_step()) {
            io.stop();
            return;
        }
        if (bench_is(BENCH_ECHO))
            owe(1);
        read();
    }

    // One write at a time is all that a stream allows.
    void owe(long messages)
    {
        owed += messages;
        if (!writing && owed > 0)
            write();
    }

    void write()
    {
        if (bench_is(BENCH_SEND) && bench_total() - owed == bench.warmup)
            bench_start();
        writing = true;
        stream.async_write(payload(owed), [this](beast::error_code error, std::size_t) {
            check(error, "write");
            writing = false;
            owe(-1);
        });
    }
};

using plain_session = session<plain_stream>;
static std::vector<std::unique_ptr<plain_session>> sessions;

static void open_next();

static void on_open()
{
    opened += 1;
    while (started < bench.connections && started - opened < BENCH_OPENING)
        open_next();
    if (opened < bench.connections)
        return;
    bench_opened();
    for (auto &session : sessions) {
        session->read();
        if (bench_is(BENCH_ECHO))
            session->owe(bench.depth);
    }
    if (bench_is(BENCH_FAN))
        sessions[0]->owe(1);
}

static void open_next()
{
    sessions.push_back(std::make_unique<plain_session>(io));
    auto &self = *sessions.back();
    started += 1;
    beast::get_lowest_layer(self.stream).async_connect(server(), [&self](beast::error_code error) {
        check(error, "connect");
        beast::get_lowest_layer(self.stream).set_option(tcp::no_delay(true));
        self.stream.async_handshake(bench.host, bench.path, [&self](beast::error_code error) {
            check(error, "handshake");
            configure(self.stream);
            on_open();
        });
    });
}

template <class Session> static void run_one(Session &session)
{
    open(session.stream);
    session.read();
    if (bench_is(BENCH_ECHO))
        session.owe(bench.depth);
    else if (bench_is(BENCH_SEND))
        session.owe(bench_total());
    io.run();
}

int main()
{
    bench_init();
    if (bench.connections > 1) {
        bench_open();
        open_next();
        io.run();
    } else if (bench.tls) {
        auto context = trusting_context();
        session<tls_stream> session(io, context);
        run_one(session);
    } else {
        plain_session session(io);
        run_one(session);
    }
    bench_report();
}
