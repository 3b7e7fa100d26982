// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "check.hpp"
#include "simd/kernels.hpp"

using namespace zipnn;

// Every set of kernels that this processor can run gives the bytes of the plain C++ ones.

namespace {

std::vector<std::uint8_t> noise(std::size_t size, check::Random& random) {
    std::vector<std::uint8_t> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next() >> 40);
    return bytes;
}

/// Noise, extremes, and noise between extremes.
std::vector<std::vector<std::uint8_t>> any_bytes(std::size_t size, check::Random& random) {
    const std::vector<std::uint8_t> ends = {0x00, 0x01, 0x7f, 0x80, 0xff};
    auto mixed = noise(size, random);
    for (auto& byte : mixed)
        if (random.below(3) != 0) byte = ends[random.below(ends.size())];
    return {noise(size, random), mixed, std::vector<std::uint8_t>(size, 0x00),
            std::vector<std::uint8_t>(size, 0xff)};
}

/// `size` bytes that no vector is aligned to, and none behind them.
class Unaligned {
  public:
    explicit Unaligned(std::size_t size) : bytes_(size + 1) {}
    explicit Unaligned(const std::vector<std::uint8_t>& bytes) : Unaligned(bytes.size()) {
        std::ranges::copy(bytes, data());
    }
    std::uint8_t* data() { return bytes_.data() + 1; }
    const std::uint8_t* data() const { return bytes_.data() + 1; }
    bool operator==(const Unaligned&) const = default;

  private:
    std::vector<std::uint8_t> bytes_;
};

/// Symbols of which a few are common, around `centre`.
std::vector<std::uint8_t> skewed(std::size_t size, std::uint8_t centre, std::size_t spread,
                                 check::Random& random) {
    std::vector<std::uint8_t> symbols(size);
    for (auto& symbol : symbols)
        symbol = random.below(40) == 0
                     ? 0
                     : static_cast<std::uint8_t>(centre + random.below(1 + random.below(spread)));
    return symbols;
}

Histogram counts_of(const std::vector<std::uint8_t>& symbols) {
    Histogram counts{};
    for (const auto symbol : symbols) ++counts[symbol];
    return counts;
}

const std::size_t sizes[] = {1, 31, 32, 33, 63, 64, 127, 128, 129, 1000, 4000, 4095, 4096};

/// Every rest that a step of a kernel can leave, and some more steps.
std::vector<std::size_t> all_sizes() {
    std::vector<std::size_t> all;
    for (std::size_t n = 0; n <= 260; ++n) all.push_back(n);
    all.insert(all.end(), {1000, 4095, 4096});
    return all;
}

template <typename Run>
void for_each_other(Run run) {
    for (const Kernels* kernels : available_kernels().subspan(1)) run(*kernels);
}

}  // namespace

namespace {

struct Planes {
    Planes(std::size_t count, std::size_t n) : bytes(count, Unaligned(n)) {
        for (std::size_t p = 0; p < count; ++p) sources[p] = targets[p] = bytes[p].data();
    }
    std::vector<Unaligned> bytes;
    std::array<std::uint8_t*, max_planes> targets{};
    std::array<const std::uint8_t*, max_planes> sources{};
};

void check_fields(const Kernels& kernels, LayoutId layout, std::uint16_t base, std::size_t n,
                  const Unaligned& elements) {
    const Layout& properties = layout_of(layout);
    Planes one(properties.planes, n), other(properties.planes, n);
    const bool outside = scalar_kernels.split(layout, base, elements.data(), n, one.targets.data());
    CHECK(kernels.split(layout, base, elements.data(), n, other.targets.data()) == outside);
    CHECK(one.bytes == other.bytes);
    Unaligned merged(n * properties.width), expected = merged;
    kernels.merge(layout, base, one.sources.data(), n, merged.data());
    scalar_kernels.merge(layout, base, one.sources.data(), n, expected.data());
    CHECK(merged == expected && (outside || merged == elements));
}

}  // namespace

TEST(kernels_agree_on_fields) {
    check::Random random(21);
    for_each_other([&](const Kernels& kernels) {
        for (std::uint8_t id = 1; id < layout_count; ++id) {
            const auto layout = static_cast<LayoutId>(id);
            const Layout& properties = layout_of(layout);
            if (properties.planes == 0) continue;
            for (const std::size_t n : all_sizes()) {
                const auto any_base = static_cast<std::uint16_t>(random.below(properties.base_limit + 1U));
                for (const auto& elements : any_bytes(n * properties.width, random))
                    for (const std::uint16_t base : {std::uint16_t{0}, any_base, properties.base_limit})
                        check_fields(kernels, layout, base, n, Unaligned(elements));
            }
        }
    });
}

TEST(kernels_see_the_edges_of_a_window) {
    for (const Kernels* kernels : available_kernels())
        for (const LayoutId layout : {LayoutId::bfloat16w, LayoutId::float32w}) {
            const Layout& properties = layout_of(layout);
            for (const unsigned base : {0U, 100U, unsigned{properties.base_limit}})
                for (unsigned exponent = 0; exponent < 256; ++exponent)
                    for (const std::size_t at : {0UL, 15UL, 63UL, 130UL}) {
                        // All zeros but one, so that nothing else is outside.
                        const std::size_t n = 131;
                        std::vector<std::uint8_t> elements(n * properties.width);
                        store_le(elements.data() + (at + 1) * properties.width - 2,
                                 static_cast<std::uint16_t>(0x8000U | exponent << 7 | exponent % 128));
                        std::array<std::array<std::uint8_t, n>, max_planes> bytes;
                        std::array<std::uint8_t*, max_planes> planes;
                        for (std::size_t p = 0; p < max_planes; ++p) planes[p] = bytes[p].data();
                        const bool outside = exponent != 0 && (exponent <= base || exponent > base + 31);
                        CHECK(kernels->split(layout, static_cast<std::uint16_t>(base), elements.data(), n,
                                             planes.data()) == outside);
                    }
        }
}

TEST(kernels_agree_on_packing) {
    check::Random random(22);
    for_each_other([&](const Kernels& kernels) {
        for (const std::size_t n : all_sizes()) {
            for (unsigned bits = 1; bits <= 5; ++bits) {
                for (const auto& any : any_bytes(n, random)) {
                    const Unaligned values(any);
                    const std::size_t size = packed_size(bits, n);
                    Unaligned one(size), other(size), one_back(n), other_back(n);
                    scalar_kernels.pack(bits, values.data(), n, one.data());
                    kernels.pack(bits, values.data(), n, other.data());
                    CHECK(one == other);
                    scalar_kernels.unpack(bits, one.data(), n, one_back.data());
                    kernels.unpack(bits, one.data(), n, other_back.data());
                    CHECK(one_back == other_back);
                }
            }
        }
    });
}

TEST(kernels_agree_on_ranks) {
    check::Random random(25);
    for_each_other([&](const Kernels& kernels) {
        for (const std::size_t n : all_sizes()) {
            for (unsigned bits = 1; bits <= max_extra_bits; ++bits) {
                const auto centre = static_cast<std::uint8_t>(random.next() >> 33);
                const Ranking ranking = ranking_for(counts_of(skewed(3000, centre, 90, random)), bits);
                const Unaligned symbols(random.below(2) == 0 ? noise(n, random)
                                                             : skewed(n, centre, 90, random));
                for (const unsigned shift : {0U, 8 - bits}) {
                    Unaligned one_extra(noise(n, random)), other_extra = one_extra;
                    Unaligned one(n), other(n), back(n);
                    scalar_kernels.rank(ranking, shift, symbols.data(), n, one.data(), one_extra.data());
                    kernels.rank(ranking, shift, symbols.data(), n, other.data(), other_extra.data());
                    CHECK(one == other && one_extra == other_extra);
                    kernels.unrank(ranking, shift, one.data(), one_extra.data(), n, back.data());
                    CHECK(back == symbols);
                }
            }
        }
    });
}

TEST(kernels_agree_on_merging_ranks) {
    check::Random random(26);
    for_each_other([&](const Kernels& kernels) {
        for (unsigned id = 0; id < layout_count; ++id) {
            const auto layout = static_cast<LayoutId>(id);
            const Layout& properties = layout_of(layout);
            if (properties.planes == 0) continue;
            for (const std::size_t n : sizes) {
                const unsigned bits = properties.windowed()
                                          ? properties.spare_bits
                                          : 1 + static_cast<unsigned>(random.below(max_extra_bits));
                const Ranking ranking = ranking_for(counts_of(skewed(3000, 100, 90, random)), bits);
                const auto base = static_cast<std::uint16_t>(random.below(properties.base_limit + 1U));
                const auto packed = noise(packed_size(bits, n), random);
                const std::uint8_t* extra = properties.windowed() ? nullptr : packed.data();
                for (const bool paired : {false, true}) {
                    std::array<std::vector<std::uint8_t>, max_planes> bytes;
                    std::array<const std::uint8_t*, max_planes> planes{};
                    for (std::size_t p = 0; p < properties.planes; ++p) {
                        bytes[p] = noise(n, random);
                        planes[p] = bytes[p].data();
                    }
                    const auto groups = static_cast<std::uint8_t>(paired ? std::min(16U, ranking.groups())
                                                                         : ranking.groups());
                    if (paired)
                        for (auto& pair : bytes[0])
                            pair =
                                static_cast<std::uint8_t>((pair & 15) % groups | (pair >> 4) % groups << 4);
                    else
                        for (auto& group : bytes[0]) group %= groups;
                    std::vector<std::uint8_t> one(n * properties.width), other = one;
                    scalar_kernels.merge_ranked(layout, base, ranking, paired, extra, planes.data(), n,
                                                one.data());
                    kernels.merge_ranked(layout, base, ranking, paired, extra, planes.data(), n,
                                         other.data());
                    CHECK(one == other);
                }
            }
        }
    });
}

TEST(kernels_agree_on_checksums) {
    check::Random random(23);
    for_each_other([&](const Kernels& kernels) {
        const auto data = noise(64 * 40, random), secret = noise(64 + 8 * 40, random);
        for (std::size_t stripes = 0; stripes <= 40; ++stripes) {
            std::array<std::uint64_t, 8> one = {1, 2, 3, 4, 5, 6, 7, 8}, other = one;
            scalar_kernels.xxh3_accumulate(one.data(), data.data(), secret.data(), stripes);
            kernels.xxh3_accumulate(other.data(), data.data(), secret.data(), stripes);
            CHECK(one == other);
        }
        for (const std::size_t blocks : {0UL, 1UL, 2UL}) {
            std::array<std::uint64_t, 8> one = {1, 2, 3, 4, 5, 6, 7, 8}, other = one;
            scalar_kernels.xxh3_blocks(one.data(), data.data(), secret.data(), blocks);
            kernels.xxh3_blocks(other.data(), data.data(), secret.data(), blocks);
            CHECK(one == other);
        }
    });
}

TEST(kernels_agree_on_codes) {
    check::Random random(24);
    for_each_other([&](const Kernels& kernels) {
        for (int round = 0; round < 200; ++round) {
            // Windows near 0, near 255 (where they wrap) and in between, narrow and wide; a table from other
            // symbols than those that are coded, so that some are unseen.
            const auto centre = static_cast<std::uint8_t>(random.next() >> 33);
            const std::size_t spread = 2 + random.below(60);
            const auto learned = skewed(2000, centre, spread, random);
            for (const std::size_t n : sizes) {
                const auto symbols = skewed(n, centre, spread + random.below(3), random);
                std::vector<std::uint8_t> one(2 * n + 16 + slack), other = one, back(n + slack);
                const auto same_payload = [&](std::size_t one_size, std::size_t other_size) {
                    return one_size == other_size &&
                           std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(one_size),
                                      other.begin());
                };
                UnseenMap one_unseen{}, other_unseen{};

                const LayeredTable layered = layered_table(counts_of(learned));
                const std::size_t size =
                    scalar_kernels.layered_encode(layered, symbols.data(), n, one.data(), one_unseen);
                CHECK(same_payload(
                    size, kernels.layered_encode(layered, symbols.data(), n, other.data(), other_unseen)));
                CHECK(one_unseen == other_unseen);
                std::vector<std::uint8_t> scalar_back(n + slack);
                CHECK(scalar_kernels.layered_decode(layered, {one.data(), size, scalar_back.data(), n}));
                CHECK(kernels.layered_decode(layered, {one.data(), size, back.data(), n}));
                CHECK(std::equal(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(n),
                                 scalar_back.begin()));

                const CodeLengths lengths = huffman_lengths(counts_of(learned), max_code_bits);
                HuffmanEncodeTable encode;
                HuffmanDecodeTable decode;
                build_encode_table(lengths, encode);
                build_decode_table(lengths, decode);
                const std::size_t coded =
                    scalar_kernels.huffman_encode(encode, symbols.data(), n, one.data(), one_unseen);
                CHECK(same_payload(
                    coded, kernels.huffman_encode(encode, symbols.data(), n, other.data(), other_unseen)));
                CHECK(one_unseen == other_unseen);
                Ahead ahead{};
                const TileIn scalar_tile{one.data(), coded, scalar_back.data(), n};
                const TileIn tile{one.data(), coded, back.data(), n};
                CHECK(scalar_kernels.huffman_decode(decode, &scalar_tile, 1, ahead));
                CHECK(kernels.huffman_decode(decode, &tile, 1, ahead));
                CHECK(std::equal(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(n),
                                 scalar_back.begin()));
            }
        }
    });
}
