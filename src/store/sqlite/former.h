// A store of format 1, as the first release left it behind: opened for reading only, so that a copy of it can be made.
#ifndef TRAMLINE_STORE_SQLITE_FORMER_H
#define TRAMLINE_STORE_SQLITE_FORMER_H

#include "store/sqlite/file.h"

// An attachment that can only be joined without a name. It reads within poll(), has no events after LOADED, and nobody
// may run on the store meanwhile. TL_ERR_VERSION: it is of another format.
tl_result tl_sqlite_former_open(const char *directory, tl_store **out, tl_fault *fault);

#endif
