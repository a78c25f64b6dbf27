// Log lines and failures of a server.
#include "server/state.h"

#include <stdarg.h>
#include <stdio.h>

void tl_server_say(tl_server *s, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (s->def.callbacks.log) {
        s->def.callbacks.log(s->def.callbacks.user, text);
    }
}

void tl_server_fail(tl_server *s, tl_server_state state, const char *format, ...)
{
    TL_ASSERT(state == TL_SERVER_FENCED || state == TL_SERVER_FAILED);
    if (s->state >= TL_SERVER_LEFT) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->text, sizeof s->text, format, arguments);
    va_end(arguments);
    s->state = state;
    tl_server_say(s, "%s", s->text);
}

bool tl_server_is_active(const tl_server *s)
{
    return s->state == TL_SERVER_RUNNING || s->state == TL_SERVER_LEAVING;
}
