#include "scenario/fcd.h"
#include "scenario/input.h"

#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 16, FAULT_BYTES = 256 };

typedef struct fcd_parse {
    const fcd_reader *reader;
    XML_Parser parser;
    int depth;
    bool in_step;
    bool stepped; // there was a step
    double time_s;
    char fault[FAULT_BYTES]; // what is wrong, if anything
} fcd_parse;

static void fail(fcd_parse *p, const char *what, const char *name)
{
    if (!p->fault[0]) {
        snprintf(p->fault, sizeof p->fault, what, name);
        XML_StopParser(p->parser, XML_FALSE);
    }
}

// A decimal number, independent of the locale. False: not a number, or not finite.
static bool number_parse(const char *text, double *out)
{
    static const double tens[] = {1,   1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                  1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    bool minus = *text == '-';
    text += minus || *text == '+';
    uint64_t digits = 0;
    int count = 0, scale = 0;
    bool point = false, any = false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        any = true;
        if (count < 16) {
            digits = digits * 10 + (uint64_t)(*text - '0');
            count += digits > 0;
            scale -= point;
        } else {
            scale += !point;
        }
    }
    if (any && (*text == 'e' || *text == 'E')) {
        int exponent = 0, sign = text[1] == '-' ? -1 : 1;
        text += 1 + (text[1] == '-' || text[1] == '+');
        any = *text >= '0' && *text <= '9';
        for (; *text >= '0' && *text <= '9'; text++) {
            exponent = exponent < 1000 ? exponent * 10 + (*text - '0') : exponent;
        }
        scale += sign * exponent;
    }
    if (!any || *text) {
        return false;
    }
    double value = (double)digits;
    if (scale < 0) {
        value = scale >= -16 ? value / tens[-scale] : value * pow(10, scale);
    } else if (scale > 0) {
        value *= pow(10, scale);
    }
    *out = minus ? -value : value;
    return isfinite(value);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
    for (; *attributes; attributes += 2) {
        if (strcmp(attributes[0], name) == 0) {
            return attributes[1];
        }
    }
    return NULL;
}

static bool number_get(fcd_parse *p, const XML_Char **attributes, const char *name, double low, double high,
                       double *out)
{
    const char *value = attribute(attributes, name);
    if (!value) {
        fail(p, "attribute '%s' is missing", name);
    } else if (!number_parse(value, out)) {
        fail(p, "attribute '%s' is not a number", name);
    } else if (!(*out >= low && *out <= high)) {
        fail(p, "attribute '%s' is out of range", name);
    }
    return !p->fault[0];
}

static void step_begin(fcd_parse *p, const XML_Char **attributes)
{
    double time_s;
    if (p->in_step) {
        fail(p, "a <%s> within another", "timestep");
    }
    if (!number_get(p, attributes, "time", 0, FCD_TIME_S_MAX, &time_s)) {
        return;
    }
    if (p->stepped && time_s <= p->time_s) {
        fail(p, "the %s of this step is not later than that of the one before", "time");
        return;
    }
    p->time_s = time_s;
    p->in_step = p->stepped = true;
    const char *fault = p->reader->step(p->reader->user, time_s);
    if (fault) {
        fail(p, "%s", fault);
    }
}

static void row_read(fcd_parse *p, bool person, const XML_Char **attributes)
{
    fcd_row row = {.id = attribute(attributes, "id"), .person = person};
    if (!p->in_step) {
        fail(p, "a <%s> outside of a timestep", person ? "person" : "vehicle");
    } else if (!row.id) {
        fail(p, "attribute '%s' is missing", "id");
    } else if (strlen(row.id) > FCD_ID_BYTES_MAX) {
        fail(p, "attribute '%s' is too long", "id");
    } else if (number_get(p, attributes, "x", -FCD_PLACE_M_MAX, FCD_PLACE_M_MAX, &row.x_m) &&
               number_get(p, attributes, "y", -FCD_PLACE_M_MAX, FCD_PLACE_M_MAX, &row.y_m) &&
               number_get(p, attributes, "angle", -360, 360, &row.angle_deg)) {
        const char *fault = p->reader->row(p->reader->user, &row);
        if (fault) {
            fail(p, "%s", fault);
        }
    }
}

static void XMLCALL element_begin(void *user, const XML_Char *name, const XML_Char **attributes)
{
    fcd_parse *p = user;
    if (p->fault[0]) {
        return;
    }
    p->depth++;
    if (p->depth == 1) {
        if (strcmp(name, "fcd-export") != 0) {
            fail(p, "this is no FCD recording: it begins with <%.64s>, not with <fcd-export>", name);
        }
    } else if (strcmp(name, "timestep") == 0) {
        step_begin(p, attributes);
    } else if (strcmp(name, "vehicle") == 0 || strcmp(name, "person") == 0) {
        row_read(p, name[0] == 'p', attributes);
    }
}

static void XMLCALL element_end(void *user, const XML_Char *name)
{
    fcd_parse *p = user;
    p->depth--;
    if (strcmp(name, "timestep") == 0) {
        p->in_step = false;
    }
}

// A recording has none; they could define entities that grow without bound.
static void XMLCALL doctype_begin(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                                  int own)
{
    fail(user, "a document type <!DOCTYPE %.64s> has no place in an FCD recording", name);
}

// A chunk, or with no bytes the end.
static tl_result chunk_parse(fcd_parse *p, size_t bytes)
{
    enum XML_Status status = XML_ParseBuffer(p->parser, (int)bytes, bytes == 0);
    if (status == XML_STATUS_OK) {
        return TL_OK;
    }
    enum XML_Error error = XML_GetErrorCode(p->parser);
    if (!p->fault[0]) {
        const char *hint = error == XML_ERROR_NO_ELEMENTS ? "; the file is empty or cut off" : "";
        snprintf(p->fault, sizeof p->fault, "%s%s", XML_ErrorString(error), hint);
    }
    return error == XML_ERROR_NO_MEMORY ? TL_ERR_MEMORY : TL_ERR_MALFORMED;
}

static tl_result chunks_parse(fcd_parse *p, input *in)
{
    for (size_t bytes = 1; bytes > 0;) {
        void *buffer = XML_GetBuffer(p->parser, CHUNK_BYTES);
        if (!buffer) {
            return TL_ERR_MEMORY;
        }
        tl_result result = input_read(in, buffer, CHUNK_BYTES, &bytes, p->fault, sizeof p->fault);
        if (result == TL_OK) {
            result = chunk_parse(p, bytes);
        }
        if (result != TL_OK) {
            return result;
        }
        if (p->reader->progress) {
            uint64_t done_bytes, total_bytes;
            input_progress(in, &done_bytes, &total_bytes);
            p->reader->progress(p->reader->user, done_bytes, total_bytes);
        }
    }
    if (!p->stepped) {
        snprintf(p->fault, sizeof p->fault, "there is no <timestep> in it");
        return TL_ERR_MALFORMED;
    }
    return TL_OK;
}

tl_result fcd_read(const char *path, const fcd_reader *reader, char *text, size_t text_bytes)
{
    input *in;
    char fault[FAULT_BYTES];
    tl_result result = input_open(path, &in, fault, sizeof fault);
    if (result != TL_OK) {
        snprintf(text, text_bytes, "%s: %s", path, fault);
        return result;
    }
    fcd_parse p = {.reader = reader, .parser = XML_ParserCreate(NULL)};
    result = TL_ERR_MEMORY;
    if (p.parser) {
        XML_SetUserData(p.parser, &p);
        XML_SetElementHandler(p.parser, element_begin, element_end);
        XML_SetStartDoctypeDeclHandler(p.parser, doctype_begin);
        result = chunks_parse(&p, in);
        if (result != TL_OK) {
            snprintf(text, text_bytes, "%s:%lu: %s", path, (unsigned long)XML_GetCurrentLineNumber(p.parser),
                     p.fault[0] ? p.fault : "out of memory");
        }
        XML_ParserFree(p.parser);
    }
    input_close(in);
    return result;
}
