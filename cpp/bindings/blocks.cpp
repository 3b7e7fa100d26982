// SPDX-License-Identifier: MIT
#include "blocks.hpp"

#include <nanobind/stl/string.h>

#include <deque>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "zipnn/blocks.hpp"

namespace nb = nanobind;
using namespace nb::literals;
namespace blocks = zipnn::blocks;

namespace zipnn::bindings {
namespace {

/// (name, elements, size, ((dtype, size), ...)) of each type.
nb::list block_types() {
    const auto text = [](std::string_view view) { return nb::str(view.data(), view.size()); };
    nb::list found;
    for (const blocks::Type& type : blocks::types()) {
        nb::list fields;
        for (const blocks::Field& field : type.fields)
            fields.append(nb::make_tuple(text(field.dtype), field.size));
        found.append(nb::make_tuple(text(type.name), type.elements, type.size, nb::tuple(fields)));
    }
    return found;
}

void split(nb::handle data, const std::string& name, const nb::list& fields) {
    const Buffer source(data);
    std::deque<Buffer> buffers;
    std::vector<std::span<std::uint8_t>> targets;
    for (const nb::handle field : fields)
        targets.push_back(buffers.emplace_back(field, Buffer::writable).mutable_bytes());
    const nb::gil_scoped_release release;
    blocks::split(blocks::type_of(name), source.bytes(), targets);
}

void take(nb::handle data, const std::string& name, std::size_t field, nb::handle out) {
    const Buffer source(data);
    const Buffer target(out, Buffer::writable);
    const nb::gil_scoped_release release;
    blocks::take(blocks::type_of(name), field, source.bytes(), target.mutable_bytes());
}

void join(const nb::list& fields, const std::string& name, nb::handle out) {
    std::deque<Buffer> buffers;
    std::vector<std::span<const std::uint8_t>> sources;
    for (const nb::handle field : fields) sources.push_back(buffers.emplace_back(field).bytes());
    const Buffer target(out, Buffer::writable);
    const nb::gil_scoped_release release;
    blocks::join(blocks::type_of(name), sources, target.mutable_bytes());
}

}  // namespace

void bind_blocks(nb::module_& m) {
    m.def("block_types", &block_types);
    m.def("split_blocks", &split, "data"_a, "name"_a, "fields"_a);
    m.def("take_field", &take, "data"_a, "name"_a, "field"_a, "out"_a);
    m.def("join_blocks", &join, "fields"_a, "name"_a, "out"_a);
}

}  // namespace zipnn::bindings
