// SPDX-License-Identifier: MIT
#include "deflate.hpp"

#include <mutex>
#include <vector>

#include "buffer.hpp"
#include "zipnn/deflate.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace zipnn::bindings {
namespace {

/// One thread at a time, and the others wait without the GIL.
class LockedDeflater {
  public:
    LockedDeflater(int level, int mem_level) : deflater_(level, mem_level) {}

    nb::bytes run(std::span<const std::uint8_t> input, bool last) {
        std::vector<std::uint8_t> made;
        {
            const nb::gil_scoped_release release;
            const std::lock_guard lock(mutex_);
            deflater_.deflate(input, last, [&](std::span<const std::uint8_t> part) {
                made.insert(made.end(), part.begin(), part.end());
            });
        }
        return nb::bytes(made.data(), made.size());
    }

  private:
    std::mutex mutex_;
    Deflater deflater_;
};

}  // namespace

void bind_deflate(nb::module_& m) {
    nb::class_<LockedDeflater>(m, "Deflater")
        .def(nb::init<int, int>(), "level"_a, "mem_level"_a)
        .def(
            "compress",
            [](LockedDeflater& self, nb::handle data) {
                const Buffer input(data);
                return self.run(input.bytes(), false);
            },
            "data"_a)
        .def("finish", [](LockedDeflater& self) { return self.run({}, true); });
}

}  // namespace zipnn::bindings
