// HandlePtr: what every libuv wrapper in this folder is built on.
//
// libuv wants a handle's memory until its close callback has run, which is later than the destructor of the
// C++ object. So the C handle lives on the heap and belongs to the loop from its init to that callback;
// `handle->data` points to the C++ owner, and is null as soon as the owner is gone. A trampoline reads `data`
// and does nothing when it is null. The owners are immovable, because `data` holds their address. Loop thread
// only.
#pragma once

#include <uv.h>

#include <memory>
#include <utility>

#include "model/check.h"

namespace extvold::daemon::uv {

template <typename C>
struct HandleCloser {
  void operator()(C* handle) const noexcept {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) noexcept {
      const std::unique_ptr<C> freed(reinterpret_cast<C*>(closed));
    });
  }
};

template <typename C>
using HandlePtr = std::unique_ptr<C, HandleCloser<C>>;

// `init` is called with the C handle and returns libuv's code. The init functions used here fail only on a
// bug (a bad descriptor, a descriptor watched twice): everything else they need was made when the loop was.
template <typename C, typename Init>
HandlePtr<C> make_handle(void* owner, Init&& init) {
  auto handle = std::make_unique<C>();
  EXTVOLD_CHECK(std::forward<Init>(init)(handle.get()) == 0);
  handle->data = owner;
  return HandlePtr<C>(handle.release());
}

template <typename C>
void unref(const HandlePtr<C>& handle) {
  uv_unref(reinterpret_cast<uv_handle_t*>(handle.get()));
}

}  // namespace extvold::daemon::uv
