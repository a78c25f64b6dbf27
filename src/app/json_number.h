// A number in a JSON object; 0 if there is none.
#ifndef APP_JSON_NUMBER_H
#define APP_JSON_NUMBER_H

#include <jansson.h>

static inline double json_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

#endif
