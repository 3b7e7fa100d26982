// SPDX-License-Identifier: MIT

namespace zipnn::ZIPNN_TARGET::x86 {

/// A table of 256 bytes as sixteen shuffles.
///
/// A shuffle gives 0 for negative indices and looks at the lower four bits of others. So an index that goes
/// down by 16 a step meets parts 0, 1, ... until it is negative; each part holds its difference from the one
/// before, and all that was met makes up the last one.
template <typename V>
class ShuffleTable {
  public:
    using Value = typename V::Value;

    explicit ShuffleTable(const std::uint8_t* table) {
        for (std::size_t i = 0; i < parts; ++i) {
            const Value part = V::repeat(table + 16 * i);
            steps_[i] = i % (parts / 2) == 0 ? part : V::differ(part, V::repeat(table + 16 * (i - 1)));
        }
    }

    Value look_up(Value index) const {
        const Value low = half(index, 0);
        if (V::template bits<7>(index) == 0) return low;  // ranks are seldom above 127
        return V::either(low, half(V::differ(index, V::set8(0x80)), parts / 2));
    }

  private:
    static constexpr std::size_t parts = 16;

    Value half(Value index, std::size_t first) const {
        Value found = V::shuffle(steps_[first], index);
        for (std::size_t i = 1; i < parts / 2; ++i) {
            index = V::saturated_sub8(index, V::set8(16));
            found = V::differ(found, V::shuffle(steps_[first + i], index));
        }
        return found;
    }

    Value steps_[parts];
};

}  // namespace zipnn::ZIPNN_TARGET::x86
