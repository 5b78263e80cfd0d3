/* The header stands alone, may be included twice, and its numbers are the ABI. */
#include <wsc.h>
#include <wsc.h>

#include "check.h"

int main(int argc, char **argv)
{
    (void)server(argc, argv);
    CHECK(wsc_abi_version() == WSC_ABI_VERSION);
    CHECK(strlen(wsc_version()) >= 5);
    CHECK(strcmp(wsc_status_str(WSC_OK), "success") == 0);
    CHECK(strcmp(wsc_status_str(-1), wsc_status_str(99)) == 0);
    CHECK(WSC_FOREVER == -1);
    CHECK(WSC_ERR_NULL == 1 && WSC_ERR_STATE == 20 && WSC_ERR_DNS == 40);
    CHECK(WSC_ERR_TLS == 60 && WSC_ERR_HTTP == 80 && WSC_ERR_PANIC == 100);
    CHECK(sizeof(wsc_status_t) == sizeof(int32_t));
    if (sizeof(void *) == 8) {
        CHECK(sizeof(wsc_event_t) == 96);
        CHECK(offsetof(wsc_event_t, data) == 8 && offsetof(wsc_event_t, type) == 32);
        CHECK(offsetof(wsc_event_t, code) == 52 && offsetof(wsc_event_t, reserved) == 72);
    }
    return 0;
}
