// What the tests share. Each file is one translation unit of one program, which runs
// the test that is named to it: `tests URL NAME`. Without a name it lists them all.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <wsc.hpp>
#include <wsc.hpp> // twice does no harm

using namespace std::chrono_literals;

/// Nothing these tests wait for takes longer.
inline constexpr std::chrono::milliseconds limit = 60s;

/// A time short enough to be waited for.
inline constexpr std::chrono::milliseconds moment = 50ms;

inline std::map<std::string, void (*)()> &tests()
{
    static std::map<std::string, void (*)()> all;
    return all;
}

inline std::string &url()
{
    static std::string server;
    return server;
}

struct registered {
    registered(const char *name, void (*test)()) { tests().emplace(name, test); }
};

#define TEST(name)                                      \
    static void name();                                 \
    static const registered name##_is_there(#name, name); \
    static void name()

#define CHECK(condition) check((condition) ? true : false, #condition, __FILE__, __LINE__)

inline void check(bool holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        std::fprintf(stderr, "%s:%d: %s\n", file, line, condition);
        std::abort();
    }
}

#define CHECK_THROWS(expression, expected)                                             \
    do {                                                                               \
        const auto thrown = status_of([&] { static_cast<void>(expression); });         \
        if (thrown != (expected)) {                                                    \
            std::fprintf(stderr, "%s\n", std::string(wsc::describe(thrown)).c_str());  \
        }                                                                              \
        CHECK(thrown == (expected) && #expression);                                    \
    } while (false)

template <class Call>
wsc::status status_of(Call call)
{
    try {
        call();
    } catch (const wsc::error &error) {
        return error.status();
    }
    return wsc::status::ok;
}

/// Dispatches until `done` holds.
inline void dispatch_until(wsc::loop &loop, const std::function<bool()> &done)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        CHECK(std::chrono::steady_clock::now() < deadline);
        loop.dispatch(1s);
    }
}

/// What a thread of the library says to the test's.
template <class Value>
Value wait_for(std::future<Value> &&future)
{
    CHECK(future.wait_for(limit) == std::future_status::ready);
    return future.get();
}

#endif
