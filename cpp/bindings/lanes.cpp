// SPDX-License-Identifier: MIT
#include "lanes.hpp"

#include <cstdint>
#include <stdexcept>

#include "buffer.hpp"
#include "zipnn/lanes.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace zipnn::bindings {

void bind_lanes(nb::module_& m) {
    m.def(
        "count_lanes",
        [](nb::handle data, std::size_t first, std::size_t step, std::size_t size, nb::handle counts) {
            const Buffer source(data);
            const Buffer target(counts, Buffer::writable);
            const nb::gil_scoped_release release;
            const auto bytes = target.mutable_bytes();
            if (bytes.size() % sizeof(std::uint16_t) != 0 ||
                reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint16_t) != 0)
                throw std::invalid_argument("counts are not 16-bit integers");
            count_lanes(source.bytes(), first, step, size,
                        {reinterpret_cast<std::uint16_t*>(bytes.data()), bytes.size() / 2});
        },
        "data"_a, "first"_a, "step"_a, "size"_a, "counts"_a);
}

}  // namespace zipnn::bindings
