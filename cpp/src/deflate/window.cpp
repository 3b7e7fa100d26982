// SPDX-License-Identifier: MIT
#include "deflate/window.hpp"

#include <bit>

namespace zipnn::deflate {
namespace {

/// How many bytes are equal, at least `max_match` if so many are. Reads up to 7 bytes more.
unsigned common(const std::uint8_t* a, const std::uint8_t* b) {
    unsigned size = 0;
    for (; size < max_match; size += 8) {
        const std::uint64_t differing = load_le<std::uint64_t>(a + size) ^ load_le<std::uint64_t>(b + size);
        if (differing != 0) return size + static_cast<unsigned>(std::countr_zero(differing)) / 8;
    }
    return size;
}

void slide_places(std::span<std::uint16_t> places) {
    for (auto& place : places)
        place = static_cast<std::uint16_t>(std::max<unsigned>(place, window_size) - window_size);
}

}  // namespace

Window::Window(unsigned hash_bits)
    : hash_shift_((hash_bits + min_match - 1) / min_match),
      hash_mask_((1U << hash_bits) - 1),
      heads_(std::size_t{1} << hash_bits) {}

Match Window::longest(unsigned candidate, unsigned known, const Effort& effort) const {
    Match best{known, 0};
    const unsigned most = std::min(max_match, ahead());
    if (known >= most) return best;
    const unsigned nice = std::min(effort.nice, most);
    const unsigned oldest = place_ > max_distance ? place_ - max_distance : 0;
    unsigned left = known >= effort.good ? effort.candidates / 4 : effort.candidates;
    const std::uint8_t* here = data_.data() + place_;
    const auto front = load_le<std::uint16_t>(here);
    auto back = load_le<std::uint16_t>(here + best.length - 1);
    do {
        const std::uint8_t* there = data_.data() + candidate;
        // A longer match has the same bytes at the end of the best one and behind.
        if (load_le<std::uint16_t>(there + best.length - 1) == back &&
            load_le<std::uint16_t>(there) == front) {
            const unsigned length = std::min(common(here, there), most);
            if (length > best.length) {
                best = {length, place_ - candidate};
                if (length >= nice) break;
                back = load_le<std::uint16_t>(here + length - 1);
            }
        }
        candidate = links_[candidate & link_mask];
    } while (candidate > oldest && --left != 0);
    return best;
}

std::optional<Bytes> Window::block() const {
    if (block_ < 0) return std::nullopt;
    const auto begin = static_cast<std::size_t>(block_);
    return Bytes(data_).subspan(begin, place_ - begin);
}

/// When things slide shows in the stream, so it must not depend on how the input was cut: nothing goes on
/// as long as a window could be fuller.
bool Window::refill(Bytes& input, bool last) {
    for (;;) {
        append(input);
        if (ahead() >= min_ahead) return true;
        if (end_ < capacity && !last) return false;
        if (place_ < window_size + max_distance) return ahead() != 0;
        slide();
    }
}

void Window::append(Bytes& input) {
    const std::size_t size = std::min<std::size_t>(input.size(), capacity - end_);
    std::copy_n(input.begin(), size, data_.begin() + end_);
    input = input.subspan(size);
    end_ += static_cast<unsigned>(size);
}

void Window::slide() {
    std::copy(data_.begin() + window_size, data_.begin() + end_, data_.begin());
    place_ -= window_size;
    end_ -= window_size;
    block_ -= window_size;
    slide_places(heads_);
    slide_places(links_);
}

}  // namespace zipnn::deflate
