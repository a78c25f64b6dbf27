// Whether an engine of compatibility_minimum has all that the extension asks of it: what api.h names, with its hashes,
// against a list of what that engine is known to have, in both directions.
//
//   tramline_needs LIST tramline.gdextension
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 160 };

static const char *const needs[] = {
#define NEED(member, name, result, parameters) "function " name,
    GD_FUNCTIONS(NEED)
#undef NEED
#define NEED(member, class, name, hash) "method " class "." name " " #hash,
        GD_METHODS(NEED)
#undef NEED
#define NEED(member, type, type_name, name, hash) "method " type_name "." name " " #hash,
            GD_BUILTINS(NEED)
#undef NEED
#define NEED(member, class) "class " class,
                GD_CLASS_TAGS(NEED)
#undef NEED
};
enum { NEED_COUNT = sizeof needs / sizeof *needs };

// As Godot 4.4 has them, in both precisions.
_Static_assert(sizeof(gd_string) == 8 && sizeof(gd_string_name) == 8 && sizeof(gd_node_path) == 8 &&
                   sizeof(gd_dictionary) == 8 && sizeof(gd_array) == 8,
               "sizes");
_Static_assert(sizeof(gd_callable) == 16 && sizeof(gd_packed) == 16, "sizes");
_Static_assert(sizeof(gd_vector3) == 3 * sizeof(gd_real) && sizeof(gd_quaternion) == 4 * sizeof(gd_real) &&
                   sizeof(gd_transform3d) == 12 * sizeof(gd_real),
               "sizes");

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    return file;
}

// Marks each need that the list has. Returns the number of lines that are not needed.
static int mark(const char *path, bool known[NEED_COUNT])
{
    FILE *file = open_file(path);
    char line[LINE_BYTES];
    int faults = 0;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        bool needed = !line[0] || line[0] == '#';
        for (int i = 0; i < NEED_COUNT; i++) {
            bool same = strcmp(needs[i], line) == 0;
            known[i] |= same;
            needed |= same;
        }
        if (!needed) {
            printf("this is no longer needed, remove it: %s\n", line);
            faults++;
        }
    }
    fclose(file);
    return faults;
}

static bool says_minimum(const char *path)
{
    FILE *file = open_file(path);
    char line[LINE_BYTES];
    bool says = false;
    while (fgets(line, sizeof line, file)) {
        says |= strcmp(line, "compatibility_minimum = \"4.4\"\n") == 0;
    }
    fclose(file);
    return says;
}

int main(int argc, char **argv)
{
    bool known[NEED_COUNT] = {false};
    if (argc != 3) {
        return 2;
    }
    int faults = mark(argv[1], known);
    for (int i = 0; i < NEED_COUNT; i++) {
        if (!known[i]) {
            printf("it is not known that Godot 4.4 has this: %s\n", needs[i]);
            faults++;
        }
    }
    if (!says_minimum(argv[2])) {
        printf("%s does not say that Godot 4.4 is the least\n", argv[2]);
        faults++;
    }
    printf("%d needs, %d faults\n", NEED_COUNT, faults);
    return faults != 0;
}
