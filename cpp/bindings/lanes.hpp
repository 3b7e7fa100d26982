// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

namespace zipnn::bindings {

void bind_lanes(nanobind::module_& m);

}  // namespace zipnn::bindings
