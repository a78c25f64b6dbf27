// The classes' documentation (doc_classes/*.xml), for the editor's help. It is part of the library.
#ifndef GODOT_DOCS_H
#define GODOT_DOCS_H

void docs_load(void);

#endif
