// websocketpp on Boost.Asio, with its default configurations and permessage-deflate.
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_client.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>

#include "../c/bench.h"

using websocketpp::connection_hdl;
namespace asio = websocketpp::lib::asio;
namespace opcode = websocketpp::frame::opcode;

struct deflate_config : websocketpp::config::asio_client {
    struct permessage_deflate_config {};
    using permessage_deflate_type = websocketpp::extensions::permessage_deflate::enabled<permessage_deflate_config>;
};

// How much may be queued: get_buffered_amount is all that tells a full socket.
constexpr std::size_t queue_limit = 65536;

template <class Config> struct program {
    using endpoint = websocketpp::client<Config>;
    endpoint client;
    std::vector<connection_hdl> open;
    long started = 0, sent = 0;
    bool finished = false;

    void open_next()
    {
        websocketpp::lib::error_code error;
        auto connection = client.get_connection(bench.url, error);
        if (error)
            bench_fail("connection", error.message().c_str());
        started += 1;
        client.connect(connection);
    }

    void send(connection_hdl handle, long number)
    {
        if (bench.deflate) // of its send functions only that for strings compresses
            client.send(handle, std::string(bench_payload(number), static_cast<std::size_t>(bench.size)), opcode::text);
        else
            client.send(handle, bench_payload(number), static_cast<std::size_t>(bench.size), opcode::binary);
    }

    void send_all()
    {
        auto connection = client.get_con_from_hdl(open[0]);
        while (sent < bench_total() && connection->get_buffered_amount() < queue_limit) {
            if (sent == bench.warmup)
                bench_start();
            send(open[0], sent++);
        }
        if (sent < bench_total())
            client.get_io_service().post([this] { send_all(); });
    }

    void on_open(connection_hdl handle)
    {
        open.push_back(handle);
        const long opened = static_cast<long>(open.size());
        while (started < bench.connections && started - opened < BENCH_OPENING)
            open_next();
        if (opened < bench.connections)
            return;
        if (bench.connections > 1)
            bench_opened();
        if (bench_is(BENCH_SEND))
            send_all();
        else if (bench_is(BENCH_FAN))
            send(handle, 0);
        else if (bench_is(BENCH_ECHO))
            for (long i = 0; i < bench.connections * bench.depth; i++)
                send(open[i % bench.connections], i);
    }

    void on_message(connection_hdl handle, std::size_t len)
    {
        if (finished)
            return;
        if (bench_is(BENCH_SEND)) {
            bench_stop();
            finished = true;
        } else {
            bench_check(len);
            finished = bench_step();
        }
        if (finished)
            client.stop();
        else if (bench_is(BENCH_ECHO))
            send(handle, bench.done);
    }

    void run()
    {
        client.clear_access_channels(websocketpp::log::alevel::all);
        client.clear_error_channels(websocketpp::log::elevel::all);
        client.set_max_message_size(64 << 20);
        client.init_asio();
        client.set_tcp_post_init_handler([this](connection_hdl handle) {
            client.get_con_from_hdl(handle)->get_raw_socket().set_option(asio::ip::tcp::no_delay(true));
        });
        client.set_fail_handler([this](connection_hdl handle) {
            bench_fail("connection", client.get_con_from_hdl(handle)->get_ec().message().c_str());
        });
        client.set_open_handler([this](connection_hdl handle) { on_open(handle); });
        client.set_message_handler([this](connection_hdl handle, typename endpoint::message_ptr message) {
            on_message(handle, message->get_payload().size());
        });
        bench_open();
        open_next();
        client.run();
    }
};

static websocketpp::lib::shared_ptr<asio::ssl::context> trusting_context(connection_hdl)
{
    auto context = websocketpp::lib::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    context->set_default_verify_paths();
    context->set_verify_mode(asio::ssl::verify_peer);
    context->set_verify_callback(asio::ssl::host_name_verification(bench.host));
    return context;
}

int main()
{
    bench_init();
    if (bench.tls) {
        program<websocketpp::config::asio_tls_client> program;
        program.client.set_tls_init_handler(trusting_context);
        program.run();
    } else if (bench.deflate) {
        program<deflate_config> program;
        program.run();
    } else {
        program<websocketpp::config::asio_client> program;
        program.run();
    }
    bench_report();
}
