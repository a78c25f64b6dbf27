// What Tramline promises, judged on what was measured. A promise is {"name", "held", "detail"}.
#ifndef APP_PROMISE_H
#define APP_PROMISE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

// Of one rider's report: what it saw was right. An array of promises; the caller releases it.
json_t *promise_judge_view(json_t *rider);
// Of a whole report ("servers", "riders", "seconds"); `order_detail` NULL: all processes ran to the end, and ended in
// order.
json_t *promise_judge_demo(json_t *report, const char *order_detail);
bool promise_all_held(json_t *promises);
void promise_print(json_t *promises, FILE *out);

#endif
