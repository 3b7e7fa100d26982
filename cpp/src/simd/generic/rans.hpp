// SPDX-License-Identifier: MIT

/// rANS kernels in portable C++: 32 states in turn, so that what one waits for hides behind the others.
namespace zipnn::ZIPNN_TARGET {

/// The next symbol of one lane. Reads a word at `at`, and moves `at` behind it if it was needed.
inline std::uint8_t take_rans_symbol(const RansSlot* slots, std::uint32_t& lane, const std::uint8_t*& at) {
    const RansSlot slot = slots[lane & (rans_total - 1)];
    const std::uint32_t state = (slot >> 8 & (rans_total - 1)) * (lane >> rans_bits) + (slot >> 20);
    // Arithmetic instead of a condition, which no processor foresees: half of the states need a word.
    const std::uint32_t low = state < rans_floor ? 1 : 0;
    lane = state << (low * 16) | (load_le<std::uint16_t>(at) & (0U - low));
    at += 2 * low;
    return static_cast<std::uint8_t>(slot);
}

inline bool rans_decode(const RansSlot* slots, const std::uint8_t* contexts, std::size_t n, Bytes words,
                        RansState& state, std::uint8_t* target) {
    const std::uint8_t* at = words.data() + state.at;
    const std::uint8_t* end = words.data() + words.size();
    // A round takes at most a word a lane: it stays within the slack if it begins before the end.
    static_assert(2 * rans_lanes <= slack);
    std::array<std::uint32_t, rans_lanes> lanes = state.lanes;
    for (; n >= rans_lanes && at <= end; n -= rans_lanes, contexts += rans_lanes, target += rans_lanes) {
        for (std::size_t i = 0; i < rans_lanes; ++i)
            target[i] = take_rans_symbol(slots + (std::size_t{contexts[i]} << rans_bits), lanes[i], at);
        prefetch(at + 512);
    }
    if (at > end) return false;
    for (std::size_t i = 0; i < n; ++i)
        target[i] = take_rans_symbol(slots + (std::size_t{contexts[i]} << rans_bits), lanes[i], at);
    if (at > end) return false;
    state.lanes = lanes;
    state.at = static_cast<std::size_t>(at - words.data());
    return true;
}

inline bool rans_encode(const RansCode* codes, const std::uint8_t* contexts, const std::uint8_t* symbols,
                        std::size_t n, std::uint8_t* words, RansState& state) {
    std::array<std::uint32_t, rans_lanes> lanes = state.lanes;
    std::uint8_t* at = words + state.at;
    unsigned all = 0;
    const auto put = [&](std::size_t i) {
        const RansCode& code = codes[std::size_t{contexts[i]} << 8 | symbols[i]];
        std::uint32_t& lane = lanes[i % rans_lanes];
        store_le(at - 2, static_cast<std::uint16_t>(lane));
        const std::uint32_t high = lane >= std::uint32_t{code.frequency} << 20 ? 1 : 0;
        at -= 2 * high;
        const std::uint32_t x = lane >> (high * 16);
        const auto quotient = static_cast<std::uint32_t>(x * code.reciprocal >> rans_reciprocal_bits);
        lane = x + quotient * (rans_total - code.frequency) + (code.start & (rans_total - 1));
        all |= code.start;
    };
    while (n % rans_lanes != 0) put(--n);
    for (; n != 0; n -= rans_lanes)
        for (std::size_t i = 0; i < rans_lanes; ++i) put(n - 1 - i);
    state.lanes = lanes;
    state.at = static_cast<std::size_t>(at - words);
    return (all & rans_unseen) != 0;
}

}  // namespace zipnn::ZIPNN_TARGET
