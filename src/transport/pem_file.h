// Key and certificate files in PEM, written whole and never over an existing file.
#ifndef TRAMLINE_TRANSPORT_PEM_FILE_H
#define TRAMLINE_TRANSPORT_PEM_FILE_H

#include "tramline/types.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

enum { PEM_FILE_BYTES_MAX = 64 << 10 };

// Exactly one of the three is set. Private keys get mode 0600, the others 0644.
typedef struct pem_content {
    EVP_PKEY *private_key, *public_key;
    X509 *certificate;
} pem_content;

// TL_ERR_EXISTS, TL_ERR_READ_ONLY, TL_ERR_NO_SPACE, TL_ERR_NOT_FOUND (the folder), TL_ERR_IO. `text` may be NULL.
tl_result tl_pem_file_create(const char *file, pem_content content, char *text, size_t text_bytes);

// Reads the first object of its kind. The caller frees it. TL_ERR_NOT_FOUND, TL_ERR_DENIED (permissions), TL_ERR_IO,
// TL_ERR_MALFORMED. A key file that is locked by a pass phrase is malformed.
tl_result tl_pem_file_private_key(const char *file, EVP_PKEY **out, char *text, size_t text_bytes);
tl_result tl_pem_file_public_key(const char *file, EVP_PKEY **out, char *text, size_t text_bytes);

// TL_OK if the file can be opened for reading; else as above.
tl_result tl_pem_file_readable(const char *file, char *text, size_t text_bytes);

#endif
