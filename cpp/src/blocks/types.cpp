// SPDX-License-Identifier: MIT
#include "blocks/parts.hpp"
#include "zipnn/blocks.hpp"

namespace zipnn::blocks {
namespace {

template <std::size_t Block, typename Part>
void take_all(const Byte* blocks, Byte* field, std::size_t count) {
    for (; count != 0; --count, blocks += Block, field += Part::size) Part::take(blocks, field);
}

template <std::size_t Block, typename Part>
void put_all(const Byte* field, Byte* blocks, std::size_t count) {
    for (; count != 0; --count, blocks += Block, field += Part::size) Part::put(field, blocks);
}

/// The fields of blocks of `Block` bytes.
template <std::size_t Block>
struct Of {
    template <typename Part>
    static constexpr Field field(std::string_view dtype = "U8") {
        return {dtype, Part::size, &take_all<Block, Part>, &put_all<Block, Part>};
    }
    template <std::size_t Offset, std::size_t Size>
    static constexpr Field bytes(std::string_view dtype = "U8") {
        return field<Plain<Offset, Size>>(dtype);
    }
    /// A 16-bit float. As two byte planes it takes less than as a float: the values are few.
    template <std::size_t Offset>
    static constexpr Field scale() {
        return field<Plain<Offset, 2>>("U16");
    }
};

constexpr Field q1_0[] = {Of<18>::scale<0>(), Of<18>::bytes<2, 16>()};
constexpr Field q4_0[] = {Of<18>::scale<0>(), Of<18>::bytes<2, 16>()};
constexpr Field q4_1[] = {Of<20>::scale<0>(), Of<20>::scale<2>(), Of<20>::bytes<4, 16>()};
constexpr Field q5_0[] = {Of<22>::scale<0>(), Of<22>::field<Values5<2, 6>>()};
constexpr Field q5_1[] = {Of<24>::scale<0>(), Of<24>::scale<2>(), Of<24>::field<Values5<4, 8>>()};
constexpr Field q8_0[] = {Of<34>::scale<0>(), Of<34>::bytes<2, 32>("I8")};

constexpr Field q2_k[] = {Of<84>::scale<80>(), Of<84>::scale<82>(), Of<84>::bytes<0, 16>(),
                          Of<84>::bytes<16, 64>()};
constexpr Field q3_k[] = {Of<110>::scale<108>(), Of<110>::field<Scales3K<96>>(),
                          Of<110>::field<Values3K<0, 32>>()};
constexpr Field q4_k[] = {Of<144>::scale<0>(), Of<144>::scale<2>(), Of<144>::field<Scales4K<4>>(),
                          Of<144>::bytes<16, 128>()};
constexpr Field q5_k[] = {Of<176>::scale<0>(), Of<176>::scale<2>(), Of<176>::field<Scales4K<4>>(),
                          Of<176>::field<Values5K<16, 48>>()};
constexpr Field q6_k[] = {Of<210>::scale<208>(), Of<210>::bytes<192, 16>("I8"),
                          Of<210>::field<Values6K<128, 0>>()};
constexpr Field q8_k[] = {Of<292>::bytes<0, 4>("F32"), Of<292>::bytes<4, 256>("I8"),
                          Of<292>::bytes<260, 32>("I16")};

constexpr Field iq1_s[] = {Of<50>::scale<0>(), Of<50>::bytes<2, 32>(), Of<50>::bytes<34, 16>("U16")};
constexpr Field iq1_m[] = {Of<56>::bytes<48, 8>("U16"), Of<56>::bytes<32, 16>(), Of<56>::bytes<0, 32>()};
constexpr Field iq2_xxs[] = {Of<66>::scale<0>(), Of<66>::field<Plain<2, 4, 8, 8>>(),
                             Of<66>::field<Plain<6, 4, 8, 8>>("U32")};
constexpr Field iq2_xs[] = {Of<74>::scale<0>(), Of<74>::bytes<66, 8>(), Of<74>::bytes<2, 64>("U16")};
constexpr Field iq2_s[] = {Of<82>::scale<0>(), Of<82>::bytes<74, 8>(), Of<82>::bytes<66, 8>(),
                           Of<82>::bytes<2, 32>(), Of<82>::bytes<34, 32>()};
constexpr Field iq3_xxs[] = {Of<98>::scale<0>(), Of<98>::bytes<2, 64>(), Of<98>::bytes<66, 32>("U32")};
constexpr Field iq3_s[] = {Of<110>::scale<0>(), Of<110>::bytes<106, 4>(), Of<110>::bytes<66, 8>(),
                           Of<110>::bytes<2, 64>(), Of<110>::bytes<74, 32>()};
constexpr Field iq4_nl[] = {Of<18>::scale<0>(), Of<18>::bytes<2, 16>()};
constexpr Field iq4_xs[] = {Of<136>::scale<0>(), Of<136>::field<Scales4XS<2, 4>>(), Of<136>::bytes<8, 128>()};

constexpr Field tq1_0[] = {Of<54>::scale<52>(), Of<54>::bytes<0, 52>()};
constexpr Field tq2_0[] = {Of<66>::scale<64>(), Of<66>::bytes<0, 64>()};
constexpr Field mxfp4[] = {Of<17>::bytes<0, 1>(), Of<17>::bytes<1, 16>()};
constexpr Field nvfp4[] = {Of<36>::bytes<0, 4>(), Of<36>::bytes<4, 32>()};

constexpr Type all[] = {
    {"Q1_0", 128, 18, q1_0},     {"Q4_0", 32, 18, q4_0},     {"Q4_1", 32, 20, q4_1},
    {"Q5_0", 32, 22, q5_0},      {"Q5_1", 32, 24, q5_1},     {"Q8_0", 32, 34, q8_0},
    {"Q2_K", 256, 84, q2_k},     {"Q3_K", 256, 110, q3_k},   {"Q4_K", 256, 144, q4_k},
    {"Q5_K", 256, 176, q5_k},    {"Q6_K", 256, 210, q6_k},   {"Q8_K", 256, 292, q8_k},
    {"IQ1_S", 256, 50, iq1_s},   {"IQ1_M", 256, 56, iq1_m},  {"IQ2_XXS", 256, 66, iq2_xxs},
    {"IQ2_XS", 256, 74, iq2_xs}, {"IQ2_S", 256, 82, iq2_s},  {"IQ3_XXS", 256, 98, iq3_xxs},
    {"IQ3_S", 256, 110, iq3_s},  {"IQ4_NL", 32, 18, iq4_nl}, {"IQ4_XS", 256, 136, iq4_xs},
    {"TQ1_0", 256, 54, tq1_0},   {"TQ2_0", 256, 66, tq2_0},  {"MXFP4", 32, 17, mxfp4},
    {"NVFP4", 64, 36, nvfp4},
};

}  // namespace

std::span<const Type> types() { return all; }

}  // namespace zipnn::blocks
