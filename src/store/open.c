// A store by its URI: which backend it names.
#include "store/engine/log.h"

#include <ctype.h>
#include <string.h>

// The length of "scheme:" at the start of a URI; 0 if it is a plain path.
static size_t scheme_bytes(const char *uri)
{
    size_t i = 0;
    while (isalnum((unsigned char)uri[i]) || (i > 0 && strchr("+-.", uri[i]) && uri[i])) {
        i++;
    }
    return i > 0 && uri[i] == ':' ? i + 1 : 0;
}

static tl_result refuse(const char *uri, const char *why, char *text, size_t text_bytes)
{
    tl_fault fault;
    return tl_fault_report(tl_fault_set(&fault, TL_ERR_INVALID, uri, why), &fault, text, text_bytes);
}

static tl_result open_sqlite(const char *uri, const char *directory, bool is_uri, bool create, bool read_only,
                             tl_store **out, char *text, size_t text_bytes)
{
    if (is_uri && strncmp(directory, "//", 2) == 0) {
        directory += 2;
        if (directory[0] != '/') {
            return refuse(uri, "names a host, and SQLite is on this machine only; write sqlite:///DIR or sqlite:DIR",
                          text, text_bytes);
        }
    }
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.create = create, def.read_only = read_only;
    return tl_sqlite_store_open(&def, out, text, text_bytes);
}

static tl_result open_fdb(const char *uri, const char *rest, bool create, bool read_only, tl_store **out, char *text,
                          size_t text_bytes)
{
    static const char key[] = "prefix=";
    char file[1024];
    const char *prefix = "tramline";
    size_t length = strcspn(rest, "?");
    if (length >= sizeof(file)) {
        return refuse(uri, "the path is too long; use a shorter one", text, text_bytes);
    }
    memcpy(file, rest, length);
    file[length] = 0;
    if (rest[length] == '?') {
        if (strncmp(rest + length + 1, key, strlen(key)) != 0) {
            return refuse(uri, "only prefix=NAME may follow the '?'", text, text_bytes);
        }
        prefix = rest + length + 1 + strlen(key);
    }
    tl_fdb_def def = tl_fdb_def_default();
    def.cluster_file = file, def.prefix = prefix, def.create = create, def.read_only = read_only;
    return tl_fdb_store_open(&def, out, text, text_bytes);
}

tl_result tl_store_open(const char *uri, bool create, bool read_only, tl_store **out, char *text, size_t text_bytes)
{
    *out = NULL;
    if (create && read_only) {
        return refuse(uri, TL_CREATE_READ_ONLY_TEXT, text, text_bytes);
    }
    size_t scheme = scheme_bytes(uri);
    if (scheme == 0 || strncmp(uri, "sqlite:", scheme) == 0) {
        return open_sqlite(uri, uri + scheme, scheme > 0, create, read_only, out, text, text_bytes);
    }
    if (strncmp(uri, "fdb:", scheme) == 0) {
        return open_fdb(uri, uri + scheme, create, read_only, out, text, text_bytes);
    }
    if (strncmp(uri, "mvsqlite:", scheme) == 0) {
        tl_mvsqlite_def def = tl_mvsqlite_def_default();
        def.address = uri + scheme, def.create = create, def.read_only = read_only;
        return tl_mvsqlite_store_open(&def, out, text, text_bytes);
    }
    return refuse(
        uri,
        "no such kind of store; supported are sqlite:DIR, fdb:FILE?prefix=NAME, mvsqlite:http://HOST:PORT/NAME "
        "and a directory's plain path (./a:b if it has a colon)",
        text, text_bytes);
}
