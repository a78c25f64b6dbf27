// What showed an entity before. A display runs a tick or two behind the newest frame, so that a change is known before
// it is displayed: the state before it shows the entity until the tick at which the new one begins to hold, and in the
// last tick before that the gap between the two is crossed evenly. A change that comes late, when the display has
// passed that tick, is corrected from where the display is, evenly and within a tenth of a second. A gap is measured
// from what is displayed to what is right at the same tick, with all that is left of earlier ones: so they do not add
// up.
#ifndef TRAMLINE_CLIENT_VIEW_HISTORY_H
#define TRAMLINE_CLIENT_VIEW_HISTORY_H

#include "client/view.h"

enum { TL_VIEW_FORMERS_PER_S = 2 }; // former states are kept for half a second

// A copy of what shows an entity now, not linked yet. NULL: there is no space.
tl_view_former *tl_view_make_former(tl_view *v, int32_t entity);
void tl_view_free_former(tl_view *v, tl_view_former *f); // one that was not linked
void tl_view_link_former(tl_view *v, tl_view_former *f);
// Of an entity that goes; and those that no display looks back to.
void tl_view_drop_formers(tl_view *v, int32_t entity);
void tl_view_forget_formers(tl_view *v, int64_t before_tick);

// What shows an entity at a time, with what corrections do to it then.
typedef struct tl_view_moment {
    tl_view_source source;
    tl_vec3 offset_m, turn_rad; // added to its place, and to its rotation, in the frame of its carrier
    tl_vec3 offset_rate_m;      // by which the offset changes in a tick
    bool corrected;             // some of these are not zero
    bool turning;               // the turn changes as well
    double until_tick;          // the source stays, and the offset changes evenly, until then
} tl_view_moment;
// `smooth`: for display. Without it there are no corrections.
void tl_view_moment_at(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *out);
// A display shows this tick.
void tl_view_note_shown(tl_view *v, double tick);

#endif
