// SPDX-License-Identifier: MIT
#include "legacy.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <deque>

#include "buffer.hpp"
#include "zipnn/legacy.hpp"

namespace nb = nanobind;
using namespace nb::literals;
namespace legacy = zipnn::legacy;
using legacy::Chunks;
using legacy::Frame;

namespace zipnn::bindings {
namespace {

const Chunks& chunks_of(const Frame& frame) {
    if (const auto* chunks = std::get_if<Chunks>(&frame.body)) return *chunks;
    throw std::invalid_argument("the frame has no chunks");
}

std::size_t chunk_count(const Frame& frame) {
    const auto* chunks = std::get_if<Chunks>(&frame.body);
    return chunks == nullptr ? 0 : chunks->count;
}

/// Offset and size in the frame of what each plane has of these chunks.
std::vector<std::pair<std::uint64_t, std::uint64_t>> extents(const Frame& frame, std::size_t first,
                                                             std::size_t count) {
    const Chunks& chunks = chunks_of(frame);
    if (count == 0 || first > chunks.count || count > chunks.count - first)
        throw nb::index_error("no such chunks");
    std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
    for (std::size_t plane = 0; plane < chunks.planes; ++plane) {
        const std::uint64_t begin = chunks.piece_begin(plane, first);
        found.emplace_back(chunks.begin[plane] + begin, chunks.piece_end(plane, first + count - 1) - begin);
    }
    return found;
}

nb::object optional_shape(const Frame& frame) {
    if (!frame.shape) return nb::none();
    nb::list list;
    for (const std::uint64_t extent : *frame.shape) list.append(extent);
    return nb::tuple(list);
}

void bind_frame(nb::module_& m) {
    nb::class_<Frame>(m, "LegacyFrame")
        .def_prop_ro("version",
                     [](const Frame& frame) {
                         return nb::make_tuple(frame.version[0], frame.version[1], frame.version[2]);
                     })
        .def_ro("method", &Frame::method)
        .def_prop_ro("input", [](const Frame& frame) { return static_cast<int>(frame.input); })
        .def_ro("dtype", &Frame::dtype)
        .def_prop_ro("shape", &optional_shape)
        .def_ro("delta", &Frame::delta)
        .def_ro("streaming", &Frame::streaming)
        .def_ro("frame_size", &Frame::frame_size)
        .def_prop_ro("data_size",
                     [](const Frame& frame) -> nb::object {
                         const auto size = frame.data_size();
                         return size ? nb::object(nb::int_(*size)) : nb::none();
                     })
        .def_prop_ro("chunked", [](const Frame& frame) { return std::holds_alternative<Chunks>(frame.body); })
        .def_prop_ro("chunk_count", &chunk_count)
        .def_prop_ro("chunk_bytes", [](const Frame& frame) { return chunks_of(frame).chunk_bytes; })
        .def("extents", &extents, "first"_a, "count"_a);
}

void decode_chunks(const Frame& frame, const nb::list& pieces, std::size_t first, std::size_t count,
                   nb::handle out, unsigned threads) {
    std::deque<Buffer> buffers;
    std::vector<std::span<const std::uint8_t>> sources;
    for (const nb::handle piece : pieces) sources.push_back(buffers.emplace_back(piece).bytes());
    const Buffer target(out, Buffer::writable);
    const nb::gil_scoped_release release;
    legacy::decode_chunks(chunks_of(frame), first, count, sources, target.mutable_bytes(), threads);
}

/// Of undefined content, if none is given: it is not cleared, which would take as long as decoding.
nb::object make_bytearray(const void* content, std::size_t size) {
    PyObject* made =
        PyByteArray_FromStringAndSize(static_cast<const char*>(content), static_cast<Py_ssize_t>(size));
    if (made == nullptr) throw nb::python_error();
    return nb::steal(made);
}

nb::object decode_parts(const Frame& frame, nb::handle bytes, unsigned threads) {
    const Buffer source(bytes);
    std::vector<std::uint8_t> data;
    {
        const nb::gil_scoped_release release;
        data = legacy::decode_parts(frame, source.bytes(), threads);
    }
    return make_bytearray(data.data(), data.size());
}

}  // namespace

void bind_legacy(nb::module_& m) {
    bind_frame(m);
    m.def("legacy_is", [](nb::handle head) { return legacy::is_legacy(Buffer(head).bytes()); }, "head"_a);
    m.def(
        "legacy_parse",
        [](nb::handle prefix, std::uint64_t available) -> nb::object {
            const Buffer bytes(prefix);
            auto parsed = [&] {
                const nb::gil_scoped_release release;
                return legacy::parse(bytes.bytes(), available);
            }();
            if (const auto* need = std::get_if<std::uint64_t>(&parsed)) return nb::int_(*need);
            return nb::cast(std::get<Frame>(std::move(parsed)));
        },
        "prefix"_a, "available"_a);
    m.def("legacy_decode_chunks", &decode_chunks, "frame"_a, "pieces"_a, "first"_a, "count"_a, "out"_a,
          "threads"_a = 0);
    m.def("legacy_room", [](std::size_t size) { return make_bytearray(nullptr, size); }, "size"_a);
    m.def("legacy_decode_parts", &decode_parts, "frame"_a, "data"_a, "threads"_a = 0);
    m.def(
        "legacy_undo_move",
        [](nb::handle data, const std::string& dtype) {
            const Buffer target(data, Buffer::writable);
            const nb::gil_scoped_release release;
            const auto move = dtype == "BF16"  ? legacy::Move::halves
                              : dtype == "F32" ? legacy::Move::words
                                               : legacy::Move::none;
            legacy::undo_move(move, target.mutable_bytes());
        },
        "data"_a, "dtype"_a);
}

}  // namespace zipnn::bindings
