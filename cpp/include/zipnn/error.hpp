// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

namespace zipnn {

/// The input is not of the kind that is needed.
struct FormatError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The input is of the right kind, but damaged.
struct CorruptError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The base is not the one that a difference was made to.
struct BaseMismatchError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The input needs a newer reader.
struct UnsupportedVersionError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace zipnn
