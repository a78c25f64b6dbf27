// Preloaded with the address sanitizer: Godot opens extensions with RTLD_DEEPBIND, which gives them the C library's
// malloc in place of the sanitizer's. Without that flag they get what everybody gets. And they stay when Godot closes
// them at its end, so that the leak sanitizer, which looks after that, can say what of theirs was left.
#include <dlfcn.h>
#include <stddef.h>

void *dlopen(const char *file, int mode);
void *dlopen(const char *file, int mode)
{
    static void *(*next)(const char *, int);
    if (!next) {
        next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    }
    return next ? next(file, (mode & ~RTLD_DEEPBIND) | RTLD_NODELETE) : NULL;
}
