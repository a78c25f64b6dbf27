// A guard around every way from the engine into the core: an assertion that fails there is a bug in Tramline, and stops
// one node instead of the whole engine.
//
// A failed assertion jumps (longjmp) to the innermost guard. This is safe because of two rules:
//
// - Whatever the engine calls enters through a guard: methods (call.c), notifications and the end of an object
//   (instance.c). Between a failed assertion and the innermost guard there are thus frames of Tramline alone, never one
//   of the engine, which may hold locks or be in the middle of a change. What those frames held (memory, a reference to
//   a value) leaks.
// - Where the core calls back and a script runs, the script's own calls have guards of their own, above the engine's
//   frames. If one of them fails, the core object is broken, but its step still waits further down the stack. So a
//   callback that has run scripts ends with gd_guard_leave_if_failed(), which jumps to the guard below that step: once
//   more across frames of Tramline alone.
//
// The broken object, and all that it used, is never touched again, not even destroyed.
//
// An assertion may also fail on a thread of a store. There is no guard there, and the process ends: the locks that such
// a thread holds would never be released.
#ifndef GODOT_GUARD_H
#define GODOT_GUARD_H

#include "tables.h"

// Calls `step(context)`, which works on the core object of `node`. False: an assertion failed in it. Then an error was
// printed, the node is marked as failed, its class's `fail` was called, and its `busy` is as it was before. If a
// callback left by gd_guard_leave_if_failed(), the inner guard has done all that.
bool gd_guard(void *node, void (*step)(void *context), void *context);
// At the end of a callback of the core that has run scripts, and before it calls the core again: does not return if the
// node has failed meanwhile.
void gd_guard_leave_if_failed(const void *node);
// What a failed assertion calls, see tl_assert_handler. It returns only on a thread without a guard; the process must
// end then.
void gd_guard_on_assert(void *user, const char *file, int line, const char *condition);

// An assertion of the extension's own.
#define GD_ASSERT(condition) ((condition) ? (void)0 : gd_guard_fail(__FILE__, __LINE__, #condition))
_Noreturn void gd_guard_fail(const char *file, int line, const char *condition);

#endif
