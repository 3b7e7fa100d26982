// SPDX-License-Identifier: MIT
#include "difference.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

#include "buffer.hpp"
#include "zipnn/difference.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace zipnn::bindings {
namespace {

/// Keeps the buffers that the encoder looks at.
class PyDifferenceEncoder {
  public:
    PyDifferenceEncoder(nb::handle data, nb::handle base, const std::string& family, const std::string& level,
                        unsigned threads)
        : data_(data), base_(base) {
        const nb::gil_scoped_release release;
        encoder_ = std::make_unique<DifferenceEncoder>(data_.bytes(), base_.bytes(), family_of(family),
                                                       level_of(level), threads);
    }

    double ratio() const { return encoder_->ratio(); }

    /// None if the frame would be larger than one that stores the data.
    nb::object frame(const std::string& dtype, const std::vector<std::uint64_t>& shape, std::uint8_t kind,
                     std::uint8_t flags, std::uint64_t align) const {
        const Description description{dtype, shape, kind, flags, {}};
        const std::uint64_t room = stored_size(data_.bytes().size(), description, align);
        std::optional<std::uint64_t> size;
        nb::object frame = make_bytes(room, [&](std::uint8_t* out) {
            const nb::gil_scoped_release release;
            size = encoder_->frame(description, align, {out, room});
            return size.value_or(0);
        });
        return size ? frame : nb::none();
    }

  private:
    Buffer data_, base_;
    std::unique_ptr<DifferenceEncoder> encoder_;
};

}  // namespace

void bind_difference(nb::module_& m) {
    nb::class_<PyDifferenceEncoder>(m, "DifferenceEncoder")
        .def(nb::init<nb::handle, nb::handle, const std::string&, const std::string&, unsigned>(), "data"_a,
             "base"_a, "family"_a, "level"_a, "threads"_a = 0)
        .def_prop_ro("ratio", &PyDifferenceEncoder::ratio)
        .def("frame", &PyDifferenceEncoder::frame, "dtype"_a, "shape"_a, "kind"_a, "flags"_a, "align"_a);
    m.def(
        "decode_difference",
        [](const Head& head, nb::handle payload, nb::handle base, std::size_t first, std::size_t count,
           nb::handle out, unsigned threads, bool base_known) {
            const Buffer source(payload), old(base);
            const Buffer target(out, Buffer::writable);
            const nb::gil_scoped_release release;
            decode_difference(head, source.bytes(), old.bytes(), first, count, target.mutable_bytes(),
                              threads, base_known);
        },
        "head"_a, "payload"_a, "base"_a, "first"_a, "count"_a, "out"_a, "threads"_a = 0,
        "base_known"_a = false);
}

}  // namespace zipnn::bindings
