// A program in C++ that uses the installed library: the headers compile as C++, and the names link as C.
#include <tramline/client.h>
#include <tramline/server.h>
#include <tramline/token.h>

#include <cstdio>
#include <cstring>

int main()
{
    tl_client_def def = tl_client_def_default();
    tl_server_def server = tl_server_def_default();
    bool sound = tl_client_memory(&def) > 0 && server.level_count > 0 &&
                 std::strcmp(tl_result_name(TL_OK), "TL_OK") == 0;
    std::printf("tramline %s\n", TL_VERSION_STRING);
    return sound ? 0 : 1;
}
