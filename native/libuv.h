/*
 * The handful of libuv functions that the addon calls, declared here so that building it needs no libuv headers.
 * libuv keeps its ABI stable within major version 1 (its README, "Versioning": semantic versioning, ABI compatible from
 * 1.0.0 on), and every Node release since 0.12 carries version 1. Handles stay opaque: their size is asked for at run
 * time. Node's executable, or the shared libuv that a distribution links it with, exports these symbols.
 */
#ifndef TAPSTACK_LIBUV_H
#define TAPSTACK_LIBUV_H

#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_prepare_s uv_prepare_t;
typedef struct uv_check_s uv_check_t;
typedef struct uv_timer_s uv_timer_t;

/* enum uv_handle_type is passed as an int; only these members are needed. The module checks the numbers when it loads. */
#define UV_CHECK 2
#define UV_POLL 8
#define UV_PREPARE 9
#define UV_TIMER 13

/* enum uv_poll_event */
#define UV_READABLE 1
#define UV_WRITABLE 2

typedef void (*uv_poll_cb)(uv_poll_t *handle, int status, int events);
typedef void (*uv_close_cb)(uv_handle_t *handle);

extern size_t uv_handle_size(int type);
extern const char *uv_handle_type_name(int type);
extern void *uv_handle_get_data(const uv_handle_t *handle);
extern void uv_handle_set_data(uv_handle_t *handle, void *data);
extern void uv_ref(uv_handle_t *handle);
extern void uv_unref(uv_handle_t *handle);
extern void uv_close(uv_handle_t *handle, uv_close_cb callback);

extern int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *handle);
extern int uv_prepare_start(uv_prepare_t *handle, void (*callback)(uv_prepare_t *handle));
extern int uv_check_init(uv_loop_t *loop, uv_check_t *handle);
extern int uv_check_start(uv_check_t *handle, void (*callback)(uv_check_t *handle));

extern int uv_timer_init(uv_loop_t *loop, uv_timer_t *handle);
extern int uv_timer_start(uv_timer_t *handle, void (*callback)(uv_timer_t *handle), uint64_t timeout, uint64_t repeat);
extern int uv_timer_stop(uv_timer_t *handle);

extern int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback);
extern int uv_poll_stop(uv_poll_t *handle);

#endif
