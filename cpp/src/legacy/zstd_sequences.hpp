// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <vector>

#include "legacy/fse.hpp"

namespace zipnn::legacy {

/// What the sequences of a Zstandard block share with those of the blocks before it.
class ZstdSequences {
  public:
    /// Reads a block's sequences and carries them out: the literals and the matches between them go to `out`,
    /// which grows by at most `limit` bytes.
    void decode(Cursor& cursor, Bytes literals, std::size_t limit, std::vector<std::uint8_t>& out);

  private:
    struct Table {
        FseTable fse;
        bool set = false;
    };
    struct Sequence {
        std::uint64_t literals, match, offset;
    };

    void read_tables(Cursor& cursor);
    std::uint64_t resolve(std::uint64_t code, bool no_literals);

    std::array<Table, 3> tables_;  // literal lengths, offsets, match lengths
    std::array<std::uint64_t, 3> recent_ = {1, 4, 8};
};

}  // namespace zipnn::legacy
