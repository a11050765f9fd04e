/*
 * Hooks at the event loop's turns: before it waits for something to happen, and after. libuv runs prepare handles right before
 * polling and check handles right after (its documentation, "The I/O loop").
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>

struct iteration {
  napi_env env;
  napi_ref enter, leave;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  uv_prepare_t *prepare;
  uv_check_t *check;
  int open_handles;
};

static void call(struct iteration *iteration, napi_ref which) {
  napi_env env = iteration->env;
  napi_handle_scope scope;
  napi_value function, receiver, error;
  if (napi_open_handle_scope(env, &scope) != napi_ok)
    return;
  if (napi_get_reference_value(env, which, &function) == napi_ok && napi_get_global(env, &receiver) == napi_ok &&
      napi_make_callback(env, iteration->context, receiver, function, 0, NULL, NULL) != napi_ok) {
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static void on_prepare(uv_prepare_t *handle) {
  struct iteration *iteration = uv_handle_get_data((uv_handle_t *)handle);
  call(iteration, iteration->enter);
}

static void on_check(uv_check_t *handle) {
  struct iteration *iteration = uv_handle_get_data((uv_handle_t *)handle);
  call(iteration, iteration->leave);
}

static void on_closed(uv_handle_t *handle) {
  struct iteration *iteration = uv_handle_get_data(handle);
  free(handle);
  if (--iteration->open_handles > 0)
    return;
  napi_delete_reference(iteration->env, iteration->enter);
  napi_delete_reference(iteration->env, iteration->leave);
  napi_async_destroy(iteration->env, iteration->context);
  napi_remove_async_cleanup_hook(iteration->cleanup);
  free(iteration);
}

static void on_environment_exit(napi_async_cleanup_hook_handle cleanup, void *data) {
  (void)cleanup; /* on_closed removes it. */
  struct iteration *iteration = data;
  uv_close((uv_handle_t *)iteration->prepare, on_closed);
  uv_close((uv_handle_t *)iteration->check, on_closed);
}

int iteration_watch(napi_env env, napi_value enter, napi_value leave) {
  uv_loop_t *loop = NULL;
  napi_value name;
  struct iteration *iteration = calloc(1, sizeof(*iteration));
  uv_prepare_t *prepare = calloc(1, uv_handle_size(UV_PREPARE));
  uv_check_t *check = calloc(1, uv_handle_size(UV_CHECK));
  if (iteration == NULL || prepare == NULL || check == NULL || napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_create_string_utf8(env, "tapstack.Iteration", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &iteration->context) != napi_ok ||
      napi_create_reference(env, enter, 1, &iteration->enter) != napi_ok ||
      napi_create_reference(env, leave, 1, &iteration->leave) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_exit, iteration, &iteration->cleanup) != napi_ok) {
    free(iteration);
    free(prepare);
    free(check);
    return -ENOMEM;
  }
  iteration->env = env;
  iteration->prepare = prepare;
  iteration->check = check;
  iteration->open_handles = 2;
  uv_prepare_init(loop, prepare);
  uv_check_init(loop, check);
  uv_handle_set_data((uv_handle_t *)prepare, iteration);
  uv_handle_set_data((uv_handle_t *)check, iteration);
  uv_prepare_start(prepare, on_prepare);
  uv_check_start(check, on_check);
  /* They watch, and keep nothing running. */
  uv_unref((uv_handle_t *)prepare);
  uv_unref((uv_handle_t *)check);
  return 0;
}
