// SPDX-License-Identifier: MIT
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "blocks.hpp"
#include "buffer.hpp"
#include "deflate.hpp"
#include "difference.hpp"
#include "lanes.hpp"
#include "legacy.hpp"
#include "zipnn/checksum.hpp"
#include "zipnn/error.hpp"
#include "zipnn/frame.hpp"
#include "zipnn/kernels.hpp"
#include "zipnn/pool.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using zipnn::bindings::Buffer;
using zipnn::bindings::make_bytes;

namespace {

/// Raises zipnn.errors.NAME; the classes live in Python.
void raise_as(const char* name, const std::exception& error) {
    const nb::object type = nb::module_::import_("zipnn.errors").attr(name);
    PyErr_SetString(type.ptr(), error.what());
}

void translate(const std::exception_ptr& pointer, void* /*unused*/) {
    try {
        std::rethrow_exception(pointer);
    } catch (const zipnn::CorruptError& error) {
        raise_as("CorruptError", error);
    } catch (const zipnn::FormatError& error) {
        raise_as("FormatError", error);
    } catch (const zipnn::BaseMismatchError& error) {
        raise_as("BaseMismatchError", error);
    } catch (const zipnn::UnsupportedVersionError& error) {
        raise_as("UnsupportedVersionError", error);
    }
}

nb::tuple shape_tuple(const std::vector<std::uint64_t>& shape) {
    nb::list list;
    for (const std::uint64_t extent : shape) list.append(extent);
    return nb::tuple(list);
}

zipnn::Description describe(const std::string& dtype, const std::vector<std::uint64_t>& shape,
                            std::uint8_t kind, std::uint8_t flags, nb::handle attachment) {
    const Buffer attached(attachment);
    const auto bytes = attached.bytes();
    return {dtype, shape, kind, flags, {bytes.begin(), bytes.end()}};
}

/// The payloads of a window as a bytes object. Most are smaller than the window; where escapes make them
/// larger, more room is tried.
nb::object encode_window(zipnn::Encoder& encoder, std::span<const std::uint8_t> window) {
    bool fits = false;
    nb::object payloads;
    for (std::uint64_t capacity = window.size() + 4096; !fits; capacity *= 2) {
        payloads = make_bytes(capacity, [&](std::uint8_t* out) -> std::uint64_t {
            const nb::gil_scoped_release release;
            std::uint64_t used = 0;
            fits = encoder.encode(window, [&](std::size_t size) -> std::uint8_t* {
                if (size > capacity - used) return nullptr;
                used += size;
                return out + used - size;
            });
            return used;
        });
    }
    return payloads;
}

void bind_head(nb::module_& m) {
    using zipnn::Head;
    nb::class_<Head>(m, "Head")
        .def_ro("layout", &Head::layout)
        .def_prop_ro("kind", [](const Head& head) { return head.description.kind; })
        .def_prop_ro("flags", [](const Head& head) { return head.description.flags; })
        .def_ro("head_size", &Head::head_size)
        .def_ro("frame_size", &Head::frame_size)
        .def_ro("data_size", &Head::data_size)
        .def_prop_ro("dtype", [](const Head& head) { return head.description.dtype; })
        .def_prop_ro("shape", [](const Head& head) { return shape_tuple(head.description.shape); })
        .def_ro("chunk_bytes", &Head::chunk_bytes)
        .def_prop_ro("chunk_count", &Head::chunk_count)
        .def_prop_ro("attachment",
                     [](const Head& head) {
                         const auto& attached = head.description.attachment;
                         return nb::bytes(attached.data(), attached.size());
                     })
        .def_prop_ro("reference",
                     [](const Head& head) -> nb::object {
                         if (!head.reference) return nb::none();
                         return nb::str(head.reference->data(), head.reference->size());
                     })
        .def_prop_ro("base_hash",
                     [](const Head& head) -> nb::object {
                         if (!head.difference) return nb::none();
                         return nb::int_(head.difference->base_hash);
                     })
        .def_prop_ro("codec", &zipnn::codec_name)
        .def("chunk_extent",
             [](const Head& head, std::size_t index) {
                 if (index >= head.chunk_count()) throw nb::index_error("no such chunk");
                 return std::pair{head.offsets[index], head.offsets[index + 1] - head.offsets[index]};
             })
        .def("checksum", [](const Head& head, std::size_t index) {
            if (index >= head.chunk_count()) throw nb::index_error("no such chunk");
            return head.checksums[index];
        });
}

void bind_decoding(nb::module_& m) {
    m.def(
        "head_size", [](nb::handle prefix) { return zipnn::head_size(Buffer(prefix).bytes()); }, "prefix"_a);
    m.def(
        "parse_head",
        [](nb::handle head, std::uint64_t available) {
            const Buffer bytes(head);
            const nb::gil_scoped_release release;
            return zipnn::parse_head(bytes.bytes(), available);
        },
        "head"_a, "available"_a);
    m.def(
        "check_padding",
        [](const zipnn::Head& head, nb::handle tail) { zipnn::check_padding(head, Buffer(tail).bytes()); },
        "head"_a, "tail"_a);
    m.def(
        "decode_chunks",
        [](const zipnn::Head& head, nb::handle payload, std::size_t first, std::size_t count, nb::handle out,
           unsigned threads) {
            const Buffer source(payload);
            const Buffer target(out, Buffer::writable);
            const nb::gil_scoped_release release;
            zipnn::decode_chunks(head, source.bytes(), first, count, target.mutable_bytes(), threads);
        },
        "head"_a, "payload"_a, "first"_a, "count"_a, "out"_a, "threads"_a = 0);
    m.def(
        "decode_frame",
        [](nb::handle frame, nb::handle out, unsigned threads) {
            const Buffer source(frame);
            const Buffer target(out, Buffer::writable);
            const nb::gil_scoped_release release;
            const auto bytes = source.bytes();
            zipnn::Head head = zipnn::parse_head(bytes, bytes.size());
            if (head.frame_size != bytes.size()) throw zipnn::CorruptError("stray bytes after the frame");
            const auto end = static_cast<std::size_t>(head.offsets.back());
            zipnn::check_padding(head, bytes.subspan(end));
            zipnn::decode_chunks(head, bytes.subspan(head.head_size, end - head.head_size), 0,
                                 head.chunk_count(), target.mutable_bytes(), threads);
            return head;
        },
        "frame"_a, "out"_a, "threads"_a = 0);
}

void bind_encoding(nb::module_& m) {
    using zipnn::Encoder;
    nb::class_<Encoder>(m, "Encoder")
        .def(
            "__init__",
            [](Encoder* self, const std::string& family, std::uint64_t data_size, const std::string& level,
               unsigned threads, const std::vector<std::uint64_t>& shape) {
                new (self)
                    Encoder(zipnn::family_of(family), data_size, zipnn::level_of(level), threads, shape);
            },
            "family"_a, "data_size"_a, "level"_a, "threads"_a = 0, "shape"_a = std::vector<std::uint64_t>())
        .def_prop_ro("chunk_bytes", &Encoder::chunk_bytes)
        .def("sample_ranges", &Encoder::sample_ranges)
        .def(
            "train",
            [](Encoder& self, nb::handle sample) {
                const Buffer bytes(sample);
                const nb::gil_scoped_release release;
                return self.train(bytes.bytes());
            },
            "sample"_a)
        .def("set_stored", &Encoder::set_stored)
        .def("set_zstd", &Encoder::set_external, "chunk_log2"_a)
        .def(
            "encode",
            [](Encoder& self, nb::handle window) {
                const Buffer bytes(window);
                return encode_window(self, bytes.bytes());
            },
            "window"_a)
        .def(
            "encode_zstd",
            [](Encoder& self, nb::handle payload, nb::handle original) {
                self.note_external(Buffer(payload).bytes().size(), Buffer(original).bytes());
            },
            "payload"_a, "original"_a)
        .def("payload_size", &Encoder::payload_size)
        .def(
            "head_size",
            [](const Encoder& self, const std::string& dtype, const std::vector<std::uint64_t>& shape,
               std::size_t attachment) { return self.head_size(dtype.size(), shape, attachment); },
            "dtype"_a, "shape"_a, "attachment"_a = 0)
        .def(
            "head",
            [](const Encoder& self, const std::string& dtype, const std::vector<std::uint64_t>& shape,
               std::uint8_t kind, std::uint8_t flags, nb::handle attachment, std::uint64_t frame_size) {
                const auto head = self.head(describe(dtype, shape, kind, flags, attachment), frame_size);
                return nb::bytes(head.data(), head.size());
            },
            "dtype"_a, "shape"_a, "kind"_a, "flags"_a, "attachment"_a, "frame_size"_a);

    m.def(
        "reference_head",
        [](const std::string& dtype, const std::vector<std::uint64_t>& shape, std::uint64_t data_size,
           const std::string& target) {
            const auto frame = zipnn::reference_frame(dtype, shape, data_size, target);
            return nb::bytes(frame.data(), frame.size());
        },
        "dtype"_a, "shape"_a, "data_size"_a, "target"_a);
    m.def(
        "compress",
        [](nb::handle data, const std::string& family, const std::string& dtype,
           const std::vector<std::uint64_t>& shape, std::uint8_t kind, std::uint8_t flags,
           const std::string& level, nb::handle attachment, std::uint64_t align, unsigned threads) {
            const Buffer bytes(data);
            const auto description = describe(dtype, shape, kind, flags, attachment);
            const auto room = zipnn::stored_size(bytes.bytes().size(), description, align);
            return make_bytes(room, [&](std::uint8_t* out) {
                const nb::gil_scoped_release release;
                return zipnn::compress(bytes.bytes(), zipnn::family_of(family), description,
                                       zipnn::level_of(level), align, threads, {out, room});
            });
        },
        "data"_a, "family"_a, "dtype"_a, "shape"_a, "kind"_a, "flags"_a, "level"_a, "attachment"_a, "align"_a,
        "threads"_a = 0);
    m.def(
        "estimate",
        [](nb::handle data, const std::string& family, const std::string& level,
           const std::vector<std::uint64_t>& shape) {
            const Buffer buffer(data);
            const auto bytes = buffer.bytes();
            Encoder encoder(zipnn::family_of(family), bytes.size(), zipnn::level_of(level), 1, shape);
            std::vector<std::uint8_t> sample;
            for (const auto& [offset, size] : encoder.sample_ranges()) {
                const auto part = bytes.subspan(offset, size);
                sample.insert(sample.end(), part.begin(), part.end());
            }
            return encoder.train(sample);
        },
        "data"_a, "family"_a, "level"_a, "shape"_a = std::vector<std::uint64_t>());
    m.def(
        "order0",
        [](nb::handle data, const std::string& family) {
            const Buffer bytes(data);
            const nb::gil_scoped_release release;
            return zipnn::order0(bytes.bytes(), zipnn::family_of(family));
        },
        "data"_a, "family"_a);
    m.def(
        "repeated_share",
        [](nb::handle data) {
            const Buffer bytes(data);
            const nb::gil_scoped_release release;
            return zipnn::repeated_share(bytes.bytes());
        },
        "data"_a);
}

}  // namespace

NB_MODULE(_core, m) {
    nb::register_exception_translator(translate);
    bind_head(m);
    bind_decoding(m);
    bind_encoding(m);
    zipnn::bindings::bind_difference(m);
    zipnn::bindings::bind_legacy(m);
    zipnn::bindings::bind_blocks(m);
    zipnn::bindings::bind_deflate(m);
    zipnn::bindings::bind_lanes(m);
    m.def(
        "xxh3_64",
        [](nb::handle data, std::uint64_t seed) {
            const Buffer bytes(data);
            const nb::gil_scoped_release release;
            return zipnn::xxh3_64(bytes.bytes(), seed);
        },
        "data"_a, "seed"_a = 0);
    m.def("default_threads", &zipnn::default_threads);
    m.def("simd", [] { return zipnn::kernels_name(); });
}
