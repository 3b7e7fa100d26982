// SPDX-License-Identifier: MIT
#include "zipnn/blocks.hpp"

#include <stdexcept>

#include "check.hpp"

using namespace zipnn;

namespace {

using Data = std::vector<std::uint8_t>;

Data noise(std::size_t size, check::Random& random) {
    Data data(size);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(random.next() >> 40);
    return data;
}

struct Fields {
    Fields(const blocks::Type& type, std::size_t count) {
        for (const auto& field : type.fields) data.emplace_back(count * field.size);
    }
    std::vector<std::span<std::uint8_t>> writable() { return {data.begin(), data.end()}; }
    std::vector<std::span<const std::uint8_t>> readable() const { return {data.begin(), data.end()}; }

    std::vector<Data> data;
};

}  // namespace

TEST(blocks_of_every_type_come_back) {
    check::Random random(7);
    for (const auto& type : blocks::types())
        for (const std::size_t count : {0, 1, 5, 600}) {
            const Data original = noise(count * type.size, random);
            Fields fields(type, count);
            blocks::split(type, original, fields.writable());
            for (std::size_t i = 0; i < type.fields.size(); ++i) {
                Data alone(fields.data[i].size());
                blocks::take(type, i, original, alone);
                CHECK(alone == fields.data[i]);
            }
            Data restored(original.size(), 0xaa);
            blocks::join(type, fields.readable(), restored);
            CHECK(restored == original);
        }
}

TEST(sizes_of_blocks_and_fields_are_checked) {
    const auto& type = blocks::type_of("Q4_1");
    Fields fields(type, 2);
    Data data(2 * type.size);
    CHECK_THROWS(std::invalid_argument, blocks::type_of("Q4_9"));
    CHECK_THROWS(std::invalid_argument, blocks::split(type, Data(2 * type.size + 1), fields.writable()));
    CHECK_THROWS(std::invalid_argument, blocks::split(type, Data(type.size), fields.writable()));
    CHECK_THROWS(std::invalid_argument, blocks::take(type, 3, data, fields.data[0]));
    CHECK_THROWS(std::invalid_argument, blocks::take(type, 2, data, fields.data[0]));
    fields.data.pop_back();
    CHECK_THROWS(std::invalid_argument, blocks::join(type, fields.readable(), data));
}
