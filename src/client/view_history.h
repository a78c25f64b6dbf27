// What showed an entity earlier. A display runs a tick or two behind the newest frame, so a change is known before it
// is displayed: the previous state shows the entity until the tick at which the new one takes effect, and in the last
// tick before that the gap between the two is closed evenly. A change that arrives after the display has passed that
// tick is corrected from the displayed pose, evenly and within a tenth of a second. A gap is measured from the
// displayed pose to the right one at the same tick, remainders of earlier gaps included, so gaps do not add up.
#ifndef TRAMLINE_CLIENT_VIEW_HISTORY_H
#define TRAMLINE_CLIENT_VIEW_HISTORY_H

#include "client/view.h"

enum { TL_VIEW_FORMERS_PER_S = 2 }; // former states are kept for half a second

// Returns a copy of what shows an entity now, not linked yet. NULL: no space.
tl_view_former *tl_view_make_former(tl_view *v, int32_t entity);
void tl_view_free_former(tl_view *v, tl_view_former *f); // one that was not linked
void tl_view_link_former(tl_view *v, tl_view_former *f);
// Those of a removed entity; and those that no display looks back to.
void tl_view_drop_formers(tl_view *v, int32_t entity);
void tl_view_forget_formers(tl_view *v, int64_t before_tick);

// What shows an entity at a time, and the corrections then.
typedef struct tl_view_moment {
    tl_view_source source;
    tl_vec3 offset_m, turn_rad; // added to its position and rotation, in its carrier's frame
    tl_vec3 offset_rate_m;      // change of the offset per tick
    bool corrected;             // some of these are nonzero
    bool turning;               // turn_rad changes, too
    double until_tick;          // until then the source stays, and the offset changes evenly
} tl_view_moment;
// `smooth` is for displays; without it there are no corrections.
void tl_view_moment_at(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *out);
// Records that a display shows this tick.
void tl_view_note_shown(tl_view *v, double tick);

#endif
