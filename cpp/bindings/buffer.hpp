// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <span>

namespace zipnn::bindings {

/// Holds a C-contiguous buffer of a Python object as long as it lives. Needs the GIL to be made and
/// to end, not in between.
class Buffer {
  public:
    enum Access { readable = PyBUF_SIMPLE, writable = PyBUF_WRITABLE };

    explicit Buffer(nanobind::handle object, Access access = readable) {
        if (PyObject_GetBuffer(object.ptr(), &view_, access) != 0) throw nanobind::python_error();
    }
    ~Buffer() { PyBuffer_Release(&view_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    std::span<const std::uint8_t> bytes() const {
        return {static_cast<const std::uint8_t*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }
    std::span<std::uint8_t> mutable_bytes() const {
        return {static_cast<std::uint8_t*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

/// A new bytes object: `fill(pointer)` writes up to `capacity` bytes and returns how many.
template <typename Fill>
nanobind::object make_bytes(std::uint64_t capacity, Fill fill) {
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(capacity));
    if (bytes == nullptr) throw nanobind::python_error();
    nanobind::object owned = nanobind::steal(bytes);
    const std::uint64_t size = fill(reinterpret_cast<std::uint8_t*>(PyBytes_AsString(bytes)));
    bytes = owned.release().ptr();
    // Pages that were not written to were never there.
    if (size != capacity && _PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(size)) != 0)
        throw nanobind::python_error();
    return nanobind::steal(bytes);
}

}  // namespace zipnn::bindings
