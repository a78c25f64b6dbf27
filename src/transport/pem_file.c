#include "transport/pem_file.h"
#include "base/memory.h"

#include "base/base.h"
#include "base/os/file.h"
#include "transport/fail.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static tl_result write_error(int error, const char *file, char *text, size_t text_bytes)
{
    switch (error) {
    case EEXIST:
        return fail(TL_ERR_EXISTS, text, text_bytes, "'%s' exists already; move it away or choose another name", file);
    case ENOENT:
    case ENOTDIR: return fail(TL_ERR_NOT_FOUND, text, text_bytes, "the folder of '%s' does not exist; make it", file);
    case EACCES:
    case EPERM:
    case EROFS:
        return fail(TL_ERR_READ_ONLY, text, text_bytes, "'%s' cannot be written (%s); check the folder's permissions",
                    file, strerror(error));
    case ENOSPC: return fail(TL_ERR_NO_SPACE, text, text_bytes, "no space is left for '%s'; free some", file);
    default: return fail(TL_ERR_IO, text, text_bytes, "'%s' cannot be written (%s)", file, strerror(error));
    }
}

static tl_result read_error(int error, const char *file, char *text, size_t text_bytes)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return fail(TL_ERR_NOT_FOUND, text, text_bytes, "there is no file '%s'; check the path", file);
    case EACCES:
    case EPERM: return fail(TL_ERR_DENIED, text, text_bytes, "'%s' may not be read; check its permissions", file);
    default: return fail(TL_ERR_IO, text, text_bytes, "'%s' cannot be read (%s)", file, strerror(error));
    }
}

tl_result tl_pem_file_create(const char *file, pem_content content, char *text, size_t text_bytes)
{
    TL_ASSERT(!content.private_key + !content.public_key + !content.certificate == 2); // exactly one is set
    BIO *memory = BIO_new(BIO_s_secmem());                                             // wiped when freed
    int written = 0;
    if (memory && content.private_key) {
        written = PEM_write_bio_PKCS8PrivateKey(memory, content.private_key, NULL, NULL, 0, NULL, NULL);
    } else if (memory && content.public_key) {
        written = PEM_write_bio_PUBKEY(memory, content.public_key);
    } else if (memory) {
        written = PEM_write_bio_X509(memory, content.certificate);
    }
    char *data = NULL;
    long size = memory ? BIO_get_mem_data(memory, &data) : 0;
    tl_result result;
    if (written && size > 0) {
        bool made = tl_os_file_write_new(file, content.private_key != NULL, data, (size_t)size);
        result = made ? TL_OK : write_error(errno, file, text, text_bytes);
    } else {
        result = fail(TL_ERR_MEMORY, text, text_bytes, "out of memory while '%s' was made", file);
    }
    BIO_free(memory);
    return result;
}

// The whole file as a BIO, within a limit.
static tl_result file_read(const char *file, BIO **out, char *text, size_t text_bytes)
{
    char *data = tl_alloc(PEM_FILE_BYTES_MAX);
    ptrdiff_t size = data ? tl_os_file_read(file, data, PEM_FILE_BYTES_MAX) : -1;
    int error = data ? errno : ENOMEM;
    TL_ASSERT(size <= PEM_FILE_BYTES_MAX);
    BIO *memory = size >= 0 ? BIO_new(BIO_s_secmem()) : NULL;
    if (memory && size > 0 && BIO_write(memory, data, (int)size) != size) {
        BIO_free(memory);
        memory = NULL;
        error = ENOMEM;
    }
    if (data) {
        OPENSSL_cleanse(data, PEM_FILE_BYTES_MAX);
    }
    tl_free(data);
    *out = memory;
    return memory ? TL_OK : read_error(error, file, text, text_bytes);
}

tl_result tl_pem_file_readable(const char *file, char *text, size_t text_bytes)
{
    BIO *memory;
    tl_result result = file_read(file, &memory, text, text_bytes);
    if (result == TL_OK) {
        BIO_free(memory);
    }
    return result;
}

// Without this, OpenSSL would ask for a pass phrase on the terminal.
static int no_pass_phrase(char *buffer, int bytes, int writing, void *context)
{
    return 0;
}

tl_result tl_pem_file_private_key(const char *file, EVP_PKEY **out, char *text, size_t text_bytes)
{
    BIO *memory;
    tl_result result = file_read(file, &memory, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    *out = PEM_read_bio_PrivateKey(memory, NULL, no_pass_phrase, NULL);
    BIO_free(memory);
    ERR_clear_error();
    if (*out) {
        return TL_OK;
    }
    return fail(TL_ERR_MALFORMED, text, text_bytes,
                "'%s' is no private key in PEM without a pass phrase; make a new one", file);
}

tl_result tl_pem_file_public_key(const char *file, EVP_PKEY **out, char *text, size_t text_bytes)
{
    BIO *memory;
    tl_result result = file_read(file, &memory, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    *out = PEM_read_bio_PUBKEY(memory, NULL, no_pass_phrase, NULL);
    BIO_free(memory);
    ERR_clear_error();
    if (*out) {
        return TL_OK;
    }
    return fail(TL_ERR_MALFORMED, text, text_bytes, "'%s' is no public key in PEM", file);
}
